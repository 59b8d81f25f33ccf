"""CSV (RFC 4180): one row a line of text, its four corners in source pixels."""

import csv
import io

from inkline.types import Document

SUFFIX = ".csv"

COLUMNS = ("source", "page", "line", "paragraph", "score", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4", "text")


def render(document: Document) -> str:
    """A table with a header; pages, lines and paragraphs count from 1, corners run from top-left clockwise as read."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(COLUMNS)
    for number, page in enumerate(document.pages, 1):
        source = page.source if page.source is not None else document.source or ""
        for i, line in enumerate(page.lines, 1):
            corners = [f"{v:.1f}" for v in line.quad.reshape(-1).tolist()]
            text = line.text.replace("\0", "\ufffd")  # many readers stop at a null character
            table.writerow([source, number, i, line.paragraph + 1, f"{line.score:.4f}", *corners, text])
    return out.getvalue()
