"""Label text to class ids, as each decoder family counts its classes; the contracts are in the package's docstring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from inkline.errors import DataError


@dataclass(frozen=True)
class Alphabet:
    """The characters of a model in class order, without blank, and the longest label its decoders hold."""

    charset: tuple[str, ...]
    max_text_length: int = 25

    @cached_property
    def index(self) -> dict[str, int]:
        """Character -> position in the charset; the last wins when one is listed twice, as in the reference."""
        return {c: i for i, c in enumerate(self.charset)}

    def ids(self, text: str) -> np.ndarray:
        """Positions of the characters of `text` in the charset, int64 (L,). Raises DataError for one it lacks."""
        try:
            return np.array([self.index[c] for c in text], np.int64)
        except KeyError as error:
            raise DataError(
                f"the charset lacks {error.args[0]!r} of the label {text!r}; filter the labels while loading"
            ) from None

    def room(self, text: str) -> np.ndarray:
        """As `ids`, for decoders of fixed length. Raises DataError for a text longer than `max_text_length`."""
        if len(text) > self.max_text_length:
            raise DataError(f"the label {text!r} has {len(text)} characters, {self.max_text_length} fit; raise max_text_length")
        return self.ids(text)


def ctc(alphabet: Alphabet, text: str) -> np.ndarray:
    """0 is blank; character i -> i + 1. int64 (L,)."""
    return alphabet.ids(text) + 1


def _framed(alphabet: Alphabet, text: str, start: int, shift: int, end: int, padding: int) -> np.ndarray:
    """start, each character i as i + shift, end, padding: int64 (max_text_length + 2,)."""
    ids = alphabet.room(text)
    out = np.full(alphabet.max_text_length + 2, padding, np.int64)
    out[0], out[1 : len(ids) + 1], out[len(ids) + 1] = start, ids + shift, end
    return out


def nrtr(alphabet: Alphabet, text: str) -> np.ndarray:
    """0 padding, 1 unknown, 2 start, 3 end, character i -> i + 4. int64 (max_text_length + 2,)."""
    return _framed(alphabet, text, start=2, shift=4, end=3, padding=0)


def sar(alphabet: Alphabet, text: str) -> np.ndarray:
    """Character i -> i, n unknown, n + 1 start and end, n + 2 padding. int64 (max_text_length + 2,)."""
    n = len(alphabet.charset)
    return _framed(alphabet, text, start=n + 1, shift=0, end=n + 1, padding=n + 2)


def attention(alphabet: Alphabet, text: str) -> np.ndarray:
    """0 start and padding, character i -> i + 1, n + 1 end. int64 (max_text_length + 2,)."""
    return _framed(alphabet, text, start=0, shift=1, end=len(alphabet.charset) + 1, padding=0)


def srn(alphabet: Alphabet, text: str) -> np.ndarray:
    """Character i -> i, n start, n + 1 end and padding. int64 (max_text_length,)."""
    ids = alphabet.room(text)
    out = np.full(alphabet.max_text_length, len(alphabet.charset) + 1, np.int64)
    out[: len(ids)] = ids
    return out


Encoder = Callable[[Alphabet, str], np.ndarray]
ENCODERS: dict[str, Encoder] = {"ctc": ctc, "nrtr": nrtr, "sar": sar, "attention": attention, "srn": srn}


def encode(alphabet: Alphabet, text: str, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The ids of `text` for each encoder named. Raises DataError for an unknown name, character or length."""
    unknown = [name for name in names if name not in ENCODERS]
    if unknown:
        raise DataError(f"no label encoder {unknown[0]!r}; there are {', '.join(ENCODERS)}")
    return {name: ENCODERS[name](alphabet, text) for name in names}
