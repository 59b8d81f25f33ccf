"""A line in several scripts: where its words lie, which of them are in doubt, and one text of its pieces."""

import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.bidi import base_direction
from inkline.recognition.corrections import LOOK_ALIKE
from inkline.recognition.router import DOUBT_ABOVE, Plan
from inkline.recognition.words import ink_mask
from inkline.scripts import NO_LETTERS, script_of_char
from inkline.types import Floats, Image, Text

MIN_GAP_RATIO = 0.22  # of the line's height, between two words
MIN_GAP_SHARE = 0.6  # of the usual gap between words of the line
MIN_SHARE_READ = 0.75  # of a word's ink, below which it is doubtful
REACH_RATIO = 0.6  # of the line's height, up to which ink belongs to a character whose middle it is beside
NOTHING = Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
DOUBTFUL_CHAR = 0.75  # score of a character, below which its line is looked at word by word,
UNREAD_GAP_RATIO = 1.2  # or without a character for as much of the line's height
DOUBTFUL_WORD = 0.9  # mean score of its characters, below which a word may be in another script
MIN_SPLIT_GAIN = 0.02  # of the score, for a line or a word to be read in pieces
MIN_MIXED_LETTERS = 3  # of a word with letters of two scripts, which no word has
MIXED_LOSS = 0.2  # of the score of such a word
WITHOUT_SPACES = frozenset(["Latn", "Hani", "Hang", "Thai", "Laoo", "Khmr", "Mymr"])  # or with endings behind Latin words
MAX_PIECES = 40
MIN_WORD_RATIO = 0.8  # width to height of a word that is looked at
SPACE_EVIDENCE = np.array([[1, 0, 0]], np.float32)  # of the space between two pieces


