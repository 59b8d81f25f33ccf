"""Two nets as graphs of weight-carrying operations, and the pairing of one graph with the other.

A published inference file and our fused module compute the same function but share no names.  Both are reduced to the
operations that carry weights (convolutions, linear layers, norms, affines, recurrent layers) and to who follows whom;
operations of the same kind, shape and surroundings are the same operation.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

Content = TypeVar("Content")  # an array on the file's side, a parameter's name on ours


@dataclass
class Operation(Generic[Content]):
    """One use of weights.

    kind: conv, conv_transpose, linear, norm (layer norm), affine (one scalar each), lstm, prelu.
    shape: of the weight, linear as [in, out].  parents: nearest weight-carrying operations before it, by index.
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


def pair_up(theirs: list[Operation], ours: list[Operation]) -> list[tuple[int, int]]:
    """Pairs (index in `theirs`, index in `ours`) of operations that correspond; every operation is in one pair.

    Surroundings are looked at ever more widely, as long as both graphs agree on them.  Operations that are still alike
    are paired in order of execution.  GraphMismatch when labels are left over.
    """
    have, need = Counter(op.label() for op in theirs), Counter(op.label() for op in ours)
    if have != need:
        extra = [f"{count} x {label}" for label, count in sorted((have - need).items())]
        missing = [f"{count} x {label}" for label, count in sorted((need - have).items())]
        raise GraphMismatch(
            f"the file has {listed(extra)} that the net lacks; the net needs besides: {listed(missing)}"
        )
    places_theirs, places_ours = [op.label() for op in theirs], [op.label() for op in ours]
    while True:
        finer_theirs, finer_ours = refined(places_theirs, theirs), refined(places_ours, ours)
        told_apart = len(set(finer_ours)) > len(set(places_ours))
        if not told_apart or Counter(finer_theirs) != Counter(finer_ours):
            break
        places_theirs, places_ours = finer_theirs, finer_ours
    by_theirs, by_ours = grouped(places_theirs), grouped(places_ours)
    return [pair for place in by_ours for pair in zip(by_theirs[place], by_ours[place], strict=True)]


def without(operations: list[Operation[Content]], dropped: set[int]) -> list[Operation[Content]]:
    """The operations that stay when those with the indices `dropped` go and their children move up to their parents."""
    places, kept = {}, []
    for index, op in enumerate(operations):
        parents = frozenset().union(*(places[parent] for parent in op.parents))
        if index in dropped:
            places[index] = parents
        else:
            places[index] = frozenset([len(kept)])
            kept.append(replace(op, parents=parents))
    return kept


def listed(items: list[str], most: int = 6) -> str:
    """Up to `most` items in a row of words, "nothing" when there are none."""
    shown = ", ".join(items[:most]) or "nothing"
    return shown + (f" and {len(items) - most} more" if len(items) > most else "")


def grouped(keys: list[str]) -> Mapping[str, list[int]]:
    """Indices by key, in order."""
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for index, key in enumerate(keys):
        groups[key].append(index)
    return groups


def refined(places: list[str], operations: list[Operation[Content]]) -> list[str]:
    """A name for the surroundings of every operation: its own place and those of its parents and children.

    Repeated, this tells apart what the graph tells apart (Weisfeiler and Leman 1968).  Equal surroundings get equal
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
