"""What could cost or falsify users' data in a run: odd names, pipes, damaged inputs, ledgers made by hand, missing packages."""

import json
import os
import shutil
import socket
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from batch_pages import draw_tiff, drawn, results
from batch_standin import UNREAD, go

from inkline.batch import scheduler
from inkline.batch.document import UnfinishedDocument
from inkline.batch.ledger import Ledger
from inkline.batch.storage import Destination
from inkline.cli import main
from inkline.errors import OutputError, UsageError
from inkline.options import ReadOptions
from tests.io.hostile import nested_forms

BAD_NAME = b"caf\xe9.png"  # Latin 1


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.touch()
    return path


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    drawn(2).save(path / "z.png")
    return path


def in_ledger(out, columns="name, state, error"):
    with sqlite3.connect(out / ".inkline/ledger.sqlite") as db:
        return db.execute(f"SELECT {columns} FROM files ORDER BY name").fetchall()


def cut_off(path, share=0.4):
    """Keep so much of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def test_a_name_that_is_not_utf8(folder, out, log):
    drawn(1).save(os.fsdecode(os.fsencode(folder) + b"/" + BAD_NAME))
    summary = go(log, [folder], out)
    assert (summary.done, summary.failed) == (2, 0)
    assert set(results(out)) == {"caf%E9_res.json", "caf%E9_res.txt", "z_res.json", "z_res.txt"}
    found = json.loads((out / "caf%E9_res.json").read_text("utf-8"))
    assert os.fsencode(found["input_path"]).endswith(BAD_NAME)
    assert [row[:2] for row in in_ledger(out)] == [("caf%E9.png", "done"), ("z.png", "done")]
    assert go(log, [folder], out).skipped == 2


def test_a_file_that_fails_and_whose_name_is_not_utf8(folder, out, log):
    Path(os.fsdecode(os.fsencode(folder) + b"/" + BAD_NAME)).write_bytes(b"no image")
    summary = go(log, [folder], out)
    assert (summary.done, summary.failed) == (1, 1)
    (row,) = map(json.loads, (out / "failures.jsonl").read_text("utf-8").splitlines())
    assert row["name"] == "caf%E9.png" and "caf%E9.png: neither an image" in row["error"]


def test_a_watched_folder_with_a_name_that_is_not_utf8(folder, out, log):
    path = os.fsdecode(os.fsencode(folder) + b"/" + BAD_NAME)
    drawn(1).save(path)
    go(log, [folder], out)
    from inkline.batch.listing import list_files
    from inkline.batch.task import options_key
    from inkline.options import OcrOptions

    with Ledger(out / ".inkline", options_key(OcrOptions(), ("json", "txt"))) as ledger:
        assert all(map(ledger.is_settled, list_files([str(folder)], out)))


def test_names_in_archives_that_are_not_utf8(folder, out, log, tmp_path):
    with tarfile.open(tmp_path / "in/box.tar", "w", encoding="utf-8", errors="surrogateescape") as box:
        box.add(folder / "z.png", os.fsdecode(b"inner/" + BAD_NAME))
    # A zip that says its name is UTF-8: zipfile does not write such a one, so one byte is changed.
    with zipfile.ZipFile(tmp_path / "in/box.zip", "w") as box:
        box.write(folder / "z.png", "caf\u00e9.png")
    path = folder / "box.zip"
    path.write_bytes(path.read_bytes().replace("\u00e9".encode(), b"\xe9\xe9"))
    summary = go(log, [folder], out, formats=["txt"])
    assert (summary.done, summary.failed) == (2, 1)
    assert set(results(out)) == {"box.tar/inner/caf%E9_res.txt", "z_res.txt", "failures.jsonl"}
    assert "box.zip: damaged or no archive" in (out / "failures.jsonl").read_text()
    assert go(log, [folder], out, formats=["txt"]).skipped == 2


def test_pipes_devices_and_sockets_cost_a_line_each(folder, out, log, tmp_path, monkeypatch):
    os.mkfifo(folder / "pipe.png")
    os.mkfifo(folder / "pipe.zip")
    (folder / "zero.png").symlink_to("/dev/zero")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        summary = go(log, [folder], out, time_limit=20)
    assert (summary.done, summary.failed) == (1, 4)
    rows = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert all("a pipe or a device, not a file" in row["error"] for row in rows)


@pytest.mark.parametrize("given", ["@pipe", "@/dev/zero"])
def test_a_list_that_is_a_pipe_or_a_device_is_refused(out, log, tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match=r"this list cannot be read \(this is a pipe or a device"):
        go(log, [given], out)


def test_a_pipe_in_a_list_costs_a_line(folder, out, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.png")
    Path("list.txt").write_text(f"pipe.png\n{folder / 'z.png'}\n")
    summary = go(log, ["@list.txt"], out, time_limit=20)
    assert (summary.done, summary.failed) == (1, 1)


def test_a_ledger_made_by_hand_reaches_nothing_outside(folder, out, log, tmp_path):
    """Neither with its results, of which some no longer belong to a file that changed, nor with the name of new ones."""
    go(log, [folder], out, formats=["txt"])
    (tmp_path / "linked").mkdir()
    (out / "link").symlink_to(tmp_path / "linked")
    victims = [tmp_path / "victim.txt", tmp_path / "linked/victim.txt"]
    for victim in victims:
        victim.write_text("precious")
    names = ["../victim.txt", str(victims[0]), "inner/../../victim.txt", "link/victim.txt"]
    with sqlite3.connect(out / ".inkline/ledger.sqlite") as db:
        db.execute("UPDATE files SET outputs=?", (json.dumps(names),))
    drawn(9).save(folder / "z.png")
    assert go(log, [folder], out, formats=["txt"]).done == 1
    assert [victim.read_text() for victim in victims] == ["precious"] * 2
    with sqlite3.connect(out / ".inkline/ledger.sqlite") as db:
        db.execute("UPDATE files SET stem='../victim', state='open'")
    summary = go(log, [folder], out, formats=["txt"])
    assert summary.failed == 1 and not list(tmp_path.glob("victim_res*"))
    assert "is not below" in (out / "failures.jsonl").read_text()


def test_unfinished_pages_made_by_hand_do_not_count(out):
    destination = Destination(str(out))
    path = out / "pages.jsonl"
    out.mkdir()
    (out.parent / "victim.txt").touch()
    path.write_text(json.dumps({"page": {"page_index": 0, "warnings": []}, "outputs": ["../victim.txt"]}) + "\n")
    assert UnfinishedDocument(path, destination).indices == []


def test_damaged_files_are_partial(folder, out, log, capsys):
    drawn(1).save(folder / "cut.png")
    cut_off(folder / "cut.png")
    summary = go(log, [folder], out)
    assert (summary.done, summary.failed, summary.damaged) == (2, 0, 1)
    assert "cut.png: damaged (" in capsys.readouterr().err
    rows = in_ledger(out)
    assert [row[:2] for row in rows] == [("cut.png", "partial"), ("z.png", "done")]
    assert rows[0][2].startswith("damaged (") and not rows[1][2]
    (warning,) = json.loads((out / "cut_res.json").read_text("utf-8"))["warnings"]
    assert warning == rows[0][2]
    assert "warnings" not in json.loads((out / "z_res.json").read_text("utf-8"))
    # It is not read again, but still damaged; also where only its time changed.
    again = go(log, [folder], out)
    assert (again.done, again.skipped, again.damaged) == (0, 2, 1)
    (folder / "cut.png").touch()
    again = go(log, [folder], out)
    assert (again.done, again.skipped, again.damaged) == (0, 2, 1)
    # A whole file in its place is whole.
    drawn(1).save(folder / "cut.png")
    assert go(log, [folder], out).damaged == 0
    assert [row[1:] for row in in_ledger(out)] == [("done", ""), ("done", "")]


def test_lines_that_could_not_be_read_are_told(folder, out, log, capsys, monkeypatch):
    monkeypatch.setattr(scheduler, "MAX_NOTES_TOLD", 2)
    draw_tiff(folder / "blurred.tif", 2)
    for i in range(3):
        drawn(i).save(folder / f"blurred{i}.png")
    summary = go(log, [folder], out)
    assert (summary.done, summary.damaged, summary.noted) == (5, 0, 4)
    told = capsys.readouterr().err.splitlines()
    assert len([line for line in told if UNREAD in line]) == 2 and "more files have such warnings" in told[-1]
    (out / ".inkline").rename(out / ".old")
    capsys.readouterr()
    monkeypatch.setattr(scheduler, "MAX_NOTES_TOLD", 9)
    go(log, [folder], out)
    told = capsys.readouterr().err
    assert f"blurred0.png: {UNREAD}" in told
    assert f"blurred.tif: page 1: {UNREAD}; 2 pages have such a warning" in told


def test_damaged_pages_of_a_document_are_remembered_over_a_stop(out):
    out.mkdir()
    path, destination = out / "pages.jsonl", Destination(str(out))
    document = UnfinishedDocument(path, destination)
    for index, warnings in ((0, ["animated"]), (4, ["damaged (broken data)"]), (7, ["damaged (no data)"])):
        document.add({"page_index": index, "warnings": warnings}, [])
    expected = "page 5: damaged (broken data); 2 pages are"
    assert document.damage == UnfinishedDocument(path, destination).damage == expected


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "status"), [([], 0), (["--strict"], 1)])
@pytest.mark.parametrize("command", ["run", "ocr"])
def test_damage_in_the_summary_and_the_exit_status(folder, out, capfd, command, arguments, status):
    for name in ("a.png", "b.png", "c.png"):
        drawn(5).save(folder / name)
        cut_off(folder / name)
    where = [str(folder), str(out)] if command == "run" else [str(folder), "--save_path", str(out), "--format", "json"]
    try:
        main([command, *arguments, *where])
        found = 0
    except SystemExit as end:
        found = end.code or 0
    said = capfd.readouterr().err
    assert found == status, said
    assert "inkline: 3 files were damaged and read in part" in said and said.count("the lower") == 3
    assert json.loads((out / "a_res.json").read_text("utf-8"))["warnings"][0].startswith("damaged (")


@pytest.mark.parametrize("command", ["run", "ocr"])
@pytest.mark.parametrize(
    ("format", "module", "advice"), [("pdf", "pikepdf", "inkline[pdf]"), ("parquet", "pyarrow.parquet", "[parquet]")]
)
def test_a_missing_package_is_told_before_anything_is_read(folder, out, capfd, monkeypatch, command, format, module, advice):
    monkeypatch.setitem(sys.modules, module, None)
    where = [str(folder), str(out)] if command == "run" else [str(folder), "--save_path", str(out)]
    with pytest.raises(SystemExit) as end:
        main([command, *where, "--format", format])
    said = capfd.readouterr().err
    assert end.value.code == 1 and advice in said and said.count("\n") == 1, said
    assert not out.exists()


def test_a_destination_that_cannot_be_written(folder, out, log, monkeypatch):
    """A ledger is there, but its lock cannot be opened to write."""
    go(log, [folder], out)
    opened = os.open

    def read_only(path, flags, *more, **named):
        if flags & (os.O_WRONLY | os.O_RDWR) and str(path).startswith(str(out)):
            raise OSError(30, "Read-only file system", str(path))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(OutputError, match=r"ledger\.sqlite: the ledger cannot be written: Read-only file system"):
        go(log, [folder], out)


def test_a_destination_that_cannot_be_written_beside_a_ledger_that_can(folder, out, log, tmp_path, monkeypatch):
    go(log, [folder], out, ledger=tmp_path / "ledger")
    removed = Path.unlink

    def read_only(path, missing_ok=False):
        if path.parent == out:
            raise OSError(30, "Read-only file system", str(path))
        removed(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(OutputError, match=r"cannot remove failures\.jsonl: Read-only file system"):
        go(log, [folder], out, ledger=tmp_path / "ledger")


def test_a_document_that_never_ends_costs_its_page(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/forms.pdf").write_bytes(nested_forms())
    drawn(1).save(tmp_path / "in/good.png")
    limits = ReadOptions(isolate=True, page_timeout=1.5)
    summary = go(tmp_path / "log", [tmp_path / "in"], tmp_path / "out", read_options=limits, workers=1)
    assert (summary.done, summary.failed, summary.pages) == (1, 1, 2)
    (row,) = [json.loads(line) for line in (tmp_path / "out/failures.jsonl").read_text().splitlines()]
    assert "forms.pdf: page 1: not decoded within page_timeout=1.5 seconds" in row["error"]


def test_a_ledger_on_another_file_system(tmp_path, log, out, folder, monkeypatch):
    """Results are staged beside the ledger; from there they cannot be renamed into a destination on another disk."""
    drawn(1).save(folder / "a.png")
    (out / "inner").mkdir(parents=True)
    ledger = Path(tempfile.mkdtemp(dir="/dev/shm")) if Path("/dev/shm").is_dir() else tmp_path / "ledger"
    try:
        summary = go(log, [folder], out, ledger=ledger)
        assert (summary.done, summary.failed) == (2, 0)
        assert {"a_res.json", "a_res.txt"} < set(results(out))
    finally:
        shutil.rmtree(ledger)


def test_a_destination_that_takes_nothing_is_told_before_the_first_page(tmp_path, log, folder):
    drawn(1).save(folder / "a.png")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="file") as caught:
        go(log, [folder], tmp_path / "file/out", ledger=tmp_path / "ledger")
    assert "\n" not in str(caught.value) and not log.read_text()
    with pytest.raises(OutputError, match="/proc"):
        go(log, [folder], "/proc", ledger=tmp_path / "ledger")
    assert not log.read_text()
