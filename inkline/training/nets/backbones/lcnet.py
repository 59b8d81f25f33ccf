"""PP-LCNet (Cui et al. 2021, arXiv:2109.15099): the page and text-line orientation classifiers.

Plain depthwise-separable blocks without residuals; what makes it good for its size is hard swish everywhere, 5x5
kernels and squeeze-excite only in the last blocks, and a wide 1x1 convolution behind the pooling (in the head).
"""

from torch import Tensor, nn

from inkline.training.nets.layers import ConvBN, Size, SqueezeExcite, divisible

# Stage: blocks of (depthwise kernel, in, out, stride, squeeze-excite), widths before scaling.
STAGES = {
    "blocks2": ((3, 16, 32, 1, False),),
    "blocks3": ((3, 32, 64, 2, False), (3, 64, 64, 1, False)),
    "blocks4": ((3, 64, 128, 2, False), (3, 128, 128, 1, False)),
    "blocks5": ((3, 128, 256, 2, False), *[(5, 256, 256, 1, False)] * 5),
    "blocks6": ((5, 256, 512, 2, True), (5, 512, 512, 1, True)),
}


class SeparableBlock(nn.Module):
    """Depthwise convolution, squeeze-excite, 1x1 convolution: (N, in, H, W) -> (N, out, H / stride, W / stride)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: Size, se: bool) -> None:
        super().__init__()
        self.dw_conv = ConvBN(inputs, inputs, kernel, stride, nn.Hardswish, groups=inputs)
        self.se = SqueezeExcite(inputs) if se else nn.Identity()
        self.pw_conv = ConvBN(inputs, outputs, act=nn.Hardswish)

    def forward(self, x: Tensor) -> Tensor:
        return self.pw_conv(self.se(self.dw_conv(x)))


class PPLCNet(nn.Module):
    """(N, 3, H, W) -> (N, 512 * scale, H / 32, W / 32); for text lines (N, 512 * scale, H / 32, W / 2).

    `text_line` changes the strides of the later stages to (2, 1), so that the width is halved only once.
    `out_channels` is the number of channels of the result.
    """

    def __init__(self, scale: float, text_line: bool = False) -> None:
        super().__init__()
        self.conv1 = ConvBN(3, divisible(16 * scale), 3, 2, nn.Hardswish)
        for name, blocks in STAGES.items():
            stage = nn.Sequential()
            for kernel, inputs, outputs, stride, se in blocks:
                step = (2, 1) if text_line and stride == 2 else stride
                stage.append(SeparableBlock(divisible(inputs * scale), divisible(outputs * scale), kernel, step, se))
            self.add_module(name, stage)
        self.out_channels = divisible(512 * scale)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for name in STAGES:
            x = self.get_submodule(name)(x)
        return x
