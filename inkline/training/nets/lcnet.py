"""PP-LCNet in three generations: orientation classifiers; mobile models of PP-OCRv4 and v5 (V3); PP-OCRv6 (V4).

PP-LCNet (Cui et al. 2021, arXiv:2109.15099): plain depthwise-separable blocks without residuals; what makes it good for
its size is hard swish everywhere, 5x5 kernels and squeeze-excite only in the last blocks, and a wide 1x1 convolution
behind the pooling (in the head).

PP-LCNetV3: every convolution re-parameterised (RepVGG, Ding et al. 2021, arXiv:2101.03697, and MobileOne, Vasu et al.
2022): in training each is a sum of four parallel convolutions, a 1x1 convolution and the identity, each with its own
batch norm, which fuse into one convolution. Scalar affines ("learnable affine block") follow the sum and the
activation.

PP-LCNetV4: blocks in the MetaFormer manner (Yu et al. 2022, arXiv:2111.11418): a token mixer (depthwise,
re-parameterised as in RepViT, Wang et al. 2024, arXiv:2307.09283) and a channel mixer (two 1x1 convolutions with GELU),
behind the branch stem of PP-HGNetV2.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.contracts import Chain, Layer, LineBackbone, PageBackbone, Size
from inkline.training.nets.fuse import fold_bn, identity_conv, sum_convs
from inkline.training.nets.hgnet import BranchStem
from inkline.training.nets.layers import ConvBN, LearnableAffine, SqueezeExcite, TextLinePool, divisible, run_stages

# One block: depthwise kernel, width in and out before scaling, stride, squeeze-excite.
Block = tuple[int, int, int, Size, bool]
Stages = Mapping[str, tuple[Block, ...]]

# --- PP-LCNet ---

LCNET_STAGES: Stages = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 2, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, 2, False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, 2, False), *[(5, 256, 256, 1, False)] * 5),
    "blocks6": ((5, 256, 512, 2, True), (5, 512, 512, 1, True)),
}


def separable_block(inputs: int, outputs: int, kernel: int, stride: Size, se: bool) -> Chain:
    """Depthwise convolution, squeeze-excite, 1x1 convolution: (N, in, H, W) -> (N, out, H / stride, W / stride)."""
    return Chain(
        dw_conv=ConvBN(inputs, inputs, kernel, stride, nn.Hardswish, groups=inputs),
        se=SqueezeExcite(inputs) if se else nn.Identity(),
        pw_conv=ConvBN(inputs, outputs, act=nn.Hardswish),
    )


class PPLCNet(LineBackbone):
    """(N, 3, H, W) -> (N, 512 * scale, H / 32, W / 32); for text lines (N, 512 * scale, H / 32, W / 2).

    `text_line` changes the strides of the later stages to (2, 1), so that the width is halved only once.
    `out_channels` is the number of channels of the result.
    """

    def __init__(self, scale: float, text_line: bool = False) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, divisible(16 * scale), 3, 2, nn.Hardswish)
        for name, blocks in LCNET_STAGES.items():
            stage = nn.Sequential()
            for kernel, inputs, outputs, stride, se in blocks:
                step = (2, 1) if text_line and stride == 2 else stride
                stage.append(separable_block(divisible(inputs * scale), divisible(outputs * scale), kernel, step, se))
            self.add_module(name, stage)
        self.out_channels = divisible(512 * scale)

    def forward(self, x: Tensor) -> Tensor:
        return run_stages([self.get_submodule(name) for name in LCNET_STAGES], self.conv1(x))[-1]


# --- PP-LCNetV3 ---

PARALLEL_CONVS = 4

V3_RECOGNITION: Stages = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 1, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, (2, 1), False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, (1, 2), False), *[(5, 256, 256, 1, False)] * 4),
    "blocks6": (
        (5, 256, 512, (2, 1), True),
        (5, 512, 512, 1, True),
        (5, 512, 512, (2, 1), False),
        (5, 512, 512, 1, False),
    ),
}
V3_DETECTION: Stages = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 2, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, 2, False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, 2, False), *[(5, 256, 256, 1, False)] * 4),
    "blocks6": ((5, 256, 512, 2, True), (5, 512, 512, 1, True), *[(5, 512, 512, 1, False)] * 2),
}


class RepConv(Layer):
    """Re-parameterised kernel x kernel convolution: (N, in, H, W) -> (N, out, H / stride, W / stride).

    Sum of four parallel convolutions with batch norm, a 1x1 one when the kernel is larger, and a batch norm of the
    input itself when the shape does not change; then a scalar affine, then hard swish with a second one.

    Unusual: with a stride of the integer 2 there is no activation (its scalars exist, unused). A stride written as a
    pair is not that integer, so the recognition net activates everywhere and the detection net does not.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: Size, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, groups
        self.identity = nn.BatchNorm2d(inputs) if inputs == outputs and stride == 1 else None
        self.conv_kxk = nn.ModuleList(ConvBN(inputs, outputs, kernel, stride, groups=groups) for _ in range(PARALLEL_CONVS))
        self.conv_1x1 = ConvBN(inputs, outputs, 1, stride, groups=groups) if kernel > 1 else None
        self.lab = LearnableAffine()
        self.act = Chain(act=nn.Hardswish(), lab=LearnableAffine())

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = sum(conv(x) for conv in self.conv_kxk)
        if self.conv_1x1 is not None:
            total = total + self.conv_1x1(x)
        if self.identity is not None:
            total = total + self.identity(x)
        total = self.lab(total)
        return total if self.stride == 2 else self.act(total)

    @torch.no_grad()
    def fused(self) -> Chain:
        """One convolution with the first affine folded in, then the activation."""
        # every branch as a convolution, its batch norm folded in
        branches = [branch for branch in [*self.conv_kxk, self.conv_1x1] if isinstance(branch, ConvBN)]
        convs = [branch.folded() for branch in branches]
        if self.identity is not None:
            convs.append(fold_bn(identity_conv(convs[0].in_channels, self.groups), self.identity))
        # their sum, times and plus the scalars of the affine behind it
        conv = sum_convs(convs, self.kernel, self.stride)
        scale, shift = self.lab.scale, self.lab.bias
        assert conv.bias is not None
        conv.weight.mul_(scale)
        conv.bias.mul_(scale).add_(shift)
        return Chain(conv=conv) if self.stride == 2 else Chain(conv=conv, act=self.act)


