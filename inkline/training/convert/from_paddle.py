"""Training weights of PaddleOCR and PaddleClas: reading `.pdparams` without Paddle.

A `.pdparams` file is a pickle of numpy arrays by name. Pickles can run code. The reader here knows the handful of
functions that arrays need and refuses all others.

Arrays have the same layout in both frameworks, except that linear weights are [in, out] there and [out, in] here.
"""

import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from inkline.errors import ModelError
from inkline.training.convert.tensor_names import from_paddle_name

NamedArrays = dict[str, NDArray[Any]]  # by the reference's names


def ours_from_reference(model: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    """`arrays`, keyed by the reference's names, as tensors under our names and in our layout."""
    linear = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    found: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        ours = from_paddle_name(name)
        if ours is not None:
            found[ours] = torch.from_numpy(np.array(array.T if ours in linear else array))
    return found


# --- Reading .pdparams ---

NAME_TABLE = "StructuredToParameterName@@"  # the framework's own bookkeeping, no weights
# Files of distillation runs hold several copies of a net; this is the order of choice.
COPIES_OF_NET = ("Student.", "Student2.", "Teacher.")


MAX_DIMENSIONS = 8


class ElementType:
    """The type of an array's elements, as a pickle spells it; nothing of numpy sees what a hostile file says of it."""

    def __init__(self, code: Any, *_: Any) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else code
        self.order = "<"

    def __setstate__(self, state: Any) -> None:
        """(version, byte order, ...)"""
        self.order = ">" if isinstance(state, tuple) and state[1:2] == (">",) else "<"

    def dtype(self) -> np.dtype[Any]:
        """The type; UnpicklingError for any but numbers."""
        found = re.fullmatch(r"([<>|=]?)([fiub][1248])", self.code) if isinstance(self.code, str) else None
        if found is None or found[2] in ("f1", "b2", "b4", "b8"):
            raise pickle.UnpicklingError(f"elements of type {self.code!r:.20} are not weights")
        return np.dtype((">" if ">" in (found[1], self.order) else "<") + found[2])


class Elements:
    """An array in a pickle: its state follows. `array()` makes it, once all that was said of it is checked."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        """(version, shape, type, whether in Fortran's order, bytes)"""
        self.state = state

    def array(self) -> NDArray[Any]:
        """The array; UnpicklingError where its bytes are not those of its shape and type."""
        try:
            shape, kind, fortran, data = self.state[-4:]
        except (TypeError, ValueError) as error:
            raise pickle.UnpicklingError("an array without content") from error
        data = data.encode("latin1") if isinstance(data, str) else data
        sides = isinstance(shape, tuple) and len(shape) <= MAX_DIMENSIONS and all(type(n) is int and n >= 0 for n in shape)
        if not (sides and isinstance(kind, ElementType) and isinstance(data, bytes | bytearray)):
            raise pickle.UnpicklingError("an array of another kind than weights have")
        dtype = kind.dtype()
        if len(data) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError(f"{len(data)} bytes for the shape {shape}")
        flat = np.frombuffer(bytes(data), dtype)
        return flat.reshape(shape, order="F" if fortran else "C").astype(flat.dtype.newbyteorder("="))


def make_buffered(data: Any, kind: Any, shape: Any, order: Any) -> Elements:
    """An array from its bytes (pickle protocol 5)."""
    made = Elements()
    made.state = (shape, kind, order == "F", data)
    return made


def make_bytes(text: str, encoding: str) -> bytes:
    """How Python 2 protocols spell bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in encoding {encoding!r} are not weights")
    return text.encode(encoding)


PICKLE_FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "tuple"): tuple,
    ("__builtin__", "tuple"): tuple,
    ("_codecs", "encode"): make_bytes,
    ("numpy", "ndarray"): Elements,
    ("numpy", "dtype"): ElementType,
    ("numpy.core.multiarray", "_reconstruct"): Elements,
    ("numpy._core.multiarray", "_reconstruct"): Elements,
    ("numpy.core.numeric", "_frombuffer"): make_buffered,
    ("numpy._core.numeric", "_frombuffer"): make_buffered,
}


class UnsafePickle(pickle.UnpicklingError):
    """The pickle wants to call something that no weights need."""


class WeightsUnpickler(pickle.Unpickler):
    """Rebuilds dicts and numpy arrays; anything else is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in PICKLE_FUNCTIONS:
            raise UnsafePickle(f"{module}.{name}")
        return PICKLE_FUNCTIONS[module, name]


def read_pdparams(path: Path) -> NamedArrays:
    """NamedArrays of a `.pdparams` file by the reference's names, of one copy of the net in files of distillation runs.

    ModelError when the file is truncated, holds no arrays, or asks for code to be run (which does not happen).
    """
    content = unpickled(path)
    if not isinstance(content, dict):
        raise ModelError(f"{path}: holds a {type(content).__name__}, not weights by name; give the .pdparams file")
    arrays: NamedArrays = {}
    for name, value in content.items():
        if name == NAME_TABLE:
            continue
        array = as_array(value)
        if array is None or not isinstance(name, str):
            raise ModelError(f"{path}: {name!r} is no array; give the .pdparams file")
        arrays[name] = array
    if not arrays:
        raise ModelError(f"{path}: it is empty; give the .pdparams file")
    return one_copy(arrays)


def unpickled(path: Path) -> Any:
    """The content of a pickle of arrays; ModelError when it is damaged or asks for code to be run."""
    try:
        with path.open("rb") as file:
            return WeightsUnpickler(file, encoding="latin1").load()
    except UnsafePickle as error:
        raise ModelError(
            f"{path}: refused, the file wants to call {str(error)!r}, which weights never need; get it from its publisher"
        ) from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except Exception as error:  # a damaged pickle can fail anywhere, numpy included
        raise ModelError(f"{path}: truncated or not a .pdparams file ({type(error).__name__}); get it again") from error


def as_array(value: Any) -> NDArray[Any] | None:
    """The number array in `value`, which is one or a pair (name, array); None for anything else."""
    if isinstance(value, tuple) and len(value) == 2:
        value = value[1]
    try:
        return value.array() if isinstance(value, Elements) else None
    except pickle.UnpicklingError:
        return None


def one_copy(arrays: NamedArrays) -> NamedArrays:
    """The weights of the first of COPIES_OF_NET when the names carry such prefixes, else all of them."""
    for prefix in COPIES_OF_NET:
        if any(name.startswith(prefix) for name in arrays):
            return {n.removeprefix(prefix): array for n, array in arrays.items() if n.startswith(prefix)}
    return arrays
