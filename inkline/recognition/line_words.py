"""A line that is looked at word by word: what reads it, and the readings of its words."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.pieces import MIN_SPLIT_GAIN, letter_count, look_alike, part_between, share_read, whole_score
from inkline.types import Floats, Image, Text

FULL_SHARE = 0.75  # of the ink of a word: letters of some scripts reach beyond the place their net names

Read = Callable[[Sequence[Image], Sequence[Sequence[str]]], list[list[Text]]]


@dataclass(frozen=True)
class Nets:
    """What lines are read with.

    look: the router's net; chances: how likely each recogniser is by what that says; read: the recognisers; scripts: of each
    one, what it is for; cyrillic: that of letters which look like Latin ones, empty where there is none.
    """

    look: Callable[[Sequence[Image]], list[Floats]]
    chances: Callable[[Floats], Mapping[str, float]]
    read: Read
    scripts: Mapping[str, Collection[str]]
    cyrillic: str


@dataclass
class Words:
    """A line that is looked at word by word.

    whole: its reading so far; spans: (start, end) of its words in pixels; doubtful: which of them are; inked: (W,) which
    columns of the line hold ink; chances: of each word, of recognisers; scripts: of each word, of scripts in some part of it;
    readings: of each word, by recogniser.
    """

    line: int
    crop: Image
    whole: Text
    spans: list[tuple[int, int]]
    doubtful: list[int]
    inked: NDArray[np.bool_]
    chances: dict[int, Mapping[str, float]] = field(default_factory=dict)
    scripts: dict[int, Mapping[str, float]] = field(default_factory=dict)
    readings: dict[int, dict[str, Text]] = field(default_factory=dict)

    def ink_width(self, word: int) -> int:
        """How far the ink of a word reaches, in pixels."""
        inked = np.flatnonzero(self.inked[slice(*self.spans[word])])
        return int(np.ptp(inked)) + 1 if len(inked) else 0

    def place(self, first: int, last: int) -> tuple[float, float]:
        """Start and end of some words as fractions of the line's width."""
        width = self.crop.shape[1]
        return self.spans[first][0] / width, self.spans[last][1] / width

    def of_whole(self, word: int) -> Text:
        """What the line's reading has there."""
        return part_between(self.whole, *self.place(word, word))

    def own(self, word: int) -> Text:
        """The word as the line's own recogniser reads it, in the line or alone.

        Letters that look alike in two scripts are of that which the line tells of.
        """
        there, alone = self.of_whole(word), self.readings.get(word, {}).get(self.whole.reader)
        if alone is None or (letter_count(there.text) and look_alike(there.text + alone.text)):
            return there
        return max(there, alone, key=lambda text: self.worth(text, word))

    def by(self, name: str, word: int) -> Text:
        """The word as a recogniser reads it."""
        return self.own(word) if name == self.whole.reader else self.readings[word][name]

    def share(self, text: Text, first: int, last: int) -> float:
        """The share of the ink of some words that a text has characters for."""
        return share_read(text, self.inked, self.crop.shape[0], *self.place(first, last))

    def unsure(self, reading: Callable[[int], Text]) -> list[int]:
        """The doubtful words that another reading could better."""
        return [i for i in self.doubtful if self.worth(reading(i), i) <= 1 - MIN_SPLIT_GAIN]

    def worth(self, text: Text, word: int) -> float:
        """The score of a reading of a word, less where it leaves out ink or mixes scripts as no word does."""
        return whole_score(text) * min(self.share(text, word, word) / FULL_SHARE, 1.0)
