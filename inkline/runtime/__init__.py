"""The one seam to a runtime: an engine is a callable from a float32 array to the net's outputs."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inkline.errors import EngineError
from inkline.options import EngineOptions


class Engine(Protocol):
    """An open net: `engine(x)` maps float32 (N, C, H, W) to its outputs, in the order of the file; any thread may call.

    metadata: the file's own description (task, charset, mean, ...), string to string. threads: how many threads one call
    uses; `streams` calls at once keep the granted processors busy.
    """

    metadata: dict[str, str]
    streams: int

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]: ...


# What a processor can have that decides how fast nets run on it.
INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")

# name -> (module that holds `open_file(path, options, streams)`, distribution that must be installed, extra)
ENGINES = {
    "onnxruntime": ("inkline.runtime.onnxruntime", "onnxruntime", "the base install"),
    "openvino": ("inkline.runtime.openvino", "openvino", "pip install 'inkline[openvino]'"),
}


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
