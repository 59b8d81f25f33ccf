"""MobileNetV3 in the three forms of the family: detection, recognition, text-line direction.

Paper: Howard et al., "Searching for MobileNetV3" (arXiv:1905.02244). Against the paper: every unit has its 1x1
expansion, even where it does not widen; the gate of squeeze-and-excite is a hard sigmoid of slope 0.2, not 1/6.
"""

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from inkline.training.nets.layers import Act, ConvBN, Size, SqueezeExcite, divisible, slope_02


class Unit(NamedTuple):
    """An inverted residual: depthwise kernel, expanded and output width (before scaling), SE, activation, stride."""

    kernel: int
    expanded: int
    out: int
    se: bool
    act: Act
    stride: int


LARGE = (
    Unit(3, 16, 16, False, nn.ReLU, 1),
    Unit(3, 64, 24, False, nn.ReLU, 2),
    Unit(3, 72, 24, False, nn.ReLU, 1),
    Unit(5, 72, 40, True, nn.ReLU, 2),
    Unit(5, 120, 40, True, nn.ReLU, 1),
    Unit(5, 120, 40, True, nn.ReLU, 1),
    Unit(3, 240, 80, False, nn.Hardswish, 2),
    Unit(3, 200, 80, False, nn.Hardswish, 1),
    Unit(3, 184, 80, False, nn.Hardswish, 1),
    Unit(3, 184, 80, False, nn.Hardswish, 1),
    Unit(3, 480, 112, True, nn.Hardswish, 1),
    Unit(3, 672, 112, True, nn.Hardswish, 1),
    Unit(5, 672, 160, True, nn.Hardswish, 2),
    Unit(5, 960, 160, True, nn.Hardswish, 1),
    Unit(5, 960, 160, True, nn.Hardswish, 1),
)
LARGE_LAST = 960

SMALL = (
    Unit(3, 16, 16, True, nn.ReLU, 2),
    Unit(3, 72, 24, False, nn.ReLU, 2),
    Unit(3, 88, 24, False, nn.ReLU, 1),
    Unit(5, 96, 40, True, nn.Hardswish, 2),
    Unit(5, 240, 40, True, nn.Hardswish, 1),
    Unit(5, 240, 40, True, nn.Hardswish, 1),
    Unit(5, 120, 48, True, nn.Hardswish, 1),
    Unit(5, 144, 48, True, nn.Hardswish, 1),
    Unit(5, 288, 96, True, nn.Hardswish, 2),
    Unit(5, 576, 96, True, nn.Hardswish, 1),
    Unit(5, 576, 96, True, nn.Hardswish, 1),
)
SMALL_LAST = 576

# Height strides of the recognition nets, by unit: text is wide, so (almost) only the height shrinks.
# The large net does not shrink at its 80-channel step.
LARGE_REC_STRIDES: dict[int, Size] = {1: (2, 1), 3: (2, 1), 6: 1, 12: (2, 1)}
SMALL_SHRINKING = (0, 1, 3, 8)


class InvertedResidual(nn.Module):
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


class MobileNetV3(nn.Module):
    """Detection backbone (large): (N, 3, H, W) -> four maps at strides 4, 8, 16, 32.

    At scale 0.5 their widths are 16, 24, 56, 480; the last is taken after the closing 1x1 convolution. Stages are cut
    in front of every stride-2 unit after the third, so the first stage holds strides 2 and 4. `se=False` leaves out
    every squeeze-and-excite (mobile detectors of v2 and v3). H and W: multiples of 32.
    """

    def __init__(self, scale: float, se: bool = True) -> None:
        super().__init__()
        units = LARGE if se else tuple(unit._replace(se=False) for unit in LARGE)
        self.conv = ConvBN(3, divisible(16 * scale, 8), 3, 2, nn.Hardswish)
        built = _units(units, {}, scale)
        cuts = [0, *(i for i, unit in enumerate(units) if unit.stride == 2 and i > 2), len(units)]
        stages = [built[a:b] for a, b in pairwise(cuts)]
        last = divisible(LARGE_LAST * scale, 8)
        widths = [divisible(units[b - 1].out * scale, 8) for b in cuts[1:]]
        self.stages = nn.ModuleList(nn.Sequential(*stage) for stage in stages[:-1])
        self.stages.append(nn.Sequential(*stages[-1], ConvBN(widths[-1], last, act=nn.Hardswish)))
        self.out_channels = [*widths[:-1], last]

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.conv(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


class RecMobileNetV3(nn.Module):
    """Recognition and text-line backbone: (N, 3, H, W) -> (N, C, H/32, W/4).

    Strides: 2 at the first convolution, (2, 1) at the shrinking units, 2 at the closing max pool. C is 480 for
    ("large", 0.5), 288 for ("small", 0.5), 200 for ("small", 0.35).
    `small_strides` are the height strides of the four shrinking units of the small net; with (1, 2, 2, 2) and H = 32
    the height ends at 1.
    """

    def __init__(self, size: str, scale: float, small_strides: tuple[int, int, int, int] = (2, 2, 2, 2)) -> None:
        super().__init__()
        if size == "large":
            units, last, strides = LARGE, LARGE_LAST, LARGE_REC_STRIDES
        else:
            units, last = SMALL, SMALL_LAST
            strides = {i: (stride, 1) for i, stride in zip(SMALL_SHRINKING, small_strides, strict=True)}
        width = divisible(units[-1].out * scale, 8)
        self.out_channels = divisible(last * scale, 8)
        self.conv1 = ConvBN(3, divisible(16 * scale, 8), 3, 2, nn.Hardswish)
        self.blocks = nn.Sequential(*_units(units, strides, scale))
        self.conv2 = ConvBN(width, self.out_channels, act=nn.Hardswish)
        self.pool = nn.MaxPool2d(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.conv2(self.blocks(self.conv1(x))))
