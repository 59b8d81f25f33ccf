"""Memory stays bounded, a full disk stops a run cleanly, a hot folder is watched."""

import resource
import threading
import time
from pathlib import Path

import pytest
from batch_pages import draw_pdf, drawn, results
from batch_standin import Standin, go

from inkline.batch import worker
from inkline.batch.listing import watch_files
from inkline.errors import OutputError
from inkline.options import ReadOptions


def peak(log):
    return max(int(line.split()[1]) for line in log.read_text().splitlines() if line.startswith("peak"))


@pytest.mark.slow
def test_a_pdf_of_1000_pages_is_read_page_by_page(tmp_path):
    peaks = {}
    for pages in (50, 1000):
        path, out, log = tmp_path / f"{pages}.pdf", tmp_path / f"out{pages}", tmp_path / f"log{pages}"
        draw_pdf(path, pages)
        summary = go(log, [path], out, lines=5, read_options=ReadOptions(pdf_dpi=72))
        assert summary.pages == pages and len(list(out.glob("*_res.json"))) == pages
        assert (out / f"{pages}_res.txt").read_text().count("\f") == pages - 1
        peaks[pages] = peak(log)
    # The pixels of all pages would be 270 MB; their lines are what a document's text is made of.
    assert peaks[1000] - peaks[50] < 80, peaks


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_what_is_done_stays(tmp_path):
    source, out, log = tmp_path / "scans", tmp_path / "out", tmp_path / "log"
    source.mkdir()
    for i in range(4):
        drawn(i).save(source / f"{i}.png")
    draw_pdf(source / "zz.pdf", 400, side=60)
    go(log, [source], tmp_path / "whole", formats=["txt"], lines=20)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))  # workers inherit it; no file may grow beyond
    try:
        with pytest.raises(OutputError, match="File too large") as stopped:
            go(log, [source], out, formats=["txt"], lines=20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    done = len(results(out))
    assert done in (3, 4)  # what another worker had in hand at that moment is not done
    assert f"{done} files are done and stay done: make room" in str(stopped.value)
    assert not (out / ".inkline/tmp").exists()
    summary = go(log, [source], out, formats=["txt"], lines=20)
    assert (summary.done, summary.skipped) == (5 - done, done)
    assert results(out) == results(tmp_path / "whole")


def test_a_hot_folder(tmp_path):
    source, out, log = tmp_path / "inbox", tmp_path / "out", tmp_path / "log"
    source.mkdir()

    class Stop(Exception):
        pass

    seen = []

    class Watcher:
        def show(self, summary, pages):
            seen.append(summary.done)
            if summary.done == 3 or time.monotonic() > end:
                raise Stop

        def say(self, error):
            seen.append(error)

    def drop():
        drawn(1).save(source / "first.png")
        whole = tmp_path / "growing.png"
        drawn(2, 200).save(whole)
        content = whole.read_bytes()
        with open(source / "growing.png", "wb") as file:
            for i in range(0, len(content), len(content) // 8):
                file.write(content[i : i + len(content) // 8])
                file.flush()
                time.sleep(0.15)
        (source / "bad.png").write_bytes(b"no image")
        time.sleep(1)
        drawn(3).save(source / "last.png")

    from functools import partial

    from batch_standin import config

    from inkline.batch.local_run import run_files

    end = time.monotonic() + 60
    thread = threading.Thread(target=drop)
    thread.start()
    made = config([source], out, formats=["txt"], workers=1, watch_interval=0.3)
    with pytest.raises(Stop):
        run_files(made, partial(Standin, str(log)), Watcher(), watch=True)
    thread.join()
    read = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("read")]
    assert [Path(name).name for name in read] == ["first.png", "growing.png", "last.png"]
    assert len([one for one in seen if isinstance(one, str)]) == 1  # the bad one, once
    assert set(results(out)) == {f"{n}_res.txt" for n in ("first", "growing", "last")} | {"failures.jsonl"}


def test_a_watched_source_that_is_not_there_yet(tmp_path):
    from inkline.batch.ledger import Ledger
    from inkline.batch.listing import list_files

    with Ledger(tmp_path, "key") as ledger:
        files = watch_files(lambda: list_files([str(tmp_path / "later")], tmp_path), ledger, 0.01)
        assert next(files) is None
        (tmp_path / "later").mkdir()
        drawn(1).save(tmp_path / "later/a.png")
        end = time.monotonic() + 20
        while time.monotonic() < end:
            task = next(files)
            if task:
                break
        assert task.name == "a.png"


def test_a_worker_that_cannot_open_its_models_stops_the_run(tmp_path):
    from batch_standin import config

    from inkline.batch.local_run import run_files
    from inkline.batch.scheduler import RunProgress
    from inkline.errors import EngineError, ModelError

    drawn(1).save(tmp_path / "a.png")
    with pytest.raises(ModelError, match="no such model"):
        run_files(config([tmp_path / "a.png"], tmp_path / "out"), no_model, RunProgress())
    with pytest.raises(EngineError, match="ended while it opened the models"):
        run_files(config([tmp_path / "a.png"], tmp_path / "out"), dies, RunProgress())
    assert worker.content_hash(tmp_path) == worker.content_hash(tmp_path / "none") == ""


def no_model():
    from inkline.errors import ModelError

    raise ModelError("no such model")


def dies():
    import os

    os._exit(9)


def test_a_worker_makes_its_folder_for_every_file(tmp_path):
    """An actor on a cluster empties its folder between two files; a download needs it again."""
    import fsspec

    from inkline.batch.storage import Destination
    from inkline.batch.task import FileTask, Workspace

    class Connection:
        def send(self, message):
            pass

        def recv(self):
            return True

    drawn(1).save(tmp_path / "a.png")
    fsspec.filesystem("memory").pipe("/box/a.png", (tmp_path / "a.png").read_bytes())
    (tmp_path / "pages").mkdir()
    out = Destination(str(tmp_path / "out"))
    workspace = Workspace(out, tmp_path / "tmp", tmp_path / "pages", ("txt",), "key", ReadOptions())
    task = FileTask("a.png", "memory://box/a.png", "memory://box/a.png", stem="a")
    for _ in range(2):
        result = worker.attempt(task, Standin(tmp_path / "log"), workspace, Connection())
        assert (result.error, result.outputs) == ("", ("a_res.txt",))
