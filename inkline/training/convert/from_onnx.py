"""ONNX inference files of published models -> the same weights in our module, in fused form.

Such files come from several exporters: batch norm folded or not, biases as separate additions, layer norm spelt out.
The graph is read into plain operations (`OnnxGraph`), paired with those of our module (`operation_graph.pair_up`), and
the result is compared with ONNX Runtime before anything is kept. Half precision is read as single precision. What leads to
other outputs than our net has, such as the places in space of UVDoc's training, is left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from inkline.errors import ModelError
from inkline.training.convert.operation_graph import GraphMismatch, Operation, pair_up, trace, without

Array = NDArray[Any]
ArrayOperation = Operation[Array]
Rescaling = tuple[Array, Array]  # of an operation's result: factor and shift, per output channel or for all

OUTPUT_TOLERANCE = 1e-4  # of the largest value, 1 at least
KINDS = ("conv", "conv_transpose", "linear", "norm", "affine", "lstm", "prelu")
# nodes whose value is computed when all their inputs are fixed
FIXED_OPS = ("Reshape", "Transpose", "Unsqueeze", "Squeeze", "Cast", "Concat", "Slice", "Shape", "Gather")
SHAPE_KEEPING = ("Squeeze", "Unsqueeze", "Dropout")
ARITHMETIC = ("Mul", "Add", "Div", "Sub")


def load_graph(path: Path) -> onnx.ModelProto:
    """The ONNX file, in single precision and for any size of input; ModelError when it is damaged or something else."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf raises its own kinds
        raise ModelError(f"{path}: not a readable ONNX file ({type(error).__name__}); download it again") from error
    if not model.graph.node:
        raise ModelError(f"{path}: not a readable ONNX file (it holds no graph); download it again")
    generalize(model.graph)
    return model


def generalize(graph: onnx.GraphProto) -> None:
    """Make float32 of half precision (weights, constants, casts, inputs, outputs), and let inputs have any size."""
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    for tensor in [*graph.initializer, *(attribute.t for attribute in attributes if attribute.HasField("t"))]:
        if tensor.data_type == TensorProto.FLOAT16:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for attribute in attributes:
        if attribute.name == "to" and attribute.i == TensorProto.FLOAT16:
            attribute.i = TensorProto.FLOAT
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.ClearField("shape")
        if value.type.tensor_type.elem_type == TensorProto.FLOAT16:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    del graph.value_info[:]


@dataclass
class NodeResult:
    """What is known of one value: the operations it depends on, and the one that it is, unless something came between."""

    parents: frozenset[int]
    direct: int | None = None


