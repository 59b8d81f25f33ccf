"""PAGE XML 2019-07-15 (PRImA): regions, lines and words in source pixels; the format holds one page a file."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np

import inkline
from inkline.errors import OutputError
from inkline.formats.placing import angle, bounds, direction, is_vertical, paragraphs, place_words, reading_quad
from inkline.formats.xml import element, points, serialize, utc_now
from inkline.types import Document, Line, Page

SUFFIX = ".page.xml"

NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"

_DIRECTIONS = {"ltr": "left-to-right", "rtl": "right-to-left", "ttb": "top-to-bottom"}


def render(document: Document) -> str:
    """The one page of a document; OutputError for more, as the format cannot hold them."""
    if len(document.pages) != 1:
        raise OutputError(f"PAGE XML holds one page a file, not {len(document.pages)}: write each page by itself")
    page = document.pages[0]
    root = ET.Element(
        "PcGts",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{NAMESPACE} {NAMESPACE}/pagecontent.xsd",
        },
    )
    metadata = element(root, "Metadata")
    element(metadata, "Creator", f"inkline {inkline.__version__}")
    element(metadata, "Created", utc_now())
    element(metadata, "LastChange", utc_now())
    source = page.source if page.source is not None else document.source or ""
    width, height = page.size
    node = element(root, "Page", imageFilename=source, imageWidth=width, imageHeight=height)
    blocks = paragraphs(page)
    if blocks:
        order = element(element(node, "ReadingOrder"), "OrderedGroup", id="order")
        for i in range(len(blocks)):
            element(order, "RegionRefIndexed", index=i, regionRef=f"region_{i + 1}")
    for i, lines in enumerate(blocks, 1):
        _region(node, lines, i, page)
    return serialize(root)


def _region(node: ET.Element, lines: list[Line], number: int, page: Page) -> None:
    kinds = {_kind(line) for line in lines}
    turn = float(np.median([angle(line) for line in lines]))
    region = element(node, "TextRegion", id=f"region_{number}", type="paragraph")
    if abs(turn) >= 0.05:
        region.set("orientation", f"{turn:.2f}")  # the clockwise turn that sets the region upright
    if len(kinds) == 1:
        region.set("readingDirection", _DIRECTIONS[kinds.pop()])
    x0, y0, x1, y1 = bounds([line.quad for line in lines])
    element(region, "Coords", points=points(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32), page.size))
    for i, line in enumerate(lines, 1):
        _line(region, line, f"{number}_{i}", page)
    _text(region, "\n".join(line.text for line in lines), [line.score for line in lines])


def _line(region: ET.Element, line: Line, number: str, page: Page) -> None:
    kind = _kind(line)
    node = element(region, "TextLine", id=f"line_{number}", readingDirection=_DIRECTIONS[kind])
    element(node, "Coords", points=points(line.quad, page.size))
    element(node, "Baseline", points=points(reading_quad(line)[[3, 2]], page.size))
    for j, placed in enumerate(place_words(line), 1):
        word = element(node, "Word", id=f"word_{number}_{j}")
        element(word, "Coords", points=points(placed.word.quad, page.size))
        _text(word, placed.word.text, [placed.word.score])
    _text(node, line.text, [line.score])


def _text(node: ET.Element, text: str, scores: Sequence[float]) -> None:
    confidence = f"{min(1.0, max(0.0, float(np.mean(scores)))):.4f}"
    element(element(node, "TextEquiv", conf=confidence), "Unicode", text)


def _kind(line: Line) -> str:
    return "ttb" if is_vertical(line) else direction(line)
