"""One file from its pages to its results, page by page, so that a kill costs at most the current page.

Formats of one file per page are written as the pages come. Those of one file per document need all lines at the end: until
then the pages of a document are kept without their pixels in a file of JSON lines, from which an interrupted run resumes.
JSON and not pickle, because a file that lies in a results folder must not be able to run code when it is read.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from inkline.batch.storage import Destination
from inkline.batch.task import FileTask, TaskResult, Workspace
from inkline.errors import InklineError
from inkline.flat import parse_page_range
from inkline.formats.write import PER_PAGE, save
from inkline.io.read import count_pages, read
from inkline.io.sources import Source, document_stem
from inkline.options import ReadOptions
from inkline.types import Cell, Detections, Document, Floats, Image, Line, Page, Transform, Word, damage_in

FORMATS_FROM_FILE = frozenset({"pdf"})  # formats that open the source's own file by the name the pages carry

Record = dict[str, Any]  # a page as JSON values
OnPage = Callable[[int], None]


class PageReader(Protocol):
    """What reads pages: an `Ocr`."""

    def stream(
        self, sources: Any, on_error: Callable[[Source, InklineError], None] | None, *, page_range: str
    ) -> Iterator[Page]: ...


def read_file(reader: PageReader, task: FileTask, workspace: Workspace, on_page: OnPage) -> TaskResult:
    """Read what is not yet read of a local file, move its results into place, and tell how it ended.

    task: with location, content and stem. on_page: called with the number of pages so far. What is wrong with the input
    (all of it, or single pages) is the result's error, beside the results of the pages that could be read. Raises
    OutputError when results cannot be put into place, and whatever else is wrong with more than this input.
    """
    unfinished = UnfinishedDocument(unfinished_path(workspace, task.stem, task.content), workspace.destination)
    errors: list[InklineError] = []
    single: Page | None = None  # the page of a file that is not numbered by pages, such as a PNG
    outputs: list[str] = []
    per_page, per_document = split_formats(workspace.formats)
    # Formats of one file per page, as the pages come.
    for page in _remaining_pages(reader, task, workspace, unfinished, errors):
        written = write_results(page, per_page, task, workspace)
        if page.page_index is None:
            single, outputs = page, written
        else:
            unfinished.add(page_to_record(page), written)
        on_page(len(unfinished.indices) or 1)
    # Formats of one file per document, which need all pages.
    pages = _all_pages(single, task, workspace, unfinished) if per_document else ()
    if pages:
        outputs += write_results(Document(pages, task.source), per_document, task, workspace)
    # The result: an error that may pass is raised, so that the file is tried again.
    if errors and errors[0].may_pass:
        raise errors[0]
    count = len(unfinished.indices) or int(single is not None)
    error = str(errors[0]) if errors else ""
    damage, note = (unfinished.damage, unfinished.note) if single is None else (single.damage, note_in(single.warnings))
    return TaskResult(task.content, count, (*unfinished.outputs, *outputs), error, damage, note)


def note_in(warnings: Sequence[str]) -> str:
    """The first of a page's warnings that is not of damage, such as lines that could not be read; empty without one."""
    return next((warning for warning in warnings if warning and not damage_in([warning])), "")


def split_formats(formats: Sequence[str]) -> tuple[list[str], list[str]]:
    """The formats of one file per page, and those of one file per document."""
    return [name for name in formats if name in PER_PAGE], [name for name in formats if name not in PER_PAGE]


def _remaining_pages(
    reader: PageReader,
    task: FileTask,
    workspace: Workspace,
    unfinished: "UnfinishedDocument",
    errors: list[InklineError],
) -> Iterator[Page]:
    """The pages that no earlier run has read; what cannot be read is added to `errors`."""
    path, page_range = Path(task.location), workspace.read_options.page_range
    if unfinished.indices:
        left = sorted(set(page_indices(path, workspace.read_options)) - set(unfinished.indices))
        if not left:
            return
        page_range = ",".join(str(index + 1) for index in left)
    source = Source(path, task.source)
    yield from reader.stream([source], on_error=lambda _, error: errors.append(error), page_range=page_range)


def _all_pages(single: Page | None, task: FileTask, workspace: Workspace, unfinished: "UnfinishedDocument") -> tuple[Page, ...]:
    """All pages of the document, with their images where a format asks for them."""
    if single is not None:
        return (single,)
    path, options = Path(task.location), workspace.read_options
    return tuple(
        replace(page, load_image=partial(_load_image, path, page.page_index or 0, options)) for page in unfinished.pages()
    )


def _load_image(path: Path, index: int, options: ReadOptions) -> Image:
    return next(iter(read(path, replace(options, page_range=str(index + 1))))).image


def write_results(results: Document | Page, formats: Sequence[str], task: FileTask, workspace: Workspace) -> list[str]:
    """Write results in the staging folder, then move them into place; gives their names below the destination."""
    names = []
    for format in formats:
        shown = _as_local_file(results, task.location) if format in FORMATS_FROM_FILE else results
        for path in save(shown, workspace.staging, [format]):
            names.append(task.stem + path.name[len(document_stem(shown.source)) :])
            workspace.destination.put(path, names[-1])
    return names


def _as_local_file(results: Document | Page, path: str) -> Document | Page:
    """The results as if the user had named the local file that was read."""
    if isinstance(results, Page):
        return replace(results, source=path)
    return Document(tuple(replace(page, source=path) for page in results.pages), path)


