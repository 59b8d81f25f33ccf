"""Our module as a graph of weight-carrying operations, found by running it once."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from inkline.training.convert.graphs import Operation

CONVOLUTIONS = {"conv1d": "conv", "conv2d": "conv", "conv_transpose2d": "conv_transpose"}


def tensors_in(value: Any) -> list[Tensor]:
    """All tensors in nested tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    return []


class Recorder(TorchFunctionMode):
    """Notes every torch call that takes a parameter, and which of those each result depends on."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.names = {id(p): name for name, p in module.named_parameters()}
        self.operations: list[Operation[str]] = []
        self.sources: dict[int, frozenset[int]] = {}
        self.alive: list[Any] = []  # ids must not be reused while they are keys

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        outputs = tensors_in(result)
        if not outputs:
            return result
        inputs = tensors_in((args, kwargs or {}))
        sources = frozenset().union(*(self.sources.get(id(tensor), frozenset()) for tensor in inputs))
        weights = {self.names[id(t)]: tuple(t.shape) for t in inputs if id(t) in self.names}
        if weights:
            sources = self.note(getattr(func, "__name__", str(func)), args, sources, weights)
        for tensor in outputs:
            if id(tensor) not in self.names:
                self.sources[id(tensor)] = sources
        self.alive.append(result)
        return result

    def note(
        self, function: str, args: Any, parents: frozenset[int], shapes: dict[str, tuple[int, ...]]
    ) -> frozenset[int]:
        """Add the operation of one call with the parameters of `shapes`, in order; gives the sources of its result."""
        weights = list(shapes)
        weight = weights[0]
        slots = dict(zip(("weight", "bias"), weights, strict=False))
        if function in CONVOLUTIONS:
            out, inner, *window = shapes[weight]
            window = [1] * (2 - len(window)) + window
            return self.add(CONVOLUTIONS[function], (out, inner, *window), parents, slots)
        if function == "linear":
            return self.add("linear", shapes[weight][::-1], parents, slots)
        if function == "layer_norm":
            return self.add("norm", shapes[weight], parents, slots)
        if function == "prelu":
            return self.add("prelu", shapes[weight], parents, slots)
        if function == "mul" and len(weights) == 1 and shapes[weight] == (1,):
            return self.add("affine", (1,), parents, slots)
        if function == "add" and len(weights) == 1 and shapes[weight] == (1,) and len(parents) == 1:
            (last,) = parents
            if self.operations[last].kind == "affine" and "bias" not in self.operations[last].content:
                self.operations[last].content["bias"] = weight
                return parents
        if function == "lstm":
            return self.add_lstm(args, shapes, parents)
        return self.add(function, shapes[weight], parents, slots)

    def add(self, kind: str, shape: tuple[int, ...], parents: frozenset[int], slots: dict[str, str]) -> frozenset[int]:
        self.operations.append(Operation(kind, shape, parents, slots))
        return frozenset([len(self.operations) - 1])

    def add_lstm(self, args: Any, shapes: dict[str, tuple[int, ...]], parents: frozenset[int]) -> frozenset[int]:
        """One operation a layer, as inference files have them; slots ih0, hh0, bias_ih0, ... and a 1 for backward."""
        weights, layers, both_ways = list(shapes), args[4], args[7]
        directions = 2 if both_ways else 1
        slots = [f"{slot}{d}" for d in range(directions) for slot in ("ih", "hh", "bias_ih", "bias_hh")]
        for layer in range(layers):
            names = weights[layer * len(slots) : (layer + 1) * len(slots)]
            shape = (directions, *shapes[names[0]])
            parents = self.add("lstm", shape, parents, dict(zip(slots, names, strict=True)))
        return parents


@torch.no_grad()
def trace(module: nn.Module, example: Tensor) -> list[Operation[str]]:
    """The weight-carrying operations of `module` in eval mode, in order; their content holds parameter names."""
    with Recorder(module) as recorder:
        module(example)
    return recorder.operations
