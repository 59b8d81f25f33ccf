"""Signs beside figures that nets of other scripts do not know: `≥ 18` was `2 18` in a line in Cyrillic, `10 Ω` was `10 Q`.

The recogniser of Latin script knows them; it is asked for the sign and its figures together, as the sign alone may be anything.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.pieces import word_spans
from inkline.recognition.signs import rebuilt, rows_of
from inkline.types import Image, Text

SIGNS = frozenset("≥≤≠≈→Ω")
TAKEN_FOR = r"[2z?±<>–+=~#0]|Q2?"  # what they are taken for
FIGURES, PUNCTUATION = r"\d(?:[\d.,]*\d)?", ",.;:)"
BESIDE_FIGURES = re.compile(rf"(?<!\S)(?:({TAKEN_FOR}) ({FIGURES})|({FIGURES}) ({TAKEN_FOR}))[{PUNCTUATION}]?(?!\S)")
SURE = 0.6  # score of a sign, from which it counts
MAX_ASKED = 40  # of a page; more are a pattern

Read = Callable[[Sequence[Image]], Sequence[Text]]
Place = tuple[int, re.Match[str], Image]


def with_comparisons(texts: Sequence[Text], crops: Sequence[Image], read: Read) -> list[Text]:
    """The texts of a page with such signs where the other reading has the same figures.

    crops: uint8 (H, W, 3) BGR; read: reads words with a recogniser that knows the signs.
    """
    places = [place for i in range(len(texts)) for place in _places(i, texts[i], crops[i])]
    out = list(texts)
    if not places or len(places) > MAX_ASKED:
        return out
    # From the right, so that places before stay as they are.
    for (i, match, _), word in reversed(list(zip(places, read([crop for *_, crop in places]), strict=False))):
        out[i] = _with_sign(out[i], match, word)
    return out


def _places(line: int, text: Text, crop: Image) -> list[Place]:
    """Where a line may have such a sign, and what it is cut out with: words of ink that hold its characters and no others."""
    found = list(BESIDE_FIGURES.finditer(text.text))
    if not found:
        return []
    words, centres = word_spans(crop), text.char_spans.mean(axis=1) * crop.shape[1]
    places = list[Place]()
    for match in found:
        start, end = _around(words, centres[slice(*match.span())])
        held = "".join(c for c, centre in zip(text.text, centres, strict=True) if start <= centre < end)
        if "".join(held.split()) == "".join(match.group().split()):
            places.append((line, match, crop[:, start:end]))
    return places


def _around(words: Sequence[tuple[int, int]], centres: NDArray[np.float32]) -> tuple[int, int]:
    """The first and the last pixel of the words of ink that hold characters with these middles."""
    start = max((a for a, _ in words if a <= centres.min()), default=0)
    return start, min((b for _, b in words if b > centres.max()), default=start)


def _with_sign(text: Text, match: re.Match[str], word: Text) -> Text:
    """The text with the sign that another reading has, if its figures are the same."""
    shown = "".join(word.text.split()).rstrip(PUNCTUATION)
    sign, figures = (shown[:1], shown[1:]) if match[1] else (shown[-1:], shown[:-1])
    if sign not in SIGNS or figures != (match[2] or match[3]) or word.char_scores[word.text.index(sign)] < SURE:
        return text
    rows = rows_of(text)
    start, end = match.span(1 if match[1] else 4)
    score = float(word.char_scores[word.text.index(sign)])
    rows[start:end] = [(sign, sign, score, *rows[start][3:])]
    return rebuilt(text, rows)
