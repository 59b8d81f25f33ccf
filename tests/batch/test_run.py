"""Runs with a stand-in for the models: names, the ledger, failures, limits."""

import hashlib
import io
import json
import sqlite3
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from batch_pages import draw_pdf, draw_tiff, drawn, results
from batch_standin import go

from inkline.batch.ledger import Ledger
from inkline.batch.storage import Destination, check_destination
from inkline.batch.task import OPTIONS_WITHOUT_EFFECT, FileTask, Workspace, options_key
from inkline.errors import OutputError, UsageError
from inkline.flat import to_flat
from inkline.options import OcrOptions, ReadOptions

PAGES = {"a_res.json", "b_res.json", "inner/a_res.json", "inner/a.png_res.json"}
PAGES |= {f"three_{i}_res.json" for i in range(3)} | {f"four_{i}_res.json" for i in range(4)}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def reads(log):
    """(source, page) of every page that was read, in order."""
    rows = (line.split() for line in log.read_text().splitlines())
    return [(Path(row[1]).name, row[2]) for row in rows if row[0] == "read"]


def failures(out):
    path = out / "failures.jsonl"
    return {r["name"]: r for r in map(json.loads, path.read_text().splitlines())} if path.exists() else {}


def test_results_keep_folders_and_names(scans, out, log):
    summary = go(log, [scans], out)
    assert (summary.done, summary.pages, summary.failed, summary.skipped) == (6, 11, 0, 0)
    found = results(out)
    assert set(found) == PAGES | {f"{name}_res.txt" for name in ("a", "b", "inner/a", "inner/a.png", "three", "four")}
    assert found["four_res.txt"].decode().count("\f") == 3
    assert json.loads(found["inner/a.png_res.json"])["input_path"] == str(scans / "inner/a.png")
    assert not list((out / ".inkline/pages").iterdir())


def test_what_is_done_is_not_done_again(scans, out, log):
    go(log, [scans], out)
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*_res.*")}
    opened = log.read_text().count("opened")
    assert go(log, [scans], out).skipped == 6
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*_res.*")} == before
    assert len(reads(log)) == 11
    assert log.read_text().count("opened") == opened  # no model is opened where there is nothing to do


def test_only_what_changed_is_read_again(scans, out, log):
    go(log, [scans], out)
    drawn(77).save(scans / "a.png")
    (scans / "b.jpg").touch()  # the same content at another time
    (out / "inner/a_res.txt").unlink()  # a result that is gone
    draw_pdf(scans / "four.pdf", 2)  # two pages fewer
    drawn(78).save(scans / "new.png")
    log.write_text("")
    summary = go(log, [scans], out)
    assert (summary.done, summary.skipped) == (4, 3)
    again = {"a.bmp", "a.png", "four.pdf", "new.png"}
    assert {name for name, _ in reads(log)} <= again and ("new.png", "None") in reads(log)
    assert (out / "inner/a_res.txt").exists() and not (out / "four_3_res.json").exists()
    assert go(log, [scans], out).skipped == 7


def test_other_options_are_another_job(scans, out, log, capsys):
    go(log, [scans / "four.pdf"], out)
    assert "read again" not in capsys.readouterr().err
    summary = go(log, [scans / "four.pdf"], out, read_options=ReadOptions(page_range="2-3"))
    assert summary.pages == 2
    assert capsys.readouterr().err.count("files that were read before are read again, as --format") == 1
    assert go(log, [scans / "four.pdf"], out, read_options=ReadOptions(page_range="2-3", url_timeout=3.0)).skipped == 1


def test_a_ledger_of_the_version_before_an_option_was_renamed_is_resumed():
    values = {**to_flat(OcrOptions()), "formats": ["json", "txt"]}
    for name in ("engine", "device", "cpu_threads", *OPTIONS_WITHOUT_EFFECT):
        del values[name]
    values["text_rec_squeeze"] = values.pop("text_rec_width_scale")
    old = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]
    assert options_key(OcrOptions(), ("txt", "json")) == old


