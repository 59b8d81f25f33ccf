"""Markdown: paragraphs as flowing text, headings by their size, bullets as lists, pages apart by a rule."""

import re
from itertools import pairwise

import numpy as np

from inkline.formats.placing import advance, paragraphs, thickness
from inkline.types import Document, Line, Page

SUFFIX = ".md"

# A paragraph of at most HEADING_LINES lines whose letters are this many times higher than the page's is a heading.
HEADING_RATIOS = ((1.9, "# "), (1.45, "## "))
HEADING_LINES = 3
MIN_LINES_FOR_HEADINGS = 5

_BULLET = re.compile(r"^[•◦▪●‣∙·–—-]\s+")
_NUMBERED = re.compile(r"^(\d{1,3})[.)]\s+")


def render(document: Document) -> str:
    """The document's text, ending in a newline unless it is empty; what Markdown would read as a sign is escaped."""
    pages = [_page(page) for page in document.pages]
    text = "\n\n---\n\n".join(page for page in pages if page)
    return text + "\n" if text else ""


def join_lines(texts: list[str]) -> str:
    """Lines of a paragraph as one text: words cut by a hyphen are put together, wide scripts joined without a space."""
    out = texts[0].strip()
    for text in (t.strip() for t in texts[1:]):
        if out[-1:] in "-‐\u00ad" and out[-2:-1].isalpha() and text[:1].islower():
            out = out[:-1] + text
        elif out and text and advance(out[-1]) == advance(text[0]) == 1000:
            out += text
        else:
            out += " " + text
    return out


def escape(text: str) -> str:
    """The text with a backslash before what Markdown or HTML in it would take for a sign."""
    text = re.sub(r"([\\`*_\[\]<|~])", r"\\\1", re.sub(r"[\x00-\x1f\x7f]", " ", text))
    text = re.sub(r"&(?=#?\w+;)", r"\\&", text)
    return re.sub(r"^(\s*)([#>+=-]|\d{1,9}(?=[.)]))", _escape_start, text)


def _escape_start(match: re.Match[str]) -> str:
    """`# ` -> `\\# `; a number before a point keeps its digits and gets the backslash behind them."""
    space, sign = match.groups()
    return f"{space}{sign}\\" if sign[0].isdigit() else f"{space}\\{sign}"


def _page(page: Page) -> str:
    blocks = paragraphs(page)
    if not blocks:
        return ""
    lines = [line for block in blocks for line in block]
    usual = float(np.median([thickness(line) for line in lines])) if len(lines) >= MIN_LINES_FOR_HEADINGS else 0.0
    out = [_block(block, usual) for block in blocks]
    joined = [out[0]]
    for before, after in pairwise(out):
        joined.append(("\n" if _is_item(before) and _is_item(after) else "\n\n") + after)
    return "".join(joined)


def _block(lines: list[Line], usual: float) -> str:
    """A heading, the items of a list, or a paragraph."""
    texts = [line.text for line in lines]
    if usual and len(lines) <= HEADING_LINES:
        ratio = float(np.median([thickness(line) for line in lines])) / usual
        for limit, mark in HEADING_RATIOS:
            if ratio >= limit:
                return mark + escape(join_lines(texts))
    items: list[list[str]] = []
    for text in texts:
        if not items or _mark(text):
            items.append([text])
        else:
            items[-1].append(text)
    out = []
    for item in items:
        mark = _mark(item[0])
        first = _BULLET.sub("", _NUMBERED.sub("", item[0])) if mark else item[0]
        out.append(mark + escape(join_lines([first, *item[1:]])))
    return "\n".join(out)


def _mark(text: str) -> str:
    """The Markdown mark of a list item, or an empty string."""
    number = _NUMBERED.match(text)
    return f"{int(number[1])}. " if number else "- " if _BULLET.match(text) else ""


def _is_item(text: str) -> bool:
    return bool(re.match(r"(- |\d+\. )", text))
