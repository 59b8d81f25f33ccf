"""MobileNetV3 in three forms (detection, recognition, text-line direction), and MobileNetV1Enhance (recognition).

Papers: Howard et al., "Searching for MobileNetV3" (arXiv:1905.02244). Against the paper: every unit has its 1x1
expansion, even where it does not widen; the gate of squeeze-and-excite is a hard sigmoid of slope 0.2, not 1/6.
Howard et al., "MobileNets" (arXiv:1704.04861); Cui et al., "PP-LCNet" (arXiv:2109.15099), from which MobileNetV1Enhance
takes hard swish, 5x5 depthwise kernels and squeeze-and-excite near the end; Du et al., "PP-OCRv2" (arXiv:2109.03144).
"""

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from inkline.training.nets.contracts import Act, Chain, Layer, LineBackbone, PageBackbone, Size, TensorMap
from inkline.training.nets.layers import ConvBN, SqueezeExcite, divisible, run_stages, slope_02


class Unit(NamedTuple):
    """An inverted residual: depthwise kernel, expanded and output width (before scaling), SE, activation, stride."""

    kernel: int
    expanded: int
    out: int
    se: bool
    act: Act
    stride: int


LARGE: tuple[Unit, ...] = (
    Unit(3, 16, 16, False, nn.ReLU, 1),
    Unit(3, 64, 24, False, nn.ReLU, 2),
    Unit(3, 72, 24, False, nn.ReLU, 1),
    Unit(5, 72, 40, True, nn.ReLU, 2),
    *[Unit(5, 120, 40, True, nn.ReLU, 1)] * 2,
    Unit(3, 240, 80, False, nn.Hardswish, 2),
    Unit(3, 200, 80, False, nn.Hardswish, 1),
    *[Unit(3, 184, 80, False, nn.Hardswish, 1)] * 2,
    Unit(3, 480, 112, True, nn.Hardswish, 1),
    Unit(3, 672, 112, True, nn.Hardswish, 1),
    Unit(5, 672, 160, True, nn.Hardswish, 2),
    *[Unit(5, 960, 160, True, nn.Hardswish, 1)] * 2,
)
LARGE_LAST = 960

SMALL: tuple[Unit, ...] = (
    Unit(3, 16, 16, True, nn.ReLU, 2),
    Unit(3, 72, 24, False, nn.ReLU, 2),
    Unit(3, 88, 24, False, nn.ReLU, 1),
    Unit(5, 96, 40, True, nn.Hardswish, 2),
    *[Unit(5, 240, 40, True, nn.Hardswish, 1)] * 2,
    Unit(5, 120, 48, True, nn.Hardswish, 1),
    Unit(5, 144, 48, True, nn.Hardswish, 1),
    Unit(5, 288, 96, True, nn.Hardswish, 2),
    *[Unit(5, 576, 96, True, nn.Hardswish, 1)] * 2,
)
SMALL_LAST = 576

# Height strides of the recognition nets, by unit: text is wide, so (almost) only the height shrinks.
# The large net does not shrink at its 80-channel step.
LARGE_REC_STRIDES: dict[int, Size] = {1: (2, 1), 3: (2, 1), 6: 1, 12: (2, 1)}
SMALL_SHRINKING = (0, 1, 3, 8)


class InvertedResidual(Layer):
    """1x1 expand, depthwise kxk, optional squeeze-and-excite, 1x1 project: (N, in, H, W) -> (N, out, H/sh, W/sw).

    The input is added where the widths agree and the stride is the number 1. A stride written as the pair (1, 1)
    (first unit of the v2 mobile recogniser) adds nothing: published weights were trained that way.
    """

    def __init__(self, in_channels: int, out_channels: int, expanded: int, unit: Unit, stride: Size) -> None:
        super().__init__()
        self.expand_conv = ConvBN(in_channels, expanded, act=unit.act)
        self.bottleneck_conv = ConvBN(expanded, expanded, unit.kernel, stride, unit.act, groups=expanded)
        self.mid_se = SqueezeExcite(expanded, gate=slope_02) if unit.se else nn.Identity()
        self.linear_conv = ConvBN(expanded, out_channels)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear_conv(self.mid_se(self.bottleneck_conv(self.expand_conv(x))))
        return x + y if self.residual else y


def _units(units: tuple[Unit, ...], strides: dict[int, Size], scale: float) -> list[InvertedResidual]:
    """The inverted residuals at `scale`; `strides` overrides the table's stride by unit number."""
    channels = divisible(16 * scale, 8)
    built = []
    for i, unit in enumerate(units):
        out = divisible(unit.out * scale, 8)
        expanded = divisible(unit.expanded * scale, 8)
        built.append(InvertedResidual(channels, out, expanded, unit, strides.get(i, unit.stride)))
        channels = out
    return built


