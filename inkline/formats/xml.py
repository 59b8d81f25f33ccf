"""XML formats: hOCR, ALTO and PAGE, with boxes in source pixels."""

import os
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np

import inkline
from inkline.errors import OutputError
from inkline.formats.line_geometry import (
    angle,
    bounds,
    certainty,
    line_height,
    lines_by_paragraph,
    place_words,
    reading_quad,
    writing_direction,
)
from inkline.types import Document, Floats, Line, Page, Table, tables_of

XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
XHTML_DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)
XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance"
ALTO_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
ALTO_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
PAGE_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
MIN_TURN_DEGREES = 0.05  # smaller angles are left out
PAGE_DIRECTIONS = {"ltr": "left-to-right", "rtl": "right-to-left", "ttb": "top-to-bottom"}

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render_hocr(document: Document) -> str:
    """hOCR 1.2: XHTML with areas, paragraphs, lines and words; a word's `x_wconf` is its confidence in percent."""
    html = ET.Element("html", {"xmlns": "http://www.w3.org/1999/xhtml", "xml:lang": "en", "lang": "en"})
    head = _element(html, "head")
    _element(head, "title", document.source or "")
    _element(head, "meta", content="text/html; charset=utf-8", **{"http-equiv": "Content-Type"})
    _element(head, "meta", name="ocr-system", content=f"inkline {inkline.__version__}")
    tables = " ocr_table" if any(page.tables for page in document.pages) else ""
    _element(head, "meta", name="ocr-capabilities", content=f"ocr_page ocr_carea{tables} ocr_par ocr_line ocrx_word")
    body = _element(html, "body")
    for number, page in enumerate(document.pages, 1):
        _hocr_page(body, page, number, document.source)
    for node in html.iter():  # each element on its own row except words: between them a line break would be a space
        if node.get("class") != "ocrx_word":
            node.tail = "\n"
    return f"{XML_DECLARATION}{XHTML_DOCTYPE}{ET.tostring(html, encoding='unicode')}"


def _hocr_page(body: ET.Element, page: Page, number: int, source: str | None) -> None:
    name = page.source if page.source is not None else source or ""
    quoted = _clean(name).replace("\\", "\\\\").replace('"', '\\"')
    index = number - 1 if page.page_index is None else page.page_index
    title = f'image "{quoted}"; bbox 0 0 {page.size[0]} {page.size[1]}; ppageno {index}'
    node = _element(body, "div", class_="ocr_page", id=f"page_{number}", title=title)
    for block, lines in enumerate(lines_by_paragraph(page, unread=True), 1):
        title, name = _hocr_bbox([line.quad for line in lines]), f"{number}_{block}"
        if lines[0].cell is not None:
            area = _element(node, "table", class_="ocr_table", id=f"table_{name}", title=title)
            _hocr_table(area, tables_of(lines)[0], name)
        else:
            _hocr_paragraph(_element(node, "div", class_="ocr_carea", id=f"block_{name}", title=title), lines, name)


def _hocr_table(area: ET.Element, table: Table, name: str) -> None:
    """The rows of a table, a paragraph in each cell that has text."""
    for row in range(table.rows):
        line = _element(area, "tr")
        column = 0
        while column < table.columns:
            found = table.cells.get((row, column), ())
            span = found[0].cell.span if found and found[0].cell else 1
            cell = _element(line, "td", **({"colspan": span} if span > 1 else {}))
            if found:
                _hocr_paragraph(cell, found, f"{name}_{row + 1}_{column + 1}")
            column += span


def _hocr_paragraph(area: ET.Element, lines: Sequence[Line], name: str) -> None:
    node = _element(area, "p", class_="ocr_par", id=f"par_{name}", title=_hocr_bbox([line.quad for line in lines]))
    if all(writing_direction(line) == "rtl" for line in lines):
        node.set("dir", "rtl")
    for i, line in enumerate(lines, 1):
        _hocr_line(node, line, f"{name}_{i}")


