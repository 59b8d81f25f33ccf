"""ResNet50 with a small top-down pyramid: the backbone of SRN.

Paper: Yu et al., "Towards Accurate Scene Text Recognition with Semantic Reasoning Networks" (arXiv:2003.12294).
"""

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN

WIDTHS = (64, 128, 256, 512)
DEPTHS = (3, 4, 6, 3)
STRIDES = (2, 2, 1, 1)


class Bottleneck(nn.Module):
    """1x1, kxk, 1x1 to four times the width: (N, in, H, W) -> (N, 4*width, H/stride, W/stride).

    The shortcut is a plain strided 1x1 convolution (not the pooled one of ResNet-vd). `dilated`: the kxk convolution
    is 2x2 with dilation 2, see `ResNetFPN`.
    """

    def __init__(self, in_channels: int, width: int, stride: int, dilated: bool) -> None:
        super().__init__()
        self.conv0 = ConvBN(in_channels, width, act=nn.ReLU)
        self.pad = nn.ZeroPad2d(1) if dilated else nn.Identity()
        if dilated:
            self.conv1 = ConvBN(width, width, 2, act=nn.ReLU, dilation=2)
        else:
            self.conv1 = ConvBN(width, width, 3, stride, nn.ReLU)
        self.conv2 = ConvBN(width, 4 * width)
        projects = stride != 1 or in_channels != 4 * width
        self.short = ConvBN(in_channels, 4 * width, 1, stride) if projects else nn.Identity()
        self.act = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.conv2(self.conv1(self.pad(self.conv0(x)))) + self.short(x))


class ResNetFPN(nn.Module):
    """(N, 1, H, W) grey image -> (N, 512, H/8, W/8); 64x256 gives 8x32, a two-dimensional feature map.

    Unusual: the first block of stages 3 and 4 keeps the size with a 2x2 kernel of dilation 2 and padding 1 in the
    place of a strided 3x3 one; there is no max pool after the 7x7 stem. Top-down: stage 4 with stage 3, then with
    stage 2, all at stride 8, so nothing is upsampled.
    """

    out_channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv = ConvBN(1, 64, 7, 2, nn.ReLU)
        self.stages = nn.ModuleList()
        channels = 64
        for width, depth, stride in zip(WIDTHS, DEPTHS, STRIDES, strict=True):
            blocks = []
            for i in range(depth):
                dilated = i == 0 and stride == 1
                blocks.append(Bottleneck(channels, width, stride if i == 0 else 1, dilated))
                channels = 4 * width
            self.stages.append(nn.Sequential(*blocks))
        self.top_down = nn.ModuleList([_fuse(2048 + 1024, 1024), _fuse(1024 + 512, 512)])
        self.project = nn.Conv2d(512, 512, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        for fuse, finer in zip(self.top_down, (maps[2], maps[1]), strict=True):
            x = fuse(torch.cat([x, finer], 1))
        return self.project(x)


def _fuse(in_channels: int, out_channels: int) -> nn.Sequential:
    """(N, in, H, W) -> (N, out, H, W): 1x1, 3x3 (both with bias), batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1),
        ConvBN(out_channels, out_channels, 3, act=nn.ReLU, bias=True),
    )
