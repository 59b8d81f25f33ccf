"""Path aggregation necks with large kernels, for the server detectors.

LK-PAN (PP-OCRv3, Li et al. 2022, arXiv:2206.03001): a top-down pyramid and then a bottom-up one (PANet, Liu et al.
2018, arXiv:1803.01534), with 9x9 convolutions for a large field of view.  Neither bias, batch norm nor activation.
"""

from torch import Tensor, nn

from inkline.training.nets.fuse import fold_bn
from inkline.training.nets.necks.fpn import DilatedRepConv, Maps, concat_levels, top_down


class IntraCL(nn.Module):
    """Intra-class context (PP-OCRv4 server): x + context(x), (N, C, H, W).

    At half the width, three rounds with k = 7, 5, 3: the sum of a kxk, a kx1 and a 1xk convolution of the same map.
    """

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
        self.bn: nn.Module = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        context = self.conv1x1_reduce_channel(x)
        for k in (7, 5, 3):
            square, column, row = (
                self.get_submodule(name) for name in (f"c_layer_{k}x{k}", f"v_layer_{k}x1", f"q_layer_1x{k}")
            )
            context = square(context) + column(context) + row(context)
        return x + self.relu(self.bn(self.conv1x1_return_channel(context)))

    def fused(self) -> "IntraCL":
        """The batch norm folded into the convolution before it."""
        if isinstance(self.bn, nn.BatchNorm2d):
            self.conv1x1_return_channel, self.bn = fold_bn(self.conv1x1_return_channel, self.bn), nn.Identity()
        return self


class RepLKConv(nn.Module):
    """What stands for a 9x9 convolution in PP-OCRv6: dilated re-parameterised depthwise 9x9, 1x1, batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dw = DilatedRepConv(inputs, 9)
        self.pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.bn: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.pw(self.dw(x)))

    def fused(self) -> "RepLKConv":
        if isinstance(self.bn, nn.BatchNorm2d):
            self.pw, self.bn = fold_bn(self.pw, self.bn), nn.Identity()
        return self


def plain_9x9(inputs: int, outputs: int) -> nn.Conv2d:
    """A 9x9 convolution without bias."""
    return nn.Conv2d(inputs, outputs, 9, padding=4, bias=False)


class LKPAN(nn.Module):
    """Maps of `inputs` channels at strides 4..32 -> (N, outputs, H / 4, W / 4).

    `intracl` adds the context blocks (v4 and later).
    """

    large_kernel = staticmethod(plain_9x9)

    def __init__(self, inputs: list[int], outputs: int, intracl: bool) -> None:
        super().__init__()
        quarter = outputs // 4
        self.ins_conv = nn.ModuleList(nn.Conv2d(width, outputs, 1, bias=False) for width in inputs)
        self.inp_conv = nn.ModuleList(self.large_kernel(outputs, quarter) for _ in inputs)
        self.pan_head_conv = nn.ModuleList(
            nn.Conv2d(quarter, quarter, 3, stride=2, padding=1, bias=False) for _ in inputs[1:]
        )
        self.pan_lat_conv = nn.ModuleList(self.large_kernel(quarter, quarter) for _ in inputs)
        for level in range(1, 5):
            self.add_module(f"incl{level}", IntraCL(quarter) if intracl else nn.Identity())
        self.out_channels = outputs

    def aggregate(self, maps: Maps) -> tuple[Tensor, list[Tensor]]:
        """The result, and the top-down maps from fine to coarse."""
        summed = top_down([conv(x) for conv, x in zip(self.ins_conv, maps, strict=True)])
        levels = [conv(x) for conv, x in zip(self.inp_conv, summed, strict=True)]
        for i, conv in enumerate(self.pan_head_conv):  # bottom-up
            levels[i + 1] = levels[i + 1] + conv(levels[i])
        levels = [conv(x) for conv, x in zip(self.pan_lat_conv, levels, strict=True)]
        gates = (self.incl1, self.incl2, self.incl3, self.incl4)
        return concat_levels([gate(x) for gate, x in zip(gates, levels, strict=True)]), summed

    def forward(self, maps: Maps) -> Tensor:
        return self.aggregate(maps)[0]


class RepLKPAN(LKPAN):
    """LKPAN of PP-OCRv6 medium: every 9x9 convolution is a `RepLKConv`.

    Gives ((N, outputs, H / 4, W / 4), the top-down maps of strides 16, 8, 4 for the auxiliary heads of training).
    """

    large_kernel = RepLKConv

    def __init__(self, inputs: list[int], outputs: int) -> None:
        super().__init__(inputs, outputs, intracl=True)

    def forward(self, maps: Maps) -> tuple[Tensor, Maps]:
        fused, (p2, p3, p4, _) = self.aggregate(maps)
        return fused, (p4, p3, p2)
