"""What goes wrong around a run: clocks, files that change, workers that are killed, no handles."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest
from batch_pages import draw_pdf, drawn, results
from batch_standin import go
from test_kill import ROOT, read_lines, start

from inkline.batch import ledger as ledger_module
from inkline.batch.ledger import Ledger
from inkline.batch.task import FileTask, TaskResult


def never(_outputs):
    return False


@pytest.mark.parametrize("jump", [-3600.0, 0.0, 3600.0])
def test_a_clock_that_goes_back_changes_nothing(tmp_path, monkeypatch, jump):
    """What failed in this run is not read again by it, and what failed in an earlier one is."""
    clock = [1_000_000.0]
    monkeypatch.setattr(ledger_module.time, "time", lambda: clock[0])
    task = FileTask("a.png", "a.png", "a.png", "7-7")
    with Ledger(tmp_path, "options") as ledger:
        ledger.new_scan()
        state, task = ledger.look_up(task, never)
        clock[0] += jump
        ledger.save_result(task, TaskResult(error="broken"), 0.1)
        ledger.new_scan()
        assert state == "open" and ledger.is_settled(task) and ledger.look_up(task, never)[0] == "failed"
    clock[0] = 1_000_000.0
    with Ledger(tmp_path, "options") as ledger:
        ledger.new_scan()
        assert not ledger.is_settled(task) and ledger.look_up(task, never)[0] == "open"


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path):
    """Its pages could be of two versions; nothing is left of the first attempt."""
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    log.touch()
    draw_pdf(folder / "grows.pdf", 3)
    summary = go(log, [folder], out)
    assert (summary.done, summary.failed) == (1, 0)
    assert len(read_lines(log)) == 6 and not list((out / ".inkline/pages").glob("*"))
    assert go(log, [folder], out).skipped == 1
    # Without another try it is one line.
    (folder / "grows2.png").write_bytes(b"")
    drawn(1).save(folder / "grows2.png")
    assert go(log, [folder], out, retries=0).failed == 1
    (row,) = [json.loads(line) for line in (out / "failures.jsonl").read_text().splitlines()]
    assert row["error"].endswith("grows2.png: it changed while it was read")


MOST_KILLED = 2  # as a file may be tried again twice, and is told as a failure when its third reader died, too


def test_workers_killed_at_any_moment_lose_nothing(tmp_path):
    source, whole, out, log = (tmp_path / name for name in ("in", "whole", "out", "log"))
    source.mkdir()
    for i in range(30):
        drawn(i).save(source / f"p{i:02}.png")
    draw_pdf(source / "long.pdf", 30)
    assert start(tmp_path / "log0", source, whole).wait(timeout=120) == 0
    process, moments, killed = start(log, source, out), random.Random(2), set()
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        time.sleep(moments.random() * 0.05)
        alive = {line.split()[-1] for line in read_lines(log)} - killed
        if len(killed) < MOST_KILLED and alive and moments.random() < 0.3:
            (victim,) = moments.sample(sorted(alive), 1)
            killed.add(victim)
            try:
                os.kill(int(victim), signal.SIGKILL)
            except ProcessLookupError:
                continue
    assert process.wait(timeout=60) == 0 and killed
    assert results(out) == results(whole)


def test_without_file_handles_a_run_ends_with_one_line(tmp_path):
    drawn(1).save(tmp_path / "a.png")
    command = [sys.executable, "-m", "inkline", "run", str(tmp_path / "a.png"), str(tmp_path / "out"), "--workers", "1"]
    limited = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10))  # noqa: E731
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, preexec_fn=limited)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "Too many open files" in done.stderr and done.stderr.startswith("inkline: ")