class OnnxGraph:
    """The weight-carrying operations of an ONNX graph, in order, with batch norms, biases and factors folded in."""

    def __init__(self, model: onnx.ModelProto, outputs: Sequence[str] = ()) -> None:
        """outputs: names of those that matter; empty: all."""
        self.constants = {t.name: as_float(numpy_helper.to_array(t)) for t in model.graph.initializer}
        outputs = outputs or [output.name for output in model.graph.output]
        nodes, outputs = nodes_behind(model.graph, outputs)
        self.uses = Counter(name for node in nodes for name in node.input)
        self.uses.update(outputs)
        self.users = {name: node for node in nodes for name in node.input}
        self.results: dict[str, NodeResult] = {}
        self.operations: list[ArrayOperation] = []
        for node in nodes:
            if not self.is_constant(node):
                self.read(node)

    def is_constant(self, node: onnx.NodeProto) -> bool:
        """Whether the node's value is fixed; then it is computed and kept."""
        inputs = [str(name) for name in node.input if name]
        on_constants = node.op_type in (*FIXED_OPS, *ARITHMETIC) and all(name in self.constants for name in inputs)
        if node.op_type != "Constant" and not on_constants:
            return False
        values: list[Any] = list(ReferenceEvaluator(node).run(None, {name: self.constants[name] for name in inputs}))
        self.constants[node.output[0]] = as_float(np.asarray(values[0]))
        return True

    def read(self, node: onnx.NodeProto) -> None:
        """Turn one node into a new operation, a change of an earlier one, or a mere dependence."""
        inputs = [self.results[name] for name in node.input if name in self.results]
        constants = [self.constants[name] for name in node.input if name in self.constants]
        parents = frozenset[int]().union(*(value.parents for value in inputs))
        if node.op_type in ("Shape", "Size"):  # a size depends on no weights
            parents, inputs = frozenset(), []
        result = self.new_operation(node, parents, constants)
        if result is None and len(inputs) == 1:
            result = self.folded(node, inputs[0], constants) or self.affine(node, parents, constants)
        for name in node.output:
            self.results[name] = result or NodeResult(parents)

    def add(self, kind: str, shape: tuple[int, ...], parents: frozenset[int], content: dict[str, Array]) -> int:
        """Keep a new operation; gives its index."""
        self.operations.append(Operation(kind, tuple(shape), parents, content))
        return len(self.operations) - 1

    def new_operation(self, node: onnx.NodeProto, parents: frozenset[int], constants: list[Array]) -> NodeResult | None:
        """The node as an operation of its own, None when it is none."""
        if node.op_type in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
            return self.matrix_operation(node, parents)
        if node.op_type == "LSTM":
            index = self.add("lstm", constants[0].shape, parents, lstm_content(constants))
        elif node.op_type == "PRelu":
            slope = constants[0].reshape(-1)
            index = self.add("prelu", slope.shape, parents, {"weight": slope})
        elif node.op_type == "LayerNormalization":
            content = dict(zip(("weight", "bias"), constants, strict=False))
            index = self.add("norm", constants[0].shape, parents, content)
        else:
            return None
        return NodeResult(frozenset([index]))

    def matrix_operation(self, node: onnx.NodeProto, parents: frozenset[int]) -> NodeResult | None:
        """The node as a convolution or linear layer with float64 weights, None when its weight is not fixed."""
        if len(node.input) < 2 or node.input[1] not in self.constants:
            return None
        weight = self.constants[node.input[1]]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("MatMul", "Gemm"):
            if weight.ndim != 2:
                return None
            kind = "linear"
            weight = weight.T if attributes.get("transB") else weight
            outputs = weight.shape[1]
        else:
            kind = "conv" if node.op_type == "Conv" else "conv_transpose"
            weight = weight[:, :, None] if weight.ndim == 3 else weight  # one-dimensional: of height 1
            outputs = weight.shape[0] if kind == "conv" else weight.shape[1] * attributes.get("group", 1)
        has_bias = len(node.input) > 2 and node.input[2]
        bias = self.constants[node.input[2]] if has_bias else np.zeros(outputs)
        content = {"weight": weight.astype(np.float64), "bias": bias.reshape(-1).astype(np.float64)}
        index = self.add(kind, weight.shape, parents, content)
        return NodeResult(frozenset([index]), index)

    def folded(self, node: onnx.NodeProto, value: NodeResult, constants: list[Array]) -> NodeResult | None:
        """The node folded into the convolution or linear layer right before it, None where that is not possible."""
        variable = next(name for name in node.input if name in self.results)
        if value.direct is None or self.uses[variable] != 1:
            return None
        if node.op_type in SHAPE_KEEPING:
            return value
        op = self.operations[value.direct]
        change = None
        if node.op_type == "BatchNormalization":
            change = batch_norm_change(node, constants)
        elif node.op_type in ARITHMETIC and len(constants) == 1:
            change = self.arithmetic_change(node, op, constants[0])
        if change is None:
            return None
        rescale(op, *change)
        return value

    def arithmetic_change(self, node: onnx.NodeProto, op: ArrayOperation, constant: Array) -> Rescaling | None:
        """What arithmetic with a constant does to the channels of `op`; None where it is nothing of the kind."""
        if not along_outputs(op, constant):
            return None
        if constant.size == 1 and self.is_clipped(node):  # a hard sigmoid spelt out, no weights
            return None
        constant_first = node.input[0] in self.constants
        constant = constant.reshape(-1).astype(np.float64)
        one, zero = np.ones(1), np.zeros(1)
        if node.op_type == "Mul":
            return constant, zero
        if node.op_type == "Add":
            return one, constant
        if constant_first:
            return None
        return (1 / constant, zero) if node.op_type == "Div" else (one, -constant)

    def affine(self, node: onnx.NodeProto, parents: frozenset[int], constants: list[Array]) -> NodeResult | None:
        """A product with constants and the sum behind it: the end of a layer norm spelt out, or a scalar affine."""
        if len(constants) != 1:
            return None
        values = constants[0].reshape(-1)
        if node.op_type == "Mul" and self.is_scale(node, values):
            index = self.add("affine" if values.size == 1 else "norm", values.shape, parents, {"weight": values})
            return NodeResult(frozenset([index]))
        if node.op_type == "Add" and len(parents) == 1:
            op = self.operations[next(iter(parents))]
            if op.kind in ("affine", "norm") and "bias" not in op.content:
                op.content["bias"] = values
                return NodeResult(parents)
        return None

    def is_scale(self, node: onnx.NodeProto, factor: Array) -> bool:
        """Whether a product is followed by a sum with as many constants, and not by a clip."""
        if not self.used_once(node):
            return False
        after = self.users[node.output[0]]
        addends = [self.constants[name] for name in after.input if name in self.constants]
        fits = after.op_type == "Add" and len(addends) == 1 and addends[0].size == factor.size
        return fits and not self.is_clipped(node)

    def used_once(self, node: onnx.NodeProto) -> bool:
        """Whether exactly one other node takes what `node` gives, and the graph does not give it out."""
        return self.uses[node.output[0]] == 1 and node.output[0] in self.users

    def is_clipped(self, node: onnx.NodeProto) -> bool:
        """Whether scalar arithmetic from `node` on ends in a clip."""
        while node.op_type in ARITHMETIC:
            if not self.used_once(node):
                return False
            node = self.users[node.output[0]]
        return node.op_type in ("Clip", "Min", "Max")


