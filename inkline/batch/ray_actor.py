"""What an actor on a Ray cluster does: it keeps one worker process at hand, and answers with what that made.

The worker is a process of its own also here, so that a file that takes too long, or kills its reader, costs itself alone.
"""

import pickle
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from inkline.batch.destination import Destination
from inkline.batch.document import Desk, waiting_file
from inkline.batch.faults import may_pass
from inkline.batch.plan import Plan
from inkline.batch.worker import Ended, OpenReader, Task, Worker, listen
from inkline.errors import InklineError
from inkline.options import ReadOptions, RunOptions

PARQUET = ".parquet"


@dataclass(frozen=True)
class Limits:
    """What an actor has to know of a plan."""

    destination: Destination
    formats: tuple[str, ...]
    options_key: str
    read_options: ReadOptions
    run_options: RunOptions

    @classmethod
    def of(cls, plan: Plan) -> "Limits":
        return cls(Destination(plan.destination), plan.formats, plan.options_key, plan.read_options, plan.run_options)


class Reading:
    """Reads units of work: one for each actor."""

    def __init__(self, open_reader: OpenReader, limits: Limits) -> None:
        self._open_reader, self._limits = open_reader, limits
        self._folder = Path(tempfile.mkdtemp(prefix="inkline-"))
        self._worker: Worker | None = None

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        """Pickled tasks to pickled (task, how it ended, files by name, records of pages, seconds)."""
        return {"answer": [pickle.dumps(self.read(pickle.loads(task))) for task in batch["task"]]}

    def read(self, task: Task) -> tuple[Task, Ended, dict[str, bytes], bytes, float]:
        """Read one unit, more than once where that may help."""
        begun = time.monotonic()
        options = self._limits.run_options
        for attempt in range(1, options.retries + 2):
            task = replace(task, attempt=attempt)
            shutil.rmtree(self._folder, ignore_errors=True)
            for name in ("out", "pages"):
                (self._folder / name).mkdir(parents=True)
            ended = self._once(task)
            files: dict[str, bytes] = {}
            try:
                files = {} if ended.result.error and not ended.result.outputs else self._collect(ended)
            except (InklineError, OSError) as error:
                ended = Ended(replace(ended.result, error=str(error)), passing=may_pass(error))
            if not ended.passing or attempt > options.retries:
                break
            time.sleep(options.retry_wait * 2 ** (attempt - 1))
        waiting = waiting_file(self._desk(), task.stem, ended.result.content)
        records = waiting.read_bytes() if task.pages and waiting.exists() else b""
        return task, replace(ended, passing=False), files, records, time.monotonic() - begun

    def _desk(self) -> Desk:
        limits, folder = self._limits, self._folder
        out = Destination(str(folder / "out"))
        return Desk(out, folder / "tmp", folder / "pages", limits.formats, limits.options_key, limits.read_options)

    def _once(self, task: Task) -> Ended:
        """One try of a unit on the worker process, which is started when there is none."""
        worker = self._worker = self._worker or Worker.start(self._open_reader, self._desk())
        worker.give(task)
        while True:
            ended: Ended | None = None
            for _ in listen([worker], 0.5):
                said = worker.hear()
                if said is None:
                    ended, self._worker = worker.died(), None
                elif said[0] == "content":
                    worker.answer(True)
                elif said[0] == "ended":
                    worker.task, ended = None, said[1]
            if ended is None and self._worker is not None:
                ended = worker.too_slow(self._limits.run_options.time_limit)
                self._worker = None if ended is not None else worker
            if ended is not None:
                return ended

    def _collect(self, ended: Ended) -> dict[str, bytes]:
        """Results for a local destination, and Parquet, which is gathered; others are put into the store from here."""
        files: dict[str, bytes] = {}
        for name in ended.result.outputs:
            path = self._folder / "out" / name
            if self._limits.destination.local or name.endswith(PARQUET):
                files[name] = path.read_bytes()
            else:
                self._limits.destination.put(path, name)
        return files
