"""The two-way feature pyramid of SAST with its context attention block (Wang et al., arXiv:1908.05498)."""

import torch
from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, DeconvBN


class DownFusion(nn.Module):
    """Fine to coarse: image, stem, stage 1 (3, 64, 256 channels at strides 1, 2, 4) -> (N, 128, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.h0_conv = ConvBN(3, 32, 3)
        self.h1_conv = ConvBN(64, 64, 3)
        self.h2_conv = ConvBN(256, 128, 3)
        self.g0_conv = ConvBN(32, 64, 3, 2)
        self.g1_conv = nn.Sequential(ConvBN(64, 64, 3, act=nn.ReLU), ConvBN(64, 128, 3, 2))
        self.g2_conv = nn.Sequential(ConvBN(128, 128, 3, act=nn.ReLU), ConvBN(128, 128))

    def forward(self, maps: list[Tensor]) -> Tensor:
        x = self.g0_conv(self.h0_conv(maps[0]))
        x = self.g1_conv(torch.relu(x + self.h1_conv(maps[1])))
        return self.g2_conv(torch.relu(x + self.h2_conv(maps[2])))


class UpFusion(nn.Module):
    """Coarse to fine: stages 5 to 1 (2048, 2048, 1024, 512, 256 channels, strides 64 to 4) -> (N, 128, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.h0_conv = ConvBN(2048, 256)
        self.h1_conv = ConvBN(2048, 256)
        self.h2_conv = ConvBN(1024, 192)
        self.h3_conv = ConvBN(512, 192)
        self.h4_conv = ConvBN(256, 128)
        self.g0_conv = DeconvBN(256, 256)
        self.g1_conv = nn.Sequential(ConvBN(256, 256, 3, act=nn.ReLU), DeconvBN(256, 192))
        self.g2_conv = nn.Sequential(ConvBN(192, 192, 3, act=nn.ReLU), DeconvBN(192, 192))
        self.g3_conv = nn.Sequential(ConvBN(192, 192, 3, act=nn.ReLU), DeconvBN(192, 128))
        self.g4_conv = nn.Sequential(ConvBN(128, 128, 3, act=nn.ReLU), ConvBN(128, 128))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """`maps`: coarsest first."""
        x = self.g0_conv(self.h0_conv(maps[0]))
        x = self.g1_conv(torch.relu(x + self.h1_conv(maps[1])))
        x = self.g2_conv(torch.relu(x + self.h2_conv(maps[2])))
        x = self.g3_conv(torch.relu(x + self.h3_conv(maps[3])))
        return self.g4_conv(torch.relu(x + self.h4_conv(maps[4])))


def _attend_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Every pixel looks at the pixels of its own row: (N, C, H, W) each -> (N, C, H, W)."""
    query, key, value = (x.permute(0, 2, 3, 1) for x in (query, key, value))
    weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, 3)
    return (weights @ value).permute(0, 3, 1, 2)


class CrossAttention(nn.Module):
    """Context attention block: attention along the row and along the column of each pixel: (N, 128, h, w) -> same.

    Rows and columns share query, key and value; each has its own output and shortcut convolution.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.theta_conv = ConvBN(channels, channels, act=nn.ReLU)
        self.phi_conv = ConvBN(channels, channels, act=nn.ReLU)
        self.g_conv = ConvBN(channels, channels, act=nn.ReLU)
        self.fh_weight_conv = ConvBN(channels, channels)
        self.fh_sc_conv = ConvBN(channels, channels)
        self.fv_weight_conv = ConvBN(channels, channels)
        self.fv_sc_conv = ConvBN(channels, channels)
        self.f_attn_conv = ConvBN(2 * channels, channels, act=nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.theta_conv(x), self.phi_conv(x), self.g_conv(x)
        rows = _attend_rows(*maps)
        columns = _attend_rows(*(m.transpose(2, 3) for m in maps)).transpose(2, 3)
        along_rows = torch.relu(self.fh_weight_conv(rows) + self.fh_sc_conv(x))
        along_columns = torch.relu(self.fv_weight_conv(columns) + self.fv_sc_conv(x))
        return self.f_attn_conv(torch.cat([along_rows, along_columns], 1))


class SASTFPN(nn.Module):
    """Seven maps of `SastResNetVd` -> (N, 128, H/4, W/4): a fine-to-coarse and a coarse-to-fine path, added.

    H and W: multiples of 128 (the deepest map has stride 64 and is met by doubling).
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = DownFusion()
        self.up = UpFusion()
        self.cross_attention = CrossAttention(128)

    def forward(self, maps: list[Tensor]) -> Tensor:
        return self.cross_attention(torch.relu(self.down(maps[:3]) + self.up(maps[:1:-1])))
