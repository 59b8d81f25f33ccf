"""What a training set is made of, and what is found wrong with it on the way in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from inkline.errors import DataError

TASKS = ("det", "rec", "cls")
LMDB_SIGN = "lmdb:"


@dataclass(frozen=True, eq=False)
class Region:
    """One text region: `points` float32 (P, 2), P >= 3, clockwise from the top left, in pixels of the file; `ignore`:
    do not care.
    """

    points: np.ndarray
    text: str = ""
    ignore: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled image.

    paths    files that show the same text, of which one is drawn (usually one); `lmdb:<folder>#<number>` inside an LMDB
    where    `label file:line`, for messages
    doc      the document the image comes from: splits never part a document
    text     recognition; regions: detection; label: classification ("0", "180", ...)
    """

    paths: tuple[str, ...]
    where: str
    doc: str
    text: str = ""
    regions: tuple[Region, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a sample: the kind (a key of `Report.counts`), where it is and what it is."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True)
class Report:
    """What loading a set found: how many samples are usable, how many were skipped, and every problem."""

    task: str
    usable: int
    skipped: int
    problems: tuple[Problem, ...] = ()
    missing_characters: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of problem was met, most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def lines(self, limit: int = 5) -> list[str]:
        """The report as text: a summary, then each kind with its first `limit` cases."""
        out = [f"{self.usable} usable samples, {self.skipped} skipped"]
        for kind, count in self.counts.items():
            cases = [p for p in self.problems if p.kind == kind]
            out.append(f"{kind}: {count}")
            out += [f"    {p.where}: {p.detail}" for p in cases[:limit]]
            if count > limit:
                out.append(f"    ... and {count - limit} more")
        if self.missing_characters:
            rare = " ".join(f"{c!r}x{n}" for c, n in self.missing_characters.most_common(40))
            out.append(f"characters outside the charset: {rare}")
        return out


def read_image(path: str) -> np.ndarray:
    """Return the image at `path` (a file, or `lmdb:<folder>#<number>`) as BGR uint8 (H, W, 3), EXIF turns not applied.

    Raises DataError when it is missing or cannot be decoded.
    """
    if path.startswith(LMDB_SIGN):
        data = _from_lmdb(path)
    else:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path}: not an image that can be decoded; remove it from the labels or replace it")
    return np.asarray(image)


def _from_lmdb(path: str) -> bytes:
    folder, _, number = path[len(LMDB_SIGN) :].rpartition("#")
    with open_lmdb(folder).begin() as transaction:
        data = transaction.get(f"image-{int(number):09d}".encode())
    if data is None:
        raise DataError(f"{path}: the LMDB holds no such image")
    return bytes(data)


@lru_cache(maxsize=16)
def open_lmdb(folder: str):  # type: ignore[no-untyped-def]
    """Return the LMDB environment in `folder`, read-only, opened once per process."""
    try:
        import lmdb
    except ImportError:
        raise DataError(f"{folder}: reading LMDB needs the package lmdb; pip install 'inkline[train]'") from None
    try:
        return lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False, max_readers=64)
    except lmdb.Error as error:
        raise DataError(f"{folder}: not an LMDB ({error})") from None


def polygon_problem(points: np.ndarray) -> str:
    """Say what is wrong with a polygon (P, 2), or return an empty string: too few points, not finite, or hardly any
    area.
    """
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        return f"{len(points)} points where a polygon has at least 3"
    if not np.isfinite(points).all():
        return "a coordinate is not a finite number"
    area = abs(float(cv2.contourArea(points.astype(np.float32))))
    return f"an area of {area:.1f} px" if area < 1 else ""
