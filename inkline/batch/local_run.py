"""A run on the processes of this machine: tasks are assigned to workers, whose messages are answered until none is left."""

import itertools
import time
from multiprocessing.connection import wait

from inkline.batch.scheduler import RunContext, RunProgress, RunSummary, Scheduler, open_run
from inkline.batch.task import FileTask, RunConfig
from inkline.batch.worker import OpenReader, Worker

MAX_WAIT_SECONDS = 0.2  # for messages of workers


def run_files(config: RunConfig, open_reader: OpenReader, progress: RunProgress, watch: bool = False) -> RunSummary:
    """Read all files of the sources that the ledger does not know as done, on processes of this machine.

    watch: look for new files again and again, until a KeyboardInterrupt. Files that cannot be read are in the summary
    and in failures.jsonl. Errors, which stop the run: those of `open_run`, of `open_reader`, and OutputError when the
    destination is full. What was done until then stays done.
    """
    with open_run(config) as context:
        scheduler = Scheduler(context, progress, context.tasks(watch))
        pool = WorkerPool(context, scheduler, open_reader)
        try:
            while scheduler.unfinished:
                searching = pool.assign_tasks()
                # While files that are done are skipped, to find one that is not, messages are not waited for.
                pool.handle_messages(0 if searching else MAX_WAIT_SECONDS)
                progress.show(scheduler.summary, pool.pages)
        except KeyboardInterrupt:
            if not watch:
                raise
        finally:
            pool.stop()
        return scheduler.summary


class WorkerPool:
    """The workers of a run. They are started when there is work for them, so a run with nothing to do opens no model."""

    def __init__(self, context: RunContext, scheduler: Scheduler, open_reader: OpenReader) -> None:
        self._context, self._scheduler, self._open_reader = context, scheduler, open_reader
        self._workers: list[Worker] = []
        self._numbers = itertools.count()

    @property
    def pages(self) -> int:
        """Pages read of files that are not done."""
        return sum(worker.pages for worker in self._workers)

    def assign_tasks(self) -> bool:
        """Give every free worker a task; whether the search for tasks is not at its end, and a worker is free."""
        free = self._context.config.run_options.workers - sum(worker.task is not None for worker in self._workers)
        for _ in range(free):
            task = self._scheduler.next_task()
            if task is None:
                return not self._scheduler.idle
            self._assign(task)
        return False

    def handle_messages(self, seconds: float) -> None:
        """Answer the messages that come within some seconds, and end the workers whose file takes too long."""
        limit = self._context.config.run_options.time_limit
        if not self._workers:
            time.sleep(seconds)
            return
        ready = wait([worker.connection for worker in self._workers], seconds)
        for worker in list(self._workers):
            task = worker.task
            spoke = worker.connection in ready
            result = worker.handle_message(self._scheduler.is_done) if spoke else worker.check_time(limit)
            if not worker.alive:
                self._workers.remove(worker)
            if result is not None and task is not None:
                self._scheduler.finish(task, result, worker.seconds)

    def stop(self) -> None:
        """Stop all workers at once."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _assign(self, task: FileTask) -> None:
        """Give a task to a free worker, a new one if need be."""
        worker = next((worker for worker in self._workers if worker.task is None), None)
        if worker is None:
            worker = Worker.start(self._open_reader, self._context.workspace(f"worker-{next(self._numbers)}"))
            self._workers.append(worker)
        worker.assign(task)