def _hocr_line(paragraph: ET.Element, line: Line, number: str) -> None:
    """A line with its turn; the text between its words is a space only where the line has one."""
    # The properties of the line: its box always, its shape and turn only where the box does not tell them.
    title = _hocr_bbox([line.quad])
    if not _is_upright(line.quad):
        title += f"; poly {_points(line.quad).replace(',', ' ')}"
    if abs(angle(line)) >= MIN_TURN_DEGREES:
        title += f"; textangle {angle(line):.2f}"
    title += f"; x_size {line_height(line):.1f}" + ("; x_unread 1" if line.unread else "")
    node = _element(paragraph, "span", class_="ocr_line", id=f"line_{number}", title=title)
    if writing_direction(line) == "rtl":
        node.set("dir", "rtl")
    for j, placed in enumerate(place_words(line), 1):
        title = f"{_hocr_bbox([placed.word.quad])}; x_wconf {certainty(placed.word) * 100:.0f}"
        word = _element(node, "span", placed.word.text, class_="ocrx_word", id=f"word_{number}_{j}", title=title)
        word.tail = " " if placed.space_after else ""


def _hocr_bbox(quads: list[Floats]) -> str:
    return "bbox " + " ".join(str(max(0, value)) for value in bounds(quads))


def render_alto(document: Document) -> str:
    """ALTO 4.4 (http://www.loc.gov/standards/alto), one file for the whole document; a paragraph is a TextBlock.

    A table is a ComposedBlock of the type "table", each of its cells a TextBlock.
    """
    root = _root("alto", ALTO_NAMESPACE, ALTO_SCHEMA)
    root.set("SCHEMAVERSION", "4.4")
    description = _element(root, "Description")
    _element(description, "MeasurementUnit", "pixel")
    source = document.source if document.source is not None else next((p.source for p in document.pages), None)
    if source is not None:
        _element(_element(description, "sourceImageInformation"), "fileName", source)
    processing = _element(description, "Processing", ID="processing")
    _element(processing, "processingCategory", "contentGeneration")
    software = _element(processing, "processingSoftware")
    _element(software, "softwareName", "inkline")
    _element(software, "softwareVersion", inkline.__version__)
    if any(line.unread for page in document.pages for line in page.lines):
        _element(_element(root, "Tags"), "OtherTag", ID="unread", LABEL="unread", DESCRIPTION="found, and could not be read")
    layout = _element(root, "Layout")
    for number, page in enumerate(document.pages, 1):
        _alto_page(layout, page, number)
    return _serialize(root)


def _alto_page(layout: ET.Element, page: Page, number: int) -> None:
    size = {"WIDTH": page.size[0], "HEIGHT": page.size[1]}
    place = number if page.page_index is None else page.page_index + 1
    node = _element(layout, "Page", ID=f"page_{number}", PHYSICAL_IMG_NR=place, PROCESSINGREFS="processing", **size)
    if page.read_lines:
        # The page's confidence is the mean of its lines'.
        node.set("PC", _confidence([certainty(line) for line in page.read_lines]))
    space = _element(node, "PrintSpace", HPOS=0, VPOS=0, **size)
    for block, lines in enumerate(lines_by_paragraph(page, unread=True), 1):
        name = f"{number}_{block}"
        if lines[0].cell is None:
            _alto_block(space, lines, name)
            continue
        box = _alto_box([line.quad for line in lines])
        table = _element(space, "ComposedBlock", ID=f"table_{name}", **box, TYPE="table")
        for (row, column), found in tables_of(lines)[0].cells.items():
            _alto_block(table, found, f"{name}_{row + 1}_{column + 1}")


def _alto_block(parent: ET.Element, lines: Sequence[Line], name: str) -> None:
    area = _element(parent, "TextBlock", ID=f"block_{name}", **_alto_box([line.quad for line in lines]))
    _set_turn(area, "ROTATION", lines)
    for i, line in enumerate(lines, 1):
        _alto_line(area, line, f"{name}_{i}")


