"""A run on a Ray cluster (extra `ray`): Ray Data gives units of work to a pool of actors and brings their answers.

The process that starts the run lists the sources, keeps the ledger and puts results into place; results for a store are
put there by the actors. A unit is a file, or some pages of a long document. Ray runs a unit again when its actor or its
machine is lost, and gives one answer for each, so every page arrives once. Local paths must mean the same on all machines.
"""

import json
import logging
import os
import pickle
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from inkline.batch.document import UnfinishedDocument, page_indices, split_formats, unfinished_path, write_results
from inkline.batch.ledger import SHARD_SUFFIX
from inkline.batch.scheduler import RunContext, RunProgress, RunSummary, Scheduler, open_run
from inkline.batch.storage import Destination, ParquetShards
from inkline.batch.task import FileTask, RunConfig, TaskResult
from inkline.batch.worker import OpenReader, Worker, causes_of, content_hash, is_disk_full, is_retryable
from inkline.errors import EngineError, InklineError, UsageError
from inkline.formats.write import render
from inkline.types import Document

PAGES_PER_UNIT = 16  # a long document is divided into parts of this many pages
UNITS_PER_BLOCK = 4  # what an actor gets at once
UNITS_PER_WAVE = 20_000  # listed and given to Ray at once: bounds what the starting process holds
BYTES_PER_WAVE = 1 << 30  # of files unpacked from archives
MAX_WAIT_SECONDS = 0.5  # for messages of the worker
MULTI_PAGE_SUFFIXES = frozenset((".pdf", ".tif", ".tiff"))


def run_on_ray(
    config: RunConfig,
    open_reader: OpenReader,
    progress: RunProgress,
    address: str = "local",
    workers: int | None = None,
) -> RunSummary:
    """Read all files that the ledger does not know as done, on a Ray cluster.

    address: of the cluster, `auto` for the one of this machine, `local` for one of its own here. workers: actors, each
    with one processor; None: as many as the cluster has processors. Errors as in `run_files`; EngineError when there is no
    cluster, or it is lost.
    """
    with open_run(config) as context, ray_cluster(address, workers) as processors:
        # Wave by wave: list files, give their units to Ray, put what comes back into place.
        scheduler = Scheduler(context, progress, context.tasks())
        collector = ResultCollector(context, scheduler, progress)
        while scheduler.listing:
            units: list[FileTask] = []
            unpacked_bytes = 0
            while scheduler.listing and len(units) < UNITS_PER_WAVE and unpacked_bytes < BYTES_PER_WAVE:
                task = scheduler.next_task()
                if task is not None:
                    units += split_task(task, scheduler, collector, context)
                    unpacked_bytes += os.path.getsize(task.location) if task.temporary else 0
            if units:
                for answer in _read_units(units, config, open_reader, workers or processors):
                    collector.take(answer)
        collector.write_shard()
        return scheduler.summary


@contextmanager
def ray_cluster(address: str, workers: int | None) -> Iterator[int]:
    """A connection to a Ray cluster, and how many processors it has; an existing connection is used and left open."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its makers unless it is told not to
    try:
        import ray
    except ImportError as error:
        raise UsageError("a run on Ray needs the extra `ray`: pip install 'inkline[ray]'") from error
    _check_address(address)
    ours = not ray.is_initialized()
    if ours:
        own = {"address": "local", "num_cpus": workers, "include_dashboard": False}
        where = own if address == "local" else {"address": address}
        try:
            ray.init(**where, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as error:  # Ray raises its own and bare ones, of a node that does not come up for instance
            reason = " ".join(str(error).split())[:200]
            raise EngineError(f"no Ray cluster at {address!r} ({reason}); give host:port, auto or local") from error
    try:
        resources: Any = ray.cluster_resources
        yield max(1, int(resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def _check_address(address: str) -> None:
    """EngineError when nothing answers at host:port; Ray itself would try for five minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise EngineError(f"no Ray cluster at {address!r} ({error}); give host:port, auto or local") from error


