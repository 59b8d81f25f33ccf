"""What comes back from a cluster, put together: files into place, parts of documents to documents, ends into the ledger."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from inkline.batch.agenda import Agenda
from inkline.batch.document import Job, Waiting, put
from inkline.batch.faults import disk_full
from inkline.batch.ledger import Result
from inkline.batch.plan import Place, Plan
from inkline.batch.progress import Progress
from inkline.batch.shards import Shards
from inkline.batch.worker import Ended, Task
from inkline.errors import InklineError
from inkline.formats.write import PER_PAGE, render
from inkline.types import Document

PARQUET = ".parquet"


@dataclass
class Parts:
    """A document of which parts are on their way."""

    task: Task
    waiting: Waiting
    left: int
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Gather:
    """Takes the answers of a cluster. `finish` it."""

    def __init__(self, plan: Plan, place: Place, agenda: Agenda, progress: Progress) -> None:
        self._plan, self._place, self._agenda, self._progress = plan, place, agenda, progress
        self._desk = place.desk(plan, "gather")
        self._desk.staging.mkdir(exist_ok=True)
        self._shards = Shards(place.destination, self._desk.staging)
        self._documents: dict[str, Parts] = {}

    def expect(self, task: Task, waiting: Waiting, count: int) -> None:
        """A document will come in so many parts."""
        self._documents[task.name] = Parts(task, waiting, count)
        if not count:
            self._whole(self._documents.pop(task.name))

    def take(self, task: Task, ended: Ended, files: Mapping[str, bytes], records: bytes, seconds: float) -> None:
        """Put the answer for a unit in place."""
        try:
            for name, content in files.items():
                if not name.endswith(PARQUET):
                    self._put(name, content)
        except (InklineError, OSError) as error:
            ended = Ended(replace(ended.result, error=f"{task.source}: {error}"), full=disk_full(error))
        if ended.full:
            self._agenda.note(task, ended, seconds)
        if not task.pages:
            tables = [content for name, content in files.items() if name.endswith(PARQUET)]
            self._end(task, ended, tables, seconds)
        else:
            self._part(self._documents[task.name], ended, records, seconds)
        self._progress.show(self._agenda.summary, sum(len(one.waiting.indices) for one in self._documents.values()))

    def finish(self) -> None:
        """Write what was gathered and not yet written."""
        name, waited = self._shards.write()
        for task, ended, seconds in waited:
            outputs = [other for other in ended.result.outputs if not other.endswith(PARQUET)]
            ended = replace(ended, result=replace(ended.result, outputs=(*outputs, name)))
            self._agenda.note(task, ended, seconds)

    def _put(self, name: str, content: bytes) -> None:
        path = self._desk.staging / "file"
        path.write_bytes(content)
        self._place.destination.put(path, name)

    def _part(self, parts: Parts, ended: Ended, records: bytes, seconds: float) -> None:
        for line in records.splitlines():
            row = json.loads(line)
            parts.waiting.add(row["page"], row["outputs"])
        parts.errors += [ended.result.error] if ended.result.error else []
        parts.left -= 1
        parts.seconds += seconds
        if not parts.left:
            self._whole(self._documents.pop(parts.task.name))

    def _whole(self, parts: Parts) -> None:
        """All parts are there: write the formats that need the whole document."""
        task, waiting = parts.task, parts.waiting
        whole = [name for name in self._plan.formats if name not in PER_PAGE]
        outputs, tables = waiting.outputs, []
        error = parts.errors[0] if parts.errors else ""
        full = False
        try:
            if whole and waiting.indices:
                document = Document(tuple(waiting.pages()), task.source)
                job = Job(task.source, task.stem, Path(task.location), task.content)
                outputs += put(document, [name for name in whole if name != "parquet"], job, self._desk)
                if "parquet" in whole:
                    content = render(document, "parquet")
                    tables = [content if isinstance(content, bytes) else content.encode()]
        except (InklineError, OSError) as problem:
            error, full = str(problem), disk_full(problem)
        result = Result(task.content, len(waiting.indices), tuple(outputs), error)
        self._end(task, Ended(result, full=full), tables, parts.seconds)

    def _end(self, task: Task, ended: Ended, tables: list[bytes], seconds: float) -> None:
        """Note the end of a file; where its rows go into a table with others, once that is in place."""
        if not tables:
            self._agenda.note(task, ended, seconds)
            return
        self._shards.add(tables[0], (task, ended, seconds))
        if self._shards.full:
            self.finish()
