"""Letters that look the same in Latin and Cyrillic: which one is meant, the other letters of the word and the line tell."""

from collections.abc import Sequence

LATIN = "ABCEHIJKMOPSTXYaceijopsxy"
CYRILLIC = "АВСЕНІЈКМОРЅТХУасеіјорѕху"
TO_CYRILLIC = str.maketrans(LATIN, CYRILLIC)
TO_LATIN = str.maketrans(CYRILLIC, LATIN)


def reads_both(charset: Sequence[str]) -> bool:
    """Whether a recogniser can take one letter for the other: its charset has all of both alphabets' lookalikes."""
    return set(charset).issuperset(LATIN + CYRILLIC)


def one_script(text: str) -> str:
    """The text with the lookalikes of every word in one script; of the same length.

    A word with letters of its own in one script is all in that one; a word of lookalikes alone goes with the line. Words
    with digits, as codes are, and words that have letters of both scripts stay as they are.
    """
    line = _script(text)
    return " ".join(_settled(word, line) for word in text.split(" "))


def _settled(word: str, line: int) -> str:
    if any(c.isdigit() for c in word) or _mixed(word):
        return word
    script = _script(word) or line
    return word if not script else word.translate(TO_CYRILLIC if script > 0 else TO_LATIN)


def _mixed(word: str) -> bool:
    own = {_side(c) for c in word}
    return {1, -1} <= own


def _script(text: str) -> int:
    """Above 0 for Cyrillic, below for Latin: by the letters that only one of them has."""
    return sum(map(_side, text))


def _side(c: str) -> int:
    if c in LATIN or c in CYRILLIC or not c.isalpha():
        return 0
    return 1 if "\u0400" <= c <= "\u052f" else -1 if c < "\u0250" else 0
