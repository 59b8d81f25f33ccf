"""Corrections of a reading: spaces that best-path decoding drops, accents seen in specks, letters of the wrong script."""

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkline.languages import is_latin
from inkline.scripts import NO_LETTERS, script_of, script_of_char
from inkline.types import Floats, Text

# A page has accents where one letter of this many bears one: French one of 25, German one of 60; an English page with a few
# foreign names has fewer.
MAX_LETTERS_PER_ACCENT = 200
MIN_LETTERS_OF_SCRIPT = 20  # from which a charset counts as one of that script
TWIN_SHARE = 0.05  # of a letter's probability, from which one that looks alike and that the language has is read,
NEAR_SHARE = 0.2  # of a letter's of another language in its script, from which any with a mark that the language has is read,
FAR_SHARE = 0.02  # and of a letter's of another script any that the language has


def restore_spaces(
    best: NDArray[np.int64], prob: Floats, space: Floats, space_class: int, thresh: float
) -> tuple[NDArray[np.int64], Floats]:
    """Let a weak space win over the blank: where two characters meet without one, and the net gave it `thresh` in between.

    best, prob: (T,) as for `ctc_decode`; space: (T,) the probability of the space class. At most one step between two
    characters changes, from blank to space, and it takes the probability of a blank's loss: 1 - P(blank), so that a
    restored space does not read as doubt about the letters. The inputs stay as they are.

    Best-path decoding drops a space whose probability is spread over the steps of a gap; English words then come out
    glued. With 0.15, token F1 on receipts rises by 0.01 and on scene text by 0.04 (`benchmarks/accuracy.py`).
    """
    # Blank steps at which a space is likely enough, by the character that follows them.
    spaced = np.flatnonzero((space > thresh) & (best == 0))
    if not len(spaced):
        return best, prob
    keep = (best != 0) & np.concatenate([[True], best[1:] != best[:-1]])
    steps = np.flatnonzero(keep)
    rights = np.searchsorted(steps, spaced)
    # Between two characters without a space, the likeliest of these steps becomes one.
    best, prob = best.copy(), prob.copy()
    for right in np.unique(rights):
        if 0 < right < len(steps) and space_class not in best[steps[right - 1 : right + 1]]:
            gap = spaced[rights == right]
            at = gap[space[gap].argmax()]
            best[at], prob[at] = space_class, max(space[at], 1 - prob[at])
    return best, prob


def plain_classes(charset: Sequence[str]) -> NDArray[np.int64]:
    """For class 0 (blank), 1, ...: the class of the letter without its accent, for Latin letters that have one; else 0."""
    known = {token: i for i, token in enumerate(charset, 1)}
    base = np.zeros(len(charset) + 1, np.int64)
    for i, token in enumerate(charset, 1):
        parts = unicodedata.normalize("NFD", token) if len(token) == 1 and not token.isascii() else ""
        if len(parts) > 1 and parts[0].isascii() and parts[0].isalpha():
            base[i] = known.get(parts[0], 0)
    return base


def remove_doubtful_accents(
    best: NDArray[np.int64], probability: Floats, base: NDArray[np.int64], thresh: float
) -> NDArray[np.int64]:
    """`best` (T,), with accented letters made plain where the plain one's probability is over `thresh` of the accented one's.

    probability: (T, classes); base: from `plain_classes`. A net for fifty languages sees accents in specks;
    `resolve_accents` decides whether the page is in a language that has them.
    """
    at = np.flatnonzero(base[best])
    weak = at[probability[at, base[best[at]]] > thresh * probability[at, best[at]]]
    if not len(weak):
        return best
    plain = best.copy()
    plain[weak] = base[best[weak]]
    return plain


def twin_classes(charset: Sequence[str], twins: Sequence[str]) -> dict[int, NDArray[np.int64]]:
    """Class of a letter that a language does not have -> the classes of those of its letters that look alike.

    twins: of each such letter, the letter and its twins, as in `languages.toml`.
    """
    known = {token: i for i, token in enumerate(charset, 1)}
    found = {known[one[0]]: [known[c] for c in one[1:] if c in known] for one in twins if one[0] in known}
    return {i: np.array(classes, np.int64) for i, classes in found.items() if classes}


def foreign_classes(charset: Sequence[str], letters: frozenset[str]) -> list[tuple[dict[int, NDArray[np.int64]], float]]:
    """Classes of letters that a language does not have -> those of its letters that may be meant, each with the least share.

    letters: of the language, or of several; empty: not known. A letter of its script gives way to one with a mark alone, so
    that foreign names keep theirs; what is no letter, and the Greek of formulas, to none.
    """
    if not letters:
        return []
    scripts = {script_of_char(c) for c in letters}
    own = [i for i, token in enumerate(charset, 1) if token in letters]
    marked = [i for i in own if not charset[i - 1].isascii()]
    near, far = _letters_apart(charset, letters, scripts)
    found = [(near, marked, NEAR_SHARE), (far, own, FAR_SHARE)]
    return [(dict.fromkeys(foreign, np.array(meant, np.int64)), share) for foreign, meant, share in found if meant]


def _letters_apart(charset: Sequence[str], letters: frozenset[str], scripts: set[str]) -> tuple[list[int], list[int]]:
    """The classes of single letters beyond ASCII that are none of these, of these scripts and of others."""
    others = {i: token for i, token in enumerate(charset, 1) if token not in letters and _is_lone_letter(token)}
    near = [i for i, token in others.items() if script_of_char(token) in scripts]
    kept = is_latin if "Latn" in scripts else scripts.__contains__
    return near, sorted({i for i, token in others.items() if not kept(token)}.difference(near))


