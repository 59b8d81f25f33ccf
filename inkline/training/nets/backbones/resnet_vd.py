"""ResNet-vd: the residual net whose shortcuts shrink by pooling, for detection and for recognition.

Papers: He et al., "Deep Residual Learning for Image Recognition" (arXiv:1512.03385); the "vd" changes are models C
and D of He et al., "Bag of Tricks for Image Classification" (arXiv:1812.01187): three 3x3 convolutions instead of
one 7x7, and an average pool in front of the 1x1 convolution of a shrinking shortcut, so that no pixel is skipped.

Detection (`ResNetVd`, `SastResNetVd`): strides 4, 8, 16, 32 (64).
Recognition (`RecResNetVd`): the stem keeps the size, then only the height shrinks, so a line of text stays wide.
"""

from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN

STAGE_WIDTHS = (64, 128, 256, 512, 512)


def _shortcut_pool(stride: tuple[int, int]) -> nn.Module:
    """What a shrinking shortcut does before its 1x1 convolution: average pool with kernel = stride."""
    if stride == (1, 1):
        return nn.Identity()
    # ceil_mode makes odd sizes agree with the strided 3x3 convolution beside it
    return nn.AvgPool2d(stride, stride, ceil_mode=True, count_include_pad=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut: (N, in, H, W) -> (N, width, H/sh, W/sw)."""

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: tuple[int, int], first: bool) -> None:
        super().__init__()
        self.conv0 = ConvBN(in_channels, width, 3, stride, nn.ReLU)
        self.conv1 = ConvBN(width, width, 3)
        # the first block of every stage projects, even where the width already fits
        self.short_pool = _shortcut_pool(stride)
        self.short = ConvBN(in_channels, width) if first else nn.Identity()
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv1(self.conv0(x)) + self.short(self.short_pool(x)))


class Bottleneck(nn.Module):
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
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv2(self.conv1(self.conv0(x))) + self.short(self.short_pool(x)))


DEPTHS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], tuple[int, ...]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
}


def _stem(stride: int) -> nn.Sequential:
    """(N, 3, H, W) -> (N, 64, H/stride, W/stride) by three 3x3 convolutions."""
    return nn.Sequential(
        ConvBN(3, 32, 3, stride, nn.ReLU),
        ConvBN(32, 32, 3, act=nn.ReLU),
        ConvBN(32, 64, 3, act=nn.ReLU),
    )


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


class ResNetVd(nn.Module):
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
        x = self.pool(self.stem(x))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class SastResNetVd(nn.Module):
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
        maps = [x]
        x = self.stem(x)
        maps.append(x)
        x = self.pool(x)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class RecResNetVd(nn.Module):
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
        self.out_pool = nn.MaxPool2d(2, 2)
        self.out_channels = 512 * block.expansion

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x))
        for stage in self.stages:
            x = stage(x)
        return self.out_pool(x)
