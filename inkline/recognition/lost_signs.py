"""Points between figures and signs before them that dots or wear have hidden: by the room for one, and by rests of its ink."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from inkline.recognition.shapes import Pieces, piece_at, pieces_of
from inkline.recognition.signs import Char, rows_of
from inkline.types import Image, Text

MIN_MISSING = 0.05  # the chance, by the net, that a character is missing behind a figure
WIDER = 1.25, 1.8  # times the usual distance of two figures: room for a point, and more than that
MIN_PAIRS = 10  # of figures on a page, from which a distance is usual
SAME_HEIGHT = 0.8  # of the higher of two figures, and of two pairs
POINT_SIZE, POINT_FOOT = (0.08, 0.3), 0.15  # of a point, and of its foot from the base line, in heights of the figures
DASH_SIZE, DASH_RATIO = (0.15, 0.6), 1.3  # of the rest of a minus: its width; width to height
DASH_HEIGHT, DASH_FOOT = 0.2, (0.18, 0.5)  # its height at most, and how far its foot is above the base line
DASH_GAP = -0.05, 0.4  # from its end to the figure
DOUBT = 0.5  # the chance that a character is missing, or that it is a point
DOUBTED_SCORE = 0.75  # of a figure and a point at most, which are still read

_FIGURE = re.compile(r"[$€£¥]?[0-9][0-9.,]*%?")
_PAIR = re.compile(r"[0-9](?=[0-9])")


def with_lost_signs(texts: Sequence[Text], crops: Sequence[Image]) -> list[Text]:
    """The texts of a page with a point where figures have room for one and there is ink of it, and a minus before figures
    where there is ink of that; all such figures are in doubt.

    texts and crops: of each line, BGR uint8 (H, W, 3).
    """
    out = [_with_minus(text, crop) for text, crop in zip(texts, crops, strict=True)]
    doubtful = [i for i, text in enumerate(texts) if _may_lack(text)]
    if not doubtful:
        return out
    # How far apart figures usually are, by their height.
    known = np.array([pair[1:] for text, crop in zip(texts, crops, strict=True) for pair in _pairs(text, crop)]).reshape(-1, 2)
    for i in doubtful:
        for at, apart, height in list(_pairs(texts[i], crops[i]))[::-1]:
            alike = known[np.minimum(known[:, 1], height) > SAME_HEIGHT * np.maximum(known[:, 1], height), 0]
            ratio = apart / float(np.median(alike))
            if len(alike) >= MIN_PAIRS and WIDER[0] <= ratio <= WIDER[1] and texts[i].evidence[at, 2] >= MIN_MISSING:
                out[i] = _with_point(out[i], at, crops[i])
    return out


def _may_lack(text: Text) -> bool:
    """Whether the net sees a chance that something is missing between two figures."""
    return any(text.evidence[match.start(), 2] >= MIN_MISSING for match in _PAIR.finditer(text.text))


def _pairs(text: Text, crop: Image) -> Iterator[tuple[int, float, float]]:
    """Of each two neighbouring figures that are a piece of ink each: the first's place in the text, how far their middles
    are apart in heights of the higher one, and that height in pixels."""
    found = [match.start() for match in _PAIR.finditer(text.text)]
    pieces = pieces_of(crop) if found else np.zeros((0, 4), np.int64)
    for at in found:
        left, right = (_figure_at(text, i, pieces, crop.shape[1]) for i in (at, at + 1))
        if left is None or right is None:
            continue
        heights = sorted((float(left[3] - left[1]), float(right[3] - right[1])))
        narrow = max(left[2] - left[0], right[2] - right[0]) <= heights[1]
        if right[0] >= left[0] and narrow and heights[0] >= SAME_HEIGHT * heights[1] and (left != right).any():
            yield at, float(right[0] + right[2] - left[0] - left[2]) / 2 / heights[1], heights[1]


def _figure_at(text: Text, i: int, pieces: Pieces, width: int) -> Pieces | None:
    """The bounds (4,) of a figure, which may be of several pieces of ink above each other; None without any."""
    piece = piece_at(text, i, pieces, width)
    if piece is None:
        return None
    shared = np.minimum(pieces[:, 2], piece[2]) - np.maximum(pieces[:, 0], piece[0])
    own = pieces[2 * shared > np.minimum(pieces[:, 2] - pieces[:, 0], piece[2] - piece[0])]
    return np.concatenate([own[:, :2].min(axis=0), own[:, 2:].max(axis=0)])


def _with_minus(text: Text, crop: Image) -> Text:
    """The text with a minus before a figure where there is ink of one, and nothing else before that; with doubt."""
    if not _FIGURE.fullmatch(text.text):
        return text
    pieces = pieces_of(crop)
    figure = _figure_at(text, 0, pieces, crop.shape[1])
    if figure is None:
        return text
    height = figure[3] - figure[1]
    width, thickness = ((pieces[:, 2:] - pieces[:, :2]) / height).T
    foot, gap = (figure[3] - pieces[:, 3]) / height, (figure[0] - pieces[:, 2]) / height
    fits = (width >= DASH_SIZE[0]) & (width <= DASH_SIZE[1]) & (thickness <= DASH_HEIGHT)
    fits &= (width >= DASH_RATIO * thickness) & (foot >= DASH_FOOT[0]) & (foot <= DASH_FOOT[1])
    fits &= (gap >= DASH_GAP[0]) & (gap <= DASH_GAP[1])
    before = pieces[:, 2] <= figure[0] + 1
    if not fits.any() or (before & ~fits & (width >= DASH_SIZE[0] / 2)).any():
        return text
    middle = float(pieces[fits][0, [0, 2]].mean()) / crop.shape[1]
    return _made_of(text, [_sign("-", middle), *rows_of(text)])


def _with_point(text: Text, at: int, crop: Image) -> Text:
    """The text with a point behind a figure where there is ink of one, and with doubt whether there is."""
    rows, pieces = rows_of(text), pieces_of(crop)
    char, plain, score, span, evidence = rows[at]
    unsure = np.array([*evidence[:2], max(evidence[2], DOUBT)], np.float32)
    rows[at] = (char, plain, min(score, DOUBTED_SCORE), span, unsure)
    left, right = (_figure_at(text, i, pieces, crop.shape[1]) for i in (at, at + 1))
    if left is not None and right is not None and _is_point_between(left, right, pieces):
        rows.insert(at + 1, _sign(".", float(span.mean() + text.char_spans[at + 1].mean()) / 2))
    return _made_of(text, rows)


def _sign(char: str, place: float) -> Char:
    """A sign at a place, a fraction of the line's width, that is in doubt."""
    return char, char, DOUBTED_SCORE, np.full(2, place, np.float32), np.array([DOUBT, 1 - DOUBT, 0], np.float32)


def _made_of(text: Text, rows: list[Char]) -> Text:
    """The text with other characters, and the score that they have."""
    chars, plains, scores, spans, evidences = zip(*rows, strict=True)
    return replace(
        text,
        text="".join(chars),
        plain="".join(plains),
        score=float(np.mean(scores)),
        char_scores=np.array(scores, np.float32),
        char_spans=np.array(spans, np.float32),
        evidence=np.array(evidences, np.float32),
    )


def _is_point_between(left: Pieces, right: Pieces, pieces: Pieces) -> bool:
    """Whether a piece of ink (N, 4) of a point's size stands on the base line between two figures (4,)."""
    height, foot = left[3] - left[1], max(left[3], right[3])
    sizes, middles = (pieces[:, 2:] - pieces[:, :2]) / height, (pieces[:, 0] + pieces[:, 2]) / 2
    fits = ((sizes >= POINT_SIZE[0]) & (sizes <= POINT_SIZE[1])).all(axis=1)
    fits &= (np.abs(pieces[:, 3] - foot) <= POINT_FOOT * height) & (pieces[:, 1] >= foot - 2 * POINT_SIZE[1] * height)
    return bool((fits & (middles > left[2] - 1) & (middles < right[0] + (right[2] - right[0]) / 3)).any())
