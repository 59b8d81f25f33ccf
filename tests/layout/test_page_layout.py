"""Rows, paragraphs and tables of drawn pages, their lines given as they were drawn."""

import time

import numpy as np
import pytest

from benchmarks.layout_pages import pages
from benchmarks.layouts import Score, laid_out, score
from inkline.formats.records import page_to_dict
from inkline.formats.text import render_layout, render_md
from inkline.formats.xml import render_alto, render_hocr, render_page_xml
from inkline.layout.page_layout import lay_out
from inkline.layout.tables import Grid
from inkline.types import Document, Line, Page


@pytest.fixture(scope="module")
def drawn_scores() -> dict[str, Score]:
    """What is right on three pages of each kind, in as many fonts and sizes."""
    scores: dict[str, Score] = {}
    for drawn in pages(3, seed=11):
        scores[drawn.kind] = scores.get(drawn.kind, Score()) + score(drawn, laid_out(drawn))
    return scores


def made_page(
    *placed: tuple[str, float, float], height: float = 20.0, skew: float = 0.0, sideways: tuple[str, ...] = ()
) -> Page:
    """A page of texts at their places (x, y), half a line's height a letter, its rows falling by `skew` per pixel.

    sideways: those texts that run down the page.
    """
    quads = []
    for text, x, y in placed:
        width, high = (height, 0.5 * height * len(text)) if text in sideways else (0.5 * height * len(text), height)
        x1 = x + width
        quads.append([[x, y + skew * x], [x1, y + skew * x1], [x1, y + high + skew * x1], [x, y + high + skew * x]])
    angles = [90 if text in sideways else 0 for text, _, _ in placed]
    layout = lay_out(np.array(quads, np.float32), angles, [text for text, _, _ in placed])
    lines = [
        Line(placed[i][0], 1.0, np.array(quads[i], np.float32), np.array(quads[i], np.float32),
             paragraph=int(layout.paragraph[k]), row=int(layout.row[k]), cell=layout.cell[k], at_right=bool(layout.at_right[k]))
        for k, i in enumerate(layout.order.tolist())
    ]  # fmt: skip
    return Page(tuple(lines), (1000, 1000))


TABLE = made_page(
    ("Item", 0, 0), ("Qty", 300, 0), ("Price", 500, 0),
    ("Widget", 0, 30), ("2", 300, 30), ("10.00", 500, 30),
    ("Cable for", 0, 60), ("10", 300, 60), ("1.25", 500, 60),
    ("Total", 0, 90), ("11.25", 500, 90),
)  # fmt: skip


def test_columns_are_read_one_after_the_other(drawn_scores):
    columns = sum((found for kind, found in drawn_scores.items() if "columns" in kind), Score())
    assert columns.followers.recall == 1 and columns.order.recall > 0.98


def test_words_are_joined_within_their_column(drawn_scores):
    columns = sum((found for kind, found in drawn_scores.items() if "columns" in kind), Score())
    assert columns.hyphens.truth > 20 and columns.hyphens.recall > 0.97


def test_a_rule_that_is_missing_between_two_of_four_columns_joins_no_cells():
    """Half of the lines stand in what is two columns."""
    placed = [(str(10 * k + c), 100.0 * c, 30.0 * k) for k in range(5) for c in range(4)]
    quads = np.array([[[x, y], [x + 40, y], [x + 40, y + 20], [x, y + 20]] for _, x, y in placed], np.float32)
    grid = Grid((-20.0, 80.0, 280.0, 360.0), (-5.0, 25.0, 150.0))
    layout = lay_out(quads, [0] * 20, [text for text, _, _ in placed], grids=[grid])
    assert [cell[1:3] for cell in layout.cell] == [(k, c) for k in range(5) for c in range(4)]


def test_tables_keep_rows_and_cells(drawn_scores):
    plain = sum((found for kind, found in drawn_scores.items() if kind.startswith("table") and "several" not in kind), Score())
    wrapped = sum((found for kind, found in drawn_scores.items() if "several" in kind), Score())
    assert plain.rows.recall == 1 and plain.cells.f1 == 1
    assert wrapped.cells.f1 > 0.9


