"""The module class of all text detectors, recognisers and classifiers: transform, backbone, neck, head."""

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor, nn

from inkline.training.nets.contracts import Head
from inkline.training.nets.fuse import fuse

# Parts that only training uses; the inference path, the fused form and an exported file do without them.
TRAINING_ONLY = (
    "head.thresh.",
    "head.aux_",
    "head.before_gtc.",
    "head.gtc_head.",
    "head.sar_head.",
    "points3d.",  # UVDoc
)


class Net(nn.Module):
    """What every published net can do besides `forward`."""

    def features(self, x: Tensor) -> Any:
        """What the last part of the net gets, of images x (N, C, H, W)."""
        raise NotImplementedError

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """The dict of named tensors that the losses take, also in eval mode (for validation losses and tests)."""
        raise NotImplementedError

    def fuse(self) -> Self:
        """Turn the inference path into its fused form in place; training-only branches keep their batch norm."""
        fuse(self, TRAINING_ONLY)
        return self


class OcrNet(Net):
    """One published net.

    `forward(x)` in eval mode gives the inference output for x (N, 3, H, W) float32:
    text detector (DB) the probability map (N, 1, H, W); EAST and SAST a tuple of maps; recogniser (N, T, classes)
    after softmax; classifier (N, classes) after softmax.

    `forward(x, targets)` in training mode gives a dict of named tensors for the losses:
    DB `shrink`, `thresh`, `binary` (and `aux_*` for v6); EAST `score`, `geometry`; SAST `score`, `border`, `tvo`, `tco`;
    recognisers `ctc_logits` and, from `targets`, `nrtr_logits` or `sar_logits`; RARE `attention_logits`; SRN
    `srn_logits`, `word_logits`, `gsrm_logits`; classifiers `logits`. `targets` maps names to tensors: `nrtr` (N, L)
    int64 token ids from start to end, padded with 0; `sar` (N, L) int64 ids; `attention` (N, L) int64 ids; `valid_ratio`
    (N,) float, the part of the width that is text and not padding. `training_outputs` gives that dict in whatever mode
    the module is.
    """

    def __init__(self, backbone: nn.Module, neck: nn.Module | None, head: Head, transform: nn.Module | None = None) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.neck = neck
        self.head = head

    def features(self, x: Tensor) -> Any:
        """What the head gets: (N, 3, H, W) through transform, backbone and neck."""
        for part in (self.transform, self.backbone, self.neck):
            if part is not None:
                x = part(x)
        return x

    def training_outputs(self, x: Tensor, targets: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return self.head.training_outputs(self.features(x), targets or {})

    def forward(self, x: Tensor, targets: Mapping[str, Tensor] | None = None) -> Any:
        if self.training:
            return self.training_outputs(x, targets)
        return self.head(self.features(x))
