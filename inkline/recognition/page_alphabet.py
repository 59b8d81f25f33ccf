"""The alphabet of a page's short lines: `Всего` on a receipt in Russian looks like the Latin letters `Bcero`."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from inkline.recognition.corrections import CYRILLIC, GREEK, Homoglyphs
from inkline.recognition.pieces import whole_score
from inkline.scripts import script_of, script_of_char
from inkline.types import Text

ALPHABETS = {"Cyrl": CYRILLIC, "Grek": GREEK}
MIN_LINES, MIN_LETTERS = 2, 8  # of a page that no Latin letters look like, from which it is in the other alphabet,
LATIN_SHARE = 0.25  # if no more of its lines have words that surely are Latin
MIN_SCORE = 0.8  # of a reading in the page's alphabet,
SCORE_LOSS = 0.05  # which may be so much below that in Latin letters

Read = Callable[[str, Sequence[int]], dict[int, Text]]


def settle_alphabets(pages: Sequence[range], names: Mapping[str, Sequence[str]], texts: list[Text], read: Read) -> None:
    """Change what was read in Latin letters on a page in Cyrillic or Greek to letters of its alphabet, where as good.

    pages: the lines of each, in `texts`; names: script -> its recognisers; read: lets one of this name read lines.
    """
    for script in ALPHABETS:
        name = next(iter(names.get(script, ())), "")
        if name and name not in names.get("Latn", (name,)):
            for lines in pages:
                _settle(script, lines, texts, partial(read, name))


def _settle(script: str, lines: Sequence[int], texts: list[Text], read: Callable[[Sequence[int]], dict[int, Text]]) -> None:
    """Change the texts of one page. script: a key of ALPHABETS."""
    pair = ALPHABETS[script]
    told = _telling(lines, texts, pair)
    if not told:
        return
    doubtful = [i for i in lines if "Latn" in map(script_of_char, texts[i].text)]
    again = {i: text for i, text in read(doubtful).items() if _is_as_good(text, texts[i], script, pair)}
    latin = [i for i in doubtful if _letters(texts[i].text, pair, -1)]
    share = len({*latin} - {*again}) / len({*told, *again})
    for i, text in again.items() if share <= LATIN_SHARE else ():
        texts[i] = text


def _telling(lines: Sequence[int], texts: Sequence[Text], pair: Homoglyphs) -> list[int]:
    """The lines of a page that surely are not in Latin letters; none where they are few."""
    told = [i for i in lines if _letters(texts[i].text, pair, 1) > 1]
    letters = _letters("".join(texts[i].text for i in told), pair, 1)
    return told if len(told) >= MIN_LINES and letters >= MIN_LETTERS else []


def _letters(text: str, pair: Homoglyphs, side: int) -> int:
    """How many letters of a text only one alphabet has: 1 the other one, -1 Latin."""
    return sum(pair.side(c) == side for c in text)


def _is_as_good(text: Text, there: Text, script: str, pair: Homoglyphs) -> bool:
    """Whether a reading is in a script, and as good as that there is; than words of both alphabets, no worse at all."""
    sides = {pair.side(c) for c in there.text}
    least = whole_score(there) - (0 if {1, -1} <= sides else SCORE_LOSS)
    return script_of(text.text) == script and whole_score(text) >= max(least, MIN_SCORE)
