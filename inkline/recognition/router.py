"""Which script a line is written in: a small net looks at a few parts of it, and the lines of a page decide together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from inkline.runtime import Engine
from inkline.scripts import SCRIPTS
from inkline.types import Floats, Image

HEIGHT_PX, WIDTH_PX = 32, 128  # of the net's input
PAPER = 1.0  # the value of paper in it; ink is -1
BATCH_SIZE = 16
LETTERED = tuple(SCRIPTS)[1:]  # the scripts of the columns of `evidence` and `posterior`
MIN_PROBABILITY = 1e-4  # no part of a line may outvote all others
PRIOR_LINES = 0.5  # what is known of a page before its lines are seen weighs as much as this many of them
PRIOR_ROUNDS = 4
EVEN_ABOVE = 0.2  # probability from which the second likeliest recogniser reads a line, too
DOUBT_ABOVE = 0.03  # the same for a line whose reading is below SURE_SCORE
POSSIBLE_ABOVE = 0.01  # the same for a line whose reading is below GOOD_SCORE
WHOLE_ABOVE, LEFT_OUT_ABOVE = 0.9, 0.001  # the same for a line of whose ink no more than this share is read
ALIKE = frozenset(["Thai", "Laoo"])  # scripts that are so alike that the same goes for a line in one of these
AKIN, AKIN_ABOVE = 2, 1e-6  # recognisers of other scripts that read such a line, and how likely they are at least
SURE_SCORE = 0.95
GOOD_SCORE = 0.85

Run = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class ScriptNet:
    """The router's net: `net(crops) -> [(parts, classes) probabilities]`, classes as in `inkline.scripts`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, crops: Sequence[Image], run: Run = map) -> list[Floats]:
        """What the net says of the parts of each crop, BGR uint8 (H, W, 3); `run` maps over batches."""
        parts = [line_parts(crop) for crop in crops]
        flat = [part for several in parts for part in several]
        batches = [flat[at : at + BATCH_SIZE] for at in range(0, len(flat), BATCH_SIZE)]
        rows = iter(row for batch in run(self._probabilities, batches) for row in batch)
        return [np.stack([next(rows) for _ in several]) for several in parts]

    def _probabilities(self, parts: Sequence[Image]) -> Floats:
        return np.asarray(self._engine(np.stack([net_input(part) for part in parts]))[0], np.float32)


def line_parts(crop: Image) -> list[Image]:
    """The parts of a line that are looked at: one of a short one, else two or three, evenly spread."""
    height, width = crop.shape[:2]
    part = max(round(height * WIDTH_PX / HEIGHT_PX), 1)
    count = 1 + (width > 1.5 * part) + (width > 4 * part)
    gap = max(width - count * part, 0) // (count + 1)
    return [crop[:, start : start + part] for start in (gap + i * (part + gap) for i in range(count))]


def net_input(image: Image) -> Floats:
    """A line part, BGR uint8 (H, W, 3), as the net sees it: float32 (1, 32, 128), grey, dark ink on paper at full contrast.

    It is brought to the height, cut or filled with paper at the right end.
    """
    height, width = image.shape[:2]
    width = min(max(round(width * HEIGHT_PX / height), 1), WIDTH_PX)
    way = cv2.INTER_AREA if height > HEIGHT_PX else cv2.INTER_LINEAR
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (width, HEIGHT_PX), interpolation=way)
    # Contrast between the darkest and the lightest fiftieth; what is rarer is ink.
    counts = np.cumsum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel().astype(np.int64))
    low, high = np.searchsorted(counts, (0.02 * counts[-1], 0.98 * counts[-1]))
    table = (np.arange(256, dtype=np.float32) - (low + high) / 2) * (2 / max(high - low, 32))
    shown = np.asarray(cv2.LUT(grey, np.clip(table, -1, 1)), np.float64)
    out = np.full((1, HEIGHT_PX, WIDTH_PX), PAPER, np.float32)
    out[0, :, :width] = shown if shown.mean() >= 0 else -shown
    return out


def evidence(seen: Sequence[Floats]) -> tuple[Floats, Floats]:
    """What lines say of their scripts, from `ScriptNet`: log-likelihoods (N, scripts), and how many parts hold letters (N,).

    A part counts as far as it holds letters, so digits and signs say nothing.
    """
    logs, letters = np.zeros((len(seen), len(LETTERED)), np.float32), np.zeros(len(seen), np.float32)
    for i, parts in enumerate(seen):
        lettered = 1 - parts[:, :1]
        likelihood = np.maximum(parts[:, 1:] / np.maximum(lettered, MIN_PROBABILITY), MIN_PROBABILITY)
        logs[i], letters[i] = (lettered * np.log(likelihood)).sum(axis=0), lettered.sum()
    return logs, letters


def posterior(logs: Floats, letters: Floats, allowed: Sequence[bool]) -> Floats:
    """The probabilities (N, scripts) of the scripts of a page's lines, with the page as a prior.

    logs, letters: from `evidence`. allowed: which scripts may be (scripts,). How often a script is on the page is found in
    a few rounds (expectation maximisation); so one odd line needs evidence, and lines of digits go with the others.
    """
    chances = np.asarray(allowed, np.float64) / max(sum(allowed), 1)
    uniform = chances
    for _ in range(PRIOR_ROUNDS):
        weights = np.exp(logs - logs.max(axis=1, keepdims=True, initial=-np.inf)) * chances
        probability = weights / weights.sum(axis=1, keepdims=True)
        counts = (probability * letters[:, None]).sum(axis=0) + PRIOR_LINES * uniform
        chances = counts / counts.sum()
    return np.asarray(probability, np.float32)


@dataclass(frozen=True, eq=False)
class Plan:
    """Of one line: how likely each recogniser is the right one, the likeliest script (its code), if it surely is Latin."""

    chances: Mapping[str, float]
    script: str
    is_latin: bool = False

    @property
    def names(self) -> list[str]:
        """The recognisers, likeliest first."""
        return sorted(filter(None, self.chances), key=lambda name: -self.chances[name])

    @property
    def first(self) -> list[str]:
        """Those that read the line in any case: the likeliest, and the second where it may as well be the right one."""
        first, *others = self.names
        return [first, *(name for name in others[:1] if self.chances[name] > EVEN_ABOVE)]

    def next_to(self, asked: Sequence[str], score: float, share: float = 1.0) -> list[str]:
        """The one to ask, too, where the best score of those that were asked is no better than this, if any is possible.

        share: of the line's ink, that has a character beside it in the best reading.
        """
        if score * share >= SURE_SCORE:
            return []
        doubt = DOUBT_ABOVE if score * share >= GOOD_SCORE else POSSIBLE_ABOVE
        least = LEFT_OUT_ABOVE if share <= WHOLE_ABOVE or self.script in ALIKE else doubt
        return [name for name in self.names if name not in asked and self.chances[name] > least][:1]

    def akin(self, asked: Sequence[str], score: float) -> list[str]:
        """Those to ask, too, where those that were asked read a line badly, with this score, in a script other than Latin."""
        if score >= GOOD_SCORE:
            return []
        return [name for name in self.names if name not in asked and self.chances[name] > AKIN_ABOVE][:AKIN]
