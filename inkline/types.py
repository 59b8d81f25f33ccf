"""What the pipeline produces: frozen records whose coordinates are always stated.

Two frames of reference appear. *Source pixels* are those of the file the user gave (after its EXIF turn, as any viewer
shows it): x to the right, y down, the corner of the first pixel at (0, 0). *Straight pixels* are those of the page after
it was turned upright and unwarped; without these stages both frames are the same.
A *quad* is a float32 array (4, 2): the corners top-left, top-right, bottom-right, bottom-left as seen on the page; for a
line that runs down, up or upside down, `Line.reading_quad` starts where the text starts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from inkline.transform import Floats as Floats
from inkline.transform import Transform as Transform

if TYPE_CHECKING:
    from inkline.formats.review import Review

Image = NDArray[np.uint8]  # (H, W, 3) BGR
BLANK_SIGNS = "____"  # the text of a blank to fill in
TOUCHING = 0.3  # in heights of a line: signs that are nearer to a blank stand without a space beside it,
BEFORE_BLANK, BEHIND_BLANK = frozenset("@/("), frozenset("@/).,;:!?")  # before and behind it
DAMAGED = "damaged"  # how a page's warning begins when a part of the page could not be decoded
Store = Literal["single", "half", "byte"]  # how the weights of a file are kept: in 4, 2 or 1 bytes


def _counted(count: int, thing: str, plural: str = "s") -> str:
    return f"{count} {thing}{'' if count == 1 else plural}"


def empty_quads() -> Floats:
    """No boxes: a float32 array (0, 4, 2)."""
    return np.zeros((0, 4, 2), np.float32)


@dataclass(frozen=True, eq=False, repr=False)
class Detections:
    """Text boxes of one page, in columns.

    quads: (N, 4, 2) float32, in the pixels of the image that was given to the detector; scores: (N,) float32 in 0..1.
    polygons: N arrays (P, 2) when the detector ran in polygon mode, else None.
    """

    quads: Floats
    scores: Floats
    polygons: tuple[Floats, ...] | None = None

    def __post_init__(self) -> None:
        if self.quads.shape != (len(self.scores), 4, 2):
            raise ValueError(f"quads {self.quads.shape} do not fit {len(self.scores)} scores")

    def __repr__(self) -> str:
        return f"<Detections: {_counted(len(self), 'box', 'es')}>"

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Any) -> "Detections":
        rows = np.arange(len(self))[index]
        polygons = None if self.polygons is None else tuple(self.polygons[int(i)] for i in rows)
        return Detections(self.quads[rows], self.scores[rows], polygons)


@dataclass(frozen=True, eq=False)
class Text:
    """What a recogniser read in one line crop.

    text: in logical order, NFC as the charset gives it. score: mean probability of the kept characters, 0..1, 0.0 if none.
    char_scores: (len(text),) float32, 0..1. char_spans: (len(text), 2) float32, where each character's step lies, as
    fractions 0..1 of the crop's width; what runs from right to left has falling ones. plain: the text without the accents
    the recogniser was in doubt about, of the same length. reader: the recogniser, where there are several (joined by + for
    a line read in pieces). score_thresh: the score below which a line of this one is left out; None: as the options say.
    script: of a line that no recogniser reads, its script. evidence: (len(text), 3) float32, what confidence is made of:
    the highest probability of each character, that of another one in its place, and that of one more between it and the
    next; made of the scores if not given.
    """

    text: str
    score: float
    char_scores: Floats
    char_spans: Floats
    plain: str = ""
    reader: str = ""
    score_thresh: float | None = None
    script: str = ""
    evidence: Floats = field(default_factory=lambda: np.zeros((0, 3), np.float32))

    def __post_init__(self) -> None:
        if len(self.evidence) != len(self.char_scores):
            scores = np.asarray(self.char_scores, np.float32)
            object.__setattr__(self, "evidence", np.stack([scores, 1 - scores, 0 * scores], axis=1))


@dataclass(frozen=True, eq=False)
class Word:
    """A word of a line: its text, mean score 0..1, and its quad in source pixels, corner 0 where the word starts.

    confidence: as in `Line`, that the word is right.
    """

    text: str
    score: float
    quad: Floats
    confidence: float | None = None


class Cell(NamedTuple):
    """A cell of a table: the table's index within the page, the cell's row and first column, all from 0, and how many columns
    it takes.
    """

    table: int
    row: int
    column: int
    span: int = 1


@dataclass(frozen=True, eq=False)
class Line:
    """One line of text.

    quad: (4, 2) float32 in source pixels, ending at the line's ink (with `rules="reference"` the detector's box).
    score: the recogniser's, 0..1.
    straight_quad: the detector's box, which the line was cut out with and which layout goes by, in straight pixels.
    angle: by how many degrees (0, 90, 180, 270) the cut-out line was turned counter-clockwise to be read.
    words: filled when word boxes were asked for. paragraph, row: indices within the page, from 0: of the paragraph, and of the
    row, lines of which stand side by side or in one row of a table; row is None where rows were not told. cell: the line's
    place in a table. at_right: the line stands alone in its row, in the right half of its column.
    script: the ISO 15924 code of what most of its letters are written in, of `inkline.scripts`; Zyyy without letters.
    unread: the line was found and could not be read: its text is empty, its score that of what it was taken for.
    model: the name of the recogniser, several joined by + for a line read in pieces, empty for one that none reads.
    confidence: the chance 0..1 that every character of the text is right, spaces aside, as it was found on labelled lines
    (docs/confidence.md); 0 if unread; None where it is not known, as of a line made by hand.
    """

    text: str
    score: float
    quad: Floats
    straight_quad: Floats
    det_score: float = 1.0
    angle: int = 0
    words: tuple[Word, ...] = ()
    paragraph: int = 0
    script: str = "Zyyy"
    unread: bool = False
    model: str = ""
    confidence: float | None = None
    row: int | None = None
    cell: Cell | None = None
    at_right: bool = False

    @property
    def reading_quad(self) -> Floats:
        """The quad (4, 2) with its corners in reading order: text runs from corner 0 to corner 1."""
        return np.roll(self.quad, -(self.angle // 90), axis=0)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Axis-parallel bounds (x_min, y_min, x_max, y_max) of the quad, in source pixels."""
        (x0, y0), (x1, y1) = self.quad.min(axis=0).tolist(), self.quad.max(axis=0).tolist()
        return (x0, y0, x1, y1)


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table of a page: how many rows and columns, and the lines of its cells by (row, column), both from 0.

    Cells without text are left out; a cell over several columns stands at its first one.
    """

    rows: int
    columns: int
    cells: Mapping[tuple[int, int], tuple[Line, ...]]

    def __repr__(self) -> str:
        return f"<Table: {_counted(self.rows, 'row')}, {_counted(self.columns, 'column')}>"

    @property
    def texts(self) -> list[list[str]]:
        """The texts of all cells, row by row; the lines of a cell with a space between them, none for an empty cell."""
        found = {place: " ".join(line.text for line in lines) for place, lines in self.cells.items()}
        return [[found.get((row, column), "") for column in range(self.columns)] for row in range(self.rows)]


def tables_of(lines: Iterable[Line]) -> tuple[Table, ...]:
    """The tables that lines tell of, in order."""
    tables: dict[int, dict[tuple[int, int], list[Line]]] = {}
    ends: dict[int, int] = {}
    for line in lines:
        if line.cell is not None:
            number, row, column, span = line.cell
            tables.setdefault(number, {}).setdefault((row, column), []).append(line)
            ends[number] = max(ends.get(number, 0), column + span)
    return tuple(
        Table(max(row for row, _ in cells) + 1, ends[number], {place: tuple(found) for place, found in cells.items()})
        for number, cells in sorted(tables.items())
    )


def rows_of(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines in reading order, row by row; those that tell no row are put together where they stand side by side."""
    rows: list[list[Line]] = []
    for line in lines:
        before = rows[-1][-1] if rows else None
        if before is not None and (_side_by_side(before, line) if line.row is None else before.row == line.row):
            rows[-1].append(line)
        else:
            rows.append([line])
    return rows


