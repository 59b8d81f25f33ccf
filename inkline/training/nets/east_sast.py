"""EAST and SAST: neck and head of each.

EAST (Zhou et al., "EAST: An Efficient and Accurate Scene Text Detector", arXiv:1704.03155, in its quadrangle form): one
fully convolutional net that gives, for every fourth pixel, a text score and the corners of its box.

SAST (Wang et al., "A Single-Shot Arbitrarily-Shaped Text Detector based on Context Attended Multi-Task Learning",
arXiv:1908.05498): text of any shape from a centre-line map and three maps of offsets.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Head, Layer
from inkline.training.nets.layers import ConvBN, DeconvBN

# --- EAST ---

EAST_NECK_WIDTH = {"large": 128, "small": 64}


class EASTFPN(Layer):
    """Four maps at strides 4, 8, 16, 32 -> (N, 128 or 64, H/4, W/4).

    From the deepest map upwards: double by a transposed convolution, put beside the next map, mix by a 3x3 one.
    """

    def __init__(self, inputs: Sequence[int], size: str) -> None:
        super().__init__()
        width = EAST_NECK_WIDTH[size]
        c2, c3, c4, c5 = inputs
        self.g0_deconv = DeconvBN(c5, width, nn.ReLU)
        self.h1_conv = ConvBN(width + c4, width, 3, act=nn.ReLU)
        self.g1_deconv = DeconvBN(width, width, nn.ReLU)
        self.h2_conv = ConvBN(width + c3, width, 3, act=nn.ReLU)
        self.g2_deconv = DeconvBN(width, width, nn.ReLU)
        self.h3_conv = ConvBN(width + c2, width, 3, act=nn.ReLU)
        self.g3_conv = ConvBN(width, width, 3, act=nn.ReLU)
        self.out_channels = width

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        p2, p3, p4, p5 = maps  # strides 4, 8, 16, 32
        x = self.h1_conv(torch.cat([self.g0_deconv(p5), p4], 1))
        x = self.h2_conv(torch.cat([self.g1_deconv(x), p3], 1))
        x = self.h3_conv(torch.cat([self.g2_deconv(x), p2], 1))
        return self.g3_conv(x)


EAST_HEAD_WIDTHS = {"large": (128, 64), "small": (64, 32)}
MAX_CORNER_PX = 800.0  # a corner lies at most this many pixels from the pixel that predicts it, along x and y


class EASTHead(Head):
    """(N, C, h, w) -> score (N, 1, h, w) in [0, 1] and geometry (N, 8, h, w).

    geometry: pixel minus corner, (x, y) of the four corners in turn, in pixels of the net's input, within +-800.
    """

    def __init__(self, inputs: int, size: str) -> None:
        super().__init__()
        first, second = EAST_HEAD_WIDTHS[size]
        self.det_conv1 = ConvBN(inputs, first, 3, act=nn.ReLU)
        self.det_conv2 = ConvBN(first, second, 3, act=nn.ReLU)
        self.score_conv = ConvBN(second, 1)
        self.geo_conv = ConvBN(second, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.det_conv2(self.det_conv1(x))
        score = torch.sigmoid(self.score_conv(x))
        return score, (torch.sigmoid(self.geo_conv(x)) - 0.5) * (2 * MAX_CORNER_PX)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`score` and `geometry`, the same maps as for inference."""
        score, geometry = self(features)
        return {"score": score, "geometry": geometry}


# --- SAST ---


