"""Lines cut out of annotated pages, as the pipeline cuts them: a detection set becomes a recognition set."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from inkline.files import atomic_write
from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.training.data.samples import Sample, read_image
from inkline.training.synth.store import new_folder


def write_lines(pages: Sequence[Sample], folder: Path) -> tuple[int, int]:
    """Cut every line with a text out of the pages into `folder`: images/PAGE_NUMBER.png and rec.txt (`path<TAB>text`).

    Ignored regions, those without a text and empty ones are left out. Returns how many were written and how many left
    out. The label file is written last, so an interrupted run leaves no label without its image. OutputError when the
    folder is not empty or cannot be written, DataError when a page cannot be read.
    """
    rows: list[str] = []
    left_out = 0
    with new_folder(folder):
        (folder / "images").mkdir()
        for number, page in enumerate(pages):
            stem = Path(page.paths[0]).stem
            for place, (crop, text) in enumerate(lines_of(page)):
                if crop is None:
                    left_out += 1
                    continue
                name = f"images/{number:05d}-{stem}-{place:03d}.png"
                (folder / name).write_bytes(cv2.imencode(".png", crop)[1].tobytes())
                rows.append(f"{name}\t{text}\n")
        atomic_write(folder / "rec.txt", "".join(rows))
    return len(rows), left_out


def lines_of(page: Sample) -> Iterator[tuple[np.ndarray | None, str]]:
    """(crop BGR uint8, text) of every region of a page, None for one that is no line to read."""
    image = read_image(page.paths[0])
    for region in page.regions:
        text = " ".join(region.text.split())
        crop = None if region.ignore or not text else crop_quad(image, np.asarray(region.points, np.float32))
        if crop is not None and is_upright_column(crop):
            crop = turn(crop, 90)
        yield crop, text
