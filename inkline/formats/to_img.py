"""The picture of a page with its boxes and its text: `Page.plot()` as a file."""

import cv2

from inkline.errors import OutputError, UsageError
from inkline.formats.draw import draw_page
from inkline.io.names import PICTURE_SUFFIXES
from inkline.types import Document, Image

SUFFIX = ".png"


def render(document: Document) -> bytes:
    """The picture of a document's only page as PNG; UsageError for several pages."""
    return encode(document, SUFFIX)


def encode(document: Document, suffix: str) -> bytes:
    """The picture of a document's only page, encoded as files of this ending are."""
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
