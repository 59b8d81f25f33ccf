"""Heads of differentiable binarisation (DB, Liao et al. 2020, arXiv:1911.08947): features at stride 4 to full size.

In training a probability map ("shrink": inside the shrunk text regions), a threshold map, and their soft step
("binary"); at inference the probability map alone.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkline.training.nets.contracts import Head, Layer
from inkline.training.nets.db_necks import WithAuxiliary
from inkline.training.nets.layers import ConvBN, upsample

STEEPNESS = 50  # of the soft step, per unit of probability


def soft_step(shrink: Tensor, thresh: Tensor) -> Tensor:
    """1 / (1 + exp(-50 (shrink - thresh))): the differentiable form of shrink > thresh."""
    return torch.sigmoid(STEEPNESS * (shrink - thresh))


class DBTower(Layer):
    """(N, C, H, W) -> (N, 1, 4 H, 4 W) in (0, 1): a convolution and two transposed convolutions of stride 2."""

    bn_pairs = (("conv1", "conv_bn1"), ("conv2", "conv_bn2"))

    def __init__(self, inputs: int, kernel: int = 3) -> None:
        super().__init__()
        width = inputs // 4
        self.conv1 = nn.Conv2d(inputs, width, kernel, padding=kernel // 2, bias=False)
        self.conv_bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.ConvTranspose2d(width, width, 2, 2)
        self.conv_bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.ConvTranspose2d(width, 1, 2, 2)

    def feature(self, x: Tensor) -> Tensor:
        """The map in front of the last transposed convolution: (N, C / 4, 2 H, 2 W)."""
        x = F.relu(self.conv_bn1(self.conv1(x)))
        return F.relu(self.conv_bn2(self.conv2(x)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv3(self.feature(x)))


class DBTowers(Head):
    """The towers of the probability map and of the threshold map, on features (N, C, H / 4, W / 4)."""

    def __init__(self, inputs: int, kernel: int = 3) -> None:
        super().__init__()
        self.binarize = DBTower(inputs, kernel)
        self.thresh = DBTower(inputs, kernel)

    def three_maps(self, features: Tensor) -> dict[str, Tensor]:
        """`shrink`, `thresh` and `binary`, (N, 1, H, W) each."""
        shrink, thresh = self.binarize(features), self.thresh(features)
        return {"shrink": shrink, "thresh": thresh, "binary": soft_step(shrink, thresh)}


class DBHead(DBTowers):
    """Features (N, C, H / 4, W / 4) -> probability map (N, 1, H, W); training adds `thresh` and `binary`."""

    def forward(self, features: Tensor) -> Tensor:
        return self.binarize(features)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return self.three_maps(features)


class LocalRefinement(Layer):
    """Second look at the probability map with the features under it, both at full size: -> (N, 1, H, W)."""

    def __init__(self, features: int, mid: int) -> None:
        super().__init__()
        self.last_3 = ConvBN(features + 1, mid, 3, act=nn.ReLU)
        self.last_1 = nn.Conv2d(mid, 1, 1)

    def forward(self, shrink: Tensor, feature: Tensor) -> Tensor:
        x = torch.cat([shrink, upsample(feature, 2)], 1)
        return torch.sigmoid(self.last_1(self.last_3(x)))


class PFHeadLocal(DBTowers):
    """Parallel fusion head of the server detectors of v4 and v5: the mean of the DB map and a refined one.

    Training adds `cbn`, the refined map, which has a shrink loss of its own.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs)
        self.cbn_layer = LocalRefinement(inputs // 4, inputs // 4)

    def maps(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The DB map and the refined map."""
        feature = self.binarize.feature(features)
        shrink = torch.sigmoid(self.binarize.conv3(feature))
        return shrink, self.cbn_layer(shrink, feature)

    def forward(self, features: Tensor) -> Tensor:
        shrink, refined = self.maps(features)
        return 0.5 * (shrink + refined)

    def training_outputs(self, features: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        shrink, refined = self.maps(features)
        thresh = self.thresh(features)
        return {"shrink": shrink, "thresh": thresh, "binary": soft_step(shrink, thresh), "cbn": refined}


class AuxDBHead(DBTowers):
    """Head of PP-OCRv6: DB, and in training three more pairs of towers on the top-down maps of the neck.

    Takes (features, (map at stride 16, at 8, at 4)). The auxiliary maps, brought to stride 4, give `aux_shrink_p4`,
    `aux_thresh_p4`, `aux_binary_p4` and so on for p3 and p2.
    """

    LEVELS = (("p4", 4), ("p3", 2), ("p2", 1))  # name, factor to stride 4

    def __init__(self, inputs: int) -> None:
        super().__init__(inputs)
        for level, _ in self.LEVELS:
            self.add_module(f"aux_binarize_{level}", DBTower(inputs))
            self.add_module(f"aux_thresh_{level}", DBTower(inputs))

    def forward(self, features: WithAuxiliary) -> Tensor:
        return self.binarize(features[0])

    def training_outputs(self, features: WithAuxiliary, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        main, auxiliary = features
        outputs = self.three_maps(main)
        for (level, factor), level_map in zip(self.LEVELS, auxiliary, strict=True):
            if factor > 1:
                level_map = F.interpolate(level_map, scale_factor=float(factor), mode="bilinear", align_corners=False)
            shrink = self.get_submodule(f"aux_binarize_{level}")(level_map)
            thresh = self.get_submodule(f"aux_thresh_{level}")(level_map)
            outputs[f"aux_shrink_{level}"] = shrink
            outputs[f"aux_thresh_{level}"] = thresh
            outputs[f"aux_binary_{level}"] = soft_step(shrink, thresh)
        return outputs
