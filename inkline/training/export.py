"""From a torch net to one ONNX file that says of itself all that is needed to use it.

The file is written beside its place, compared with torch at several sizes, and only then gets its name.
Metadata keys are those that `inkline.registry.inspect` reads: `inkline.*`, lists and tables as JSON, and `character` for the
charset, one character per line, without blank, marks and trailing space.

`store` keeps the weights in fewer bits, so that the file takes less room: half precision, or one byte and a scale. Each
tensor gets the nodes that make single precision of it, which engines compute once, when they open the file. The net is
rounded before it is written, so that the file gives just what the rounded net gives.
"""

import copy
import dataclasses
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import inkline
from inkline.errors import ModelError, UsageError, near
from inkline.files import atomic_path
from inkline.recognition.attention import class_count
from inkline.training.nets.ocr_net import Net
from inkline.training.nets.table import NETS, Interface
from inkline.types import Floats, Store

EXPORT_OPSET = 17  # grid_sample needs 16, layer norm is one node from 17 on
EXPORT_TOLERANCE = 1e-4  # of the largest value, 1 at least; float32 kernels of two libraries differ by some 1e-6
SIDES = {"H": 2, "W": 3}  # axes of the input

# Weights in fewer bits
HALF_FROM_VALUES = 64  # the cast of a smaller tensor takes as much room as half precision saves
BYTES_FROM_VALUES = 1024
BYTE_STEPS = 127  # a byte holds -127..127, a scale for each output channel what one step is worth
EXACT_TO = 1e-6  # of the largest value: what another order of multiplying changes

Coding = tuple[NDArray[np.int8], Floats]  # codes, and the scales to multiply them with

# What torch's exporter warns of, and why it does no harm here.
HARMLESS_WARNINGS = (
    "You are using the legacy TorchScript-based ONNX export",  # chosen: it needs no more packages
    "The feature will be removed",  # the same, a level deeper
    "Exporting a model to ONNX with a batch_size other than 1",  # LSTM: checked below with other batches
    "Constant folding - Only steps=1 can be constant folded",  # reversed slices stay nodes
    "Converting a tensor to a Python boolean",  # shape checks inside torch's LSTM
    "Converting a tensor to a Python integer",  # TPS: the height, which is fixed in the file
    "torch.tensor results are registered as constants",  # and its rows
)


def describe(
    name: str,
    *,
    charset: Sequence[str] = (),
    options: Mapping[str, object] | None = None,
    version: str = "1",
    licence: str = "Apache-2.0",
    called: str = "",
) -> dict[str, str]:
    """The metadata of a file that holds the net `name`.

    charset: of a recogniser, in the order of its classes, the space (if it reads one) last.
    options: tuned option values by flat name, laid over those that the kind of net needs. version: of the weights.
    licence: of the weights, as an SPDX identifier. called: the model's own name, when it is not to be that of its net.
    UsageError for an unknown net.
    """
    if name not in NETS:
        raise UsageError(f"no net is called {name!r}{near(name, NETS)}")
    interface = NETS[name].interface
    facts = {**interface.facts, "options": {**interface.options, **(options or {})}}
    metadata = {
        "inkline.name": called or name,
        "inkline.net": name,
        "inkline.task": interface.task,
        "inkline.version": version,
        "inkline.licence": licence,
        "inkline.producer": f"inkline {inkline.__version__}",
        "inkline.mean": json.dumps(interface.mean),
        "inkline.std": json.dumps(interface.std),
        "inkline.channel_order": interface.order,
    }
    metadata |= {f"inkline.{key}": fact if isinstance(fact, str) else json.dumps(fact) for key, fact in facts.items()}
    if charset:
        # readers add the space that a CTC net has one class more for; other decoders count every character
        implied = charset[-1] == " " and interface.decoder == "ctc"
        metadata["character"] = "\n".join(charset[:-1] if implied else charset)
    return metadata


