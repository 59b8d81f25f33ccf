"""PP-HGNetV2-B4: backbone of the server models of PP-OCRv5 (known from RT-DETR, Zhao et al. 2023, arXiv:2304.08069).

Against PP-HGNet: a two-branch stem, light layers (1x1 then depthwise) in the later stages, aggregation in two steps,
no gate.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, Size, TextLinePool, pad_after

# Stage: (in, mid, out, blocks, light layers, kernel).
STAGES = (
    (48, 48, 128, 1, False, 3),
    (128, 96, 512, 1, False, 3),
    (512, 192, 1024, 3, True, 5),
    (1024, 384, 2048, 1, True, 5),
)
LAYERS = 6


class BranchStem(nn.Module):
    """(N, 3, H, W) -> (N, out, H / 4, W / 4), or H / 2, W / 2 with stride 1 in its fourth convolution.

    After a 3x3 stride-2 convolution the map goes two ways: a 2x2 max pool, and two 2x2 convolutions; both are padded
    below and to the right, so the size stays.  Concatenated with the pooled map first.  Shared with PP-LCNetV4.
    """

    def __init__(self, mid: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        self.stem1 = ConvBN(3, mid, 3, 2, nn.ReLU)
        self.stem2a = ConvBN(mid, mid // 2, 2, act=nn.ReLU)
        self.stem2b = ConvBN(mid // 2, mid, 2, act=nn.ReLU)
        self.stem3 = ConvBN(2 * mid, mid, 3, stride, nn.ReLU)
        self.stem4 = ConvBN(mid, outputs, act=nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem1(x)
        # Zeros never win over values behind a ReLU, so padding with them leaves the maximum alone.
        pooled = F.max_pool2d(pad_after(x), 2, 1)
        convolved = self.stem2b(pad_after(self.stem2a(pad_after(x))))
        return self.stem4(self.stem3(torch.cat([pooled, convolved], 1)))


class LightLayer(nn.Module):
    """1x1 convolution without activation, then a depthwise one with ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = ConvBN(inputs, outputs)
        self.conv2 = ConvBN(outputs, outputs, kernel, act=nn.ReLU, groups=outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class HGV2Block(nn.Module):
    """Six successive layers; their results and the input concatenated and mixed by two 1x1 convolutions.

    `residual` adds the input: in every block of a stage but the first.
    """

    def __init__(self, inputs: int, mid: int, outputs: int, light: bool, kernel: int, residual: bool) -> None:
        super().__init__()
        widths = [inputs, *[mid] * LAYERS]
        self.layers = nn.ModuleList(
            LightLayer(a, b, kernel) if light else ConvBN(a, b, kernel, act=nn.ReLU) for a, b in pairwise(widths)
        )
        self.aggregation_squeeze_conv = ConvBN(inputs + LAYERS * mid, outputs // 2, act=nn.ReLU)
        self.aggregation_excitation_conv = ConvBN(outputs // 2, outputs, act=nn.ReLU)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        results = [x]
        for layer in self.layers:
            results.append(layer(results[-1]))
        mixed = self.aggregation_excitation_conv(self.aggregation_squeeze_conv(torch.cat(results, 1)))
        return mixed + x if self.residual else mixed


class HGV2Stage(nn.Module):
    """An optional depthwise convolution with `stride` (no activation), then blocks; `stage` is a row of STAGES."""

    def __init__(self, stage: tuple[int, int, int, int, bool, int], stride: Size | None) -> None:
        super().__init__()
        inputs, mid, outputs, blocks, light, kernel = stage
        self.downsample = nn.Identity() if stride is None else ConvBN(inputs, inputs, 3, stride, groups=inputs)
        self.blocks = nn.Sequential(
            *(HGV2Block(outputs if i else inputs, mid, outputs, light, kernel, residual=i > 0) for i in range(blocks))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


class HGNetV2(nn.Module):
    """Stem and four stages with the given strides before them."""

    def __init__(self, stem_stride: int, strides: tuple[Size | None, ...]) -> None:
        super().__init__()
        self.stem = BranchStem(32, 48, stem_stride)
        self.stages = nn.ModuleList(HGV2Stage(stage, stride) for stage, stride in zip(STAGES, strides, strict=True))


class HGNetV2Rec(HGNetV2):
    """Text line (N, 3, 48, W) -> (N, 2048, 1, W / 8); the stem halves the size only once."""

    def __init__(self) -> None:
        super().__init__(1, ((2, 1), (1, 2), (2, 1), (2, 1)))
        self.pool = TextLinePool()
        self.out_channels = STAGES[-1][2]

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.pool(x)


class HGNetV2Det(HGNetV2):
    """Page (N, 3, H, W) -> four maps of 128, 512, 1024, 2048 channels at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__(2, (None, 2, 2, 2))
        self.out_channels = [stage[2] for stage in STAGES]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        results = []
        for stage in self.stages:
            x = stage(x)
            results.append(x)
        return tuple(results)
