"""Training weights of PaddleOCR and PaddleClas: reading `.pdparams` without Paddle, and their names to ours.

A `.pdparams` file is a pickle of numpy arrays by name. Pickles can run code. The reader here knows the handful of
functions that arrays need and refuses all others.

Our names follow the reference's where they are sane, so the table is short. NamedArrays have the same layout in both
frameworks, except that linear weights are [in, out] there and [out, in] here.
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
from inkline.training.convert.net_checkpoint import load_tensors

NamedArrays = dict[str, NDArray[Any]]  # by the reference's names

# (pattern, replacement), applied in order to every name; None drops the tensor on purpose.
REFERENCE_NAMES: dict[str, tuple[tuple[str, str | Callable[[re.Match[str]], str] | None], ...]] = {
    "every net": (
        (r"\._mean$", ".running_mean"),
        (r"\._variance$", ".running_var"),
        (r"\.\d+\.cell(_fw|_bw)?\.(weight|bias)_[ih]h$", None),  # LSTM tensors are listed twice
        (r"\._conv\.", ".conv."),
        (r"\._batch_norm\.", ".bn."),
    ),
    "nrtr": ((r"\.positional_encoding\.pe$", None),),  # a table of sines that the module computes itself
    "pp-hgnetv2": ((r"^backbone\.(last_conv|fc)\.", None),),  # left over from its classifier, used by nothing
    "repsvtr": ((r"\.c\.weight$", ".conv.weight"), (r"(\.token_mixer\.\d+)\.fc([12])\.", r"\1.conv\2.")),
    "pp-lcnet classifier": ((r"^(conv1|blocks\d)\.", r"backbone.\1."), (r"^(last_conv|fc)\.", r"head.\1.")),
    "resnet-vd": (
        (r"^backbone\.conv1_1\.", "backbone.stem.0."),
        (r"^backbone\.conv1_2\.", "backbone.stem.1."),
        (r"^backbone\.conv1_3\.", "backbone.stem.2."),
        (r"^backbone\.pool2d_max\.", "backbone.pool."),
        (r"^backbone\.bb_(\d)_(\d)\.", r"backbone.stages.\1.\2."),
    ),
    "mobilenetv3 detector": ((r"^backbone\.stage(\d)\.", r"backbone.stages.\1."),),
    "mobilenetv1-enhance": (
        (r"^backbone\.block_list\.", "backbone.blocks."),
        (r"\._(depthwise_conv|pointwise_conv|se)\.", r".\1."),
    ),
    "tps": (
        (r"^transform\.loc_net\.loc_conv(\d)\.", r"transform.loc_net.convs.\1."),
        (r"^transform\.grid_generator\.fc\.", "transform.offset."),
    ),
    "east, sast": (
        (r"\.deconv\.", ".conv."),
        (r"^neck\.FPN_(Down|Up)_Fusion\.", lambda m: f"neck.{m[1].lower()}."),
        (r"^head\.head\d\.(score|border|tvo|tco)_conv\.", r"head.\1."),
    ),
    "srn": (
        (r"^backbone\.bottleneckBlock_(\d)_(\d)\.", r"backbone.stages.\1.\2."),
        (r"\.short\.conv\.(conv|bn)\.", r".short.\1."),
        (r"^backbone\.F_-(\d)_base_block_0\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.0."),
        (r"^backbone\.F_-(\d)_base_block_1\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.1.conv."),
        (r"^backbone\.F_-(\d)_base_block_2\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.1."),
        (r"^(backbone\.top_down\.\d\.1)\.(weight|bias|running_mean|running_var)$", r"\1.bn.\2"),
        (r"^backbone\.F_-3_base_block_3\.", "backbone.project."),
        (r"^head\.pvam\.wrap_encoder_for_feature\.", "head.pvam.encoder."),
        (r"^head\.gsrm\.wrap_encoder1\.prepare_decoder\.emb0\.", None),  # the same table as wrap_encoder0's
        (r"^head\.gsrm\.wrap_encoder0\.prepare_decoder\.emb0\.", "head.gsrm.embedding."),
        (r"^head\.gsrm\.wrap_encoder0\.", "head.gsrm.from_left."),
        (r"^head\.gsrm\.wrap_encoder1\.", "head.gsrm.from_right."),
        (r"\.prepare_(encoder\.emb|decoder\.emb1)\.", ".position."),
        (r"\.encoder\.layer_(\d)\.", r".layers.\1."),
        (r"\.preprocesser(\d)\.layer_norm_0\.", r".norm\1."),
        (r"\.encoder\.processor\.layer_norm_0\.", ".norm."),
    ),
    "uvdoc": (
        (r"\.num_batches_tracked$", None),
        (r"^resnet_head\.0\.", "resnet_head.0.conv."),
        (r"^resnet_head\.1\.", "resnet_head.0.bn."),
        (r"^resnet_head\.3\.", "resnet_head.1.conv."),
        (r"^resnet_head\.4\.", "resnet_head.1.bn."),
        (r"^(resnet_down\.layer\d\.\d)\.conv(\d)\.(0\.)?(weight|bias)$", r"\1.conv\2.conv.\4"),
        (r"^(resnet_down\.layer\d\.\d)\.bn(\d)\.", r"\1.conv\2.bn."),
        (r"^(resnet_down\.layer\d\.\d\.downsample|bridge_\d\.\d|bridge_concat)\.0\.", r"\1.conv."),
        (r"^(resnet_down\.layer\d\.\d\.downsample|bridge_\d\.\d|bridge_concat)\.1\.", r"\1.bn."),
        (r"^bridge_(\d)\.", r"bridges.\1."),
        (r"^out_point_positions(\d)D\.", r"points\1d."),
    ),
}


def from_paddle_name(name: str) -> str | None:
    """Our state-dict key for the reference's key `name`; None when the tensor is not needed."""
    for rules in REFERENCE_NAMES.values():
        for pattern, replacement in rules:
            if replacement is None:
                if re.search(pattern, name):
                    return None
            else:
                name = re.sub(pattern, replacement, name)
    return name


def load_reference(model: nn.Module, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Copy `arrays`, keyed by the reference's names, into `model` (training form).

    Nothing is written unless every array finds its tensor, every tensor its array, and all shapes agree; otherwise
    ValueError names the tensors that differ.
    """
    load_tensors(model, ours_from_reference(model, arrays))


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
