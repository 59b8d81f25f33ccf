"""Anything a user hands in to page images: BGR uint8, upright as a viewer shows them, one page at a time."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from inkline.errors import SlowSourceError, SourceError, TooLargeError, UsageError
from inkline.flat import parse_page_range
from inkline.io.images import HEAD_BYTES, ImageReader, content_kind, page_of_pillow, why_unreadable
from inkline.io.isolated import CAN_ISOLATE, IsolatedReader, Stop
from inkline.io.pdf import PdfReader
from inkline.io.pixels import array_to_bgr
from inkline.io.sources import Source, as_source, expand, is_pillow, open_regular_file
from inkline.io.url import fetch
from inkline.options import ReadOptions
from inkline.types import Image

__all__ = ["DEFAULTS", "PageImage", "Source", "count_pages", "expand", "read"]

DEFAULTS = ReadOptions()
MAX_BAD_PAGES = 100  # a damaged PDF may claim to have a billion pages
MAX_SLOW_PAGES = 2  # of a file, each of which took as long as a page may

Reader = PdfReader | ImageReader | IsolatedReader


@dataclass(frozen=True, eq=False)
class PageImage:
    """One page image, not yet read.

    image: BGR uint8 (H, W, 3), C-contiguous, perhaps read-only, turned as its EXIF says. source: the path or address
    as the user gave it, `-` for standard input, None for what has no name. page_index: 0-based in a PDF or a TIFF of
    several pages, else None. warnings: what a careful user should know. reload: gives the image again, from the file
    where there is one, so that a caller who keeps many pages need not keep their pixels.
    """

    image: Image
    source: str | None
    page_index: int | None
    warnings: tuple[str, ...]
    reload: Callable[[], Image] = field(repr=False)


def read(source: Any, options: ReadOptions = DEFAULTS, stop: Stop | None = None) -> Iterator[PageImage]:
    """The pages of one source (anything `expand` takes but folders, globs and lists), each made when asked for.

    A source of several pages gives all that can be read and then raises SourceError for the others.
    stop: an event that, with `isolate`, ends what is being decoded with a SourceError.
    Errors name the source: SourceError for what cannot be read, TooLargeError above a limit of the options.
    """
    source = as_source(source)
    with _errors_name(source.label):
        if source.error is not None:
            raise source.error
        data = _content(source, options)
        warnings: tuple[str, ...] = ()
        if isinstance(data, np.ndarray):
            image = array_to_bgr(data, options.max_image_pixels)
        elif is_pillow(data):
            image, warnings = page_of_pillow(data, options.max_image_pixels)
        else:
            yield from _pages(data, source.name, options, stop)
            return
        yield PageImage(image, source.name, None, warnings, partial(np.asarray, image))  # can be pickled


def count_pages(source: Any, options: ReadOptions = DEFAULTS, stop: Stop | None = None) -> int | None:
    """How many pages `read` would give, or None when that cannot be told without reading the source."""
    source = as_source(source)
    if isinstance(source.data, np.ndarray) or is_pillow(source.data):
        return 1
    if source.error is not None or not isinstance(source.data, (Path, bytes)):
        return None
    try:
        with closing(_open_reader(source.data, options, stop)) as reader:
            return len(_selected(reader, options.page_range))
    except (SourceError, OSError):
        return None


def _pages(data: Path | bytes, name: str | None, options: ReadOptions, stop: Stop | None) -> Iterator[PageImage]:
    """The chosen pages of a file, one by one; SourceError at the end for those that could not be read."""
    bad: list[str] = []
    slow = 0
    with closing(_open_reader(data, options, stop)) as reader:
        remarks = () if reader.numbered else _without_effect(options.page_range)
        for index in _selected(reader, options.page_range):
            try:
                image, warnings = reader.page(index)
            except SourceError as error:
                if not reader.numbered:
                    raise
                bad.append(f"page {index + 1}: {error}")
                slow += isinstance(error, SlowSourceError)
                if len(bad) >= MAX_BAD_PAGES or slow >= MAX_SLOW_PAGES or (stop is not None and stop.is_set()):
                    break
                continue
            reload = partial(_reload_page, data, options, index)
            yield PageImage(image, name, index if reader.numbered else None, (*warnings, *remarks), reload)
            del image  # not kept while the next page is decoded
    if bad:
        others = f" (and {len(bad) - 1} more pages)" if len(bad) > 1 else ""
        raise SourceError(bad[0] + others)


def _reload_page(data: Path | bytes, options: ReadOptions, index: int) -> Image:
    """The image of one page of a file, read again."""
    label = str(data) if isinstance(data, Path) else "the given bytes"
    with _errors_name(label), closing(_open_reader(data, options)) as reader:
        return reader.page(index)[0]


def _open_reader(data: Path | bytes, options: ReadOptions, stop: Stop | None = None) -> Reader:
    """A reader for the content of a file or of bytes, in a process of its own if the options say so."""
    if not options.isolate:
        return open_reader_here(data, options)
    if not CAN_ISOLATE:
        raise UsageError("isolate=True: this system cannot hand files to another process; leave it out")
    if isinstance(data, Path):
        open_regular_file(data).close()  # what is missing or no file is told without a process
    return IsolatedReader(data, options, stop)


def open_reader_here(data: Path | bytes, options: ReadOptions) -> PdfReader | ImageReader:
    """A reader for the content of a file or of bytes, in this process."""
    file = open_regular_file(data) if isinstance(data, Path) else io.BytesIO(data)
    try:
        head = file.read(HEAD_BYTES)
        kind = content_kind(head)
        if kind is None:
            raise SourceError(why_unreadable(head))
        if kind == "pdf":
            file.close()  # PDFium opens it itself
            return PdfReader(data, options)
        # A decoder may hold the whole file, except of a TIFF, whose pages are read one by one.
        size = file.seek(0, io.SEEK_END)
        if size > options.max_source_bytes and kind != "Tiff":
            raise TooLargeError(f"{size} bytes are more than max_source_bytes={options.max_source_bytes}; raise the limit")
        return ImageReader(file, kind, options)
    except BaseException:
        file.close()
        raise


def _selected(reader: Reader, page_range: str) -> range | list[int]:
    """0-based indices of the chosen pages, in document order; SourceError when none is left."""
    ranges = parse_page_range(page_range)
    if not ranges or not reader.numbered:
        return range(reader.count)
    chosen: set[int] = set()
    for first, last in ranges:  # counted from 1, the last page included
        chosen.update(range(first - 1, reader.count if last is None else min(last, reader.count)))
    if not chosen:
        raise SourceError(f"page_range={page_range!r} selects none of its {reader.count} pages")
    return sorted(chosen)


def _without_effect(page_range: str) -> tuple[str, ...]:
    """The warning for an image of one page where a range is given that does not hold page 1."""
    ranges = parse_page_range(page_range)
    if not ranges or any(first == 1 for first, _ in ranges):
        return ()
    return (f"page_range={page_range} has no effect: this image has one page",)


def _content(source: Source, options: ReadOptions) -> Any:
    """What is to be decoded: a Path, bytes, an array or a Pillow image."""
    if source.data is None and source.name != "-":
        return fetch(str(source.name), options)
    if source.data is None:
        if sys.stdin.isatty():
            raise SourceError("nothing is piped in; write for instance: cat page.png | inkline ocr -")
        return _read_all(sys.stdin.buffer, options)
    if hasattr(source.data, "read") and not is_pillow(source.data):
        return _read_all(source.data, options)
    return source.data


def _read_all(file: Any, options: ReadOptions) -> bytes:
    """All that is left in an open file, up to the limit."""
    try:
        content = file.read(options.max_source_bytes + 1)
    except Exception as error:  # any object with a read method may come in here
        raise SourceError(f"cannot be read ({error})") from error
    if not isinstance(content, bytes):
        raise SourceError("this file is open as text; open it with mode 'rb'")
    if len(content) > options.max_source_bytes:
        raise TooLargeError(f"more than max_source_bytes={options.max_source_bytes}; raise the limit or give a file")
    return content


@contextmanager
def _errors_name(label: str) -> Iterator[None]:
    """Put the source's name before the text of errors raised inside."""
    try:
        yield
    except SourceError as error:
        if str(error).startswith(label):
            raise
        # The same error with its name takes the place of this one; what caused it stays.
        raise type(error)(f"{label}: {error}") from error.__cause__
    except MemoryError as error:
        raise TooLargeError(f"{label}: not enough memory to decode it") from error
    except OSError as error:
        raise SourceError(f"{label}: cannot be read ({error.strerror or error})") from error
