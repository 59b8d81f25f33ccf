"""Pictures of a page: its boxes, the text that was read, and how it was turned and unwarped; and their files."""

import random
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw

from inkline.errors import OutputError, UsageError
from inkline.formats.fonts import sized_font
from inkline.formats.line_geometry import FULL_WIDTH, advance_width
from inkline.io.sources import PICTURE_SUFFIXES
from inkline.layout.geometry import crop_size, sample_by_grid, turn
from inkline.types import Document, Floats, Image, Line, Page, Transform

CAPTION_PX = 25  # height of a panel's caption
# A box more than COLUMN_RATIO times as high as wide, and higher than MIN_COLUMN_PX, is a column (docs/reference_rules.md,
# "Results").
COLUMN_RATIO, MIN_COLUMN_PX = 2, 30
MAX_TEXT_PIXELS = 1 << 22  # that the text of one line is drawn with
TEXT_HEIGHT_SHARE = 0.8  # font size as a share of the line's height


def render_img(document: Document, suffix: str = ".png") -> bytes:
    """The picture of a document's only page, encoded as files of this ending are; UsageError for several pages."""
    if len(document) != 1:
        raise UsageError(f"a picture shows one page, and this document has {len(document)}: write page by page")
    return encode_image(draw_page(document.pages[0]), suffix)


def encode_image(image: Image, suffix: str) -> bytes:
    """An image BGR uint8 as the content of a file of this ending.

    Errors: UsageError for an ending that pictures cannot have, OutputError for an image too large for its kind of file.
    """
    if suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(f"a picture cannot be written as {suffix!r}: use one of {', '.join(sorted(PICTURE_SUFFIXES))}")
    height, width = image.shape[:2]
    try:
        done, content = cv2.imencode(suffix, image)
    except cv2.error:
        done = False
    if not done:
        raise OutputError(f"a picture of {width} x {height} pixels is too large for {suffix} files; write it as .png")
    return bytes(content)


def draw_page(page: Page) -> Image:
    """The page with its boxes on the left, the text at its place on white on the right: BGR uint8 (H, 2 W, 3).

    Every line has one colour on both sides; the same page gives the same colours.
    """
    image = page.image
    height, width = image.shape[:2]
    out = np.full((height, 2 * width, 3), 255, np.uint8)
    left, right = out[:, :width], out[:, width:]
    left[:] = image
    for line, color in zip(page.lines, _colors(len(page.lines)), strict=True):
        _tint(left, line.quad, color)
        _draw_text(right, line)
        cv2.polylines(right, [_whole_pixels(line.quad)], True, color, 1, cv2.LINE_AA)
    return out


def draw_boxes(image: Image, quads: Iterable[Floats]) -> Image:
    """A copy of the image with the outlines of quads or polygons (P, 2) in its pixels, each in its own colour."""
    out = image.copy()
    quads = list(quads)
    thick = max(1, round(max(image.shape[:2]) / 1000))
    for quad, color in zip(quads, _colors(len(quads)), strict=True):
        cv2.polylines(out, [_whole_pixels(quad)], True, color, thick, cv2.LINE_AA)
    return out


def draw_caption(image: Image, text: str) -> Image:
    """The image with a text in black on white below it, as wide as the image and 100 px at least."""
    height, width = image.shape[:2]
    out = np.full((height + CAPTION_PX, max(width, 100), 3), 255, np.uint8)
    out[:height, :width] = image
    _paste(out, _text_patch(text, out.shape[1], CAPTION_PX), 0, height)
    return out


def draw_preprocessing(page: Page) -> Image | None:
    """What turning and unwarping made of the page: original, turned, flat, each with a caption below, side by side.

    None for a page for which neither was asked.
    """
    asked = [page.settings.get(f"use_doc_{stage}", False) for stage in ("orientation_classify", "unwarping")]
    transform = page.transform or Transform(page.size)
    if not any(asked) and transform.is_identity:
        return None
    image = page.image
    turned = turn(image, transform.angle)
    steps = [("Original", image), (f"Turned by {transform.angle}", turned), ("Flat", straighten(image, transform))]
    # Side by side at their own sizes, each caption on the lower edge of its panel.
    height = max(step.shape[0] for _, step in steps) + CAPTION_PX
    out = np.full((height, sum(step.shape[1] for _, step in steps), 3), 255, np.uint8)
    x = 0
    for caption, step in steps:
        h, w = step.shape[:2]
        out[:h, x : x + w] = step
        _paste(out, _text_patch(caption, w, CAPTION_PX), x, height - CAPTION_PX)
        x += w
    return out


