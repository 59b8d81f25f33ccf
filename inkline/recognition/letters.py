"""The languages of a page by its letters: they tell which recogniser of a script reads it, and which of two twins is meant.

A recogniser that lacks letters leaves them out without a doubt (Vietnamese `Việt` as `Vit`). But the letters that it does read
are, taken together, those of no language that it knows.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from inkline.languages import LANGUAGES, Language, Marks, own_reader
from inkline.types import Text

MIN_TELLING = 3  # letters that some languages of a script have and others do not, from which they say something,
MIN_TELLING_SHARE = 0.03  # if they are at least this share of all letters
MIN_FIT_GAIN = 0.02  # share of them by which languages of another recogniser have to explain more
MIN_ODD_SHARE = 0.03  # of the letters of such lines, which none of the first recogniser's languages has and another one reads
NOT_ODD = frozenset("ەی")  # which look like the ends of an Arabic ه and ي
SURE = 0.8  # confidence of a line with letters beyond ASCII, below which they may be other ones,
SURE_WITHOUT_VOWEL = 0.95  # and of one with a word that has no vowel
WORD = re.compile(r"(?<![\w'’.&/-])[^\W\d_]{2,}(?![\w'’.&/-])")  # no abbreviation, no part of a code or an address
VOWELS = frozenset("aeiouyøæœıəɛɔ")
MIN_READ_SCORE = 0.8  # of what another recogniser reads, for its letters to count: lines that stand upside down have any
PROBES = 2  # lines of a page that another recogniser reads to find out


@dataclass(frozen=True)
class Alphabets:
    """Of one script: the letters of each language of its first recogniser, and of each of another one's.

    hidden: whether the first one reads the other's letters as its own, so that what it reads does not tell.
    """

    own: tuple[frozenset[str], ...]
    other: tuple[frozenset[str], ...]
    hidden: bool = False

    @property
    def shared(self) -> frozenset[str]:
        """The letters that all have."""
        return frozenset.intersection(*self.own, *self.other)

    @property
    def odd(self) -> frozenset[str]:
        """The letters that only the other recogniser's languages have."""
        return frozenset().union(*self.other).difference(*self.own, NOT_ODD)

    def probes(self, texts: Sequence[str], confidence: Callable[[int], float]) -> list[int]:
        """The lines of a page, as the first recogniser reads them, to be read by the other one to find out; mostly none.

        Their letters have to be explained better by its languages, those of the page together or of single lines, or a line
        with letters that not all languages have, or a word without a vowel, has a low confidence (0..1, of the line with that
        index). Where letters do not tell, those with most of them are read.
        """
        shared = self.shared
        telling = [_telling(text, shared) for text in texts]
        seen, letters = sum(telling, Counter[str]()), sum(c.isalpha() for text in texts for c in text)
        if self.hidden or (seen.total() >= max(MIN_TELLING, MIN_TELLING_SHARE * letters) and self._explain(seen)):
            return sorted(range(len(texts)), key=lambda i: -telling[i].total())[:PROBES]
        explained = [i for i, own in enumerate(telling) if own and self._explain(own)]
        doubtful = [i for i, own in enumerate(telling) if _may_lack_letters(texts[i], bool(own), partial(confidence, i))]
        return list(dict.fromkeys([*explained, *doubtful]))[:PROBES]

    def _explain(self, telling: Counter[str]) -> bool:
        """Whether the other recogniser's languages have clearly more of these letters."""
        return _fit(telling, self.other) >= _fit(telling, self.own) + MIN_FIT_GAIN

    def speak_for_other(self, texts: Sequence[str]) -> bool:
        """Whether lines, as the other recogniser reads them, are in a language of its own."""
        odd, letters = sum(c in self.odd for text in texts for c in text), sum(c.isalpha() for text in texts for c in text)
        return odd > 0 and odd >= MIN_ODD_SHARE * letters


def _may_lack_letters(text: str, tells: bool, confidence: Callable[[], float]) -> bool:
    """Whether a line may have been read without some letters. tells: whether it has letters that not all languages have."""
    if tells and confidence() < SURE:
        return True
    return _lacks_a_vowel(text) and confidence() < SURE_WITHOUT_VOWEL


def _lacks_a_vowel(text: str) -> bool:
    """Whether some word of a line in Latin script, not all in capitals, has no vowel."""
    words = [word for word in WORD.findall(text) if not word.isupper() and word.lower() < "\u0250"]
    return any(VOWELS.isdisjoint(unicodedata.normalize("NFD", word.lower())) for word in words)


ReadBy = Callable[..., dict[int, Text]]  # (recogniser, lines, twins) -> what it reads in them


