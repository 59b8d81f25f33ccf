"""Run as a script of its own: PROGRAM PARAMS OUT, all paths. Converts a Paddle inference model to ONNX.

A process of its own because the converter prints to standard output and ends the process when it meets a net it does
not know. Imports nothing of Inkline; run it with `python -P`, since `inkline/registry/paddle_files.py` would hide `paddle`.
"""

import importlib.machinery
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from typing import Any

OPSET = 14


def export(program: str, params: str) -> bytes:
    """The ONNX file of a Paddle inference model, as bytes."""
    if program.endswith(".json") or importlib.metadata.version("paddle2onnx")[:2] != "1.":
        import paddle2onnx

        out = Path(f"{program}.onnx")
        paddle2onnx.export(program, params, str(out), opset_version=OPSET, optimize_tool="onnxoptimizer")
        return out.read_bytes()
    # The Python side of paddle2onnx 1 imports Paddle for what is not needed here; its compiled part stands alone.
    native: Any = _load_native()
    flags = (True, False, True, True, True)  # upgrade the opset if need be, verbose, check, experimental, optimise
    data: bytes = native.export(program, params, OPSET, *flags, {}, "onnxruntime", "", "", False)
    return data


def _load_native() -> object:
    name = "paddle2onnx_cpp2py_export"
    package = importlib.util.find_spec("paddle2onnx")
    assert package is not None
    spec = importlib.machinery.PathFinder.find_spec(name, package.submodule_search_locations)
    if spec is None or spec.loader is None:
        raise ImportError(f"paddle2onnx has no {name} for this Python")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(export(sys.argv[1], sys.argv[2]))
