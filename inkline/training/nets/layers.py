"""Pieces that several nets share: convolution with batch norm, channel gates, attention, pooling and enlarging."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.contracts import Act, Chain, Layer, Size, TensorMap
from inkline.training.nets.fuse import fold_in


def pair(size: Size) -> tuple[int, int]:
    """`size` as (height, width)."""
    return (size, size) if isinstance(size, int) else size


def divisible(width: float, by: int = 8) -> int:
    """The multiple of `by` nearest to `width`, at least `by`, one step up when that lost more than a tenth."""
    rounded = max(by, int(width + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * width else rounded


def run_stages(stages: Iterable[nn.Module], x: Tensor) -> list[Tensor]:
    """The results of all stages, each of which takes that of the stage before it."""
    results = []
    for stage in stages:
        x = stage(x)
        results.append(x)
    return results


# --- Convolutions ---


class ConvBN(Layer):
    """Convolution without bias, batch norm, activation: (N, in, H, W) -> (N, out, H / stride, W / stride).

    Padding is (k - 1) // 2 times the dilation: none for a 2x2 kernel, whose input is padded by `pad_after`.
    `act` makes the activation (`nn.ReLU`, `nn.Hardswish`, ...); the default is none. A few reference nets give the
    convolution a bias in spite of the batch norm: `bias`.
    """

    bn_pairs = (("conv", "bn"),)

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
        self.bn = nn.BatchNorm2d(outputs)
        self.act: TensorMap = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))

    def folded(self) -> nn.Conv2d:
        """The convolution with the batch norm folded in."""
        fold_in(self, "conv", "bn")
        return self.conv


class DeconvBN(Layer):
    """4x4 transposed convolution without bias, batch norm, activation: (N, in, H, W) -> (N, out, 2 H, 2 W)."""

    bn_pairs = (("conv", "bn"),)

    def __init__(self, inputs: int, outputs: int, act: Act = nn.Identity) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.act: TensorMap = act()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(x)))


def pad_after(x: Tensor) -> Tensor:
    """One row of zeros below and one column right: what "SAME" means for a 2x2 window of stride 1."""
    return F.pad(x, (0, 1, 0, 1))


# --- Gates and scales ---


class HardSigmoid(Layer):
    """clip(slope * x + 0.5, 0, 1); slope 0.2 in MobileNetV3 and RSE-FPN of the reference, 1/6 elsewhere."""

    def __init__(self, slope: float = 1 / 6) -> None:
        super().__init__()
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        if self.slope == 1 / 6:
            return F.hardsigmoid(x)
        return torch.clamp(self.slope * x + 0.5, 0.0, 1.0)


def slope_02() -> HardSigmoid:
    """The gate of the squeeze-excite of 2020: hard sigmoid of slope 0.2."""
    return HardSigmoid(0.2)


class SqueezeExcite(Layer):
    """Channel gate (Hu et al. 2018): x * gate(conv2(relu(conv1(mean over H, W)))), both 1x1 with bias.

    `reduced` is the width in between (a quarter by default); `gate` makes the last non-linearity.
    """

    def __init__(self, channels: int, reduced: int | None = None, gate: Act = HardSigmoid) -> None:
        super().__init__()
        reduced = channels // 4 if reduced is None else reduced
        self.conv1 = nn.Conv2d(channels, reduced, 1)
        self.conv2 = nn.Conv2d(reduced, channels, 1)
        self.gate: TensorMap = gate()

    def forward(self, x: Tensor) -> Tensor:
        mean = F.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.conv2(F.relu(self.conv1(mean))))


class LearnableAffine(Layer):
    """scale * x + bias with one scalar each, after an activation or a re-parameterised sum (PP-LCNetV3)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x + self.bias


class UnscaledDropout(Layer):
    """Dropout that does not rescale in training, so that inference multiplies by 1 - probability; any shape.

    SRN and PP-LCNet were published with it. Ordinary dropout times 1 - probability does the same in both modes.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.probability, self.training) * (1 - self.probability)


# --- Sizes ---


class TextLinePool(Layer):
    """Feature map of a text line to one row: (N, C, 3, W) -> (N, C, 1, W / 2).

    In training, and for a teacher, lines may be 32 or 64 pixels high, too, so the height may be 2 or 4. (The reference pools to
    1 x 40 then, whatever the width; it trains on crops 320 pixels wide, where both are the same.)
    """

    def forward(self, x: Tensor) -> Tensor:
        if self.training or x.shape[2] != 3:
            return F.adaptive_avg_pool2d(x, (1, x.shape[3] // 2))
        return F.avg_pool2d(x, (3, 2))


def upsample(x: Tensor, factor: int) -> Tensor:
    """Nearest-neighbour enlargement of (N, C, H, W) by a whole factor."""
    return x if factor == 1 else F.interpolate(x, scale_factor=float(factor), mode="nearest")


# --- Tokens and attention ---


def to_tokens(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, H * W, C), row by row; with height 1, one token per column."""
    return x.flatten(2).transpose(1, 2)


class Tokens(Layer):
    """`to_tokens` as a module, without parameters."""

    def forward(self, x: Tensor) -> Tensor:
        return to_tokens(x)


def mlp(channels: int, hidden: int, act: Act, dropout: nn.Module | None = None) -> Chain:
    """Linear, activation, maybe dropout, linear on the last axis: (..., channels) -> (..., channels)."""
    drop = nn.Identity() if dropout is None else dropout
    return Chain(fc1=nn.Linear(channels, hidden), act=act(), drop=drop, fc2=nn.Linear(hidden, channels))


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(N, T, heads * d) -> (N, heads, T, d)."""
    return torch.unflatten(x, 2, (heads, -1)).transpose(1, 2)


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """softmax(query key^T / sqrt(d) + mask) value, heads joined: (N, heads, T, d) -> (N, T, heads * d)."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if mask is not None:
        scores = scores + mask
    return (torch.softmax(scores, -1) @ value).transpose(1, 2).flatten(2)


class SelfAttention(Layer):
    """Multi-head self-attention with one projection for query, key and value: (N, T, C) -> (N, T, C)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj: TensorMap = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, -1))
        return self.proj(attend(query, key, value))
