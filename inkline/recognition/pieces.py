"""A line in several scripts: where its words lie, and one text of its pieces."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from inkline.recognition.bidi import base_direction
from inkline.recognition.words import ink_mask
from inkline.types import Image, Text

MIN_GAP_RATIO = 0.22  # of the line's height, between two words
NOTHING = Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
SPACE_EVIDENCE = np.array([[1, 0, 0]], np.float32)  # of the space between two pieces


def word_spans(crop: Image) -> list[tuple[int, int]]:
    """(start, end) in pixels of the words of a line, BGR uint8 (H, W, 3), by the gaps of its ink."""
    inked = np.flatnonzero(ink_mask(crop).any(axis=0))
    if not len(inked):
        return [(0, crop.shape[1])]
    gaps = np.flatnonzero(np.diff(inked) > MIN_GAP_RATIO * crop.shape[0])
    cuts = [0, *((inked[gaps] + inked[gaps + 1]) // 2).tolist(), crop.shape[1]]
    return list(pairwise(cuts))


def placed(text: Text, start: float, end: float) -> Text:
    """The text of a piece that lies between two fractions of its line's width."""
    return replace(text, char_spans=text.char_spans * np.float32(end - start) + np.float32(start))


def joined(pieces: Sequence[Text]) -> Text:
    """One text of the pieces of a line from its left, spaces between them; its score is the mean of theirs.

    A line whose letters mostly run from right to left begins with its last piece.
    """
    kept = [piece for piece in pieces if piece.text.strip()]
    if not kept:
        return NOTHING
    if base_direction(" ".join(piece.text for piece in kept)) == "rtl":
        kept.reverse()
    whole = kept[0]
    for piece in kept[1:]:
        at = piece.char_spans[:1, [0, 0]]  # the space stands where the piece begins
        whole = Text(
            f"{whole.text} {piece.text}",
            float(np.mean([text.score for text in kept])),
            np.concatenate([whole.char_scores, np.ones(1, np.float32), piece.char_scores]),
            np.concatenate([whole.char_spans, at, piece.char_spans]),
            f"{whole.plain or whole.text} {piece.plain or piece.text}",
            "+".join(dict.fromkeys([*whole.reader.split("+"), piece.reader])),
            max(whole.score_thresh or 0.0, piece.score_thresh or 0.0),
            evidence=np.concatenate([whole.evidence, SPACE_EVIDENCE, piece.evidence]),
        )
    return whole
