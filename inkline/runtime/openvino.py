"""OpenVINO, an engine for x86 and ARM processors (extra `openvino`); the only file that imports it."""

import os
import sys
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Condition
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.errors import EngineError
from inkline.options import EngineOptions
from inkline.runtime import PerProcess, as_float32, not_opened, refusal, renew_in_children

# OpenVINO tells its makers over the network, from a process that it forks, when it is imported. Without the package that does
# so it keeps silent.
TELEMETRY = "openvino_telemetry"
_was_there = TELEMETRY in sys.modules
try:
    sys.modules.setdefault(TELEMETRY, None)  # type: ignore[arg-type]
    import openvino as ov
    from openvino.passes import ConstantFolding, Manager
finally:
    if not _was_there:
        del sys.modules[TELEMETRY]


class OpenVinoEngine:
    """A compiled net with one infer request per stream; a call waits for a free one. See `inkline.runtime.Engine`."""

    def __init__(self, path: Path, options: EngineOptions, streams: int) -> None:
        self._compiled = PerProcess(partial(_compile, path, options, streams))
        self.metadata = self._compiled.get().metadata
        self.streams = streams
        weakref.finalize(self, _note_freed).atexit = False

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        compiled = self._compiled.get()
        request = compiled.free.get()
        try:
            with FORKS.held_off():
                request.infer([x], share_inputs=True)
            outputs = [as_float32(np.array(request.get_output_tensor(i).data)) for i in range(compiled.output_count)]
            if x.size and not all(output.size for output in outputs):  # its way of saying that memory ran out
                raise MemoryError("it answered with nothing; out of memory?")
            return outputs
        except (RuntimeError, MemoryError) as error:
            raise refusal(x, error) from error
        finally:
            compiled.free.put(request)


class Forks:
    """Forks of this process, which wait for the calls into OpenVINO that run.

    All nets of a process share what OpenVINO has made ready for their layers. Where a thread makes it ready at the moment of a
    fork, the child, which lacks that thread, waits for it for ever (seen with 2026.4.1).
    """

    def __init__(self) -> None:
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """Nothing runs: at the beginning, and in a forked child, where the callers are missing."""
        self._changed = Condition()
        self._calls = self._forks = 0

    @contextmanager
    def held_off(self) -> Generator[None, None, None]:
        """No fork within; calls do not lie within calls."""
        with self._changed:
            while self._forks:
                self._changed.wait()
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def before(self) -> None:
        """Wait for the calls that run, and let no other begin."""
        self._changed.acquire()
        self._forks += 1
        while self._calls:
            self._changed.wait()

    def after(self) -> None:
        """In the parent: calls go on. A fork that had begun when this was registered lacks its `before`."""
        if self._forks:
            self._forks -= 1
            self._changed.notify_all()
            self._changed.release()


FORKS = Forks()


@dataclass(frozen=True, eq=False)
class _Compiled:
    """A net ready to run: `free` holds the infer requests that no call is using."""

    metadata: dict[str, str]
    output_count: int
    free: SimpleQueue[Any] = field(default_factory=SimpleQueue)


# The one core of this process, which is never given back. Each core lays a signal stack of its own over the one before and
# unmaps it at its end, in whatever order and thread that comes. Behind the end of the older of two the next signal that Python
# handles (Ctrl-C, SIGTERM, SIGCHLD) would be a crash (seen with OpenVINO 2026.4.1).
CORE = ov.Core()

# OpenVINO makes its table of number types when it is first asked, holding a lock of its own while it takes Python's: two
# threads that ask first at the same time wait for each other for ever. While this module is imported there is only one.
ov.Tensor(np.zeros(1, np.float32)).get_element_type().to_dtype()

open_file = OpenVinoEngine

# Where a net was freed before a fork, OpenVINO hangs for ever when the child compiles one (seen with 2026.4.1).
_process = {"freed": False, "cannot_compile": False}


def _note_freed() -> None:
    _process["freed"] = True


def _after_fork() -> None:
    _process["cannot_compile"] = _process["freed"]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=FORKS.before, after_in_parent=FORKS.after, after_in_child=_after_fork)


@FORKS.held_off()
def _compile(path: Path, options: EngineOptions, streams: int) -> _Compiled:
    """Open an ONNX file on the CPU with float32 arithmetic, so that answers equal those of the other engines."""
    if options.device != "cpu":
        raise EngineError(f"device {options.device!r}: the openvino engine runs on the cpu; use engine onnxruntime")
    if _process["cannot_compile"]:
        raise EngineError(
            "OpenVINO cannot open nets in a forked process whose parent closed one before: start processes by spawn, "
            "fork before anything is closed, or take engine onnxruntime"
        )
    try:
        model = CORE.read_model(str(path))
        # With two streams or more, OpenVINO 2026.4 answers NaN for weights stored in bytes, unless they are unpacked here.
        passes = Manager()
        passes.register_pass(ConstantFolding())
        passes.run_passes(model)
        compiled = CORE.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_NUM_THREADS": options.cpu_threads,
                "NUM_STREAMS": streams,
                "INFERENCE_PRECISION_HINT": "f32",
                "ENABLE_CPU_PINNING": False,
            },
        )
    except RuntimeError as error:
        raise not_opened(path, "OpenVINO", error) from error
    opened = _Compiled(_metadata(model), len(compiled.outputs))
    for _ in range(streams):
        opened.free.put(compiled.create_infer_request())
    return opened


def _metadata(model: Any) -> dict[str, str]:
    """The ONNX file's metadata_props, which OpenVINO keeps under the runtime info key "framework"."""
    try:
        framework = model.get_rt_info(["framework"]).astype(dict)
    except RuntimeError:
        return {}
    return {str(key): str(model.get_rt_info(["framework", key]).astype(str)) for key in framework}
