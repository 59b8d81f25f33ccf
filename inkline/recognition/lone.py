"""Glyphs that stand alone in a row, read once more with the text beside them: by itself a dash is nothing, a plus a 十."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from inkline.layout.geometry import crop_quad
from inkline.layout.in_row import lone_glyphs, measure, seen_in_row
from inkline.recognition.words import ink_mask
from inkline.types import Floats, Image, Text

SURE_SCORE = 0.9  # from which a reading with the row counts whatever the other says, or a glyph that no detector found
KEPT_SCORE = 0.5  # from which a glyph stays that both readings agree on, or that is a digit among figures
DOUBTFUL = frozenset("1IlO0oQD|/\\-–—_~=+.")  # what a sign or a letter alone may be taken for
GLYPHS = re.compile(r"[A-Za-z0-9]{1,4}%?|[-–—−+=/%*×±<>#✓✗?]|[-+±<>]\d{1,3}")  # what counts where no detector saw it
FIGURE = re.compile(r"[-+$€£]?\d[\d.,]*%?")
FIGURE_TWINS = {"o": "0", "O": "0", "D": "0", "Q": "0", "l": "1", "I": "1", "|": "1"}  # in a column of figures
NEARLY_DASHES = ("", ".", "_", "·", "•", "~", "■", "▬", "一", "ー")  # what a dash with its row is at times taken for
DASH = Text("-", SURE_SCORE, np.array([SURE_SCORE], np.float32), np.array([[0.4, 0.6]], np.float32))
MIN_BAR_RATIO, MIN_BAR_FILLED = 1.6, 0.75  # width to height of a dash, and the share of that rectangle that is ink


def read_lone(
    texts: Sequence[Text], image: Image, quads: Floats, offered: Sequence[int], read: Callable[[list[Image]], list[Text]]
) -> tuple[list[Text], list[int]]:
    """The texts with those of lone glyphs as they are read in their rows, and the indices of the boxes that stay.

    image: the page, BGR uint8 (H, W, 3). quads: (N, 4, 2) of the texts. offered: the boxes that no detector found; those stay
    that are surely read. read: reads lines.
    """
    # Which are alone and in doubt, and how they look in their rows.
    out, boxes, asked = list(texts), measure(quads), set(offered)
    agreed: set[int] = set()
    doubtful = {i: text for i, text in lone_glyphs(boxes).items() if i in asked or _is_doubtful(texts[i])}
    views = {i: view for i, text in doubtful.items() if (view := seen_in_row(image, boxes, i, text)) is not None}
    # What they are there.
    for (i, (_, lead)), text in zip(views.items(), read([view for view, _ in views.values()]) if views else [], strict=True):
        found = _behind(text, lead)
        if found.text and FIGURE_TWINS.get(found.text, found.text) == FIGURE_TWINS.get(texts[i].text, texts[i].text):
            agreed.add(i)
        if found.text in NEARLY_DASHES and is_bar(crop_quad(image, quads[i])):
            found = replace(DASH, reader=found.reader, score_thresh=found.score_thresh)
        if i in asked:
            if found.score >= SURE_SCORE and GLYPHS.fullmatch(found.text):
                out[i] = found
                asked.discard(i)
        elif found.text and len(found.text) <= 2 and (found.score >= SURE_SCORE or found.score >= texts[i].score):
            out[i] = found
    for i in views:
        if out[i].text in FIGURE_TWINS and _among_figures(i, out, quads):
            out[i] = replace(out[i], text=FIGURE_TWINS[out[i].text], plain="")
        # A letter or digit that both readings agree on is kept, and a digit in a column of figures.
        is_kept = len(out[i].text) == 1 and out[i].text.isalnum() and out[i].score >= KEPT_SCORE
        if is_kept and (i in agreed or (out[i].text.isdigit() and _among_figures(i, out, quads))):
            out[i] = replace(out[i], score_thresh=KEPT_SCORE)
    return out, [i for i in range(len(out)) if i not in asked]


def is_bar(crop: Image | None) -> bool:
    """Whether all ink of a crop, BGR uint8 (H, W, 3), is one bar that lies."""
    if crop is None:
        return False
    rows, columns = np.nonzero(ink_mask(crop))
    if not len(rows):
        return False
    height, width = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    return width >= MIN_BAR_RATIO * height and len(rows) >= MIN_BAR_FILLED * height * width


def _among_figures(glyph: int, texts: Sequence[Text], quads: Floats) -> bool:
    """Whether the cells next above and below a glyph, as far as there are any, are figures."""
    low, high = quads.min(axis=1), quads.max(axis=1)
    over = (np.minimum(high[glyph, 0], high[:, 0]) > np.maximum(low[glyph, 0], low[:, 0])) & (np.arange(len(quads)) != glyph)
    above, below = np.flatnonzero(over & (high[:, 1] <= low[glyph, 1])), np.flatnonzero(over & (low[:, 1] >= high[glyph, 1]))
    near = [int(above[high[above, 1].argmax()])] if len(above) else []
    near += [int(below[low[below, 1].argmin()])] if len(below) else []
    return bool(near) and all(FIGURE.fullmatch(texts[i].text.strip()) for i in near)


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
