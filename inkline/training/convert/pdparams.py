"""Training weights of PaddleOCR and PaddleClas (`.pdparams`): a pickle of numpy arrays by name, read without Paddle.

Pickles can run code.  This reader knows the handful of functions that arrays need and refuses all others.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from inkline.errors import ModelError

NAME_TABLE = "StructuredToParameterName@@"  # the framework's own bookkeeping, no weights
# Files of distillation runs hold several copies of a net; this is the order of choice.
COPIES = ("Student.", "Student2.", "Teacher.")


def make_array(kind: type, shape: tuple[int, ...], code: bytes) -> np.ndarray:
    """An empty array whose state follows in the pickle."""
    if kind is not np.ndarray:
        raise pickle.UnpicklingError(f"arrays of kind {kind!r} are not weights")
    return np.ndarray.__new__(np.ndarray, shape, code)


def make_buffered(data: Any, dtype: np.dtype, shape: tuple[int, ...], order: str) -> np.ndarray:
    """An array from its bytes (pickle protocol 5)."""
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def make_bytes(text: str, encoding: str) -> bytes:
    """How Python 2 protocols spell bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in encoding {encoding!r} are not weights")
    return text.encode(encoding)


KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
    ("_codecs", "encode"): make_bytes,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): make_array,
    ("numpy._core.multiarray", "_reconstruct"): make_array,
    ("numpy.core.numeric", "_frombuffer"): make_buffered,
    ("numpy._core.numeric", "_frombuffer"): make_buffered,
}


class Refused(pickle.UnpicklingError):
    """The pickle wants to call something that no weights need."""


class WeightsUnpickler(pickle.Unpickler):
    """Rebuilds dicts and numpy arrays; anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise Refused(f"{module}.{name}")
        return KNOWN[module, name]


def read_pdparams(path: Path) -> dict[str, np.ndarray]:
    """Arrays of a `.pdparams` file by the reference's names, of one copy of the net in files of distillation runs.

    ModelError when the file is truncated, holds no arrays, or asks for code to be run (which does not happen).
    """
    try:
        with path.open("rb") as file:
            content = WeightsUnpickler(file, encoding="latin1").load()
    except Refused as error:
        raise ModelError(
            f"{path}: refused, the file wants to call {error}, which weights never need; get it from its publisher"
        ) from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged pickle can fail anywhere, numpy included
        raise ModelError(f"{path}: truncated or not a .pdparams file ({type(error).__name__}); get it again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, not weights by name; give the .pdparams file")
    arrays = {name: as_array(value) for name, value in content.items() if name != NAME_TABLE}
    odd = [str(name) for name, array in arrays.items() if array is None or not isinstance(name, str)]
    if odd or not arrays:
        raise ModelError(f"{path}: {odd[0] + ' is no array' if odd else 'it is empty'}; give the .pdparams file")
    return one_copy(arrays)


def as_array(value: Any) -> np.ndarray | None:
    """The number array in `value`, which is one or a pair (name, array); None for anything else."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    return value if isinstance(value, np.ndarray) and value.dtype.kind in "fiub" else None


def one_copy(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights of the first of COPIES when the names carry such prefixes, else all of them."""
    for prefix in COPIES:
        if any(name.startswith(prefix) for name in arrays):
            return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}
    return arrays