def split_task(task: FileTask, scheduler: Scheduler, collector: "ResultCollector", context: RunContext) -> list[FileTask]:
    """A task as units of work: itself, or parts of a long local document without the pages that are done already."""
    path = Path(task.location)
    if path.suffix.lower() not in MULTI_PAGE_SUFFIXES and not task.changed:
        return [task]
    if not path.is_file():  # missing, or in a store: the actor will see
        return [task]
    whole = replace(task, content=content_hash(path))
    # A file that only looks changed, and a document of few pages.
    if task.changed and scheduler.is_done(task, whole.content):
        scheduler.finish(task, TaskResult(already_done=True), 0.0)
        return []
    indices = page_indices(path, context.config.options.read)
    if len(indices) <= PAGES_PER_UNIT:
        return [whole]
    # A long document, in parts of pages that no earlier run has read.
    path = unfinished_path(collector.workspace, task.stem, whole.content)
    unfinished = UnfinishedDocument(path, context.destination)
    left = sorted(set(indices) - set(unfinished.indices))
    parts = [left[i : i + PAGES_PER_UNIT] for i in range(0, len(left), PAGES_PER_UNIT)]
    collector.expect_parts(whole, unfinished, len(parts))
    return [replace(whole, pages=",".join(str(index + 1) for index in part)) for part in parts]


@dataclass(frozen=True)
class UnitAnswer:
    """What an actor answers: how a unit ended, its files by name, its pages as lines of JSON, and the seconds it took."""

    task: FileTask
    result: TaskResult
    files: Mapping[str, bytes]
    records: bytes
    seconds: float


def _read_units(units: list[FileTask], config: RunConfig, open_reader: OpenReader, workers: int) -> Iterator[UnitAnswer]:
    """The answers for all units, as they come; Ray holds them back when they come faster than they are taken."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Small blocks, so that actors that are faster get more of them.
    rows = [{"task": pickle.dumps(task)} for task in units]
    answers = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // UNITS_PER_BLOCK)).map_batches(
        ReadActor,
        fn_constructor_args=(open_reader, config),
        batch_size=UNITS_PER_BLOCK,
        compute=ActorPoolStrategy(size=min(workers, len(rows))),
        num_cpus=1,
    )
    try:
        for row in answers.iter_rows():
            yield pickle.loads(row["answer"])
    except ray.exceptions.RayError as error:
        raise _cause_of(error) from error


def _cause_of(error: BaseException) -> InklineError:
    """The error of ours that an actor raised, else that the cluster failed."""
    ours = next((cause for cause in causes_of(error) if isinstance(cause, InklineError)), None)
    if ours is not None:
        return ours
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return EngineError(f"the Ray cluster failed ({reason}); start the same command again: what is done stays done")


class ReadActor:
    """An actor on the cluster: keeps one worker process and reads units of work with it.

    The worker is its own process also here, so that a file that takes too long, or kills its reader, costs itself alone.
    """

    def __init__(self, open_reader: OpenReader, config: RunConfig) -> None:
        self._open_reader, self._config = open_reader, config
        self._destination = Destination(config.destination)
        self._folder = Path(tempfile.mkdtemp(prefix="inkline-"))
        self._workspace = config.workspace(Destination(str(self._folder / "out")), self._folder, "worker")
        self._worker: Worker | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Pickled tasks to pickled answers."""
        return {"answer": [pickle.dumps(self.read(pickle.loads(task))) for task in batch["task"]]}

    def read(self, task: FileTask) -> UnitAnswer:
        """Read one unit, more than once where that may help."""
        started_at = time.monotonic()
        options = self._config.run_options
        for attempt in range(1, options.retries + 2):
            task = replace(task, attempt=attempt)
            # A fresh folder for each attempt.
            shutil.rmtree(self._folder, ignore_errors=True)
            for name in ("out", "pages"):
                (self._folder / name).mkdir(parents=True)
            result = self._read_once(task)
            files: dict[str, bytes] = {}
            try:
                files = self._collect(result)
            except (InklineError, OSError) as error:
                result = replace(result, error=str(error), retryable=is_retryable(error))
            if not result.retryable or attempt > options.retries:
                break
            time.sleep(options.retry_wait * 2 ** (attempt - 1))
        # The pages of a part go back as records; who started the run writes the whole document.
        pages = unfinished_path(self._workspace, task.stem, result.content)
        records = pages.read_bytes() if task.pages and pages.exists() else b""
        return UnitAnswer(task, replace(result, retryable=False), files, records, time.monotonic() - started_at)

    def _read_once(self, task: FileTask) -> TaskResult:
        """One attempt on the worker process, which is started when there is none."""
        if self._worker is None or not self._worker.alive:
            self._worker = Worker.start(self._open_reader, self._workspace)
        worker, result = self._worker, None
        worker.assign(task)
        while result is None:
            if wait([worker.connection], MAX_WAIT_SECONDS):
                result = worker.handle_message(lambda *_: False)  # what is done already was not sent here
            else:
                result = worker.check_time(self._config.run_options.time_limit)
        return result

    def _collect(self, result: TaskResult) -> dict[str, bytes]:
        """Results for a local destination, and Parquet, which is gathered; others are put into the store from here."""
        files: dict[str, bytes] = {}
        for name in result.outputs:
            path = self._folder / "out" / name
            if self._destination.local or name.endswith(SHARD_SUFFIX):
                files[name] = path.read_bytes()
            else:
                self._destination.put(path, name)
        return files


