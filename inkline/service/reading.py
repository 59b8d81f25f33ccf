"""From what a request holds in `file` to pages that were read."""

import base64
import binascii
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal

from inkline.errors import SourceError, UsageError
from inkline.flat import flat_fields, to_flat
from inkline.io.images import HEAD_BYTES, kind_of, why_unreadable
from inkline.io.read import PageImage, Source, count_pages, read
from inkline.io.sources import is_url
from inkline.options import ReadOptions, ServeOptions
from inkline.pipeline import Ocr
from inkline.service.fields import Asked
from inkline.service.remote import fetch_public
from inkline.types import Page

FileType = Literal["image", "pdf", "tiff"]

NAME = "file"  # what error messages call the file: the field it came in


@dataclass(frozen=True)
class Given:
    """A file that came in. pages: how many it has; read: how many of them are read; reading: how, by flat name."""

    content: bytes
    type: FileType
    pages: int
    read: int
    reading: Mapping[str, Any]


def given_file(asked: Asked, options: ServeOptions) -> Given:
    """The request's file, fetched or decoded from Base64, and told by its content.

    Errors: SourceError for what is neither an image nor a PDF, or not of the kind that `fileType` says.
    """
    reading = {name: value for name, value in to_flat(options).items() if name in flat_fields(ReadOptions)}
    reading |= {"page_range": f"1-{options.max_pages}", "max_source_bytes": options.max_body_bytes}
    read_options = ReadOptions(**reading)
    content = _fetched(asked.file, options, read_options) if is_url(asked.file) else from_base64(asked.file)
    kind = kind_of(content[:HEAD_BYTES])
    if kind is None:
        raise SourceError(f"{NAME}: file type cannot be determined: {why_unreadable(content[:HEAD_BYTES])}")
    if asked.file_type == 1 and kind == "pdf":
        raise SourceError(f"{NAME}: fileType=1 says image, but this is a PDF; give fileType=0 or leave it out")
    if asked.file_type == 0 and kind != "pdf":
        raise SourceError(f"{NAME}: fileType=0 says PDF, but this is an image; give fileType=1 or leave it out")
    source = Source(content, NAME)
    count = count_pages(source, replace(read_options, page_range=""))
    every = 1 if count is None else count  # what cannot be opened is told when it is read
    type: FileType = "pdf" if kind == "pdf" else "tiff" if kind == "Tiff" else "image"
    return Given(content, type, every, min(every, options.max_pages), reading)


def from_base64(text: str) -> bytes:
    """Base64, perhaps as a `data:` URL, perhaps wrapped into lines, to bytes; SourceError for anything else."""
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise SourceError(f"{NAME}: a data: URL must be Base64 (data:image/png;base64,...)")
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SourceError(f"{NAME}: {text[:30]!r}... is neither Base64 nor a web address ({error})") from error


def _fetched(url: str, options: ServeOptions, read_options: ReadOptions) -> bytes:
    if not options.allow_urls:
        raise UsageError(
            f"{NAME}: web addresses are switched off on this server; send the file as Base64 "
            "(or start it with --allow_urls true)"
        )
    return fetch_public(url, read_options)


def straight_pages(ocr: Ocr, file: Given, asked: Asked, stop: threading.Event) -> Generator[Page, None, None]:
    """The file's pages turned and flattened, without lines; ends early when `stop` is set. Errors as `read_pages`."""
    with closing(ocr.straighten(Source(file.content, NAME), **file.reading, **asked.overrides)) as pages:
        for page in pages:
            if stop.is_set():
                return
            yield page


def read_pages(ocr: Ocr, file: Given, asked: Asked, stop: threading.Event) -> Generator[Page, None, None]:
    """The file's pages, each as soon as it is read, holding its image; ends early when `stop` is set.

    Errors: SourceError after the pages that could be read; UsageError for options that this `Ocr` cannot follow.
    """
    drawn: deque[PageImage] = deque()

    def images() -> Iterator[Source]:
        for page_image in read(Source(file.content, NAME), ReadOptions(**file.reading)):
            drawn.append(page_image)
            yield Source(page_image.image, NAME)

    with closing(ocr.stream(images(), stop=stop, **file.reading, **asked.overrides)) as pages:
        for page in pages:
            page_image = drawn.popleft()
            yield replace(page, page_index=page_image.page_index, warnings=page_image.warnings)