def v3_block(inputs: int, outputs: int, kernel: int, stride: Size, se: bool) -> Chain:
    """Depthwise and 1x1 re-parameterised convolutions with squeeze-excite between; no residual around them."""
    return Chain(
        dw_conv=RepConv(inputs, inputs, kernel, stride, groups=inputs),
        se=SqueezeExcite(inputs) if se else nn.Identity(),
        pw_conv=RepConv(inputs, outputs, 1, 1),
    )


class LCNetV3Stages(nn.Module):
    """What detection and recognition share: a 3x3 stride-2 convolution (no activation), five stages."""

    def __init__(self, stages: Stages, scale: float) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, divisible(16 * scale, 16), 3, 2)
        self.names = tuple(stages)
        self.widths = [divisible(blocks[-1][2] * scale, 16) for blocks in stages.values()]
        for name, blocks in stages.items():
            stage = nn.Sequential()
            for kernel, inputs, outputs, stride, se in blocks:
                widths = divisible(inputs * scale, 16), divisible(outputs * scale, 16)
                stage.append(v3_block(*widths, kernel, stride, se))
            self.add_module(name, stage)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Results of all stages."""
        return run_stages([self.get_submodule(name) for name in self.names], self.conv1(x))


class LCNetV3Rec(LCNetV3Stages, LineBackbone):
    """Text line (N, 3, 48, W) -> (N, 512 * scale, 1, W / 8)."""

    def __init__(self, scale: float) -> None:
        super().__init__(V3_RECOGNITION, scale)
        self.pool = TextLinePool()
        self.out_channels = self.widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.stages(x)[-1])


class LCNetV3Det(LCNetV3Stages, PageBackbone):
    """Page (N, 3, H, W) -> four maps at strides 4, 8, 16, 32, narrowed by 1x1 convolutions to `out_channels`."""

    def __init__(self, scale: float) -> None:
        super().__init__(V3_DETECTION, scale)
        self.out_channels = [int(width * scale) for width in (16, 24, 56, 480)]
        self.layer_list = nn.ModuleList(
            nn.Conv2d(width, outputs, 1) for width, outputs in zip(self.widths[1:], self.out_channels, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        return [conv(stage) for conv, stage in zip(self.layer_list, self.stages(x)[1:], strict=True)]


# --- PP-LCNetV4 ---

# Size: (stem mid, stem out), then per stage (width, blocks); the stem of the tiny recogniser has no branches.
V4_DETECTION = {
    "tiny": (16, 32, ((32, 2), (48, 3), (64, 5), (160, 3))),
    "small": (24, 48, ((48, 2), (96, 3), (192, 5), (384, 3))),
    "medium": (64, 128, ((128, 2), (256, 3), (512, 5), (896, 3))),
}
V4_RECOGNITION = {
    "tiny": (24, 48, ((48, 1), (48, 1), (96, 3), (160, 4))),
    "small": (48, 96, ((96, 1), (96, 2), (192, 7), (384, 3))),
    "medium": (64, 128, ((128, 1), (256, 3), (512, 7), (768, 3))),
}
# Blocks (from 1) with squeeze-excite, per stage.
V4_DETECTION_SE = ((1,), (2,), (2, 4), (2,))
V4_RECOGNITION_SE = {
    "tiny": ((1,), (), (2,), (2,)),
    "small": ((1,), (), (2, 4, 6), (2,)),
    "medium": ((1,), (3,), (2, 4, 6), (2,)),
}


class RepDepthwise(Layer):
    """BN(3x3 depthwise conv with BN + 1x1 depthwise conv + x): (N, C, H, W) -> the same; fuses into one 3x3 conv."""

    def __init__(self, channels: int, bias: bool = False) -> None:
        super().__init__()
        self.conv = ConvBN(channels, channels, 3, groups=channels)
        self.conv1 = nn.Conv2d(channels, channels, 1, groups=channels, bias=bias)
        self.bn = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(self.conv(x) + self.conv1(x) + x)
        return y

    def fused(self) -> nn.Conv2d:
        """The 3x3 depthwise convolution with bias that does the same."""
        channels = self.conv1.in_channels
        convs = [self.conv.folded(), self.conv1, identity_conv(channels, channels)]
        return fold_bn(sum_convs(convs, 3, 1), self.bn)


def token_mixer(channels: int, stride: Size, same: bool, se: bool) -> Chain:
    """Depthwise 3x3, re-parameterised when the shape stays, with `stride` when not; then squeeze-excite if wanted."""
    gate = SqueezeExcite(channels) if se else nn.Identity()
    if same:
        return Chain(rep_dw=RepDepthwise(channels), se=gate)
    return Chain(dw_conv=ConvBN(channels, channels, 3, stride, groups=channels), se=gate)


def channel_mixer(inputs: int, outputs: int) -> Chain:
    """1x1 convolution to twice the input width, GELU, 1x1 convolution to `outputs`, both with batch norm."""
    return Chain(expand=ConvBN(inputs, 2 * inputs, act=nn.GELU), compress=ConvBN(2 * inputs, outputs))


class LCNetV4Block(Layer):
    """Token mixer, channel mixer; a residual around the channel mixer only, and only where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.same = inputs == outputs and stride == 1
        self.token_mixer = token_mixer(inputs, stride, self.same, se)
        self.channel_mixer = channel_mixer(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.token_mixer(x)
        return x + self.channel_mixer(x) if self.same else self.channel_mixer(x)


def _v4_stage(inputs: int, outputs: int, blocks: int, stride: Size, se: tuple[int, ...]) -> nn.Sequential:
    """`blocks` blocks, the first of which changes width and resolution; `se` lists those with squeeze-excite."""
    first = LCNetV4Block(inputs, outputs, stride, 1 in se)
    return nn.Sequential(first, *(LCNetV4Block(outputs, outputs, 1, i in se) for i in range(2, blocks + 1)))


class LCNetV4Det(PageBackbone):
    """Page (N, 3, H, W) -> four maps at strides 4, 8, 16, 32; widths `out_channels`. `size` is a key of V4_DETECTION."""

    def __init__(self, size: str) -> None:
        super().__init__()
        mid, inputs, stages = V4_DETECTION[size]
        self.stem = BranchStem(mid, inputs)
        for i, (width, blocks) in enumerate(stages):
            self.add_module(f"blocks_s{i + 1}", _v4_stage(inputs, width, blocks, 1 if i == 0 else 2, V4_DETECTION_SE[i]))
            inputs = width
        self.out_channels = [width for width, _ in stages]

    def forward(self, x: Tensor) -> list[Tensor]:
        return run_stages([self.get_submodule(f"blocks_s{i}") for i in (1, 2, 3, 4)], self.stem(x))


class LCNetV4Rec(LineBackbone):
    """Text line (N, 3, 48, W) -> (N, out_channels, 1, W / 8). `size` is a key of V4_RECOGNITION.

    The stem divides both sides by 4, the last two stages halve the height alone, the pool makes one row of the three.
    """

    def __init__(self, size: str) -> None:
        super().__init__()
        mid, inputs, stages = V4_RECOGNITION[size]
        self.conv1: nn.Module
        if size == "tiny":
            self.conv1 = nn.Sequential(ConvBN(3, mid, 3, 2), nn.GELU(), ConvBN(mid, inputs, 3, 2))
        else:
            self.conv1 = BranchStem(mid, inputs)
        for i, (width, blocks) in enumerate(stages):
            stride = 1 if i < 2 else (2, 1)
            stage = _v4_stage(inputs, width, blocks, stride, V4_RECOGNITION_SE[size][i])
            self.add_module(f"blocks{i + 2}", stage)
            inputs = width
        self.pool = TextLinePool()
        self.out_channels = inputs

    def forward(self, x: Tensor) -> Tensor:
        stages = [self.get_submodule(f"blocks{i}") for i in (2, 3, 4, 5)]
        return self.pool(run_stages(stages, self.conv1(x))[-1])
