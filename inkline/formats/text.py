"""Text formats: plain text, plain text that keeps the layout, and Markdown. Each ends in a newline unless it is empty."""

import math
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from inkline.formats.line_breaks import kept_breaks
from inkline.formats.line_geometry import advance_width, is_sideways, line_height, lines_by_paragraph
from inkline.layout.skew import page_skew, straight_boxes
from inkline.types import Document, Line, Page, Table, row_text, rows_of, tables_of

# Layout text, in character cells of a monospaced font
MAX_LAYOUT_CELLS = 400  # a page is never wider
COLUMN_SNAP_CELLS = 0.75  # by which the left edges of lines in one column may differ from one to the next
MAX_EMPTY_ROWS = 2  # between two rows of text
ROW_PITCH = 1.2  # distance of two rows as a multiple of their height

# Markdown: a paragraph of at most MAX_HEADING_LINES is a heading when its letters are this many times as high as is usual.
HEADING_RATIOS = ((1.9, "# "), (1.45, "## "))
MAX_HEADING_LINES = 3
MIN_TEXT_BELOW_TITLE = 80  # characters of running text below a short row that ends in no sign
MAX_TITLE_SHARE = 0.75  # of the characters of the longest row of that text
MIN_LINES_FOR_HEADINGS = 5  # with fewer lines on the page nobody can tell what is usual

MIN_TITLE_LETTERS = 0.6  # of a heading's characters
MIN_LETTERS = 2  # of a heading; one alone is an initial or a mark

_SIGNS = re.compile(r"([\\`*_\[\]<|~])")
_AMOUNT = re.compile(r"\d[.,]\d\d\b|[$€£¥%]|: *[\d(+-]|:$")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_BULLET = re.compile(r"^[•◦▪●‣∙·–—-]\s+")
_ITEM = re.compile(r"- |\d+[.)] ")
_NUMBERED = re.compile(r"^(\d{1,3})([.)])\s+")


def render_txt(document: Document) -> str:
    """One row of the page per line, a tab within rows, an empty line between paragraphs, a form feed between pages."""
    text = document.text
    return text + "\n" if text else ""


def render_layout(document: Document) -> str:
    """Every line at its place on a grid of character cells, columns side by side, a form feed between pages."""
    text = "\n\f".join("\n".join(_layout_page(page)) for page in document.pages)
    return text + "\n" if text.strip("\n\f") else ""


@dataclass
class _LaidOutLine:
    """A line and its bounds in straight pixels, so that a page lying on its side gives straight rows."""

    line: Line
    left: float
    top: float
    right: float
    bottom: float


@dataclass
class _Row:
    """Lines that stand side by side; top and bottom in straight pixels."""

    top: float
    bottom: float
    lines: list[_LaidOutLine]

    def has_room_for(self, line: _LaidOutLine) -> bool:
        """Whether the line overlaps none of the row's lines, and shares more than half of the smaller height with it."""
        overlap = min(line.bottom, self.bottom) - max(line.top, self.top)
        apart = all(line.right <= other.left + 2 or line.left >= other.right - 2 for other in self.lines)
        return apart and overlap > 0.5 * min(line.bottom - line.top, self.bottom - self.top)


def _layout_page(page: Page) -> list[str]:
    shown = [line for line in page.lines if line.text.strip()]
    if not shown:
        return []
    quads = np.array([line.straight_quad for line in shown], np.float32)
    boxes = straight_boxes(quads, page_skew(quads)).tolist()
    lines = [_LaidOutLine(line, *box) for line, box in zip(shown, boxes, strict=True)]
    columns = _columns(lines, _cell_width(lines))
    rows = _rows(lines)
    out = [_row_text(rows[0], columns)]
    for above, row in pairwise(rows):
        # A wide gap becomes empty rows, in proportion to the text's height.
        height = max(1.0, min(row.bottom - row.top, above.bottom - above.top))
        gap = round((row.top - above.bottom) / (height * ROW_PITCH))
        out += [""] * min(MAX_EMPTY_ROWS, max(0, gap))
        out.append(_row_text(row, columns))
    return out


def _cell_width(lines: list[_LaidOutLine]) -> float:
    """Width of a character cell in pixels: small enough that most lines fit between their neighbours."""
    widths = []
    for item in lines:
        if not is_sideways(item.line):
            widths += [(item.right - item.left) / max(1, count_cells(item.line.text))] * len(item.line.text)
    page_width = max(item.right for item in lines) - min(item.left for item in lines)
    narrowest = page_width / MAX_LAYOUT_CELLS
    return max(float(np.median(widths)) if widths else narrowest, narrowest, 1e-6)


