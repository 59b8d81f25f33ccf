"""Check, split, figures and samples of a set."""

import json
from pathlib import Path

import numpy as np
import pytest

from inkline.errors import DataError, OutputError
from inkline.training.data.augment_crops import ClsAugment, RecAugment
from inkline.training.data.augment_pages import DetAugment
from inkline.training.data.labels import LoadOptions, load_labels
from inkline.training.data.sample_sources import Labelled
from inkline.training.data.survey import (
    augmented_sheet,
    check_set,
    part_of_document,
    report_json,
    set_stats,
    split_set,
    write_lines,
)


def test_check_decodes_every_image(line_set: Path) -> None:
    (line_set / "images/page0_crop_0.png").write_bytes(b"torn")
    report = check_set("rec", str(line_set / "rec.txt"), LoadOptions())
    assert report.usable == 5 and report.counts == {"unreadable image": 1}
    assert json.loads(report_json(report))["counts"] == {"unreadable image": 1}


def test_split_keeps_documents_together_and_lines_as_they_are(page_set: Path) -> None:
    seed = next(
        s for s in range(50) if part_of_document("book0", {"a": 1, "b": 1}, s) != part_of_document("book1", {"a": 1, "b": 1}, s)
    )
    files = split_set("det", str(page_set), {"a": 1, "b": 1}, seed)
    assert [f.name for f in files.values()] == ["labels.a.jsonl", "labels.b.jsonl"]
    docs = [{s.doc for s in load_labels("det", str(file))[0]} for file in files.values()]
    assert docs[0] | docs[1] == {"book0", "book1"} and not docs[0] & docs[1]
    whole = (page_set / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    parts = [line for f in files.values() for line in f.read_text(encoding="utf-8").splitlines()]
    assert sorted(parts) == sorted(whole)
    assert split_set("det", str(page_set), {"a": 1, "b": 1}, seed) == files


def test_shares_hold_on_the_whole() -> None:
    parts = [part_of_document(f"doc{i}", {"train": 0.8, "val": 0.2}, 0) for i in range(2000)]
    assert 0.77 < parts.count("train") / 2000 < 0.83


def test_a_split_without_documents_for_a_part_is_an_error(page_set: Path) -> None:
    with pytest.raises(DataError, match=r"no document of 2 falls into"):
        split_set("det", str(page_set), {"a": 1, "b": 1e-9})
    with pytest.raises(DataError, match="at least two parts"):
        split_set("det", str(page_set), {"a": 1})


def test_figures(page_set: Path, line_set: Path) -> None:
    pages = set_stats("det", load_labels("det", str(page_set))[0])
    assert (pages.samples, pages.documents, pages.ignored) == (4, 2, 4)
    assert pages.width == (300, 300, 300) and pages.regions == (3, 3, 3)
    lines = set_stats("rec", load_labels("rec", str(line_set / "rec.txt"))[0])
    assert lines.length == (3, 3, 5) and lines.characters["o"] == 3 and lines.documents == 2
    assert any("different characters" in row for row in lines.lines())
    assert any("4 ignored" in row for row in pages.lines())
    with pytest.raises(DataError, match="no sample"):
        set_stats("rec", [])


def test_samples_are_shown_after_augmentation(page_set: Path, line_set: Path) -> None:
    (line_set / "cls.txt").write_text("images/page0_crop_0.png\t180\n", encoding="utf-8")
    pages = load_labels("det", str(page_set))[0]
    sheet = augmented_sheet(pages, DetAugment(), 3)
    assert sheet.ndim == 3 and sheet.dtype == np.uint8 and (sheet[..., 2].astype(int) - sheet[..., 1] > 80).any()
    assert np.array_equal(sheet, augmented_sheet(pages, DetAugment(), 3))
    assert augmented_sheet(load_labels("rec", str(line_set / "rec.txt"))[0], RecAugment(), 8).shape[1] == 1240
    assert augmented_sheet(load_labels("cls", str(line_set / "cls.txt"))[0], ClsAugment(), 2).size


def test_lines_of_pages_become_a_recognition_set(page_set: Path, tmp_path: Path) -> None:
    pages = load_labels("det", str(page_set))[0]
    wanted = [r.text for page in pages for r in page.regions if not r.ignore]
    ignored = sum(r.ignore for page in pages for r in page.regions)
    assert write_lines(pages, tmp_path / "lines") == (len(wanted), ignored)
    cut = load_labels("rec", str(tmp_path / "lines/rec.txt"), LoadOptions(decode=True))[0]
    assert [sample.text for sample in cut] == wanted
    first, region = Labelled(tuple(cut)).load(0, 0)[0], next(r for r in pages[0].regions if not r.ignore)
    width, height = np.ptp(region.points, axis=0)
    assert abs(first.shape[1] - width) <= 1 and abs(first.shape[0] - height) <= 1
    with pytest.raises(OutputError, match="already holds files"):
        write_lines(pages, tmp_path / "lines")
