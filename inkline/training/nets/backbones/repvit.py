"""RepViT-style backbone of RepSVTR (RepViT: Wang et al. 2024, arXiv:2307.09283).

MobileNet blocks rearranged in the MetaFormer manner: depthwise token mixer with squeeze-excite, then a residual channel
mixer; the token mixer of stride-1 blocks is re-parameterised.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.backbones.lcnet_v4 import RepDepthwise
from inkline.training.nets.layers import ConvBN, Size, SqueezeExcite, divisible


class Block(NamedTuple):
    """Output width, squeeze-excite, stride."""

    outputs: int
    se: bool = False
    stride: Size = 1


RECOGNITION = (
    *(Block(96, True), Block(96), Block(96)),
    *(
        Block(192, stride=(2, 1)),
        Block(192, True),
        Block(192),
        Block(192, True),
        Block(192),
        Block(192, True),
        Block(192),
    ),
    *(Block(384, stride=(2, 1)), Block(384, True), Block(384)),
)
DETECTION = (
    *(Block(48, True), Block(48)),
    *(Block(96, stride=2), Block(96, True), Block(96)),
    *(Block(192, stride=2), Block(192, True), Block(192), Block(192, True), Block(192)),
    *(Block(384, stride=2), Block(384, True), Block(384)),
)
DETECTION_LEVELS = (2, 5, 10, 13)  # features at strides 4, 8, 16, 32


class Residual(nn.Module):
    """x + m(x)."""

    def __init__(self, m: nn.Module) -> None:
        super().__init__()
        self.m = m

    def forward(self, x: Tensor) -> Tensor:
        return x + self.m(x)


class RepViTBlock(nn.Module):
    """(N, in, H, W) -> (N, out, H / stride, W / stride): token mixer, then x + channel mixer of twice the width.

    The gate of the squeeze-excite is a plain sigmoid, its width a quarter to a multiple of 8.
    """

    def __init__(self, inputs: int, block: Block) -> None:
        super().__init__()
        outputs, se, stride = block
        gate = SqueezeExcite(inputs, divisible(inputs / 4), nn.Sigmoid) if se else nn.Identity()
        if stride == 1:
            self.token_mixer = nn.Sequential(RepDepthwise(inputs, bias=True), gate)
        else:
            self.token_mixer = nn.Sequential(
                ConvBN(inputs, inputs, 3, stride, groups=inputs), gate, ConvBN(inputs, outputs)
            )
        self.channel_mixer = Residual(
            nn.Sequential(ConvBN(outputs, 2 * outputs), nn.GELU(), ConvBN(2 * outputs, outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.channel_mixer(self.token_mixer(x))


def features(blocks: tuple[Block, ...]) -> nn.ModuleList:
    """Patch embedding to stride 4 (two 3x3 convolutions), then the blocks."""
    width = blocks[0].outputs
    layers = nn.ModuleList([nn.Sequential(ConvBN(3, width // 2, 3, 2), nn.GELU(), ConvBN(width // 2, width, 3, 2))])
    for block in blocks:
        layers.append(RepViTBlock(width, block))
        width = block.outputs
    return layers


class RepViTRec(nn.Module):
    """Text line (N, 3, 48, W) -> (N, 384, 1, W / 8): average over the full height, every two columns."""

    def __init__(self) -> None:
        super().__init__()
        self.features = features(RECOGNITION)
        self.out_channels = RECOGNITION[-1].outputs

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.features:
            x = layer(x)
        return F.avg_pool2d(x.mean(2, keepdim=True), (1, 2))


class RepViTDet(nn.Module):
    """Page (N, 3, H, W) -> four maps of 48, 96, 192, 384 channels at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.features = features(DETECTION)
        self.out_channels = [DETECTION[level - 1].outputs for level in DETECTION_LEVELS]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        levels = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in DETECTION_LEVELS:
                levels.append(x)
        return tuple(levels)
