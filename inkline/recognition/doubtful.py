"""Lines that a small recogniser reads with doubt, read again by a larger one."""

from collections.abc import Callable, Mapping, Sequence

from inkline.recognition.confidence import confidences
from inkline.types import Image, Text

ReadAgain = Callable[[Sequence[int]], Mapping[int, Text]]  # lines -> what the larger one reads in each; none if it is not there


def read_doubtful_again(texts: list[Text], crops: Sequence[Image], model: str, thresh: float, read_again: ReadAgain) -> None:
    """Change the texts of `model` whose confidence (0..1) is below `thresh` to those of another recogniser that is as sure.

    crops: what was read, uint8 (H, W, 3) BGR. Texts that do not name their recogniser are of `model`; those of others, and
    lines that nothing reads, stay as they are.
    """
    first = [i for i, text in enumerate(texts) if text.reader in ("", model) and not text.script]
    known = confidences([texts[i] for i in first], [crops[i].shape for i in first], model)
    doubtful = {i: confidence.line for i, confidence in zip(first, known, strict=True) if confidence.line < thresh}
    again = read_again(list(doubtful)) if doubtful else {}
    found = confidences(list(again.values()), [crops[i].shape for i in again], model)
    for (i, text), confidence in zip(again.items(), found, strict=True):
        if confidence.line >= doubtful[i]:
            texts[i] = text
