"""ResNet-vd, the residual net whose shortcuts shrink by pooling, for detection and recognition; SRN's ResNet50.

Papers: He et al., "Deep Residual Learning for Image Recognition" (arXiv:1512.03385); the "vd" changes are models C
and D of He et al., "Bag of Tricks for Image Classification" (arXiv:1812.01187): three 3x3 convolutions instead of
one 7x7, and an average pool in front of the 1x1 convolution of a shrinking shortcut, so that no pixel is skipped.

Detection (`ResNetVd`, `SastResNetVd`): strides 4, 8, 16, 32 (64).
Recognition (`RecResNetVd`): the stem keeps the size, then only the height shrinks, so a line of text stays wide.
SRN (`ResNetFPN`): a plain ResNet50 with a small top-down pyramid, after Yu et al. (arXiv:2003.12294).
"""

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Layer, LineBackbone, PageBackbone, TensorMap
from inkline.training.nets.layers import ConvBN, run_stages

STAGE_WIDTHS = (64, 128, 256, 512, 512)


def _shortcut_pool(stride: tuple[int, int]) -> nn.Module:
    """What a shrinking shortcut does before its 1x1 convolution: average pool with kernel = stride."""
    if stride == (1, 1):
        return nn.Identity()
    # ceil_mode makes odd sizes agree with the strided 3x3 convolution beside it
    return nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)


class BasicBlock(Layer):
    """Two 3x3 convolutions with a shortcut: (N, in, H, W) -> (N, width, H/sh, W/sw)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: tuple[int, int], first: bool) -> None:
        super().__init__()
        self.conv0 = ConvBN(in_channels, width, 3, stride, nn.ReLU)
        self.conv1 = ConvBN(width, width, 3)
        # the first block of every stage projects, even where the width already fits
        self.short_pool = _shortcut_pool(stride)
        self.short = ConvBN(in_channels, width) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv1(self.conv0(x)) + self.short(self.short_pool(x)))


class Bottleneck(Layer):
    """1x1, 3x3 (with the stride), 1x1 to four times the width: (N, in, H, W) -> (N, 4*width, H/sh, W/sw)."""

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: tuple[int, int], first: bool) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv0 = ConvBN(in_channels, width, act=nn.ReLU)
        self.conv1 = ConvBN(width, width, 3, stride, nn.ReLU)
        self.conv2 = ConvBN(width, outputs)
        self.short_pool = _shortcut_pool(stride)
        self.short = ConvBN(in_channels, outputs) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.conv1(self.conv0(x))) + self.short(self.short_pool(x)))


DEPTHS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}


def _stem(stride: int) -> nn.Sequential:
    """(N, 3, H, W) -> (N, 64, H/stride, W/stride) by three 3x3 convolutions."""
    return nn.Sequential(ConvBN(3, 32, 3, stride, nn.ReLU), ConvBN(32, 32, 3, act=nn.ReLU), ConvBN(32, 64, 3, act=nn.ReLU))


def _stages(
    block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, ...], strides: tuple[tuple[int, int], ...]
) -> nn.ModuleList:
    """The residual stages; the first block of each takes the stage's stride."""
    stages = nn.ModuleList()
    channels = 64
    for width, depth, stride in zip(STAGE_WIDTHS, depths, strides, strict=False):
        blocks = []
        for i in range(depth):
            blocks.append(block(channels, width, stride if i == 0 else (1, 1), first=i == 0))
            channels = width * block.expansion
        stages.append(nn.Sequential(*blocks))
    return stages


