"""What a run is to do, how it goes, and what it has open."""

import contextlib
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inkline.batch.destination import Destination, check_apart
from inkline.batch.document import Desk
from inkline.batch.ledger import Ledger, options_key
from inkline.batch.listing import Item, listing
from inkline.batch.watch import watched
from inkline.errors import InklineError, OutputError
from inkline.options import OcrOptions, ReadOptions, RunOptions

FAILURES = "failures.jsonl"


@dataclass(frozen=True)
class Plan:
    """What a run does, for all its files. ledger: folder of the ledger; empty: in the destination."""

    sources: tuple[str, ...]
    destination: str
    formats: tuple[str, ...]
    options: OcrOptions
    read_options: ReadOptions = ReadOptions()
    run_options: RunOptions = RunOptions()
    ledger: str = ""

    @property
    def options_key(self) -> str:
        """A hash of all that decides what the results are."""
        return options_key(self.options, self.read_options, self.formats)


@dataclass
class Summary:
    """How a run went. skipped: files that were done before."""

    done: int = 0
    pages: int = 0
    skipped: int = 0
    failed: int = 0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began


@dataclass(frozen=True)
class Place:
    """What a run has open: the destination, the folder of its state, and the ledger."""

    destination: Destination
    state: Path
    ledger: Ledger

    @property
    def staging(self) -> Path:
        return self.state / "tmp"

    @property
    def waiting(self) -> Path:
        return self.state / "pages"

    def desk(self, plan: Plan, name: str) -> Desk:
        """Where someone called `name` works."""
        staging = self.staging / name
        return Desk(self.destination, staging, self.waiting, plan.formats, plan.options_key, plan.read_options)


@contextlib.contextmanager
def open_place(plan: Plan) -> Iterator[Place]:
    """Check the destination, take its ledger, and leave the list of failures behind.

    Errors: UsageError when the destination is in a source, OutputError when it cannot be written or another run has it.
    """
    destination = Destination(plan.destination)
    check_apart(plan.sources, destination)
    state = destination.state_folder(plan.ledger)
    with Ledger(state, plan.options_key) as ledger:
        place = Place(destination, state, ledger)
        shutil.rmtree(place.staging, ignore_errors=True)  # what a killed run left
        place.staging.mkdir()
        place.waiting.mkdir(exist_ok=True)
        destination.probe(place.staging)
        try:
            yield place
        except OutputError:  # the disk is full, perhaps: that the list cannot be written would only hide why
            with contextlib.suppress(InklineError, OSError):
                write_failures(place)
            raise
        except BaseException:
            write_failures(place)
            raise
        else:
            write_failures(place)
        finally:
            shutil.rmtree(place.staging, ignore_errors=True)


def write_failures(place: Place) -> None:
    """List the files of this run that failed in the destination; without any, no list."""
    path = place.staging / FAILURES
    with open(path, "w", encoding="utf-8") as file:
        for row in place.ledger.failures():
            file.write(json.dumps(row) + "\n")
    if path.stat().st_size:
        place.destination.put(path, FAILURES)
    else:
        place.destination.remove(FAILURES)


def items_of(plan: Plan, place: Place, watch: bool = False) -> Iterator[Item | None]:
    """The items of all sources; None where there is none at the moment."""
    if watch:
        yield from watched(lambda: listing(plan.sources, place.staging), place.ledger, plan.run_options.watch_interval)
    else:
        place.ledger.new_look()
        yield from listing(plan.sources, place.staging)
