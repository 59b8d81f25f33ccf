"""Reading label files of every format, and what is reported."""

import json
from pathlib import Path

import lmdb
import numpy as np
import pytest

from inkline.errors import DataError
from inkline.training.data.labels import LoadOptions, load_labels, read_image


def test_detection_labels_of_both_kinds_say_the_same(page_set: Path) -> None:
    tabbed, report = load_labels("det", str(page_set / "det.txt"))
    ours, _ = load_labels("det", str(page_set))
    assert report.usable == 4 and report.problems == ()
    for a, b in zip(tabbed, ours, strict=True):
        assert [r.ignore for r in a.regions] == [r.ignore for r in b.regions] == [False, False, True]
        assert all(np.array_equal(x.points, y.points) for x, y in zip(a.regions, b.regions, strict=True))
    assert [s.doc for s in ours] == ["book0", "book0", "book1", "book1"]


def test_recognition_labels_and_documents_of_crops(line_set: Path) -> None:
    samples, _ = load_labels("rec", str(line_set / "rec.txt"))
    assert [s.text for s in samples] == ["one", "two", "three", "four", "five", "six"]
    assert {s.doc for s in samples} == {"images/page0", "images/page1"}
    assert read_image(samples[0].paths[0]).shape == (24, 56, 3)


def test_a_list_of_paths_is_one_sample(line_set: Path) -> None:
    names = ["images/page0_crop_0.png", "images/page1_crop_1.png", "images/gone.png"]
    (line_set / "many.txt").write_text(json.dumps(names) + "\tone\n", encoding="utf-8")
    samples, report = load_labels("rec", str(line_set / "many.txt"))
    assert len(samples) == 1 and len(samples[0].paths) == 2
    assert report.counts == {"missing file": 1} and report.skipped == 0


def test_classification_labels(line_set: Path) -> None:
    (line_set / "cls.txt").write_text(
        "images/page0_crop_0.png\t0\nimages/page1_crop_1.png\t180\nimages/page0_crop_2.png\t90\n", encoding="utf-8"
    )
    samples, report = load_labels("cls", str(line_set / "cls.txt"))
    assert [s.label for s in samples] == ["0", "180"]
    assert report.counts == {"unknown label": 1}


def test_every_problem_is_counted_and_listed(line_set: Path) -> None:
    (line_set / "broken.png").write_bytes(b"no image")
    lines = [
        "images/page0_crop_0.png\tone",
        "images/gone.png\ttwo",
        "no tab here",
        "images/page1_crop_1.png\t",
        "images/page1_crop_1.png\tzwölf",
        "images/page1_crop_1.png\tone one one one",
        "broken.png\tone",
        "images/page0_crop_2.png\tneon",
    ]
    (line_set / "bad.txt").write_text("\n".join(lines), encoding="utf-8")
    options = LoadOptions(charset=tuple("one "), max_text_length=10, decode=True)
    samples, report = load_labels("rec", str(line_set / "bad.txt"), options)
    assert [s.text for s in samples] == ["one", "neon"]
    assert report.skipped == 6
    assert report.counts == {
        "missing file": 1,
        "label not understood": 1,
        "empty text": 1,
        "character outside the charset": 1,
        "text too long": 1,
        "unreadable image": 1,
    }
    assert set(report.missing_characters) == set("zwölf") - set("one")
    text = "\n".join(report.lines())
    assert "2 usable samples, 6 skipped" in text and "bad.txt:2" in text and "'ö'x1" in text
    with pytest.raises(DataError, match=r"bad.txt:2: missing file"):
        load_labels("rec", str(line_set / "bad.txt"), LoadOptions(strict=True))


def test_degenerate_polygons_go_and_the_page_stays(page_set: Path) -> None:
    regions = [
        {"transcription": "good", "points": [[10, 10], [50, 10], [50, 30], [10, 30]]},
        {"transcription": "flat", "points": [[10, 10], [50, 10], [60, 10]]},
        {"transcription": "few", "points": [[10, 10], [50, 10]]},
        {"transcription": "nan", "points": [[10, 10], [50, float("nan")], [50, 30]]},
    ]
    (page_set / "bad.txt").write_text("images/page0.png\t" + json.dumps(regions), encoding="utf-8")
    samples, report = load_labels("det", str(page_set / "bad.txt"))
    assert [r.text for r in samples[0].regions] == ["good"]
    assert report.counts == {"degenerate polygon": 3} and report.skipped == 0


