"""The text of a line: words in sentences with case and punctuation, tokens, rare letters; always within the charset."""

import unicodedata
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from inkline.errors import DataError
from inkline.training.synth.scripts import BORROWS, INDIC, SCRIPTS, Script, indic, script_of
from inkline.training.synth.synth_options import LineOptions
from inkline.training.synth.tokens import address, between, pick, token
from inkline.training.synth.word_lists import homorganic, invent, polytonic, prereform, vocabulary

HARAKAT = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652"
KASHIDA = "\u0640"
DANDA = "।॥"
JOINING = frozenset("بتثجحخسشصضطظعغفقكلمنهيئپچکگی")  # Arabic letters that join the next one
HOMORGANIC_SHARE = 0.3  # share of their words whose nasals are spelled as Sanskrit has them
VISARGA_SHARE = 0.05  # share of the words of Sanskrit's kin that end in its breath, which looks like a colon
COMPOUND_SHARE = 0.15  # share of the words of India's scripts that are two, written as one
TRIES = 50


class PieceShares(NamedTuple):
    """Shares 0..1 of the pieces of a line: tokens; of the others Latin words; of the others words letter by letter."""

    tokens: float
    invented: float
    foreign: float


def compose(rng: np.random.Generator, options: LineOptions, low: int, length: int) -> str:
    """NFC text of about `length` characters, at least `low`, all in `options.charset`; DataError when none gets through."""
    script = script_of(options.script)
    allowed = options.allowed
    for _ in range(TRIES):
        text = _cut(_sequence(rng, options, script, length), length)
        if allowed:
            text = " ".join("".join(c for c in text if c in allowed or c == " ").split())
            if " " in text and " " not in allowed:
                text = text.replace(" ", "")
        if len(text) >= low:
            return text
    raise DataError(f"the charset of {len(options.charset)} characters lets no {script.name} text of {low} characters through")


def target_lengths(options: LineOptions, indices: np.ndarray) -> np.ndarray:
    """How many characters the lines with these indices aim at, int64, without drawing them.

    Mostly near the long end, as lines of running text are, with a tail of short fields and single words. A hash of
    (seed, index) makes a million of them cheap, so that batches can be planned by width.
    """
    share, form = (_uniform(indices, options.seed, salt) for salt in (1, 2))
    share = np.where(form < 0.4, share**2.5, 1 - 0.6 * share)
    return options.min_chars + np.round((options.max_chars - options.min_chars) * share).astype(np.int64)