def test_lists_globs_and_several_sources_keep_the_whole_path(scans, out, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("list.txt").write_text(f"scans/a.png\n\n{scans}/b.jpg\nscans/a.png\n")
    assert go(log, ["@list.txt"], "listed", formats=["txt"]).done == 2
    absolute = "/".join(scans.parts[1:])
    assert set(results(Path("listed"))) == {"scans/a_res.txt", f"{absolute}/b_res.txt"}
    go(log, ["scans/*/a.*"], "globbed", formats=["txt"])
    assert set(results(Path("globbed"))) == {"inner/a_res.txt", "inner/a.png_res.txt"}
    go(log, ["scans/a.png", "scans/inner"], "several", formats=["txt"])
    assert set(results(Path("several"))) == {f"scans/{n}_res.txt" for n in ("a", "inner/a", "inner/a.png")}
    with pytest.raises(UsageError, match=r"missing\.txt: this list cannot be read"):
        go(log, ["@missing.txt"], "none")


@pytest.mark.parametrize("ending", ["zip", "tar", "tar.gz", "tar.xz"])
def test_archives(scans, out, log, tmp_path, ending):
    path = tmp_path / f"box.{ending}"
    if ending == "zip":
        with zipfile.ZipFile(path, "w") as box:
            for file in sorted(scans.rglob("*.*")):
                box.write(file, file.relative_to(scans))
            box.writestr("../../up.png", (scans / "a.png").read_bytes())
            with pytest.warns(UserWarning, match="Duplicate name"):
                box.write(scans / "inner/a.png", "a.png")
            box.writestr("notes.md", "no page")
            box.writestr("__MACOSX/a.png", "no page")
    else:
        with tarfile.open(path, f"w:{ending.partition('.')[2]}") as box:
            for file in sorted(scans.rglob("*.*")):
                box.add(file, file.relative_to(scans).as_posix())
            info = tarfile.TarInfo("../../up.png")
            info.size = (scans / "a.png").stat().st_size
            box.addfile(info, io.BytesIO((scans / "a.png").read_bytes()))
            box.add(scans / "inner/a.png", "a.png")
    summary = go(log, [path], out, formats=["json"])
    assert (summary.done, summary.failed) == (8, 0)
    assert set(results(out)) == PAGES | {"up_res.json", "a.png~2_res.json"}
    first, second = (json.loads((out / f"{name}_res.json").read_text()) for name in ("a", "a.png~2"))
    assert second["input_path"] == f"{path}/a.png~2" and first["rec_texts"] != second["rec_texts"]
    assert json.loads((out / "four_2_res.json").read_text())["input_path"] == f"{path}/four.pdf"
    assert go(log, [path], out, formats=["json"]).skipped == 8
    assert len(reads(log)) == 13


def test_archives_in_folders_and_bad_ones(scans, out, log):
    with zipfile.ZipFile(scans / "inner/box.zip", "w") as box:
        box.write(scans / "a.png", "deep/a.png")
    (scans / "broken.zip").write_bytes(b"PK\x03\x04 and nothing else")
    (scans / "broken.tar").write_bytes(b"\0" * 100 + b"no archive")
    locked = (scans / "inner/box.zip").read_bytes()
    flags = bytearray(locked)
    flags[6] |= 1
    at = flags.index(b"PK\x01\x02") + 8
    flags[at] |= 1
    (scans / "locked.zip").write_bytes(flags)
    summary = go(log, [scans], out, formats=["txt"])
    assert (summary.done, summary.failed) == (7, 3)
    assert "inner/box.zip/deep/a_res.txt" in results(out)
    errors = {name: row["error"] for name, row in failures(out).items()}
    assert set(errors) == {"broken.zip", "broken.tar", "locked.zip/deep/a.png"}
    assert "damaged or no archive" in errors["broken.zip"] and "encrypted" in errors["locked.zip/deep/a.png"]


def test_bad_files_are_listed_and_tried_again_by_the_next_run(scans, out, log):
    (scans / "bad.png").write_bytes(b"nothing of the kind")
    (scans / "empty.pdf").write_bytes(b"")
    draw_tiff(scans / "half.tif", 4)
    whole = (scans / "half.tif").read_bytes()
    (scans / "half.tif").write_bytes(whole[: len(whole) * 2 // 3])
    summary = go(log, [scans], out)
    assert summary.done == 6 and set(failures(out)) >= {"bad.png", "empty.pdf"}
    assert all(row["error"].startswith(row["source"]) for row in failures(out).values())
    drawn(5).save(scans / "bad.png")
    drawn(6).save(scans / "empty.pdf", "PDF")
    drawn(7).save(scans / "half.tif")
    summary = go(log, [scans], out)
    assert (summary.done, summary.skipped, summary.failed) == (3, 6, 0)
    assert not (out / "failures.jsonl").exists()


def test_an_error_that_passes_is_tried_again(tmp_path, out, log):
    drawn(1).save(tmp_path / "flaky.png")
    draw_tiff(tmp_path / "flaky.tif", 2)
    summary = go(log, [tmp_path / "flaky*"], out, formats=["txt"])
    assert (summary.done, summary.failed) == (2, 0)
    log.unlink()
    summary = go(log, [tmp_path / "flaky.png"], tmp_path / "out2", formats=["txt"], retries=0)
    assert summary.failed == 1 and failures(tmp_path / "out2")["flaky.png"]["attempts"] == 1


def test_a_file_that_kills_its_worker_costs_itself_alone(scans, out, log):
    drawn(1).save(scans / "crash.png")
    summary = go(log, [scans], out, retries=1)
    assert (summary.done, summary.failed) == (6, 1)
    row = failures(out)["crash.png"]
    assert row["attempts"] == 2 and "died (exit status 7)" in row["error"]
    assert log.read_text().count("crash crash.png") == 2


def test_a_file_that_never_ends_is_given_up(scans, out, log):
    drawn(1).save(scans / "hang.png")
    summary = go(log, [scans], out, time_limit=1.5)
    assert (summary.done, summary.failed) == (6, 1)
    assert "took longer than time_limit=1.5 seconds" in failures(out)["hang.png"]["error"]


def test_a_document_goes_on_with_the_page_it_was_at(tmp_path, out, log):
    draw_pdf(tmp_path / "crash.pdf", 6)
    go(log, [tmp_path / "crash.pdf"], out, retries=0)
    (tmp_path / "crash.pdf").rename(tmp_path / "long.pdf")
    log.write_text("")

    class Enough(Exception):
        pass

    from functools import partial

    from batch_standin import Standin

    from inkline.batch.document import read_file

    workspace = Workspace(Destination(str(out)), tmp_path / "tmp", tmp_path, ("json", "txt"), "key", ReadOptions())
    path = str(tmp_path / "long.pdf")
    task = FileTask("long.pdf", path, path, stem="long", content="content")

    def stop_at(last, pages):
        if pages == last:
            raise Enough

    for last in (2, 5):
        with pytest.raises(Enough):
            read_file(Standin(log), task, workspace, partial(stop_at, last))
    result = read_file(Standin(log), task, workspace, lambda pages: None)
    assert [page for _, page in reads(log)] == ["0", "1", "2", "3", "4", "5"]
    assert result.pages == 6 and len(result.outputs) == 7
    assert (out / "long_res.txt").read_text().count("\f") == 5


def test_two_runs_on_one_ledger(scans, out, log):
    state = Destination(str(out)).state_folder()
    with Ledger(state, "options"), pytest.raises(OutputError, match=r"another run \(process \d+\) uses this ledger"):
        go(log, [scans], out)
    assert go(log, [scans], out).done == 6


def test_a_damaged_ledger(scans, out, log):
    state = Destination(str(out)).state_folder()
    (state / "ledger.sqlite").write_bytes(b"not a data base at all, " * 100)
    with pytest.raises(OutputError, match=r"ledger\.sqlite: the ledger cannot be used .*move this file away"):
        go(log, [scans], out)
    (state / "ledger.sqlite").unlink()
    sqlite3.connect(state / "ledger.sqlite").execute("PRAGMA user_version=99").connection.close()
    with pytest.raises(OutputError, match="a ledger of version 99"):
        go(log, [scans], out)


def test_the_destination_must_lie_outside(scans, out, log, monkeypatch):
    for destination in (scans, scans / "out", scans / "inner/../out"):
        with pytest.raises(UsageError, match="is inside the source"):
            go(log, [scans], destination)
    with pytest.raises(UsageError, match="is inside the source"):
        check_destination(["s3://box/a"], Destination("s3://box/a/out"))
    check_destination(["s3://box/a", str(out)], Destination("s3://box/ab"))
    monkeypatch.chdir(scans)
    summary = go(log, ["*/*.png", "*.png"], "inner", formats=["json"])  # a glob that reaches into the destination
    assert summary.done == 1 and summary.failed == 1
    assert "lies in the destination" in next(iter(failures(scans / "inner").values()))["error"]


def test_the_same_name_from_two_sources(tmp_path, out, log, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    drawn(1).save("x/a.png")
    drawn(2).save("x/A.jpg")
    Path("list").write_text("x/a.png\n./x/a.png\nx/../x/a.png\nx/A.jpg\n")
    assert go(log, ["@list"], out, formats=["txt"]).done == 4
    assert len(results(out)) == 4
    assert go(log, ["@list"], out, formats=["txt"]).skipped == 4


def test_a_look_at_many_files_is_quick(tmp_path):
    with Ledger(tmp_path, "options") as ledger:
        begun = time.process_time()
        found = [ledger.look_up(FileTask(f"{i}.png", f"/a/{i}.png"), all) for i in range(300)]
        assert time.process_time() - begun < 3  # seconds; every file of a run is looked at
    assert [task.stem for _, task in found] == [str(i) for i in range(300)]


def test_names_of_any_kind(tmp_path, out, log):
    folder = tmp_path / "names"
    folder.mkdir()
    names = ["with space.png", "ünï.png", "漢字.png", "a:b*c.png", "x" * 250 + ".png", "noending"]
    for i, name in enumerate(names):
        drawn(i).save(folder / name, "PNG")
    assert go(log, [folder], out, formats=["txt", "json"]).done == len(names)
    assert len(results(out)) == 2 * len(names)
    assert go(log, [folder], out, formats=["txt", "json"]).skipped == len(names)


def test_a_page_is_the_same_after_it_waited():
    from dataclasses import fields

    from inkline.batch.document import page_from_record, page_to_record
    from inkline.types import Cell, Detections, Line, Page, Transform, Word

    rng = np.random.default_rng(3)

    def quads(count):
        return rng.normal(100, 50, (count, 4, 2)).astype(np.float32)

    quad = quads(3)
    line = Line(
        "one\ud800 ü", 0.1 + 0.2, quad[0], quad[1], 0.7, 270, (Word("w", 1 / 3, quad[2]),), 4, row=2, cell=Cell(0, 1, 2)
    )
    grid = rng.random((3, 2, 2)).astype(np.float32)
    found = Detections(quads(2), rng.random(2).astype(np.float32), (quads(1)[0], quads(1)[0]))
    page = Page((line,), (9, 7), "s", 5, found, (0, 1), Transform((9, 7), 90, grid, (5, 6)), {"a": [1, None]}, ("careful",))
    record = json.loads(json.dumps(page_to_record(page)))
    again = page_from_record(record)

    def flat(value):
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.tolist()
        if isinstance(value, tuple):
            return [flat(one) for one in value]
        if hasattr(value, "__dataclass_fields__"):
            return {f.name: flat(getattr(value, f.name)) for f in fields(value)}
        return value

    assert flat(again) == flat(page) and isinstance(again.lines[0].cell, Cell)
