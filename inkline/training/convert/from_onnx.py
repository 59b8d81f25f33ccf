"""ONNX inference files of published models -> the same weights in our module, in fused form.

Such files come from several exporters: batch norm folded or not, biases as separate additions, layer norm spelt out.
The graph is read into plain operations (`Graph`), paired with those of our module (`operation_graph.pair_up`), and the
result is compared with ONNX Runtime before anything is kept.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from inkline.errors import ModelError
from inkline.training.convert.operation_graph import GraphMismatch, Operation, pair_up, trace, without

TOLERANCE = 1e-4
KINDS = ("conv", "conv_transpose", "linear", "norm", "affine", "lstm", "prelu")
ON_CONSTANTS = (
    "Identity",
    "Reshape",
    "Transpose",
    "Unsqueeze",
    "Squeeze",
    "Cast",
    "Concat",
    "Slice",
    "Shape",
    "Gather",
)
SHAPE_KEEPING = ("Identity", "Squeeze", "Unsqueeze", "Dropout")
ARITHMETIC = ("Mul", "Add", "Div", "Sub")


def load_graph(path: Path) -> onnx.ModelProto:
    """The ONNX file; ModelError when it is damaged or something else."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf raises its own kinds
        raise ModelError(f"{path}: not a readable ONNX file ({type(error).__name__}); download it again") from error
    if not model.graph.node:
        raise ModelError(f"{path}: not a readable ONNX file (it holds no graph); download it again")
    return model


@dataclass
class Result:
    """What is known of one value: the operations it depends on, and the one that it is, unless something came between."""

    parents: frozenset[int]
    direct: int | None = None


