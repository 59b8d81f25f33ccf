"""One file from its pages to its results, page by page, so that a kill costs at most the page at hand.

Formats of one file a page are written as the pages come. Those of one file a document need all lines at the end: the
pages of a document wait without their pixels in a file of JSON lines, which is also where an interrupted run goes on.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from inkline.batch.destination import Destination
from inkline.batch.ledger import Result
from inkline.batch.record import Record, from_record, to_record
from inkline.errors import InklineError
from inkline.files import atomic_path
from inkline.formats.write import PER_PAGE, save
from inkline.io.read import count_pages, read
from inkline.io.sources import Source, document_stem
from inkline.options import ReadOptions, parse_page_range
from inkline.types import Document, Image, Page

LOOKS_AT_THE_FILE = frozenset({"pdf"})  # formats that take the source's own file by the name the pages carry


class Reader(Protocol):
    """What reads pages: an `Ocr`."""

    def stream(
        self, sources: Any, on_error: Callable[[Source, InklineError], None] | None, read_options: ReadOptions
    ) -> Iterator[Page]: ...


@dataclass(frozen=True)
class Job:
    """A file to read. source: what results call it. stem: what they are called. path: its content. content: its hash."""

    source: str
    stem: str
    path: Path
    content: str


@dataclass(frozen=True)
class Desk:
    """Where a worker works. staging: its own folder for files under temporary names, on the destination's disk where that
    is local. waiting: folder of the pages of unfinished documents."""

    destination: Destination
    staging: Path
    waiting: Path
    formats: tuple[str, ...]
    options_key: str
    read_options: ReadOptions


def read_file(reader: Reader, job: Job, desk: Desk, on_page: Callable[[int], None]) -> Result:
    """Read what is not yet read of a file, put its results in place, and tell how it ended.

    on_page: called with the number of pages so far. What is wrong with the input (all of it, or single pages) is the
    result's error, beside the results of the pages that could be read. Raises OutputError when results cannot be put in
    place, and whatever else is wrong with more than this input.
    """
    waiting = Waiting(waiting_file(desk, job.stem, job.content), desk.destination)
    errors: list[InklineError] = []
    single: Page | None = None
    outputs: list[str] = []
    rest = remaining(desk.read_options.page_range, waiting.indices)
    options = replace(desk.read_options, page_range=rest or "")
    source = Source(job.path, job.source)
    if rest is not None and (not waiting.indices or count_pages(source, options)):
        for page in reader.stream([source], on_error=lambda _, error: errors.append(error), read_options=options):
            made = put(page, [name for name in desk.formats if name in PER_PAGE], job, desk)
            if page.page_index is None:
                single, outputs = page, made
            else:
                waiting.add(to_record(page), made)
            on_page(len(waiting.indices) or 1)
    whole = [name for name in desk.formats if name not in PER_PAGE]
    pages = [single] if single is not None else [_with_image(p, job, desk) for p in waiting.pages()] if whole else []
    if whole and pages:
        outputs += put(Document(tuple(pages), job.source), whole, job, desk)
    outputs = [*waiting.outputs, *outputs]
    count = len(waiting.indices) or int(single is not None)
    if errors and errors[0].may_pass:
        raise errors[0]
    return Result(job.content, count, tuple(outputs), str(errors[0]) if errors else "")


def put(results: Document | Page, formats: Sequence[str], job: Job, desk: Desk) -> list[str]:
    """Write results in the staging folder, then move them to their places; gives their names below the destination."""
    names = []
    for format in formats:
        shown = _from_file(results, job.path) if format in LOOKS_AT_THE_FILE else results
        for path in save(shown, desk.staging, [format]):
            names.append(job.stem + path.name[len(document_stem(shown.source)) :])
            desk.destination.put(path, names[-1])
    return names


def remaining(page_range: str, read: Sequence[int]) -> str | None:
    """The page range without the pages (0-based, sorted) that are read already; None when nothing is left of it."""
    if not read:
        return page_range
    gaps: list[tuple[int, int | None]] = []
    start = 1
    for index in read:
        if index >= start:
            gaps.append((start, index))
        start = index + 2
    gaps.append((start, None))
    parts = []
    for first, last in parse_page_range(page_range) or ((1, None),):
        for low, high in gaps:
            begin = max(first, low)
            ends = [end for end in (last, high) if end is not None]
            if not ends:
                parts.append(f"{begin}-")
            elif begin <= min(ends):
                parts.append(f"{begin}-{min(ends)}")
    return ",".join(parts) or None


def waiting_file(desk: Desk, stem: str, content: str) -> Path:
    """Where the pages of an unfinished document wait."""
    key = hashlib.sha256(f"{stem}\n{content}\n{desk.options_key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return desk.waiting / f"{key}.jsonl"


class Waiting:
    """The pages of a document that are read and put in place, in a file that grows by a line a page.

    A line that a kill cut off, and those of pages whose results are gone, do not count. The file is written anew when
    it is opened, so that a process that was to be dead cannot add to it.
    """

    def __init__(self, path: Path, destination: Destination) -> None:
        self._path = path
        self._outputs: dict[int, list[str]] = {}
        if not path.exists():
            return
        with atomic_path(path) as kept, open(path, "rb") as old, open(kept, "wb") as new:
            for line in old:
                row = _row(line)
                if row and row["page"]["page_index"] not in self._outputs and destination.holds(row["outputs"]):
                    self._outputs[row["page"]["page_index"]] = row["outputs"]
                    new.write(line)

    @property
    def indices(self) -> list[int]:
        """The pages' indices, sorted."""
        return sorted(self._outputs)

    @property
    def outputs(self) -> list[str]:
        """The results of all pages, in the order of the pages."""
        return [name for index in self.indices for name in self._outputs[index]]

    def add(self, record: Record, outputs: list[str]) -> None:
        """Add a page, as a record, whose results are in place."""
        with open(self._path, "ab") as file:
            file.write(json.dumps({"page": record, "outputs": outputs}).encode() + b"\n")
        self._outputs[record["page_index"]] = outputs

    def pages(self) -> list[Page]:
        """All pages, without images, in order."""
        if not self._outputs:
            return []
        with open(self._path, "rb") as file:
            pages = [from_record(row["page"]) for line in file if (row := _row(line))]
        return sorted(pages, key=lambda page: page.page_index or 0)


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return row if line.endswith(b"\n") else None


def _with_image(page: Page, job: Job, desk: Desk) -> Page:
    return replace(page, load_image=partial(_image, job.path, page.page_index or 0, desk.read_options))


def _image(path: Path, index: int, options: ReadOptions) -> Image:
    return next(iter(read(path, replace(options, page_range=str(index + 1))))).image


def _from_file(results: Document | Page, path: Path) -> Document | Page:
    """The results as if the user had named the local file that was read."""
    if isinstance(results, Page):
        return replace(results, source=str(path))
    return Document(tuple(replace(page, source=str(path)) for page in results.pages), str(path))
