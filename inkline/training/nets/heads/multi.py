"""CTC for inference, and beside it a decoder that only training uses (GTC, Hu et al. 2020, arXiv:2002.01276).

The second branch looks at the raw features of the backbone; its loss shapes the backbone while inference pays nothing.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from inkline.training.nets.heads.ctc import CTCHead
from inkline.training.nets.heads.nrtr import NRTRHead
from inkline.training.nets.necks.sequence import Reshape


class Encoded(nn.Module):
    """Holds the sequence encoder of the CTC branch: (N, C, 1, W) -> (N, W, D)."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


class Projection(nn.Module):
    """Linear without bias on tokens."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x)


class MultiHead(nn.Module):
    """Backbone features (N, C, 1, W) -> CTC probabilities (N, W, classes).

    `detach` cuts the gradient in front of the CTC branch ("use_guide"): the backbone then learns from the other branch
    alone.
    """

    def __init__(self, encoder: nn.Module, ctc_head: CTCHead, detach: bool) -> None:
        super().__init__()
        self.ctc_encoder = Encoded(encoder)
        self.ctc_head = ctc_head
        self.detach = detach

    def forward(self, x: Tensor) -> Tensor:
        return self.ctc_head(self.ctc_encoder(x))

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        tokens = self.ctc_encoder(x.detach() if self.detach else x)
        return {"ctc_logits": self.ctc_head.logits(tokens)}


class NRTRMultiHead(MultiHead):
    """CTC beside an NRTR decoder: `nrtr_logits` (N, L - 1, classes + 4) when `targets` has `nrtr` (N, L)."""

    def __init__(
        self, encoder: nn.Module, ctc_head: CTCHead, detach: bool, inputs: int, nrtr: NRTRHead, channels: int
    ) -> None:
        super().__init__(encoder, ctc_head, detach)
        self.before_gtc = nn.Sequential(Reshape(), Projection(inputs, channels))
        self.gtc_head = nrtr

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = super().training_outputs(x, targets)
        if "nrtr" in targets:
            outputs["nrtr_logits"] = self.gtc_head(self.before_gtc(x), targets["nrtr"])
        return outputs

    def nrtr_greedy(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Ids (N, L) and probabilities that the NRTR branch reads by itself, start token first."""
        return self.gtc_head.greedy(self.before_gtc(x))


class SARMultiHead(MultiHead):
    """CTC beside a SAR decoder (PP-OCRv3): `sar_logits` when `targets` has `sar` and `valid_ratio`."""

    def __init__(self, encoder: nn.Module, ctc_head: CTCHead, detach: bool, sar: nn.Module) -> None:
        super().__init__(encoder, ctc_head, detach)
        self.sar_head = sar

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        outputs = super().training_outputs(x, targets)
        if "sar" in targets:
            outputs.update(self.sar_head.training_outputs(x, targets))
        return outputs
