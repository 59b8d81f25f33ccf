"""CTC decoding: from class probabilities per step to text (Graves et al., 2006, best path)."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats, Text


@dataclass(frozen=True, eq=False)
class Path:
    """What a net saw in a line, step by step.

    best: (T,) the most probable class of each step; prob: (T,) its probability; plain: (T,) as best, without doubtful
    accents (`doubtful_accents`). width: of the line at the net's height, in pixels, before it was squeezed; used: the
    fraction of the T steps that the line covers, the rest being padding.
    """

    best: NDArray[np.int64]
    prob: Floats
    plain: NDArray[np.int64]
    width: int = 0
    used: float = 1.0


def ctc_decode(path: Path, charset: Sequence[str]) -> Text:
    """Best-path text of one line: repeats merged, class 0 (blank) dropped.

    charset: the string of class 1, 2, ...; a string may have several characters. Spans are fractions of the line. The
    score is the mean probability of the kept steps, 0.0 without any.
    """
    best = path.best
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    steps = np.flatnonzero(keep)
    if not len(steps):
        return Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    tokens = [charset[i - 1] for i in best[steps]]
    repeat = np.array([len(token) for token in tokens])
    spans = np.clip(np.stack([steps, steps + 1], axis=1) / (len(best) * path.used), 0, 1).astype(np.float32)
    scores = path.prob[steps].astype(np.float32)
    return Text(
        "".join(tokens),
        float(scores.mean()),
        np.repeat(scores, repeat),
        np.repeat(spans, repeat, axis=0),
        "".join(charset[i - 1] for i in path.plain[steps]),
    )


def join_paths(parts: Sequence[tuple[int, Path]]) -> Path:
    """One path from those of overlapping windows, each with where it starts in the net's pixels, in order.

    Two windows meet at a step that is blank in both, the nearest to the middle of what they share: no letter is cut.
    """
    first = parts[0][1]
    if len(parts) == 1:
        return first
    per_pixel = len(first.best) * first.used / first.width
    whole = [np.zeros((3, 0))]
    end = 0
    for start, path in parts:
        steps = np.stack([path.best, path.prob, path.plain])[:, : round(len(path.best) * path.used)]
        at = round(start * per_pixel)
        shared = max(end - at, 0)
        before = np.concatenate(whole, axis=1)
        blank = np.flatnonzero((before[0, at:end] == 0) & (steps[0, :shared] == 0))
        cut = shared // 2 if not len(blank) else int(blank[np.abs(blank - shared / 2).argmin()])
        whole = [before[:, : at + cut], steps[:, cut:]]
        end = at + steps.shape[1]
    best, prob, plain = np.concatenate(whole, axis=1)
    return Path(best.astype(np.int64), prob.astype(np.float32), plain.astype(np.int64))


def unaccented(charset: Sequence[str]) -> NDArray[np.int64]:
    """For class 0 (blank), 1, ...: the class of the letter without its accent, for Latin letters that have one; else 0."""
    known = {token: i for i, token in enumerate(charset, 1)}
    base = np.zeros(len(charset) + 1, np.int64)
    for i, token in enumerate(charset, 1):
        parts = unicodedata.normalize("NFD", token) if len(token) == 1 and not token.isascii() else ""
        if len(parts) > 1 and parts[0].isascii() and parts[0].isalpha():
            base[i] = known.get(parts[0], 0)
    return base


def doubtful_accents(
    best: NDArray[np.int64], probability: Floats, base: NDArray[np.int64], thresh: float
) -> NDArray[np.int64]:
    """`best` (T,), with accented letters made plain where the plain one's probability is over `thresh` of the accented one's.

    probability: (T, classes); base: from `unaccented`. A net for fifty languages sees accents in specks; whether the page
    is in a language that has them decides `settle_accents`.
    """
    at = np.flatnonzero(base[best])
    weak = at[probability[at, base[best[at]]] > thresh * probability[at, best[at]]]
    if not len(weak):
        return best
    plain = best.copy()
    plain[weak] = base[best[weak]]
    return plain


def settle_accents(texts: Sequence[Text]) -> list[Text]:
    """The texts of one page, with doubtful accents taken off where the page has no others to speak of.

    To speak of: accents beyond doubt on one letter of 200; French has one of 25, German one of 60, an English page with
    a few foreign names less.
    """
    letters = accents = 0
    for text in texts:
        for char, plain in zip(text.text, text.plain or text.text, strict=True):
            letters += char.isalpha()
            accents += char == plain and not char.isascii() and len(unicodedata.normalize("NFD", char)) > 1
    if accents * 200 >= letters:
        return list(texts)
    return [replace(text, text=text.plain) if text.plain and text.plain != text.text else text for text in texts]


def mend_spaces(
    best: NDArray[np.int64], prob: Floats, space: Floats, space_class: int, thresh: float
) -> tuple[NDArray[np.int64], Floats]:
    """Let a weak space win over the blank: where two characters meet without one, and the net gave it `thresh` in between.

    best, prob: (T,) as for `ctc_decode`; space: (T,) the probability of the space class. At most one step between two
    characters changes, from blank to space, and it takes the probability of a blank's loss: 1 - P(blank), so that a
    mended space does not read as doubt about the letters. The inputs stay as they are.

    Best-path decoding drops a space whose probability is spread over the steps of a gap; English words then come out
    glued. With 0.15, token F1 on receipts rises by 0.01 and on scene text by 0.04 (`benchmarks/accuracy.py`).
    """
    spaced = np.flatnonzero((space > thresh) & (best == 0))
    if not len(spaced):
        return best, prob
    keep = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
    steps = np.flatnonzero(keep)
    rights = np.searchsorted(steps, spaced)
    best, prob = best.copy(), prob.copy()
    for right in np.unique(rights):
        if 0 < right < len(steps) and space_class not in best[steps[right - 1 : right + 1]]:
            gap = spaced[rights == right]
            at = gap[space[gap].argmax()]
            best[at], prob[at] = space_class, max(space[at], 1 - prob[at])
    return best, prob