def _alto_line(block: ET.Element, line: Line, number: str) -> None:
    node = _element(block, "TextLine", ID=f"line_{number}", **_alto_box([line.quad]), BASEDIRECTION=writing_direction(line))
    node.set("BASELINE", _points(reading_quad(line)[[3, 2]]))
    _alto_shape(node, line.quad)
    if line.unread:  # the format asks for a string in every line
        node.set("TAGREFS", "unread")
        _element(node, "String", ID=f"word_{number}_1", **_alto_box([line.quad]), CONTENT="", WC="0.0000")
    for j, placed in enumerate(place_words(line), 1):
        word = placed.word
        string = _element(node, "String", ID=f"word_{number}_{j}", **_alto_box([word.quad]), CONTENT=word.text)
        string.set("WC", _confidence([certainty(word)]))
        _alto_shape(string, word.quad)
        if placed.space_after:
            _element(node, "SP")


def _alto_shape(node: ET.Element, quad: Floats) -> None:
    """The exact corners, where the box alone does not tell them."""
    if not _is_upright(quad):
        _element(_element(node, "Shape"), "Polygon", POINTS=_points(quad))


def _alto_box(quads: Sequence[Floats]) -> dict[str, int]:
    x0, y0, x1, y1 = bounds(quads)
    return {"HPOS": x0, "VPOS": y0, "WIDTH": x1 - x0, "HEIGHT": y1 - y0}


def render_page_xml(document: Document) -> str:
    """PAGE XML 2019-07-15 (PRImA) of a document's only page; OutputError for more, which the format cannot hold."""
    if len(document.pages) != 1:
        raise OutputError(f"PAGE XML holds one page per file, not {len(document.pages)}: write each page by itself")
    page = document.pages[0]
    root = _root("PcGts", PAGE_NAMESPACE, f"{PAGE_NAMESPACE}/pagecontent.xsd")
    metadata = _element(root, "Metadata")
    _element(metadata, "Creator", f"inkline {inkline.__version__}")
    # `SOURCE_DATE_EPOCH` overrides the clock for reproducible files.
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch) if epoch.isdigit() else None))
    _element(metadata, "Created", now)
    _element(metadata, "LastChange", now)
    source = page.source if page.source is not None else document.source or ""
    node = _element(root, "Page", imageFilename=source, imageWidth=page.size[0], imageHeight=page.size[1])
    blocks = lines_by_paragraph(page, unread=True)
    if blocks:  # the format forbids an empty reading order
        order = _element(_element(node, "ReadingOrder"), "OrderedGroup", id="order")
        for i in range(len(blocks)):
            _element(order, "RegionRefIndexed", index=i, regionRef=f"region_{i + 1}")
    for i, lines in enumerate(blocks, 1):
        if lines[0].cell is None:
            _page_region(node, lines, str(i), page)
        else:
            _page_table(node, lines, str(i), page)
    return _serialize(root)


def _page_table(node: ET.Element, lines: Sequence[Line], name: str, page: Page) -> None:
    """A table, each of its cells a region of text that tells its row and column."""
    table = tables_of(lines)[0]
    region = _element(node, "TableRegion", id=f"region_{name}", rows=table.rows, columns=table.columns)
    _page_coords(region, lines, page)
    for (row, column), found in table.cells.items():
        _page_region(region, found, f"{name}_{row + 1}_{column + 1}", page, (row, column))


def _page_coords(region: ET.Element, lines: Sequence[Line], page: Page) -> None:
    x0, y0, x1, y1 = bounds([line.quad for line in lines])
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    _element(region, "Coords", points=_points(corners, page.size))


