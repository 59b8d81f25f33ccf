"""Synthetic sets on disk and from many processes."""

import json
from pathlib import Path

import numpy as np
import pytest

from inkline.errors import DataError, OutputError
from inkline.training.data.labels import load_labels, read_image
from inkline.training.synth.draw_line import draw_line
from inkline.training.synth.draw_page import draw_page
from inkline.training.synth.generate import stream, write_set
from inkline.training.synth.synth_options import LineOptions, PageOptions


@pytest.fixture
def options(latin_font: str) -> LineOptions:
    """Lines in the font that Pillow brings."""
    return LineOptions(script="english", fonts=(latin_font,), max_chars=12)


def test_written_lines_read_back_from_both_label_files(options: LineOptions, tmp_path: Path) -> None:
    labels = write_set(options, 5, tmp_path / "set")
    ours, _ = load_labels("rec", str(labels))
    theirs, _ = load_labels("rec", str(tmp_path / "set/rec.txt"))
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        image, text = draw_line(options, i)
        assert a.text == b.text == text
        assert np.array_equal(read_image(a.paths[0]), image) and a.paths == b.paths
    assert not list((tmp_path / "set").glob(".*"))


def test_written_pages_read_back_from_both_label_files(options: LineOptions, tmp_path: Path) -> None:
    settings = PageOptions(options, width=(300, 300))
    labels = write_set(settings, 2, tmp_path / "set", quality=90)
    ours, report = load_labels("det", str(labels))
    theirs, _ = load_labels("det", str(tmp_path / "set/det.txt"))
    assert report.usable == 2
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        _, found = draw_page(settings, i)
        assert [r.text for r in a.regions] == [r.text for r in b.regions] == [t for _, t in found]
        for region, (quad, _) in zip(a.regions, found, strict=True):
            assert np.abs(region.points - quad).max() <= 0.051
    assert json.loads(labels.read_text(encoding="utf-8").splitlines()[0])["image"].endswith(".jpg")


@pytest.mark.slow
def test_many_processes_give_the_same_stream_in_order(options: LineOptions) -> None:
    alone, together = list(stream(options, 5, 40, 1)), list(stream(options, 5, 40, 2))
    assert [t for _, t in alone] == [t for _, t in together]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(alone, together, strict=True))


def test_a_folder_in_use_and_an_empty_set_are_refused(options: LineOptions, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_text("x", encoding="utf-8")
    with pytest.raises(OutputError, match="already holds files"):
        write_set(options, 2, tmp_path)
    with pytest.raises(DataError, match="at least one"):
        write_set(options, 0, tmp_path / "new")
