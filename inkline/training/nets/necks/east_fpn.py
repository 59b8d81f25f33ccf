"""The feature pyramid of EAST (Zhou et al., arXiv:1704.03155)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, DeconvBN

FPN_WIDTH = {"large": 128, "small": 64}


class EASTFPN(nn.Module):
    """Four maps at strides 4, 8, 16, 32 -> (N, 128 or 64, H/4, W/4).

    From the deepest map upwards: double by a transposed convolution, put beside the next map, mix by a 3x3 one.
    """

    def __init__(self, inputs: Sequence[int], size: str) -> None:
        super().__init__()
        width = FPN_WIDTH[size]
        c2, c3, c4, c5 = inputs
        self.g0_deconv = DeconvBN(c5, width, nn.ReLU)
        self.h1_conv = ConvBN(width + c4, width, 3, act=nn.ReLU)
        self.g1_deconv = DeconvBN(width, width, nn.ReLU)
        self.h2_conv = ConvBN(width + c3, width, 3, act=nn.ReLU)
        self.g2_deconv = DeconvBN(width, width, nn.ReLU)
        self.h3_conv = ConvBN(width + c2, width, 3, act=nn.ReLU)
        self.g3_conv = ConvBN(width, width, 3, act=nn.ReLU)
        self.out_channels = width

    def forward(self, maps: list[Tensor]) -> Tensor:
        p2, p3, p4, p5 = maps
        x = self.h1_conv(torch.cat([self.g0_deconv(p5), p4], 1))
        x = self.h2_conv(torch.cat([self.g1_deconv(x), p3], 1))
        x = self.h3_conv(torch.cat([self.g2_deconv(x), p2], 1))
        return self.g3_conv(x)