def export(model: Net, path: Path | str, metadata: Mapping[str, str], store: Store = "single") -> float:
    """Write `model` as one ONNX file and return its largest deviation from torch, as a part of the output's largest value.

    model: a net of `NETS`, in either form; it stays as it is. path: ends in .onnx; its folder must exist. metadata: of
    `describe`. The file is fused, takes any batch, and any height and width that its kind of net can take. store: how
    the weights are kept; engines compute in single precision as ever, and the deviation is
    that from torch with weights rounded the same way.
    ModelError when the charset does not fit the net or the file does not give torch's results; nothing is then written.
    """
    path = Path(path)
    interface = _interface(metadata)
    if path.suffix != ".onnx":
        raise UsageError(f"{path}: an exported model must be called something.onnx")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: folder {path.parent} does not exist; make it first")
    net = copy.deepcopy(model).cpu().eval()
    net.fuse()
    round_net(net, store)
    _check_charset(net, interface, metadata)
    with atomic_path(path) as draft:
        _trace(net, interface, draft)
        _label(draft, metadata, store)
        return _compare(net, interface, draft)


def _interface(metadata: Mapping[str, str]) -> Interface:
    """The net's kind, its input as high and wide as the description says: a run may have chosen a size of its own."""
    interface = NETS[metadata["inkline.net"]].interface
    channels, height, width = interface.shape
    height = int(metadata.get("inkline.input_height", height))
    width = int(metadata.get("inkline.input_width", width))
    return dataclasses.replace(interface, shape=(channels, height, width))


def input_shapes(interface: Interface) -> list[tuple[int, int, int, int]]:
    """Small inputs (N, C, H, W) to trace and compare with: two batches and, where sides are free, two sizes."""
    channels, height, width = interface.shape
    step = interface.multiple
    shapes = []
    for batch, rows, columns in ((2, 1, 3), (1, 2, 2)):  # sides in steps
        tall = rows * step if "H" in interface.free else height
        wide = columns * step if "W" in interface.free else width
        shapes.append((batch, channels, tall, wide))
    return shapes


def _check_charset(net: nn.Module, interface: Interface, metadata: Mapping[str, str]) -> None:
    """ModelError unless the net has a class for each character and each mark of its decoder."""
    if "character" not in metadata:
        return
    count = len(metadata["character"].split("\n"))
    decoder = interface.decoder
    if decoder is None:
        raise ModelError(f"{metadata['inkline.name']} reads no text; export it without a charset")
    with torch.no_grad():
        classes = net(torch.zeros(1, *interface.shape)).shape[2]
    counts = (count, count + 1) if decoder == "ctc" else (count,)  # a CTC net may read the space besides
    fitting = [class_count(decoder, n) for n in counts]
    if classes not in fitting:
        raise ModelError(
            f"the net has {classes} classes, but a charset of {count} characters fits {' or '.join(map(str, fitting))}; "
            "give the charset that the net was trained with"
        )


def _trace(net: nn.Module, interface: Interface, path: Path) -> None:
    """Write the net as a bare ONNX file with named, free axes."""
    axes = {"x": {0: "batch", **{SIDES[side]: side for side in interface.free}}}
    for name, sides in interface.outputs.items():
        axes[name] = {i: side for i, side in enumerate(sides) if side is not None}
    with warnings.catch_warnings():
        for message in HARMLESS_WARNINGS:
            warnings.filterwarnings("ignore", message)
        torch.onnx.export(
            net,
            (random_input(input_shapes(interface)[0]),),
            str(path),
            dynamo=False,
            opset_version=EXPORT_OPSET,
            input_names=["x"],
            output_names=list(interface.outputs),
            dynamic_axes=axes,
        )


def _label(path: Path, metadata: Mapping[str, str], store: Store) -> None:
    """Write the metadata into the file, which must be a valid ONNX model."""
    model = onnx.load(path)
    store_weights(model, store)
    onnx.helper.set_model_props(model, dict(metadata))
    model.producer_name, model.producer_version = "inkline", inkline.__version__
    onnx.checker.check_model(model)
    onnx.save(model, path)


