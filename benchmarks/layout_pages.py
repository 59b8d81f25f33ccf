"""Pages drawn with the order of their lines and the cells of their tables known, for `benchmarks.layouts` and tests."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from inkline.types import Floats, Image

FACES = (
    "DejaVuSerif",
    "LiberationSerif-Regular",
    "LiberationSans-Regular",
    "DejaVuSans",
    "FreeSerif",
    "LiberationMono-Regular",
)
PAGE_PX = 1240, 1754  # A4 at 150 dpi
_TEXT = (
    "the river town has a wooden bridge which carries people and goods over water every morning before market opens "
    "there are children waiting for boats that bring fruit from gardens along southern shores farmers speak about "
    "weather prices and machines while teachers walk slowly towards school under tall chestnut trees whose leaves "
    "cover narrow streets in autumn government committees considered several important questions concerning "
    "transport education health agriculture industry development communication international organisation however "
    "understanding particular circumstances remains difficult without experience nevertheless scientists continued "
    "measuring temperature pressure electricity throughout nineteenth century railways developed rapidly between "
    "neighbouring countries bringing considerable prosperity "
)
WORDS = tuple(_TEXT.split())
ITEMS = (
    *("Glucose", "Protein", "Bilirubin", "Widget A", "Cable 2 m", "Steel rod", "Garden hose", "Paper A4", "Printer ink"),
    *("Sugar", "Flour", "Olive oil", "Net income", "Revenue", "Interest", "Depreciation", "Total assets", "Equity"),
)
HEADS = ("Item", "Qty", "Price", "Amount", "Unit", "Ref", "Year", "Change", "Share", "Code")


@dataclass
class DrawnLine:
    """A line as drawn: its text, its quad (4, 2) in the page's pixels, and the block it belongs to."""

    text: str
    quad: Floats
    block: int


@dataclass
class DrawnTable:
    """Texts of the cells by (row, column); cells without text are left out, lines of a cell are joined by a space."""

    cells: dict[tuple[int, int], str] = field(default_factory=dict)


@dataclass
class DrawnPage:
    """A page with its lines in reading order, its blocks being read one after the other, and its tables."""

    kind: str
    image: Image
    lines: list[DrawnLine] = field(default_factory=list)
    tables: list[DrawnTable] = field(default_factory=list)
    flow: list[str] = field(default_factory=list)  # words of running text that were divided at a line's end

    def skewed(self, degrees: float) -> "DrawnPage":
        """The page turned counter-clockwise by some degrees about its middle, on paper large enough to hold it."""
        height, width = self.image.shape[:2]
        turned = Picture.fromarray(self.image).rotate(
            degrees, Picture.Resampling.BICUBIC, expand=True, fillcolor=(255, 255, 255)
        )
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        matrix, old = np.array([[c, s], [-s, c]]), np.array([width / 2, height / 2])
        new = np.array(turned.size) / 2
        lines = [replace(line, quad=((line.quad - old) @ matrix.T + new).astype(np.float32)) for line in self.lines]
        return DrawnPage(f"{self.kind}, skewed", np.asarray(turned), lines, self.tables, self.flow)


