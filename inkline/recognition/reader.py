"""One recogniser with its options, and the head of Latin characters alone that it may have."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from inkline.options import RecognizeOptions
from inkline.recognition.left_out import with_left_out
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.types import Image, Text


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
