"""OpenVINO, an engine for x86 and ARM processors (extra `openvino`); the only file that imports it."""

from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from inkline.errors import EngineError, ModelError
from inkline.options import EngineOptions


class OpenVinoEngine:
    """A compiled net with one infer request a stream; a call waits for a free one. See `inkline.runtime.Engine`."""

    def __init__(self, compiled: Any, metadata: dict[str, str], streams: int) -> None:
        self.metadata = metadata
        self.streams = streams
        self._outputs = len(compiled.outputs)
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(streams):
            self._free.put(compiled.create_infer_request())

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        request = self._free.get()
        try:
            request.infer([x], share_inputs=True)
            return [np.array(request.get_output_tensor(i).data) for i in range(self._outputs)]
        finally:
            self._free.put(request)


@cache
def _core() -> Any:
    """The one core of this process, which is never given back.

    Each core lays a signal stack of its own over the one before and unmaps it at its end, in whatever order and thread that
    comes. Behind the end of the older of two the next signal that Python handles (Ctrl-C, SIGTERM, SIGCHLD) would be a
    crash (seen with OpenVINO 2026.4.1).
    """
    return ov.Core()


def open_file(path: Path, options: EngineOptions, streams: int) -> OpenVinoEngine:
    """Open an ONNX file on the CPU with float32 arithmetic, so that answers equal those of the other engines."""
    if options.device != "cpu":
        raise EngineError(f"device {options.device!r}: the openvino engine runs on the cpu; use engine onnxruntime")
    core = _core()
    try:
        model = core.read_model(str(path))
        compiled = core.compile_model(
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
        reason = str(error).strip().splitlines()[-1][:200]
        raise ModelError(f"{path}: not a model that OpenVINO can open ({reason}); `inkline models verify`") from error
    return OpenVinoEngine(compiled, _metadata(model), streams)


def _metadata(model: Any) -> dict[str, str]:
    """The ONNX file's metadata_props, which OpenVINO keeps under the runtime info key "framework"."""
    try:
        framework = model.get_rt_info(["framework"]).astype(dict)
    except RuntimeError:
        return {}
    return {str(key): str(model.get_rt_info(["framework", key]).astype(str)) for key in framework}
