"""Decoding of recognisers that emit one character after the other (attention, NRTR, SAR) or all at once (SRN).

Their steps are not columns of the line, so the characters are taken to share its width evenly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats, Text


@dataclass(frozen=True)
class SpecialTokens:
    """Where a decoder keeps its special tokens among its classes.

    before: how many stand before the characters; after: how many behind them. ends: the one, by its place among all
    special tokens, at which decoding stops; None where all are merely left out.
    """

    before: int
    after: int
    ends: int | None


SPECIAL_TOKENS: Mapping[str, SpecialTokens] = {
    "ctc": SpecialTokens(before=1, after=0, ends=None),  # blank, characters; decoded by `inkline.recognition.ctc`
    "attention": SpecialTokens(before=1, after=1, ends=1),  # start, characters, end
    "srn": SpecialTokens(before=0, after=2, ends=None),  # characters, start, end
    "nrtr": SpecialTokens(before=4, after=1, ends=3),  # padding, unknown, start, end, characters, one unused
    "sar": SpecialTokens(before=0, after=2, ends=1),  # characters, unknown, start-and-end
}


def class_count(decoder: str, characters: int) -> int:
    """How many classes a net with this decoder has for a charset of that many characters."""
    special = SPECIAL_TOKENS[decoder]
    return special.before + characters + special.after


def attention_decode(decoder: str, best: NDArray[np.int64], prob: Floats, charset: Sequence[str]) -> Text:
    """Text of one line from its most probable classes.

    decoder: a key of `SPECIAL_TOKENS`. best: (T,) class of each step; prob: (T,) its probability. charset: the
    characters, in the order of their classes; an entry may have several. The score is the mean probability of the kept
    steps, 0.0 without any; spans divide the line evenly. ValueError for a class beyond the charset and the special tokens.
    """
    special = SPECIAL_TOKENS[decoder]
    if len(best) and not 0 <= best.min() <= best.max() < class_count(decoder, len(charset)):
        raise ValueError(f"class {int(best.max())} is beyond the {class_count(decoder, len(charset))} of {decoder}")
    # Stop at the end token, where the decoder has one.
    if special.ends is not None:
        end = special.ends if special.ends < special.before else special.ends + len(charset)
        stops = np.flatnonzero(best == end)
        length = stops[0] if len(stops) else len(best)
        best, prob = best[:length], prob[:length]
    # Keep characters, drop special tokens; spread the characters evenly over the line.
    characters = best - special.before
    kept = (characters >= 0) & (characters < len(charset))
    tokens = [charset[i] for i in characters[kept]]
    if not tokens:
        return Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    scores = prob[kept].astype(np.float32)
    repeat = np.array([len(token) for token in tokens])
    borders = np.linspace(0, 1, len(tokens) + 1, dtype=np.float32)
    spans = np.stack([borders[:-1], borders[1:]], axis=1)
    return Text("".join(tokens), float(scores.mean()), np.repeat(scores, repeat), np.repeat(spans, repeat, axis=0))