def _side_by_side(left: Line, right: Line) -> bool:
    """Whether two lines share half of the lower one's height, neither is vertical, and they do not cover each other."""
    (ax0, ay0), (ax1, ay1) = left.straight_quad.min(axis=0), left.straight_quad.max(axis=0)
    (bx0, by0), (bx1, by1) = right.straight_quad.min(axis=0), right.straight_quad.max(axis=0)
    height = min(ay1 - ay0, by1 - by0)
    flat = left.angle % 180 == 0 and right.angle % 180 == 0
    return bool(flat and min(ay1, by1) - max(ay0, by0) > 0.5 * height and max(bx0 - ax1, ax0 - bx1) > -0.5 * height)


def _between(left: Line, right: Line) -> str:
    """What stands between two lines of a row: a tab, a space where less than a line's height parts them.

    Nothing between a blank to fill in and signs next to it. In a table as many tabs as lead to the cell, a space between the
    lines of one.
    """
    if left.cell is not None and right.cell is not None:
        return "\t" * (right.cell.column - left.cell.column) or " "
    before, behind = left.text[-1:] in BEFORE_BLANK, right.text[:1] in BEHIND_BLANK
    joined = (right.text == BLANK_SIGNS and before) or (left.text == BLANK_SIGNS and behind)
    if joined and _apart(left.quad, right.quad) < TOUCHING:
        return ""
    return " " if _apart(left.straight_quad, right.straight_quad) < 1 else "\t"


