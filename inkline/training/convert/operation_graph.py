"""A net as a graph of weight-carrying operations, found by running it once, and the pairing of two such graphs.

A published inference file and our fused module compute the same function but share no names. Both are reduced to the
operations that carry weights (convolutions, linear layers, norms, affines, recurrent layers) and to who follows whom;
operations of the same kind, shape and surroundings are the same operation.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

Content = TypeVar("Content")  # an array on the file's side, a parameter's name on ours


@dataclass
class Operation(Generic[Content]):
    """One use of weights.

    kind: conv, conv_transpose, linear, norm (layer norm), affine (one scalar each), lstm, prelu.
    shape: of the weight, linear as [in, out]. parents: nearest weight-carrying operations before it, by index.
    content: the weights by slot ("weight", "bias", ...).
    """

    kind: str
    shape: tuple[int, ...]
    parents: frozenset[int]
    content: dict[str, Content] = field(default_factory=dict)

    def label(self) -> str:
        return f"{self.kind} {'x'.join(map(str, self.shape))}"


class GraphMismatch(Exception):
    """The two graphs do not hold the same operations; the message lists those that differ."""


def pair_up(theirs: Sequence[Operation[Any]], ours: Sequence[Operation[Any]]) -> list[tuple[int, int]]:
    """Pairs (index in `theirs`, index in `ours`) of operations that correspond; every operation is in one pair.

    Surroundings are looked at ever more widely, as long as both graphs agree on them. Operations that are still alike
    are paired in order of execution. GraphMismatch when labels are left over.
    """
    check_labels(theirs, ours)
    # tell operations apart by ever more of their surroundings
    places_theirs, places_ours = [op.label() for op in theirs], [op.label() for op in ours]
    while True:
        finer_theirs, finer_ours = refined(places_theirs, theirs), refined(places_ours, ours)
        told_apart = len(set(finer_ours)) > len(set(places_ours))
        if not told_apart or Counter(finer_theirs) != Counter(finer_ours):
            break
        places_theirs, places_ours = finer_theirs, finer_ours
    # what is still alike is paired in order
    by_theirs, by_ours = grouped(places_theirs), grouped(places_ours)
    return [pair for place in by_ours for pair in zip(by_theirs[place], by_ours[place], strict=True)]


def check_labels(theirs: Sequence[Operation[Any]], ours: Sequence[Operation[Any]]) -> None:
    """GraphMismatch, which lists what differs, unless both have the same number of operations of every label."""
    have, need = Counter(op.label() for op in theirs), Counter(op.label() for op in ours)
    if have != need:
        extra = [f"{count} x {label}" for label, count in sorted((have - need).items())]
        missing = [f"{count} x {label}" for label, count in sorted((need - have).items())]
        raise GraphMismatch(f"the file has {listed(extra)} that the net lacks; the net needs besides: {listed(missing)}")


def without(operations: list[Operation[Content]], dropped: set[int]) -> list[Operation[Content]]:
    """The operations that stay when those with the indices `dropped` go and their children move up to their parents."""
    places: dict[int, frozenset[int]] = {}  # by index in `operations`: indices among those kept
    kept: list[Operation[Content]] = []
    for index, op in enumerate(operations):
        parents = frozenset[int]().union(*(places[parent] for parent in op.parents))
        if index in dropped:
            places[index] = parents
        else:
            places[index] = frozenset([len(kept)])
            kept.append(replace(op, parents=parents))
    return kept


def listed(items: list[str], most: int = 6) -> str:
    """Up to `most` items as text, "nothing" when there are none."""
    shown = ", ".join(items[:most]) or "nothing"
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")


def grouped(keys: list[str]) -> Mapping[str, list[int]]:
    """Indices by key, in order."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    return groups