def random_input(shape: Sequence[int], seed: int = 0) -> Tensor:
    """Float32 values between -1 and 1."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _compare(net: nn.Module, interface: Interface, path: Path) -> float:
    """Largest deviation of the file from the net over all `input_shapes`; ModelError above the tolerance."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = 0.0
    for shape in input_shapes(interface):
        # both on the same input
        x = random_input(shape, seed=1)
        with torch.no_grad():
            wanted = net(x)
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        found = session.run(None, {"x": x.numpy()})
        # output by output, relative to the largest value
        for name, ours, theirs in zip(interface.outputs, found, wanted, strict=True):
            reference = theirs.numpy()
            if ours.shape != reference.shape:
                raise ModelError(f"the exported file gives {name} of shape {ours.shape}, torch {reference.shape}")
            deviation = float(np.abs(ours - reference).max() / max(1.0, np.abs(reference).max()))
            if not deviation <= EXPORT_TOLERANCE:
                raise ModelError(f"the exported file differs from torch by {deviation:.1e} in {name} for input {shape}")
            worst = max(worst, deviation)
    return worst


# --- Weights in fewer bits ---


@torch.no_grad()
def round_net(net: nn.Module, store: Store) -> None:
    """Round all weights to what `store` can hold: one byte for matrices and kernels, half precision for the rest."""
    for weight in net.parameters():
        values = weight.numpy()
        in_bytes = store == "byte" and values.ndim > 1 and values.size >= BYTES_FROM_VALUES
        codings = list(_codings(values)) if in_bytes else []
        if codings:
            codes, scales = min(codings, key=lambda coding: _error(values, *coding))
            weight.copy_(torch.from_numpy(codes * scales))
        elif store != "single":
            halved = weight.half().float()
            weight.copy_(torch.where(halved.isfinite(), halved, weight))  # too large for it: as it is


def store_weights(model: onnx.ModelProto, store: Store) -> None:
    """Keep the weights that are exact in fewer bits in them; of a net that `round_net` rounded."""
    if store == "single":
        return
    nodes: list[onnx.NodeProto] = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT:
            continue
        name, values = tensor.name, numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if values.size >= HALF_FROM_VALUES and np.array_equal(halved, values):
            # half precision and a cast
            tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        elif store == "byte" and (exact := _exact_codings(values)):
            # bytes, a cast and a product with the scales
            codes, scales = min(exact, key=lambda coding: coding[1].size)
            tensor.CopyFrom(numpy_helper.from_array(codes, f"{name}.byte"))
            model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
            nodes.append(helper.make_node("Cast", [f"{name}.byte"], [f"{name}.codes"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [f"{name}.codes", f"{name}.scale"], [name]))
    # the nodes that unpack come before those that use them
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _exact_codings(values: Floats) -> list[Coding]:
    """The codings that give back the values; none for few values."""
    if values.size < BYTES_FROM_VALUES:
        return []
    bound = EXACT_TO * np.abs(values).max()
    return [(codes, scales) for codes, scales in _codings(values) if np.abs(codes * scales - values).max() <= bound]


def _codings(values: Floats) -> Iterator[Coding]:
    """Codes int8 and scales, one along each axis in turn (the output channels lie along any), or one for each row.

    A scale serves eight values at least, or it takes the room that bytes save.
    """
    axes = range(values.ndim)
    kept = [{axis} for axis in axes] + ([set(axes[:-1])] if values.ndim > 2 else [])
    for shared in [tuple(axis for axis in axes if axis not in some) for some in kept]:
        scales = np.abs(values).max(axis=shared, keepdims=True) / np.float32(BYTE_STEPS)
        scales[scales == 0] = 1
        if scales.size * 8 <= values.size:
            yield np.rint(values / scales).astype(np.int8), scales


def _error(values: Floats, codes: NDArray[np.int8], scales: Floats) -> float:
    return float(np.square(codes * scales - values).sum())
