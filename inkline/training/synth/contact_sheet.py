"""Contact sheets: many samples and their labels on one picture, to be looked at."""

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw
from PIL.ImageFont import FreeTypeFont

from inkline.formats.fonts import sized_font
from inkline.scripts import script_of
from inkline.training.synth.draw_line import draw_line
from inkline.training.synth.draw_page import draw_page
from inkline.training.synth.synth_options import LineOptions, PageOptions

CAPTION_HEIGHT_PX, CAPTION_FONT_PX = 20, 14


def contact_sheet(samples: Sequence[tuple[np.ndarray, str]], columns: int = 2, cell: tuple[int, int] = (620, 64)) -> np.ndarray:
    """One BGR uint8 picture of `samples` (image, caption), each scaled to fit `cell` (width, height) above its caption."""
    width, height = cell
    step = height + CAPTION_HEIGHT_PX * max((text.count("\n") + 1 for _, text in samples), default=1)
    sheet = np.full((max(1, -(-len(samples) // columns)) * step, columns * width, 3), 255, np.uint8)
    of_script: dict[str, str] = {}  # no face has every script, so each gets its own
    for _, text in samples:
        of_script[script_of(text)] = of_script.get(script_of(text), "") + text
    fonts = {script: sized_font(texts, CAPTION_FONT_PX) for script, texts in of_script.items()}
    for i, (image, text) in enumerate(samples):
        y, x = i // columns * step, i % columns * width + 4
        scale = min((width - 8) / image.shape[1], height / image.shape[0], 3.0)
        size = max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale))
        shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        sheet[y : y + shown.shape[0], x : x + shown.shape[1]] = shown if shown.ndim == 3 else shown[..., None]
        for row, part in enumerate(text.split("\n")):
            strip = caption(part, fonts[script_of(text)], width - 8)
            top = y + height + row * CAPTION_HEIGHT_PX
            sheet[top : top + CAPTION_HEIGHT_PX, x : x + strip.shape[1]] = strip
    return sheet


def caption(text: str, font: FreeTypeFont, width: int) -> np.ndarray:
    """One line of blue text on white, BGR uint8 (CAPTION_HEIGHT_PX, up to `width`, 3); longer text is narrowed."""
    strip = Image.new("RGB", (max(1, int(font.getlength(text)) + 2), CAPTION_HEIGHT_PX), "white")
    ImageDraw.Draw(strip).text((0, 0), text, fill=(0, 0, 160), font=font)
    if strip.width > width:
        strip = strip.resize((width, CAPTION_HEIGHT_PX), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(strip)[..., ::-1])


def line_sheet(options: LineOptions, count: int = 40) -> np.ndarray:
    """The contact sheet of the first `count` lines of `options`."""
    return contact_sheet([draw_line(options, i) for i in range(count)])


def page_sheet(options: PageOptions, count: int = 12, cell: tuple[int, int] = (480, 480)) -> np.ndarray:
    """The contact sheet of the first `count` pages of `options`, quads drawn in, first corners marked."""
    shown = []
    for i in range(count):
        image, lines = draw_page(options, i)
        shown.append((outline(image, [quad for quad, _ in lines]), f"{len(lines)} lines"))
    return contact_sheet(shown, 4, cell)


def outline(image: np.ndarray, polygons: Sequence[np.ndarray]) -> np.ndarray:
    """A copy of a BGR uint8 image with polygons (P, 2) drawn in red, first points in blue."""
    out = image.copy()
    for polygon in polygons:
        points = np.round(polygon).astype(np.int32)
        cv2.polylines(out, [points.reshape(-1, 1, 2)], True, (0, 0, 255), max(1, max(image.shape) // 800))
        cv2.circle(out, (int(points[0, 0]), int(points[0, 1])), max(2, max(image.shape) // 300), (255, 0, 0), -1)
    return out
