"""The display of how far work is."""

import sys

import pytest

from inkline.progress import LiveProgress, LogProgress, open_progress


def test_a_log_gets_a_line_at_intervals_and_all_that_is_said(capsys, monkeypatch):
    now = iter([0.0, 10.0, 31.0, 40.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    with LogProgress(30.0) as progress:
        progress.update("early")
        progress.update(lambda: "in time", 3, 10)
        progress.update("soon after")
        progress.say("a failure")
    assert capsys.readouterr().err.splitlines() == ["in time", "a failure"]


def test_without_an_interval_only_what_is_said_is_shown(capsys):
    with open_progress("pages") as progress:
        progress.update("never")
        progress.say("a failure")
    assert capsys.readouterr().err == "a failure\n"


@pytest.mark.parametrize("shows", ["text", "steps", "pages", "bytes"])
def test_a_terminal_shows_text_as_it_is(capsys, monkeypatch, shows):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with open_progress(shows, "starting") as progress:
        assert isinstance(progress, LiveProgress)
        progress.update("reading [b]x[/b].png", 3, 10)
        progress.say("failed: [red]y[/red].png")
    assert "failed: [red]y[/red].png" in capsys.readouterr().err