def test_labels_and_values_are_one_row(drawn_scores):
    assert drawn_scores["form"].rows.recall > 0.95


def test_empty_cells_keep_their_columns():
    assert TABLE.text == "Item\tQty\tPrice\nWidget\t2\t10.00\nCable for\t10\t1.25\nTotal\t\t11.25"
    (table,) = TABLE.tables
    assert (table.rows, table.columns) == (4, 3) and table.texts[3] == ["Total", "", "11.25"]


def test_a_table_is_a_table_in_every_format_that_has_them():
    document = Document((TABLE,))
    assert "| Item | Qty | Price |\n| --- | --- | --- |\n| Widget | 2 | 10.00 |" in render_md(document)
    assert page_to_dict(TABLE)["tables"][0]["cells"][4] == {
        "row": 1, "column": 1, "column_span": 1, "text": "2", "lines": [4],
    }  # fmt: skip
    assert render_hocr(document).count("<td") == 12 and 'class="ocr_table"' in render_hocr(document)
    assert 'TYPE="table"' in render_alto(document)
    assert '<TableCellRole rowIndex="3" columnIndex="2"' in render_page_xml(document)


def test_a_label_without_a_value_is_no_further_line_of_the_label_above():
    rows = [("1", "Ribs Platter", "259.90"), ("1", "Sour Apple Mojito", "18.90"), ("2", "Berry Easy", "37.80")]
    sums = [("", "Sub-total:", "316.60"), ("", "(Inclusive) GST 6%", "17.92"), ("", "Total :", ""), ("", "Total:", "316.60")]
    cells = [(text, x, 21.0 * k) for k, row in enumerate(rows + sums) for text, x in zip(row, (0.0, 60.0, 320.0), strict=True)]
    page = made_page(*(cell for cell in cells if cell[0]))
    assert [line.strip() for line in page.text.splitlines()][-3:] == ["(Inclusive) GST 6%\t17.92", "Total :", "Total:\t316.60"]


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
@pytest.mark.parametrize("below", [(), (("02/03/2019 10:15", 0, "4711"),)])
def test_a_summary_with_more_columns_than_the_receipt_around_it_is_a_table_of_its_own(height, below):
    """Its middle column went into the first, as long rows above reach over it."""
    items = [("1x 0004711", 1, "5.90"), ("SOAP DISH WHITE", 2, ""), ("1x 0004712", 1, "7.00"), ("WOODEN CLIP", 2, "")]
    sums = [("Sub-total", 0, "12.90"), ("Total After Adj Incl GST", 0, "12.90"), ("Item Count 2 Change Amt", 0, "7.10")]
    summary = [("GST Summary", "Amount", "Tax"), ("SR 6%", "12.17", "0.73"), ("Total", "12.17", "0.73")]
    placed = [(text, x, k, value) for k, (text, x, value) in enumerate([*items, *sums])]
    placed += [(text, x, k + 10, value) for k, (text, x, value) in enumerate(below)]
    cells = [(text, x * height, 1.3 * height * k) for text, x, k, _ in placed]
    cells += [(value, (18 - len(value) / 2) * height, 1.3 * height * k) for _, _, k, value in placed if value]
    cells += [
        (text, x * height, 1.3 * height * (k + 7))
        for k, row in enumerate(summary)
        for text, x in zip(row, (0, 9, 16), strict=True)
    ]
    page = made_page(*cells, height=height)
    rows = page.text.split("\n")
    assert [row for row in rows if row in ["\t".join(row) for row in summary]] == ["\t".join(row) for row in summary]
    assert "Total After Adj Incl GST\t12.90" in rows and "Item Count 2 Change Amt\t7.10" in rows
    assert all("\t".join((text, value)) in rows for text, _, value in below)
    assert [list(row) for row in summary] in [table.texts for table in page.tables]


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
@pytest.mark.parametrize("sign", ["$", "€", "RM"])
@pytest.mark.parametrize("signed", [(1, 4), (1, 2, 3, 4)])
def test_a_sign_of_money_is_in_the_cell_of_its_number(height, sign, signed):
    """At the left edge of a column it was a column of its own."""
    rows = [("Sales", "1,250", "980"), ("Wages", "(315)", "(290)"), ("Rent", "(85)", "(85)"), ("Profit", "850", "605")]
    cells = [(text, x, 0) for text, x in (("", 0), ("2011", 13), ("2010", 22))]
    for k, row in enumerate(rows, 1):
        cells.append((row[0], 0, k))
        cells += [(text, x - len(text) / 2, k) for text, x in zip(row[1:], (15, 24), strict=True)]
        cells += [(sign, x, k) for x in (9.5, 18.5) if k in signed]
    page = made_page(*((text, x * height, 1.6 * height * k) for text, x, k in cells if text), height=height)
    (table,) = page.tables
    shown = [[f"{sign} {text}" if k in signed else text for text in row[1:]] for k, row in enumerate(rows, 1)]
    assert [row[-2:] for row in table.texts[-4:]] == shown
    assert f"Sales\t{sign} 1,250\t{sign} 980" in page.text
    # Signs below a head of their own are a column, and so are units.
    units = [("Test", "Sum", "Unit"), ("pH", "6.5", "%"), ("Delta", "7", "%")]
    currencies = [("Town", "Unit", "Sum"), ("Bonn", sign, "6.50"), ("Graz", sign, "7.25")]
    for rows in (units, currencies):
        texts = [
            (text, x * height, 1.6 * height * k) for k, row in enumerate(rows) for text, x in zip(row, (0, 10, 20), strict=True)
        ]
        assert [table.texts for table in made_page(*texts, height=height).tables] == [[list(row) for row in rows]]


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
@pytest.mark.parametrize("x", [-4.0, 45.0])
def test_a_number_down_the_margin_is_in_no_row_of_a_form(height, x):
    """It was the value of the label whose row it stands beside, and its letters were those of others."""
    form = [(f"Label {k}:", f"value of {k}") for k in range(12)]
    placed = [(text, x, 1.5 * k) for k, row in enumerate(form) for text, x in zip(row, (0, 20), strict=True)]
    margin = [("8", x, 6.0), ("5", x, 7.0), ("4711", x, 8.1), ("92 S", x, 10.5)]
    page = made_page(
        *((text, a * height, b * height) for text, a, b in placed + margin), height=height, sideways=("4711", "92 S")
    )
    rows = [row for row in page.text.split("\n") if row]
    assert rows == [*("\t".join(row) for row in form), "8 5 4711 92 S"]
    # A figure alone that is higher than wide is none, and heads of columns that stand so are in their table.
    page = made_page(
        *((text, a * height, b * height) for text, a, b in [*placed, ("0", x, 1.5)]), height=height, sideways=("0",)
    )
    assert page.lines[-1].text != "0"
    heads = [(f"head {k}", 20 + 3 * k, -4.0) for k in range(4)]
    cells = [(text, 20 + 3 * k, 1.5 * row) for row in range(12) for k, text in enumerate("1234")]
    names = tuple(text for text, _, _ in heads)
    page = made_page(
        *((text, a * height, b * height) for text, a, b in placed[::2] + heads + cells), height=height, sideways=names
    )
    assert [line.text for line in page.lines[:4]] == list(names)


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
def test_what_stands_below_a_wide_strip_of_paper_is_read_after_what_is_above(height):
    """The names right of a form's labels were read behind a list far below these, as two columns."""
    labels = [("PROJECT CODE", 0, 0), ("PROJECT LEADER", 0, 3), ("PROJECT OBJECTIVE", 0, 6), ("OTHERS", 0, 15.4)]
    values = [
        ("Sundial", 20, 0),
        ("E. P. Hill", 20, 3),
        ("To build a large dial of slate,", 20, 6),
        ("of brass and of oak, to be set", 20, 8),
    ]
    values += [("up in the court of the school", 20, 10), ("or on its southern wall", 20, 12), ("J. E. Mann", 20, 15.4)]
    below = [(name, 3, 25 + k) for k, name in enumerate(("RSS", "RDC", "PHL", "PRC", "BMC", "Records", "Leader", "Others"))]
    names = [("Approved by", 30, 25.4), ("R. S. Reed", 30, 28.6)]
    page = made_page(*((text, x * height, y * height) for text, x, y in labels + values + below + names), height=height)
    read = [line.text for line in page.lines]
    assert max(map(read.index, (text for text, _, _ in labels + values))) < min(
        read.index(text) for text, _, _ in below + names
    )


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
def test_tight_rows_below_loose_ones_stay_rows(height):
    """Rows of several cells, each with a capital or a figure, were further lines of the row above."""
    loose = [(f"NAME {k}", "Levinson", "Date") for k in range(5)]
    tight = [("Newport KS", "Kent GL", "Kent III"), ("Newport LTS", "True", "Kent KS"), ("Newport 100", "Tall", "True KS")]
    rows = [(row, 3.0 * k) for k, row in enumerate(loose)] + [(row, 15.0 + 1.1 * k) for k, row in enumerate(tight)]
    page = made_page(
        *((text, x * height, y * height) for row, y in rows for text, x in zip(row, (0, 10, 20), strict=True)), height=height
    )
    assert [row for row in page.text.split("\n") if row] == ["\t".join(row) for row in loose + tight]


