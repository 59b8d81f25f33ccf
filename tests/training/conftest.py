"""Fonts and small data sets for the tests of training data, drawn by code."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ImageFont

from inkline.errors import DataError
from inkline.training.synth import font_faces
from inkline.training.synth.scripts import SCRIPTS


@pytest.fixture(scope="session", autouse=True)
def own_font_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests' font cache out of the user's; not by XDG_CACHE_HOME, where the models of all tests are. Processes that
    test side by side have one: the fonts of a system take a quarter of a minute to look through."""
    folder = tmp_path_factory.getbasetemp()
    file = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "fonts.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(font_faces, "_cache_file", lambda: file)
        yield


@pytest.fixture(scope="session")
def latin_font(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The TrueType font inside Pillow, as a file: basic Latin."""
    file = tmp_path_factory.mktemp("fonts") / "pillow.ttf"
    file.write_bytes(ImageFont.load_default(20).path.getvalue())
    return str(file)


@pytest.fixture
def needs_script():
    """Skip where no system font draws a script."""

    def check(name: str) -> None:
        try:
            font_faces.families((), SCRIPTS[name])
        except DataError as error:
            pytest.skip(str(error))

    return check


@pytest.fixture
def line_set(tmp_path: Path) -> Path:
    """Six line images with the reference's label file rec.txt; two documents."""
    (tmp_path / "images").mkdir(exist_ok=True)
    rows = []
    for i, text in enumerate(["one", "two", "three", "four", "five", "six"]):
        image = np.full((24, 20 + 12 * len(text), 3), 255, np.uint8)
        cv2.putText(image, text, (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (0, 0, 0), 1)
        name = f"images/page{i % 2}_crop_{i}.png"
        cv2.imwrite(str(tmp_path / name), image)
        rows.append(f"{name}\t{text}")
    (tmp_path / "rec.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def page_image(seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """A white page with three black bars of text size, and their quads."""
    image = np.full((200, 300, 3), 255, np.uint8)
    quads = []
    for i in range(3):
        x, y, w, h = 20 + 10 * seed, 20 + 60 * i, 180, 30
        cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), (0, 0, 0), -1)
        quads.append(np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32))
    return image, quads


@pytest.fixture
def page_set(tmp_path: Path) -> Path:
    """Four pages with labels in det.txt and labels.jsonl; the last region of each page is ignored."""
    (tmp_path / "images").mkdir(exist_ok=True)
    tabbed, rows = [], []
    for i in range(4):
        image, quads = page_image(i)
        name = f"images/page{i}.png"
        cv2.imwrite(str(tmp_path / name), image)
        texts = ["first", "second", "###"]
        points = [quad.tolist() for quad in quads]
        items = [{"transcription": t, "points": p} for t, p in zip(texts, points, strict=True)]
        lines = [{"text": t, "points": p, "ignore": t == "###"} for t, p in zip(texts, points, strict=True)]
        tabbed.append(f"{name}\t{json.dumps(items)}")
        rows.append(json.dumps({"image": name, "doc": f"book{i // 2}", "lines": lines}))
    (tmp_path / "det.txt").write_text("\n".join(tabbed), encoding="utf-8")
    (tmp_path / "labels.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path