def read_by_others(
    others: Mapping[str, Alphabets],
    lines: Sequence[int],
    texts: list[Text],
    confidence: Callable[[int], float],
    read_by: ReadBy,
) -> None:
    """Where the letters may be of languages that another recogniser reads, some lines go there to find out, then all.

    lines: of one page and one script, indices of `texts`, which are changed; others: by the names of their recognisers.
    """
    for name, alphabets in others.items():
        probes = [lines[at] for at in alphabets.probes([texts[i].text for i in lines], lambda at: confidence(lines[at]))]
        read = read_by(name, probes)
        if alphabets.speak_for_other([text.text for text in read.values() if text.score >= MIN_READ_SCORE]):
            read |= read_by(name, [i for i in lines if i not in read])
            _take_better(read, texts, alphabets.odd)


def _take_better(read: Mapping[int, Text], texts: list[Text], odd: frozenset[str]) -> None:
    """Put readings in the place of texts that score no better; those with letters of their own (`odd`) if they may be right."""
    for i, text in read.items():
        if text.score >= texts[i].score or (text.score >= MIN_READ_SCORE and not odd.isdisjoint(text.text)):
            texts[i] = text


def read_with_twins(script: str, lines: Sequence[int], texts: list[Text], read_by: ReadBy) -> None:
    """Read lines again that hold letters which the language of their page does not have."""
    twins = twins_of_page([texts[i].text for i in lines], script)
    foreign = {twin[0] for twin in twins}
    again = [i for i in lines if not foreign.isdisjoint(texts[i].text)]
    for name in dict.fromkeys(texts[i].reader for i in again):
        for i, text in read_by(name, [i for i in again if texts[i].reader == name], twins).items():
            texts[i] = text


def _as_read(language: Language) -> frozenset[str]:
    """The letters of a language, and those that are read in their place by mistake."""
    marked = language.marks.sources if language.marks else frozenset[str]()
    return language.letters.union(marked, *(twin[0] for twin in language.twins))


def _telling(text: str, shared: frozenset[str]) -> Counter[str]:
    """How often each letter stands in a text that not all languages share."""
    return Counter({c: count for c, count in Counter(text).items() if c.isalpha() and c not in shared})


def _fit(telling: Counter[str], alphabets: Sequence[frozenset[str]]) -> float:
    """The share of these letters that the best of some languages has."""
    return max(sum(n for c, n in telling.items() if c in letters) for letters in alphabets) / telling.total()


def other_readers(names: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Alphabets]]:
    """Script -> the recognisers that single languages in it have, beside the one that reads it first (in `names`)."""
    found: dict[str, dict[str, Alphabets]] = {}
    for script, readers in names.items():
        by_reader: dict[str, list[frozenset[str]]] = {}
        for code, known in LANGUAGES.items():
            if known.script == script and known.letters:
                by_reader.setdefault(own_reader(code), []).append(_as_read(known))
        # Languages without a recogniser of their own are read by one that the options name.
        first = by_reader.pop(next((name for name in readers if name in by_reader), ""), [])
        by_reader.pop("", None)
        if first and by_reader:
            hidden = script != "Latn"
            found[script] = {name: Alphabets(tuple(first), tuple(letters), hidden) for name, letters in by_reader.items()}
    return found


def twins_of_page(texts: Sequence[str], script: str) -> tuple[str, ...]:
    """The twins, as in `languages.toml`, of the language of these lines of one script; none where that is not clear."""
    return _clear_language(texts, script, lambda one: one.twins) or ()


def marks_of_page(texts: Sequence[str]) -> Marks | None:
    """The marks, as in `languages.toml`, of the language of these lines in Latin script; None where that is not clear."""
    return _clear_language(texts, "Latn", lambda one: one.marks)


Had = TypeVar("Had")


def _clear_language(texts: Sequence[str], script: str, has: Callable[[Language], Had]) -> Had | None:
    """What the language of lines of one script `has`; None where it has none or is not clear.

    The language has to explain more of their letters than those without it, letters misread for its own being its own, too,
    by more than what it leaves unexplained.
    """
    known = [one for one in LANGUAGES.values() if one.script == script and one.letters]
    if not any(map(has, known)):
        return None
    shared = frozenset.intersection(*(one.letters for one in known))
    seen = _telling("".join(texts), shared)
    if seen.total() < MIN_TELLING:
        return None
    fits = [(_fit(seen, [_as_read(one)]), one) for one in known]
    fit, best = max(fits, key=lambda item: (item[0], not has(item[1])))
    plain = max((fit for fit, one in fits if not has(one)), default=0.0)
    return has(best) if fit - plain >= max(1 - fit, MIN_FIT_GAIN) else None