@pytest.mark.parametrize("height", [12.0, 20.0, 34.0])
@pytest.mark.parametrize("middle", [0.0, 0.55])
def test_a_further_line_of_a_label_that_ends_in_a_colon_is_in_its_cell(height, middle):
    """The label's second line was a row of its own, without a value. middle: how far below the first line the value is."""
    labels = [
        ("Position", ""),
        ("Net assets at the", "Beginning of the Year:"),
        ("Contributions by", "members and donors:"),
        ("Difference", ""),
    ]
    values = [("No.", "Value"), ("1", "1,250"), ("2", "340"), ("3", "120")]
    placed = [(text, 0.0, 3.2 * k + 1.1 * n) for k, label in enumerate(labels) for n, text in enumerate(label) if text]
    placed += [
        (text, x, 3.2 * k + middle * (0 < k < 3)) for k, row in enumerate(values) for text, x in zip(row, (16, 24), strict=True)
    ]
    page = made_page(*((text, x * height, y * height) for text, x, y in placed), height=height)
    [table] = page.tables
    assert table.texts == [[" ".join(filter(None, label)), *value] for label, value in zip(labels, values, strict=True)]
    # Behind a first column, where rows are as near as lines of a cell, what goes on with a small letter is no label.
    rows = [
        ("1", "Screws, zinc plated", "250.00"),
        ("", "of which galvanised:", ""),
        ("2", "Oak boards", "80.00"),
        ("3", "Glue", "9.50"),
    ]
    cells = [(text, x, 1.1 * k) for k, row in enumerate(rows) for text, x in zip(row, (0, 4, 20), strict=True) if text]
    page = made_page(*((text, x * height, y * height) for text, x, y in cells), height=height)
    assert page.tables[0].texts[0] == ["1", "Screws, zinc plated of which galvanised:", "250.00"]
    # Below a label that has its colon, and below a number, it is the next label, however near.
    for k, text, x in ((1, "Contributions:", 0.0), (2, "Date:", 24.0)):
        rows = [("Assets:", "1", "1,250"), ("Payments:", "2", "340"), ("Rest", "3", "313195"), ("Sum", "4", "9")]
        cells = [(text, x, 3.2 * k) for k, row in enumerate(rows) for text, x in zip(row, (0, 16, 24), strict=True)]
        page = made_page(*((text, a * height, b * height) for text, a, b in [*cells, (text, x, 3.2 * k + 1.1)]), height=height)
        assert text in page.tables[0].texts[k + 1] and page.tables[0].rows == 5