def _apart(left: Floats, right: Floats) -> float:
    """How far two quads (4, 2) of a row are apart, in heights of the lower one, by their sides: bounds reach further askew."""
    (a_left, a_right, a_height), (b_left, b_right, b_height) = (
        (float(quad[[0, 3], 0].mean()), float(quad[[1, 2], 0].mean()), float((quad[[3, 2], 1] - quad[[0, 1], 1]).mean()))
        for quad in (left, right)
    )
    return max(b_left - a_right, a_left - b_right) / max(min(a_height, b_height), 1e-3)


def row_text(row: Sequence[Line], columns: int = 0) -> str:
    """The text of a row of lines (see `rows_of`); of a table's row with more than one cell all `columns` are there."""
    out = "".join((_between(row[i - 1], line) if i else "") + line.text for i, line in enumerate(row))
    first, last = row[0].cell, row[-1].cell
    if first is None or last is None:
        return "\t" * row[0].at_right + out
    after = columns - last.column - 1 if last.column > first.column else 0
    return "\t" * first.column + out + "\t" * after


def damage_in(warnings: Iterable[str]) -> str:
    """The first of a page's warnings that says what could not be decoded; empty when the page is whole."""
    return next((warning for warning in warnings if warning.startswith(DAMAGED)), "")


def _placed(points: Floats, size: tuple[int, int]) -> Floats:
    """The same places where all lie on a page of this size or not far off, else moved so that they do; NaN counts as 0."""
    far = np.float32(2 * max(*size, 1))
    if not points.size or np.abs(points).max() <= far:  # NaN is not
        return points
    return np.clip(np.nan_to_num(points, nan=0.0), -far, far).astype(np.float32)


def _placed_line(line: Line, size: tuple[int, int]) -> Line:
    """A line whose places, and those of its words, can be written into files and drawn."""
    quads = _placed(line.quad, size), _placed(line.straight_quad, size)
    words = tuple(replace(word, quad=_placed(word.quad, size)) for word in line.words)
    return replace(line, quad=quads[0], straight_quad=quads[1], words=words)


