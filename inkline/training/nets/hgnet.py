"""PP-HGNet small (server models of PP-OCRv4) and PP-HGNetV2-B4 (those of PP-OCRv5), backbones of four stages.

Each block keeps the results of all its layers and mixes them by 1x1 convolutions (as VoVNet, Lee et al. 2019). In the
first version one convolution mixes, with a one-layer channel gate (ESE) behind it. The second (known from RT-DETR, Zhao
et al. 2023, arXiv:2304.08069) has a two-branch stem, light layers (1x1 then depthwise) in the later stages, a mix in two
steps, and no gate.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer, LineBackbone, PageBackbone, Size, TensorMap
from inkline.training.nets.layers import ConvBN, TextLinePool, pad_after, run_stages

BLOCK_LAYERS = 6


class Stage(NamedTuple):
    """Widths in, inside and out, number of blocks; light layers and kernel (PP-HGNetV2 only)."""

    inputs: int
    mid: int
    outputs: int
    blocks: int
    light: bool = False
    kernel: int = 3


HG_STAGES = {
    1: (Stage(128, 128, 256, 1), Stage(256, 160, 512, 1), Stage(512, 192, 768, 2), Stage(768, 224, 1024, 1)),
    2: (
        Stage(48, 48, 128, 1),
        Stage(128, 96, 512, 1),
        Stage(512, 192, 1024, 3, light=True, kernel=5),
        Stage(1024, 384, 2048, 1, light=True, kernel=5),
    ),
}
# The strides in front of the stages; None: no convolution there.
PAGE_STRIDES = (None, 2, 2, 2)
LINE_STRIDES = ((2, 1), (1, 2), (2, 1), (2, 1))

# --- Blocks ---


class ChannelGate(Layer):
    """x * sigmoid(conv(mean over H, W)): squeeze-excite with a single 1x1 convolution (ESE)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.conv(F.adaptive_avg_pool2d(x, 1)))


def light_layer(inputs: int, outputs: int, kernel: int) -> Chain:
    """1x1 convolution without activation, then a depthwise one with ReLU."""
    depthwise = ConvBN(outputs, outputs, kernel, act=nn.ReLU, groups=outputs)
    return Chain(conv1=ConvBN(inputs, outputs), conv2=depthwise)


