"""CTC decoding: from class probabilities per step to text (Graves et al., 2006, best path)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inkline.types import Floats, Text


@dataclass(frozen=True, eq=False)
class CtcPath:
    """What a net saw in a line, step by step.

    best: (T,) the most probable class of each step; prob: (T,) its probability; plain: (T,) as best, without doubtful
    accents (`remove_doubtful_accents`). width: of the line at the net's height, in pixels, before it was narrowed; used: the
    fraction of the T steps that the line covers, the rest being padding. others: (T,) the probability of what is on neither
    side of the step (`probability_of_others`); None where it is not known.
    """

    best: NDArray[np.int64]
    prob: Floats
    plain: NDArray[np.int64]
    width: int = 0
    used: float = 1.0
    others: Floats | None = None


def probability_of_others(best: NDArray[np.int64], probability: Floats) -> Floats:
    """Of each step the probability (T,) of characters other than those that are read at it, or last before and next after it.

    best: (T,) the class read at each step, 0 the blank; probability: (T, classes). At a character it is what else that may
    be, between two it is what may be missing there.
    """
    steps = np.arange(len(best))
    filled = best != 0
    before = np.maximum.accumulate(np.where(filled, steps, 0))
    after = np.minimum.accumulate(np.where(filled, steps, len(best) - 1)[::-1])[::-1]
    left, right = best[before], best[after]
    known = probability[:, 0] + np.where(left != 0, probability[steps, left], 0)
    known += np.where((right != 0) & (right != left), probability[steps, right], 0)
    return np.asarray(np.clip(1 - known, 0, 1), np.float32)


def ctc_decode(path: CtcPath, charset: Sequence[str]) -> Text:
    """Best-path text of one line: repeats merged, class 0 (blank) dropped.

    charset: the string of class 1, 2, ...; a string may have several characters. Spans are fractions of the line. The
    score is the mean probability of the kept steps, 0.0 without any.
    """
    # Steps that are kept: not blank, not the repeat of the step before.
    best = path.best
    keep = best != 0
    keep[1:] &= best[1:] != best[:-1]
    steps = np.flatnonzero(keep)
    if not len(steps):
        return Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
    # Each token's characters share its step and its score.
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
        evidence=np.repeat(_evidence(path, steps), repeat, axis=0),
    )


def _evidence(path: CtcPath, steps: NDArray[np.int64]) -> Floats:
    """Of each character (N, 3), as in `Text.evidence`. steps: where the characters begin."""
    filled = path.best != 0
    others = np.zeros(len(filled), np.float32) if path.others is None else path.others
    starts = np.concatenate([[0], steps[1:]])  # what comes before the first character is counted with it
    columns = np.where(filled, path.prob, 0), np.where(filled, others, 0), np.where(filled, 0, others)
    return np.stack([np.maximum.reduceat(column, starts) for column in columns], axis=1).astype(np.float32)


def join_paths(parts: Sequence[tuple[int, CtcPath]]) -> CtcPath:
    """One path from those of overlapping windows, each with where it starts in the net's pixels, in order.

    Two windows meet at a step that is blank in both, the nearest to the middle of what they share: no letter is cut.
    """
    first = parts[0][1]
    if len(parts) == 1:
        return first
    per_pixel = len(first.best) * first.used / first.width
    whole = [np.zeros((4, 0))]
    end = 0
    for start, path in parts:
        others = np.zeros(len(path.best)) if path.others is None else path.others
        steps = np.array([path.best, path.prob, path.plain, others], np.float64)[:, : round(len(path.best) * path.used)]
        at = round(start * per_pixel)
        shared = max(end - at, 0)
        # What the windows so far and this one share: cut both at a common blank step.
        before = np.concatenate(whole, axis=1)
        blank = np.flatnonzero((before[0, at:end] == 0) & (steps[0, :shared] == 0))
        cut = shared // 2 if not len(blank) else int(blank[np.abs(blank - shared / 2).argmin()])
        whole = [before[:, : at + cut], steps[:, cut:]]
        end = at + steps.shape[1]
    best, prob, plain, others = np.concatenate(whole, axis=1)
    classes = best.astype(np.int64), plain.astype(np.int64)
    return CtcPath(classes[0], prob.astype(np.float32), classes[1], others=others.astype(np.float32))
