"""The alphabet of a page's short lines: `Всего` on a receipt in Russian looks like the Latin letters `Bcero`."""

from collections.abc import Callable, Sequence

from inkline.recognition.corrections import CYRILLIC, GREEK, Homoglyphs
from inkline.recognition.pieces import whole_score
from inkline.scripts import script_of, script_of_char
from inkline.types import Text

ALPHABETS = {"Cyrl": CYRILLIC, "Grek": GREEK}
MIN_LINES, MIN_LETTERS = 2, 8  # of a page that no Latin letters look like, from which it is in the other alphabet,
LATIN_SHARE = 0.25  # if no more of its lines have words that surely are Latin
MIN_SCORE = 0.8  # of a reading in the page's alphabet,
SCORE_LOSS = 0.05  # which may be so much below that in Latin letters

Read = Callable[[Sequence[int]], dict[int, Text]]


def settle_alphabet(script: str, lines: Sequence[int], texts: list[Text], read: Read) -> None:
    """Change those texts of a page that are in Latin letters to readings in the alphabet of most of the page, if as good.

    script: that alphabet's, a key of ALPHABETS; lines: those of the page, in `texts`; read: reads lines in that alphabet.
    """
    pair = ALPHABETS[script]
    own = {i: sum(pair.side(c) > 0 for c in texts[i].text) for i in lines}
    told = [i for i in lines if own[i] > 1]
    if len(told) < MIN_LINES or sum(own.values()) < MIN_LETTERS:
        return
    doubtful = [i for i in lines if any(script_of_char(c) == "Latn" for c in texts[i].text)]
    again = {i: text for i, text in read(doubtful).items() if _is_as_good(text, texts[i], script, pair)}
    latin = [i for i in doubtful if i not in again and any(pair.side(c) < 0 for c in texts[i].text)]
    if len(latin) <= LATIN_SHARE * len({*told, *again}):
        for i, text in again.items():
            texts[i] = text


def _is_as_good(text: Text, there: Text, script: str, pair: Homoglyphs) -> bool:
    """Whether a reading is in a script, and as good as that there is; than words of both alphabets, no worse at all."""
    sides = {pair.side(c) for c in there.text}
    least = whole_score(there) - (0 if {1, -1} <= sides else SCORE_LOSS)
    return script_of(text.text) == script and whole_score(text) >= max(least, MIN_SCORE)
