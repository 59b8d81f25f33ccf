"""Backbones of OpenOCR's entries to the PP-OCR challenge: SVTRv2 (recognition) and RepSVTR's RepViT (both tasks).

SVTRv2 (Du et al. 2024, arXiv:2411.15858; SVTR, Du et al. 2022, arXiv:2205.00159): local mixing by grouped convolutions
first, global mixing by self-attention later; the height shrinks between the stages, the width does not. Every block is
post-norm.

RepViT (Wang et al. 2024, arXiv:2307.09283): MobileNet blocks rearranged in the MetaFormer manner: depthwise token mixer
with squeeze-excite, then a residual channel mixer; the token mixer of stride-1 blocks is re-parameterised.
"""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer, LineBackbone, PageBackbone, Size, TensorMap
from inkline.training.nets.layers import (
    ConvBN,
    SelfAttention,
    SqueezeExcite,
    Tokens,
    divisible,
    mlp,
    run_stages,
    to_tokens,
)
from inkline.training.nets.lcnet import RepDepthwise


def one_row(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, 1, W / 2): the mean of the full height and of every two columns."""
    return F.avg_pool2d(x.mean(2, keepdim=True), (1, 2))


# --- SVTRv2 ---

# Stage: (width, conv blocks, attention blocks, heads or groups).
SVTR_STAGES = ((128, 6, 0, 4), (256, 2, 4, 8), (384, 0, 6, 12))
NORM_EPS = 1e-6


class EmbedConv(Chain):
    """3x3 convolution of stride 2 with bias, batch norm, GELU: halves height and width."""

    bn_pairs = (("conv", "norm"),)

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(conv=nn.Conv2d(inputs, outputs, 3, 2, 1), norm=nn.BatchNorm2d(outputs), act=nn.GELU())


class ConvBlock(Layer):
    """Local mixing on the map (N, C, H, W): norm(x + 5x5 grouped conv), then norm(x + MLP), both over channels."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mixer = nn.Conv2d(channels, channels, 5, padding=2, groups=groups)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mlp = mlp(channels, 4 * channels, nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        cells: Tensor = self.norm1((x + self.mixer(x)).permute(0, 2, 3, 1))  # channels last, where norms look
        cells = self.norm2(cells + self.mlp(cells))
        return cells.permute(0, 3, 1, 2)


class AttentionBlock(Layer):
    """Global mixing on tokens (N, T, C): norm(x + attention), then norm(x + MLP)."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mixer = SelfAttention(channels, heads)
        self.norm2 = nn.LayerNorm(channels, eps=NORM_EPS)
        self.mlp = mlp(channels, 4 * channels, nn.GELU)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.mixer(x))
        x = self.norm2(x + self.mlp(x))
        return x


class HalveHeight(Layer):
    """3x3 convolution of stride (2, 1) with bias, layer norm over channels: (N, C, H, W) -> (N, out, H / 2, W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, (2, 1), 1)
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Tensor) -> Tensor:
        cells: Tensor = self.norm(self.conv(x).permute(0, 2, 3, 1))
        return cells.permute(0, 3, 1, 2)


class SvtrStage(Layer):
    """Convolution blocks on the map, attention blocks on its tokens, then half the height: map -> map."""

    def __init__(self, width: int, convs: int, attentions: int, heads: int, following: int | None) -> None:
        super().__init__()
        blocks: list[nn.Module] = [ConvBlock(width, heads) for _ in range(convs)]
        if convs and attentions:
            blocks.append(Tokens())
        blocks += [AttentionBlock(width, heads) for _ in range(attentions)]
        self.blocks = nn.ModuleList(blocks)
        self.has_attention = attentions > 0
        self.downsample: TensorMap = nn.Identity() if following is None else HalveHeight(width, following)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, height, width = x.shape
        if self.has_attention and isinstance(self.blocks[0], AttentionBlock):
            x = to_tokens(x)  # no convolution blocks, so no `Tokens` among the blocks
        for block in self.blocks:
            x = block(x)
        if self.has_attention:
            x = x.transpose(1, 2).reshape(batch, -1, height, width)
        return self.downsample(x)


