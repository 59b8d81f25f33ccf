"""MobileNetV1Enhance: the recognition backbone of PP-OCRv2 and of the mobile recogniser of PP-OCRv3.

Papers: Howard et al., "MobileNets" (arXiv:1704.04861); Cui et al., "PP-LCNet" (arXiv:2109.15099), from which it takes
hard swish, 5x5 depthwise kernels and squeeze-and-excite near the end; Du et al., "PP-OCRv2" (arXiv:2109.03144).
"""

from typing import NamedTuple

from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, Size, SqueezeExcite


class Separable(NamedTuple):
    """One depthwise-separable block: widths before scaling, depthwise kernel, stride, squeeze-and-excite."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: Size
    se: bool


BLOCKS = (
    Separable(32, 64, 3, 1, False),
    Separable(64, 128, 3, 1, False),
    Separable(128, 128, 3, 1, False),
    Separable(128, 256, 3, (2, 1), False),
    Separable(256, 256, 3, 1, False),
    Separable(256, 512, 3, (2, 1), False),
    *[Separable(512, 512, 5, 1, False)] * 5,
    Separable(512, 1024, 5, (2, 1), True),
    Separable(1024, 1024, 5, 1, True),
)


class DepthwiseSeparable(nn.Module):
    """Depthwise kxk and 1x1 convolution, each with batch norm and hard swish; no residual.

    (N, in, H, W) -> (N, out, H/sh, W/sw). The squeeze-and-excite between them has the ordinary slope 1/6.
    """

    def __init__(self, block: Separable, scale: float) -> None:
        super().__init__()
        width, out = int(block.in_channels * scale), int(block.out_channels * scale)
        self.depthwise_conv = ConvBN(width, width, block.kernel, block.stride, nn.Hardswish, groups=width)
        self.se = SqueezeExcite(width) if block.se else nn.Identity()
        self.pointwise_conv = ConvBN(width, out, act=nn.Hardswish)

    def forward(self, x: Tensor) -> Tensor:
        return self.pointwise_conv(self.se(self.depthwise_conv(x)))


class MobileNetV1Enhance(nn.Module):
    """(N, 3, H, W) -> (N, 1024*scale, H/32, W/4), or W/8 with `last_stride` (1, 2).

    PP-OCRv2: height 32, last stride 1, max pool. PP-OCRv3 mobile: height 48, last stride (1, 2), average pool; the
    three rows that height 48 leaves become one, because a 2x2 pool drops the odd row.
    """

    def __init__(self, scale: float, last_stride: Size = 1, average_pool: bool = False) -> None:
        super().__init__()
        blocks = [*BLOCKS[:-1], BLOCKS[-1]._replace(stride=last_stride)]
        self.conv1 = ConvBN(3, int(32 * scale), 3, 2, nn.Hardswish)
        self.blocks = nn.Sequential(*(DepthwiseSeparable(block, scale) for block in blocks))
        self.pool = nn.AvgPool2d(2, 2) if average_pool else nn.MaxPool2d(2, 2)
        self.out_channels = int(1024 * scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.blocks(self.conv1(x)))
