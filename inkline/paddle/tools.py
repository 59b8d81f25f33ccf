"""What PaddleOCR's package has beside its classes: `logger`, `benchmark`, and `draw_ocr` of 2.x."""

import csv
import io
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image as Pillow

from inkline.formats.draw import draw_boxes, draw_page
from inkline.formats.write import make_folder, replace_file
from inkline.io.read import read
from inkline.types import Floats, Image, Line, Page

logger = logging.getLogger("inkline")
BENCHMARK_VARIABLE = "PADDLE_PDX_PIPELINE_BENCHMARK"  # in the environment: times are taken while it is set to true
Result = TypeVar("Result")


@dataclass
class Benchmark:
    """Wall-clock times of `predict`, page by page, while PADDLE_PDX_PIPELINE_BENCHMARK=true or between start and stop.

    What the stages take is told by `inkline bench`.
    """

    rows: list[tuple[str, float]] = field(default_factory=list)  # (class, seconds) of each page
    warming: bool = False

    def timed(self, name: str, results: Iterator[Result]) -> Iterator[Result]:
        """The results as they pass, each with the time until it came."""
        while True:
            began = time.perf_counter()
            result = next(results, None)
            if result is None:
                return
            if os.environ.get(BENCHMARK_VARIABLE, "").lower() in ("1", "true") and not self.warming:
                self.rows.append((name, time.perf_counter() - began))
            yield result

    def start_warmup(self) -> None:
        """What follows does not count."""
        self.warming = True

    def stop_warmup(self) -> None:
        """What follows counts again."""
        self.warming = False

    def reset(self) -> None:
        """Forget all times."""
        self.rows.clear()

    def summary(self) -> list[tuple[str, int, float]]:
        """(class, pages, mean seconds a page)."""
        names = dict.fromkeys(name for name, _ in self.rows)
        times = {name: [seconds for other, seconds in self.rows if other == name] for name in names}
        return [(name, len(times[name]), sum(times[name]) / len(times[name])) for name in names]

    def print_detail_data(self) -> None:
        """Print the time of each page."""
        print(_table(("class", "seconds"), self.rows), end="")

    def print_summary_data(self) -> None:
        """Print pages and mean time of each class."""
        print(_table(("class", "pages", "mean seconds"), self.summary()), end="")

    print_pipeline_data = print_operation_info = print_summary_data

    def save_pipeline_data(self, save_path: str | Path) -> None:
        """Write `detail.csv` and `summary.csv` into a folder."""
        folder = make_folder(Path(save_path))
        replace_file(folder / "detail.csv", _table(("class", "seconds"), self.rows).encode())
        replace_file(folder / "summary.csv", _table(("class", "pages", "mean seconds"), self.summary()).encode())


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([names, *rows])
    return out.getvalue()


benchmark = Benchmark()


def draw_ocr(
    image: Any,
    boxes: Sequence[Any],
    txts: Sequence[str] | None = None,
    scores: Sequence[float] | None = None,
    drop_score: float = 0.5,
    font_path: str = "",
) -> Image:
    """PaddleOCR 2.x's picture: the image with its boxes, and beside it the texts at their places; RGB uint8 (H, W or 2 W, 3).

    image: RGB, an array (H, W, 3) or a Pillow image. boxes: quads [[x, y] * 4]. Those scored below drop_score are left out;
    without texts the boxes alone. font_path has no effect: pictures are drawn with the system's fonts.
    """
    bgr = next(read(Pillow.fromarray(image) if isinstance(image, np.ndarray) else image)).image
    kept = [i for i in range(len(boxes)) if scores is None or scores[i] >= drop_score]
    quads: list[Floats] = [np.array(boxes[i], np.float32).reshape(-1, 2) for i in kept]
    if txts is None:
        return np.ascontiguousarray(draw_boxes(bgr, quads)[:, :, ::-1])
    lines = [Line(txts[i], 1.0 if scores is None else float(scores[i]), q, q) for i, q in zip(kept, quads, strict=True)]
    page = Page(tuple(lines), (bgr.shape[1], bgr.shape[0]), load_image=lambda: bgr)
    return np.ascontiguousarray(draw_page(page)[:, :, ::-1])
