"""A run on the processes of this machine: tasks are handed to workers, who are listened to until none is left."""

import itertools
import time
from collections.abc import Iterator

from inkline.batch.agenda import Agenda
from inkline.batch.listing import Item
from inkline.batch.plan import Place, Plan, Summary, items_of, open_place
from inkline.batch.progress import Progress
from inkline.batch.worker import OpenReader, Task, Worker, listen

TURN = 0.2  # seconds to wait for workers at most


def run(plan: Plan, open_reader: OpenReader, progress: Progress, watch: bool = False) -> Summary:
    """Read all files of the plan's sources that its ledger does not know as done, on processes of this machine.

    watch: look for new files again and again, until a KeyboardInterrupt. Files that cannot be read are in the summary
    and in failures.jsonl. Errors, which stop the run: those of `open_place`, of `open_reader`, and OutputError when the
    destination is full. What was done until then stays done.
    """
    with open_place(plan) as place:
        agenda = Agenda(plan, place, progress)
        crew = Crew(plan, place, agenda, open_reader)
        try:
            crew.work(items_of(plan, place, watch), progress)
        except KeyboardInterrupt:
            if not watch:
                raise
        finally:
            crew.dismiss()
        return agenda.summary


class Crew:
    """The workers of a run. They are started when there is work for them, so a run with nothing to do opens no model."""

    def __init__(self, plan: Plan, place: Place, agenda: Agenda, open_reader: OpenReader) -> None:
        self._plan, self._place, self._agenda, self._open_reader = plan, place, agenda, open_reader
        self._workers: list[Worker] = []
        self._numbers = itertools.count()

    def work(self, items: Iterator[Item | None], progress: Progress) -> None:
        """Hand out the items until there are none and all tasks have ended."""
        more = True
        while more or self._agenda.unfinished:
            room = self._plan.run_options.workers - sum(worker.task is not None for worker in self._workers)
            idle = False
            while room and not idle:
                task = self._agenda.due()
                if task is None and more:
                    more, task, idle = self._agenda.next(items)
                if task is None:
                    break
                self._hand_out(task)
                room -= 1
            looking = room and more and not idle  # among files that are done, for one that is not
            for worker in listen(self._workers, 0 if looking else TURN):
                self._listen_to(worker)
            self._stop_the_slow()
            progress.show(self._agenda.summary, sum(worker.pages for worker in self._workers))

    def dismiss(self) -> None:
        """Stop all workers at once."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _hand_out(self, task: Task) -> None:
        """Give a task to a free worker, a new one if need be."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = Worker.start(self._open_reader, self._place.desk(self._plan, f"worker-{next(self._numbers)}"))
            self._workers.append(worker)
        worker.give(task)

    def _listen_to(self, worker: Worker) -> None:
        said = worker.hear()
        task = worker.task
        if said is None:
            self._workers.remove(worker)
            ended = worker.died()
            if ended is not None and task is not None:
                self._agenda.note(task, ended, time.monotonic() - worker.begun)
        elif task is not None and said[0] == "content":
            worker.answer(not self._agenda.knows(task, said[1]))
        elif task is not None and said[0] == "ended":
            worker.task, worker.pages = None, 0
            self._agenda.note(task, said[1], time.monotonic() - worker.begun)

    def _stop_the_slow(self) -> None:
        """End the workers whose file takes too long."""
        for worker in list(self._workers):
            ended = worker.too_slow(self._plan.run_options.time_limit)
            if ended is not None and worker.task is not None:
                self._workers.remove(worker)
                self._agenda.note(worker.task, ended, time.monotonic() - worker.begun)