class Graph:
    """The weight-carrying operations of an ONNX graph, in order, with batch norms, biases and factors folded in."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.constants = {t.name: as_float(numpy_helper.to_array(t)) for t in model.graph.initializer}
        self.uses = Counter(name for node in model.graph.node for name in node.input)
        self.uses.update(output.name for output in model.graph.output)
        self.users = {name: node for node in model.graph.node for name in node.input}
        self.results: dict[str, Result] = {}
        self.operations: list[Operation[np.ndarray]] = []
        for node in model.graph.node:
            if not self.is_constant(node):
                self.read(node)

    def is_constant(self, node: onnx.NodeProto) -> bool:
        """Whether the node's value is fixed; then it is computed and kept."""
        if node.op_type == "Constant":
            value = ReferenceEvaluator(node).run(None, {})[0]
        elif node.op_type in (*ON_CONSTANTS, *ARITHMETIC) and all(
            name in self.constants for name in node.input if name
        ):
            value = ReferenceEvaluator(node).run(None, {name: self.constants[name] for name in node.input if name})[0]
        else:
            return False
        self.constants[node.output[0]] = as_float(np.asarray(value))
        return True

    def read(self, node: onnx.NodeProto) -> None:
        """Turn one node into a new operation, a change of an earlier one, or a mere dependence."""
        inputs = [self.results[name] for name in node.input if name in self.results]
        constants = [self.constants[name] for name in node.input if name in self.constants]
        parents = frozenset().union(*(value.parents for value in inputs))
        if node.op_type in ("Shape", "Size"):  # a size depends on no weights
            parents, inputs = frozenset(), []
        result = self.linear(node, parents)
        if result is None and node.op_type == "LSTM":
            result = Result(self.add("lstm", constants[0].shape, parents, lstm_content(constants)).parents)
        if result is None and node.op_type == "PRelu":
            slope = constants[0].reshape(-1)
            result = Result(self.add("prelu", slope.shape, parents, {"weight": slope}).parents)
        if result is None and node.op_type == "LayerNormalization":
            content = dict(zip(("weight", "bias"), constants, strict=False))
            result = Result(self.add("norm", constants[0].shape, parents, content).parents)
        if result is None and len(inputs) == 1:
            result = self.folded(node, inputs[0], constants) or self.affine(node, parents, constants)
        for name in node.output:
            self.results[name] = result or Result(parents)

    def add(self, kind: str, shape: tuple[int, ...], parents: frozenset[int], content: dict[str, np.ndarray]) -> Result:
        self.operations.append(Operation(kind, tuple(shape), parents, content))
        index = len(self.operations) - 1
        return Result(frozenset([index]), index)

    def linear(self, node: onnx.NodeProto, parents: frozenset[int]) -> Result | None:
        """The node as a convolution or linear layer, None when it is neither."""
        if len(node.input) < 2 or node.input[1] not in self.constants:
            return None
        weight = self.constants[node.input[1]]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("Conv", "ConvTranspose"):
            weight = weight[:, :, None] if weight.ndim == 3 else weight
            kind = "conv" if node.op_type == "Conv" else "conv_transpose"
            outputs = weight.shape[0] if kind == "conv" else weight.shape[1] * attributes.get("group", 1)
        elif node.op_type in ("MatMul", "Gemm") and weight.ndim == 2:
            kind = "linear"
            weight = weight.T if attributes.get("transB") else weight
            outputs = weight.shape[1]
        else:
            return None
        bias = self.constants[node.input[2]] if len(node.input) > 2 and node.input[2] else np.zeros(outputs, np.float32)
        content = {"weight": weight.astype(np.float64), "bias": bias.reshape(-1).astype(np.float64)}
        return self.add(kind, weight.shape, parents, content)

    def folded(self, node: onnx.NodeProto, value: Result, constants: list[np.ndarray]) -> Result | None:
        """The node folded into the convolution or linear layer right before it, None where that is not possible."""
        if value.direct is None or self.uses[self.variable(node)] != 1:
            return None
        op = self.operations[value.direct]
        if node.op_type in SHAPE_KEEPING:
            return value
        outputs = op.content["bias"].size
        if node.op_type == "BatchNormalization":
            scale, shift, mean, variance = (array.astype(np.float64) for array in constants)
            epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
            factor = scale / np.sqrt(variance + epsilon)
            rescale(op, factor, shift - mean * factor)
            return value
        if node.op_type not in ARITHMETIC or len(constants) != 1 or not along_outputs(op, constants[0], outputs):
            return None
        constant = constants[0].reshape(-1).astype(np.float64)
        if constant.size == 1 and self.is_clipped(node):  # a hard sigmoid spelt out, no weights
            return None
        first_is_constant = node.input[0] in self.constants
        if node.op_type == "Mul":
            rescale(op, constant, 0.0)
        elif node.op_type == "Add":
            rescale(op, np.ones(1), constant)
        elif first_is_constant:
            return None
        elif node.op_type == "Div":
            rescale(op, 1 / constant, 0.0)
        else:
            rescale(op, np.ones(1), -constant)
        return value

    def variable(self, node: onnx.NodeProto) -> str:
        """The name of the only input that is not constant."""
        return next(name for name in node.input if name in self.results)

    def affine(self, node: onnx.NodeProto, parents: frozenset[int], constants: list[np.ndarray]) -> Result | None:
        """A product with constants and the sum behind it: the end of a layer norm spelt out, or a scalar affine."""
        if node.op_type == "Mul" and len(constants) == 1 and self.used_once(node):
            after = self.users[node.output[0]]
            addends = [self.constants[name] for name in after.input if name in self.constants]
            scale = constants[0].reshape(-1)
            if after.op_type != "Add" or len(addends) != 1 or addends[0].size != scale.size or self.is_clipped(node):
                return None
            kind = "affine" if scale.size == 1 else "norm"
            self.add(kind, scale.shape, parents, {"weight": scale})
            return Result(frozenset([len(self.operations) - 1]))
        if node.op_type == "Add" and len(constants) == 1 and len(parents) == 1:
            op = self.operations[next(iter(parents))]
            if op.kind in ("affine", "norm") and "bias" not in op.content:
                op.content["bias"] = constants[0].reshape(-1)
                return Result(parents)
        return None

    def used_once(self, node: onnx.NodeProto) -> bool:
        """Whether exactly one other node takes what `node` gives, and the graph does not give it out."""
        return self.uses[node.output[0]] == 1 and node.output[0] in self.users

    def is_clipped(self, node: onnx.NodeProto) -> bool:
        """Whether scalar arithmetic from `node` on ends in a clip."""
        while node.op_type in ARITHMETIC or node.op_type == "Identity":
            if not self.used_once(node):
                return False
            node = self.users[node.output[0]]
        return node.op_type in ("Clip", "Min", "Max")


