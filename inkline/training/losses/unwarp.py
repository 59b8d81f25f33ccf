"""Loss of page unwarping."""

import torch
from torch import Tensor
from torch.nn import functional


def unwarp(points: Tensor, image: Tensor, grid: Tensor, image_weight: float = 1.0) -> dict[str, Tensor]:
    """L1 of the backward map, and of the page it flattens (UVDoc, Verhoeven et al. 2023, without the 3D branch).

    points: (N, 2, h, w) found; grid: (N, 2, h, w) truth, where each node of the flat page lies in the image, -1..1,
    corners aligned; image: (N, 3, H, W) the warped page, 0..1. The pages are compared at a quarter of the image's size.
    """
    with torch.autocast(image.device.type, enabled=False):
        points, image = points.float(), image.float()
        size = [max(side // 4, 2) for side in image.shape[2:]]

        def flat(nodes: Tensor) -> Tensor:
            at = functional.interpolate(nodes, size, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
            return functional.grid_sample(image, at, align_corners=True)

        parts = {
            "grid": functional.l1_loss(points, grid),
            "image": image_weight * functional.l1_loss(flat(points), flat(grid)),
        }
        return {"loss": parts["grid"] + parts["image"], **parts}
