"""Every text format against its golden, and what each promises beyond it."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest

from inkline import __version__
from inkline.errors import OutputError
from inkline.formats.records import with_short_lists
from inkline.formats.text import escape_markdown, join_lines
from inkline.formats.write import PER_PAGE, WRITERS, render, save, write
from inkline.types import Document, Line, Page
from tests.io import sample

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "io"
TEXT_FORMATS = ["layout", "md", "tsv", "csv", "jsonl", "hocr", "alto", "page"]


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


def results(name: str) -> Document:
    document = sample.document()
    return Document(document.pages[:1], document.source) if name in PER_PAGE else document


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_format_equals_its_golden(name: str) -> None:
    text = render(results(name), name)
    assert isinstance(text, str)
    path = GOLDEN / f"sample.{name}"
    text = text.replace(f"inkline {__version__}", "inkline VERSION").replace(f">{__version__}<", ">VERSION<")
    content = text.encode("utf-8", "backslashreplace")
    if os.environ.get("INKLINE_WRITE_GOLDENS") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", [n for n in WRITERS if n not in ("img", "pdf")])
def test_formats_hold_documents_without_text(name: str) -> None:
    empty = Document((Page((), (10, 10)),))
    assert render(empty, name) is not None
    if name not in PER_PAGE:
        assert render(Document(()), name) is not None


def test_tsv_has_tesseracts_columns_and_levels() -> None:
    rows = [row.split("\t") for row in str(render(sample.document(), "tsv")).splitlines()]
    assert rows[0] == [
        "level",
        "page_num",
        "block_num",
        "par_num",
        "line_num",
        "word_num",
        "left",
        "top",
        "width",
        "height",
        "conf",
        "text",
    ]
    assert {len(row) for row in rows} == {12}
    assert {row[0] for row in rows[1:]} == {"1", "2", "3", "4", "5"}
    assert ["5", "1", "3", "1", "2", "2", "131", "240", "74", "22", "72.000000", "boxes"] in rows


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(str(render(sample.document(), "csv")), newline="")))
    assert len(rows) == sum(len(page.lines) for page in sample.document())
    assert rows[6]["text"] == "and has \"two\" lines, 'quoted'."
    assert rows[-1]["page"] == "3" and float(rows[-1]["x1"]) == pytest.approx(20.4)


def test_jsonl_is_an_object_a_page() -> None:
    pages = [json.loads(row) for row in str(render(sample.document(), "jsonl")).split("\n")[:-1]]
    assert [page["page_index"] for page in pages] == [0, 1, 2]
    assert pages[2]["rec_texts"] == ["Last page"]


def test_layout_keeps_columns_side_by_side() -> None:
    page = str(render(sample.document(), "layout")).split("\f")[0].split("\n")
    row = next(row for row in page if "A paragraph" in row)
    assert "The right column begins here" in row
    starts = [row.index(text) for row in page for text in ("The right column", "and has", "• first") if text in row]
    assert len(starts) == 3 and max(starts) - min(starts) <= 1


def test_layout_sets_a_page_on_its_side_upright() -> None:
    upright = [sample.box(10, 10, 210, 30), sample.box(10, 40, 210, 60)]
    on_side = [sample.turned(10, 210, 200, 20, 90), sample.turned(40, 210, 200, 20, 90)]
    lines = tuple(
        sample.Line(text, 0.9, quad, straight)
        for text, quad, straight in zip(("first line here", "second line here"), on_side, upright, strict=True)
    )
    assert render(Page(lines, (100, 300)), "layout") == "first line here\nsecond line here\n"


def rows(
    *texts: str, width: float = 10.0, centred: bool = False, paragraph: int = 0, left: float = 0.0, top: float = 0.0
) -> list[Line]:
    """Lines one below the other, each as wide as its text."""
    out = []
    for i, text in enumerate(texts):
        half = len(text) * width / 2
        x, y = (300 - half if centred else left), top + 30 * i
        quad = np.array([[x, y], [x + 2 * half, y], [x + 2 * half, y + 20], [x, y + 20]], np.float32)
        out.append(Line(text, 1.0, quad, quad, paragraph=paragraph))
    return out


PROSE = (
    "The quick brown fox jumps over the lazy dog",
    "whose patience has been tried so often that",
    "it no longer looks up at all.",
)
ADDRESS = ("Harvard Medical School", "25 Shattuck Street", "Boston, Massachusetts 02115", "Tel. 617 432 1000")
VERSES = (
    "Shall I compare thee to a summer's day, my love?",
    "Thou art more lovely and more temperate by far;",
    "Rough winds do shake the buds of May,",
    "And summer's lease hath all too short a date at best.",
)
PROSE_IN_GERMAN = (
    "Das Haus am Fluss stand leer, und der alte",
    "Mann mit dem Hut ging jeden Abend um den",
    "Garten, in dem die Rosen und der Flieder",
    "Tag und Nacht so dufteten.",
)
MARGIN = "a line that is as wide as the page can be, so that all the others could be so"


@pytest.mark.parametrize(
    ("texts", "centred", "expected"),
    [
        (PROSE, False, " ".join(PROSE)),
        (ADDRESS, False, "  \n".join(ADDRESS)),
        (ADDRESS, True, "  \n".join(ADDRESS)),
        (("Signed by the director", "J. Smith"), False, "Signed by the director  \nJ. Smith"),
        (("Company Background", *PROSE), False, "Company Background\n\n" + " ".join(PROSE)),
        ((*PROSE, "Yours, Reynard"), False, " ".join(PROSE) + "  \nYours, Reynard"),
        (("1. The first", "2. The second"), False, "1. The first\n2. The second"),
        (
            ("1. The first of them", "all", "2. The next", "Thank you"),
            False,
            "1. The first of them all\n2. The next  \n   Thank you",
        ),
        (VERSES, False, "  \n".join(VERSES)),
        (VERSES, True, "  \n".join(VERSES)),
        (
            tuple(f"{verse} and so on as wide as the page is" for verse in VERSES * 2),
            False,
            "  \n".join(f"{verse} and so on as wide as the page is" for verse in VERSES * 2),
        ),
        (PROSE_IN_GERMAN, False, " ".join(PROSE_IN_GERMAN)),
        (("1) The first", "2) The second"), False, "1) The first\n2) The second"),
        (("2. Company Background", *PROSE), False, "2. Company Background\n\n" + " ".join(PROSE)),
        (("Company Background", *PROSE, "Yours, Reynard"), False, f"Company Background\n\n{' '.join(PROSE)}  \nYours, Reynard"),
        (("Buy", "- flour", "- sugar"), False, "Buy\n- flour\n- sugar"),
        (("1. - 5 °C", "2. 3 °C"), False, "1. \\- 5 °C\n2. 3 °C"),
        (
            ("Beside it the inter-", f"rupted words of {PROSE[0]}", *PROSE[1:]),
            False,
            f"Beside it the interrupted words of {' '.join(PROSE)}",
        ),
        (("+1 415 355", "# 7 of 9"), False, "+1 415 355  \n\\# 7 of 9"),
    ],
)
def test_markdown_keeps_the_breaks_that_a_writer_made(texts: tuple[str, ...], centred: bool, expected: str) -> None:
    lines = (*rows(*texts, centred=centred), *rows(MARGIN, paragraph=1, top=400.0))
    assert render(Document((Page(lines, (900, 500)),)), "md") == f"{expected}\n\n{MARGIN}\n"


def test_markdown_joins_prose_in_columns_that_are_narrow() -> None:
    beside = rows("Prose beside it, in", "a column of its own,", "which limits both of", paragraph=1, left=260.0)
    column = rows("Monday was a day that", "Tuesday would not know", "Wednesday had a word of", "Thursday on the matter.")
    text = render(Document((Page((*column, *beside, *rows(MARGIN, paragraph=2, top=400.0)), (900, 500)),)), "md")
    assert text.startswith(
        "Monday was a day that Tuesday would not know Wednesday had a word of Thursday on the matter.\n\nProse"
    )


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["a hy-", "phen"], "a hyphen"),
        (["Anglo-", "Saxon"], "Anglo- Saxon"),
        (["日本", "語"], "日本語"),
        (["one", "two"], "one two"),
        (["1-", "2"], "1- 2"),
    ],
)
def test_lines_of_a_paragraph_are_joined(lines: list[str], joined: str) -> None:
    assert join_lines(lines) == joined


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("# no heading", "\\# no heading"),
        ("1990. A year", "1990\\. A year"),
        ("a_b *c* <i> [d](e)", "a\\_b \\*c\\* \\<i> \\[d\\](e)"),
        ("&amp; & &#33;", "\\&amp; & \\&#33;"),
        ("- no item", "\\- no item"),
        ("---", "\\---"),
        ("6.25", "6.25"),
        ("-2 %", "-2 %"),
        ("#7", "#7"),
    ],
)
def test_markdown_signs_are_escaped(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped


def test_page_xml_of_several_pages_is_refused_but_saved_one_each(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="one page per file, not 3"):
        render(sample.document(), "page")
    paths = save(sample.document(), tmp_path, "page")
    assert [path.name for path in paths] == [f"a & b_{i}_res.page.xml" for i in range(3)]


@pytest.mark.parametrize("name", ["layout", "alto", "page", "md"])
def test_format_is_told_by_the_longest_ending(name: str, tmp_path: Path) -> None:
    from inkline.formats.write import suffix_of

    page = sample.document().pages[2]
    path = write(page, tmp_path / f"x{suffix_of(name)}")
    assert path.read_text() == render(page, name)


def test_parquet_reads_back() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    content = render(sample.document(), "parquet")
    assert isinstance(content, bytes)
    table = pq.read_table(io.BytesIO(content)).to_pylist()
    first = sample.document().pages[0].lines
    assert len(table) == len(first) + 1
    assert [row["page"] for row in table[-2:]] == [0, 2]
    assert table[4]["words"][1]["text"] == "boxes"
    np.testing.assert_array_equal(np.float32(table[9]["quad"]).reshape(4, 2), first[9].quad)
    assert table[16]["text"].endswith("lone ?") or table[16]["text"].endswith("lone \ufffd")


def test_lists_of_numbers_take_one_line_in_json():
    value = {
        "box": [1, 2.5, -3e-7, 4], "boxes": [[1, 2, 3, 4], [5, 6, 7, 8]], "poly": [[1, 2], [3, 4], [5, 6]], "empty": [],
        "text": ["[\n    1\n]", "a [", "1", "]"], "mixed": [1, "2", None], "nan": [float("nan"), 1],
    }  # fmt: skip
    text = with_short_lists(json.dumps(value, indent=4))
    assert repr(json.loads(text)) == repr(value)
    assert '"box": [1, 2.5, -3e-07, 4],' in text and '"poly": [[1, 2], [3, 4], [5, 6]],' in text
    assert "[1, 2, 3, 4],\n        [5, 6, 7, 8]" in text