def nodes_behind(graph: onnx.GraphProto, outputs: Sequence[str]) -> tuple[list[onnx.NodeProto], list[str]]:
    """The nodes that lead to these outputs, in order, without those that hand a value on as it is; and what they then give."""
    # Identity nodes go: what they give is called what they take.
    source: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []
    for given in graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(given)
        node.input[:] = [source.get(name, name) for name in given.input]
        if node.op_type == "Identity":
            source[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    outputs = [source.get(name, name) for name in outputs]
    # From the outputs back to all that they need.
    needed, kept = set(outputs), []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1], outputs


def as_float(array: Array) -> Array:
    """Half and double precision as float32; whole numbers as they are."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def along_outputs(op: ArrayOperation, constant: Array) -> bool:
    """Whether the constant is one number, or one per output channel laid out so that it meets the channels."""
    outputs = op.content["bias"].size
    if constant.size == 1:
        return True
    if constant.size != outputs:
        return False
    tail = constant.shape[constant.shape.index(outputs) + 1 :]
    return tail == () if op.kind == "linear" else len(tail) in (1, 2)


def batch_norm_change(node: onnx.NodeProto, constants: list[Array]) -> Rescaling:
    """Factor and shift, per channel, of a batch norm."""
    scale, shift, mean, variance = (array.astype(np.float64) for array in constants)
    epsilon = next((a.f for a in node.attribute if a.name == "epsilon"), 1e-5)
    factor = scale / np.sqrt(variance + epsilon)
    return factor, shift - mean * factor


def rescale(op: ArrayOperation, factor: Array, shift: Array) -> None:
    """Let the operation give factor * y + shift instead of y, by output channel."""
    shape = {"conv": (-1, 1, 1, 1), "conv_transpose": (1, -1, 1, 1), "linear": (1, -1)}[op.kind]
    op.content["weight"] = op.content["weight"] * factor.reshape(shape)
    op.content["bias"] = op.content["bias"] * factor + shift


def lstm_content(constants: list[Array]) -> dict[str, Array]:
    """Weights of an ONNX LSTM in torch's gate order: input, forget, cell, output (ONNX: input, output, forget, cell)."""
    ih, hh, bias = constants[:3]

    def gates(array: Array) -> Array:
        i, o, f, c = np.split(array, 4)
        return np.concatenate([i, f, c, o])

    content: dict[str, Array] = {}
    for d in range(ih.shape[0]):
        bias_ih, bias_hh = np.split(bias[d], 2)
        content |= {f"ih{d}": gates(ih[d]), f"hh{d}": gates(hh[d])}
        content |= {f"bias_ih{d}": gates(bias_ih), f"bias_hh{d}": gates(bias_hh)}
    return content


@dataclass(frozen=True)
class OnnxFile:
    """An ONNX file, open, with what it gives, by output, for an example (N, C, H, W)."""

    path: Path
    proto: onnx.ModelProto
    example: torch.Tensor
    answer: dict[str, Array]
    run: Callable[[torch.Tensor], dict[str, Array]]  # other inputs; ModelError


def open_onnx(path: Path, example: torch.Tensor) -> OnnxFile:
    """Open an ONNX file and run it on `example`, a picture of text of the right size; ModelError when that cannot be.

    The graph is run as written: as the runtime makes it faster it deviates ten times as far (1e-3 in maps of PP-OCRv3).
    """
    proto = load_graph(path)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has no common base of its errors
        raise ModelError(f"{path}: cannot be run ({str(error).splitlines()[0][:200]})") from error
    given, names = session.get_inputs()[0].name, [output.name for output in session.get_outputs()]

    def run(x: torch.Tensor) -> dict[str, Array]:
        try:
            return dict(zip(names, session.run(None, {given: x.numpy()}), strict=True))
        except Exception as error:
            raise ModelError(f"{path}: cannot be run on {list(x.shape)} ({str(error).splitlines()[0][:200]})") from error

    return OnnxFile(path, proto, example, run(example), run)


