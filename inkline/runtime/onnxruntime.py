"""ONNX Runtime, the engine of the base install; the only file that imports it."""

import ctypes
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from inkline.errors import EngineError
from inkline.options import EngineOptions
from inkline.runtime import PerProcess, as_float32, not_opened, refusal

TIDY_EVERY = 8  # calls
TIDY = ort.RunOptions()
TIDY.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")


def _trimmer() -> Callable[[int], object]:
    """What returns freed memory to the system. The GNU C library keeps freed blocks of up to 32 MB for later use, and nets
    and pages leave many of all sizes; others return them anyway.
    """
    try:
        trim: Callable[[int], object] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return lambda _: None
    return trim


TRIM = _trimmer()


def has_gpu() -> bool:
    """Whether the runtime that is installed here can use an NVIDIA GPU."""
    return "CUDAExecutionProvider" in ort.get_available_providers()


class OnnxRuntimeEngine:
    """A session whose calls any thread may make at once; see `inkline.runtime.Engine`.

    Every TIDY_EVERY calls on the CPU give back the memory that the session keeps from earlier, larger inputs.
    """

    def __init__(self, path: Path, options: EngineOptions, streams: int) -> None:
        self._session = PerProcess(partial(_open_session, path, options, streams))
        self._calls = count(1)
        self._tidy = options.device == "cpu"
        session = self._session.get()
        self._input = session.get_inputs()[0].name
        self._half = session.get_inputs()[0].type == "tensor(float16)"
        self.metadata: dict[str, str] = dict(session.get_modelmeta().custom_metadata_map)
        self.streams = streams

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        tidy = self._tidy and next(self._calls) % TIDY_EVERY == 0
        try:
            given = x.astype(np.float16) if self._half else x
            outputs: list[NDArray[Any]] = self._session.get().run(None, {self._input: given}, TIDY if tidy else None)
        except Exception as error:  # ORT raises its own classes, which share no base but Exception
            raise refusal(x, error) from error
        if tidy:
            TRIM(0)
        return [as_float32(output) for output in outputs]


open_file = OnnxRuntimeEngine


def _open_session(path: Path, options: EngineOptions, streams: int) -> ort.InferenceSession:
    """A session for a file; `streams` calls at once share `options.cpu_threads` threads, none of which spins while idle.

    Memory patterns are off: they keep a plan and a block for every width ever seen. The arena stays: without it every call
    pays for fresh pages (a detector call takes 1.6 times as long); it is emptied now and then, or it would grow with the
    variety of inputs (`python -m benchmarks.memory`).
    """
    session_options = ort.SessionOptions()
    session_options.intra_op_num_threads = max(1, options.cpu_threads // streams)
    session_options.inter_op_num_threads = 1
    session_options.enable_mem_pattern = False
    session_options.log_severity_level = 4  # an error is raised, so it need not be printed as well
    session_options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), session_options, providers=_providers(options))
    except EngineError:
        raise
    except Exception as error:
        raise not_opened(path, "ONNX Runtime", error) from error


def _providers(options: EngineOptions) -> list[Any]:
    if options.device == "cpu":
        return ["CPUExecutionProvider"]
    have = ort.get_available_providers()
    if "CUDAExecutionProvider" not in have:
        raise EngineError(
            f"device {options.device!r}: this ONNX Runtime has no CUDA provider (it has {', '.join(have)}); "
            "install the extra with `pip install 'inkline[gpu]'` or use device cpu"
        )
    index = int(options.device.partition(":")[2] or 0)
    # An exhaustive search for the fastest convolution starts again at every new width; the heuristic does not.
    return [("CUDAExecutionProvider", {"device_id": index, "cudnn_conv_algo_search": "HEURISTIC"})]
