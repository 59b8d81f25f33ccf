"""SAST: text of any shape from a centre-line map and three maps of offsets.

Paper: Wang et al., "A Single-Shot Arbitrarily-Shaped Text Detector based on Context Attended Multi-Task Learning"
(arXiv:1908.05498).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN


def _tower(outputs: int) -> nn.Sequential:
    """(N, 128, h, w) -> (N, outputs, h, w)."""
    return nn.Sequential(
        ConvBN(128, 64, act=nn.ReLU),
        ConvBN(64, 64, 3, act=nn.ReLU),
        ConvBN(64, 128, act=nn.ReLU),
        ConvBN(128, outputs, 3),
    )


class SASTHead(nn.Module):
    """(N, 128, h, w) -> four maps of the same size; offsets are in pixels of the map.

    score (1): text centre region, [0, 1]; border (4): from the pixel to the upper and the lower edge of the text,
    (y, x) each; tvo (8): the pixel minus each corner of the text's bounding quadrangle, (x, y) in turn; tco (2): the
    pixel minus the centre of the text, (x, y).
    """

    def __init__(self) -> None:
        super().__init__()
        self.score = _tower(1)
        self.border = _tower(4)
        self.tvo = _tower(8)
        self.tco = _tower(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return torch.sigmoid(self.score(x)), self.border(x), self.tvo(x), self.tco(x)

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`score`, `border`, `tvo`, `tco`, the same maps as for inference."""
        return dict(zip(("score", "border", "tvo", "tco"), self(x), strict=True))
