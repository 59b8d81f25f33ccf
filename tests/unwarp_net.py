"""Nets with UVDoc's inputs and outputs that answer with a grid of our choice, as real ONNX files."""

from pathlib import Path

import numpy as np

from inkline.types import Floats

ROWS, COLS = 45, 31


def straight() -> Floats:
    """The grid of a page that lies flat: (45, 31, 2) fractions."""
    x, y = np.meshgrid(np.linspace(0, 1, COLS), np.linspace(0, 1, ROWS))
    return np.stack([x, y], axis=-1).astype(np.float32)


def curl(depth: float) -> Floats:
    """The grid of a page whose lines are arcs, `depth` of its height deep."""
    grid = straight()
    grid[..., 1] = grid[..., 1] * (1 - depth) + depth * np.sin(np.pi * grid[..., 0])
    return grid


def write_unwarp_net(path: Path, grid: Floats, sample: bool = True, give: str = "points") -> Path:
    """x (1, 3, H, W) -> `flat` (1, 3, H, W), sampled by a grid (h, w, 2) of fractions, whatever the image.

    As published nets do it: points (1, 2, h, w) in -1..1, enlarged to the image, transposed, GridSample with corners
    aligned. Without `sample` the net gives its points, or another of its tensors.
    """
    from onnx import TensorProto, checker, helper, numpy_helper, save

    points = (grid * 2 - 1).transpose(2, 0, 1)[None].astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "grid"], ["points"]),
    ]
    output = helper.make_tensor_value_info(give, TensorProto.FLOAT, [1, 1, 1, 1] if give == "mean" else [1, 2, *grid.shape[:2]])
    weights = {"zero": np.zeros(1, np.float32), "grid": points}
    if sample:
        nodes += [
            helper.make_node("Shape", ["x"], ["shape"]),
            helper.make_node("Slice", ["shape", "two", "four"], ["size"]),
            helper.make_node("Concat", ["one_two", "size"], ["sizes"], axis=0),
            helper.make_node(
                "Resize",
                ["points", "", "", "sizes"],
                ["large"],
                mode="linear",
                coordinate_transformation_mode="align_corners",
            ),
            helper.make_node("Transpose", ["large"], ["where"], perm=[0, 2, 3, 1]),
            helper.make_node("GridSample", ["x", "where"], ["flat"], align_corners=1),
        ]
        weights |= {"two": np.array([2]), "four": np.array([4]), "one_two": np.array([1, 2])}
        output = helper.make_tensor_value_info("flat", TensorProto.FLOAT, [1, 3, "H", "W"])
    graph = helper.make_graph(
        nodes,
        "unwarp",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [output],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    save(model, str(path))
    return path