def straighten(image: Image, transform: Transform) -> Image:
    """The source image turned and unwarped, as the detector saw it."""
    turned = turn(image, transform.angle)
    return turned if transform.grid is None else sample_by_grid(turned, transform.grid, transform.straight_size)


def _colors(count: int) -> list[tuple[int, int, int]]:
    """That many colours, always the same."""
    choose = random.Random(0)
    return [(choose.randint(0, 255), choose.randint(0, 255), choose.randint(0, 255)) for _ in range(count)]


def _whole_pixels(quad: Floats) -> NDArray[np.int32]:
    return np.rint(quad).astype(np.int32)


def _tint(image: Image, quad: Floats, color: tuple[int, int, int]) -> None:
    """Fill a polygon half-transparently, in place."""
    x, y, w, h = cv2.boundingRect(_whole_pixels(quad))
    x0, y0 = max(x, 0), max(y, 0)
    part = image[y0 : max(y + h, 0), x0 : max(x + w, 0)]
    if part.size:
        filled = part.copy()
        cv2.fillPoly(filled, [_whole_pixels(quad) - np.array([x0, y0], np.int32)], color)
        part[:] = cv2.addWeighted(part, 0.5, filled, 0.5, 0)


def _draw_text(canvas: Image, line: Line) -> None:
    """Write a line's text into its quad, in place: along its direction, or letter below letter in a column."""
    x0, y0, x1, y1 = line.box
    has_wide = any(advance_width(c) == FULL_WIDTH for c in line.text)
    column = has_wide and y1 - y0 > max(COLUMN_RATIO * (x1 - x0), MIN_COLUMN_PX)
    quad = line.quad if column else line.reading_quad
    width, height = crop_size(quad)
    text = " ".join(line.text.split())
    if width < 2 or height < 2 or not text:
        return
    # Drawn upright first; letters a thousand pixels high may be a little blurred.
    shrink = min(1.0, (MAX_TEXT_PIXELS / (width * height)) ** 0.5)
    width, height = max(2, int(width * shrink)), max(2, int(height * shrink))
    patch = _column_patch(text, width, height) if column else _text_patch(text, width, height)
    # Then warped to where the quad lies on the page.
    x, y, w, h = cv2.boundingRect(_whole_pixels(quad))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, quad - np.array([x, y], np.float32))
    warped = cv2.warpPerspective(patch, matrix, (w, h), flags=cv2.INTER_LINEAR, borderValue=255)
    _paste(canvas, np.asarray(warped, np.uint8), x, y)


def _paste(canvas: Image, patch: NDArray[np.uint8], x: int, y: int) -> None:
    """Darken the canvas by a grey patch (h, w) at (x, y), in place; what lies outside is cut off."""
    h, w = patch.shape
    part = canvas[max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)]
    inside = patch[max(-y, 0) :, max(-x, 0) :][: part.shape[0], : part.shape[1]]
    np.minimum(part, inside[:, :, None], out=part)


def _text_patch(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """Black text on white, as large as fits into (height, width), uint8."""
    # The size that the height allows, then smaller until width and height both hold the text.
    size = max(1, int(height * TEXT_HEIGHT_SHARE))
    _, top, right, bottom = sized_font(text, size).getbbox(text, anchor="ls")
    size = max(1, int(size * min(1, width / max(right, 1), height / max(bottom - top, 1))))
    font = sized_font(text, size)
    patch = Pillow.new("L", (width, height), 255)
    draw = ImageDraw.Draw(patch)
    _, top, _, bottom = font.getbbox(text, anchor="lm")
    # Centred where it fits so, as neighbouring lines are; scripts with tall marks are moved until they fit.
    y = height / 2 + max(0, -top - height / 2) - max(0, bottom - height / 2)
    draw.text((0, y), text, fill=0, font=font, anchor="lm")
    return np.asarray(patch)


def _column_patch(text: str, width: int, height: int) -> NDArray[np.uint8]:
    """Black letters on white, one below the other, as large as fits into (height, width), uint8."""
    step = height / len(text)
    font = sized_font(text, max(1, int(min(width, step) * 0.9)))
    patch = Pillow.new("L", (width, height), 255)
    draw = ImageDraw.Draw(patch)
    for i, character in enumerate(text):
        draw.text((width / 2, (i + 0.5) * step), character, fill=0, font=font, anchor="mm")
    return np.asarray(patch)
