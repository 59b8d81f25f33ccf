"""`inkline run` as a user types it, with the real models."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from batch_pages import draw_pdf, drawn

from inkline.batch.scheduler import RunProgress, RunSummary, format_duration, format_rate
from inkline.cli import main
from inkline.progress import LogProgress

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments):
    return [sys.executable, "-m", "inkline", "run", *map(str, arguments)]


def run(*arguments):
    return subprocess.run(command(*arguments), capture_output=True, text=True, cwd=ROOT, timeout=200)


@pytest.mark.slow
def test_real_pages_equal_those_of_the_ocr_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    pages = ["tests/fixtures/notices.png", "tests/fixtures/receipt.png"]
    engine = ("--engine", "onnxruntime")  # what `auto` is in the tests' process, as engines differ in the last digits
    done = run(*pages, tmp_path / "out", "--format", "json,txt", "--workers", "1", *engine)
    assert done.returncode == 0 and done.stdout == ""
    assert "2 files read, 2 pages" in done.stderr and f"results in {tmp_path / 'out'}" in done.stderr
    main(["ocr", *pages, "--save_path", str(tmp_path / "one"), "--format", "json,txt", *engine])
    for page in pages:
        for ending in ("json", "txt"):
            name = f"{Path(page).stem}_res.{ending}"
            assert (tmp_path / "out" / Path(page).parent / name).read_text() == (tmp_path / "one" / name).read_text()
    capsys.readouterr()
    main(["run", *pages, str(tmp_path / "out"), "--format", "json,txt"])
    again = capsys.readouterr().err
    assert "0 files read, 0 pages" in again and "2 files done before" in again


def test_failures_are_listed_and_the_exit_status_is_1(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in/bad.png").write_bytes(b"no image")
    done = run(tmp_path / "in", tmp_path / "out", "--quiet")
    assert done.returncode == 1 and done.stdout == ""
    assert "bad.png: neither an image nor a PDF" in done.stderr
    assert f"1 file could not be read: see {tmp_path / 'out'}/failures.jsonl" in done.stderr
    assert json.loads((tmp_path / "out/failures.jsonl").read_text())["name"] == "bad.png"


def test_wrong_usage(tmp_path, capsys):
    for arguments, reason in (
        ([tmp_path, tmp_path / "out"], "is inside the source"),
        ([tmp_path, "x", "--format", "jsn"], "output format 'jsn'"),
        ([tmp_path, "x", "--workers", "0"], "workers=0: must be at least 1"),
        (["-", "x"], "standard input cannot be read again"),
        (["x"], "give what to read and the folder or store to write into"),
        ([tmp_path, "https://example.org/out"], "results cannot be sent to a web address"),
    ):
        with pytest.raises(SystemExit) as stopped:
            main(["run", *map(str, arguments)])
        assert stopped.value.code == 2 and reason in capsys.readouterr().err


@pytest.mark.slow
def test_a_watch_ends_with_a_summary_when_it_is_told_to(tmp_path):
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    watch = command(inbox, tmp_path / "out", "--watch", "--watch_interval", "0.2", "--format", "txt", "--workers", "1")
    process = subprocess.Popen(watch, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    draw_pdf(inbox / "two.pdf", 2)
    end = time.monotonic() + 60
    while not (tmp_path / "out/two_res.txt").exists() and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and "1 file read, 2 pages" in said, said


def test_progress_tells_rate_and_time_left(capsys):
    progress = RunProgress(LogProgress(0), lambda: 40)
    while progress.total is None:
        time.sleep(0.01)
    summary = RunSummary(done=0, started_at=time.monotonic() - 5)
    progress.show(summary, 0)
    time.sleep(0.05)
    summary.done, summary.pages, summary.skipped, summary.failed = 9, 18, 10, 1
    progress.show(summary, 2)
    first, last = capsys.readouterr().err.splitlines()
    assert first.startswith("inkline: 0 of 40 files, 0 pages")
    assert last.startswith("inkline: 20 of 40 files, 20 pages, ") and "left, 1 failed" in last
    assert [format_duration(s) for s in (5, 119, 120, 7200, 200_000)] == ["5 s", "119 s", "2 min", "2 h", "2 days"]
    assert [format_rate(rate) for rate in (0, 0.0451, 0.4, 1, 12.34)] == [
        f"{text} pages/s" for text in ("0", "0.045", "0.4", "1.0", "12.3")
    ]


def test_what_is_passed_over_is_told(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    drawn(1).save(folder / "a.png")
    for name in ("notes.txt", "table.csv", "x.docx", "y.docx", ".hidden"):
        (folder / name).write_text("text")
    main(["run", str(folder), str(tmp_path / "out"), "--workers", "1", "--tier", "fast"])
    assert "1 file read" in (err := capsys.readouterr().err)
    assert "4 files passed over that are no images or PDFs (notes.txt, table.csv, x.docx, ...)" in err
    for name in ("table.csv", "x.docx", "y.docx"):
        (folder / name).unlink()
    main(["run", str(folder), str(tmp_path / "other"), "--workers", "1", "--tier", "fast"])
    assert "1 file passed over that is no image or PDF (notes.txt)" in capsys.readouterr().err


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_exit_status_tells_how_a_run_was_stopped(sign, status, monkeypatch, capsys):
    monkeypatch.setattr("inkline.batch.local_run.run_files", lambda *_: signal.raise_signal(sign))
    with pytest.raises(SystemExit) as stopped:
        main(["run", "in", "out", "--quiet", "--tier", "fast"])
    assert stopped.value.code == status and capsys.readouterr().err.endswith("inkline: stopped\n")
