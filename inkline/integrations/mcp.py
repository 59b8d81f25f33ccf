"""A server for the Model Context Protocol, so that an assistant can read files: `inkline mcp` (extra `mcp`)."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from inkline import __version__
from inkline.errors import InklineError, UsageError
from inkline.integrations.documents import Form, texts_of
from inkline.io.read import read
from inkline.io.sources import Source
from inkline.languages import LANGUAGES, is_read
from inkline.pipeline import Ocr
from inkline.types import Line

ABOUT = "Reads the text in images and PDFs of this machine. Coordinates are pixels of the file, x to the right, y down."

PageNumber = Annotated[int, Field(ge=1, lt=10**9)]  # counted from 1


def mcp_server(ocr: Ocr, root: Path | None = None) -> MCPServer:
    """The server. root: files outside this folder are refused; None: all that this process may read are given."""
    server = MCPServer("inkline", instructions=ABOUT, version=__version__)

    @server.tool()
    def read_file(path: str, pages: str = "", form: Form = "md") -> str:
        """The text of an image or PDF.

        pages: of a PDF or TIFF, counted from 1, as 1-3,7; empty: all. form: md (Markdown), txt (rows and paragraphs) or layout
        (every line at its place).
        """
        with ToolErrors():
            texts = texts_of(ocr, _inside(path, root), form, page_range=pages)
            return "\n\n".join(_titled(text, about) for text, about in texts)

    @server.tool()
    def read_lines(path: str, page: PageNumber = 1, region: list[int] | None = None) -> list[dict[str, Any]]:
        """The lines of a page with their boxes (x1, y1, x2, y2), scores 0..1 and scripts; region: only this box of the page."""
        with ToolErrors():
            found = next(read(_inside(path, root), replace(ocr.options.read, page_range=str(page))))
            if page > 1 and found.page_index is None:
                raise UsageError(f"page={page}: this image has one page")
            image = found.image
            if region is not None and len(region) != 4:
                raise UsageError(f"region={region}: must be [x1, y1, x2, y2]")
            left, top, right, bottom = region or (0, 0, image.shape[1], image.shape[0])
            left, top = max(0, left), max(0, top)
            part = image[top : max(top, bottom), left : max(left, right)]
            if not part.size:
                raise UsageError(f"region={region}: nothing of the page lies in it; give [x1, y1, x2, y2]")
            return [line_of(line, left, top) for line in ocr(part).lines]

    @server.tool()
    def languages() -> dict[str, str]:
        """The languages that can be read, by code."""
        return {code: one.name for code, one in LANGUAGES.items() if is_read(code)}

    return server


class ToolErrors:
    """Errors of ours inside become the protocol's, with their message."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, InklineError):
            raise ToolError(str(error)) from error


def line_of(line: Line, left: int, top: int) -> dict[str, Any]:
    """A line as plain values, its box moved to where the part of the page lies that it was read in."""
    x1, y1, x2, y2 = map(round, line.box)
    box = [x1 + left, y1 + top, x2 + left, y2 + top]
    return {"text": line.text, "score": round(line.score, 4), "box": box, "script": line.script}


def _titled(text: str, about: dict[str, Any]) -> str:
    """A page's text, under its number where it is not the first."""
    return text if about["page"] == 1 else f"[page {about['page']}]\n\n{text}"


def _inside(path: str, root: Path | None) -> Any:
    """The source that a path means; with a root one regular file inside it, links followed. UsageError otherwise."""
    if root is None:
        return path
    try:
        full = (root / path).resolve()
        is_file = full.is_file()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path!r:.80}: is no path ({error})") from error
    if not full.is_relative_to(root.resolve()):
        raise UsageError(f"{path}: lies outside the folder that this server may read")
    if not is_file:
        raise UsageError(f"{path}: is no file in the folder that this server may read; one file at a time is read")
    return Source(full, path)
