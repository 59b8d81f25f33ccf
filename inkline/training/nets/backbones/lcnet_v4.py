"""PP-LCNetV4: backbone of all PP-OCRv6 models.

Blocks in the MetaFormer manner (Yu et al. 2022, arXiv:2111.11418): a token mixer (depthwise, re-parameterised as in
RepViT, Wang et al. 2024, arXiv:2307.09283) and a channel mixer (two 1x1 convolutions with GELU), behind the branch stem
of PP-HGNetV2.
"""

from torch import Tensor, nn

from inkline.training.nets.backbones.hgnet_v2 import BranchStem
from inkline.training.nets.fuse import fold_bn, identity_conv, sum_convs
from inkline.training.nets.layers import ConvBN, Size, SqueezeExcite, TextLinePool

# Size: (stem mid, stem out), then per stage (width, blocks); the stem of the tiny recogniser has no branches.
DETECTION = {
    "tiny": (16, 32, ((32, 2), (48, 3), (64, 5), (160, 3))),
    "small": (24, 48, ((48, 2), (96, 3), (192, 5), (384, 3))),
    "medium": (64, 128, ((128, 2), (256, 3), (512, 5), (896, 3))),
}
RECOGNITION = {
    "tiny": (24, 48, ((48, 1), (48, 1), (96, 3), (160, 4))),
    "small": (48, 96, ((96, 1), (96, 2), (192, 7), (384, 3))),
    "medium": (64, 128, ((128, 1), (256, 3), (512, 7), (768, 3))),
}
# Blocks (from 1) with squeeze-excite, per stage.
DETECTION_SE = ((1,), (2,), (2, 4), (2,))
RECOGNITION_SE = {
    "tiny": ((1,), (), (2,), (2,)),
    "small": ((1,), (), (2, 4, 6), (2,)),
    "medium": ((1,), (3,), (2, 4, 6), (2,)),
}


class RepDepthwise(nn.Module):
    """BN(3x3 depthwise conv with BN + 1x1 depthwise conv + x): (N, C, H, W) -> the same; fuses into one 3x3 conv."""

    def __init__(self, channels: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = ConvBN(channels, channels, 3, groups=channels)
        self.conv1 = nn.Conv2d(channels, channels, 1, groups=channels, bias=bias)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x) + self.conv1(x) + x)

    def fused(self) -> nn.Conv2d:
        """The 3x3 depthwise convolution with bias that does the same."""
        channels = self.conv1.in_channels
        convs = [self.conv.fused().conv, self.conv1, identity_conv(channels, channels)]
        return fold_bn(sum_convs(convs, 3, 1), self.bn)


class TokenMixer(nn.Module):
    """Depthwise 3x3, re-parameterised when the shape stays, with `stride` when not; then squeeze-excite if wanted."""

    def __init__(self, channels: int, stride: Size, same: bool, se: bool) -> None:
        super().__init__()
        if same:
            self.rep_dw = RepDepthwise(channels)
        else:
            self.dw_conv = ConvBN(channels, channels, 3, stride, groups=channels)
        self.se = SqueezeExcite(channels) if se else nn.Identity()
        self.same = same

    def forward(self, x: Tensor) -> Tensor:
        return self.se(self.rep_dw(x) if self.same else self.dw_conv(x))


class ChannelMixer(nn.Module):
    """1x1 convolution to twice the input width, GELU, 1x1 convolution to `outputs`, both with batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.expand = ConvBN(inputs, 2 * inputs, act=nn.GELU)
        self.compress = ConvBN(2 * inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.compress(self.expand(x))


class LCNetV4Block(nn.Module):
    """Token mixer, channel mixer; a residual around the channel mixer only, and only where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.same = inputs == outputs and stride == 1
        self.token_mixer = TokenMixer(inputs, stride, self.same, se)
        self.channel_mixer = ChannelMixer(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.token_mixer(x)
        return x + self.channel_mixer(x) if self.same else self.channel_mixer(x)


def stage(inputs: int, outputs: int, blocks: int, stride: Size, se: tuple[int, ...]) -> nn.Sequential:
    """`blocks` blocks, the first of which changes width and resolution; `se` lists those with squeeze-excite."""
    return nn.Sequential(
        *(
            LCNetV4Block(inputs if i == 1 else outputs, outputs, stride if i == 1 else 1, i in se)
            for i in range(1, blocks + 1)
        )
    )


class LCNetV4Det(nn.Module):
    """Page (N, 3, H, W) -> four maps at strides 4, 8, 16, 32; widths `out_channels`. `size` is a key of DETECTION."""

    def __init__(self, size: str) -> None:
        super().__init__()
        mid, inputs, stages = DETECTION[size]
        self.stem = BranchStem(mid, inputs)
        for i, (width, blocks) in enumerate(stages):
            self.add_module(f"blocks_s{i + 1}", stage(inputs, width, blocks, 1 if i == 0 else 2, DETECTION_SE[i]))
            inputs = width
        self.out_channels = [width for width, _ in stages]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        x = self.stem(x)
        results = []
        for blocks in (self.blocks_s1, self.blocks_s2, self.blocks_s3, self.blocks_s4):
            x = blocks(x)
            results.append(x)
        return tuple(results)


class LCNetV4Rec(nn.Module):
    """Text line (N, 3, 48, W) -> (N, out_channels, 1, W / 8). `size` is a key of RECOGNITION.

    The stem divides both sides by 4, the last two stages halve the height alone, the pool makes one row of the three.
    """

    def __init__(self, size: str) -> None:
        super().__init__()
        mid, inputs, stages = RECOGNITION[size]
        if size == "tiny":
            self.conv1 = nn.Sequential(ConvBN(3, mid, 3, 2), nn.GELU(), ConvBN(mid, inputs, 3, 2))
        else:
            self.conv1 = BranchStem(mid, inputs)
        for i, (width, blocks) in enumerate(stages):
            stride = 1 if i < 2 else (2, 1)
            self.add_module(f"blocks{i + 2}", stage(inputs, width, blocks, stride, RECOGNITION_SE[size][i]))
            inputs = width
        self.pool = TextLinePool()
        self.out_channels = inputs

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for blocks in (self.blocks2, self.blocks3, self.blocks4, self.blocks5):
            x = blocks(x)
        return self.pool(x)
