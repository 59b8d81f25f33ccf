"""What stands in front of a recogniser's backbone: thin-plate-spline rectification (STAR-Net, RARE), grey (SRN).

Papers: Shi et al., "Robust Scene Text Recognition with Automatic Rectification" (RARE, arXiv:1603.03915); Liu et al.,
"STAR-Net" (BMVC 2016); Jaderberg et al., "Spatial Transformer Networks" (arXiv:1506.02025).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from inkline.training.nets.contracts import Layer
from inkline.training.nets.layers import ConvBN

LOCALIZATION_WIDTHS = {"large": (64, 128, 256, 512), "small": (16, 32, 64, 128)}
LOCALIZATION_HIDDEN = {"large": 256, "small": 64}


class LocalizationNet(Layer):
    """Where the fiducial points of the text lie: (N, 3, H, W) -> (N, points, 2), (x, y) in [-1, 1] of the image.

    Half of the points follow the upper edge of the text from left to right, half the lower edge.
    """

    def __init__(self, points: int, size: str) -> None:
        super().__init__()
        widths, hidden = LOCALIZATION_WIDTHS[size], LOCALIZATION_HIDDEN[size]
        channels = (3, *widths)
        self.convs = nn.ModuleList(ConvBN(a, b, 3, act=nn.ReLU) for a, b in zip(channels, widths, strict=False))
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(widths[-1], hidden)
        self.fc2 = nn.Linear(hidden, 2 * points)
        self.points = points
        self._start_at_the_border()

    def _start_at_the_border(self) -> None:
        """Training begins with (almost) the whole image: points on its upper and lower edge, no dependence on it."""
        with torch.no_grad():
            self.fc2.weight.zero_()
            self.fc2.bias.copy_(canonical_points(self.points).reshape(-1))

    def forward(self, x: Tensor) -> Tensor:
        # halved behind every convolution but the last, behind which the whole map becomes its mean
        *convs, last = self.convs
        for conv in convs:
            x = self.pool(conv(x))
        x = last(x).mean((2, 3))
        # (N, hidden), then x and y of every point
        located: Tensor = self.fc2(torch.relu(self.fc1(x)))
        return located.reshape(-1, self.points, 2)


def canonical_points(points: int) -> Tensor:
    """(points, 2) float64: half evenly on y = -1, half on y = 1, x from -1 to 1."""
    x = torch.linspace(-1.0, 1.0, points // 2, dtype=torch.float64)
    return torch.cat([torch.stack([x, torch.full_like(x, y)], 1) for y in (-1.0, 1.0)])


def spline_matrix_inverse(points: int) -> Tensor:
    """(points + 3, points + 3) float32: inverse of [[1, C, R], [0, 0, C^T], [0, 0, 1^T]] of the canonical points.

    R_ij = d^2 log d, with d the distance of points i and j. Inverted in float64, then rounded as in the reference; the
    matrix is badly conditioned (1869 for 20 points), so even this rounding shows in the result.
    """
    c = canonical_points(points)
    d = torch.cdist(c, c)
    d.fill_diagonal_(1.0)  # log 1 = 0 on the diagonal
    radial = d**2 * torch.log(d)
    one = torch.ones(points, 1, dtype=torch.float64)
    top = torch.cat([one, c, radial], 1)
    middle = torch.cat([torch.zeros(2, 3, dtype=torch.float64), c.T], 1)
    bottom = torch.cat([torch.zeros(1, 3, dtype=torch.float64), one.T], 1)
    inverse: Tensor = torch.linalg.inv(torch.cat([top, middle, bottom]))
    return inverse.float()


class Gray(Layer):
    """(N, 3, H, W) blue, green, red -> (N, 1, H, W) grey by the weights of Rec. 601; one channel passes as it is."""

    weights: Tensor

    def __init__(self) -> None:
        super().__init__()
        weights = torch.tensor([0.114, 0.587, 0.299]).reshape(1, 3, 1, 1)
        self.register_buffer("weights", weights, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x if x.shape[1] == 1 else (x * self.weights).sum(1, keepdim=True)


class TPS(Layer):
    """Straighten a bent or slanted word: (N, 3, H, W) -> (N, 3, H, W).

    The localization net finds where 20 points on the edges of the straight result lie in the input; the thin-plate
    spline through them says for every output pixel where to sample.

    Unusual: `offset` maps the points to three further rows, which take the place of zeros in the spline's linear
    system; its released weights are all zero. Sampling uses align_corners=True although the grid gives pixel centres;
    weights were trained with that half-pixel shrink, so it stays.
    """

    inverse: Tensor
    canonical: Tensor

    def __init__(self, points: int, size: str) -> None:
        super().__init__()
        self.points = points
        self.loc_net = LocalizationNet(points, size)
        self.offset = nn.Linear(2 * points, 6)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)
        # computed, not learned: kept out of the state dict
        self.register_buffer("inverse", spline_matrix_inverse(points), persistent=False)
        self.register_buffer("canonical", canonical_points(points), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        grid = self.grid(self.loc_net(x), height, width)
        return functional.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=True)

    def grid(self, located: Tensor, height: int, width: int) -> Tensor:
        """Where to sample: points (N, points, 2) -> (N, H, W, 2), (x, y) in [-1, 1].

        In float64, because the sums cancel: float32 would put the sampling off by up to a thousandth of a pixel,
        differently on every machine.
        """
        extra = self.offset(located.reshape(-1, 2 * self.points)).reshape(-1, 3, 2)
        coefficients = self.inverse.double() @ torch.cat([located, extra], 1).double()
        return (self.basis(height, width) @ coefficients).reshape(-1, height, width, 2).to(located.dtype)

    def basis(self, height: int, width: int) -> Tensor:
        """(H*W, points + 3) float64: [1, x, y, d^2 log(d + 1e-6) to every point] at each pixel centre, row by row."""
        device = self.canonical.device
        x = (2 * torch.arange(width, device=device).double() + 1 - width) / width
        # Rows as plain numbers: an exported height is fixed, and OpenVINO (2026.4) never ends rewriting the division of
        # float64 constants that the same line as for x would leave in the file.
        rows = [(2 * i + 1 - int(height)) / int(height) for i in range(int(height))]
        y = torch.tensor(rows, dtype=torch.float64, device=device)
        pixels = torch.stack([x[None, :].expand(height, width), y[:, None].expand(height, width)], 2).reshape(-1, 2)
        d = (pixels[:, None] - self.canonical[None]).square().sum(2).sqrt()
        radial = d.square() * torch.log(d + 1e-6)
        return torch.cat([torch.ones_like(pixels[:, :1]), pixels, radial], 1)
