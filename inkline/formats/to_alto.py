"""ALTO 4.4 (http://www.loc.gov/standards/alto): blocks, lines and words in source pixels."""

import xml.etree.ElementTree as ET

import numpy as np

import inkline
from inkline.formats.placing import angle, direction, is_upright, is_vertical, paragraphs, place_words, reading_quad
from inkline.formats.xml import element, points, serialize, sides
from inkline.types import Document, Floats, Line, Page

SUFFIX = ".alto.xml"

NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"


def render(document: Document) -> str:
    """One file for the whole document; a paragraph is a TextBlock."""
    root = ET.Element(
        "alto",
        {
            "xmlns": NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": f"{NAMESPACE} {SCHEMA}",
            "SCHEMAVERSION": "4.4",
        },
    )
    description = element(root, "Description")
    element(description, "MeasurementUnit", "pixel")
    source = document.source if document.source is not None else next((p.source for p in document.pages), None)
    if source is not None:
        element(element(description, "sourceImageInformation"), "fileName", source)
    processing = element(description, "Processing", ID="processing")
    element(processing, "processingCategory", "contentGeneration")
    software = element(processing, "processingSoftware")
    element(software, "softwareName", "inkline")
    element(software, "softwareVersion", inkline.__version__)
    layout = element(root, "Layout")
    for number, page in enumerate(document.pages, 1):
        _page(layout, page, number)
    return serialize(root)


def _page(layout: ET.Element, page: Page, number: int) -> None:
    width, height = page.size
    image_number = number if page.page_index is None else page.page_index + 1
    size = {"WIDTH": width, "HEIGHT": height}
    node = element(
        layout, "Page", ID=f"page_{number}", PHYSICAL_IMG_NR=image_number, PROCESSINGREFS="processing", **size
    )
    if page.lines:
        mean = float(np.mean([line.score for line in page.lines]))
        node.set("PC", f"{min(1.0, max(0.0, mean)):.4f}")
    space = element(node, "PrintSpace", HPOS=0, VPOS=0, **size)
    for block, lines in enumerate(paragraphs(page), 1):
        area = element(space, "TextBlock", ID=f"block_{number}_{block}", **sides([line.quad for line in lines]))
        turn = float(np.median([angle(line) for line in lines]))
        if abs(turn) >= 0.05:
            area.set("ROTATION", f"{turn:.2f}")
        for i, line in enumerate(lines, 1):
            _line(area, line, f"{number}_{block}_{i}")


def _line(block: ET.Element, line: Line, number: str) -> None:
    kind = "ttb" if is_vertical(line) else direction(line)
    node = element(block, "TextLine", ID=f"line_{number}", **sides([line.quad]), BASEDIRECTION=kind)
    node.set("BASELINE", points(reading_quad(line)[[3, 2]]))
    _shape(node, line.quad)
    for j, placed in enumerate(place_words(line), 1):
        word = placed.word
        string = element(node, "String", ID=f"word_{number}_{j}", **sides([word.quad]), CONTENT=word.text)
        string.set("WC", f"{min(1.0, max(0.0, word.score)):.4f}")
        _shape(string, word.quad)
        if placed.space_after:
            element(node, "SP")


def _shape(node: ET.Element, quad: Floats) -> None:
    """The exact corners, where the box alone does not tell them."""
    if not is_upright(quad):
        element(element(node, "Shape"), "Polygon", POINTS=points(quad))