class HGBlock(Layer):
    """Six successive layers; their results and the input concatenated and mixed: (N, in, H, W) -> (N, out, H, W).

    `residual` adds the input: in every block of a stage but the first.
    """

    def __init__(self, stage: Stage, inputs: int, residual: bool) -> None:
        super().__init__()
        widths = [inputs, *[stage.mid] * BLOCK_LAYERS]
        self.layers = nn.ModuleList(self.layer(a, b, stage) for a, b in pairwise(widths))
        self.concatenated = sum(widths)
        self.residual = residual

    def layer(self, inputs: int, outputs: int, stage: Stage) -> nn.Module:
        """One of the six layers."""
        if stage.light:
            return light_layer(inputs, outputs, stage.kernel)
        return ConvBN(inputs, outputs, stage.kernel, act=nn.ReLU)

    def mix(self, x: Tensor) -> Tensor:
        """(N, concatenated, H, W) -> (N, out, H, W)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        results = [x, *run_stages(self.layers, x)]
        mixed = self.mix(torch.cat(results, 1))
        return mixed + x if self.residual else mixed


class HGV1Block(HGBlock):
    """Mixed by one convolution, then gated."""

    def __init__(self, stage: Stage, inputs: int, residual: bool) -> None:
        super().__init__(stage, inputs, residual)
        self.aggregation_conv = ConvBN(self.concatenated, stage.outputs, act=nn.ReLU)
        self.att = ChannelGate(stage.outputs)

    def mix(self, x: Tensor) -> Tensor:
        return self.att(self.aggregation_conv(x))


class HGV2Block(HGBlock):
    """Mixed by two convolutions, over half the width."""

    def __init__(self, stage: Stage, inputs: int, residual: bool) -> None:
        super().__init__(stage, inputs, residual)
        self.aggregation_squeeze_conv = ConvBN(self.concatenated, stage.outputs // 2, act=nn.ReLU)
        self.aggregation_excitation_conv = ConvBN(stage.outputs // 2, stage.outputs, act=nn.ReLU)

    def mix(self, x: Tensor) -> Tensor:
        return self.aggregation_excitation_conv(self.aggregation_squeeze_conv(x))


class HGStage(Layer):
    """An optional depthwise convolution with `stride` (no activation), then blocks."""

    def __init__(self, stage: Stage, stride: Size | None, block: Callable[[Stage, int, bool], HGBlock]) -> None:
        super().__init__()
        inputs = stage.inputs
        self.downsample = nn.Identity() if stride is None else ConvBN(inputs, inputs, 3, stride, groups=inputs)
        later = (block(stage, stage.outputs, True) for _ in range(stage.blocks - 1))
        self.blocks: TensorMap = nn.Sequential(block(stage, inputs, False), *later)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


# --- Stems ---


def plain_stem() -> nn.Sequential:
    """(N, 3, H, W) -> (N, 128, H / 2, W / 2) by three 3x3 convolutions."""
    return nn.Sequential(ConvBN(3, 64, 3, 2, nn.ReLU), ConvBN(64, 64, 3, act=nn.ReLU), ConvBN(64, 128, 3, act=nn.ReLU))


class BranchStem(Layer):
    """(N, 3, H, W) -> (N, out, H / 4, W / 4), or H / 2, W / 2 with stride 1 in its fourth convolution.

    After a 3x3 stride-2 convolution the map goes two ways: a 2x2 max pool, and two 2x2 convolutions; both are padded
    below and to the right, so the size stays. Concatenated with the pooled map first. Shared with PP-LCNetV4.
    """

    def __init__(self, mid: int, outputs: int, stride: int = 2) -> None:
        super().__init__()
        self.stem1 = ConvBN(3, mid, 3, 2, nn.ReLU)
        self.stem2a = ConvBN(mid, mid // 2, 2, act=nn.ReLU)
        self.stem2b = ConvBN(mid // 2, mid, 2, act=nn.ReLU)
        self.stem3 = ConvBN(2 * mid, mid, 3, stride, nn.ReLU)
        self.stem4 = ConvBN(mid, outputs, act=nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem1(x)  # (N, mid, H / 2, W / 2)
        # Zeros never win over values behind a ReLU, so padding with them leaves the maximum alone.
        pooled = F.max_pool2d(pad_after(x), 2, 1)
        convolved = self.stem2b(pad_after(self.stem2a(pad_after(x))))
        return self.stem4(self.stem3(torch.cat([pooled, convolved], 1)))


# --- Backbones ---


def hg_stages(version: int, strides: Sequence[Size | None]) -> nn.ModuleList:
    """The four stages of PP-HGNet (version 1) or PP-HGNetV2 (version 2)."""
    block = {1: HGV1Block, 2: HGV2Block}[version]
    return nn.ModuleList(HGStage(s, stride, block) for s, stride in zip(HG_STAGES[version], strides, strict=True))


class HGNetRec(LineBackbone):
    """Text line (N, 3, 48, W) -> (N, 1024, 1, W / 8), version 2 (N, 2048, 1, W / 8).

    The stem of version 2 halves the size only once, as that of version 1 does.
    """

    def __init__(self, version: int) -> None:
        super().__init__()
        self.stem = plain_stem() if version == 1 else BranchStem(32, 48, stride=1)
        self.stages = hg_stages(version, LINE_STRIDES)
        self.pool = TextLinePool()
        self.out_channels = HG_STAGES[version][-1].outputs

    def forward(self, x: Tensor) -> Tensor:
        x = run_stages(self.stages, self.stem(x))[-1]  # (N, C, 3, W / 4)
        return self.pool(x)


class HGNetDet(PageBackbone):
    """Page (N, 3, H, W) -> four maps at strides 4, 8, 16, 32.

    Their widths are 256, 512, 768, 1024 in version 1, and 128, 512, 1024, 2048 in version 2.
    """

    def __init__(self, version: int) -> None:
        super().__init__()
        self.stem = plain_stem() if version == 1 else BranchStem(32, 48)
        self.pool = nn.MaxPool2d(3, 2, 1) if version == 1 else nn.Identity()  # the branch stem has stride 4 by itself
        self.stages = hg_stages(version, PAGE_STRIDES)
        self.out_channels = [stage.outputs for stage in HG_STAGES[version]]

    def forward(self, x: Tensor) -> list[Tensor]:
        return run_stages(self.stages, self.pool(self.stem(x)))
