"""Small pieces that several nets share: convolution with batch norm, squeeze-excite, scalar affine, "same" padding."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.fuse import fold_bn

Size = int | tuple[int, int]
Act = Callable[[], nn.Module]


def pair(size: Size) -> tuple[int, int]:
    """`size` as (height, width)."""
    return (size, size) if isinstance(size, int) else size


def divisible(width: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `width`, at least `by`, one step up when that lost more than a tenth."""
    rounded = max(by, int(width + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * width else rounded


class ConvBN(nn.Module):
    """Convolution without bias, batch norm, activation: (N, in, H, W) -> (N, out, H / stride, W / stride).

    Padding is (k - 1) // 2 times the dilation: none for a 2x2 kernel, whose input is padded by `pad_after`.
    `act` makes the activation (`nn.ReLU`, `nn.Hardswish`, ...); the default is none.  A few reference nets give the
    convolution a bias in spite of the batch norm: `bias`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: Size = 1,
        stride: Size = 1,
        act: Act = nn.Identity,
        *,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> None:
        super().__init__()
        height, width = pair(kernel)
        padding = ((height - 1) // 2 * dilation, (width - 1) // 2 * dilation)
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))

    def fused(self) -> "ConvBN":
        """The same function with the batch norm folded into the convolution."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv, self.bn = fold_bn(self.conv, self.bn), nn.Identity()
        return self


class HardSigmoid(nn.Module):
    """clip(slope * x + 0.5, 0, 1); slope 0.2 in MobileNetV3 and RSE-FPN of the reference, 1/6 elsewhere."""

    def __init__(self, slope: float = 1 / 6) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        if self.slope == 1 / 6:
            return F.hardsigmoid(x)
        return torch.clamp(self.slope * x + 0.5, 0.0, 1.0)


class SqueezeExcite(nn.Module):
    """Channel gate (Hu et al. 2018): x * gate(conv2(relu(conv1(mean over H, W)))), both 1x1 with bias.

    `reduced` is the width in between (a quarter by default); `gate` makes the last non-linearity.
    """

    def __init__(self, channels: int, reduced: int | None = None, gate: Act = HardSigmoid) -> None:
        super().__init__()
        reduced = channels // 4 if reduced is None else reduced
        self.conv1 = nn.Conv2d(channels, reduced, 1)
        self.conv2 = nn.Conv2d(reduced, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.conv2(F.relu(self.conv1(mean))))


def slope_02() -> HardSigmoid:
    """The gate of the 2020 squeeze-excite: hard sigmoid of slope 0.2."""
    return HardSigmoid(0.2)


class LearnableAffine(nn.Module):
    """scale * x + bias with one scalar each, after an activation or a re-parameterised sum (PP-LCNetV3)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x + self.bias


def pad_after(x: Tensor) -> Tensor:
    """One row of zeros below and one column right: what "SAME" means for a 2x2 window of stride 1."""
    return F.pad(x, (0, 1, 0, 1))


class TextLinePool(nn.Module):
    """Feature map of a text line to one row: (N, C, 3, W) -> (N, C, 1, W / 2).

    In training lines may be 32 or 64 pixels high, too, so the height may be 2 or 4. (The reference pools to 1 x 40 then,
    whatever the width; it trains on crops 320 pixels wide, where both are the same.)
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, (1, x.shape[3] // 2)) if self.training else F.avg_pool2d(x, (3, 2))


def upsample(x: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour enlargement of (N, C, H, W) by a whole factor."""
    return x if factor == 1 else F.interpolate(x, scale_factor=float(factor), mode="nearest")


class DeconvBN(nn.Module):
    """4x4 transposed convolution without bias, batch norm, activation: (N, in, H, W) -> (N, out, 2 H, 2 W)."""

    def __init__(self, inputs: int, outputs: int, act: Act = nn.Identity) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)
        self.act = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))

    def fused(self) -> "DeconvBN":
        """The same function with the batch norm folded into the transposed convolution."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv, self.bn = fold_bn(self.conv, self.bn), nn.Identity()
        return self
