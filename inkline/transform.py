"""How places on the page as it was straightened map to places in the file."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
EDGE_POINTS = 9  # of a quad's edge that are mapped to fit a straight line to its arc


@dataclass(frozen=True, eq=False)
class Transform:
    """How straight pixels map to source pixels.

    size: (width, height) of the source. angle: by how many degrees (0, 90, 180, 270) the source was turned
    counter-clockwise to become upright. grid: None, or (h, w, 2) float32: for node (i, j) of a regular grid
    over the straight image, the (x, y) in the upright image, both as fractions 0..1 with corners aligned.
    flat_size: (width, height) of the straight image that the grid makes; None: that of the upright image.
    straight_size: (width, height) of the straight image.
    """

    size: tuple[int, int]
    angle: int = 0
    grid: Floats | None = None
    flat_size: tuple[int, int] | None = None

    @property
    def upright_size(self) -> tuple[int, int]:
        w, h = self.size
        return (h, w) if self.angle in (90, 270) else (w, h)

    @property
    def straight_size(self) -> tuple[int, int]:
        return self.upright_size if self.flat_size is None else self.flat_size

    @property
    def is_identity(self) -> bool:
        return self.angle == 0 and self.grid is None

    def to_source(self, points: Floats) -> Floats:
        """Straight pixels (..., 2) to source pixels (..., 2), both float32."""
        if self.is_identity:
            return points
        flat = np.asarray(points, np.float32).reshape(-1, 2)
        if self.grid is not None:
            # The grid's corners lie on the centres of the corner pixels, half a pixel inside.
            straight, upright = (np.maximum(size, 2) - np.float32(1) for size in (self.straight_size, self.upright_size))
            flat = through_grid(self.grid, (flat - np.float32(0.5)) / straight) * upright + np.float32(0.5)
        w, h = self.size
        x, y = flat[:, 0], flat[:, 1]
        if self.angle == 90:  # the source's right edge became the top
            x, y = w - y, x
        elif self.angle == 180:
            x, y = w - x, h - y
        elif self.angle == 270:
            x, y = y, h - x
        return np.stack([x, y], axis=1).astype(np.float32).reshape(np.shape(points))

    def quads_to_source(self, quads: Floats) -> Floats:
        """Straight quads (..., 4, 2) to source pixels, corners in the same order.

        On a bent page the upper and lower edges become arcs: of each the straight line that lies nearest to it.
        """
        if self.grid is None:
            return self.to_source(quads)
        quads = np.asarray(quads, np.float32)
        ends = quads[..., [[0, 1], [3, 2]], :]  # of the upper and the lower edge
        along = np.linspace(0, 1, EDGE_POINTS, dtype=np.float32)
        weights = np.stack([1 - along, along], axis=1)  # of an edge's ends at its points
        fit = np.linalg.pinv(weights) @ self.to_source(weights @ ends)
        return np.stack([fit[..., 0, 0, :], fit[..., 0, 1, :], fit[..., 1, 1, :], fit[..., 1, 0, :]], axis=-2)


def through_grid(grid: Floats, at: Floats) -> Floats:
    """Bilinear look-up of places (..., 2) in a grid (h, w, 2), both x and y as fractions, corners aligned.

    Beyond the grid's border its last cells go on.
    """
    rows, cols = grid.shape[:2]
    flat = np.asarray(at, np.float32).reshape(-1, 2) * np.array([cols - 1, rows - 1], np.float32)
    low = np.clip(np.floor(flat).astype(np.int64), 0, [max(cols - 2, 0), max(rows - 2, 0)])
    fx, fy = (flat - low).T[..., None]
    x0, y0 = low.T
    x1, y1 = np.minimum(x0 + 1, cols - 1), np.minimum(y0 + 1, rows - 1)
    top = grid[y0, x0] * (1 - fx) + grid[y0, x1] * fx
    bottom = grid[y1, x0] * (1 - fx) + grid[y1, x1] * fx
    return np.asarray(top * (1 - fy) + bottom * fy, np.float32).reshape(np.shape(at))