class SVTRv2(LineBackbone):
    """Text line (N, 3, 48, W) -> (N, 384, 1, W / 8): heights 12, 6, 3, then the mean of height and 2 columns."""

    def __init__(self) -> None:
        super().__init__()
        widths = [stage[0] for stage in SVTR_STAGES]
        patch_embed = nn.Sequential(EmbedConv(3, widths[0] // 2), EmbedConv(widths[0] // 2, widths[0]))
        self.pope = Chain(patch_embed=patch_embed)  # (N, 3, H, W) -> (N, 128, H / 4, W / 4)
        self.stages = nn.ModuleList(
            SvtrStage(*stage, following) for stage, following in zip(SVTR_STAGES, [*widths[1:], None], strict=True)
        )
        self.out_channels = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.pope(x)
        for stage in self.stages:
            x = stage(x)
        return one_row(x)


# --- RepViT ---


class RepViTSpec(NamedTuple):
    """Output width, squeeze-excite, stride."""

    outputs: int
    se: bool = False
    stride: Size = 1


REPVIT_REC = (
    *(RepViTSpec(96, True), RepViTSpec(96), RepViTSpec(96)),
    *(RepViTSpec(192, stride=(2, 1)), *[RepViTSpec(192, True), RepViTSpec(192)] * 3),
    *(RepViTSpec(384, stride=(2, 1)), RepViTSpec(384, True), RepViTSpec(384)),
)
REPVIT_DET = (
    *(RepViTSpec(48, True), RepViTSpec(48)),
    *(RepViTSpec(96, stride=2), RepViTSpec(96, True), RepViTSpec(96)),
    *(RepViTSpec(192, stride=2), *[RepViTSpec(192, True), RepViTSpec(192)] * 2),
    *(RepViTSpec(384, stride=2), RepViTSpec(384, True), RepViTSpec(384)),
)
REPVIT_DET_LEVELS = (2, 5, 10, 13)  # features at strides 4, 8, 16, 32


class Residual(Layer):
    """x + m(x)."""

    def __init__(self, m: nn.Module) -> None:
        super().__init__()
        self.m: TensorMap = m

    def forward(self, x: Tensor) -> Tensor:
        return x + self.m(x)


class RepViTBlock(Layer):
    """(N, in, H, W) -> (N, out, H / stride, W / stride): token mixer, then x + channel mixer of twice the width.

    The gate of the squeeze-excite is a plain sigmoid, its width a quarter to a multiple of 8.
    """

    def __init__(self, inputs: int, block: RepViTSpec) -> None:
        super().__init__()
        outputs, se, stride = block
        gate = SqueezeExcite(inputs, divisible(inputs / 4), nn.Sigmoid) if se else nn.Identity()
        if stride == 1:
            self.token_mixer = nn.Sequential(RepDepthwise(inputs, bias=True), gate)
        else:
            self.token_mixer = nn.Sequential(ConvBN(inputs, inputs, 3, stride, groups=inputs), gate, ConvBN(inputs, outputs))
        self.channel_mixer = Residual(nn.Sequential(ConvBN(outputs, 2 * outputs), nn.GELU(), ConvBN(2 * outputs, outputs)))

    def forward(self, x: Tensor) -> Tensor:
        return self.channel_mixer(self.token_mixer(x))


def _repvit_layers(blocks: tuple[RepViTSpec, ...]) -> nn.ModuleList:
    """Patch embedding to stride 4 (two 3x3 convolutions), then the blocks."""
    width = blocks[0].outputs
    layers = nn.ModuleList([nn.Sequential(ConvBN(3, width // 2, 3, 2), nn.GELU(), ConvBN(width // 2, width, 3, 2))])
    for block in blocks:
        layers.append(RepViTBlock(width, block))
        width = block.outputs
    return layers


class RepViTRec(LineBackbone):
    """Text line (N, 3, 48, W) -> (N, 384, 1, W / 8): average over the full height, every two columns."""

    def __init__(self) -> None:
        super().__init__()
        self.features = _repvit_layers(REPVIT_REC)
        self.out_channels = REPVIT_REC[-1].outputs

    def forward(self, x: Tensor) -> Tensor:
        return one_row(run_stages(self.features, x)[-1])


class RepViTDet(PageBackbone):
    """Page (N, 3, H, W) -> four maps of 48, 96, 192, 384 channels at strides 4, 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.features = _repvit_layers(REPVIT_DET)
        self.out_channels = [REPVIT_DET[level - 1].outputs for level in REPVIT_DET_LEVELS]

    def forward(self, x: Tensor) -> list[Tensor]:
        results = run_stages(self.features, x)
        return [results[level] for level in REPVIT_DET_LEVELS]
