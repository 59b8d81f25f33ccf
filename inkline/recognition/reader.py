"""Recognisers with their options, and the head of Latin characters alone that one may have; opened when first asked for."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from threading import Lock

from inkline.errors import ModelError, NotInstalledError
from inkline.options import RecognizeOptions
from inkline.recognition.left_out import with_left_out
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.runtime import renew_in_children
from inkline.types import Image, Text

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reader:
    """A recogniser, and the options that it reads with unless the user says otherwise.

    latin: the same net with a head of Latin characters alone, for lines that are surely in Latin script.
    """

    name: str
    read: Recognizer
    tuned: RecognizeOptions
    latin: Recognizer | None = None

    def read_each(
        self,
        crops: Mapping[int, Image],
        latin: Collection[int],
        options: RecognizeOptions,
        run: ParallelMap,
        twins: Sequence[str],
    ) -> dict[int, Text]:
        """Texts of lines, crops uint8 (H, W, 3) BGR by their indices, by the head of each.

        latin: the lines that surely are in Latin script; twins: of the language, where that is known.
        """
        heads: dict[Recognizer, list[int]] = {}
        for i in crops:
            heads.setdefault(self.latin if self.latin and i in latin else self.read, []).append(i)
        found: dict[int, Text] = {}
        for head, lines in heads.items():
            chosen = [crops[i] for i in lines]
            texts = (head.with_twins(twins) if twins else head)(chosen, options, run)
            if head is self.latin:
                texts = with_left_out(texts, chosen, partial(self.read, options=options, run=run))
            found |= dict(zip(lines, texts, strict=True))
        return found


class Readers:
    """The recognisers of scripts, each opened when first asked for, once; any thread may ask."""

    def __init__(self, base: Reader, open_reader: Callable[[str], Reader]) -> None:
        self._base, self._open = base, open_reader
        self._opened: dict[str, Reader | None] = {base.name: base}
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """A lock that nobody holds: at the beginning, and in a forked child, where a thread that opens one is missing."""
        self._lock = Lock()

    def get(self, name: str) -> Reader | None:
        """The recogniser of this name; None where its file cannot be had, which is logged once (never installed: as info)."""
        if name not in self._opened:
            with self._lock:
                if name not in self._opened:
                    self._opened[name] = self._try(name)
        return self._opened[name]

    def is_lost(self, name: str) -> bool:
        """Whether this recogniser was asked for and cannot be had."""
        return self._opened.get(name, self._base) is None

    def _try(self, name: str) -> Reader | None:
        try:
            return self._open(name)
        except ModelError as error:
            say = log.info if isinstance(error, NotInstalledError) else log.warning
            say("%s cannot be had, lines of its script stay unread: %s", name, error)
            return None

    def read(self, name: str, crops: Sequence[Image], asked: RecognizeOptions, run: ParallelMap) -> list[Text]:
        """Lines as one recogniser reads them, each said to be read by it; none where it cannot be had."""
        reader = self.get(name)
        if reader is None:
            return []
        own = self.options(reader, asked)
        return [replace(text, reader=name, score_thresh=own.score_thresh) for text in reader.read(crops, own, run)]

    def options(self, reader: Reader, asked: RecognizeOptions) -> RecognizeOptions:
        """The options for a recogniser: its own, but for what was asked otherwise than the first one brings."""
        given = {f.name: getattr(asked, f.name) for f in fields(asked)}
        tuned = self._base.tuned
        return replace(reader.tuned, **{name: value for name, value in given.items() if value != getattr(tuned, name)})
