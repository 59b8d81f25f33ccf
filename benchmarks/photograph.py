"""A page photographed by code: bent, seen at an angle, lit from one side, on a desk.

`python -m benchmarks.photograph [--model FILE]` draws the picture in docs/pages.md: a page before and after unwarping, with
what was read of it. model: an unwarping net  [default: that of the pipeline].
"""

import argparse
from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.common import ROOT
from inkline import Ocr
from inkline.formats.draw import draw_boxes
from inkline.io.read import read
from inkline.types import Floats, Image

PAGE, PICTURE = ROOT / "examples/sample.png", ROOT / "docs/unwarping.jpg"
ARC, STRETCH = 0.12, 0.04  # how deep lines sag, as a share of the page's height; how unevenly they are stretched
CORNERS = ((0.16, 0.06), (0.90, 0.13), (0.97, 0.86), (0.05, 0.80))  # of the page in the photograph, as shares of it
PICTURE_SIDE = 560


def photograph(page: Image) -> tuple[Image, Callable[[Floats], Floats]]:
    """The page uint8 (H, W, 3) as a photograph of the same size, and where points (N, 2) of the page lie in it."""
    h, w = page.shape[:2]
    size = np.array([w, h], np.float32)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    view = cv2.getPerspectiveTransform(square, np.array(CORNERS, np.float32) * size)

    def place(points: Floats) -> Floats:
        u, v = (np.asarray(points, np.float32) / size).T
        bent = np.stack([u + STRETCH * np.sin(2 * np.pi * u), v + ARC * np.sin(np.pi * u)], axis=-1)
        return np.asarray(cv2.perspectiveTransform(bent[None].astype(np.float32), view)[0], np.float32)

    # For every pixel of the photograph, the place on the page that it shows.
    pixels = np.stack(np.meshgrid(np.arange(w), np.arange(h)), axis=-1).astype(np.float32) + np.float32(0.5)
    x, y = cv2.perspectiveTransform(pixels.reshape(1, -1, 2), np.linalg.inv(view))[0].T
    table = np.linspace(-0.5, 1.5, 4001)
    u = np.interp(x, table + STRETCH * np.sin(2 * np.pi * table), table)
    v = y - ARC * np.sin(np.pi * u)
    at_x, at_y = ((share.reshape(h, w) * side - 0.5).astype(np.float32) for share, side in ((u, w), (v, h)))
    seen = cv2.remap(page, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    on_page = (((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1)).reshape(h, w)).astype(np.float32)
    # Light from the left along the bend, and the page's shadow on a desk of wood.
    seen *= (0.82 + 0.18 * np.cos(np.pi * u)).reshape(h, w, 1).clip(0.5, 1)
    rng = np.random.default_rng(0)
    grain = cv2.resize(rng.normal(0, 14, (h // 3, 8)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    shadow = 1 - 0.5 * cv2.GaussianBlur(np.roll(on_page, (w // 40, w // 40), (0, 1)), (0, 0), w / 60)
    desk = (np.array([70, 105, 140], np.float32) + grain[..., None]) * shadow[..., None]
    edge = cv2.GaussianBlur(on_page, (0, 0), 0.8)[..., None]
    fall = np.linspace(1.0, 0.72, w, dtype=np.float32)[:, None] * np.ones((h, 1, 1), np.float32)
    photo = (seen * edge + desk * (1 - edge)) * fall + rng.normal(0, 3, (h, w, 1))
    return np.clip(photo, 0, 255).astype(np.uint8), place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    arguments = parser.parse_args()
    photo, _ = photograph(next(read(PAGE)).image)
    with Ocr(use_doc_unwarping=True, doc_unwarping_model_dir=arguments.model) as ocr:
        before, after = ocr(photo, use_doc_unwarping=False), ocr(photo)
    # What lies in the file's pixels is drawn on the photograph, also what was found on the flat page.
    panels = [draw_boxes(photo, [line.quad for line in after.lines]), after.straight_image]
    height = PICTURE_SIDE
    shown = [cv2.resize(p, (round(p.shape[1] * height / p.shape[0]), height), interpolation=cv2.INTER_AREA) for p in panels]
    cv2.imwrite(str(PICTURE), np.hstack(shown), [cv2.IMWRITE_JPEG_QUALITY, 70])
    print(f"as it is:\n{before.text}\n\nflat:\n{after.text}\n\n{PICTURE}: {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
