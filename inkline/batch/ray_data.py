"""A run on a Ray cluster (extra `ray`): Ray Data hands units of work to a pool of actors and brings their answers.

The process that starts the run lists the sources, keeps the ledger and puts results in place; results for a store are
put there by the actors. A unit is a file, or some pages of a long document. Ray runs a unit again when its actor or its
machine is lost, and gives one answer for each, so every page arrives once. Local paths must mean the same on all machines.
"""

import logging
import os
import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from inkline.batch.agenda import Agenda
from inkline.batch.document import Waiting, waiting_file
from inkline.batch.gather import Gather
from inkline.batch.ledger import Result
from inkline.batch.plan import Place, Plan, Summary, items_of, open_place
from inkline.batch.progress import Progress
from inkline.batch.ray_actor import Limits, Reading
from inkline.batch.worker import Ended, OpenReader, Task, digest
from inkline.errors import EngineError, InklineError, UsageError
from inkline.io.read import count_pages
from inkline.io.sources import Source
from inkline.options import ReadOptions, parse_page_range

PAGES_A_UNIT = 16  # a long document is shared out in parts of so many pages
UNITS_A_BLOCK = 4  # what an actor gets at once
UNITS_A_WAVE = 20_000  # what is listed and handed to Ray at once; bounds what the starting process holds
BYTES_A_WAVE = 1 << 30  # of files unpacked from archives
OF_SEVERAL_PAGES = frozenset((".pdf", ".tif", ".tiff"))


def run_on_ray(
    plan: Plan, open_reader: OpenReader, progress: Progress, address: str = "local", workers: int | None = None
) -> Summary:
    """Read all files that the plan's ledger does not know as done, on a Ray cluster.

    address: of the cluster, `auto` for the one of this machine, `local` for one of its own here. workers: actors, each
    with one processor; None: as many as the cluster has processors. Errors as in `run`; EngineError when there is no
    cluster, or it is lost.
    """
    with open_place(plan) as place, cluster(address, workers) as processors:
        agenda = Agenda(plan, place, progress)
        gather = Gather(plan, place, agenda, progress)
        items, more = items_of(plan, place), True
        while more:
            tasks: list[Task] = []
            size = 0
            while more and len(tasks) < UNITS_A_WAVE and size < BYTES_A_WAVE:
                more, task, _ = agenda.next(items)
                if task is not None:
                    tasks += units(task, agenda, gather, place, plan)
                    size += os.path.getsize(task.location) if task.temporary else 0
            if tasks:
                for answer in _answers(tasks, plan, open_reader, workers or processors):
                    gather.take(*answer)
        gather.finish()
        return agenda.summary


@contextmanager
def cluster(address: str, workers: int | None) -> Iterator[int]:
    """A connection to a Ray cluster, and how many processors it has; one that is there already is used and left open."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray reports to its makers unless it is told not to
    try:
        import ray
    except ImportError as error:
        raise UsageError("a run on Ray needs the extra `ray`: pip install 'inkline[ray]'") from error
    _look_for(address)
    ours = not ray.is_initialized()
    if ours:
        own = {"address": "local", "num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(
                **(own if address == "local" else {"address": address}),
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except Exception as error:  # Ray raises its own and bare ones, of a node that does not come up for instance
            reason = " ".join(str(error).split())[:200]
            raise EngineError(f"no Ray cluster at {address!r} ({reason}); give host:port, auto or local") from error
    try:
        resources: Any = ray.cluster_resources
        yield max(1, int(resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def _look_for(address: str) -> None:
    """EngineError when nothing answers at host:port; Ray itself would try for five minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise EngineError(f"no Ray cluster at {address!r} ({error}); give host:port, auto or local") from error


def units(task: Task, agenda: Agenda, gather: Gather, place: Place, plan: Plan) -> list[Task]:
    """A task as units of work: itself, or parts of a long local document without the pages that wait already."""
    path = Path(task.location)
    if path.suffix.lower() not in OF_SEVERAL_PAGES and not task.changed:
        return [task]
    if not path.is_file():  # missing, or in a store: the actor will see
        return [task]
    content = digest(path)
    if task.changed and agenda.knows(task, content):
        agenda.note(task, Ended(Result(), known=True), 0.0)
        return []
    indices = page_indices(path, plan.read_options)
    if len(indices) <= PAGES_A_UNIT:
        return [replace(task, content=content)]
    waiting = Waiting(waiting_file(place.desk(plan, "gather"), task.stem, content), place.destination)
    left = [index for index in indices if index not in set(waiting.indices)]
    parts = [left[i : i + PAGES_A_UNIT] for i in range(0, len(left), PAGES_A_UNIT)]
    whole = replace(task, content=content)
    gather.expect(whole, waiting, len(parts))
    return [replace(whole, pages=",".join(str(index + 1) for index in part)) for part in parts]


def page_indices(path: Path, options: ReadOptions) -> list[int]:
    """The pages of a local file that are to be read, counted from 0; none when it cannot be told."""
    total = count_pages(Source(path, str(path)), replace(options, page_range="")) or 0
    ranges = parse_page_range(options.page_range) or ((1, None),)
    return [i for i in range(total) if any(first <= i + 1 <= (last or total) for first, last in ranges)]


def _answers(
    tasks: list[Task], plan: Plan, open_reader: OpenReader, workers: int
) -> Iterator[tuple[Task, Ended, dict[str, bytes], bytes, float]]:
    """What the actors say of each unit, as it comes; Ray holds them back when they come faster than they are taken."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    rows = [{"task": pickle.dumps(task)} for task in tasks]
    made = ray.data.from_items(rows, override_num_blocks=-(-len(rows) // UNITS_A_BLOCK)).map_batches(
        Reading,
        fn_constructor_args=(open_reader, Limits.of(plan)),
        batch_size=UNITS_A_BLOCK,
        compute=ActorPoolStrategy(size=min(workers, len(rows))),
        num_cpus=1,
    )
    try:
        for row in made.iter_rows():
            yield pickle.loads(row["answer"])
    except ray.exceptions.RayError as error:
        raise _cause(error) from error


def _cause(error: BaseException) -> InklineError:
    """The error of ours that an actor raised, else that the cluster failed."""
    one: BaseException | None = error
    while one is not None:
        inner = getattr(one, "cause", None)
        if isinstance(one, InklineError):
            return one
        one = inner if isinstance(inner, BaseException) else one.__cause__
    reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return EngineError(f"the Ray cluster failed ({reason}); start the same command again: what is done stays done")