class Pen:
    """Draws on one page; all lengths in pixels."""

    def __init__(self, rng: np.random.Generator, kind: str, face: str, size: int, page: tuple[int, int] = PAGE_PX) -> None:
        self.rng, self.face, self.size, self.width, self.height = rng, face, size, *page
        self.picture = Picture.new("RGB", page, "white")
        self.draw = ImageDraw.Draw(self.picture)
        self.page = DrawnPage(kind, np.zeros((1, 1, 3), np.uint8))
        self.block = -1
        self.leading = int(size * rng.uniform(1.25, 1.5))

    def font(self, size: int = 0, bold: bool = False) -> ImageFont.FreeTypeFont:
        name = self.face.replace("-Regular", "-Bold") if bold else self.face
        name += "-Bold" if bold and "-" not in name and name.startswith("DejaVu") else ""
        return ImageFont.truetype(f"{name}.ttf", size or self.size)

    def put(self, x: float, y: float, text: str, font: ImageFont.FreeTypeFont, anchor: str = "la") -> None:
        """One line of the current block, its ink noted with a margin such as detectors leave."""
        self.draw.text((x, y), text, "black", font, anchor)
        x0, y0, x1, y1 = self.draw.textbbox((x, y), text, font, anchor)
        grow = 0.12 * font.size
        quad = [[x0 - grow, y0 - grow], [x1 + grow, y0 - grow], [x1 + grow, y1 + grow], [x0 - grow, y1 + grow]]
        self.page.lines.append(DrawnLine(text, np.array(quad, np.float32), self.block))

    def text(self, x: float, y: float, width: float, room: float, size: int = 0, dent: bool = True) -> float:
        """Paragraphs of running text, hyphenated, in a column as far as the room below y reaches; where it ends."""
        font, end = self.font(size), y + room
        leading = self.leading * (size or self.size) // self.size
        while y + leading <= end:
            self.block += 1
            words = [str(self.rng.choice(WORDS)) for _ in range(int(self.rng.integers(25, 70)))]
            words = [words[0].capitalize(), *words[1:-1], words[-1] + "."]
            indent = font.size if dent else 0
            while words and y + leading <= end:
                line, words = self._fill(words, font, width - indent)
                self.put(x + indent, y, line, font)
                y, indent = y + leading, 0
            if words:  # the rest of a divided word is on no page
                del self.page.flow[len(self.page.flow) - self.page.lines[-1].text.endswith("-") :]
            y += leading * (0 if dent else 0.7)
        return y

    def _fill(self, words: list[str], font: ImageFont.FreeTypeFont, width: float) -> tuple[str, list[str]]:
        """As many words as fit a line, the last divided where a good part of it fits; and the words left."""
        line = words[0]
        for i, word in enumerate(words[1:], 1):
            if font.getlength(f"{line} {word}") <= width:
                line += f" {word}"
                continue
            parts = [k for k in range(3, len(word) - 3) if font.getlength(f"{line} {word[:k]}-") <= width]
            if len(word) < 8 or not parts or not word.isalpha():
                return line, words[i:]
            self.page.flow.append(word)
            return f"{line} {word[: parts[-1]]}-", [word[parts[-1] :], *words[i + 1 :]]
        return line, []

    def headline(self, x: float, y: float, width: float, scale: float = 1.9) -> float:
        """A headline of one or two lines; where it ends."""
        font = self.font(int(self.size * scale), bold=True)
        self.block += 1
        words = [str(w).capitalize() for w in self.rng.choice(WORDS, 12)]
        for _ in range(int(self.rng.integers(1, 3))):
            line = words.pop()
            while words and font.getlength(f"{line} {words[-1]}") <= width:
                line += f" {words.pop()}"
                if font.getlength(line) > 0.6 * width and self.rng.random() < 0.4:
                    break
            self.put(x, y, line, font)
            y += font.size * 1.3
        return y + 0.5 * self.size

    def picture_at(self, x: float, y: float, width: float, height: float) -> None:
        """A picture: blurred noise, which holds no text."""
        noise = self.rng.integers(40, 220, (max(2, int(height // 60)), max(2, int(width // 60)), 3), np.uint8)
        patch = Picture.fromarray(noise).resize((int(width), int(height)), Picture.Resampling.BICUBIC)
        self.picture.paste(patch, (int(x), int(y)))

    def finish(self) -> DrawnPage:
        self.page.image = np.ascontiguousarray(np.asarray(self.picture)[..., ::-1])
        return self.page


def magazine(rng: np.random.Generator, columns: int, face: str, size: int) -> DrawnPage:
    """Columns of running text under a headline, with pictures, maybe a second headline, a caption and a footer."""
    pen = Pen(rng, f"{columns} columns", face, size)
    margin, gutter = int(rng.uniform(70, 110)), int(size * rng.uniform(1.0, 2.2))
    width = (pen.width - 2 * margin - (columns - 1) * gutter) / columns
    lefts = [margin + i * (width + gutter) for i in range(columns)]
    y, bottom = float(margin), pen.height - margin - 2.5 * size
    if rng.random() < 0.5:  # a running head
        pen.block += 1
        pen.put(margin, y, f"{rng.choice(WORDS).capitalize()} {rng.choice(WORDS)}", pen.font())
        y += 2.5 * size
    y = pen.headline(margin, y, pen.width - 2 * margin)
    for band in range(int(rng.integers(1, 3))):
        end = bottom if band or rng.random() < 0.5 else y + (bottom - y) * rng.uniform(0.35, 0.6)
        if band:
            y = pen.headline(margin, y + size, pen.width - 2 * margin, 1.5)
        elif rng.random() < 0.3:  # a picture over all columns
            high = rng.uniform(0.15, 0.25) * (end - y)
            pen.picture_at(margin, y, pen.width - 2 * margin, high)
            y += high + size
        with_picture = int(rng.integers(-1, columns))
        for i, left in enumerate(lefts):
            column_end = end - (rng.uniform(0.0, 0.5) * (end - y) if i == columns - 1 else 0)
            if i == with_picture:
                part = rng.uniform(0.3, 0.6)
                stop = pen.text(left, y, width, (column_end - y) * part * 0.6)
                high = (column_end - y) * 0.25
                pen.picture_at(left, stop + 0.6 * size, width, high)
                stop = stop + high + 1.2 * size
                pen.text(left, stop, width, column_end - stop)
            else:
                pen.text(left, y, width, column_end - y)
        y = end
        if end == bottom:
            break
    pen.block += 1
    footer = f"{rng.integers(2, 300)}   {rng.choice(WORDS).capitalize()} {rng.choice(WORDS)} {rng.integers(1950, 2026)}"
    pen.put(pen.width / 2 if rng.random() < 0.5 else margin, pen.height - margin, footer, pen.font(), "la")
    return pen.finish()


def table_page(rng: np.random.Generator, rules: str, face: str, size: int, wrapped: bool = False) -> DrawnPage:
    """A headline, some text, a table and more text. rules: "all", "rows", "some" or "none". wrapped: cells of several lines."""
    kind = f"table, {'no' if rules == 'none' else rules} rules" + (", cells of several lines" if wrapped else "")
    pen = Pen(rng, kind, face, size, (1240, 1240))
    margin = int(rng.uniform(60, 120))
    y = pen.headline(margin, margin, pen.width - 2 * margin, 1.7)
    if rng.random() < 0.7:
        y = pen.text(margin, y, pen.width - 2 * margin, 4 * pen.leading, dent=False)
    y = _table(pen, margin, y + size, rules, wrapped) + 2 * size
    if rng.random() < 0.7:
        pen.text(margin, y, pen.width - 2 * margin, 3 * pen.leading, dent=False)
    return pen.finish()


def _table(pen: Pen, x: float, y: float, rules: str, wrapped: bool) -> float:
    """Draw a table; where it ends."""
    rng, font, size = pen.rng, pen.font(), pen.size
    columns, rows = int(rng.integers(2, 6)), int(rng.integers(4, 13))
    texts = [[_cell(rng, row, column, wrapped) for column in range(columns)] for row in range(rows)]
    numeric = [column > 0 and not (wrapped and column == 1) for column in range(columns)]
    room = size * rng.uniform(1.0, 2.5)
    widths = [max(font.getlength(line) for row in texts for line in row[c].split("\n")) + room for c in range(columns)]
    total = sum(widths)
    if rng.random() < 0.5 and total < 0.7 * (pen.width - 2 * x):  # spread over the page
        widths = [w * 0.9 * (pen.width - 2 * x) / total for w in widths]
    step, pad = pen.leading, size * rng.uniform(0.1, 0.9)
    table = DrawnTable({(r, c): text.replace("\n", " ") for r, row in enumerate(texts) for c, text in enumerate(row) if text})
    pen.page.tables.append(table)
    top, right = y, x + sum(widths)
    for number, row in enumerate(texts):
        pen.block += 1
        if rules in ("all", "rows") or (rules == "some" and number < 2):
            pen.draw.line((x, y, right, y), "black", 2)
        left = x
        for text, width, is_number in zip(row, widths, numeric, strict=True):
            for i, line in enumerate(text.split("\n") if text else ()):
                at, anchor = (left + width - room / 3, "ra") if is_number else (left + room / 3, "la")
                pen.put(at, y + pad + i * step, line, font, anchor)
            left += width
        y += 2 * pad + step * max(text.count("\n") + 1 for text in row)
    if rules != "none":
        pen.draw.line((x, y, right, y), "black", 2)
    edges = np.cumsum([0, *widths]) if rules in ("all", "some") else np.zeros(0)
    if rules == "some":  # a frame, a rule below the head, and rules between all columns or some
        edges = edges[[0, *(np.flatnonzero(rng.random(columns - 1) < rng.choice([0.4, 1])) + 1), columns]]
    for edge in edges:
        pen.draw.line((x + edge, top, x + edge, y), "black", 2)
    return y


def _cell(rng: np.random.Generator, row: int, column: int, wrapped: bool) -> str:
    """The text of a cell: heads in the first row, names in the first column, numbers elsewhere; one in eight is empty."""
    if row == 0:
        return HEADS[column * 2 % 10]
    if column == 0:
        return f"{rng.choice(ITEMS)} {row}"
    if rng.random() < 0.12:
        return ""
    if wrapped and column == 1:
        lines = int(rng.integers(1, 4))
        return "\n".join(" ".join(str(w) for w in rng.choice(WORDS[:60], 3)) for _ in range(lines))
    value = rng.uniform(10, 10 ** rng.integers(2, 6))
    return f"{value:,.2f}" if column % 2 else f"{value:,.0f}"


def form(rng: np.random.Generator, face: str, size: int) -> DrawnPage:
    """Labels and their values, two pairs side by side here and there, each row a block."""
    pen = Pen(rng, "form", face, size, (1240, 900))
    x, y, font = 90, pen.headline(90, 80, 1000, 1.6), pen.font()
    places = (x, x + rng.uniform(8, 12) * size, 640, 640 + rng.uniform(8, 11) * size)
    for row in range(int(rng.integers(6, 14))):
        pen.block += 1
        for label, value in ((places[0], places[1]), (places[2], places[3]))[: 1 + int(rng.random() < 0.3)]:
            pen.put(label, y, f"{str(rng.choice(WORDS[40:])).capitalize()[:10]} {row}:", font)
            pen.put(value, y, " ".join(str(w).capitalize() for w in rng.choice(WORDS[:40], 2)), font)
        y += pen.leading * rng.uniform(1.0, 1.6)
    return pen.finish()


def pages(count: int, seed: int = 7) -> Iterator[DrawnPage]:
    """`count` pages of every kind, each in another face and size."""
    for i in range(count):
        for kind in range(10):
            rng = np.random.default_rng([seed, i, kind])
            face, size = FACES[(i + kind) % len(FACES)], int(rng.integers(18, 29))
            yield _page(rng, kind, face, size)


def _page(rng: np.random.Generator, kind: int, face: str, size: int) -> DrawnPage:
    if kind < 4:
        page = magazine(rng, 2 + kind % 2, face, size if kind % 2 == 0 else min(size, 21))
        return page.skewed(float(rng.uniform(0.8, 3) * rng.choice([-1, 1]))) if kind >= 2 else page
    if kind < 7:
        return table_page(rng, ("all", "rows", "none")[kind - 4], face, size)
    if kind == 9:
        return table_page(rng, "some", face, size)
    return table_page(rng, str(rng.choice(["all", "none"])), face, size, wrapped=True) if kind == 7 else form(rng, face, size)


def quads(lines: Sequence[DrawnLine]) -> Floats:
    return np.array([line.quad for line in lines], np.float32).reshape(-1, 4, 2)
