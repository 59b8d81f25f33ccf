"""What the lines of a page tell about it, read as a sample: which way is up, and which of two versions is legible.

No net was trained for this: the detector says which way lines run, and the recogniser reads upright text with more
confidence than text on its head (measured in `benchmarks/orient.py`).
"""

from collections.abc import Callable, Sequence

import numpy as np

from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.types import Detections, Image, Text

SAMPLE = 8  # lines read of a page
LONG_ENOUGH = 12  # longer than this many times its height, a line tells no more
MARGIN = 0.05  # mean scores closer than this decide nothing
FEW, LEGIBLE = 5, 0.8  # fewer lines than this tell something only when they read with this mean score
CONFIDENT = 0.9  # score from which a line counts as read

Find = Callable[[Image], Detections]
Read = Callable[[Sequence[Image]], list[Text]]


class Judge:
    """`judge.angle(image)`, `judge.prefers(changed, original)`; find: boxes of an image; read: texts of line images."""

    def __init__(self, find: Find, read: Read) -> None:
        self._find, self._read = find, read

    def angle(self, image: Image) -> int:
        """By how many degrees (0, 90, 180, 270) counter-clockwise a page must be turned; 0 when its lines do not tell.

        Lines that run down may be those of a page on its side or columns of Chinese or Japanese: these are left alone.
        """
        crops = self._crops(image)
        tall = [crop for crop in crops if is_upright_column(crop)]
        wide = [crop for crop in crops if is_upright_column(turn(crop, 90))]
        sideways = sum(len(crop) for crop in tall) > sum(crop.shape[1] for crop in wide)
        chosen = _longest([turn(crop, 90) for crop in tall] if sideways else wide)
        if not chosen:
            return 0
        upright = self._read(chosen)
        score = float(np.mean([text.score for text in upright]))
        gain = float(np.mean([text.score for text in self._read([turn(crop, 180) for crop in chosen])])) - score
        if len(chosen) < FEW and max(score, score + gain) < LEGIBLE:
            return 0
        if sideways and gain < MARGIN and (gain > -MARGIN or _is_cjk("".join(text.text for text in upright))):
            return 0
        return (90 if sideways else 0) + (180 if gain >= MARGIN else 0)

    def prefers(self, changed: Image, original: Image) -> bool:
        """Whether a changed page reads better than the original: more characters in lines that are read with confidence.

        The mean score would not tell: a bent line that breaks into words, or is not found at all, costs it nothing.
        """
        return self._confident(changed) > self._confident(original)

    def _confident(self, image: Image) -> int:
        lines = [turn(crop, 90) if is_upright_column(crop) else crop for crop in self._crops(image)]
        return sum(len(text.text) for text in self._read(lines) if text.score >= CONFIDENT)

    def _crops(self, image: Image) -> list[Image]:
        quads = self._find(image).quads
        return [crop for quad in quads if (crop := crop_quad(image, quad)) is not None]


def _longest(lines: list[Image]) -> list[Image]:
    """The lines that are longest for their height, at most `SAMPLE`."""
    return sorted(lines, key=lambda line: -min(line.shape[1] / line.shape[0], LONG_ENOUGH))[:SAMPLE]


def _is_cjk(text: str) -> bool:
    """Whether most of a text is Han, kana or Hangul, which are also written in columns."""
    letters = [c for c in text if c.isalpha()]
    columns = sum("\u3040" <= c <= "\u9fff" or "\uac00" <= c <= "\ud7a3" or "\uf900" <= c <= "\ufaff" for c in letters)
    return columns > len(letters) / 2
