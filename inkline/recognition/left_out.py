"""What a head of Latin characters alone leaves out of a line: `The word 北京 means` is read again by the whole head."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from inkline.recognition.pieces import share_read
from inkline.recognition.signs import EAST_ASIAN, HAN_SIGNS
from inkline.recognition.words import holds_ink, ink_mask
from inkline.scripts import script_of_char
from inkline.types import Image, Text

MIN_GAP_RATIO = 1.0  # of the line's height, from which a character may be left out between the middles of two that are read
CHAR_REACH_RATIO = 0.4  # of it, up to which ink belongs to a character from its middle
MIN_INK_RATIO = 0.45  # of it, how wide and how high ink in a gap is at least where a Chinese character is left out
MIN_EXTENT_RATIO = 0.5
MIN_SCORE = 0.5  # of the Chinese characters that the whole head reads there
SCORE_LOSS = 0.02  # by which its reading of the line may be worse

Read = Callable[[Sequence[Image]], Sequence[Text]]


def with_left_out(texts: Sequence[Text], crops: Sequence[Image], read_whole: Read) -> list[Text]:
    """The texts, those that leave out what may be Chinese as the whole head reads them, if it reads that well.

    texts: of crops uint8 (H, W, 3) BGR, as a head of Latin characters reads them; read_whole: reads lines with the whole head.
    """
    asked = [i for i, (text, crop) in enumerate(zip(texts, crops, strict=True)) if leaves_out(text, crop)]
    out = list(texts)
    for i, whole in zip(asked, read_whole([crops[i] for i in asked]) if asked else [], strict=True):
        if _reads_chinese(whole) and whole.score >= texts[i].score - SCORE_LOSS:
            out[i] = whole
    return out


def leaves_out(text: Text, crop: Image) -> bool:
    """Whether a reading has no character for a place of a line with ink as wide and as high as one in Chinese."""
    height, width = crop.shape[:2]
    shown = np.array([not c.isspace() for c in text.text], bool)
    if not shown.any():
        return False
    # Gaps between the middles of characters; the line's ends are no characters.
    middles = np.sort(text.char_spans[shown].mean(axis=1)) * width
    reach = CHAR_REACH_RATIO * height
    ends = np.array([-reach, *middles, width + reach])
    if np.diff(ends).max() < MIN_GAP_RATIO * height:
        return False
    inked = ink_mask(crop)
    gaps = [(a, b) for a, b in pairwise(ends.tolist()) if b - a >= MIN_GAP_RATIO * height]
    least = MIN_INK_RATIO * height, MIN_EXTENT_RATIO * height
    return any(holds_ink(inked[:, round(a + reach) : round(b - reach)], *least) for a, b in gaps)


def share_of_ink(text: Text, crop: Image) -> float:
    """The share of a line's ink that has a character beside it; 1 where the characters stand close, 0 without any."""
    height, width = crop.shape[:2]
    middles = np.sort([mean for mean, c in zip(text.char_spans.mean(axis=1), text.text, strict=True) if not c.isspace()])
    if not len(middles):
        return 0.0
    if np.diff(middles, prepend=0.0, append=1.0).max() * width < MIN_GAP_RATIO * height:
        return 1.0
    return share_read(text, np.asarray(ink_mask(crop).any(axis=0)), height, 0.0, 1.0)


def _reads_chinese(text: Text) -> bool:
    """Whether a reading has Chinese, Japanese or Korean characters, no look-alikes of signs, and is sure of them."""
    own = [i for i, c in enumerate(text.text) if script_of_char(c) in EAST_ASIAN and c not in HAN_SIGNS]
    return bool(own) and float(text.char_scores[own].mean()) >= MIN_SCORE
