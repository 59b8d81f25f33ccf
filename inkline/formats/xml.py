"""The few lines that the XML formats share: clean text, whole documents, dates."""

import os
import re
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np

from inkline.formats.placing import bounds
from inkline.types import Floats

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text with the replacement character for what XML 1.0 cannot hold: control characters, lone surrogates."""
    return _FORBIDDEN.sub("\ufffd", text)


def serialize(root: ET.Element) -> str:
    """The document as indented text with its declaration, ending in a newline."""
    ET.indent(root)
    return f"{DECLARATION}{ET.tostring(root, encoding='unicode')}\n"


def element(parent: ET.Element, tag: str, text: str = "", /, **attributes: object) -> ET.Element:
    """A child with text and attributes, both cleaned; an underscore at an attribute's end is dropped (`class_`)."""
    child = ET.SubElement(parent, tag, {k.rstrip("_"): clean(str(v)) for k, v in attributes.items()})
    child.text = clean(text) if text else None
    return child


def points(quad: Floats, top: tuple[int, int] | None = None) -> str:
    """The corners as `x,y x,y ...` in whole pixels; held within 0..width and 0..height when `top` gives them."""
    corners = np.rint(quad).astype(int)
    if top is not None:
        corners = np.clip(corners, 0, top)
    return " ".join(f"{x},{y}" for x, y in corners.tolist())


def sides(quads: Sequence[Floats]) -> dict[str, int]:
    """Bounds of quads as ALTO's position attributes."""
    x0, y0, x1, y1 = bounds(quads)
    return {"HPOS": x0, "VPOS": y0, "WIDTH": x1 - x0, "HEIGHT": y1 - y0}


def utc_now() -> str:
    """The time in UTC as xsd:dateTime; `SOURCE_DATE_EPOCH` overrides the clock for reproducible files."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(epoch) if epoch.isdigit() else None))
