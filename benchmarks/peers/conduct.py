"""Run the peers side by side: a long-lived worker each, page by page in an order that changes, every answer scored."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import CannotRun
from benchmarks.peers.record import Record, done, scored
from benchmarks.peers.worker import Worker

Page = tuple[str, dict[str, Any], int]  # set, row of its labels, round


@dataclass(frozen=True)
class Settings:
    """threads: processors each peer gets. open_limit, page_limit: seconds until a worker counts as hung."""

    threads: int = 2
    rounds: int = 1
    seed: int = 0
    open_limit: float = 300.0
    page_limit: float = 180.0


@dataclass(frozen=True)
class Team:
    """The peers of a run: how a worker is started, the builds of all, and those at work on the current set."""

    start: Callable[[str], Worker]
    builds: Mapping[str, str]
    record: Record
    settings: Settings
    workers: dict[str, Worker] = field(default_factory=dict)

    def open(self, row: Mapping[str, Any]) -> None:
        """Start all, and let them read a page untimed: the first finds caches cold and threads not yet started."""
        for peer in self.builds:
            self._try(peer, partial(self._start, peer))
        for peer in list(self.workers):
            self.ask(peer, row)

    def _start(self, peer: str) -> None:
        self.workers[peer] = self.start(peer)

    def ask(self, peer: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
        message = {"image": str(Path(row["image"]).resolve())}
        return self._try(peer, lambda: self.workers[peer].ask(message, self.settings.page_limit))

    def _try(self, peer: str, work: Callable[[], Any]) -> Any:
        """What `work` gives; None when the peer cannot run: it leaves the run, and the record keeps the reason."""
        try:
            return work()
        except CannotRun as error:
            self.record.fail(peer, str(error))
            if peer in self.workers:
                self.workers.pop(peer).close()
            return None

    def close(self) -> None:
        while self.workers:
            self.workers.popitem()[1].close()


def run(team: Team, pages: Mapping[str, list[dict[str, Any]]], deadline: float) -> int:
    """Read what is not yet in the record, set by set, until the deadline (time.monotonic); how many pages are left.

    Workers are started anew for each set, so that peak memory is that of the set. Pages wait for nobody who cannot be
    opened.
    """
    left = 0
    for name, rows in pages.items():
        of_set = [(name, row, i) for i in range(team.settings.rounds) for row in rows]
        waiting = [page for page in of_set if not done(team.record.unit(*page), team.builds)]
        if waiting and time.monotonic() < deadline:
            try:
                team.open(waiting[0][1])
                present = {peer: team.builds[peer] for peer in team.workers}
                waiting = [page for page in of_set if not done(team.record.unit(*page), present)] if present else []
                while waiting and time.monotonic() < deadline:
                    read(team, waiting.pop(0))
            finally:
                team.close()
        left += len(waiting)
    return left


def read(team: Team, page: Page) -> None:
    """Let every worker read the page, in an order drawn for it, and record what it cost and how well it was read."""
    name, row, i = page
    order = list(team.workers)
    random.Random(f"{team.settings.seed} {name} {Path(row['image']).name} {i}").shuffle(order)
    answers = {peer: answer for peer in order if (answer := team.ask(peer, row)) is not None}
    measures = {peer: {"build": team.builds[peer], **scored(row, answer)} for peer, answer in answers.items()}
    team.record.add(name, row, i, measures)
    shown = "  ".join(f"{p} {measures[p].get('seconds', float('nan')):.2f}" for p in team.builds if p in measures)
    print(f"{name} {Path(row['image']).name}: {shown}", flush=True)
