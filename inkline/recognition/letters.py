"""The languages of a page by its letters: they tell which recogniser of a script reads it, and which of two twins is meant.

A recogniser that lacks letters leaves them out without a doubt (Vietnamese `Việt` as `Vit`). But the letters that it does read
are, taken together, those of no language that it knows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inkline.languages import LANGUAGES, Language, own_reader

MIN_TELLING = 3  # letters that some languages of a script have and others do not, from which they say something,
MIN_TELLING_SHARE = 0.03  # if they are at least this share of all letters
MIN_FIT_GAIN = 0.02  # share of them by which languages of another recogniser have to explain more
MIN_ODD = 2  # letters that none of the first recogniser's languages has, which another has to read
MIN_ODD_SHARE = 0.02  # of all letters that it reads
MIN_FIT = 0.9  # share of the telling letters that a language has to have, for its twins to be read
PROBES = 2  # lines of a page that another recogniser reads to find out


@dataclass(frozen=True)
class Alphabets:
    """Of one script: the letters of each language of its first recogniser, and of each of another one's."""

    own: tuple[frozenset[str], ...]
    other: tuple[frozenset[str], ...]

    @property
    def shared(self) -> frozenset[str]:
        """The letters that all have."""
        return frozenset.intersection(*self.own, *self.other)

    @property
    def odd(self) -> frozenset[str]:
        """The letters that only the other recogniser's languages have."""
        return frozenset().union(*self.other).difference(*self.own)

    def probes(self, texts: Sequence[str]) -> list[int]:
        """The lines of a page, as the first recogniser reads them, to be read by the other one to find out; mostly none.

        Their letters have to be explained better by its languages.
        """
        shared = self.shared
        telling = [_telling(text, shared) for text in texts]
        seen, letters = sum(telling, Counter[str]()), sum(c.isalpha() for text in texts for c in text)
        if seen.total() < max(MIN_TELLING, MIN_TELLING_SHARE * letters):
            return []
        if _fit(seen, self.other) < _fit(seen, self.own) + MIN_FIT_GAIN:
            return []
        return sorted(range(len(texts)), key=lambda i: -telling[i].total())[:PROBES]

    def speak_for_other(self, texts: Sequence[str]) -> bool:
        """Whether lines, as the other recogniser reads them, are in a language of its own."""
        odd, letters = sum(c in self.odd for text in texts for c in text), sum(c.isalpha() for text in texts for c in text)
        return odd >= max(MIN_ODD, MIN_ODD_SHARE * letters)


def _as_read(language: Language) -> frozenset[str]:
    """The letters of a language, and those that are read in their place by mistake."""
    return language.letters.union(*(twin[0] for twin in language.twins))


def _telling(text: str, shared: frozenset[str]) -> Counter[str]:
    """How often each letter stands in a text that not all languages share."""
    return Counter(c for c in text if c.isalpha() and c not in shared)


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
            found[script] = {name: Alphabets(tuple(first), tuple(letters)) for name, letters in by_reader.items()}
    return found


def twins_of_page(texts: Sequence[str], script: str) -> tuple[str, ...]:
    """The twins, as in `languages.toml`, of the language of these lines of one script; none where it has none or is not clear.

    The language has to explain their letters better than those without twins, letters misread for its own being its own, too.
    """
    known = [one for one in LANGUAGES.values() if one.script == script and one.letters]
    if not any(one.twins for one in known):
        return ()
    shared = frozenset.intersection(*(one.letters for one in known))
    seen = _telling("".join(texts), shared)
    if seen.total() < MIN_TELLING:
        return ()
    fits = [(_fit(seen, [_as_read(one)]), one) for one in known]
    fit, best = max(fits, key=lambda item: (item[0], not item[1].twins))
    plain = max((fit for fit, one in fits if not one.twins), default=0.0)
    return best.twins if fit >= max(MIN_FIT, plain + MIN_FIT_GAIN) else ()
