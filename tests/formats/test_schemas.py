"""ALTO, PAGE and hOCR against their published schemas and rules."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from inkline.formats.write import render
from inkline.types import Document, Page
from tests.io import sample

etree = pytest.importorskip("lxml.etree")

SCHEMAS = Path(__file__).parent / "schemas"
XSD = "{http://www.w3.org/2001/XMLSchema}"

ALTO_44_PAGE_ATTRIBUTES = {"LANG": "xsd:language", "ROTATION": "xsd:float", "OTHERLANGS": "xsd:string"}


def alto_schema() -> Any:
    tree = etree.parse(SCHEMAS / "alto-4-3.xsd")
    root = tree.getroot()
    root.find(f"{XSD}import").set("schemaLocation", str(SCHEMAS / "xlink.xsd"))
    page = next(node for node in root.iter(f"{XSD}complexType") if node.get("name") == "PageType")
    for name, kind in ALTO_44_PAGE_ATTRIBUTES.items():
        etree.SubElement(page, f"{XSD}attribute", name=name, type=kind, use="optional")
    return etree.XMLSchema(tree)


def page_schema() -> Any:
    return etree.XMLSchema(etree.parse(SCHEMAS / "pagecontent-2019-07-15.xsd"))


def documents() -> list[Document]:
    first, empty, last = sample.document().pages
    outside = Page((sample.line("reaches out of the page", sample.turned(-5, 20, 120, 12, 8), 0),), (100, 100))
    lost = replace(sample.line("", outside.lines[0].quad, 0), unread=True, script="Khmr")
    in_part, unread = Page((*outside.lines, lost), (100, 100)), Page((lost,), (100, 100))
    return [Document((page,), page.source) for page in (first, empty, last, outside, in_part, unread)]


def parse(text: str | bytes) -> Any:
    assert isinstance(text, str)
    return etree.fromstring(text.encode())


@pytest.mark.parametrize("number", range(6))
def test_page_xml_is_valid(number: int) -> None:
    page_schema().assertValid(parse(render(documents()[number], "page")))


@pytest.mark.parametrize("number", range(6))
def test_alto_is_valid(number: int) -> None:
    alto_schema().assertValid(parse(render(documents()[number], "alto")))


def test_alto_of_several_pages_is_valid_and_complete() -> None:
    root = parse(render(sample.document(), "alto"))
    alto_schema().assertValid(root)
    alto = "{http://www.loc.gov/standards/alto/ns-v4#}"
    lines = list(root.iter(f"{alto}TextLine"))
    spelt = ["".join(" " if n.tag.endswith("SP") else n.get("CONTENT", "") for n in line) for line in lines]
    texts = [" ".join(line.text.split()) for page in sample.document() for line in page.lines if line.text.strip()]
    assert [s for s in spelt if "\ufffd" not in s] == [t for t in texts if "control" not in t]
    kinds = {spell: line.get("BASEDIRECTION") for spell, line in zip(spelt, lines, strict=True)}
    assert kinds["縦書きの日本語"] == "ttb" and kinds["مرحبا بالعالم 2024"] == "rtl" and kinds["Last page"] == "ltr"


def test_schemas_refuse_what_is_wrong() -> None:
    root = parse(render(documents()[0], "alto"))
    root.set("NOT_ALTO", "1")
    assert not alto_schema().validate(root)
    root = parse(render(documents()[0], "page"))
    root[1].attrib.pop("imageWidth")
    assert not page_schema().validate(root)


# hOCR 1.2, https://kba.github.io/hocr-spec/1.2/: the properties our elements carry and their grammar.
PROPERTIES = {
    "image": r'"(?:[^"\\]|\\.)*"',
    "bbox": r"\d+ \d+ \d+ \d+",
    "ppageno": r"\d+",
    "poly": r"-?\d+ -?\d+( -?\d+ -?\d+){2,}",
    "textangle": r"-?\d+(\.\d+)?",
    "x_size": r"\d+(\.\d+)?",
    "x_wconf": r"\d+",
}
PARENTS = {"ocr_carea": "ocr_page", "ocr_par": "ocr_carea", "ocr_line": "ocr_par", "ocrx_word": "ocr_line"}


def test_hocr_follows_its_rules() -> None:
    root = parse(render(sample.document(), "hocr"))
    xhtml = "{http://www.w3.org/1999/xhtml}"
    metas = {node.get("name"): node.get("content") for node in root.iter(f"{xhtml}meta")}
    assert metas["ocr-system"].startswith("inkline")
    capabilities = metas["ocr-capabilities"].split()
    nodes = [node for node in root.iter() if (node.get("class") or "").startswith("ocr")]
    assert {node.get("class") for node in nodes} == set(capabilities)
    assert len({node.get("id") for node in nodes}) == len(nodes)
    for node in nodes:
        kind, title = node.get("class"), node.get("title")
        if kind != "ocr_page":
            assert node.getparent().get("class") == PARENTS[kind]
        for part in re.findall(r'(?:[^;"]|"(?:[^"\\]|\\.)*")+', title):
            name, _, value = part.strip().partition(" ")
            assert re.fullmatch(PROPERTIES[name], value), part
    turn = next(node for node in nodes if node.get("id") == "line_1_6_1")
    assert "textangle 12.00" in turn.get("title")
    rtl = next(node for node in nodes if "".join(node.itertext()) == "مرحبا بالعالم 2024" and node.tag == f"{xhtml}span")
    assert rtl.get("dir") == "rtl"