@dataclass
class DocumentParts:
    """A document of which parts are being read."""

    task: FileTask
    unfinished: UnfinishedDocument
    left: int
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


class ResultCollector:
    """Takes the answers of a cluster: files into place, parts to documents, results into the ledger.

    Call `write_shard` at the end.
    """

    def __init__(self, context: RunContext, scheduler: Scheduler, progress: RunProgress) -> None:
        self._scheduler, self._progress = scheduler, progress
        self.workspace = context.workspace("collector")
        self.workspace.staging.mkdir(exist_ok=True)
        self._shards = ParquetShards(context.destination, self.workspace.staging)
        self._documents: dict[str, DocumentParts] = {}

    def expect_parts(self, task: FileTask, unfinished: UnfinishedDocument, count: int) -> None:
        """Say that a document will come in `count` parts."""
        self._documents[task.name] = DocumentParts(task, unfinished, count)
        if not count:
            self._write_document(self._documents.pop(task.name))

    def take(self, answer: UnitAnswer) -> None:
        """Put the results of a unit into place, and note how it ended."""
        task, result = answer.task, answer.result
        try:
            for name, content in answer.files.items():
                if not name.endswith(SHARD_SUFFIX):
                    path = self.workspace.staging / "file"
                    path.write_bytes(content)
                    self.workspace.destination.put(path, name)
        except (InklineError, OSError) as error:
            result = replace(result, error=f"{task.source}: {error}", destination_full=is_disk_full(error))
        if result.destination_full:  # raises
            self._scheduler.finish(task, result, answer.seconds)
        if task.pages:
            self._add_part(self._documents[task.name], result, answer)
        else:
            tables = [content for name, content in answer.files.items() if name.endswith(SHARD_SUFFIX)]
            self._finish(task, result, tables, answer.seconds)
        pages = sum(len(parts.unfinished.indices) for parts in self._documents.values())
        self._progress.show(self._scheduler.summary, pages)

    def write_shard(self) -> None:
        """Write the gathered tables, and note the files whose rows they hold as done."""
        name, waiting = self._shards.write()
        for task, result, seconds in waiting:
            outputs = [other for other in result.outputs if not other.endswith(SHARD_SUFFIX)]
            self._scheduler.finish(task, replace(result, outputs=(*outputs, name)), seconds)

    def _add_part(self, parts: DocumentParts, result: TaskResult, answer: UnitAnswer) -> None:
        for line in answer.records.splitlines():
            row = json.loads(line)
            parts.unfinished.add(row["page"], row["outputs"])
        if result.error:
            parts.errors.append(result.error)
        parts.left -= 1
        parts.seconds += answer.seconds
        if not parts.left:
            self._write_document(self._documents.pop(parts.task.name))

    def _write_document(self, parts: DocumentParts) -> None:
        """All parts are there: write the formats of one file per document."""
        task, unfinished = parts.task, parts.unfinished
        _, formats = split_formats(self.workspace.formats)
        outputs, tables = unfinished.outputs, []
        error, full = parts.errors[0] if parts.errors else "", False
        try:
            if formats and unfinished.indices:
                document = Document(tuple(unfinished.pages()), task.source)
                plain = [name for name in formats if name != "parquet"]
                outputs += write_results(document, plain, task, self.workspace)
                if "parquet" in formats:
                    content = render(document, "parquet")
                    tables = [content if isinstance(content, bytes) else content.encode()]
        except (InklineError, OSError) as problem:
            error, full = str(problem), is_disk_full(problem)
        count = len(unfinished.indices)
        said = unfinished.damage, unfinished.note
        result = TaskResult(task.content, count, tuple(outputs), error, *said, destination_full=full)
        self._finish(task, result, tables, parts.seconds)

    def _finish(self, task: FileTask, result: TaskResult, tables: list[bytes], seconds: float) -> None:
        """Note the end of a file; where its rows go into a table with others, once that is in place."""
        if not tables:
            self._scheduler.finish(task, result, seconds)
            return
        self._shards.add(tables[0], (task, result, seconds))
        if self._shards.full:
            self.write_shard()
