"""The text of a page."""

import numpy as np

from inkline.types import Document, Line, Page


def line(text, x, y, w, h=20, **more):
    quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
    return Line(text, 0.9, quad, quad, **more)


def text(*lines):
    return Page(lines, (800, 800)).text


def test_rows_stay_rows():
    tea, price, total = line("Tea", 10, 10, 60), line("4.20", 400, 13, 50), line("Total", 10, 40, 80)
    assert text(tea, price, total) == "Tea\t4.20\nTotal"


def test_a_row_that_fell_into_pieces_is_one_text():
    assert text(line("Dear", 10, 10, 60), line("reader", 76, 11, 90)) == "Dear reader"


def test_paragraphs_stand_apart_and_vertical_lines_are_lines():
    first, second = line("one", 10, 10, 60), line("two", 10, 80, 60, paragraph=1)
    assert text(first, second) == "one\n\ntwo"
    assert text(line("右", 300, 10, 20, 200, angle=90), line("左", 260, 10, 20, 200, angle=90)) == "右\n左"
    assert text() == ""


def test_pages_and_documents_are_shown_in_a_line():
    word = line("word", 0, 0, 60)
    page = Page((word,) * 23, (800, 600), "scan.pdf", 2)
    assert repr(page) == "<Page 'scan.pdf' page 3: 23 lines, 800 x 600 px>"
    assert repr(Page((word,), (8, 6))) == "<Page: 1 line, 8 x 6 px>"
    assert repr(Document((page, page), "scan.pdf")) == "<Document 'scan.pdf': 2 pages>"
    assert repr(Document((page,))) == "<Document: 1 page>" and repr(page.detections) == "<Detections: 0 boxes>"


def test_signs_next_to_a_blank_stand_without_a_space_beside_it():
    row = [line("E-mail:", 10, 10, 60), line("____", 78, 10, 60), line("@", 139, 10, 20), line("____", 160, 10, 60)]
    assert text(*row, line("here", 224, 10, 40)) == "E-mail: ____@____ here"
