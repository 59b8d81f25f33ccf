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
NOT_SMALL = 0.9  # and from which it is not
IS_LOW = 1.05  # of that of sure small letters, up to which it is small
OLD_STYLE = 1.2  # of these, up to which figures are no measure of capitals, as those of book faces,
OTHER_SIZE = 1.25  # nor where a letter that was read as a capital is so much higher than they
RISING = frozenset("д")  # whose small form in italics is as high as a capital


def with_letter_case(text: Text, crop: Image) -> Text:
    """A line with letters that are one shape in both cases in that of their height beside figures and other letters.

    crop: uint8 (H, W, 3) BGR.
    """
    words = [match.span() for match in WORD.finditer(text.text)]
    if not words:
        return text
    rises = _rises(text, crop)
    tall, low = _heights(text.text, rises)
    # A letter changes only where its height is clearly that of the other case, and all of its word's are of one kind then.
    rows = rows_of(text)
    for start, end in words:
        word = text.text[start:end]
        seen = _seen(word, rises[start:end], tall, low)
        if seen != word and not word.isupper() and (seen.isupper() or seen.islower() or seen == seen.capitalize()):
            rows[start:end] = [(char, char, *row[2:]) for char, row in zip(seen, rows[start:end], strict=True)]
    return rebuilt(text, rows)


def _seen(word: str, rises: NDArray[np.float64], tall: float, low: float) -> str:
    """A word with each letter in the case of its height; its first does not become small."""
    first = float(rises[0]) if word[0].isupper() else np.nan
    high = _high(word, rises, tall)
    small = {i for i, c in enumerate(word) if i > 0 and c in CAPITALS and _is_small(float(rises[i]), first, tall, low)}
    cased = [c.upper() if i in high else c for i, c in enumerate(word)]
    return "".join(c.lower() if i in small else c for i, c in enumerate(cased))


def _high(word: str, rises: NDArray[np.float64], tall: float) -> set[int]:
    """Which small letters are as high as capitals; none where all are such as rise in italics."""
    high = {i for i, c in enumerate(word) if c in SMALL and rises[i] >= IS_TALL * tall}
    return set() if RISING.issuperset(word[i] for i in high) else high


def _is_small(rise: float, first: float, tall: float, low: float) -> bool:
    """Whether a letter is of the height of small ones. first: height of its word's first letter, a capital, or NaN."""
    beside_small = rise <= IS_LOW * low and not rise >= NOT_SMALL * tall and not rise >= NOT_SMALL * first
    return bool(rise <= IS_SMALL * tall or beside_small)


def _heights(shown: str, rises: NDArray[np.float64]) -> tuple[float, float]:
    """The heights of capitals and of small letters of a line in pixels, NaN where they are not known."""
    tall, low = _usual(shown, rises, TALL), _usual(shown, rises, LOW)
    capitals = [rise for c, rise in zip(shown, rises, strict=True) if c in CAPITALS]
    is_other = tall <= OLD_STYLE * low or any(rise >= OTHER_SIZE * tall for rise in capitals)
    return (np.nan if is_other else tall), low


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
