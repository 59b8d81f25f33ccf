"""Decoding of the recognisers that write one character after the other (attention, NRTR, SAR) or all at once (SRN).

Their steps are not columns of the line, so characters are taken to share its width evenly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats, Text


@dataclass(frozen=True)
class Marks:
    """Where a decoder keeps its marks among its classes.

    before: marks in front of the characters; after: marks behind them. ends: the mark, by its place among all marks,
    in front of which reading stops; None where every mark is merely left out.
    """

    before: int
    after: int
    ends: int | None


MARKS: Mapping[str, Marks] = {
    "ctc": Marks(before=1, after=0, ends=None),  # blank, characters; decoded by `inkline.recognition.ctc`
    "attention": Marks(before=1, after=1, ends=1),  # start, characters, end
    "srn": Marks(before=0, after=2, ends=None),  # characters, start, end
    "nrtr": Marks(before=4, after=1, ends=3),  # padding, unknown, start, end, characters, one unused
    "sar": Marks(before=0, after=2, ends=1),  # characters, unknown, start-and-end
}


def class_count(decoder: str, characters: int) -> int:
    """How many classes a net with this decoder has for a charset of that many characters."""
    marks = MARKS[decoder]
    return marks.before + characters + marks.after


def attention_decode(decoder: str, best: NDArray[np.int64], prob: Floats, charset: Sequence[str]) -> Text:
    """Text of one line from its most probable classes.

    decoder: a key of `MARKS`. best: (T,) class of each step; prob: (T,) its probability. charset: the characters, in the
    order of their classes; an entry may have several. The score is the mean probability of the kept steps, 0.0 without
    any; spans divide the line evenly. ValueError for a class beyond the charset and the marks.
    """
    marks = MARKS[decoder]
    if len(best) and not 0 <= best.min() <= best.max() < class_count(decoder, len(charset)):
        raise ValueError(f"class {int(best.max())} is beyond the {class_count(decoder, len(charset))} of {decoder}")
    if marks.ends is not None:
        end = marks.ends if marks.ends < marks.before else marks.ends + len(charset)
        stops = np.flatnonzero(best == end)
        length = stops[0] if len(stops) else len(best)
        best, prob = best[:length], prob[:length]
    characters = best - marks.before
    kept = (characters >= 0) & (characters < len(charset))
    tokens = [charset[i] for i in characters[kept]]
    if not tokens:
        return Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    scores = prob[kept].astype(np.float32)
    repeat = np.array([len(token) for token in tokens])
    borders = np.linspace(0, 1, len(tokens) + 1, dtype=np.float32)
    spans = np.stack([borders[:-1], borders[1:]], axis=1)
    return Text("".join(tokens), float(scores.mean()), np.repeat(scores, repeat), np.repeat(spans, repeat, axis=0))
