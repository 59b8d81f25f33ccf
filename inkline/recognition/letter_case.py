"""Capitals and small letters of one shape in Cyrillic words, told by their height: `ИНН` was `Инн`, `кв.` was `кВ.`."""

import re

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.shapes import Pieces, pieces_of
from inkline.recognition.signs import rebuilt, rows_of
from inkline.types import Image, Text

SMALL = frozenset("вгджзиклмнопстхцчшщъыьэюяєћђ")  # whose capitals are the same, but higher
CAPITALS = frozenset(c.upper() for c in SMALL)
TALL = frozenset("АБЕР0123456789")  # sure capitals and figures
LOW = frozenset("аеру")  # sure small letters
WORD = re.compile(r"[А-яЁёІіЇїЄєЂђЋћ]{2,}")
MIN_KNOWN = 2  # of these in a line, by which its height is known,
MIN_PX = 7  # and how high they are at least
IS_TALL = 0.93  # of the height of figures above the base line, from which a letter is a capital,
IS_SMALL = 0.82  # and up to which it is small
IS_LOW = 1.12  # of that of sure small letters, up to which it is small


def with_letter_case(text: Text, crop: Image) -> Text:
    """A line with letters that are one shape in both cases in that of their height beside figures and other letters.

    crop: uint8 (H, W, 3) BGR.
    """
    words = [match.span() for match in WORD.finditer(text.text)]
    if not words:
        return text
    rises = _rises(text, crop)
    tall, low = _usual(text.text, rises, TALL), _usual(text.text, rises, LOW)
    # A letter changes only where its height is clearly that of the other case, and all of its word's are of one kind then.
    rows = rows_of(text)
    for start, end in words:
        word = text.text[start:end]
        seen = "".join(_seen(c, i > 0, rise, tall, low) for i, (c, rise) in enumerate(zip(word, rises[start:end], strict=True)))
        if seen != word and not word.isupper() and (seen.isupper() or seen.islower() or seen == seen.capitalize()):
            rows[start:end] = [(char, char, *row[2:]) for char, row in zip(seen, rows[start:end], strict=True)]
    return rebuilt(text, rows)


def _seen(char: str, is_inner: bool, rise: float, tall: float, low: float) -> str:
    """A letter in the case of its height; the first of a word does not become small."""
    if char in SMALL and rise >= IS_TALL * tall:
        return char.upper()
    is_small = char in CAPITALS and is_inner and (rise <= IS_SMALL * tall or rise <= IS_LOW * low)
    return char.lower() if is_small else char


def _usual(shown: str, rises: NDArray[np.float64], letters: frozenset[str]) -> float:
    """The usual height of some letters of a line in pixels; NaN where they are few or so small that a pixel decides."""
    known = [rise for c, rise in zip(shown, rises, strict=True) if c in letters and not np.isnan(rise)]
    usual = float(np.median(known)) if len(known) >= MIN_KNOWN else np.nan
    return usual if usual >= MIN_PX else np.nan


def _rises(text: Text, crop: Image) -> NDArray[np.float64]:
    """How far each character of a line reaches above the base line in pixels (N,); NaN where its ink is not its own."""
    pieces, centres = pieces_of(crop), text.char_spans.mean(axis=1) * crop.shape[1]
    own = [_piece_of(pieces, centres, i) for i in range(len(centres))]
    feet = [piece[3] for c, piece in zip(text.text, own, strict=True) if piece is not None and c in TALL | LOW - {"р", "у"}]
    base = float(np.median(feet)) if feet else np.nan
    return np.array([np.nan if piece is None else base - piece[1] for piece in own], np.float64)


def _piece_of(pieces: Pieces, centres: NDArray[np.float32], i: int) -> NDArray[np.int64] | None:
    """The one piece of ink (4,) around the middle of a character in pixels, if no other character is in it."""
    around = pieces[(pieces[:, 0] <= centres[i]) & (centres[i] < pieces[:, 2])]
    if len(around) != 1:
        return None
    x0, _, x1, _ = around[0].tolist()
    return around[0] if int(((centres >= x0) & (centres < x1)).sum()) == 1 else None