class DownFusion(Layer):
    """Fine to coarse: image, stem, stage 1 (3, 64, 256 channels at strides 1, 2, 4) -> (N, 128, H/4, W/4)."""

    def __init__(self) -> None:
        super().__init__()
        self.h0_conv = ConvBN(3, 32, 3)
        self.h1_conv = ConvBN(64, 64, 3)
        self.h2_conv = ConvBN(256, 128, 3)
        self.g0_conv = ConvBN(32, 64, 3, 2)
        self.g1_conv = nn.Sequential(ConvBN(64, 64, 3, act=nn.ReLU), ConvBN(64, 128, 3, 2))
        self.g2_conv = nn.Sequential(ConvBN(128, 128, 3, act=nn.ReLU), ConvBN(128, 128))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        # to stride 2, then 4; each map is added to what comes from the finer one
        x: Tensor = self.g0_conv(self.h0_conv(maps[0]))
        x = self.g1_conv(torch.relu(x + self.h1_conv(maps[1])))
        x = self.g2_conv(torch.relu(x + self.h2_conv(maps[2])))
        return x


class UpFusion(Layer):
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

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """`maps`: coarsest first; each is added to the doubled result of the coarser one."""
        x: Tensor = self.g0_conv(self.h0_conv(maps[0]))
        x = self.g1_conv(torch.relu(x + self.h1_conv(maps[1])))
        x = self.g2_conv(torch.relu(x + self.h2_conv(maps[2])))
        x = self.g3_conv(torch.relu(x + self.h3_conv(maps[3])))
        x = self.g4_conv(torch.relu(x + self.h4_conv(maps[4])))
        return x


def _attend_rows(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Every pixel looks at the pixels of its own row: (N, C, H, W) each -> (N, C, H, W)."""
    query, key, value = (x.permute(0, 2, 3, 1) for x in (query, key, value))
    weights = torch.softmax(query @ key.transpose(2, 3) / query.shape[3] ** 0.5, 3)
    return (weights @ value).permute(0, 3, 1, 2)


class CrossAttention(Layer):
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
        maps = self.theta_conv(x), self.phi_conv(x), self.g_conv(x)  # query, key, value
        rows = _attend_rows(*maps)
        columns = _attend_rows(*(m.transpose(2, 3) for m in maps)).transpose(2, 3)
        along_rows = torch.relu(self.fh_weight_conv(rows) + self.fh_sc_conv(x))
        along_columns = torch.relu(self.fv_weight_conv(columns) + self.fv_sc_conv(x))
        return self.f_attn_conv(torch.cat([along_rows, along_columns], 1))


class SASTFPN(Layer):
    """Seven maps of `SastResNetVd` -> (N, 128, H/4, W/4): a fine-to-coarse and a coarse-to-fine path, added.

    H and W: multiples of 128 (the deepest map has stride 64 and is met by doubling).
    """

    def __init__(self) -> None:
        super().__init__()
        self.down = DownFusion()
        self.up = UpFusion()
        self.cross_attention = CrossAttention(128)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        return self.cross_attention(torch.relu(self.down(maps[:3]) + self.up(maps[:1:-1])))


def _sast_tower(outputs: int) -> nn.Sequential:
    """(N, 128, h, w) -> (N, outputs, h, w)."""
    return nn.Sequential(
        ConvBN(128, 64, act=nn.ReLU),
        ConvBN(64, 64, 3, act=nn.ReLU),
        ConvBN(64, 128, act=nn.ReLU),
        ConvBN(128, outputs, 3),
    )


class SASTHead(Head):
    """(N, 128, h, w) -> four maps of the same size; offsets are in pixels of the map.

    score (1): text centre region, [0, 1]; border (4): from the pixel to the upper and the lower edge of the text,
    (y, x) each; tvo (8): the pixel minus each corner of the text's bounding quadrangle, (x, y) in turn; tco (2): the
    pixel minus the centre of the text, (x, y).
    """

    def __init__(self) -> None:
        super().__init__()
        self.score = _sast_tower(1)
        self.border = _sast_tower(4)
        self.tvo = _sast_tower(8)
        self.tco = _sast_tower(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return torch.sigmoid(self.score(x)), self.border(x), self.tvo(x), self.tco(x)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`score`, `border`, `tvo`, `tco`, the same maps as for inference."""
        return dict(zip(("score", "border", "tvo", "tco"), self(features), strict=True))