def _page_region(node: ET.Element, lines: Sequence[Line], number: str, page: Page, cell: tuple[int, int] | None = None) -> None:
    """A paragraph, or the text of a table's cell at (row, column)."""
    region = _element(node, "TextRegion", id=f"region_{number}", type="paragraph")
    _set_turn(region, "orientation", lines)  # the clockwise turn that sets the region upright
    directions = {writing_direction(line) for line in lines}
    if len(directions) == 1:
        region.set("readingDirection", PAGE_DIRECTIONS[directions.pop()])
    _page_coords(region, lines, page)
    if cell is not None:
        span = lines[0].cell.span if lines[0].cell else 1
        place = {"rowIndex": cell[0], "columnIndex": cell[1], "rowSpan": 1, "colSpan": span}
        _element(_element(region, "Roles"), "TableCellRole", **place)
    for i, line in enumerate(lines, 1):
        _page_line(region, line, f"{number}_{i}", page)
    read = [line for line in lines if not line.unread]
    if read:
        _page_text(region, "\n".join(line.text for line in read), [certainty(line) for line in read])


def _page_line(region: ET.Element, line: Line, number: str, page: Page) -> None:
    node = _element(region, "TextLine", id=f"line_{number}", readingDirection=PAGE_DIRECTIONS[writing_direction(line)])
    if line.unread:
        node.set("custom", f"unread {{script:{line.script};}}")
    _element(node, "Coords", points=_points(line.quad, page.size))
    _element(node, "Baseline", points=_points(reading_quad(line)[[3, 2]], page.size))
    for j, placed in enumerate(place_words(line), 1):
        word = _element(node, "Word", id=f"word_{number}_{j}")
        _element(word, "Coords", points=_points(placed.word.quad, page.size))
        _page_text(word, placed.word.text, [certainty(placed.word)])
    if not line.unread:
        _page_text(node, line.text, [certainty(line)])


def _page_text(node: ET.Element, text: str, scores: Sequence[float]) -> None:
    _element(_element(node, "TextEquiv", conf=_confidence(scores)), "Unicode", text)


def _root(tag: str, namespace: str, schema: str) -> ET.Element:
    return ET.Element(tag, {"xmlns": namespace, "xmlns:xsi": XSI_NAMESPACE, "xsi:schemaLocation": f"{namespace} {schema}"})


def _element(parent: ET.Element, tag: str, text: str = "", /, **attributes: object) -> ET.Element:
    """A child with text and attributes, both cleaned; an underscore at an attribute's end is dropped (`class_`)."""
    child = ET.SubElement(parent, tag, {k.rstrip("_"): _clean(str(v)) for k, v in attributes.items()})
    child.text = _clean(text) if text else None
    return child


def _clean(text: str) -> str:
    """The text with the replacement character for what XML 1.0 cannot hold: control characters, lone surrogates."""
    return _NOT_IN_XML.sub("\ufffd", text)


def _serialize(root: ET.Element) -> str:
    """The document as indented text with its declaration, ending in a newline."""
    ET.indent(root)
    return f"{XML_DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def _is_upright(quad: Floats) -> bool:
    """Whether the quad's sides are parallel to the page's within a pixel, with its first corner top left."""
    x0, y0, x1, y1 = bounds([quad])
    return bool(np.abs(quad - np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])).max() <= 1)


def _set_turn(node: ET.Element, name: str, lines: Sequence[Line]) -> None:
    """State by how many degrees the lines are turned, where they are."""
    turn = float(np.median([angle(line) for line in lines]))
    if abs(turn) >= MIN_TURN_DEGREES:
        node.set(name, f"{turn:.2f}")


def _confidence(scores: Sequence[float]) -> str:
    return f"{min(1.0, max(0.0, float(np.mean(scores)))):.4f}"


def _points(quad: Floats, size: tuple[int, int] | None = None) -> str:
    """The corners as `x,y x,y ...` in whole pixels; held within the page where its (width, height) is given."""
    corners = np.rint(quad).astype(int)
    if size is not None:
        corners = np.clip(corners, 0, size)
    return " ".join(f"{x},{y}" for x, y in corners.tolist())