def _columns(lines: list[_LaidOutLine], cell_width: float) -> dict[float, int]:
    """The cell in which each line begins, by its left edge: edges that are nearly one share a column."""
    edges = sorted({item.left for item in lines})
    columns: dict[float, int] = {}
    group: list[float] = []
    for edge, after in zip(edges, [*edges[1:], math.inf], strict=True):
        group.append(edge)
        if after - edge > COLUMN_SNAP_CELLS * cell_width or after - group[0] > 2 * COLUMN_SNAP_CELLS * cell_width:
            columns |= dict.fromkeys(group, round((group[len(group) // 2] - edges[0]) / cell_width))
            group = []
    return columns


def _rows(lines: list[_LaidOutLine]) -> list[_Row]:
    """Lines sorted into rows from top to bottom."""
    rows: list[_Row] = []
    for item in sorted(lines, key=lambda item: item.top + item.bottom):
        if is_sideways(item.line):  # vertical writing is set as a row that begins at its first letter
            item.bottom = item.top + item.right - item.left
        row = next((row for row in reversed(rows[-4:]) if row.has_room_for(item)), None)
        if row is None:
            rows.append(_Row(item.top, item.bottom, [item]))
        else:
            row.lines.append(item)
            row.top, row.bottom = (row.top + item.top) / 2, (row.bottom + item.bottom) / 2
    return sorted(rows, key=lambda row: row.top + row.bottom)


def _row_text(row: _Row, columns: dict[float, int]) -> str:
    """The row's lines from left to right, each at its column or one space behind its neighbour."""
    out, width = "", 0
    for item in sorted(row.lines, key=lambda item: item.left):
        text = " ".join(_CONTROL.sub(" ", item.line.text).split())
        space = max(columns[item.left] - width, 1 if out else 0)
        out += " " * space + text
        width += space + count_cells(text)
    return out


def count_cells(text: str) -> int:
    """How many cells a terminal gives the text: two for wide characters, none for combining marks."""
    visible = [c for c in text if unicodedata.category(c) not in ("Mn", "Me", "Cf")]
    return len(visible) + sum(unicodedata.east_asian_width(c) in ("W", "F") for c in visible)


def render_md(document: Document) -> str:
    """Markdown: flowing paragraphs, headings by letter height, lists, tables, a rule between pages; signs escaped."""
    pages = [_markdown_page(page) for page in document.pages]
    text = "\n\n---\n\n".join(page for page in pages if page)
    return text + "\n" if text else ""


def join_lines(texts: list[str]) -> str:
    """Lines of a paragraph as one text: hyphenated words are put together, wide scripts joined without a space."""
    out = texts[0].strip()
    for text in (t.strip() for t in texts[1:]):
        if out[-1:] in "-‐\u00ad" and out[-2:-1].isalpha() and text[:1].islower():
            out = out[:-1] + text
        elif out and text and advance_width(out[-1]) == advance_width(text[0]) == 1000:
            out += text
        else:
            out += " " + text
    return out


def escape_markdown(text: str) -> str:
    """The text with a backslash before what Markdown or HTML in it would take for a sign."""
    text = _SIGNS.sub(r"\\\1", _CONTROL.sub(" ", text))
    text = re.sub(r"&(?=#?\w+;)", r"\\&", text)
    # At the start of a line: `# ` -> `\# `; a number before a point keeps its digits, `1. ` -> `1\. `; `-2` and `6.25` stay
    text = re.sub(r"^(\s*)(>|#{1,6}(?=\s|$)|[+-](?=\s|$)|[=-]+(?=\s*$))", r"\1\\\2", text)
    return re.sub(r"^(\s*\d{1,9})(?=[.)](\s|$))", r"\1\\", text)


def _markdown_page(page: Page) -> str:
    blocks = lines_by_paragraph(page)
    if not blocks:
        return ""
    usual_height = _usual_height(blocks)
    texts = [_markdown_block(block, usual_height, kept) for block, kept in zip(blocks, kept_breaks(blocks), strict=True)]
    # Neighbouring list items stay one list; everything else is set apart by an empty line.
    out = texts[0]
    for before, after in pairwise(texts):
        out += ("\n" if _ITEM.match(before) and _ITEM.match(after) else "\n\n") + after
    return out


def _usual_height(blocks: list[list[Line]]) -> float:
    """The height that half of a page's letters have, in pixels; 0 where too few lines tell."""
    heights = [height for block in blocks for line in block for height in [line_height(line)] * len(line.text)]
    return float(np.median(heights)) if sum(map(len, blocks)) >= MIN_LINES_FOR_HEADINGS else 0.0


def _markdown_block(lines: list[Line], usual_height: float, kept: list[bool]) -> str:
    """A table, a heading, rows with gaps, items of a list, or a paragraph; no heading without a usual height (0).

    kept: of each row but the last, whether a paragraph breaks behind it.
    """
    if lines[0].cell is not None:
        return _markdown_table(tables_of(lines)[0])
    rows = rows_of(lines)
    texts = [row_text(row).strip() for row in rows]
    heading = _heading_mark(lines, texts, usual_height)
    if heading:
        return heading + escape_markdown(join_lines(texts))
    if any(len(row) > 1 and "\t" in text for row, text in zip(rows, texts, strict=True)):  # a form, a row of which is one line
        return "  \n".join(escape_markdown(" ".join(text.split("\t"))) for text in texts)
    return _flowing(_parts(texts, kept))


def _flowing(parts: list[list[str]]) -> str:
    """Paragraphs and items: a part below the other, of which a title stands alone, and a break within an item is indented."""
    if _is_titled(parts):
        return f"{_markdown_part(parts[0])}\n\n{_flowing(parts[1:])}"
    out = _markdown_part(parts[0])
    indent = " " * len(_list_mark(parts[0][0]))
    for part in parts[1:]:
        mark = _list_mark(part[0])
        out += "\n" if mark else f"  \n{indent}"
        out += _markdown_part(part)
        indent = " " * len(mark) if mark else indent
    return out


def _parts(texts: list[str], kept: list[bool]) -> list[list[str]]:
    """Rows that flow on: a bullet or number begins anew, and so does what stands behind a break that is kept."""
    parts = [[texts[0]]]
    for text, is_end in zip(texts[1:], kept, strict=True):
        if is_end or _list_mark(text):
            parts.append([text])
        else:
            parts[-1].append(text)
    return parts


def _is_titled(parts: list[list[str]]) -> bool:
    """Whether a short row, which ends in no sign, stands above running text."""
    if len(parts) < 2 or len(parts[0]) > 1 or _list_mark(parts[1][0]):
        return False
    is_short = len(parts[1]) > 1 and len(parts[0][0]) <= MAX_TITLE_SHARE * max(map(len, parts[1]))
    return (is_short or len(parts) == 2) and parts[0][0][-1:].isalnum() and sum(map(len, parts[1])) >= MIN_TEXT_BELOW_TITLE


def _heading_mark(lines: list[Line], texts: list[str], usual_height: float) -> str:
    """The Markdown mark of a heading of these rows; empty for what is none, or without a usual height (0)."""
    if usual_height <= 0 or len(texts) > MAX_HEADING_LINES or not _is_title(" ".join(texts)):
        return ""
    ratio = float(np.median([line_height(line) for line in lines])) / usual_height
    return next((mark for limit, mark in HEADING_RATIOS if ratio >= limit), "")


def _is_title(text: str) -> bool:
    """Whether a text may be a heading: words, and no amount."""
    letters = sum(c.isalpha() for c in text)
    are_words = letters >= max(MIN_TITLE_LETTERS * len("".join(text.split())), MIN_LETTERS)
    return are_words and "\t" not in text and not _AMOUNT.search(text)


def _markdown_table(table: Table) -> str:
    """A table whose first row is its head, as Markdown wants one."""
    head, *rows = [[_SIGNS.sub(r"\\\1", _CONTROL.sub(" ", text)) for text in row] for row in table.texts]
    lines = [head, ["---"] * table.columns, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _markdown_part(texts: list[str]) -> str:
    mark = _list_mark(texts[0])
    number = _NUMBERED.match(texts[0])
    first = (_NUMBERED if number else _BULLET).sub("", texts[0])  # behind a number a dash is a minus
    return mark + escape_markdown(join_lines([first, *texts[1:]]))


def _list_mark(text: str) -> str:
    """The Markdown mark of a list item, or an empty string."""
    number = _NUMBERED.match(text)
    if number:
        return f"{int(number[1])}{number[2]} "
    return "- " if _BULLET.match(text) else ""
