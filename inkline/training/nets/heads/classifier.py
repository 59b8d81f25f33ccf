"""Heads of the orientation classifiers."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ClsHead(nn.Module):
    """Global average and a linear layer: (N, C, H, W) -> probabilities (N, classes)."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.fc(x.mean((2, 3))), 1)

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`logits` (N, classes)."""
        return {"logits": self.fc(x.mean((2, 3)))}


class LCNetHead(nn.Module):
    """Features (N, C, H, W) -> probabilities (N, classes), for PP-LCNet.

    Mean over H and W, 1x1 convolution without bias to 1280 and hard swish (`wide`), dropout, linear.  Unusual: the
    dropout is the one that does not rescale in training, so inference multiplies by 1 - 0.2.
    """

    DROPOUT = 0.2

    def __init__(self, inputs: int, classes: int, wide: bool = True) -> None:
        super().__init__()
        self.last_conv = nn.Conv2d(inputs, 1280, 1, bias=False) if wide else None
        self.fc = nn.Linear(1280 if wide else inputs, classes)

    def logits(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, classes), before the softmax."""
        x = F.adaptive_avg_pool2d(x, 1)
        if self.last_conv is not None:
            x = F.hardswish(self.last_conv(x))
            # Ordinary dropout times 0.8 keeps or drops without rescaling, and is a plain factor of 0.8 in eval mode.
            x = F.dropout(x, self.DROPOUT, self.training) * (1 - self.DROPOUT)
        return self.fc(x.flatten(1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.logits(x), -1)

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {"logits": self.logits(x)}
