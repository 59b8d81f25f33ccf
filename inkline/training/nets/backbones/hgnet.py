"""PP-HGNet small: backbone of the server models of PP-OCRv4.

Each block keeps the results of all its convolutions and mixes them with one 1x1 convolution (as VoVNet, Lee et al.
2019), behind which a one-layer channel gate (ESE) sits.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, Size, TextLinePool

# Stage: (in, mid, out, blocks).
STAGES = ((128, 128, 256, 1), (256, 160, 512, 1), (512, 192, 768, 2), (768, 224, 1024, 1))
LAYERS = 6


class ChannelGate(nn.Module):
    """x * sigmoid(conv(mean over H, W)): squeeze-excite with a single 1x1 convolution (ESE)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(F.adaptive_avg_pool2d(x, 1)))


class HGBlock(nn.Module):
    """Six successive 3x3 convolutions; their results and the input concatenated, mixed and gated: (N, in, H, W) -> out.

    `residual` adds the input: in every block of a stage but the first.
    """

    def __init__(self, inputs: int, mid: int, outputs: int, residual: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConvBN(inputs if i == 0 else mid, mid, 3, act=nn.ReLU) for i in range(LAYERS))
        self.aggregation_conv = ConvBN(inputs + LAYERS * mid, outputs, act=nn.ReLU)
        self.att = ChannelGate(outputs)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        results = [x]
        for layer in self.layers:
            results.append(layer(results[-1]))
        mixed = self.att(self.aggregation_conv(torch.cat(results, 1)))
        return mixed + x if self.residual else mixed


class HGStage(nn.Module):
    """An optional depthwise convolution with `stride` (no activation), then blocks."""

    def __init__(self, inputs: int, mid: int, outputs: int, blocks: int, stride: Size | None) -> None:
        super().__init__()
        self.downsample = nn.Identity() if stride is None else ConvBN(inputs, inputs, 3, stride, groups=inputs)
        self.blocks = nn.Sequential(
            *(HGBlock(inputs if i == 0 else outputs, mid, outputs, residual=i > 0) for i in range(blocks))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


class HGNet(nn.Module):
    """Stem of three 3x3 convolutions (stride 2 in the first) and four stages with the given strides before them."""

    def __init__(self, strides: tuple[Size | None, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBN(3, 64, 3, 2, nn.ReLU), ConvBN(64, 64, 3, act=nn.ReLU), ConvBN(64, 128, 3, act=nn.ReLU)
        )
        self.stages = nn.ModuleList(HGStage(*stage, stride) for stage, stride in zip(STAGES, strides, strict=True))


class HGNetRec(HGNet):
    """Text line (N, 3, 48, W) -> (N, 1024, 1, W / 8)."""

    def __init__(self) -> None:
        super().__init__(((2, 1), (1, 2), (2, 1), (2, 1)))
        self.pool = TextLinePool()
        self.out_channels = STAGES[-1][2]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)


class HGNetDet(HGNet):
    """Page (N, 3, H, W) -> four maps of 256, 512, 768, 1024 channels at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__((None, 2, 2, 2))
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.out_channels = [outputs for _, _, outputs, _ in STAGES]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.pool(self.stem(x))
        results = []
        for stage in self.stages:
            x = stage(x)
            results.append(x)
        return tuple(results)
