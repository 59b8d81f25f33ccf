"""Documents made by code, holding what is hard to write down: turns, columns, scripts, word boxes, awkward characters."""

import cv2
import numpy as np

from inkline.types import Document, Image, Line, Page, Word

# The settings that the JSON of a page shows, written down so that goldens do not change with our defaults.
SETTINGS = {
    "text_det_limit_side_len": 64,
    "text_det_limit_type": "min",
    "text_det_thresh": 0.3,
    "text_det_max_side_limit": 4000,
    "text_det_box_thresh": 0.6,
    "text_det_unclip_ratio": 1.5,
    "text_rec_score_thresh": 0.0,
    "return_word_box": True,
}


def box(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def turned(x0: float, y0: float, length: float, height: float, degrees: float) -> np.ndarray:
    """A box of this length whose top-left corner is at (x0, y0), turned counter-clockwise about it."""
    a = np.radians(degrees)
    along, down = np.array([np.cos(a), -np.sin(a)]), np.array([np.sin(a), np.cos(a)])
    top = np.array([x0, y0])
    return np.stack([top, top + along * length, top + along * length + down * height, top + down * height]).astype(np.float32)


def line(text: str, quad: np.ndarray, paragraph: int, score: float = 0.98, words: tuple[Word, ...] = ()) -> Line:
    return Line(text, score, quad, quad, det_score=0.9, words=words, paragraph=paragraph)


def lines() -> tuple[Line, ...]:
    """Two columns under a heading, then turned, vertical, right-to-left and awkward lines."""
    words = (
        Word("word", 0.91, box(60, 240, 120, 262)),
        Word("boxes", 0.72, box(131, 240, 205, 262)),
        Word("given", 0.993, box(300, 240, 372, 262)),
    )
    return (
        line("Of Lines & Boxes", box(60, 40, 560, 90), 0),
        line("A paragraph may be cut by a hy-", box(60, 120, 460, 142), 1, 0.97),
        line("phen at the end of <its> lines.", box(60, 150, 455, 172), 1, 0.9612),
        line("A second one follows.", box(60, 200, 330, 222), 2),
        line("word boxes given", box(60, 240, 372, 262), 2, 0.875, words),
        line("The right column begins here", box(520, 120, 900, 142), 3),
        line("and has \"two\" lines, 'quoted'.", box(520, 150, 890, 172), 3),
        line("• first item", box(520, 200, 680, 222), 4),
        line("• second *item* #2", box(520, 230, 760, 252), 4),
        line("turned by twelve degrees", turned(80, 400, 380, 24, 12), 5),
        line("reads upwards", turned(30, 640, 180, 22, 90), 6),
        line("stands on its head", turned(420, 470, 240, 22, 180), 7),
        line("縦書きの日本語", box(930, 120, 960, 340), 8),
        line("横書きの日本語文章", box(520, 300, 740, 326), 9),
        line("مرحبا بالعالم 2024", box(520, 350, 760, 380), 10),
        line("שלום (עולם) ABC", box(520, 400, 740, 428), 10),
        line("control \x01 tab\tnull \x00 and lone \ud800", box(60, 560, 400, 584), 11),
        line("plane 1: 𝒜𝒷 𠮷 é\u0301", box(60, 600, 300, 624), 11, 1.0),
        line("   ", box(60, 650, 90, 670), 12, 0.0),
        line("क्षत्रिय ไทย한국어", box(520, 560, 760, 590), 13),
    )


def document() -> Document:
    """A page of `lines`, an empty page and a page with one line."""
    last = line("Last page", box(20.4, 30.2, 180.7, 60.1), 0)
    pages = (
        Page(lines(), (1000, 700), "scans/a & b.pdf", 0, settings=SETTINGS),
        Page((), (400, 300), "scans/a & b.pdf", 1, settings=SETTINGS),
        Page((last,), (400, 300), "scans/a & b.pdf", 2, settings=SETTINGS),
    )
    return Document(pages, "scans/a & b.pdf")


def drawn(page: Page) -> Image:
    """A picture with a bar where each line stands: nothing to read, but something to compare."""
    width, height = page.size
    image = np.full((height, width, 3), 255, np.uint8)
    for item in page.lines:
        cv2.fillPoly(image, [np.rint(item.quad).astype(np.int32)], (90, 140, 60))
    return image
