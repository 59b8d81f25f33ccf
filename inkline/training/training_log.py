"""What a run tells: lines or a live bar on the terminal, `log.jsonl`, and TensorBoard."""

import json
import logging
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from inkline.progress import open_progress

SECONDS_BETWEEN_LINES = 15  # at most, as long as steps do not take longer
log = logging.getLogger(__name__)


class TrainingLog:
    """Follows a run of `total` steps; use it as a context manager. A silent one (not rank 0) does nothing.

    Rates are those since this process began, without the time spent on evaluation.
    """

    def __init__(self, output: Path, total: int, every: int, tensorboard: bool, silent: bool = False) -> None:
        self._output, self._total, self._every, self._silent = output, total, every, silent
        self._tensorboard = tensorboard
        self._sums: dict[str, float] = defaultdict(float)
        self._count = self._samples = self._all_steps = 0
        self._busy = self._window = 0.0  # seconds of training: of all steps, of those since the last line
        self._since = self._shown = time.perf_counter()

    def __enter__(self) -> Self:
        self._writer, self._progress, self._file = None, None, None
        if self._silent:
            return self
        self._file = (self._output / "log.jsonl").open("a", encoding="utf-8")
        if self._tensorboard:
            self._writer = _writer(self._output)
        self._progress = open_progress("steps", "starting", self._total, interval=0.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for open_thing in (self._progress, self._writer, self._file):
            if open_thing is not None:
                open_thing.close()

    def step(self, epoch: int, step: int, rate: float, samples: int, values: Mapping[str, float], total: int = 0) -> None:
        """One optimiser step is done: `values` are the losses, `samples` how many it saw in all processes.

        A line comes every `every` steps, and sooner where they are slow. total: steps of the run, when not as told before.
        """
        if self._silent:
            return
        for name, value in values.items():
            self._sums[name] += value
        self._count += 1
        self._samples += samples
        total = total or self._total
        if step % self._every and step != total and time.perf_counter() - self._shown < SECONDS_BETWEEN_LINES:
            return
        self._shown = time.perf_counter()
        self.pause()
        self._busy += self._window
        self._all_steps += self._count
        speed = self._samples / max(self._window, 1e-9)
        left = (total - step) * self._busy / self._all_steps
        means = {name: value / self._count for name, value in self._sums.items()}
        record = {"epoch": epoch, "step": step, "rate": rate, "per_second": round(speed, 1), **means}
        self._write("train", step, record)
        parts = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        line = f"epoch {epoch + 1} step {step}/{total} {parts} lr {rate:.2e} {speed:.1f}/s left {clock(left)}"
        if self._progress is not None:
            self._progress.update(line, step, total)
        self._sums.clear()
        self._count = self._samples = 0
        self._window = 0.0
        self.resume()

    def pause(self) -> None:
        """Evaluation or saving begins: the clock of the rates stands still until `resume`."""
        self._window += time.perf_counter() - self._since

    def resume(self) -> None:
        self._since = time.perf_counter()

    def scores(self, epoch: int, step: int, values: Mapping[str, float], best: bool) -> None:
        """The net was evaluated."""
        self._write("eval", step, {"epoch": epoch, "step": step, "best": best, **values})
        named = " ".join(f"{name} {value:.4f}" for name, value in values.items() if isinstance(value, float))
        self.say(f"epoch {epoch + 1} step {step} scored {named}{' (best so far)' if best else ''}")

    def say(self, line: str) -> None:
        """Print a line that stays."""
        if self._progress is not None:
            self._progress.say(line)

    def _write(self, kind: str, step: int, record: Mapping[str, Any]) -> None:
        if self._file is not None:
            self._file.write(json.dumps({"kind": kind, **record}) + "\n")
            self._file.flush()
        if self._writer is not None:
            for name, value in record.items():
                if isinstance(value, float):
                    self._writer.add_scalar(f"{kind}/{name}", value, step)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    return str(timedelta(seconds=round(seconds)))


def _writer(output: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        log.warning("tensorboard is not installed: no curves are written (pip install 'inkline[train]')")
        return None
    return SummaryWriter(str(output))
