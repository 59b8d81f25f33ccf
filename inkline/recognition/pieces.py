"""A line in several scripts: where its words lie, which of them are in doubt, and one text of its pieces."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np

from inkline.recognition.bidi import base_direction
from inkline.recognition.corrections import LATIN_LOOKING
from inkline.recognition.router import DOUBT_ABOVE, GOOD_SCORE, Plan
from inkline.recognition.words import ink_mask
from inkline.scripts import script_of, script_of_char
from inkline.types import Floats, Image, Text

MIN_GAP_RATIO = 0.22  # of the line's height, between two words
NOTHING = Text("", 0.0, np.zeros(0, np.float32), np.zeros((0, 2), np.float32))
DOUBTFUL_CHAR = 0.75  # score of a character, below which its line is looked at word by word,
UNREAD_GAP_RATIO = 1.2  # or without a character for as much of the line's height
DOUBTFUL_WORD = 0.9  # mean score of its characters, below which a word may be in another script
MIN_SPLIT_GAIN = 0.02  # of the score, for a line or a word to be read in pieces
MIN_PIECE_LETTERS = 2  # of a word that is read apart from its line
MIN_MIXED_LETTERS = 3  # of a word with letters of two scripts, which no word has
MAX_PIECES = 40
MIN_WORD_RATIO = 0.8  # width to height of a word that is looked at
SPACE_EVIDENCE = np.array([[1, 0, 0]], np.float32)  # of the space between two pieces


def word_spans(crop: Image) -> list[tuple[int, int]]:
    """(start, end) in pixels of the words of a line, BGR uint8 (H, W, 3), by the gaps of its ink."""
    inked = np.flatnonzero(ink_mask(crop).any(axis=0))
    if not len(inked):
        return [(0, crop.shape[1])]
    gaps = np.flatnonzero(np.diff(inked) > MIN_GAP_RATIO * crop.shape[0])
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
    if is_whole and text.char_scores[shown].min() >= DOUBTFUL_CHAR and not any(map(_mixes_scripts, text.text.split())):
        return []
    words = word_spans(crop)
    wide = [(a, b) for a, b in words if b - a >= MIN_WORD_RATIO * height] if len(words) > 1 else []
    return [(a, b) for a, b in wide if _is_doubtful(text, _between(text, a / width, b / width))]


def _is_doubtful(text: Text, word: Sequence[int]) -> bool:
    """Whether some characters of a text, those of a word, are doubtful, or there are none."""
    if not word or float(text.char_scores[list(word)].mean()) < DOUBTFUL_WORD:
        return True
    return _mixes_scripts("".join(text.text[i] for i in word))


def _mixes_scripts(word: str) -> bool:
    """Whether a word has Latin letters and Greek ones; units of two letters may."""
    if word.isascii() or sum(map(str.isalpha, word)) < MIN_MIXED_LETTERS:
        return False
    return {"Latn", "Grek"} <= set(map(script_of_char, word))


def may_be_mixed(seen: Floats, plan: Plan, text: Text) -> bool:
    """Whether a line is in doubt, or its parts seem to be written in different scripts, and it may be read better."""
    in_doubt = plan.chances[plan.names[0]] < 1 - DOUBT_ABOVE
    differ = len({int(part.argmax()) for part in seen if part[0] < 0.5}) > 1
    return (in_doubt or differ) and read_score(text) < 1 - MIN_SPLIT_GAIN


def read_score(text: Text) -> float:
    """The score of a reading, 0 for one of spaces alone."""
    return text.score if text.text.strip() else 0.0


def is_better(piece: Text, line: Text) -> bool:
    """Whether letters of another script, not only such as look like Latin ones, are read clearly better than the line there."""
    letters = [c for c in piece.text if c.isalpha()]
    place = float(piece.char_spans.min(initial=1)), float(piece.char_spans.max(initial=0))
    read = word_between(line, *place)
    tell = len(letters) >= MIN_PIECE_LETTERS and not LATIN_LOOKING.issuperset(letters)
    least = max(score_between(line, *place) + MIN_SPLIT_GAIN, GOOD_SCORE)
    return tell and piece.score >= least and script_of(piece.text) != script_of(read)


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
