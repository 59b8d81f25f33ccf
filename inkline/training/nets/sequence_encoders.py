"""Sequence encoders between a recognition backbone and its decoder: (N, C, 1, W) -> (N, W, D).

`SequenceEncoder` in the recognisers up to PP-OCRv2 (CRNN, Shi et al. 2015, arXiv:1507.05717; without its recurrent part
Rosetta, Borisyuk et al. 2018, arXiv:1910.05085), `SvtrEncoder` from PP-OCRv3 on (SVTR, Du et al. 2022,
arXiv:2205.00159), `LightSvtrEncoder` in PP-OCRv6 small and medium, the plain `Tokens` in PP-OCRv6 tiny.
"""

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer, Size, TensorMap
from inkline.training.nets.layers import SelfAttention, Tokens, mlp, pair, to_tokens

SVTR_HEADS = 8


class BiLSTM(Layer):
    """Two bidirectional LSTM layers: (N, T, C) -> (N, T, 2 * hidden)."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs, hidden, num_layers=2, bidirectional=True, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.lstm(x)[0]
        return states


class SequenceEncoder(Layer):
    """(N, C, 1, W) -> (N, W, 2 * hidden), or (N, W, C) with `hidden` None (Rosetta)."""

    def __init__(self, inputs: int, hidden: int | None) -> None:
        super().__init__()
        self.encoder_reshape = Tokens()
        self.encoder: TensorMap = nn.Identity() if hidden is None else BiLSTM(inputs, hidden)
        self.out_channels = inputs if hidden is None else 2 * hidden

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(self.encoder_reshape(x))


class ConvNormSwish(Chain):
    """Convolution without bias, batch norm, SiLU, "same" padding: (N, in, H, W) -> (N, out, H, W)."""

    bn_pairs = (("conv", "norm"),)

    def __init__(self, inputs: int, outputs: int, kernel: Size = 1) -> None:
        height, width = pair(kernel)
        conv = nn.Conv2d(inputs, outputs, kernel, padding=(height // 2, width // 2), bias=False)
        super().__init__(conv=conv, norm=nn.BatchNorm2d(outputs), act=nn.SiLU())


class SvtrBlock(Layer):
    """Global mixing, pre-norm: x + attention(norm(x)), then x + MLP(norm(x)); (N, T, C) -> (N, T, C)."""

    def __init__(self, channels: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.mixer = SelfAttention(channels, SVTR_HEADS)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = mlp(channels, mlp_ratio * channels, nn.SiLU)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.mixer(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SvtrEncoder(Layer):
    """Two transformer blocks in a bottleneck, with a skip connection around it: (N, C, 1, W) -> (N, W, dims).

    The convolutions to and from the bottleneck are `kernel` wide. Unusual: the skip is a concatenation (input first),
    and the last layer norm has eps 1e-6 while those of the blocks have 1e-5.
    """

    def __init__(self, inputs: int, dims: int, hidden: int, kernel: Size = (1, 3)) -> None:
        super().__init__()
        self.conv1 = ConvNormSwish(inputs, inputs // 8, kernel)
        self.conv2 = ConvNormSwish(inputs // 8, hidden)
        self.svtr_block = nn.ModuleList(SvtrBlock(hidden, mlp_ratio=2) for _ in range(2))
        self.norm = nn.LayerNorm(hidden, eps=1e-6)
        self.conv3 = ConvNormSwish(hidden, inputs)
        self.conv4 = ConvNormSwish(2 * inputs, inputs // 8, kernel)
        self.conv1x1 = ConvNormSwish(inputs // 8, dims)
        self.out_channels = dims

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        # into the bottleneck, and mixed there
        tokens = to_tokens(self.conv2(self.conv1(x)))
        for block in self.svtr_block:
            tokens = block(tokens)
        # back to a map of the input's width, beside the input
        mixed = torch.unflatten(self.norm(tokens).transpose(1, 2), 2, (height, width))
        mixed = self.conv4(torch.cat([x, self.conv3(mixed)], 1))
        return to_tokens(self.conv1x1(mixed))


class LocalConv(nn.Sequential):
    """Depthwise 1 x kernel convolution, batch norm, SiLU."""

    bn_pairs = (("0", "1"),)

    def __init__(self, channels: int, kernel: int) -> None:
        conv = nn.Conv2d(channels, channels, (1, kernel), padding=(0, kernel // 2), groups=channels, bias=False)
        super().__init__(conv, nn.BatchNorm2d(channels), nn.SiLU())


class LightSvtrEncoder(Layer):
    """Encoder of PP-OCRv6 small and medium: (N, C, 1, W) -> (N, W, dims).

    Local mixing by a 1x7 depthwise convolution, two global blocks, and a skip that is added at the reduced width.
    """

    def __init__(self, inputs: int, dims: int, mlp_ratio: int) -> None:
        super().__init__()
        self.conv_reduce = ConvNormSwish(inputs, dims)
        self.local_conv = LocalConv(dims, 7)
        self.svtr_block = nn.ModuleList(SvtrBlock(dims, mlp_ratio) for _ in range(2))
        self.norm: TensorMap = nn.LayerNorm(dims, eps=1e-6)
        self.skip_conv = ConvNormSwish(inputs, dims)
        self.out_channels = dims

    def forward(self, x: Tensor) -> Tensor:
        reduced = self.conv_reduce(x)
        tokens = to_tokens(reduced + self.local_conv(reduced))
        for block in self.svtr_block:
            tokens = block(tokens)
        return self.norm(tokens) + to_tokens(self.skip_conv(x))
