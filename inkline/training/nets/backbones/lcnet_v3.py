"""PP-LCNetV3: backbone of the mobile models of PP-OCRv4 and PP-OCRv5.

PP-LCNet with every convolution re-parameterised (RepVGG, Ding et al. 2021, arXiv:2101.03697, and MobileOne, Vasu et al.
2022): in training each is a sum of four parallel convolutions, a 1x1 convolution and the identity, each with its own
batch norm, which fuse into one convolution.  Scalar affines ("learnable affine block") follow the sum and the
activation.
"""

from collections import OrderedDict

import torch
from torch import Tensor, nn

from inkline.training.nets.fuse import fold_bn, identity_conv, sum_convs
from inkline.training.nets.layers import ConvBN, LearnableAffine, Size, SqueezeExcite, TextLinePool, divisible

BRANCHES = 4

# Stage: blocks of (depthwise kernel, in, out, stride, squeeze-excite), widths before scaling.
RECOGNITION = {
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
DETECTION = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 2, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, 2, False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, 2, False), *[(5, 256, 256, 1, False)] * 4),
    "blocks6": (
        (5, 256, 512, 2, True),
        (5, 512, 512, 1, True),
        (5, 512, 512, 1, False),
        (5, 512, 512, 1, False),
    ),
}


class AffineAct(nn.Module):
    """Hard swish followed by a scalar affine."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.Hardswish()
        self.lab = LearnableAffine()

    def forward(self, x: Tensor) -> Tensor:
        return self.lab(self.act(x))


class RepConv(nn.Module):
    """Re-parameterised kernel x kernel convolution: (N, in, H, W) -> (N, out, H / stride, W / stride).

    Sum of four parallel convolutions with batch norm, a 1x1 one when the kernel is larger, and a batch norm of the
    input itself when the shape does not change; then a scalar affine, then hard swish with a second one.

    Unusual: with a stride of the integer 2 there is no activation (its scalars exist, unused).  A stride written as a
    pair is not that integer, so the recognition net activates everywhere and the detection net does not.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: Size, groups: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride, self.groups = kernel, stride, groups
        self.identity = nn.BatchNorm2d(inputs) if inputs == outputs and stride == 1 else None
        self.conv_kxk = nn.ModuleList(ConvBN(inputs, outputs, kernel, stride, groups=groups) for _ in range(BRANCHES))
        self.conv_1x1 = ConvBN(inputs, outputs, 1, stride, groups=groups) if kernel > 1 else None
        self.lab = LearnableAffine()
        self.act = AffineAct()

    def forward(self, x: Tensor) -> Tensor:
        total = sum(conv(x) for conv in self.conv_kxk)
        if self.conv_1x1 is not None:
            total = total + self.conv_1x1(x)
        if self.identity is not None:
            total = total + self.identity(x)
        total = self.lab(total)
        return total if self.stride == 2 else self.act(total)

    @torch.no_grad()
    def fused(self) -> nn.Sequential:
        """One convolution with the first affine folded in, then the activation."""
        convs = [branch.fused().conv for branch in self.conv_kxk]
        if self.conv_1x1 is not None:
            convs.append(self.conv_1x1.fused().conv)
        if self.identity is not None:
            convs.append(fold_bn(identity_conv(convs[0].in_channels, self.groups), self.identity))
        conv = sum_convs(convs, self.kernel, self.stride)
        conv.weight.mul_(self.lab.scale)
        conv.bias.mul_(self.lab.scale).add_(self.lab.bias)
        layers = OrderedDict(conv=conv)
        if self.stride != 2:
            layers["act"] = self.act
        return nn.Sequential(layers)


class LCNetV3Block(nn.Module):
    """Depthwise and 1x1 re-parameterised convolutions with squeeze-excite between; no residual around them."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.dw_conv = RepConv(inputs, inputs, kernel, stride, groups=inputs)
        self.se = SqueezeExcite(inputs) if se else nn.Identity()
        self.pw_conv = RepConv(inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pw_conv(self.se(self.dw_conv(x)))


class LCNetV3(nn.Module):
    """The stages that detection and recognition share: a 3x3 stride-2 convolution (no activation), five stages."""

    def __init__(self, stages: dict[str, tuple], scale: float) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, divisible(16 * scale, 16), 3, 2)
        self.widths = []
        for name, blocks in stages.items():
            stage = nn.Sequential()
            for kernel, inputs, outputs, stride, se in blocks:
                width = divisible(outputs * scale, 16)
                stage.append(LCNetV3Block(divisible(inputs * scale, 16), width, kernel, stride, se))
            self.add_module(name, stage)
            self.widths.append(width)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Results of blocks3 to blocks6."""
        x = self.blocks2(self.conv1(x))
        results = []
        for stage in (self.blocks3, self.blocks4, self.blocks5, self.blocks6):
            x = stage(x)
            results.append(x)
        return results


class LCNetV3Rec(LCNetV3):
    """Text line (N, 3, 48, W) -> (N, 512 * scale, 1, W / 8)."""

    def __init__(self, scale: float) -> None:
        super().__init__(RECOGNITION, scale)
        self.pool = TextLinePool()
        self.out_channels = self.widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.stages(x)[-1])


class LCNetV3Det(LCNetV3):
    """Page (N, 3, H, W) -> four maps at strides 4, 8, 16, 32, narrowed by 1x1 convolutions to `out_channels`."""

    def __init__(self, scale: float) -> None:
        super().__init__(DETECTION, scale)
        self.out_channels = [int(width * scale) for width in (16, 24, 56, 480)]
        self.layer_list = nn.ModuleList(
            nn.Conv2d(width, outputs, 1) for width, outputs in zip(self.widths[1:], self.out_channels, strict=True)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(conv(stage) for conv, stage in zip(self.layer_list, self.stages(x), strict=True))
