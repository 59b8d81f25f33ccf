"""Glyphs that stand alone in a row, read once more with the text beside them: by itself a dash is nothing, a plus a 十."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from inkline.layout.geometry import crop_quad
from inkline.layout.in_row import lone_glyphs, measure, seen_in_row
from inkline.recognition.signs import rebuilt, rows_of
from inkline.recognition.words import ink_mask
from inkline.types import BLANK_SIGNS, Floats, Image, Text

SURE_SCORE = 0.9  # from which a reading with the row counts whatever the other says, or a glyph that no detector found
FIGURE_SCORE, AGREED_SCORE = 0.95, 0.8  # the same for a digit alone, in a column of figures; where both readings agree
KEPT_SCORE = 0.5  # from which a glyph stays that both readings agree on, or that is a digit among figures
DOUBTFUL = frozenset("1IlO0oQD|/\\-–—_~=+.")  # what a sign or a letter alone may be taken for
GLYPHS = re.compile(r"[A-Za-z0-9]{1,4}%?|\[[xX]\]|[-–—−+=/%*×±<>#✓✗?]|[-+±<>]\d{1,3}")  # what counts where no detector saw it
FIGURE = re.compile(r"[-+$€£]?\d[\d.,]*%?")
FIGURE_TWINS = {"o": "0", "O": "0", "D": "0", "Q": "0", "l": "1", "I": "1", "|": "1"}  # in a column of figures
NEARLY_DASHES = ("", "-", "–", "—", "−", ".", "_", "·", "•", "~", "■", "▬", "一", "ー")  # what a dash with its row is taken for
DASH = Text("-", SURE_SCORE, np.array([SURE_SCORE], np.float32), np.array([[0.4, 0.6]], np.float32))
BLANK_SPANS = np.linspace([0, 0.25], [0.75, 1], 4, dtype=np.float32)
BLANK = Text(BLANK_SIGNS, SURE_SCORE, np.full(4, SURE_SCORE, np.float32), BLANK_SPANS)
NEXT_TO_BLANK = 0.5  # in its height: a box that begins or ends so near to a blank may hold a rest of it
BLANK_RATIO, BLANK_FOOT = 1.2, 0.55  # of a blank's box, as high as a line: width to height, and where at least the rule lies
O_RATIO = 0.88  # width to height of a letter O alone; a zero is narrower
MAX_CELL_RATIO = 8.0  # width of a cell to the height of a glyph in its column; longer ones are lines of text
MIN_FIGURES, MIN_FIGURES_SHARE = 3, 0.7  # cells that are figures, and their share of those of a column
MAX_DOUBTFUL = 200  # glyphs alone on a page; more are a pattern
MIN_BAR_RATIO, MIN_BAR_FILLED = 1.6, 0.75  # width to height of a dash, and the share of that rectangle that is ink


def read_lone(
    texts: Sequence[Text],
    image: Image,
    quads: Floats,
    offered: Sequence[int],
    read: Callable[[list[Image]], list[Text]],
    least: float = KEPT_SCORE,
) -> tuple[list[Text], list[int]]:
    """The texts with those of lone glyphs as they are read in their rows, and the indices of the boxes that stay.

    image: the page, BGR uint8 (H, W, 3). quads: (N, 4, 2) of the texts. offered: the boxes that no detector found; those stay
    that are surely read. read: reads lines. least: the score from which a glyph that other signs speak for may stay.
    """
    out, asked, agreed = list(texts), set(offered), set[int]()
    # Blanks to fill in are a rule and nothing else.
    blanks = [i for i in offered if _is_blank(crop_quad(image, quads[i]))]
    asked -= set(blanks)
    in_rows = _read_in_rows(texts, image, quads, asked, read)
    # Which of the two readings counts.
    for i, found in in_rows.items():
        if _agree(found, texts[i]):
            agreed.add(i)
        if found.text in NEARLY_DASHES and is_bar(crop_quad(image, quads[i])):
            found = replace(DASH, reader=found.reader, score_thresh=found.score_thresh)
        counts = _is_surely_a_glyph(found) if i in asked else _is_better(found, texts[i])
        if counts:
            out[i] = found
            asked.discard(i)
    asked -= _sure_figures(asked & in_rows.keys(), out, quads, agreed)
    # What the column says to it.
    for i in in_rows:
        out[i] = _in_its_column(i, out, quads, crop_quad(image, quads[i]), i in agreed, least)
    out = _beside_blanks(out, quads, blanks)
    return out, [i for i in range(len(out)) if i not in asked]


def _read_in_rows(
    texts: Sequence[Text], image: Image, quads: Floats, asked: set[int], read: Callable[[list[Image]], list[Text]]
) -> dict[int, Text]:
    """Box -> its reading with the text beside it, without that text, for lone glyphs that are in doubt or `asked` for."""
    boxes = measure(quads)
    doubtful = {i: text for i, text in lone_glyphs(boxes).items() if i in asked or _is_doubtful(texts[i])}
    if len(doubtful) > MAX_DOUBTFUL:
        return {}
    views = {i: view for i, text in doubtful.items() if (view := seen_in_row(image, boxes, i, text)) is not None}
    lines = read([view for view, _ in views.values()]) if views else []
    return {i: _behind(line, lead) for (i, (_, lead)), line in zip(views.items(), lines, strict=True)}


def _agree(found: Text, alone: Text) -> bool:
    """Whether a glyph is the same in its row and alone, a letter being the same as the figure that looks like it."""
    return bool(found.text) and FIGURE_TWINS.get(found.text, found.text) == FIGURE_TWINS.get(alone.text, alone.text)


def _is_surely_a_glyph(found: Text) -> bool:
    """Whether a reading counts where no detector saw anything."""
    return found.score >= SURE_SCORE and GLYPHS.fullmatch(found.text) is not None


def _sure_figures(glyphs: set[int], texts: Sequence[Text], quads: Floats, agreed: set[int]) -> set[int]:
    """Which glyphs are digits that are surely read alone, in a column of figures: beside a long text a 1 is little.

    agreed: those that both readings agree on.
    """
    digits = {i for i in glyphs if len(texts[i].text) == 1 and texts[i].text.isdigit()}
    sure = {i for i in digits if texts[i].score >= (AGREED_SCORE if i in agreed else FIGURE_SCORE)}
    return {i for i in sure if _among_figures(i, texts, quads)}


def _is_better(found: Text, alone: Text) -> bool:
    """Whether the reading of a glyph in its row counts in place of that alone."""
    return 1 <= len(found.text) <= 2 and (found.score >= SURE_SCORE or found.score >= alone.score)


def _in_its_column(glyph: int, texts: Sequence[Text], quads: Floats, crop: Image | None, is_agreed: bool, least: float) -> Text:
    """The text of a glyph, a figure where its column is of figures, and kept with a lower score where more speaks for it.

    crop: what is in its box. is_agreed: whether both readings of the glyph agree.
    """
    is_figure = _among_figures(glyph, texts, quads)
    text = _told_by_column(glyph, texts, quads, crop, is_figure)
    # A letter or digit that both readings agree on is kept, and a digit in a column of figures.
    may_be_kept = len(text.text) == 1 and text.text.isalnum() and text.score >= least
    if may_be_kept and (is_agreed or (text.text.isdigit() and is_figure)):
        text = replace(text, score_thresh=least)
    return text


def _told_by_column(glyph: int, texts: Sequence[Text], quads: Floats, crop: Image | None, is_figure: bool) -> Text:
    """The text of a glyph, a zero or what a figure may be taken for as a figure or a letter.

    is_figure: by its neighbours; its whole column tells more than these and than how wide it is.
    """
    text = texts[glyph]
    if text.text not in FIGURE_TWINS and text.text != "0":
        return text
    in_figures, is_wide = _in_figures(glyph, texts, quads), _is_wide(crop)
    if text.text in FIGURE_TWINS and (in_figures or (is_figure and not is_wide)):
        return replace(text, text=FIGURE_TWINS[text.text], plain="")
    return replace(text, text="O", plain="") if text.text == "0" and is_wide and not in_figures else text


def is_bar(crop: Image | None) -> bool:
    """Whether all ink of a crop, BGR uint8 (H, W, 3), is one bar that lies."""
    height, width, count = _ink_size(crop)
    return count > 0 and width >= MIN_BAR_RATIO * height and count >= MIN_BAR_FILLED * height * width


def _is_blank(crop: Image | None) -> bool:
    """Whether all ink of a crop is one bar at its foot."""
    if crop is None or crop.shape[1] < BLANK_RATIO * crop.shape[0] or not is_bar(crop):
        return False
    return bool(np.nonzero(ink_mask(crop))[0].mean() > BLANK_FOOT * crop.shape[0])


def _beside_blanks(texts: Sequence[Text], quads: Floats, blanks: Sequence[int]) -> list[Text]:
    """The texts with those of blanks, and without underscores that are a rest of a blank where a box ends or begins at one."""
    out, low, high = list(texts), quads.min(axis=1), quads.max(axis=1)
    for i in blanks:
        out[i] = BLANK
    for i, text in enumerate(out if blanks else []):
        shown = text.text
        if text is BLANK or not (shown.startswith("_") or shown.endswith("_")):
            continue
        foot, near = high[blanks, 1], NEXT_TO_BLANK * (high[i, 1] - low[i, 1])
        in_row = (low[i, 1] < foot) & (low[blanks, 1] < high[i, 1])
        begins = bool((in_row & (np.abs(low[i, 0] - high[blanks, 0]) < near)).any())
        ends = bool((in_row & (np.abs(high[i, 0] - low[blanks, 0]) < near)).any())
        first = len(shown) - len(shown.lstrip("_ ")) if begins else 0
        last = len(shown.rstrip("_ ")) if ends else len(shown)
        out[i] = rebuilt(text, rows_of(text)[first:last]) if first < last else text
    return out


def _is_wide(crop: Image | None) -> bool:
    """Whether the ink of a crop is as wide as a letter O."""
    height, width, count = _ink_size(crop)
    return count > 0 and width >= O_RATIO * height


def _ink_size(crop: Image | None) -> tuple[int, int, int]:
    """Height and width of the ink of a crop, and how many pixels it has; zeros without any."""
    if crop is None:
        return 0, 0, 0
    rows, columns = np.nonzero(ink_mask(crop))
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1, len(rows)) if len(rows) else (0, 0, 0)


def _among_figures(glyph: int, texts: Sequence[Text], quads: Floats) -> bool:
    """Whether the cells next above and below a glyph, as far as there are any, are figures."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    over, middle = _in_column(glyph, low, high), (low[glyph, 1] + high[glyph, 1]) / 2  # boxes of tight rows overlap
    above, below = np.flatnonzero(over & (high[:, 1] <= middle)), np.flatnonzero(over & (low[:, 1] >= middle))
    near = [int(above[high[above, 1].argmax()])] if len(above) else []
    near += [int(below[low[below, 1].argmin()])] if len(below) else []
    return bool(near) and all(FIGURE.fullmatch(texts[i].text.strip()) for i in near)