def load_onnx(model: nn.Module, file: OnnxFile) -> list[str]:
    """Fill `model` (fused, eval mode) with the weights of an ONNX file.

    Gives the names of the parameters it filled. On the file's example, a picture of text, and on noise, the outcome is
    compared with ONNX Runtime: detectors and recognisers that see no text answer with next to nothing, whatever their
    weights are. ModelError when the file holds another net; `model` is then left half-filled and has to be thrown away.
    """
    # both sides as graphs of weights, up to the outputs that ours has
    path, example = file.path, file.example
    outputs = matching_outputs(model, path, file.answer, example)
    graph = OnnxGraph(file.proto, list(outputs))
    ours = trace(model, example)
    other = sorted({op.kind for op in ours} - set(KINDS))
    if other:
        raise ModelError(f"{path}: nets with {', '.join(other)} cannot be read from ONNX; use their training weights")
    theirs = without_plain_factors(graph.operations, ours)
    try:
        pairs = pair_up(theirs, ours)
    except GraphMismatch as error:
        raise ModelError(f"{path}: the file holds another net: {error}") from None
    # every operation's arrays under our names, in our layout
    parameters = dict(model.named_parameters())
    filled: dict[str, Array] = {}
    for i, j in pairs:
        filled |= fitted(theirs[i], ours[j], path)
    with torch.no_grad():
        for name, array in filled.items():
            parameters[name].copy_(torch.from_numpy(array.reshape(parameters[name].shape).astype(np.float32)))
    compare_outputs(model, path, outputs, example)
    noise = torch.rand(example.shape, generator=torch.Generator().manual_seed(0)) * 2 - 1
    given = file.run(noise)
    compare_outputs(model, path, {name: given[name] for name in outputs}, noise)
    return sorted(filled)


def output_classes(file: OnnxFile) -> int:
    """The classes that the file gives for its example, along a line or for the whole; 2, the fewest, where it gives maps."""
    return next((array.shape[-1] for array in file.answer.values() if array.ndim < 4), 2)


def run_net(model: nn.Module, example: torch.Tensor) -> Iterator[Array]:
    """What our net gives, output by output."""
    with torch.no_grad():
        found = model(example)
    return (output.numpy() for output in (found if isinstance(found, tuple) else (found,)))


def matching_outputs(model: nn.Module, path: Path, theirs: Mapping[str, Array], example: torch.Tensor) -> dict[str, Array]:
    """Those of the file's outputs that our net has too, in its order; ModelError when one is missing."""
    left, matching = dict(theirs), {}
    for ours in run_net(model, example):
        name = next((name for name, array in left.items() if array.shape == ours.shape), None)
        if name is None:
            shapes = " and ".join(str(list(array.shape)) for array in theirs.values())
            raise ModelError(f"{path}: the file gives {shapes}, the net {list(ours.shape)}: another net")
        matching[name] = left.pop(name)
    return matching


def without_plain_factors(theirs: list[ArrayOperation], ours: list[Operation[str]]) -> list[ArrayOperation]:
    """`theirs` without fixed factors that look like learned affines: some exporters write them as x * factor + 0.

    Left alone when the net has as many affines as the file.
    """
    affines = {index for index, op in enumerate(theirs) if op.kind == "affine"}
    if len(affines) == sum(op.kind == "affine" for op in ours):
        return theirs
    return without(theirs, {index for index in affines if not theirs[index].content["bias"].any()})


def fitted(theirs: ArrayOperation, ours: Operation[str], path: Path) -> dict[str, Array]:
    """The file's arrays by the names of our parameters, in their layout."""
    for slot, array in theirs.content.items():
        if slot not in ours.content and np.abs(array).max() > 0:
            raise ModelError(f"{path}: {ours.content['weight']} has no {slot}, the file's {theirs.label()} has one")
    arrays = {name: theirs.content[slot] for slot, name in ours.content.items()}
    if ours.kind == "linear":
        arrays[ours.content["weight"]] = theirs.content["weight"].T
    return arrays


def compare_outputs(model: nn.Module, path: Path, theirs: dict[str, Array], example: torch.Tensor) -> None:
    """ModelError unless `model` and the file give the same on `example`, within 1e-4 of the largest value or of 1."""
    for expected, found in zip(theirs.values(), run_net(model, example), strict=True):
        error = float(np.abs(expected - found).max())
        if not error <= OUTPUT_TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(f"{path}: the weights fit, but the outputs differ by {error:.2g}: the file is another net")
