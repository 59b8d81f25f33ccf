"""Plain text: a row a line, a tab within rows, an empty line between paragraphs, a form feed between pages."""

from inkline.types import Document

SUFFIX = ".txt"


def render(document: Document) -> str:
    """The document's text, ending in a newline unless it is empty."""
    text = document.text
    return text + "\n" if text else ""