def _in_figures(glyph: int, texts: Sequence[Text], quads: Floats) -> bool:
    """Whether most cells of a glyph's column are figures; what may be a figure itself says nothing: O, O, 2, O are zeros."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    narrow = high[:, 0] - low[:, 0] <= MAX_CELL_RATIO * (high[glyph, 1] - low[glyph, 1])
    column = [texts[i].text.strip() for i in np.flatnonzero(_in_column(glyph, low, high) & narrow).tolist()]
    told = [bool(FIGURE.fullmatch(text)) for text in column if text not in FIGURE_TWINS and text != "0"]
    return sum(told) >= max(MIN_FIGURES, MIN_FIGURES_SHARE * len(told))


def _in_column(glyph: int, low: Floats, high: Floats) -> NDArray[np.bool_]:
    """Which boxes (N,), with these corners (N, 2), are above or below a glyph."""
    over = np.minimum(high[glyph, 0], high[:, 0]) > np.maximum(low[glyph, 0], low[:, 0])
    over[glyph] = False
    return np.asarray(over)


def _is_doubtful(text: Text) -> bool:
    """Whether a reading of a glyph alone may be wrong."""
    shown = text.text.strip()
    return text.score < SURE_SCORE or (len(shown) <= 1 and (not shown.isascii() or shown in DOUBTFUL))


def _behind(text: Text, lead: float) -> Text:
    """What of a text stands behind a fraction of its line's width, with spans of the rest."""
    at = np.flatnonzero((text.char_spans.mean(axis=1) > lead) & np.array([not c.isspace() for c in text.text], bool))
    spans = np.clip((text.char_spans[at] - lead) / max(1 - lead, 1e-6), 0, 1).astype(np.float32)
    scores, plain = text.char_scores[at], text.plain or text.text
    score = float(scores.mean()) if len(at) else 0.0
    chars = "".join(text.text[i] for i in at)
    rest = replace(text, text=chars, score=score, plain="".join(plain[i] for i in at))
    return replace(rest, char_scores=scores, char_spans=spans, evidence=text.evidence[at])
