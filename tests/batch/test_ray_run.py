"""Runs on a real Ray cluster of two machines; an actor and then a machine are killed in the middle: every page arrives once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from batch_pages import draw_pdf, draw_tiff, drawn, results
from batch_standin import go

from inkline.batch.document import page_indices
from inkline.batch.ray_run import ray_cluster
from inkline.errors import EngineError
from inkline.options import ReadOptions

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def on_ray(log, formats, kills, source, out):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, HERE / "ray_program.py", log, formats, kills, source, out]
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, timeout=240)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"done"')]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(lines[-1])


@pytest.fixture
def many(tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    for i in range(12):
        drawn(i).save(source / f"p{i:02}.png")
    draw_tiff(source / "t.tif", 3)
    return source


@pytest.mark.slow
def test_workers_are_killed_and_every_page_arrives_once(many, tmp_path):
    log, out, local = tmp_path / "log", tmp_path / "out", tmp_path / "local"
    formats = "json,txt,parquet"
    go(log, [many], out, formats=formats.split(","))  # part of the work is done before, without Ray
    log.unlink()
    draw_pdf(many / "long.pdf", 40)
    for i in range(20, 36):
        drawn(i).save(many / f"p{i}.png")
    (many / "p00.png").touch()
    drawn(99).save(many / "p01.png")
    (many / "bad.png").write_bytes(b"no image")
    summary = on_ray(log, formats, "actor,node", many, out)
    assert (summary["done"], summary["failed"], summary["skipped"]) == (18, 1, 12)
    assert summary["pages"] == 57 and {"killed actor", "killed node"} <= set(log.read_text().splitlines())
    assert json.loads((out / "failures.jsonl").read_text())["name"] == "bad.png"

    go(tmp_path / "log2", [many], local, formats=["json", "txt"])
    expected = results(local)
    assert {name: content for name, content in results(out).items() if not name.endswith(".parquet")} == expected
    rows = [row for path in out.glob("lines-*.parquet") for row in pq.read_table(path).to_pylist()]
    places = [(row["document"], row["page"], row["line"]) for row in rows]
    assert len(places) == len(set(places)) == 57 * 2
    # The ledger is the same with and without Ray: only what failed is tried again.
    again = go(log, [many], out, formats=formats.split(","))
    assert (again.done, again.failed, again.skipped) == (0, 1, 30)


def test_the_pages_of_a_document_that_are_asked_for(tmp_path):
    draw_pdf(tmp_path / "a.pdf", 7)
    assert page_indices(tmp_path / "a.pdf", ReadOptions()) == list(range(7))
    assert page_indices(tmp_path / "a.pdf", ReadOptions(page_range="2-3,6-")) == [1, 2, 5, 6]
    (tmp_path / "bad.pdf").write_bytes(b"no")
    assert page_indices(tmp_path / "bad.pdf", ReadOptions()) == []


@pytest.mark.filterwarnings("ignore")
def test_no_cluster_is_a_clear_error():
    with pytest.raises(EngineError, match=r"no Ray cluster at '127.0.0.1:9'"), ray_cluster("127.0.0.1:9", 1):
        pass