class ResNetVd(PageBackbone):
    """Detection backbone: (N, 3, H, W) -> four maps at strides 4, 8, 16, 32.

    Widths 64, 128, 256, 512 with 18 layers and 256, 512, 1024, 2048 with 50. H and W: multiples of 32.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        block, depths = DEPTHS[layers]
        self.stem = _stem(stride=2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = _stages(block, depths, ((1, 1), (2, 2), (2, 2), (2, 2)))
        self.out_channels = [width * block.expansion for width in STAGE_WIDTHS[:4]]

    def forward(self, x: Tensor) -> list[Tensor]:
        return run_stages(self.stages, self.pool(self.stem(x)))


class SastResNetVd(PageBackbone):
    """ResNet50-vd of SAST: a fifth stage, and the image and the stem among the outputs.

    (N, 3, H, W) -> seven maps: the image (3 channels), the stem (64, stride 2), and the stages (256, 512, 1024, 2048,
    2048 at strides 4, 8, 16, 32, 64). H and W: multiples of 128.
    """

    out_channels = (3, 64, 256, 512, 1024, 2048, 2048)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _stem(stride=2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = _stages(Bottleneck, (3, 4, 6, 3, 3), ((1, 1), (2, 2), (2, 2), (2, 2), (2, 2)))

    def forward(self, x: Tensor) -> list[Tensor]:
        stem = self.stem(x)
        return [x, stem, *run_stages(self.stages, self.pool(stem))]


class RecResNetVd(LineBackbone):
    """Recognition backbone with 34 layers: (N, 3, 32, W) -> (N, 512, 1, W/4).

    The stem has stride 1; the three shrinking stages halve the height alone, both in the 3x3 convolution and in the
    shortcut's pool, which is therefore (2, 1); a last 2x2 max pool ends at height 1.
    """

    def __init__(self, layers: int) -> None:
        super().__init__()
        block, depths = DEPTHS[layers]
        self.stem = _stem(stride=1)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.stages = _stages(block, depths, ((1, 1), (2, 1), (2, 1), (2, 1)))
        self.out_pool: TensorMap = nn.MaxPool2d(2, 2)
        self.out_channels = 512 * block.expansion

    def forward(self, x: Tensor) -> Tensor:
        x = run_stages(self.stages, self.pool(self.stem(x)))[-1]  # (N, 512, 2, W / 2)
        return self.out_pool(x)


# --- SRN ---


class DilatedBottleneck(Layer):
    """1x1, kxk, 1x1 to four times the width: (N, in, H, W) -> (N, 4*width, H/stride, W/stride).

    The shortcut is a plain strided 1x1 convolution (not the pooled one of ResNet-vd). `dilated`: the kxk convolution
    is 2x2 with dilation 2, see `ResNetFPN`.
    """

    def __init__(self, in_channels: int, width: int, stride: int, dilated: bool) -> None:
        super().__init__()
        self.conv0 = ConvBN(in_channels, width, act=nn.ReLU)
        self.pad = nn.ZeroPad2d(1) if dilated else nn.Identity()
        if dilated:
            self.conv1 = ConvBN(width, width, 2, act=nn.ReLU, dilation=2)
        else:
            self.conv1 = ConvBN(width, width, 3, stride, nn.ReLU)
        self.conv2 = ConvBN(width, 4 * width)
        projects = stride != 1 or in_channels != 4 * width
        self.short = ConvBN(in_channels, 4 * width, 1, stride) if projects else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.conv2(self.conv1(self.pad(self.conv0(x)))) + self.short(x))


class ResNetFPN(LineBackbone):
    """(N, 1, H, W) grey image -> (N, 512, H/8, W/8); 64x256 gives 8x32, a two-dimensional feature map.

    Unusual: the first block of stages 3 and 4 keeps the size with a 2x2 kernel of dilation 2 and padding 1 in the
    place of a strided 3x3 one; there is no max pool after the 7x7 stem. Top-down: stage 4 with stage 3, then with
    stage 2, all at stride 8, so nothing is upsampled.
    """

    out_channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvBN(1, 64, 7, 2, nn.ReLU)
        self.stages = nn.ModuleList()
        channels = 64
        for width, depth, stride in zip(STAGE_WIDTHS[:4], (3, 4, 6, 3), (2, 2, 1, 1), strict=True):
            blocks = []
            for i in range(depth):
                dilated = i == 0 and stride == 1
                blocks.append(DilatedBottleneck(channels, width, stride if i == 0 else 1, dilated))
                channels = 4 * width
            self.stages.append(nn.Sequential(*blocks))
        self.top_down = nn.ModuleList([_mix(2048 + 1024, 1024), _mix(1024 + 512, 512)])
        self.project: TensorMap = nn.Conv2d(512, 512, 1)

    def forward(self, x: Tensor) -> Tensor:
        _, second, third, x = run_stages(self.stages, self.conv(x))
        # top-down: the deepest map beside the one before it, mixed, and so on
        for mix, finer in zip(self.top_down, (third, second), strict=True):
            x = mix(torch.cat([x, finer], 1))
        return self.project(x)


def _mix(in_channels: int, out_channels: int) -> nn.Sequential:
    """(N, in, H, W) -> (N, out, H, W): 1x1, 3x3 (both with bias), batch norm, ReLU."""
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1), ConvBN(out_channels, out_channels, 3, act=nn.ReLU, bias=True))