def _uniform(indices: np.ndarray, seed: int, salt: int) -> np.ndarray:
    """Uniform numbers 0..1 from (seed, salt, index): the output function of splitmix64 (Steele et al. 2014)."""
    x = indices.astype(np.uint64) + np.uint64((seed * 0x9E3779B97F4A7C15 + salt * 0xD1B54A32D192ED03) % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return np.asarray((x ^ (x >> np.uint64(31))) >> np.uint64(11), np.float64) / 2**53


def _cut(text: str, length: int) -> str:
    """`text` cut to `length` characters; no mark, virama or joiner loses its letter, and no space is left behind."""
    if len(text) > length:
        end = length
        while end < len(text) and end > 1 and (_binds(text[end]) or _conjoins(text[end - 1])):
            end -= 1
        text = text[:end]
    return text.strip()


def _binds(c: str) -> bool:
    return unicodedata.category(c)[0] == "M" or c in "\u200c\u200d"


def _conjoins(c: str) -> bool:
    return unicodedata.combining(c) == 9 or c in "\u200c\u200d"


def _sequence(rng: np.random.Generator, options: LineOptions, script: Script, length: int) -> str:
    """Pieces joined as the script joins them until `length` is reached."""
    casing = rng.random()
    lists = vocabulary(options.words, script, options.allowed)
    words = pick(rng, lists) if lists else ()
    shares = _piece_shares(rng, options, script, bool(lists))
    text: list[str] = []
    size = refused = 0
    while size < length + 1:
        # a piece in the case of the line, with its punctuation
        piece = _piece(rng, script, words, options, shares)
        if script.cased:
            capitals = casing < options.capitals
            piece = _upper(piece, script) if capitals else _case(rng, piece, casing, first=not text)
        piece = _punctuate(rng, piece, script, options.punctuation)
        # another one when the charset lacks a part of it; when none is whole, `compose` cleans what there is
        if refused < TRIES and not _is_allowed(piece, options.allowed):
            refused += 1
            continue
        if text and (script.spaces or (script.phrases and rng.random() < script.phrases)):
            text.append(" ")
        text.append(piece)
        size += len(piece) + int(script.spaces)
    return "".join(text)


def _piece_shares(rng: np.random.Generator, options: LineOptions, script: Script, has_words: bool) -> PieceShares:
    """How much of a line is tokens, invented words and Latin words; some lines consist of one kind for the most part."""
    tokens = 0.9 if rng.random() < options.tokens / 2 else options.tokens / 2
    invented = 1.0
    if rng.random() < options.rare / 2:
        invented = 0.8
    elif has_words:
        invented = options.rare / 2
    return PieceShares(tokens, invented, options.latin if script.name not in ("latin", "english") else 0.0)


def _is_allowed(piece: str, allowed: frozenset[str]) -> bool:
    return not allowed or allowed.issuperset(piece.replace(" ", ""))


def _piece(rng: np.random.Generator, script: Script, words: tuple[str, ...], options: LineOptions, shares: PieceShares) -> str:
    """One word, invented word, foreign word or token."""
    if rng.random() < shares.tokens:
        return _token(rng, script, words)
    if rng.random() < shares.foreign:
        return _foreign(rng, options)
    if not words or rng.random() < shares.invented:
        return invent(rng, script, options.allowed)
    word = _frequent(rng, words)
    # spellings that word lists do not have
    if script.name in INDIC:
        word = _of_india(rng, word, words, script)
    elif script.name == "polytonic":
        word = polytonic(rng, word)
    elif script.name == "prereform":
        word = prereform(word)
    elif script.name == "arabic" and rng.random() < options.marks:
        word = _vowelled(rng, word)
    return unicodedata.normalize("NFC", word)


def _token(rng: np.random.Generator, script: Script, words: tuple[str, ...]) -> str:
    """A number, date, price or address, at times in the digits of the script."""
    piece = address(rng, words) if words and rng.random() < 0.08 else token(rng)
    if script.digits and rng.random() < 0.6:
        return piece.translate({ord("0") + i: d for i, d in enumerate(script.digits)})
    return piece


def _vowelled(rng: np.random.Generator, word: str) -> str:
    """An Arabic word with vowel marks on most of its letters."""
    return "".join([c + (pick(rng, HARAKAT) if c.isalpha() and rng.random() < 0.7 else "") for c in word])


def _frequent(rng: np.random.Generator, words: tuple[str, ...]) -> str:
    """A word of a list that begins with the most frequent ones."""
    return words[int(len(words) * rng.random() ** 1.5)]


def _of_india(rng: np.random.Generator, word: str, words: tuple[str, ...], script: Script) -> str:
    """`word`, at times written as one with the next, and in Sanskrit's kin with its nasals and its breath."""
    if rng.random() < COMPOUND_SHARE:
        word += _frequent(rng, words)
    if script.name not in BORROWS:
        return word
    if rng.random() < HOMORGANIC_SHARE:
        word = homorganic(word, script.name)
    if rng.random() < VISARGA_SHARE and not unicodedata.combining(word[-1]):
        finals = indic(INDIC[script.name]).finals
        word = word.rstrip(finals) + finals[-1]
    return word


def stretch_joins(rng: np.random.Generator, text: str) -> str:
    """Arabic text as printers fill a line with it: joins drawn out. A label does not tell of it."""
    share = 0.25 * rng.random()
    shown = [text[:1]]
    for before, after in pairwise(text):
        joined = before in JOINING and after.isalpha() and not (before == "ل" and after in "اأإآ")
        shown += KASHIDA * int(rng.integers(1, 4)) if joined and rng.random() < share else ""
        shown.append(after)
    return "".join(shown)


def _foreign(rng: np.random.Generator, options: LineOptions) -> str:
    """A Latin word in another script's text."""
    latin = SCRIPTS["english"]
    lists = vocabulary(tuple(options.latin_words), latin, frozenset())
    word = pick(rng, pick(rng, lists)) if lists else invent(rng, latin, frozenset())
    if rng.random() < 0.4:
        return word.capitalize()
    return word.upper() if rng.random() < 0.2 else word


def _case(rng: np.random.Generator, word: str, style: float, first: bool) -> str:
    """Apply the line's casing: as it is, sentence or title."""
    if style < 0.27 or (first and style < 0.75) or rng.random() < 0.1:
        return word[:1].upper() + word[1:] if len(word[:1].upper()) == 1 else word
    return word


def _upper(word: str, script: Script) -> str:
    """Capitals; Greek capitals lose their accents, as printed."""
    upper = word.upper()
    if script.name in ("greek", "polytonic"):
        upper = "".join(c for c in unicodedata.normalize("NFD", upper) if not unicodedata.combining(c) or c == "\u0308")
    return unicodedata.normalize("NFC", upper)


def _punctuate(rng: np.random.Generator, word: str, script: Script, share: float) -> str:
    """Add a mark behind the word, brackets or quotes around it, a hyphen or dash, each seldom."""
    roll = rng.random() / max(share, 1e-6)
    if roll < 0.6:
        mark = script.marks[0] if rng.random() < 0.4 else pick(rng, script.marks)
        return f"{word} {mark}" if mark in DANDA and rng.random() < 0.7 else word + mark
    if roll < 0.75:
        pair = pick(rng, script.quotes)
        return pair[0] + word + pair[1]
    if roll < 0.85 and script.spaces:
        return word + pick(rng, ("-", " -", " –", "/", "...", "'", " &", " —"))
    # a number glued to a word, as in names of products and footnote signs
    return word + str(between(rng, 0, 99)) if 0.85 <= roll < 0.9 else word
