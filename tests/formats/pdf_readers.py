"""Two other readers of PDFs: poppler's pdftotext and PDFium."""

import ctypes
import html
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from inkline.io.pdf import PDFIUM_LOCK

_WORD = re.compile(r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>', re.DOTALL)


@dataclass(frozen=True)
class Found:
    """A word with its box: points from the top left of the page for poppler, user space for PDFium."""

    text: str
    box: tuple[float, float, float, float]


def need_poppler() -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed (poppler-utils)")
    return program


def poppler_text(path: Path) -> str:
    return subprocess.run([need_poppler(), str(path), "-"], capture_output=True, check=True).stdout.decode()


def poppler_words(path: Path, page: int | None = None) -> list[Found]:
    """The words of a page, counted from 0, or of all pages."""
    only = [] if page is None else ["-f", str(page + 1), "-l", str(page + 1)]
    command = [need_poppler(), "-bbox", *only, str(path), "-"]
    out = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    return [Found(html.unescape(text), (float(a), float(b), float(c), float(d))) for a, b, c, d, text in _WORD.findall(out)]


def pdfium_text(path: Path, page: int = 0) -> str:
    with PDFIUM_LOCK:
        document = pypdfium2.PdfDocument(path)
        text_page = document[page].get_textpage()
        text = text_page.get_text_bounded()
        document.close()
    return str(text)


def pdfium_words(path: Path, page: int = 0) -> list[Found]:
    """Runs of characters between white space, in user space (x_min, y_min, x_max, y_max)."""
    out: list[Found] = []
    with PDFIUM_LOCK:
        document = pypdfium2.PdfDocument(path)
        text_page = document[page].get_textpage()
        chars: list[str] = []
        boxes: list[tuple[float, float, float, float]] = []
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        for i in range(text_page.count_chars() + 1):
            code = pdfium.FPDFText_GetUnicode(text_page, i) if i < text_page.count_chars() else 32
            if chr(code).isspace() or code in (0, 2):
                if chars:
                    found = np.array(boxes)
                    low, high = found[:, :2].min(axis=0), found[:, 2:].max(axis=0)
                    text = "".join(chars).encode("utf-16", "surrogatepass").decode("utf-16")
                    out.append(Found(text, (*low.tolist(), *high.tolist())))
                chars, boxes = [], []
                continue
            pdfium.FPDFText_GetCharBox(text_page, i, left, right, bottom, top)
            chars.append(chr(code))
            boxes.append((left.value, bottom.value, right.value, top.value))
        document.close()
    return out


def render(path: Path, page: int = 0, scale: float = 1.0) -> np.ndarray:
    """The page's pixels, BGR."""
    with PDFIUM_LOCK:
        document = pypdfium2.PdfDocument(path)
        document.init_forms()
        image = document[page].render(scale=scale).to_numpy().copy()
        document.close()
    return image


def unmatched(given: list[Found], found: list[Found], tolerance: float) -> list[Found]:
    """The given words that were not found with all four edges within the tolerance."""
    left = list(found)
    missing = []
    for word in given:
        hit = next((o for o in left if o.text == word.text and np.abs(np.subtract(o.box, word.box)).max() <= tolerance), None)
        if hit is None:
            missing.append(word)
        else:
            left.remove(hit)
    return missing