class MobileNetV3(PageBackbone):
    """Detection backbone (large): (N, 3, H, W) -> four maps at strides 4, 8, 16, 32.

    At scale 0.5 their widths are 16, 24, 56, 480; the last is taken after the closing 1x1 convolution. Stages are cut
    in front of every stride-2 unit after the third, so the first stage holds strides 2 and 4. `se=False` leaves out
    every squeeze-and-excite (mobile detectors of v2 and v3). H and W: multiples of 32.
    """

    def __init__(self, scale: float, se: bool = True) -> None:
        super().__init__()
        units = LARGE if se else tuple(unit._replace(se=False) for unit in LARGE)
        self.conv = ConvBN(3, divisible(16 * scale, 8), 3, 2, nn.Hardswish)
        # cut the units into stages
        built = _units(units, {}, scale)
        cuts = [0, *(i for i, unit in enumerate(units) if unit.stride == 2 and i > 2), len(units)]
        stages = [built[a:b] for a, b in pairwise(cuts)]
        widths = [divisible(units[b - 1].out * scale, 8) for b in cuts[1:]]
        # the closing 1x1 convolution belongs to the last stage
        last = divisible(LARGE_LAST * scale, 8)
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages[:-1])
        self.stages.append(nn.Sequential(*stages[-1], ConvBN(widths[-1], last, act=nn.Hardswish)))
        self.out_channels = [*widths[:-1], last]

    def forward(self, x: Tensor) -> list[Tensor]:
        return run_stages(self.stages, self.conv(x))


class RecMobileNetV3(LineBackbone):
    """Recognition and text-line backbone: (N, 3, H, W) -> (N, C, H/32, W/4).

    Strides: 2 at the first convolution, (2, 1) at the shrinking units, 2 at the closing max pool. C is 480 for
    ("large", 0.5), 288 for ("small", 0.5), 200 for ("small", 0.35).
    `small_strides` are the height strides of the four shrinking units of the small net; with (1, 2, 2, 2) and H = 32
    the height ends at 1.
    """

    def __init__(self, size: str, scale: float, small_strides: tuple[int, int, int, int] = (2, 2, 2, 2)) -> None:
        super().__init__()
        units, last, strides = LARGE, LARGE_LAST, LARGE_REC_STRIDES
        if size == "small":
            units, last = SMALL, SMALL_LAST
            strides = {i: (stride, 1) for i, stride in zip(SMALL_SHRINKING, small_strides, strict=True)}
        width = divisible(units[-1].out * scale, 8)
        self.out_channels = divisible(last * scale, 8)
        self.conv1 = ConvBN(3, divisible(16 * scale, 8), 3, 2, nn.Hardswish)
        self.blocks = nn.Sequential(*_units(units, strides, scale))
        self.conv2 = ConvBN(width, self.out_channels, act=nn.Hardswish)
        self.pool: TensorMap = nn.MaxPool2d(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.conv1(x))  # (N, c, H / 16, W / 2)
        return self.pool(self.conv2(x))


# --- MobileNetV1Enhance: PP-OCRv2, and the mobile recogniser of PP-OCRv3 ---


class Separable(NamedTuple):
    """One depthwise-separable block: widths before scaling, depthwise kernel, stride, squeeze-and-excite."""

    in_channels: int
    out_channels: int
    kernel: int
    stride: Size
    se: bool


SEPARABLES = (
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


def depthwise_separable(block: Separable, scale: float) -> Chain:
    """Depthwise kxk and 1x1 convolution, each with batch norm and hard swish; no residual.

    (N, in, H, W) -> (N, out, H/sh, W/sw). The squeeze-and-excite between them has the ordinary slope 1/6.
    """
    width, out = int(block.in_channels * scale), int(block.out_channels * scale)
    return Chain(
        depthwise_conv=ConvBN(width, width, block.kernel, block.stride, nn.Hardswish, groups=width),
        se=SqueezeExcite(width) if block.se else nn.Identity(),
        pointwise_conv=ConvBN(width, out, act=nn.Hardswish),
    )


class MobileNetV1Enhance(LineBackbone):
    """(N, 3, H, W) -> (N, 1024*scale, H/32, W/4), or W/8 with `last_stride` (1, 2).

    PP-OCRv2: height 32, last stride 1, max pool. PP-OCRv3 mobile: height 48, last stride (1, 2), average pool; the
    three rows that height 48 leaves become one, because a 2x2 pool drops the odd row.
    """

    def __init__(self, scale: float, last_stride: Size = 1, average_pool: bool = False) -> None:
        super().__init__()
        blocks = [*SEPARABLES[:-1], SEPARABLES[-1]._replace(stride=last_stride)]
        self.conv1 = ConvBN(3, int(32 * scale), 3, 2, nn.Hardswish)
        self.blocks = nn.Sequential(*(depthwise_separable(block, scale) for block in blocks))
        self.pool: TensorMap = nn.AvgPool2d(2, 2) if average_pool else nn.MaxPool2d(2, 2)
        self.out_channels = int(1024 * scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.blocks(self.conv1(x)))
