"""Synthetic lines and pages by many processes: as an ordered stream, or written to a folder with labels in several formats."""

import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inkline.errors import DataError, OutputError
from inkline.files import atomic_path
from inkline.training.synth.draw_line import draw_line
from inkline.training.synth.draw_page import draw_page
from inkline.training.synth.synth_options import LineOptions, PageOptions

SAMPLES_PER_CHUNK = 32
IMAGES_PER_FOLDER = 1000  # images a folder holds


def draw_sample(options: LineOptions | PageOptions, index: int) -> tuple[np.ndarray, Any]:
    """Return `line` or `page` number `index`, by the kind of options."""
    return draw_page(options, index) if isinstance(options, PageOptions) else draw_line(options, index)


def stream(options: LineOptions | PageOptions, start: int, count: int, workers: int) -> Iterator[tuple[np.ndarray, Any]]:
    """Yield samples `start` to `start + count - 1` in order, drawn by `workers` processes (0 or 1: in this one)."""
    yield from map_chunks(partial(_draw_chunk, options), start, count, workers)


def map_chunks(work: Callable[[int, int], list[Any]], start: int, count: int, workers: int) -> Iterator[Any]:
    """Yield the results of `work(first, last)` for chunks of start..start + count, in order, drawn a few chunks ahead."""
    chunks = [(i, min(i + SAMPLES_PER_CHUNK, start + count)) for i in range(start, start + count, SAMPLES_PER_CHUNK)]
    if workers <= 1:
        for first, last in chunks:
            yield from work(first, last)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        waiting: deque[Future[list[Any]]] = deque()
        for first, last in chunks:
            waiting.append(pool.submit(work, first, last))
            if len(waiting) > 4 * workers:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _draw_chunk(options: LineOptions | PageOptions, first: int, last: int) -> list[tuple[np.ndarray, Any]]:
    return [draw_sample(options, i) for i in range(first, last)]


def write_set(options: LineOptions | PageOptions, count: int, folder: Path, workers: int = 1, quality: int = 0) -> Path:
    """Draw samples 0..count - 1 into `folder` and return the path of its labels.jsonl.

    images/000/000000.png (JPEG of `quality` 1..100 when that is not 0), labels.jsonl, and the reference's label file
    beside it: rec.txt for lines, det.txt for pages. Files are written under temporary names first, so an interrupted
    run leaves no label without its image. Raises OutputError when the folder is not empty or cannot be written,
    DataError as drawing does.
    """
    if count < 1:
        raise DataError(f"{count} samples cannot be drawn; ask for at least one")
    with (
        new_folder(folder),
        atomic_path(folder / "labels.jsonl") as labels_part,
        atomic_path(folder / ("det.txt" if isinstance(options, PageOptions) else "rec.txt")) as reference_part,
        open(labels_part, "w", encoding="utf-8") as labels,
        open(reference_part, "w", encoding="utf-8") as reference,
    ):
        for row, text in map_chunks(partial(_write_chunk, options, folder, quality), 0, count, workers):
            labels.write(json.dumps(row, ensure_ascii=False) + "\n")
            reference.write(text + "\n")
    return folder / "labels.jsonl"


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make the folder that a set is written into; OutputError when it holds files, or cannot be written."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder}: already holds files; give a new or empty folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); check space and permissions") from None


def _write_chunk(
    options: LineOptions | PageOptions, folder: Path, quality: int, first: int, last: int
) -> list[tuple[dict[str, Any], str]]:
    """Draw and store a few samples; return the row of labels.jsonl and the reference's label line of each."""
    rows = []
    for index in range(first, last):
        image, label = draw_sample(options, index)
        name = f"images/{index // IMAGES_PER_FOLDER:03d}/{index:06d}.{'jpg' if quality else 'png'}"
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        settings = [cv2.IMWRITE_JPEG_QUALITY, quality] if quality else [cv2.IMWRITE_PNG_COMPRESSION, 1]
        ok, data = cv2.imencode(target.suffix, image, settings)
        if not ok:
            raise OutputError(f"{target}: the image could not be encoded")
        target.write_bytes(data.tobytes())
        rows.append((_row(name, image, label, options), f"{name}\t{_reference_label(label)}"))
    return rows


def _row(name: str, image: np.ndarray, label: Any, options: LineOptions | PageOptions) -> dict[str, Any]:
    """The labels.jsonl row of a sample; every sample is a document of its own."""
    settings = options.line if isinstance(options, PageOptions) else options
    row: dict[str, Any] = {"image": name, "kind": "synthetic", "script": settings.script, "doc": Path(name).stem}
    row |= {"width": image.shape[1], "height": image.shape[0]}
    if isinstance(label, str):
        return row | {"text": label}
    return row | {"lines": [{"points": _points(quad), "text": text} for quad, text in label]}


def _reference_label(label: Any) -> str:
    """The part behind the tab of the reference's recognition or detection label line."""
    if isinstance(label, str):
        return label
    return json.dumps([{"transcription": text, "points": _points(quad)} for quad, text in label], ensure_ascii=False)


def _points(quad: np.ndarray) -> list[list[float]]:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in quad]