def test_pages_without_points_are_skipped(page_set: Path) -> None:
    with open(page_set / "labels.jsonl", "a", encoding="utf-8") as stream:
        stream.write(json.dumps({"image": "images/page0.png", "lines": [{"points": None, "text": "x"}]}) + "\n")
    samples, report = load_labels("det", str(page_set))
    assert len(samples) == 4 and report.counts == {"no points": 1}


def test_spaces_leave_labels_where_the_charset_has_none(line_set: Path) -> None:
    (line_set / "s.txt").write_text("images/page0_crop_0.png\to n e\n", encoding="utf-8")
    assert load_labels("rec", str(line_set / "s.txt"), LoadOptions(charset=tuple("one")))[0][0].text == "one"


def test_labels_become_nfc(line_set: Path) -> None:
    (line_set / "n.txt").write_text("images/page0_crop_0.png\tcafe\u0301\n", encoding="utf-8")
    assert load_labels("rec", str(line_set / "n.txt"))[0][0].text == "caf\u00e9"


def test_lmdb(line_set: Path, tmp_path: Path) -> None:
    folder = tmp_path / "db"
    with lmdb.open(str(folder), map_size=1 << 20) as database, database.begin(write=True) as transaction:
        transaction.put(b"num-samples", b"3")
        for i in (1, 2):
            transaction.put(f"image-{i:09d}".encode(), (line_set / f"images/page{i % 2}_crop_{i}.png").read_bytes())
            transaction.put(f"label-{i:09d}".encode(), ("two", "three")[i - 1].encode())
    samples, report = load_labels("rec", str(folder), LoadOptions(decode=True))
    assert [s.text for s in samples] == ["two", "three"]
    assert report.counts == {"missing file": 1}
    assert read_image(samples[1].paths[0]).shape[0] == 24
    with pytest.raises(DataError, match="recognition sets only"):
        load_labels("det", str(folder))


def test_sets_that_cannot_be_used_are_one_clear_error(line_set: Path, tmp_path: Path) -> None:
    (line_set / "empty.txt").write_text("\n", encoding="utf-8")
    (line_set / "latin1.txt").write_bytes("images/page0_crop_0.png\tz\xf6".encode("latin-1"))
    cases = {
        str(line_set / "empty.txt"): "no usable rec sample .it is empty",
        str(line_set / "none.txt"): "no such label file or folder",
        str(line_set / "images"): "a folder without labels.jsonl or data.mdb",
        str(line_set / "latin1.txt"): "not UTF-8",
    }
    for source, message in cases.items():
        with pytest.raises(DataError, match=message):
            load_labels("rec", source)
    with pytest.raises(DataError, match="charset lacks characters of 6 of 6 labels"):
        load_labels("rec", str(line_set / "rec.txt"), LoadOptions(charset=tuple("xyz")))
    with pytest.raises(DataError, match="no such image folder"):
        load_labels("rec", str(line_set / "rec.txt"), LoadOptions(root=str(tmp_path / "gone")))
    with pytest.raises(DataError, match="no task 'layout'"):
        load_labels("layout", str(line_set))


def test_the_real_sets_are_read(shared: Path) -> None:
    assert load_labels("det", str(shared / "data/icdar2015/dev"))[1].usable == 60
    assert load_labels("rec", str(shared / "data/cyrillic-lines/dev"))[1].usable == 150


def test_paths_with_backslashes_are_found(line_set: Path) -> None:
    label, _, text = (line_set / "rec.txt").read_text("utf-8").splitlines()[0].partition("\t")
    (line_set / "windows.txt").write_text(label.replace("/", "\\") + "\t" + text + "\n", encoding="utf-8")
    samples, report = load_labels("rec", str(line_set / "windows.txt"))
    assert "\\" in label.replace("/", "\\")
    assert not report.problems
    assert Path(samples[0].paths[0]) == line_set / label


def test_a_set_without_a_usable_line_names_lines_and_reasons(line_set: Path, page_set: Path) -> None:
    (line_set / "space.txt").write_text("images/a.png one\nimages/b.png two\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"2 label not understood.*(?s:.)*space\.txt:2: no tab between path and label"):
        load_labels("rec", str(line_set / "space.txt"))
    (page_set / "single.txt").write_text("a.png\t[{'transcription': 'one', 'points': [[0, 0]]}]\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"single\.txt:1: not JSON .*double quotes"):
        load_labels("det", str(page_set / "single.txt"))