def as_float(array: np.ndarray) -> np.ndarray:
    """Half and double precision as float32; whole numbers as they are."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def along_outputs(op: Operation[np.ndarray], constant: np.ndarray, outputs: int) -> bool:
    """Whether the constant is one number, or one an output channel laid out so that it meets the channels."""
    if constant.size == 1:
        return True
    if constant.size != outputs:
        return False
    tail = constant.shape[constant.shape.index(outputs) + 1 :]
    return tail == () if op.kind == "linear" else len(tail) in (1, 2)


def rescale(op: Operation[np.ndarray], factor: np.ndarray, shift: np.ndarray | float) -> None:
    """Let the operation give factor * y + shift instead of y, by output channel."""
    shape = {"conv": (-1, 1, 1, 1), "conv_transpose": (1, -1, 1, 1), "linear": (1, -1)}[op.kind]
    op.content["weight"] = op.content["weight"] * factor.reshape(shape)
    op.content["bias"] = op.content["bias"] * factor + shift


def lstm_content(constants: list[np.ndarray]) -> dict[str, np.ndarray]:
    """Weights of an ONNX LSTM in torch's gate order: input, forget, cell, output (ONNX: input, output, forget, cell)."""
    ih, hh, bias = constants[:3]

    def gates(array: np.ndarray) -> np.ndarray:
        i, o, f, c = np.split(array, 4)
        return np.concatenate([i, f, c, o])

    content = {}
    for d in range(ih.shape[0]):
        bias_ih, bias_hh = np.split(bias[d], 2)
        content |= {f"ih{d}": gates(ih[d]), f"hh{d}": gates(hh[d])}
        content |= {f"bias_ih{d}": gates(bias_ih), f"bias_hh{d}": gates(bias_hh)}
    return content


def load_onnx(model: nn.Module, path: Path, proto: onnx.ModelProto, example: torch.Tensor) -> list[str]:
    """Fill `model` (fused, eval mode) with the weights of the ONNX file `path`, read as `proto`.

    Gives the names of the parameters it filled.

    `example` is an input of the right size, on which the outcome is compared with ONNX Runtime.  ModelError when the
    file holds another net; `model` is then left half-filled and has to be thrown away.
    """
    graph = Graph(proto)
    ours = trace(model, example)
    other = sorted({op.kind for op in ours} - set(KINDS))
    if other:
        raise ModelError(f"{path}: nets with {', '.join(other)} cannot be read from ONNX; use their training weights")
    theirs = without_plain_factors(graph.operations, ours)
    try:
        pairs = pair_up(theirs, ours)
    except GraphMismatch as error:
        raise ModelError(f"{path}: the file holds another net: {error}") from None
    parameters = dict(model.named_parameters())
    filled = {}
    for i, j in pairs:
        filled |= fitted(theirs[i], ours[j], path)
    with torch.no_grad():
        for name, array in filled.items():
            parameters[name].copy_(torch.from_numpy(array.reshape(parameters[name].shape).astype(np.float32)))
    compare(model, path, example)
    return sorted(filled)


def output_classes(path: Path, example: torch.Tensor) -> int:
    """Size of the last axis of what the file gives for `example`."""
    return int(run(path, example)[0].shape[-1])


def run(path: Path, example: torch.Tensor) -> list[np.ndarray]:
    """What ONNX Runtime gives for `example`; ModelError when the file cannot be run."""
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        outputs: list[np.ndarray] = session.run(None, {session.get_inputs()[0].name: example.numpy()})
    except Exception as error:  # the runtime has no common base of its errors
        reason = str(error).splitlines()[0][:200]
        raise ModelError(f"{path}: cannot be run on an input of {list(example.shape)} ({reason})") from error
    return outputs


def without_plain_factors(
    theirs: list[Operation[np.ndarray]], ours: list[Operation[str]]
) -> list[Operation[np.ndarray]]:
    """`theirs` without fixed factors that look like learned affines: some exporters write them as x * factor + 0.

    Left alone when the net has as many affines as the file.
    """
    affines = {index for index, op in enumerate(theirs) if op.kind == "affine"}
    if len(affines) == sum(op.kind == "affine" for op in ours):
        return theirs
    return without(theirs, {index for index in affines if not theirs[index].content["bias"].any()})


def fitted(theirs: Operation[np.ndarray], ours: Operation[str], path: Path) -> dict[str, np.ndarray]:
    """The file's arrays by the names of our parameters, in their layout."""
    for slot, array in theirs.content.items():
        if slot not in ours.content and np.abs(array).max() > 0:
            raise ModelError(f"{path}: {ours.content['weight']} has no {slot}, the file's {theirs.label()} has one")
    arrays = {name: theirs.content[slot] for slot, name in ours.content.items()}
    if ours.kind == "linear":
        arrays[ours.content["weight"]] = theirs.content["weight"].T
    return arrays


def compare(model: nn.Module, path: Path, example: torch.Tensor) -> None:
    """ModelError unless `model` and the file give the same on `example`, within 1e-4 of the largest value or of 1."""
    theirs = run(path, example)
    with torch.no_grad():
        ours = model(example)
    for expected, found in zip(theirs, ours if isinstance(ours, tuple) else (ours,), strict=False):
        found = found.numpy()
        if expected.shape != found.shape:
            raise ModelError(f"{path}: the file gives {list(expected.shape)}, the net {list(found.shape)}: another net")
        error = float(np.abs(expected - found).max())
        if not error <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(f"{path}: the weights fit, but the outputs differ by {error:.2g}: the file is another net")
