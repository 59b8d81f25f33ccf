"""Which lines to look at: the fewest that leave no more than the share of wrong lines that is allowed."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inkline.cli import main
from inkline.errors import UsageError
from inkline.formats.line_geometry import place_words
from inkline.formats.review import COLUMNS, to_review
from inkline.formats.write import render
from inkline.types import Document, Line, Page

QUAD = np.array([[10, 20], [110, 20], [110, 40], [10, 40]], np.float32)


def line(text: str, confidence: float | None, **more) -> Line:
    return Line(text, 0.99, QUAD, QUAD, confidence=confidence, **more)


def document(*confidences: float | None) -> Document:
    lines = tuple(line(f"line {i}", confidence) for i, confidence in enumerate(confidences))
    return Document((Page(lines[:2], (200, 100), "a.pdf", 0), Page(lines[2:], (200, 100), "a.pdf", 1)))


def test_the_list_is_the_shortest():
    confidences = [0.99, 0.5, 0.999, 0.9, 0.97]
    assert to_review(confidences, 0.02) == [1, 3]  # the mean doubt of the others is 0.0137
    assert to_review(confidences, 0.04) == [1] and to_review(confidences, 1.0) == [] == to_review([], 0.1)
    assert to_review(confidences, 0.0) == [1, 3, 4, 0, 2]


def test_a_document_says_which_lines_on_which_page():
    found = document(0.99, 0.4, 0.3, 0.98).review(0.02)
    assert [(one.page.page_index, one.number) for one in found.lines] == [(1, 0), (0, 1)]
    assert found.expected == pytest.approx(0.015) and found.total == 4
    assert str(found).splitlines() == [
        "look at 2 of 4 lines (50.0 %): of the other 2 1.50% are expected to be wrong",
        "most lines are on this list, as 2.00% is little for so doubtful a text; a look at 1 of 4 leaves 21.00%",
        "a.pdf, page 2, line 1, 30 %: line 2",
        "a.pdf, page 1, line 2, 40 %: line 1",
    ]
    assert document(1.0, 1.0, 1.0).pages[0].review(0.0).lines == ()


def test_a_share_that_cannot_be_kept_or_only_by_listing_most_lines_is_said():
    few, most, all_lines = (document(0.99, 0.98, 0.97, 0.4).review(share) for share in (0.03, 0.012, 0.001))
    assert few.note == "" == few.to_dict()["review"]["note"]
    assert most.note.startswith("most lines are on this list, as 1.20%") and most.note.endswith("1 of 4 leaves 2.00%")
    assert all_lines.note.startswith("0.10% cannot be promised without a look at every line: the surest may be wrong by 1.00%")
    assert str(all_lines).splitlines()[1] == all_lines.note == all_lines.to_dict()["review"]["note"]


def test_lines_that_could_not_be_read_come_first_and_unknown_confidence_is_said():
    lost = replace(line("", 0.0), unread=True)
    page = Page((line("tab\there", 0.6), lost, line("sure", 1.0)), (200, 100))
    rows = [row.split("\t") for row in page.review(0.1).to_tsv().splitlines()]
    assert rows == [
        list(COLUMNS),
        ["", "", "2", "0.0000", "10", "20", "110", "40", ""],
        ["", "", "1", "0.6000", "10", "20", "110", "40", "tab here"],
    ]
    found = replace(page, source="a\tb\r\nc\u2028d.png").review(0.1)
    assert [row.split("\t")[:2] for row in found.to_tsv().splitlines()[1:]] == [["a b  c d.png", ""]] * 2
    assert str(found).splitlines()[-1] == "a b  c d.png, line 1, 60 %: tab here"
    with pytest.raises(UsageError, match="read them again"):
        document(0.9, None).review(0.1)
    with pytest.raises(UsageError, match=r"0\.05"):
        document(0.9).review(5)


def test_formats_have_it_where_they_take_a_confidence():
    page = Page((line("two words", 0.25),), (200, 100))
    assert [round(placed.word.confidence, 4) for placed in place_words(page.lines[0])] == [0.5946, 0.4204]
    assert (
        "x_wconf 59" in render(page, "hocr") and 'WC="0.5946"' in render(page, "alto") and 'PC="0.2500"' in render(page, "alto")
    )
    assert 'conf="0.2500"' in render(page, "page") and "\t59.4603" in render(page, "tsv")
    assert render(page, "csv").splitlines()[1].endswith(",two words,0,0.2500")
    values = json.loads(render(page, "json"))
    assert values["rec_scores"] == [0.99] and values["rec_confidences"] == [0.25]
    assert "rec_confidences" not in replace(page, settings={"rules": "reference"}).to_dict()
    assert "rec_confidences" not in Page((line("two", None),), (200, 100)).to_dict()


def test_the_command_lists_them(tmp_path, capsys):
    image = np.full((200, 700, 3), 255, np.uint8)
    cv2.putText(image, "Paid 1,250.00 on 3 May", (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2, cv2.LINE_AA)
    image[100:] = cv2.GaussianBlur(image[:100], (0, 0), 6.0)
    source = str(tmp_path / "page.png")
    cv2.imwrite(source, image)
    main(["ocr", source, "--review", "10%", "--save_path", str(tmp_path), "--format", "txt"])
    said = capsys.readouterr().err
    assert "look at 1 of 2 lines (50.0 %)" in said and f"listed in {tmp_path / 'review.tsv'}" in said
    assert "line 2" not in said
    rows = (tmp_path / "review.tsv").read_text("utf-8").splitlines()
    assert len(rows) == 2 and rows[1].split("\t")[:3] == [source, "", "2"]
    main(["ocr", source, "--review", "0.1", "--json"])
    page, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(page["rec_confidences"]) == 2 and [one["line"] for one in last["review"]["lines"]] == [2]


def test_two_streams_do_not_share_standard_output(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["ocr", "x.png", "--json", "--format", "pdf"])
    assert "--json and --format pdf both write to standard output: give one of them" in capsys.readouterr().err


@pytest.mark.parametrize("share", ["much", "-1", "200%"])
def test_what_is_no_share_is_refused(share, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["ocr", "x.png", "--review", share])
    assert "5% or 0.05" in capsys.readouterr().err
