"""Letters and figures that their neighbours tell: the l of a typewriter that is a one, a code letter behind amounts, an @."""

import re
from collections import Counter
from collections.abc import Sequence

from inkline.recognition.signs import with_chars
from inkline.types import Text

# An l before three figures that are all, an I before those of a year, and either between two figures
ONE = re.compile(r"(?<!\w)(?:l(?=\d{3}(?!\w))|I(?=[5-9]\d\d(?!\w)))|(?<=\d)[lI](?=\d)")
NUMBER = re.compile(r"[\dlI]+(?!\w)")
# What a code letter behind an amount is taken for
CODE = re.compile(r"\d[.,]\d\d ?([A-Za-z≤≥<>])$")
CODE_TWINS = {"≤": "Ss", "≥": "Zz2"}
MIN_CODES = 2  # lines of a page that end in the letter
# A price of one piece as receipts have it, and one whose @ was taken for a zero: no price begins with that before a figure
PRICE = re.compile(r"(?<!\S)@ ?\d+\.\d\d(?!\S)")
ZERO_FOR_AT = re.compile(r"(?<!\S)0(?=\d+\.\d\d(?!\S))")
MIN_PRICES = 2  # of a page


def told_by_neighbours(texts: Sequence[Text]) -> list[Text]:
    """The texts of a page with ones that were typed or read as letters, and code letters and @ as other lines have them."""
    codes = Counter(found[1] for text in texts if (found := CODE.search(text.text)))
    out = [_with_code(_with_ones(text), codes) for text in texts]
    if sum(PRICE.search(text.text) is not None for text in out) < MIN_PRICES:
        return out
    return [with_chars(text, {match.start(): "@" for match in ZERO_FOR_AT.finditer(text.text)}) for text in out]


def _with_ones(text: Text) -> Text:
    """The text with ones in its numbers: those of a number that has no other letter, as 1944 in l944."""
    found = [match.start() for match in ONE.finditer(text.text) if _is_in_number(text.text, match.start())]
    return with_chars(text, dict.fromkeys(found, "1"))


def _is_in_number(shown: str, at: int) -> bool:
    """Whether the word of a letter is of figures and such letters alone."""
    start = at
    while start and shown[start - 1].isalnum():
        start -= 1
    return NUMBER.match(shown, start) is not None


def _with_code(text: Text, codes: Counter[str]) -> Text:
    """The text with the letter that other lines end in where its own end is a sign that looks like it."""
    found = CODE.search(text.text)
    twins = CODE_TWINS.get(found[1], "") if found else ""
    best = max(twins, key=lambda letter: codes[letter], default="")
    return with_chars(text, {len(text.text) - 1: best}) if best and codes[best] >= MIN_CODES else text