def page_indices(path: Path, options: ReadOptions) -> list[int]:
    """The pages of a local file that are to be read, counted from 0; none when it cannot be told."""
    total = count_pages(Source(path, str(path)), replace(options, page_range="")) or 0
    ranges = parse_page_range(options.page_range) or ((1, None),)
    return [i for i in range(total) if any(first <= i + 1 <= (last or total) for first, last in ranges)]


def unfinished_path(workspace: Workspace, stem: str, content: str) -> Path:
    """Where the pages of an unfinished document are kept."""
    key = f"{stem}\n{content}\n{workspace.options_key}".encode("utf-8", "surrogatepass")
    return workspace.unfinished / f"{hashlib.sha256(key).hexdigest()[:32]}.jsonl"


class UnfinishedDocument:
    """The pages of a document that are read and whose results are in place, in a file that grows by one line per page.

    A line that a kill cut off, and those of pages whose results are gone, do not count. The file is written anew when
    it is opened, so that a process that should have ended cannot add to it.
    """

    def __init__(self, path: Path, destination: Destination) -> None:
        self._path = path
        self._outputs: dict[int, list[str]] = {}  # by the page's index
        self._damage: dict[int, str] = {}  # likewise
        self._notes: dict[int, str] = {}  # likewise
        if not path.exists():
            return
        # Always the same temporary name, so that a kill at this moment leaves nothing behind for ever.
        kept = path.with_suffix(".kept")
        with open(path, "rb") as old, open(kept, "wb") as new:
            for line in old:
                row = _whole_row(line)
                if row and row["page"]["page_index"] not in self._outputs and destination.has_all(row["outputs"]):
                    self._note(row["page"], row["outputs"])
                    new.write(line)
        kept.replace(path)

    @property
    def indices(self) -> list[int]:
        """The pages' indices, sorted."""
        return sorted(self._outputs)

    @property
    def outputs(self) -> list[str]:
        """The results of all pages, in the order of the pages."""
        return [name for index in self.indices for name in self._outputs[index]]

    @property
    def damage(self) -> str:
        """Which page is damaged, the first of them; empty when all are whole."""
        return self._first(self._damage, "are")

    @property
    def note(self) -> str:
        """What else is to be said of which page, the first of them; empty when nothing is."""
        return self._first(self._notes, "have such a warning")

    def _first(self, said: Mapping[int, str], of_several: str) -> str:
        pages = [(index + 1, said[index]) for index in self.indices if said[index]]
        more = f"; {len(pages)} pages {of_several}" if len(pages) > 1 else ""
        return f"page {pages[0][0]}: {pages[0][1]}{more}" if pages else ""

    def add(self, record: Record, outputs: list[str]) -> None:
        """Add a page, as a record, whose results are in place."""
        with open(self._path, "ab") as file:
            file.write(json.dumps({"page": record, "outputs": outputs}).encode() + b"\n")
        self._note(record, outputs)

    def _note(self, record: Record, outputs: list[str]) -> None:
        self._outputs[record["page_index"]] = outputs
        self._damage[record["page_index"]] = damage_in(record["warnings"])
        self._notes[record["page_index"]] = note_in(record["warnings"])

    def pages(self) -> list[Page]:
        """All pages, without images, in order."""
        if not self._outputs:
            return []
        with open(self._path, "rb") as file:
            pages = [page_from_record(row["page"]) for line in file if (row := _whole_row(line))]
        return sorted(pages, key=lambda page: page.page_index or 0)


def _whole_row(line: bytes) -> dict[str, Any] | None:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return row if line.endswith(b"\n") else None


def page_to_record(page: Page) -> Record:
    """All that `page` holds but its image; numbers keep every bit."""
    record = {f.name: _to_json(getattr(page, f.name)) for f in fields(page) if f.name != "load_image"}
    return {**record, "found": record.pop("detections")}


def _to_json(value: Any) -> Any:
    """A value of a page as plain JSON values."""
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, (tuple, list)):
        return [_to_json(item) for item in value]
    if is_dataclass(value):
        return {f.name: _to_json(getattr(value, f.name)) for f in fields(value)}
    return dict(value) if isinstance(value, Mapping) else value


def page_from_record(record: Mapping[str, Any]) -> Page:
    """The page of a record; `load_image` is None."""
    values = dict(record)
    found, transform = values.pop("found"), values.pop("transform")
    polygons = found["polygons"]
    if polygons is not None:
        polygons = tuple(_floats(polygon).reshape(-1, 2) for polygon in polygons)
    values["detections"] = Detections(_floats(found["quads"]).reshape(-1, 4, 2), _floats(found["scores"]), polygons)
    values["lines"] = tuple(map(_line_from_record, record["lines"]))
    for name in ("size", "line_angles", "warnings"):
        values[name] = tuple(record[name])
    if transform:
        grid = None if transform["grid"] is None else _floats(transform["grid"])
        flat_size = transform.get("flat_size")  # records of earlier versions have none
        flat_size = None if flat_size is None else tuple(flat_size)
        values["transform"] = Transform(tuple(transform["size"]), transform["angle"], grid, flat_size)
    return Page(**values)


def _line_from_record(record: Mapping[str, Any]) -> Line:
    words = tuple(Word(**{**word, "quad": _floats(word["quad"])}) for word in record["words"])
    quads = {name: _floats(record[name]) for name in ("quad", "straight_quad")}
    cell = record.get("cell")  # records of earlier versions have none
    return Line(**{**record, **quads, "words": words, "cell": None if cell is None else Cell(*cell)})


def _floats(values: Any) -> Floats:
    return np.array(values, np.float32)
