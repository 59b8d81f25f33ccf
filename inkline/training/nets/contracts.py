"""What the parts of a net take and give.

torch's `nn.Module` does not say what a call gives. The classes here do, for readers and for the type checker, as does
`TensorMap`, the type of attributes that hold a module of torch; at run time they add nothing.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Size = int | tuple[int, int]
TensorMap = Callable[[Tensor], Tensor]
Act = Callable[[], nn.Module]


class Layer(nn.Module):
    """A module that gives one tensor.

    bn_pairs: names of its convolutions, each with that of the batch norm behind it, which `fuse` folds into it.
    """

    __call__: Callable[..., Tensor]
    bn_pairs: tuple[tuple[str, str], ...] = ()


class Chain(nn.Sequential):
    """Modules one after the other, under names of their own."""

    __call__: Callable[..., Tensor]
    bn_pairs: tuple[tuple[str, str], ...] = ()

    def __init__(self, **modules: nn.Module) -> None:
        super().__init__(OrderedDict(modules))


class PageBackbone(nn.Module):
    """Page (N, 3, H, W) -> maps from fine to coarse, at strides 4, 8, 16, 32; `out_channels` are their widths."""

    __call__: Callable[..., list[Tensor]]
    out_channels: Sequence[int]


class LineBackbone(Layer):
    """Text line (N, 3, H, W) -> (N, out_channels, h, w), with height 1 but in nets for two-dimensional attention."""

    out_channels: int


class Head(nn.Module):
    """The last part of an `OcrNet`: `forward(features)` gives what inference needs."""

    def training_outputs(self, features: Any, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The named tensors that the losses take."""
        raise NotImplementedError


class LogitsHead(Head):
    """A head that classifies: `logits(features)` are its scores, and their softmax over the last axis what it gives."""

    output: str  # name of the logits for the losses

    def logits(self, features: Tensor) -> Tensor:
        """(..., classes), before the softmax."""
        raise NotImplementedError

    def forward(self, features: Tensor) -> Tensor:
        return torch.softmax(self.logits(features), -1)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {self.output: self.logits(features)}
