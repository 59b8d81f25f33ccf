"""Weights kept in fewer bits, so that a file takes less room: half precision, or one byte and a scale.

Only the file is smaller. Each tensor gets the nodes that make single precision of it, which engines compute once, when
they open the file. The net is rounded before it is written, so that the file gives just what the rounded net gives.
"""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from inkline.types import Floats, Store

HALF_FROM = 64  # values: the cast of a smaller tensor takes as much room as half precision saves
BYTES_FROM = 1024
STEPS = 127  # a byte holds -127..127, a scale for each output channel what one step is worth
EXACT = 1e-6  # of the largest value: what another order of multiplying changes


@torch.no_grad()
def round_net(net: nn.Module, store: Store) -> None:
    """Round all weights to what `store` can hold: one byte for matrices and kernels, half precision for the rest."""
    for weight in net.parameters():
        values = weight.numpy()
        codings = list(_codings(values)) if store == "byte" and values.ndim > 1 and values.size >= BYTES_FROM else []
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
        if values.size >= HALF_FROM and np.array_equal(halved, values):
            tensor.CopyFrom(numpy_helper.from_array(halved, f"{name}.half"))
            nodes.append(helper.make_node("Cast", [f"{name}.half"], [name], to=TensorProto.FLOAT))
        elif store == "byte" and values.size >= BYTES_FROM:
            exact = [c for c in _codings(values) if np.abs(c[0] * c[1] - values).max() <= EXACT * np.abs(values).max()]
            if exact:
                codes, scales = min(exact, key=lambda coding: coding[1].size)
                tensor.CopyFrom(numpy_helper.from_array(codes, f"{name}.byte"))
                model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}.scale"))
                nodes.append(helper.make_node("Cast", [f"{name}.byte"], [f"{name}.codes"], to=TensorProto.FLOAT))
                nodes.append(helper.make_node("Mul", [f"{name}.codes", f"{name}.scale"], [name]))
    nodes += model.graph.node
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _codings(values: Floats) -> Iterator[tuple[np.ndarray, Floats]]:
    """Codes int8 and scales, one along each axis in turn (the output channels lie along any), or one for each row.

    A scale serves eight values at least, or it takes the room that bytes save.
    """
    axes = range(values.ndim)
    kept = [{axis} for axis in axes] + ([set(axes[:-1])] if values.ndim > 2 else [])
    for shared in [tuple(axis for axis in axes if axis not in some) for some in kept]:
        scales = np.abs(values).max(axis=shared, keepdims=True) / np.float32(STEPS)
        scales[scales == 0] = 1
        if scales.size * 8 <= values.size:
            yield np.rint(values / scales).astype(np.int8), scales


def _error(values: Floats, codes: np.ndarray, scales: Floats) -> float:
    return float(np.square(codes * scales - values).sum())
