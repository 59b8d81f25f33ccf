"""A run that is killed at any moment goes on: nothing is lost, and nothing that was done is done again."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_pages import draw_pdf, draw_tiff, drawn, results

PROGRAM = Path(__file__).with_name("batch_standin.py")
ROOT = PROGRAM.parents[2]


def start(log, source, out, most=0):
    """The stand-in's program; it waits for ever when its log tells of `most` pages (0: reads all)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "READ_AT_MOST": str(most)}
    command = [sys.executable, PROGRAM, log, "json,txt", source, out]
    return subprocess.Popen(
        list(map(str, command)),
        env=environment,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs inherit it ignored
    )


def read_lines(log):
    return [line for line in log.read_text().splitlines() if line.startswith("read ")] if log.exists() else []


def settled(out):
    """`read <source> <page>` of what is done by the ledger, or waits with its results in place."""
    path = out / ".inkline/ledger.sqlite"
    done = set()
    if path.exists():
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as ledger:
            rows = ledger.execute("SELECT source, outputs FROM files WHERE state='done'").fetchall()
        for source, outputs in rows:
            pages = [Path(o).name.split("_")[1] for o in json.loads(outputs) if o.endswith("_res.json") and o.count("_") == 2]
            done |= {f"read {source} {page}" for page in pages or ["None"]}
    for file in (out / ".inkline/pages").glob("*.jsonl"):
        for line in file.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                page = json.loads(line)["page"]
                done.add(f"read {page['source']} {page['page_index']}")
    return done


KILLS = int(os.environ.get("INKLINE_KILLS", "10"))  # more find what is rare


@pytest.mark.slow
def test_killed_at_random_moments(tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    for i in range(40):
        drawn(i).save(source / f"p{i:02}.png")
    for i in range(10):
        draw_tiff(source / f"t{i}.tif", 6, 10 * i)
    draw_pdf(source / "long.pdf", 60)
    whole, out, log = tmp_path / "whole", tmp_path / "out", tmp_path / "log"
    assert start(tmp_path / "log0", source, whole).wait(timeout=120) == 0
    pages = len(read_lines(tmp_path / "log0"))
    assert pages == 160
    moments = random.Random(4)
    for kill in range(KILLS):
        before, known = len(read_lines(log)), settled(out)
        enough = before + moments.randrange(0, 5)
        process = start(log, source, out, most=enough + 2)  # however late the kill comes, something is left to do
        end = time.monotonic() + 60
        while len(read_lines(log)) < enough and time.monotonic() < end:
            time.sleep(0.005)
        if enough == before:  # while it starts
            time.sleep(moments.random() * 0.6)
        time.sleep(moments.random() * 0.03)
        assert process.poll() is None, "the run ended before it could be killed; give it more pages"
        if kill % 2:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()  # its workers notice by themselves
        process.wait()
        assert not known & {" ".join(line.split()[:3]) for line in read_lines(log)[before:]}
    before, known = len(read_lines(log)), settled(out)
    assert start(log, source, out).wait(timeout=120) == 0
    lines = [" ".join(line.split()[:3]) for line in read_lines(log)]
    assert not known & set(lines[before:])
    assert results(out) == results(whole)
    assert len(set(lines)) == pages
    assert len(lines) <= pages + KILLS * 2  # a kill costs at most the page at hand of each of the two workers
    assert not list((out / ".inkline/pages").iterdir()) and not (out / ".inkline/tmp").exists()


def test_a_stopped_run_lists_its_failures_and_leaves_no_process(tmp_path):
    source, log = tmp_path / "scans", tmp_path / "log"
    source.mkdir()
    (source / "a_bad.png").write_bytes(b"no image")
    draw_pdf(source / "b_hang.pdf", 3)
    process = start(log, source, tmp_path / "out")
    end = time.monotonic() + 60
    ledger = tmp_path / "out/.inkline/ledger.sqlite"
    while time.monotonic() < end:
        time.sleep(0.05)
        if ledger.exists() and log.exists():
            with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
                if (
                    db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
                    and (db.execute("SELECT count(*) FROM files WHERE state='failed'").fetchone()[0])
                ):
                    break
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(timeout=30) != 0
    assert json.loads((tmp_path / "out/failures.jsonl").read_text())["name"] == "a_bad.png"
    with pytest.raises(ProcessLookupError):
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.1)