def refined(places: list[str], operations: Sequence[Operation[Any]]) -> list[str]:
    """A name for the surroundings of every operation: its own place and those of its parents and children.

    Repeated, this tells apart what the graph tells apart (Weisfeiler and Leman 1968). Equal surroundings get equal
    names in any graph.
    """
    children: defaultdict[int, list[int]] = defaultdict(list)
    for index, op in enumerate(operations):
        for parent in op.parents:
            children[parent].append(index)
    keys = [
        repr((places[i], sorted(places[p] for p in op.parents), sorted(places[c] for c in children[i])))
        for i, op in enumerate(operations)
    ]
    return [hashlib.sha256(key.encode()).hexdigest() for key in keys]


# --- Our side: a module, run once ---

# torch's functions with weights, by the kind of operation; others keep their name.
KINDS_OF_FUNCTIONS = {"conv1d": "conv", "conv2d": "conv", "conv_transpose2d": "conv_transpose", "layer_norm": "norm"}


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
        # what the result depends on: the operations behind its inputs, or a new one
        inputs = tensors_in((args, kwargs or {}))
        sources = frozenset[int]().union(*(self.sources.get(id(tensor), frozenset()) for tensor in inputs))
        weights = {self.names[id(t)]: tuple(t.shape) for t in inputs if id(t) in self.names}
        if weights:
            sources = self.note(getattr(func, "__name__", str(func)), args, sources, weights)
        for tensor in outputs:
            if id(tensor) not in self.names:
                self.sources[id(tensor)] = sources
        self.alive.append(result)
        return result

    def note(self, function: str, args: Any, parents: frozenset[int], shapes: dict[str, tuple[int, ...]]) -> frozenset[int]:
        """Add the operation of one call with the parameters of `shapes`, in order; gives the sources of its result."""
        weights = list(shapes)
        shape = shapes[weights[0]]
        if function == "lstm":
            return self.add_lstm(args, shapes, parents)
        scalar = weights if len(weights) == 1 and shape == (1,) else []
        if function == "add" and scalar and self.completes_affine(parents):
            (last,) = parents
            self.operations[last].content["bias"] = weights[0]
            return parents
        kind = KINDS_OF_FUNCTIONS.get(function, function)
        if kind in ("conv", "conv_transpose"):
            out, inner, *window = shape
            shape = (out, inner, *[1] * (2 - len(window)), *window)  # one-dimensional: of height 1
        elif kind == "linear":
            shape = shape[::-1]
        elif function == "mul" and scalar:
            kind = "affine"
        return self.add(kind, shape, parents, dict(zip(("weight", "bias"), weights, strict=False)))

    def completes_affine(self, parents: frozenset[int]) -> bool:
        """Whether the only parent is a scalar factor that has no addend yet."""
        operations = [self.operations[index] for index in parents]
        return len(operations) == 1 and operations[0].kind == "affine" and "bias" not in operations[0].content

    def add(self, kind: str, shape: tuple[int, ...], parents: frozenset[int], slots: dict[str, str]) -> frozenset[int]:
        self.operations.append(Operation(kind, shape, parents, slots))
        return frozenset([len(self.operations) - 1])

    def add_lstm(self, args: Any, shapes: dict[str, tuple[int, ...]], parents: frozenset[int]) -> frozenset[int]:
        """One operation per layer, as inference files have them; slots ih0, hh0, bias_ih0, ... and a 1 for backward."""
        weights, layers, both_ways = list(shapes), args[4], args[7]
        directions = 2 if both_ways else 1
        slots = [f"{slot}{d}" for d in range(directions) for slot in ("ih", "hh", "bias_ih", "bias_hh")]
        for layer in range(layers):
            names = weights[layer * len(slots) : (layer + 1) * len(slots)]
            shape = (directions, *shapes[names[0]])
            parents = self.add("lstm", shape, parents, dict(zip(slots, names, strict=True)))
        return parents


def trace(module: nn.Module, example: Tensor) -> list[Operation[str]]:
    """The weight-carrying operations of `module` in eval mode, in order; their content holds parameter names."""
    recorder = Recorder(module)
    with torch.no_grad(), recorder:
        module(example)
    return recorder.operations
