"""Rectification: the learned grid against float32 roundings, the identity it starts from, a bend that it undoes."""

import numpy as np
import pytest
import torch
from nets_golden import filled_net, float32_grid, golden

from inkline.training.nets.spline import TPS, canonical_points
from inkline.training.nets.table import build

torch.set_num_threads(1)


@pytest.mark.parametrize("name", ["STARNet_ResNet34_vd", "STARNet_MobileNetV3"])
def test_tps_grid_rounding(name):
    """The golden's float32 sums differ from ours by rounding alone: below 1e-5, a two-thousandth of a pixel."""
    description, arrays = golden(name)
    tps = filled_net(name, build(name)).transform
    height, width = description["input"]["shape"][2:]
    points = arrays["tap:transform.loc_net"]
    with torch.no_grad():
        theirs = float32_grid(tps, points, height, width)
        ours = tps.grid(torch.from_numpy(points.reshape(-1, 20, 2)), height, width)
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_fresh_tps_keeps_the_image():
    """Points start on the canonical places, so every pixel is sampled (almost) where it is: corners are aligned."""
    tps = TPS(20, "small").eval()
    x = torch.linspace(-1, 1, 100).expand(1, 3, 32, 100).contiguous()
    with torch.no_grad():
        y = tps(x)
    np.testing.assert_allclose(y[0, 0, 16], x[0, 0, 16] * 99 / 100, atol=1e-4)  # the half-pixel shrink


def test_the_spline_passes_through_its_points():
    tps = TPS(20, "small").eval()
    points = canonical_points(20).float()[None] * torch.tensor([1.0, 0.8]) + torch.tensor([0.0, 0.1])
    with torch.no_grad():
        grid = tps.grid(points, 64, 200)[0]
    # an affine change of the points is an affine change of the grid
    np.testing.assert_allclose(grid[0, :, 1], -0.8 * 63 / 64 + 0.1, atol=1e-5)
    np.testing.assert_allclose(grid[-1, :, 1], 0.8 * 63 / 64 + 0.1, atol=1e-5)
    np.testing.assert_allclose(grid[10, :, 0], (2 * np.arange(200) + 1 - 200) / 200, atol=1e-5)
