"""Letters that look the same in Latin and in another script: which one is meant, the rest of the word and line tell."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Lookalikes:
    """Two alphabets' letters of one shape, pair by pair; `other` lies in the blocks of the ranges (first, last).

    own: some letters that a recogniser of the other script has; one that lacks them knows its letters only as symbols.
    """

    latin: str
    other: str
    own: str
    ranges: tuple[tuple[str, str], ...]

    def side(self, c: str) -> int:
        """1 for a letter that only the other script has, -1 for one that only Latin has, 0 for anything else."""
        if c in self.latin or c in self.other or not c.isalpha():
            return 0
        if any(first <= c <= last for first, last in self.ranges):
            return 1
        return -1 if c < "\u0250" else 0


CYRILLIC = Lookalikes("ABCEHIJKMOPSTXYaceijopsxy", "АВСЕНІЈКМОРЅТХУасеіјорѕху", "жщя", (("\u0400", "\u052f"),))
GREEK = Lookalikes("ABEHIKMNOPTXYZov", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖον", "άήώ", (("\u0370", "\u03ff"), ("\u1f00", "\u1fff")))


def lookalikes_of(charset: Sequence[str]) -> Lookalikes | None:
    """The letters that a recogniser with this charset can take for each other; None when it reads one alphabet only."""
    have = set(charset)
    return next((p for p in (CYRILLIC, GREEK) if have.issuperset(p.latin + p.other + p.own)), None)


def one_script(text: str, pair: Lookalikes) -> str:
    """The text with the lookalikes of every word in one script; of the same length.

    A word with letters of its own in one script is all in that one; a word of lookalikes alone goes with the line. Words
    with digits, as codes are, and words that have letters of both scripts stay as they are.
    """
    line = sum(map(pair.side, text))
    return " ".join(_settled(word, line, pair) for word in text.split(" "))


def _settled(word: str, line: int, pair: Lookalikes) -> str:
    sides = {pair.side(c) for c in word} - {0}
    if any(c.isdigit() for c in word) or len(sides) == 2:
        return word
    script = next(iter(sides), line)
    if not script:
        return word
    source, target = (pair.latin, pair.other) if script > 0 else (pair.other, pair.latin)
    return word.translate(str.maketrans(source, target))
