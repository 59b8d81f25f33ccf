"""EAST: one fully convolutional net that gives, for every fourth pixel, a text score and the corners of its box.

Paper: Zhou et al., "EAST: An Efficient and Accurate Scene Text Detector" (arXiv:1704.03155), in its quadrangle form.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN

HEAD_WIDTHS = {"large": (128, 64), "small": (64, 32)}
REACH = 800.0  # a corner lies at most this many pixels from the pixel that predicts it, along x and y


class EASTHead(nn.Module):
    """(N, C, h, w) -> score (N, 1, h, w) in [0, 1] and geometry (N, 8, h, w).

    geometry: pixel minus corner, (x, y) of the four corners in turn, in pixels of the net's input, within +-800.
    """

    def __init__(self, inputs: int, size: str) -> None:
        super().__init__()
        first, second = HEAD_WIDTHS[size]
        self.det_conv1 = ConvBN(inputs, first, 3, act=nn.ReLU)
        self.det_conv2 = ConvBN(first, second, 3, act=nn.ReLU)
        self.score_conv = ConvBN(second, 1)
        self.geo_conv = ConvBN(second, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.det_conv2(self.det_conv1(x))
        return torch.sigmoid(self.score_conv(x)), (torch.sigmoid(self.geo_conv(x)) - 0.5) * (2 * REACH)

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`score` and `geometry`, the same maps as for inference."""
        score, geometry = self(x)
        return {"score": score, "geometry": geometry}