def test_a_list_is_no_table():
    items = [(text, x, 30.0 * i) for i in range(5) for text, x in (("-", 0.0), ("some item", 40.0))]
    assert made_page(*items).tables == ()


def test_an_amount_in_large_letters_is_no_heading():
    body = [Line("Some words of text", 1.0, *[np.array([[0, y], [300, y], [300, y + 20], [0, y + 20]], np.float32)] * 2,
                 paragraph=0) for y in range(0, 150, 30)]  # fmt: skip
    large = [np.array([[0, 200], [500, 200], [500, 240], [0, 240]], np.float32)] * 2
    for text, marked in (("Total Payable: 20.21", False), ("Terms of payment", True)):
        page = Page((*body, Line(text, 1.0, *large, paragraph=1)), (600, 400))
        assert ("# " in render_md(Document((page,)))) == marked


def test_paragraphs_are_apart_and_tight_rows_are_not():
    page = made_page(*[("words of a line here", 0, y) for y in (0, 24, 48, 100, 124)])
    assert page.text.count("\n\n") == 1 and page.text.count("\n") == 5


def test_a_line_at_the_right_stays_there():
    page = made_page(("The first line of a letter", 0, 0), ("12 May", 900, 40), ("Another line of it", 0, 80))
    assert "\t12 May" in page.text


