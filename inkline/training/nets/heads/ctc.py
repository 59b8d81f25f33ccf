"""CTC layer (Graves et al. 2006): one class distribution a column, class 0 the blank."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inkline.training.nets.fuse import fold_bn


class GuideLayer(nn.Sequential):
    """(N, C, T) -> the same: depthwise convolution of width 5, then 1x1, each with batch norm and hard swish."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv1d(channels, channels, 5, padding=2, groups=channels, bias=False),
            nn.BatchNorm1d(channels),
            nn.Hardswish(),
            nn.Conv1d(channels, channels, 1, bias=False),
            nn.BatchNorm1d(channels),
            nn.Hardswish(),
        )

    def fused(self) -> "GuideLayer":
        if isinstance(self[1], nn.BatchNorm1d):
            self[0], self[1] = fold_bn(self[0], self[1]), nn.Identity()
            self[3], self[4] = fold_bn(self[3], self[4]), nn.Identity()
        return self


class CTCHead(nn.Module):
    """Tokens (N, T, C) -> probabilities (N, T, classes), columns summing to 1.

    `mid` puts a second linear layer in between, without activation (PP-OCRv2, PP-OCRv6 tiny); `guide` a convolutional
    layer in front (PP-OCRv6 tiny).
    """

    def __init__(self, inputs: int, classes: int, mid: int | None = None, guide: bool = False) -> None:
        super().__init__()
        self.guide_layer = GuideLayer(inputs) if guide else None
        if mid is None:
            self.fc = nn.Linear(inputs, classes)
        else:
            self.fc1 = nn.Linear(inputs, mid)
            self.fc2 = nn.Linear(mid, classes)
        self.two_layers = mid is not None

    def logits(self, x: Tensor) -> Tensor:
        """(N, T, C) -> (N, T, classes), before the softmax."""
        if self.guide_layer is not None:
            x = self.guide_layer(x.transpose(1, 2)).transpose(1, 2)
        return self.fc2(self.fc1(x)) if self.two_layers else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.logits(x), -1)

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"ctc_logits": self.logits(x)}