@dataclass(frozen=True, eq=False, repr=False)
class Page:
    """One page that was read.

    lines: in reading order, also those that could not be read; none is a valid page. size: (width, height) in source
    pixels. source: the path or URL as the user gave it, None for arrays and bytes. page_index: 0-based in a PDF or
    multi-page TIFF, else None.
    detections: all boxes, in the detector's reading order, in straight pixels, also those whose text fell below the
    score threshold. settings: the options that were in force, plain JSON values. warnings: what a careful user should
    know about this page (a shrunk or partly decoded image). load_image: gives the source image again, BGR uint8.
    A pickled page takes its image along where that is in memory alone; else it keeps the file's path and reads it again.
    """

    lines: tuple[Line, ...]
    size: tuple[int, int]
    source: str | None = None
    page_index: int | None = None
    detections: Detections = field(default_factory=lambda: Detections(empty_quads(), np.zeros(0, np.float32)))
    line_angles: tuple[int, ...] = ()
    transform: Transform | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    load_image: Callable[[], Image] | None = None

    def __post_init__(self) -> None:
        """Bring places that no file can hold (not finite, far off the page) to where they can be."""
        quads = [quad for line in self.lines for quad in (line.quad, line.straight_quad, *(word.quad for word in line.words))]
        places = np.concatenate([np.reshape(quad, -1) for quad in (*quads, self.detections.quads)])
        if _placed(places, self.size) is not places:
            object.__setattr__(self, "lines", tuple(_placed_line(line, self.size) for line in self.lines))
            found = replace(self.detections, quads=_placed(self.detections.quads, self.size))
            object.__setattr__(self, "detections", found)

    def __repr__(self) -> str:
        source = "" if self.source is None else f" {self.source!r}"
        number = "" if self.page_index is None else f" page {self.page_index + 1}"
        return f"<Page{source}{number}: {_counted(len(self.lines), 'line')}, {self.size[0]} x {self.size[1]} px>"

    @property
    def text(self) -> str:
        """The page's text: a line of it per row, a tab between what stands apart on a row, an empty line between paragraphs.

        A row of a table has a tab between its cells, also empty ones; what stands alone at the right has one before it.
        """
        tables = self.tables
        out: list[str] = []
        paragraph = 0
        for row in rows_of(self.read_lines):
            if out:
                out.append("\n" if row[0].paragraph == paragraph else "\n\n")
            cell, paragraph = row[0].cell, row[-1].paragraph
            out.append(row_text(row, 0 if cell is None else tables[cell.table].columns))
        return "".join(out)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that were seen, in reading order."""
        return tables_of(self.read_lines)

    @property
    def read_lines(self) -> tuple[Line, ...]:
        """The lines without those that could not be read."""
        return tuple(line for line in self.lines if not line.unread)

    @property
    def damage(self) -> str:
        """The warning that a part of the page could not be decoded; empty for a page that is whole."""
        return damage_in(self.warnings)

    @property
    def image(self) -> Image:
        """The source image, BGR uint8 (H, W, 3), read again when it is not in memory."""
        if self.load_image is None:
            raise ValueError("this page was made without an image")
        return self.load_image()

    @property
    def straight_image(self) -> Image:
        """The page as the detector saw it, turned upright and unwarped: what `Line.straight_quad` speaks of.

        BGR uint8 (H, W, 3), made anew from the source image; that image itself when nothing was turned or unwarped.
        """
        from inkline.formats.draw import straighten

        return self.image if self.transform is None else straighten(self.image, self.transform)

    def to_dict(self) -> dict[str, Any]:
        """The page in the JSON shape of PaddleOCR 3.x (`rec_texts`, `rec_scores`, `rec_polys`, ...), source pixels."""
        from inkline.formats.records import page_to_dict

        return page_to_dict(self)

    def review(self, share: float) -> "Review":
        """The fewest lines to look at, so that of the others at most `share` (0..1) are expected to be wrong."""
        return Document((self,)).review(share)

    def plot(self) -> Image:
        """The source image with its boxes on the left and the text at its place on the right, BGR uint8 (H, 2W, 3)."""
        from inkline.formats.draw import draw_page

        return draw_page(self)


@dataclass(frozen=True, eq=False, repr=False)
class Document:
    """The pages of one source, in order."""

    pages: tuple[Page, ...]
    source: str | None = None

    def __repr__(self) -> str:
        name = "" if self.source is None else f" {self.source!r}"
        return f"<Document{name}: {_counted(len(self.pages), 'page')}>"

    @property
    def text(self) -> str:
        """The text of all pages, a form feed between two."""
        return "\n\f".join(page.text for page in self.pages)

    def review(self, share: float) -> "Review":
        """The fewest lines to look at, so that of the others at most `share` (0..1) are expected to be wrong."""
        from inkline.formats.review import review

        return review(self.pages, share)

    def __len__(self) -> int:
        return len(self.pages)

    def __iter__(self) -> Iterator[Page]:
        return iter(self.pages)