def test_rows_of_a_skewed_page_stay_rows():
    rows = [(text, x, 40.0 * i) for i in range(6) for text, x in (("label and words", 0.0), (f"value {i}", 700.0))]
    page = made_page(*rows, skew=0.26)
    assert page.text.split("\n") == [f"label and words\tvalue {i}" for i in range(6)]
    assert len(render_layout(Document((page,))).strip().split("\n")) <= 18


@pytest.mark.parametrize("size", [(0, 0), (80, 0), (0, 8)])
def test_boxes_without_a_width_or_height_are_laid_out(size):
    low = np.array([[100 * (i % 4), 10 * (i // 4)] for i in range(40)], np.float32)
    x0, y0, x1, y1 = *low.T, *(low + np.float32(size)).T
    quads = np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1).reshape(-1, 4, 2)
    assert sorted(lay_out(quads, [0] * 40, ["a few words"] * 40).order.tolist()) == list(range(40))


def test_a_staircase_of_two_thousand_boxes_is_laid_out_in_seconds():
    low = np.arange(2000, dtype=np.float32)[:, None] * np.float32([30, 5])
    x0, y0, x1, y1 = *low.T, *(low + np.float32([25, 20])).T
    quads = np.stack([x0, y0, x1, y0, x1, y1, x0, y1], axis=1).reshape(-1, 4, 2)
    start = time.thread_time()
    assert len(lay_out(quads, [0] * 2000, ["a few words"] * 2000).order) == 2000
    assert time.thread_time() - start < 10  # two now; weighing gutters between lines that are not beside each other took 30


def test_words_above_a_table_are_no_head_of_it():
    page = made_page(
        ("Jonas Hartmann", 0, 0), ("PAID", 420, 0),
        ("Item", 0, 90), ("Qty", 300, 90), ("Price", 500, 90),
        ("Widget", 0, 135), ("2", 300, 135), ("10.00", 500, 135),
        ("Cable", 0, 180), ("10", 300, 180), ("12.50", 500, 180),
        ("Total", 0, 225), ("22.50", 500, 225),
    )  # fmt: skip
    (table,) = page.tables
    assert table.texts[0] == ["Item", "Qty", "Price"] and len(table.texts) == 4


def test_what_stands_in_a_grid_is_one_table_wherever_a_gutter_lies():
    running = "Words that fill the column and run on"
    texts = [(f"{running} {i}", x, 30.0 * i) for x in (0, 500) for i in range(12)]
    cells = [(f"{side} {i}", x, 400 + 30.0 * i) for i in range(8) for side, x in (("left", 10), ("right", 510))]
    placed = [*texts, *cells]
    quads = np.array([[[x, y], [x + 10 * len(t), y], [x + 10 * len(t), y + 20], [x, y + 20]] for t, x, y in placed], np.float32)
    grid = Grid((0.0, 480.0, 960.0), tuple(395 + 30.0 * i for i in range(9)))
    layout = lay_out(quads, [0] * len(placed), [text for text, _, _ in placed], grids=[grid])
    assert layout.order.tolist()[24:] == list(range(24, 40))
    assert [cell[1:3] for cell in layout.cell[24:]] == [(i, j) for i in range(8) for j in range(2)]


def test_what_stands_right_of_a_ruled_table_is_read_after_it_and_what_stands_left_before():
    cells = [(f"{name} {i}", x, 100 + 30.0 * i) for i in range(8) for name, x in (("a", 210), ("b", 310))]
    left = [("Mark", 100, 280.0)]
    right = [("See the notes", 450, 110.0), ("on page 9", 450, 140.0)]
    placed = [("Title of this page", 10, 10.0), *left, *cells, *right, ("Below all this stands a line", 10, 400.0)]
    quads = np.array([[[x, y], [x + 9 * len(t), y], [x + 9 * len(t), y + 20], [x, y + 20]] for t, x, y in placed], np.float32)
    grid = Grid((200.0, 300.0, 400.0), tuple(95 + 30.0 * i for i in range(9)))
    layout = lay_out(quads, [0] * len(placed), [text for text, _, _ in placed], grids=[grid])
    assert layout.order.tolist() == list(range(len(placed)))


def test_values_typed_higher_than_their_labels_stand_in_their_rows():
    # Eleven lines at the left, of which six are labels, and as many at the right: unlike columns, these name each other.
    labels = ["Project code:", "Project name:", "Leader:", "Requested by:", "Objective:"]
    values = ["BTF 16", "Sundial", "E. P. Hill", "R. S. Reed", "To build a large dial of"]
    page = made_page(
        ("To: Files", 0, 0), ("CONFIDENTIAL", 500, 4),
        *((label, 0, 200 + 43 * k) for k, label in enumerate(labels)),
        *((value, 300, 190 + 43 * k) for k, value in enumerate(values)),
        ("slate and of brass, to be set up", 300, 393), ("in the court of the school, on a", 300, 423),
        ("pillar of stone", 300, 453),
        ("Other persons", 0, 514), ("J. E. Mann", 300, 519), ("assigned:", 0, 533), ("D. E. Caw", 300, 549),
        ("Approved by:", 500, 660), ("EPH:ODL", 0, 730), ("R. S. Reed, III", 500, 730),
        ("cc: BMC", 0, 760), ("JEM/DEC", 0, 785),
    )  # fmt: skip
    rows = page.text.split("\n")
    assert rows[0] == "To: Files\tCONFIDENTIAL"
    assert [row for row in rows if row.split("\t")[0] in labels[:4]] == [
        f"{label}\t{value}" for label, value in zip(labels[:4], values, strict=False)
    ]
    assert any(row.startswith("Objective:\tTo build a large dial of") for row in rows)


def test_labels_of_blanks_in_two_columns_are_no_rows():
    left, right = (["Name:", "Street:", "Town:", "Phone:"], ["Seller:", "Date:", "Place:", "Sum:"])
    texts = [f"running text of some words {k}" for k in range(8)]
    page = made_page(
        *((text, 0, 30 * k) for k, text in enumerate(texts)), *((label, 0, 250 + 31 * k) for k, label in enumerate(left)),
        *((text, 500, 13 + 27 * k) for k, text in enumerate(texts)),
        *((label, 500, 261 + 29 * k) for k, label in enumerate(right)),
    )  # fmt: skip
    assert [line.text for line in page.lines] == [*texts, *left, *texts, *right]


def test_a_frame_around_a_form_is_no_table_and_its_rows_stay():
    """All of a large box came out as one row of two cells."""
    rows = [
        ("LITERATURE SURVEYED", "DATES"),
        ("Toxline", "1974-"),
        ("Registry", "1981"),
        ("Abstracts", "1966"),
        ("Flavors", "1957-"),
    ]
    placed = [("NAME", 100, 60), ("Bell", 560, 60)]
    placed += [(text, x, 120 + 60 * i) for i, row in enumerate(rows) for text, x in zip(row, (100, 560), strict=True)]
    quads = np.array([[[x, y], [x + 150, y], [x + 150, y + 20], [x, y + 20]] for _, x, y in placed], np.float32)
    texts = [text for text, _, _ in placed]
    grid = Grid((90.0, 550.0, 900.0), (50.0, 100.0, 420.0))
    layout = lay_out(quads, [0] * len(placed), texts, grids=[grid])
    first = layout.order.tolist().index(placed.index(("Toxline", 100, 180)))
    assert all(cell is None or cell.row > 0 for cell in layout.cell[first:]), "cells of the frame"
    torn = [cell for cell in layout.cell if cell is not None]
    assert len({(cell.row, cell.column) for cell in torn}) == len(torn)
    # Cells of several lines that are as near as those of a text are cells.
    tight = np.concatenate([quads[:2], [quads[2 + i] - [0, 36.0 * (i // 2)] for i in range(10)]]).astype(np.float32)
    layout = lay_out(tight, [0] * len(placed), ["some words"] * len(placed), grids=[grid])
    assert [cell.row for cell in layout.cell] == [0, 0] + [1] * 10
    # Unless they are numbers below each other, which are rows.
    layout = lay_out(tight, [0] * len(placed), texts, grids=[grid])
    assert [cell.row for cell in layout.cell] == [k // 2 for k in range(12)]


@pytest.mark.parametrize("high", [12.0, 20.0, 36.0])
@pytest.mark.parametrize("xs", [(0.0, 14.0, 28.0), (0.0, 14.0, 20.0, 28.0)])
def test_rows_and_columns_between_few_rules_are_those_of_the_table(high, xs):
    """All of a frame with a head and some rules between columns came out as one row."""
    rows = [
        ("Item", "2011", "2012"),
        ("Cost", "4.10", "3.00"),
        ("Rent", "12.00", "1.5"),
        ("Tax", "0.1", ""),
        ("Sum", "16.2", "4.5"),
    ]
    placed = [(text, x, 1.4 * k) for k, row in enumerate(rows) for text, x in zip(row, (1, 15, 22), strict=True) if text]
    if len(xs) == 3:  # the first two columns stand between two rules
        placed = [(text, x - 6 if x == 15 else x, y) for text, x, y in placed]
    boxes = [[x, y + 0.1, x + 0.5 * len(text), y + 1.1] for text, x, y in placed]
    quads = high * np.array([[[a, b], [c, b], [c, d], [a, d]] for a, b, c, d in boxes], np.float32)
    grid = Grid(tuple(high * x for x in xs), (0.0, 1.3 * high, 7.2 * high))
    layout = lay_out(quads, [0] * len(placed), [text for text, _, _ in placed], grids=[grid])
    assert [placed[i][0] for i in layout.order] == [text for row in rows for text in row if text]
    assert [cell[1:3] for cell in layout.cell] == [(k, c) for k, row in enumerate(rows) for c in range(3) if row[c]]


@pytest.mark.parametrize("height", [12.0, 20.0, 36.0])
@pytest.mark.parametrize("gap", [0.4, 1.3])
@pytest.mark.parametrize("parted", [False, True])
def test_ruled_cells_of_any_spacing_stay_cells(height, gap, parted):
    """Cells of a contract with double spacing were read across, or column by column. parted: with a value beside each line."""
    heads = [("Strengths", "Weaknesses"), ("Chances", "Threats")]
    points = ("Skilled staff", "low prices", "Good location", "in a town")
    pitch = 1 + gap
    placed, cells = [], []
    for r, row in enumerate(heads):
        for c, head in enumerate(row):
            lines = [head, *(f"{point} {r}{c}" for point in points)]
            inside = [(text, 0.5 + 25 * c, 0.5 + 5.5 * pitch * r + pitch * n) for n, text in enumerate(lines)]
            inside += [(f"value {n}", x + 16, y) for n, (_, x, y) in enumerate(inside) if parted and n]
            placed += inside
            cells += [(r, c)] * len(inside)
    boxes = [[x, y, x + 0.5 * len(text), y + 1] for text, x, y in placed]
    quads = height * np.array([[[a, b], [c, b], [c, d], [a, d]] for a, b, c, d in boxes], np.float32)
    grid = Grid(tuple(height * x for x in (0.0, 25.0, 50.0)), tuple(height * (0.2 + 5.5 * pitch * k) for k in range(3)))
    layout = lay_out(quads, [0] * len(placed), [text for text, _, _ in placed], grids=[grid])
    found = {int(i): None if cell is None else cell[1:3] for i, cell in zip(layout.order, layout.cell, strict=True)}
    assert [found[i] for i in range(len(placed))] == cells
