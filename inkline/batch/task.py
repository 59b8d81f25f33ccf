"""The record of one file on its way through a run, how that ended, and the configuration of the whole run."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from inkline.batch.storage import Destination
from inkline.flat import flat_fields, to_flat
from inkline.options import EngineOptions, OcrOptions, ReadOptions, RunOptions

# Options that do not change what the results are; nor do those of the engine, as engines agree.
OPTIONS_WITHOUT_EFFECT = frozenset(
    ("rules", "max_source_bytes", "allow_urls", "url_timeout", "isolate", "page_timeout", "max_decode_bytes")
)

# Options under the names they had when ledgers were first written, so that a run begun then can be resumed.
FIRST_NAMES = {"text_rec_width_scale": "text_rec_squeeze"}


@dataclass(frozen=True)
class FileTask:
    """One file to read, from the listing to the worker that reads it; each stage fills in what it finds out.

    From the listing: name is the path below the source, with `/`, unique in a run; source is what the user would call the
    file, and what results say; location is a local path or the address of a store or web page, empty while `open` gives the
    content (until the next file is listed); fingerprint changes when the content does, without reading it, and is empty
    where that cannot be told; error is a reason known already why the file cannot be read.

    From the ledger: stem is the name of the results without their endings; changed says that the file looks changed since
    it was read with the same options.

    From the scheduler: attempt counts from 1; temporary says that `location` was unpacked for this task.

    From the worker or the cluster: content is the file's sha256; pages, where not empty, is the page range of this part of
    a document, whose formats of one file per document are written by whoever collects the parts.
    """

    name: str
    source: str
    location: str = ""
    fingerprint: str = ""
    error: str = ""
    open: Callable[[], BinaryIO] | None = field(default=None, compare=False, repr=False)
    stem: str = ""
    changed: bool = False
    attempt: int = 1
    temporary: bool = False
    content: str = ""
    pages: str = ""


@dataclass(frozen=True)
class TaskResult:
    """How reading a file ended. error: empty when all of it was read. outputs: names below the destination.

    damage: what could not be decoded of a file that was read, empty when it was whole. note: another warning of its pages,
    such as lines that were found and could not be read.

    already_done: the ledger had this content. retryable: another attempt may succeed. destination_full: every other file
    would fail the same way.
    """

    content: str = ""
    pages: int = 0
    outputs: tuple[str, ...] = ()
    error: str = ""
    damage: str = ""
    note: str = ""
    already_done: bool = False
    retryable: bool = False
    destination_full: bool = False


@dataclass(frozen=True)
class RunConfig:
    """What a run does, for all its files. ledger: folder of the ledger; empty: in the destination."""

    sources: tuple[str, ...]
    destination: str
    formats: tuple[str, ...]
    options: OcrOptions
    run_options: RunOptions = RunOptions()
    ledger: str = ""

    def workspace(self, destination: Destination, state: Path, name: str) -> "Workspace":
        """Where the process called `name` works. state: the folder of the run's state."""
        staging, unfinished = state / "tmp" / name, state / "pages"
        key = options_key(self.options, self.formats)
        return Workspace(destination, staging, unfinished, self.formats, key, self.options.read)


@dataclass(frozen=True)
class Workspace:
    """Where and how one process writes results.

    staging: its own folder for files under temporary names, on the destination's disk where that is local. unfinished:
    folder of the pages of unfinished documents.
    """

    destination: Destination
    staging: Path
    unfinished: Path
    formats: tuple[str, ...]
    options_key: str
    read_options: ReadOptions


def options_key(options: OcrOptions, formats: Sequence[str]) -> str:
    """A hash of all that decides what the results are: options, models and formats, not engines and limits of time."""
    values: dict[str, Any] = {**to_flat(options), "formats": sorted(formats)}
    for name in (*flat_fields(EngineOptions), *OPTIONS_WITHOUT_EFFECT):
        del values[name]
    values = {FIRST_NAMES.get(name, name): value for name, value in values.items()}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


def fingerprint_of(path: Path) -> str:
    """Size and time of the last change of a local file; empty when it cannot be told."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"