def _is_lone_letter(token: str) -> bool:
    return len(token) == 1 and not token.isascii() and token.isalpha()


def prefer_twins(
    best: NDArray[np.int64],
    prob: Floats,
    probability: Floats,
    twins: Mapping[int, NDArray[np.int64]],
    least: float = TWIN_SHARE,
) -> tuple[NDArray[np.int64], Floats]:
    """`best` and `prob` (T,), with letters that the language does not have made those it has, where the net is in doubt.

    A letter changes as a whole, when a twin's probability is over the share `least` of its own in one of its steps; the two are
    then one letter, with the sum of their probabilities. probability: (T, classes). The inputs stay as they are.
    """
    foreign = np.array([step for step, read in enumerate(best.tolist()) if read in twins], np.int64)
    if not len(foreign):
        return best, prob
    out, prob = best.copy(), prob.copy()
    for steps in np.split(foreign, np.flatnonzero((np.diff(foreign) > 1) | (np.diff(best[foreign]) != 0)) + 1):
        classes = twins[int(best[steps[0]])]
        share = probability[steps][:, classes].max(axis=0)
        if share.max() > least * prob[steps].max():
            out[steps] = classes[int(share.argmax())]
            prob[steps] = np.minimum(prob[steps] + probability[steps, out[steps]], 1)
    return out, prob


def resolve_accents(texts: Sequence[Text]) -> list[Text]:
    """The texts of one page, with doubtful accents taken off where hardly any others are on the page.

    The page has accents where one letter of MAX_LETTERS_PER_ACCENT bears one beyond doubt.
    """
    # How many letters the page has, and how many accents that are certain.
    letters = accents = 0
    for text in texts:
        for char, plain in zip(text.text, text.plain or text.text, strict=True):
            letters += char.isalpha()
            accents += char == plain and not char.isascii() and len(unicodedata.normalize("NFD", char)) > 1
    if accents * MAX_LETTERS_PER_ACCENT >= letters:
        return list(texts)
    return [replace(text, text=text.plain or text.text) for text in texts]


@dataclass(frozen=True)
class Homoglyphs:
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


CYRILLIC = Homoglyphs("ABCEHIJKMOPSTXYaceijopsxy", "АВСЕНІЈКМОРЅТХУасеіјорѕху", "жщя", (("\u0400", "\u052f"),))
GREEK = Homoglyphs("ABEHIKMNOPTXYZov", "ΑΒΕΗΙΚΜΝΟΡΤΧΥΖον", "άήώ", (("\u0370", "\u03ff"), ("\u1f00", "\u1fff")))
LATIN_LOOKING = frozenset(CYRILLIC.other + GREEK.other)
LOOK_ALIKE = LATIN_LOOKING.union(CYRILLIC.latin, GREEK.latin)


def homoglyphs_of(charset: Sequence[str]) -> Homoglyphs | None:
    """The letters that a recogniser with this charset can take for each other; None when it reads one alphabet only."""
    have = set(charset)
    return next((p for p in (CYRILLIC, GREEK) if have.issuperset(p.latin + p.other + p.own)), None)


def unify_script(text: str, pair: Homoglyphs) -> str:
    """The text with the homoglyphs of every word in one script; of the same length.

    A word with letters of its own in one script is all in that one; a word of homoglyphs alone goes with the line. Words
    with digits, as codes are, and words that have letters of both scripts stay as they are.
    """
    line = sum(map(pair.side, text))
    return " ".join(_unify_word(word, line, pair) for word in text.split(" "))


def _unify_word(word: str, line: int, pair: Homoglyphs) -> str:
    sides = {pair.side(c) for c in word} - {0}
    if any(c.isdigit() for c in word) or len(sides) == 2:
        return word
    script = next(iter(sides), line)
    if not script:
        return word
    source, target = (pair.latin, pair.other) if script > 0 else (pair.other, pair.latin)
    return word.translate(str.maketrans(source, target))


def classes_by_script(charset: Sequence[str]) -> NDArray[np.int64] | None:
    """The script of each class of a net that reads several scripts beside Latin, numbered from 1; 0: all that go with any.

    Class 0 is the blank. None for a net with fewer such scripts, or with Han, whose texts mix scripts.
    """
    scripts = [NO_LETTERS, *(script_of(token) for token in charset)]
    counts = Counter(script for script in scripts if script not in (NO_LETTERS, "Latn"))
    own = [script for script, count in counts.items() if count >= MIN_LETTERS_OF_SCRIPT]
    if len(own) < 2 or "Hani" in counts:
        return None
    return np.array([own.index(script) + 1 if script in own else 0 for script in scripts], np.int64)


def in_one_script(probability: Floats, scripts: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """The best classes of a line's steps and their probabilities (T,), letters of all but its likeliest script left out.

    probability: (T, classes); scripts: from `classes_by_script`.
    """
    shares = np.bincount(scripts, weights=probability.sum(axis=0))
    likeliest = 1 + int(shares[1:].argmax())
    allowed = np.flatnonzero((scripts == 0) | (scripts == likeliest))
    best = allowed[probability[:, allowed].argmax(axis=1)]
    return best, probability[np.arange(len(best)), best]
