"""Necks of DB detectors: four maps at strides 4 to 32 become one at stride 4.

The pyramids are top-down pyramids (FPN, Lin et al. 2017, arXiv:1612.03144) in the shape that DB gave them (Liao et al.
2020, arXiv:1911.08947): narrowed maps added from coarse to fine, brought to a quarter of the width each, enlarged to
stride 4 and concatenated, coarsest first. None has an activation outside its gates.

The server detectors' necks are path aggregations with large kernels, LK-PAN (PP-OCRv3, Li et al. 2022,
arXiv:2206.03001): a top-down pyramid and then a bottom-up one (PANet, Liu et al. 2018, arXiv:1803.01534), with 9x9
convolutions for a large field of view. Neither bias, batch norm nor activation.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer
from inkline.training.nets.fuse import fold_bn, sum_convs
from inkline.training.nets.layers import SqueezeExcite, slope_02, upsample

Maps = Sequence[Tensor]  # of one image, from fine to coarse
WithAuxiliary = tuple[Tensor, Maps]  # the neck's result, and the maps for the auxiliary heads of training


def apply_each(layers: nn.ModuleList, maps: Maps) -> list[Tensor]:
    """Each map through the layer of its level."""
    return [layer(x) for layer, x in zip(layers, maps, strict=True)]


def top_down(maps: list[Tensor]) -> list[Tensor]:
    """Each map (fine to coarse) plus the sum that came down from the coarser ones, enlarged twice."""
    summed = [maps[-1]]
    for finer in reversed(maps[:-1]):
        summed.insert(0, finer + upsample(summed[0], 2))
    return summed


def concat_levels(maps: list[Tensor]) -> Tensor:
    """Maps of strides 4, 8, 16, 32, all brought to stride 4, concatenated with the coarsest first."""
    return torch.cat([upsample(maps[level], 2**level) for level in (3, 2, 1, 0)], 1)


class DBFPN(Layer):
    """The pyramid of the 2020 DB: maps of `inputs` channels -> (N, outputs, H / 4, W / 4). Plain convolutions only."""

    def __init__(self, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        for level, width in enumerate(inputs, 2):
            self.add_module(f"in{level}_conv", nn.Conv2d(width, outputs, 1, bias=False))
        for level in range(2, 6):
            self.add_module(f"p{level}_conv", nn.Conv2d(outputs, outputs // 4, 3, padding=1, bias=False))
        self.out_channels = outputs

    def forward(self, maps: Maps) -> Tensor:
        narrowed = [self.get_submodule(f"in{level}_conv")(x) for level, x in enumerate(maps, 2)]
        smoothed = [self.get_submodule(f"p{level}_conv")(x) for level, x in enumerate(top_down(narrowed), 2)]
        return concat_levels(smoothed)


class GatedConv(Layer):
    """Convolution without bias, then x + squeeze-excite(x): (N, in, H, W) -> (N, out, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.in_conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.se_block = SqueezeExcite(outputs, gate=slope_02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.in_conv(x)
        return x + self.se_block(x)


class RSEFPN(Layer):
    """Residual squeeze-excite pyramid (PP-OCRv3, Li et al. 2022, arXiv:2206.03001): DBFPN with gated convolutions."""

    def __init__(self, inputs: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.ins_conv = nn.ModuleList(GatedConv(width, outputs, 1) for width in inputs)
        self.inp_conv = nn.ModuleList(GatedConv(outputs, outputs // 4, 3) for _ in inputs)
        self.out_channels = outputs

    def forward(self, maps: Maps) -> Tensor:
        summed = top_down(apply_each(self.ins_conv, maps))
        return concat_levels(apply_each(self.inp_conv, summed))


# Kernel of a `DilatedRepConv`: (size, dilation) of its parallel branches.
DILATED_BRANCHES: dict[int, tuple[tuple[int, int], ...]] = {
    5: ((3, 1), (3, 2)),
    7: ((5, 1), (3, 2), (3, 3)),
    9: ((5, 1), (5, 2), (3, 3), (3, 4)),
}


class DilatedRepConv(Layer):
    """Large depthwise convolution, re-parameterised (UniRepLKNet, Ding et al. 2024, arXiv:2311.15599).

    (N, C, H, W) -> the same. A kernel x kernel convolution plus smaller dilated ones that cover the same window, each
    with batch norm; fuses into one.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.lk_origin = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        self.origin_bn = nn.BatchNorm2d(channels)
        for size, step in DILATED_BRANCHES[kernel]:
            conv = nn.Conv2d(channels, channels, size, padding=size // 2 * step, dilation=step, groups=channels, bias=False)
            self.add_module(f"dil_conv_k{size}_{step}", conv)
            self.add_module(f"dil_bn_k{size}_{step}", nn.BatchNorm2d(channels))

    def branches(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """The parallel convolutions with their batch norms."""
        pairs = [(self.lk_origin, self.origin_bn)]
        for size, step in DILATED_BRANCHES[self.kernel]:
            conv, bn = (self.get_submodule(f"dil_{part}_k{size}_{step}") for part in ("conv", "bn"))
            assert isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d)
            pairs.append((conv, bn))
        return pairs

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = sum(bn(conv(x)) for conv, bn in self.branches())
        return total

    def fused(self) -> nn.Conv2d:
        """The depthwise kernel x kernel convolution with bias that does the same."""
        return sum_convs([fold_bn(conv, bn) for conv, bn in self.branches()], self.kernel, 1)


class RepLKFPN(nn.Module):
    """Pyramid of PP-OCRv6 tiny and small: large depthwise kernels where RSEFPN has 3x3 ones.

    Maps of `inputs` channels -> ((N, outputs, H / 4, W / 4), the top-down maps of strides 16, 8, 4 for the auxiliary
    heads of training).
    """

    def __init__(self, inputs: Sequence[int], outputs: int, kernel: int) -> None:
        super().__init__()
        quarter = outputs // 4
        self.ins_conv = nn.ModuleList(GatedConv(width, outputs, 1) for width in inputs)
        self.inp_conv_dw = nn.ModuleList(DilatedRepConv(outputs, kernel) for _ in inputs)
        self.inp_conv_pw = nn.ModuleList(nn.Conv2d(outputs, quarter, 1, bias=False) for _ in inputs)
        self.inp_conv_se = nn.ModuleList(SqueezeExcite(quarter, gate=slope_02) for _ in inputs)
        self.out_channels = outputs

    def forward(self, maps: Maps) -> WithAuxiliary:
        summed = top_down(apply_each(self.ins_conv, maps))
        levels = []
        for x, dw, pw, se in zip(summed, self.inp_conv_dw, self.inp_conv_pw, self.inp_conv_se, strict=True):
            x = pw(dw(x))
            levels.append(x + se(x))
        p2, p3, p4, _ = summed
        return concat_levels(levels), (p4, p3, p2)


# --- Path aggregation ---


class IntraCL(Layer):
    """Intra-class context (PP-OCRv4 server): x + context(x), (N, C, H, W).

    At half the width, three rounds with k = 7, 5, 3: the sum of a kxk, a kx1 and a 1xk convolution of the same map.
    """

    bn_pairs = (("conv1x1_return_channel", "bn"),)

    def __init__(self, channels: int) -> None:
        super().__init__()
        width = channels // 2
        self.conv1x1_reduce_channel = nn.Conv2d(channels, width, 1)
        self.conv1x1_return_channel = nn.Conv2d(width, channels, 1)
        for k in (7, 5, 3):
            self.add_module(f"v_layer_{k}x1", nn.Conv2d(width, width, (k, 1), padding=(k // 2, 0)))
        for k in (7, 5, 3):
            self.add_module(f"q_layer_1x{k}", nn.Conv2d(width, width, (1, k), padding=(0, k // 2)))
        for k in (7, 5, 3):
            self.add_module(f"c_layer_{k}x{k}", nn.Conv2d(width, width, k, padding=k // 2))
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        context = self.conv1x1_reduce_channel(x)
        for k in (7, 5, 3):
            names = (f"c_layer_{k}x{k}", f"v_layer_{k}x1", f"q_layer_1x{k}")
            square, column, row = (self.get_submodule(name)(context) for name in names)
            context = square + column + row
        return x + torch.relu(self.bn(self.conv1x1_return_channel(context)))


class RepLKConv(Chain):
    """What stands for a 9x9 convolution in PP-OCRv6: dilated re-parameterised depthwise 9x9, 1x1, batch norm."""

    bn_pairs = (("pw", "bn"),)

    def __init__(self, inputs: int, outputs: int) -> None:
        pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
        super().__init__(dw=DilatedRepConv(inputs, 9), pw=pointwise, bn=nn.BatchNorm2d(outputs))


class PathAggregation(nn.Module):
    """Maps of `inputs` channels at strides 4..32 -> (N, outputs, H / 4, W / 4).

    `large_kernel(inputs, outputs)` makes the 9x9 convolutions; `intracl` adds the context blocks (v4 and later).
    """

    def __init__(
        self, inputs: Sequence[int], outputs: int, intracl: bool, large_kernel: Callable[[int, int], nn.Module]
    ) -> None:
        super().__init__()
        quarter = outputs // 4
        self.ins_conv = nn.ModuleList(nn.Conv2d(width, outputs, 1, bias=False) for width in inputs)
        self.inp_conv = nn.ModuleList(large_kernel(outputs, quarter) for _ in inputs)
        self.pan_head_conv = nn.ModuleList(nn.Conv2d(quarter, quarter, 3, stride=2, padding=1, bias=False) for _ in inputs[1:])
        self.pan_lat_conv = nn.ModuleList(large_kernel(quarter, quarter) for _ in inputs)
        for level in range(1, 5):
            self.add_module(f"incl{level}", IntraCL(quarter) if intracl else nn.Identity())
        self.out_channels = outputs

    def aggregate(self, maps: Maps) -> tuple[Tensor, list[Tensor]]:
        """The result, and the top-down maps from fine to coarse."""
        # top-down at the full width, then a quarter of it
        summed = top_down(apply_each(self.ins_conv, maps))
        levels = apply_each(self.inp_conv, summed)
        # bottom-up: each map plus the finer one, halved
        for i, conv in enumerate(self.pan_head_conv):
            levels[i + 1] = levels[i + 1] + conv(levels[i])
        levels = apply_each(self.pan_lat_conv, levels)
        # context, then all at stride 4
        contexts = [self.get_submodule(f"incl{level}")(x) for level, x in enumerate(levels, 1)]
        return concat_levels(contexts), summed


class LKPAN(PathAggregation):
    """Path aggregation with plain 9x9 convolutions without bias."""

    def __init__(self, inputs: Sequence[int], outputs: int, intracl: bool) -> None:
        super().__init__(inputs, outputs, intracl, lambda a, b: nn.Conv2d(a, b, 9, padding=4, bias=False))

    def forward(self, maps: Maps) -> Tensor:
        return self.aggregate(maps)[0]


class RepLKPAN(PathAggregation):
    """LKPAN of PP-OCRv6 medium: every 9x9 convolution is a `RepLKConv`.

    Gives ((N, outputs, H / 4, W / 4), the top-down maps of strides 16, 8, 4 for the auxiliary heads of training).
    """

    def __init__(self, inputs: Sequence[int], outputs: int) -> None:
        super().__init__(inputs, outputs, True, RepLKConv)

    def forward(self, maps: Maps) -> WithAuxiliary:
        result, (p2, p3, p4, _) = self.aggregate(maps)
        return result, (p4, p3, p2)
