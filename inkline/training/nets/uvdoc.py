"""UVDoc: flatten the photograph of a bent page by predicting where each point of the flat page lies in it.

Paper: Verhoeven et al., "UVDoc: Neural Grid-based Document Unwarping" (SIGGRAPH Asia 2023, arXiv:2302.02887).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer, TensorMap
from inkline.training.nets.layers import ConvBN
from inkline.training.nets.ocr_net import Net

BRIDGE_DILATIONS = ((1,), (2,), (5,), (8, 3, 2), (12, 7, 4), (18, 12, 6))  # of six parallel chains


class ResidualBlock(Layer):
    """Two 5x5 convolutions (with bias) and a shortcut: (N, in, H, W) -> (N, out, H/stride, W/stride).

    The first block of a stage is undilated and may project its shortcut (5x5, too); all others are dilated by 3.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, first: bool) -> None:
        super().__init__()
        dilation = 1 if first else 3
        self.conv1 = ConvBN(in_channels, out_channels, 5, stride, nn.ReLU, dilation=dilation, bias=True)
        self.conv2 = ConvBN(out_channels, out_channels, 5, dilation=dilation, bias=True)
        projects = stride != 1 or in_channels != out_channels
        self.downsample = ConvBN(in_channels, out_channels, 5, stride, bias=True) if projects else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.conv1(x)) + self.downsample(x))


def _stage(in_channels: int, width: int, depth: int, stride: int) -> nn.Sequential:
    first = ResidualBlock(in_channels, width, stride, first=True)
    return nn.Sequential(first, *(ResidualBlock(width, width, 1, first=False) for _ in range(depth - 1)))


def _bridge(dilations: tuple[int, ...]) -> nn.Sequential:
    """(N, 128, h, w) -> same: a chain of dilated 3x3 convolutions."""
    return nn.Sequential(*(ConvBN(128, 128, 3, act=nn.ReLU, dilation=d) for d in dilations))


class Coordinates(nn.Sequential):
    """(N, 128, h, w) -> (N, out, h, w): reflect-padded 5x5 convolutions around one PReLU."""

    bn_pairs = (("0", "1"),)

    def __init__(self, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(128, 32, 5, padding=2, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(32),
            nn.PReLU(),
            nn.Conv2d(32, out_channels, 5, padding=2, padding_mode="reflect"),
        )


class UVDocNet(Net):
    """(N, 3, 712, 488) in [0, 1] -> points2d (N, 2, 45, 31); stride 16.

    points2d: (x, y) in [-1, 1] of the input, where that point of the flat page lies. Training adds points3d (N, 3, 45,
    31), the point's place in space, which published inference models leave out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.resnet_head = nn.Sequential(ConvBN(3, 32, 5, 2, nn.ReLU), ConvBN(32, 32, 5, 2, nn.ReLU))
        self.resnet_down = Chain(layer1=_stage(32, 32, 3, 1), layer2=_stage(32, 64, 4, 2), layer3=_stage(64, 128, 6, 2))
        # numbered from 1, as in the paper's code
        self.bridges = nn.ModuleDict({str(i): _bridge(dilations) for i, dilations in enumerate(BRIDGE_DILATIONS, 1)})
        self.bridge_concat = ConvBN(6 * 128, 128, act=nn.ReLU)
        self.points2d: TensorMap = Coordinates(2)
        self.points3d = Coordinates(3)

    def features(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 128, ceil(H/16), ceil(W/16))."""
        x = self.resnet_down(self.resnet_head(x))
        return self.bridge_concat(torch.cat([bridge(x) for bridge in self.bridges.values()], 1))

    def forward(self, x: Tensor) -> Tensor:
        """points2d; the page is flat when sampled there, the points enlarged to its size with aligned corners."""
        return self.points2d(self.features(x))

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """`points2d` and `points3d`."""
        features = self.features(x)
        return {"points2d": self.points2d(features), "points3d": self.points3d(features)}