def word_spans(crop: Image) -> list[tuple[int, int]]:
    """(start, end) in pixels of the words of a line, BGR uint8 (H, W, 3), by the gaps of its ink."""
    inked = np.flatnonzero(ink_mask(crop).any(axis=0))
    if not len(inked):
        return [(0, crop.shape[1])]
    wide = np.diff(inked)
    gaps = np.flatnonzero(wide > max(MIN_GAP_RATIO * crop.shape[0], 1))
    # Wide letters stand apart, too, but not as far as words.
    usual = np.sort(wide[gaps])[len(gaps) // 2] if len(gaps) else 0
    gaps = gaps[wide[gaps] >= MIN_GAP_SHARE * usual]
    cuts = [0, *((inked[gaps] + inked[gaps + 1]) // 2).tolist(), crop.shape[1]]
    return list(pairwise(cuts))


def score_between(text: Text, start: float, end: float) -> float:
    """The mean score of the characters between two fractions of a line's width, 0 without any."""
    inside = _between(text, start, end)
    return float(text.char_scores[inside].mean()) if inside else 0.0


def _between(text: Text, start: float, end: float) -> list[int]:
    """Which characters lie between two fractions of a line's width, spaces left out."""
    centres = text.char_spans.mean(axis=1)
    return [i for i in np.flatnonzero((centres >= start) & (centres < end)).tolist() if not text.text[i].isspace()]


def doubtful_words(text: Text, crop: Image) -> list[tuple[int, int]]:
    """(start, end) in pixels of the words of a line, BGR uint8 (H, W, 3), read with doubt, as no word is, or not at all."""
    shown = [not c.isspace() for c in text.text]
    if not any(shown):
        return []
    height, width = crop.shape[:2]
    centres = np.sort(text.char_spans.mean(axis=1)[shown])
    is_whole = np.diff(centres, prepend=0.0, append=1.0).max() * width < UNREAD_GAP_RATIO * height
    if is_whole and text.char_scores[shown].min() >= DOUBTFUL_CHAR and not any(map(mixes_scripts, text.text.split())):
        return []
    words = word_spans(crop)
    wide = [(a, b) for a, b in words if b - a >= MIN_WORD_RATIO * height] if len(words) > 1 else []
    inked = np.asarray(ink_mask(crop).any(axis=0))
    return [
        (a, b)
        for a, b in wide
        if _is_doubtful(text, _between(text, a / width, b / width))
        or share_read(text, inked, height, a / width, b / width) < MIN_SHARE_READ
    ]


def _is_doubtful(text: Text, word: Sequence[int]) -> bool:
    """Whether some characters of a text, those of a word, are doubtful, or there are none."""
    if not word or float(text.char_scores[list(word)].mean()) < DOUBTFUL_WORD:
        return True
    return mixes_scripts("".join(text.text[i] for i in word))


def mixes_scripts(word: str) -> bool:
    """Whether letters beside each other in a word are in Latin script and in another one that leaves spaces between words.

    Units of two letters may be.
    """
    if word.isascii():
        return False
    runs = (list(run) for has, run in groupby(map(script_of_char, word), key=lambda script: script != NO_LETTERS) if has)
    return any(len(run) >= MIN_MIXED_LETTERS and "Latn" in run and not WITHOUT_SPACES.issuperset(run) for run in runs)


def may_be_mixed(seen: Floats, plan: Plan, text: Text) -> bool:
    """Whether a line is in doubt, or its parts seem to be written in different scripts, and it may be read better."""
    in_doubt = plan.chances[plan.names[0]] < 1 - DOUBT_ABOVE
    differ = len({int(part.argmax()) for part in seen if part[0] < 0.5}) > 1
    return (in_doubt or differ) and read_score(text) < 1 - MIN_SPLIT_GAIN


def whole_score(text: Text) -> float:
    """The score of a reading, less for each of its words that mixes scripts."""
    words = text.text.split()
    return read_score(text) * (1 - MIXED_LOSS * sum(map(mixes_scripts, words)) / max(len(words), 1))


def read_score(text: Text) -> float:
    """The score of a reading, 0 for one of spaces alone."""
    return text.score if text.text.strip() else 0.0


def share_read(text: Text, inked: NDArray[np.bool_], height: int, start: float, end: float) -> float:
    """The share of the ink between two fractions of a line's width that has a character beside it; 1 without ink.

    inked: which columns of the line hold ink (W,); height: of the line in pixels.
    """
    width = len(inked)
    columns = np.flatnonzero(inked[round(start * width) : round(end * width)]) + round(start * width)
    inside = _between(text, start, end)
    if not len(columns) or not inside:
        return float(not len(columns))
    at = text.char_spans[inside].mean(axis=1) * width
    return float((np.abs(columns[:, None] - at).min(axis=1) <= REACH_RATIO * height).mean())


def part_between(text: Text, start: float, end: float) -> Text:
    """What of a text lies between two fractions of a line's width, spaces within it kept."""
    inside = _between(text, start, end)
    if not inside:
        return replace(NOTHING, reader=text.reader)
    within = set(inside)
    at = [i for i in range(inside[0], inside[-1] + 1) if i in within or text.text[i].isspace()]
    plain = text.plain or text.text
    return replace(
        text,
        text="".join(text.text[i] for i in at),
        score=float(text.char_scores[inside].mean()),
        char_scores=text.char_scores[at],
        char_spans=text.char_spans[at],
        plain="".join(plain[i] for i in at),
        evidence=text.evidence[at],
    )


def word_between(text: Text, start: float, end: float) -> str:
    """The characters between two fractions of a line's width, without spaces."""
    return "".join(text.text[i] for i in _between(text, start, end))


def may_be_cyrillic(text: Text, word: Sequence[int], crop: Image) -> bool:
    """Whether a doubtful word in Latin script, (start, end) in pixels, may be Cyrillic letters that look like it: `MoκBa`."""
    letters = [c for c in word_between(text, word[0] / crop.shape[1], word[1] / crop.shape[1]) if c.isalpha()]
    return len(letters) >= MIN_MIXED_LETTERS and any(not c.isascii() for c in letters)


def pieces_of(words: Sequence[tuple[int, int]], names: Sequence[str]) -> list[tuple[str, int, int]]:
    """(recogniser, start, end) of the pieces of a line: its words, those beside each other with one recogniser together."""
    runs = [list(run) for _, run in groupby(zip(names, words, strict=True), key=lambda item: item[0])]
    return [(run[0][0], run[0][1][0], run[-1][1][1]) for run in runs][:MAX_PIECES]


def placed(text: Text, start: float, end: float) -> Text:
    """The text of a piece that lies between two fractions of its line's width."""
    return replace(text, char_spans=text.char_spans * np.float32(end - start) + np.float32(start))


def joined(pieces: Sequence[Text]) -> Text:
    """One text of the pieces of a line from its left, spaces between them; its score is the mean of theirs.

    A line whose letters mostly run from right to left begins with its last piece, unless other letters are at both its ends.
    """
    kept = [piece for piece in pieces if piece.text.strip()]
    if not kept:
        return NOTHING
    if _begins_at_right([piece.text for piece in kept]):
        kept.reverse()
    whole = kept[0]
    for piece in kept[1:]:
        at = piece.char_spans[:1, [0, 0]]  # the space stands where the piece begins
        whole = Text(
            f"{whole.text} {piece.text}",
            float(np.mean([text.score for text in kept])),
            np.concatenate([whole.char_scores, np.ones(1, np.float32), piece.char_scores]),
            np.concatenate([whole.char_spans, at, piece.char_spans]),
            f"{whole.plain or whole.text} {piece.plain or piece.text}",
            "+".join(dict.fromkeys([*whole.reader.split("+"), piece.reader])),
            max(whole.score_thresh or 0.0, piece.score_thresh or 0.0),
            evidence=np.concatenate([whole.evidence, SPACE_EVIDENCE, piece.evidence]),
        )
    return whole


def _begins_at_right(pieces: Sequence[str]) -> bool:
    """Whether a line with these pieces, from its left, is read from its right."""
    ends = {base_direction(piece) for piece in (pieces[0], pieces[-1])}
    return "rtl" in ends and base_direction(" ".join(pieces)) == "rtl"


def letter_count(text: str) -> int:
    """How many letters and vowel signs a text has; a syllable of Korean counts as two."""
    return sum((unicodedata.category(c)[0] in "LM") + ("가" <= c <= "힣") for c in text)


def look_alike(text: str) -> bool:
    """Whether the letters of a text, if it has any, look the same in another script."""
    return LOOK_ALIKE.issuperset(sign for sign in text if sign.isalpha())
