"""Pages as texts with what is known of them: what the adapters to document pipelines share."""

from collections.abc import Iterator
from typing import Any, Literal

from inkline.errors import UsageError
from inkline.formats.write import render
from inkline.pipeline import Ocr
from inkline.types import Page

Form = Literal["txt", "md", "layout"]
FORMS = ("txt", "md", "layout")


def texts_of(ocr: Ocr, source: Any, form: Form = "txt", **options: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Text and metadata of each page of a source (a path, a URL, bytes), as it is read.

    form: rows and paragraphs, Markdown, or every line at its place. options: those of `Ocr` for one call. Errors: UsageError
    for another form; SourceError, after the pages that could be read, for those that could not.
    """
    if form not in FORMS:
        raise UsageError(f"form={form!r}: must be one of {', '.join(FORMS)}")
    for page in ocr.stream([source], **options):
        yield str(render(page, form)).rstrip("\n"), metadata_of(page)


def metadata_of(page: Page) -> dict[str, Any]:
    """What is known of a page, as plain values: `page` counts from 1; `score` is its lines' mean; `warnings` only if any."""
    lines = page.read_lines
    out: dict[str, Any] = {"source": page.source or "", "page": (page.page_index or 0) + 1, "lines": len(lines)}
    out["width"], out["height"] = page.size
    out["score"] = round(sum(line.score for line in lines) / len(lines), 4) if lines else 0.0
    return out | ({"warnings": list(page.warnings)} if page.warnings else {})
