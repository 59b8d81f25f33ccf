"""hOCR 1.2: XHTML with pages, areas, paragraphs, lines and words, boxes in source pixels."""

import xml.etree.ElementTree as ET

import inkline
from inkline.formats.placing import angle, bounds, direction, is_upright, paragraphs, place_words, thickness
from inkline.formats.xml import DECLARATION, clean, element, points
from inkline.types import Document, Floats, Line, Page

SUFFIX = ".hocr"

_DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" '
    '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
)


def render(document: Document) -> str:
    """One file for the whole document; a word's `x_wconf` is its score in percent."""
    html = ET.Element("html", {"xmlns": "http://www.w3.org/1999/xhtml", "xml:lang": "en", "lang": "en"})
    head = element(html, "head")
    element(head, "title", document.source or "")
    element(head, "meta", http_equiv="Content-Type", content="text/html; charset=utf-8")
    element(head, "meta", name="ocr-system", content=f"inkline {inkline.__version__}")
    element(head, "meta", name="ocr-capabilities", content="ocr_page ocr_carea ocr_par ocr_line ocrx_word")
    for meta in head.iter("meta"):
        if "http_equiv" in meta.attrib:
            meta.attrib["http-equiv"] = meta.attrib.pop("http_equiv")
    body = element(html, "body")
    for number, page in enumerate(document.pages, 1):
        _page(body, page, number, document.source)
    for node in html.iter():  # every element on a line of its own, but words: between them a space would be text
        if node.get("class") != "ocrx_word":
            node.tail = "\n"
    return f"{DECLARATION}{_DOCTYPE}{ET.tostring(html, encoding='unicode')}"


def _page(body: ET.Element, page: Page, number: int, source: str | None) -> None:
    name = page.source if page.source is not None else source or ""
    width, height = page.size
    index = number - 1 if page.page_index is None else page.page_index
    title = f"image {_quoted(name)}; bbox 0 0 {width} {height}; ppageno {index}"
    node = element(body, "div", class_="ocr_page", id=f"page_{number}", title=title)
    for block, lines in enumerate(paragraphs(page), 1):
        box = _bbox([line.quad for line in lines])
        area = element(node, "div", class_="ocr_carea", id=f"block_{number}_{block}", title=box)
        par = element(area, "p", class_="ocr_par", id=f"par_{number}_{block}", title=box)
        if all(direction(line) == "rtl" for line in lines):
            par.set("dir", "rtl")
        for i, line in enumerate(lines, 1):
            _line(par, line, f"{number}_{block}_{i}")


def _line(par: ET.Element, line: Line, number: str) -> None:
    """A line with its turn; the text between its words is a space only where the line has one."""
    title = _bbox([line.quad])
    if not is_upright(line.quad):
        title += f"; poly {points(line.quad).replace(',', ' ')}"
    if abs(angle(line)) >= 0.05:
        title += f"; textangle {angle(line):.2f}"
    title += f"; x_size {thickness(line):.1f}"
    node = element(par, "span", class_="ocr_line", id=f"line_{number}", title=title)
    if direction(line) == "rtl":
        node.set("dir", "rtl")
    for j, placed in enumerate(place_words(line), 1):
        word = placed.word
        title = f"{_bbox([word.quad])}; x_wconf {word.score * 100:.0f}"
        child = element(node, "span", word.text, class_="ocrx_word", id=f"word_{number}_{j}", title=title)
        child.tail = " " if placed.space_after else ""


def _bbox(quads: list[Floats]) -> str:
    x0, y0, x1, y1 = bounds(quads)
    return f"bbox {max(0, x0)} {max(0, y0)} {max(0, x1)} {max(0, y1)}"


def _quoted(name: str) -> str:
    """A file name as hOCR's delimited string."""
    return '"' + clean(name).replace("\\", "\\\\").replace('"', '\\"') + '"'
