"""Small data sets for training tests, drawn with code: words, pages and turned words."""

import json
from pathlib import Path

import cv2
import numpy as np

CHARSET = tuple("abcdefghijklmnopqrstuvwxyz0123456789")


def word(text: str, height: int = 32) -> np.ndarray:
    """Black text on a light ground, BGR uint8 (height, W, 3)."""
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, height / 40, 1)
    image = np.full((height, width + 8, 3), 230, np.uint8)
    cv2.putText(image, text, (4, round(height * 0.72)), cv2.FONT_HERSHEY_SIMPLEX, height / 40, (20, 20, 20), 1, cv2.LINE_AA)
    return image


def texts(count: int, seed: int = 0, charset: tuple[str, ...] = CHARSET) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(charset, rng.integers(3, 7))) for _ in range(count)]


def lines(folder: Path, count: int, seed: int = 0, width: int = 0) -> Path:
    """A recognition set: `rec.txt` and images, with paper at their right up to `width` pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, text in enumerate(texts(count, seed)):
        image = word(text)
        paper = np.full((len(image), max(width - image.shape[1], 0), 3), 230, np.uint8)
        cv2.imwrite(str(folder / f"{i}.png"), np.concatenate([image, paper], axis=1))
        rows.append(f"{i}.png\t{text}\n")
    (folder / "rec.txt").write_text("".join(rows), encoding="utf-8")
    return folder / "rec.txt"


def pages(folder: Path, count: int, size: int = 160, seed: int = 0) -> Path:
    """A detection set: `det.txt` and pages of a few words."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in range(count):
        page = np.full((size, size, 3), 240, np.uint8)
        labels = []
        for row, text in enumerate(texts(3, seed + i)):
            image = word(text, 24)[:, : size - 8]
            y, x = 8 + row * 50, 4
            page[y : y + 24, x : x + image.shape[1]] = image
            right, bottom = x + image.shape[1], y + 24
            labels.append({"transcription": text, "points": [[x, y], [right, y], [right, bottom], [x, bottom]]})
        cv2.imwrite(str(folder / f"page{i}.png"), page)
        rows.append(f"page{i}.png\t{json.dumps(labels)}\n")
    (folder / "det.txt").write_text("".join(rows), encoding="utf-8")
    return folder / "det.txt"


def turned(folder: Path, count: int) -> Path:
    """A classification set: `cls.txt` with words upright and upside down."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i, text in enumerate(texts(count)):
        image = word(text) if i % 2 == 0 else word(text)[::-1, ::-1]
        cv2.imwrite(str(folder / f"{i}.png"), np.ascontiguousarray(image))
        rows.append(f"{i}.png\t{(i % 2) * 180}\n")
    (folder / "cls.txt").write_text("".join(rows), encoding="utf-8")
    return folder / "cls.txt"
