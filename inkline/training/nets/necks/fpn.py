"""Feature pyramids for DB detectors: four maps at strides 4 to 32 become one at stride 4.

All of them are top-down pyramids (FPN, Lin et al. 2017, arXiv:1612.03144) in the shape that DB gave them (Liao et al.
2020, arXiv:1911.08947): narrowed maps added from coarse to fine, brought to a quarter of the width each, enlarged to
stride 4 and concatenated, coarsest first.  None has an activation outside its gates.
"""

import torch
from torch import Tensor, nn

from inkline.training.nets.fuse import fold_bn, sum_convs
from inkline.training.nets.layers import SqueezeExcite, slope_02, upsample

Maps = tuple[Tensor, ...]


def top_down(maps: list[Tensor]) -> list[Tensor]:
    """Each map (fine to coarse) plus the sum that came down from the coarser ones, enlarged twice."""
    summed = [maps[-1]]
    for finer in reversed(maps[:-1]):
        summed.insert(0, finer + upsample(summed[0], 2))
    return summed


def concat_levels(maps: list[Tensor]) -> Tensor:
    """Maps of strides 4, 8, 16, 32, all brought to stride 4, concatenated with the coarsest first."""
    return torch.cat([upsample(maps[level], 2**level) for level in (3, 2, 1, 0)], 1)


class DBFPN(nn.Module):
    """The pyramid of the 2020 DB: maps of `inputs` channels -> (N, outputs, H / 4, W / 4). Plain convolutions only."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
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


class GatedConv(nn.Module):
    """Convolution without bias, then x + squeeze-excite(x): (N, in, H, W) -> (N, out, H, W)."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.in_conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.se_block = SqueezeExcite(outputs, gate=slope_02)

    def forward(self, x: Tensor) -> Tensor:
        x = self.in_conv(x)
        return x + self.se_block(x)


class RSEFPN(nn.Module):
    """Residual squeeze-excite pyramid (PP-OCRv3, Li et al. 2022, arXiv:2206.03001): DBFPN with gated convolutions."""

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__()
        self.ins_conv = nn.ModuleList(GatedConv(width, outputs, 1) for width in inputs)
        self.inp_conv = nn.ModuleList(GatedConv(outputs, outputs // 4, 3) for _ in inputs)
        self.out_channels = outputs

    def forward(self, maps: Maps) -> Tensor:
        narrowed = [conv(x) for conv, x in zip(self.ins_conv, maps, strict=True)]
        return concat_levels([conv(x) for conv, x in zip(self.inp_conv, top_down(narrowed), strict=True)])


# Kernel of a `DilatedRepConv`: (size, dilation) of its parallel branches.
BRANCHES = {5: ((3, 1), (3, 2)), 7: ((5, 1), (3, 2), (3, 3)), 9: ((5, 1), (5, 2), (3, 3), (3, 4))}


class DilatedRepConv(nn.Module):
    """Large depthwise convolution, re-parameterised (UniRepLKNet, Ding et al. 2024, arXiv:2311.15599).

    (N, C, H, W) -> the same.  A kernel x kernel convolution plus smaller dilated ones that cover the same window, each
    with batch norm; fuses into one.
    """

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.lk_origin = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)
        self.origin_bn = nn.BatchNorm2d(channels)
        for size, step in BRANCHES[kernel]:
            conv = nn.Conv2d(
                channels, channels, size, padding=size // 2 * step, dilation=step, groups=channels, bias=False
            )
            self.add_module(f"dil_conv_k{size}_{step}", conv)
            self.add_module(f"dil_bn_k{size}_{step}", nn.BatchNorm2d(channels))

    def branches(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """The parallel convolutions with their batch norms."""
        names = [f"k{size}_{step}" for size, step in BRANCHES[self.kernel]]
        dilated = [(self.get_submodule(f"dil_conv_{n}"), self.get_submodule(f"dil_bn_{n}")) for n in names]
        return [(self.lk_origin, self.origin_bn), *dilated]

    def forward(self, x: Tensor) -> Tensor:
        return sum(bn(conv(x)) for conv, bn in self.branches())

    def fused(self) -> nn.Conv2d:
        """The depthwise kernel x kernel convolution with bias that does the same."""
        return sum_convs([fold_bn(conv, bn) for conv, bn in self.branches()], self.kernel, 1)


class RepLKFPN(nn.Module):
    """Pyramid of PP-OCRv6 tiny and small: large depthwise kernels where RSEFPN has 3x3 ones.

    Maps of `inputs` channels -> ((N, outputs, H / 4, W / 4), the top-down maps of strides 16, 8, 4 for the auxiliary
    heads of training).
    """

    def __init__(self, inputs: list[int], outputs: int, kernel: int) -> None:
        super().__init__()
        quarter = outputs // 4
        self.ins_conv = nn.ModuleList(GatedConv(width, outputs, 1) for width in inputs)
        self.inp_conv_dw = nn.ModuleList(DilatedRepConv(outputs, kernel) for _ in inputs)
        self.inp_conv_pw = nn.ModuleList(nn.Conv2d(outputs, quarter, 1, bias=False) for _ in inputs)
        self.inp_conv_se = nn.ModuleList(SqueezeExcite(quarter, gate=slope_02) for _ in inputs)
        self.out_channels = outputs

    def forward(self, maps: Maps) -> tuple[Tensor, Maps]:
        summed = top_down([conv(x) for conv, x in zip(self.ins_conv, maps, strict=True)])
        levels = []
        for x, dw, pw, se in zip(summed, self.inp_conv_dw, self.inp_conv_pw, self.inp_conv_se, strict=True):
            x = pw(dw(x))
            levels.append(x + se(x))
        p2, p3, p4, _ = summed
        return concat_levels(levels), (p4, p3, p2)
