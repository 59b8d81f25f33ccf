"""Our half of the protocol that `workers/answer.py` describes: a peer's process, fed a page at a time."""

import json
import os
import select
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.peers.environments import OFFLINE, CannotRun


class Worker:
    """A peer's process: opened, then asked for one page after the other. CannotRun when it ends or hangs."""

    def __init__(self, command: list[str], options: Mapping[str, Any], limit: float, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | OFFLINE
        environment |= {
            "OMP_NUM_THREADS": str(options["threads"]),
            "PADDLE_PDX_CACHE_HOME": str(log.parent / "paddlex"),
        }
        self._log = log
        with log.open("w", encoding="utf-8") as complaints:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment,
                cwd=log.parent,
            )
        try:
            answer = self.ask(dict(options), limit)
            if "error" in answer:
                raise CannotRun(answer["error"])
        except CannotRun:
            self.close()
            raise
        self.open_seconds = answer["open_seconds"]

    def ask(self, message: dict[str, Any], limit: float) -> dict[str, Any]:
        """The worker's answer, waited for at most `limit` seconds."""
        pipe_in, pipe_out = self._process.stdin, self._process.stdout
        assert pipe_in and pipe_out
        try:
            pipe_in.write(json.dumps(message).encode() + b"\n")
            pipe_in.flush()
        except OSError as error:
            raise CannotRun(self._end()) from error
        if not select.select([pipe_out], [], [], limit)[0]:
            raise CannotRun(f"no answer within {limit:.0f} s")
        line = pipe_out.readline()
        if not line:
            raise CannotRun(self._end())
        return dict(json.loads(line))

    def _end(self) -> str:
        complaints = [row for row in self._log.read_text("utf-8", "replace").splitlines() if row.strip()]
        return f"its process ended: {complaints[-1].strip() if complaints else 'without a word'}"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
