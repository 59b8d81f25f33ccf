"""Batches that calls from many threads share: pages and requests that are read at once go through a net together."""

from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.runtime import Engine, renew_in_children


class _Call:
    """One caller's rows, and what became of them."""

    def __init__(self, x: NDArray[np.float32]) -> None:
        self.x = x
        self.outputs: list[NDArray[Any]] | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self.outputs is not None or self.error is not None


class SharedBatches:
    """An engine that joins what waits for it: `shared(x)` gives what `engine(x)` does.

    While as many batches run as the engine has streams, further calls wait; of those, the oldest and all others of its
    shape go next, `most` rows together at most. Nobody waits for company. A row's outputs do not depend on its company but
    for the last digits of the arithmetic, as with batches of one caller (on ONNX Runtime scores move by some 1e-7).
    """

    def __init__(self, engine: Engine, most: int) -> None:
        self._engine, self._most = engine, most
        self.metadata, self.streams = engine.metadata, engine.streams
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Nobody waits and nothing runs: at the beginning, and in a forked child, where the callers are missing."""
        self._changed = Condition()
        self._waiting: list[_Call] = []
        self._running = 0

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        """x: float32 (N, C, H, W). Errors of the engine reach every caller whose rows were in the batch."""
        call = _Call(x)
        with self._changed:
            # Whoever finds a free stream runs the next batch, its own or another's; the others wait for a change.
            self._waiting.append(call)
            while not call.done:
                if self._waiting and self._running < self.streams:
                    self._run(self._next())
                else:
                    self._changed.wait()
        if call.outputs is None:
            assert call.error is not None
            raise call.error
        return call.outputs

    def _next(self) -> list[_Call]:
        """The oldest waiting call and those that fit beside it, taken out of the queue."""
        batch: list[_Call] = []
        rows = 0
        for call in list(self._waiting):
            fits = not batch or (call.x.shape[1:] == batch[0].x.shape[1:] and rows + len(call.x) <= self._most)
            if fits:
                batch.append(call)
                rows += len(call.x)
                self._waiting.remove(call)
        return batch

    def _run(self, batch: list[_Call]) -> None:
        """Run a batch with the lock let go, and hand the rows back."""
        # The engine runs without the lock, so that others can queue meanwhile.
        self._running += 1
        self._changed.release()
        outputs, failed = None, None
        try:
            x = batch[0].x if len(batch) == 1 else np.concatenate([call.x for call in batch])
            outputs = self._engine(x)
        except BaseException as error:  # handed on to the callers
            failed = error
        # Each caller gets its rows, or the error.
        self._changed.acquire()
        self._running -= 1
        start = 0
        for call in batch:
            end = start + len(call.x)
            call.error = failed
            if outputs is not None:
                call.outputs = outputs if len(batch) == 1 else [out[start:end] for out in outputs]
            start = end
        self._changed.notify_all()
