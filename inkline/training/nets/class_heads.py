"""Heads with one class distribution for the image (orientation), or one per column of a text line (CTC).

CTC: Graves et al. 2006, class 0 the blank. From PP-OCRv3 on, a second decoder that only training uses stands beside it
(GTC, Hu et al. 2020, arXiv:2002.01276): it looks at the raw features of the backbone, and its loss shapes the backbone
while inference pays nothing.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.attention_heads import SARHead
from inkline.training.nets.contracts import Chain, Head, LogitsHead, TensorMap
from inkline.training.nets.layers import Tokens, UnscaledDropout
from inkline.training.nets.transformer_heads import NRTRHead

# --- One class per image ---


class ClsHead(LogitsHead):
    """Global average and a linear layer: (N, C, H, W) -> probabilities (N, classes)."""

    output = "logits"

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.fc: TensorMap = nn.Linear(inputs, classes)

    def logits(self, features: Tensor) -> Tensor:
        return self.fc(features.mean((2, 3)))


class LCNetHead(LogitsHead):
    """Features (N, C, H, W) -> probabilities (N, classes), for PP-LCNet.

    Mean over H and W, 1x1 convolution without bias to 1280 and hard swish (`wide`), dropout, linear. Unusual: the
    dropout is the one that does not rescale in training, so inference multiplies by 1 - 0.2.
    """

    output = "logits"

    def __init__(self, inputs: int, classes: int, wide: bool = True) -> None:
        super().__init__()
        self.last_conv = nn.Conv2d(inputs, 1280, 1, bias=False) if wide else None
        self.dropout = UnscaledDropout(0.2)
        self.fc: TensorMap = nn.Linear(1280 if wide else inputs, classes)

    def logits(self, features: Tensor) -> Tensor:
        x = F.adaptive_avg_pool2d(features, 1)
        if self.last_conv is not None:
            x = self.dropout(F.hardswish(self.last_conv(x)))
        return self.fc(x.flatten(1))


# --- One class per column ---


class GuideLayer(nn.Sequential):
    """(N, C, T) -> the same: depthwise convolution of width 5, then 1x1, each with batch norm and hard swish."""

    bn_pairs = (("0", "1"), ("3", "4"))

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv1d(channels, channels, 5, padding=2, groups=channels, bias=False),
            nn.BatchNorm1d(channels),
            nn.Hardswish(),
            nn.Conv1d(channels, channels, 1, bias=False),
            nn.BatchNorm1d(channels),
            nn.Hardswish(),
        )


class CTCHead(LogitsHead):
    """Tokens (N, T, C) -> probabilities (N, T, classes), columns summing to 1.

    `mid` puts a second linear layer in between, without activation (PP-OCRv2, PP-OCRv6 tiny); `guide` a convolutional
    layer in front (PP-OCRv6 tiny).
    """

    output = "ctc_logits"

    def __init__(self, inputs: int, classes: int, mid: int | None = None, guide: bool = False) -> None:
        super().__init__()
        self.guide_layer = GuideLayer(inputs) if guide else None
        if mid is None:
            self.fc: TensorMap = nn.Linear(inputs, classes)
        else:
            self.fc1 = nn.Linear(inputs, mid)
            self.fc2: TensorMap = nn.Linear(mid, classes)
        self.two_layers = mid is not None

    def logits(self, features: Tensor) -> Tensor:
        if self.guide_layer is not None:
            features = self.guide_layer(features.transpose(1, 2)).transpose(1, 2)
        return self.fc2(self.fc1(features)) if self.two_layers else self.fc(features)


# --- CTC with a guide ---


class MultiHead(Head):
    """Backbone features (N, C, 1, W) -> CTC probabilities (N, W, classes).

    `detach` cuts the gradient in front of the CTC branch ("use_guide"): the backbone then learns from the other branch
    alone, where that one is trained at all.
    """

    def __init__(self, encoder: nn.Module, ctc_head: CTCHead, detach: bool) -> None:
        super().__init__()
        self.ctc_encoder = Chain(encoder=encoder)
        self.ctc_head = ctc_head
        self.detach = detach

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.ctc_head.logits(self.ctc_encoder(x)), -1)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        guided = "nrtr" in targets or "sar" in targets
        tokens = self.ctc_encoder(features.detach() if self.detach and guided else features)
        return {"ctc_logits": self.ctc_head.logits(tokens)}


class NRTRMultiHead(MultiHead):
    """CTC beside an NRTR decoder: `nrtr_logits` (N, L - 1, classes + 4) when `targets` has `nrtr` (N, L)."""

    def __init__(self, encoder: nn.Module, ctc_head: CTCHead, detach: bool, inputs: int, nrtr: NRTRHead, channels: int) -> None:
        super().__init__(encoder, ctc_head, detach)
        self.before_gtc = nn.Sequential(Tokens(), Chain(fc=nn.Linear(inputs, channels, bias=False)))
        self.gtc_head = nrtr

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = super().training_outputs(features, targets)
        if "nrtr" in targets:
            outputs["nrtr_logits"] = self.gtc_head(self.before_gtc(features), targets["nrtr"])
        return outputs


class SARMultiHead(MultiHead):
    """CTC beside a SAR decoder (PP-OCRv3): `sar_logits` when `targets` has `sar` and `valid_ratio`."""

    def __init__(self, encoder: nn.Module, ctc_head: CTCHead, detach: bool, sar: SARHead) -> None:
        super().__init__(encoder, ctc_head, detach)
        self.sar_head = sar

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = super().training_outputs(features, targets)
        if "sar" in targets:
            outputs.update(self.sar_head.training_outputs(features, targets))
        return outputs
