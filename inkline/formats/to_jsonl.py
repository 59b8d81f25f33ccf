"""JSON lines: one page a line, each the same object as in the JSON output."""

import json

from inkline.formats.to_json import page_to_dict
from inkline.types import Document

SUFFIX = ".jsonl"


def render(document: Document) -> str:
    """The pages in order; an empty string for a document without pages."""
    return "".join(json.dumps(page_to_dict(page), ensure_ascii=False) + "\n" for page in document.pages)
