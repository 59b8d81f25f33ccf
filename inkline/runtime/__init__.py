"""The one seam to a runtime: an engine is a callable from a float32 array to the net's outputs."""

import ctypes
import os
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from inkline.errors import EngineError, InklineError, ModelError
from inkline.options import EngineOptions


class Engine(Protocol):
    """An open net: `engine(x)` maps float32 (N, C, H, W) to its outputs, in the order of the file; any thread may call.

    A net that works in half precision is given and gives float32 all the same.
    metadata: the file's own description (task, charset, mean, ...), string to string. `streams` calls at once keep the
    granted processors busy. An input that the net does not take is an EngineError. An engine works in a forked child, too.
    """

    streams: int

    @property
    def metadata(self) -> dict[str, str]: ...

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]: ...


Opened = TypeVar("Opened")


_RENEWED: WeakSet[Any] = WeakSet()


def renew_in_children(thing: Any) -> None:
    """Have `thing.renew()` called first in every child that this process forks, which lacks the threads of its parent."""
    _RENEWED.add(thing)


def _renew_all() -> None:
    for thing in list(_RENEWED):
        thing.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)


class PerProcess(Generic[Opened]):
    """Something open, such as a session with its own threads; a forked child opens it again on first use."""

    def __init__(self, open_it: Callable[[], Opened], at_once: bool = True) -> None:
        self._open = open_it
        self._lock = Lock()
        self._opened: Opened | None = open_it() if at_once else None
        renew_in_children(self)

    def get(self) -> Opened:
        """What this process has open; any thread may ask."""
        if self._opened is None:
            with self._lock:
                self._opened = self._open() if self._opened is None else self._opened
        return self._opened

    def renew(self) -> None:
        # The parent's is never closed here: closing would wait for its threads, which a child does not have.
        if self._opened is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._opened))
        self._opened, self._lock = None, Lock()


def as_float32(output: NDArray[Any]) -> NDArray[Any]:
    """The output itself, but half precision as float32."""
    return output.astype(np.float32) if output.dtype == np.float16 else output


# What a processor can have that decides how fast nets run on it.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")

# name -> (module that holds `open_file(path, options, streams)`, distribution that must be installed, extra)
ENGINES = {
    "onnxruntime": ("inkline.runtime.onnxruntime", "onnxruntime", "the base install"),
    "openvino": ("inkline.runtime.openvino", "openvino", "pip install 'inkline[openvino]'"),
}

# What runtimes say where there is no memory.
NO_MEMORY = ("bad_alloc", "bad allocation", "Failed to allocate", "Cannot allocate memory", "temporarily unavailable")


def refusal(x: NDArray[np.float32], error: Exception) -> EngineError:
    """The one-line error for an input that a runtime refuses or cannot run, with the beginning of its reason."""
    lines = [line for line in str(error).splitlines() if not line.startswith("Exception from ")]  # OpenVINO's trace
    reason = " ".join(" ".join(lines).split())[:300]
    return EngineError(f"the net could not be run on an input of {' x '.join(map(str, x.shape))} ({reason})")


def not_opened(path: Path, runtime: str, error: Exception) -> InklineError:
    """The one-line error for a file that a runtime does not open; the file is to blame only where memory is not."""
    reason = str(error).strip().splitlines()[-1][:200]
    if any(text in str(error) for text in NO_MEMORY):
        return EngineError(f"{path}: there is not enough memory to open this model ({reason})")
    return ModelError(f"{path}: not a model that {runtime} can open ({reason}); `inkline models verify`")


def choose_engine(options: EngineOptions) -> str:
    """The engine that "auto" stands for: OpenVINO where it is installed and the processor suits it, else ONNX Runtime."""
    if options.engine != "auto":
        return options.engine
    there = options.device == "cpu" and find_spec("openvino")
    return "openvino" if there and suits_openvino() else "onnxruntime"


def suits_openvino() -> bool:
    """Whether OpenVINO may be faster here: not with AVX2 and nothing wider (`benchmarks/peers`, docs/engines.md)."""
    return instructions() != {"avx2"}


def instructions() -> frozenset[str]:
    """Those of `INSTRUCTIONS` that this processor has; none where the system does not tell (it is asked on Linux alone)."""
    try:
        flags = Path("/proc/cpuinfo").read_text("utf-8", "replace").split()
    except OSError:
        return frozenset()
    return frozenset(INSTRUCTIONS).intersection(flags)


def open_engine(path: Path, options: EngineOptions, streams: int = 1) -> Engine:
    """Open a model file with the engine that the options name.

    streams: calls that are meant to run at once; each gets its share of `cpu_threads`. Raises EngineError when the
    runtime or device is not there, ModelError when the file is damaged.
    """
    module, distribution, extra = ENGINES[choose_engine(options)]
    if not find_spec(distribution):
        raise EngineError(f"engine {options.engine!r} needs {distribution}, which is not installed: {extra}")
    opened: Engine = import_module(module).open_file(path, options, streams)
    return opened


class OpenedWhenCalled:
    """An engine whose file is opened by its first call, or when its metadata is asked for; errors as in `open_engine`."""

    def __init__(self, path: Path, options: EngineOptions, streams: int = 1) -> None:
        self._engine = PerProcess[Engine](partial(open_engine, path, options, streams), at_once=False)
        self.streams = streams

    @property
    def metadata(self) -> dict[str, str]:
        return self._engine.get().metadata

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        return self._engine.get()(x)
