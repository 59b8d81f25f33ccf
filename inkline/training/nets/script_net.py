"""The net that names the script of a line: plain convolutions, since small ones learn fast and run well on a processor."""

from torch import Tensor, nn

from inkline.training.nets.contracts import LineBackbone
from inkline.training.nets.layers import ConvBN

# Channels and stride of each 3x3 convolution: (1, 32, 128) becomes (128, 1, 16).
LAYERS = ((16, 2), (32, 2), (64, 2), (64, 1), (96, (2, 1)), (128, (2, 1)))


class ScriptBackbone(LineBackbone):
    """Grey line part (N, 1, 32, W) -> (N, 128, 1, W / 8)."""

    def __init__(self) -> None:
        super().__init__()
        channels = 1
        self.layers = nn.Sequential()
        for outputs, stride in LAYERS:
            self.layers.append(ConvBN(channels, outputs, 3, stride, nn.ReLU))
            channels = outputs
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return y
