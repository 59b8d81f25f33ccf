"""Importing does nothing and loads nothing heavy; the public names are guarded."""

import json
import subprocess
import sys

import inkline

HEAVY = ("torch", "onnxruntime", "openvino", "cv2", "numpy", "PIL", "pypdfium2", "httpx", "rich", "fastapi", "onnx")

PUBLIC = [
    "DetectOptions",
    "Document",
    "EngineOptions",
    "InklineError",
    "Line",
    "Ocr",
    "OcrOptions",
    "OrientOptions",
    "Page",
    "ReadOptions",
    "RecognizeOptions",
    "Word",
    "__version__",
]


def loaded_by(code):
    script = f"import sys, json, threading; {code}; print(json.dumps([sorted(sys.modules), threading.active_count()]))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    modules, threads = json.loads(out.stdout.splitlines()[-1])
    assert threads == 1
    return {m.split(".")[0] for m in modules}


def test_importing_inkline_loads_nothing_heavy():
    assert not loaded_by("import inkline") & set(HEAVY)


def test_importing_the_command_line_loads_neither_torch_nor_a_runtime():
    assert not loaded_by("import inkline.cli") & set(HEAVY)
    assert not loaded_by("import inkline.cli.ocr_command") & (set(HEAVY) - {"numpy"})


def test_importing_the_pipeline_opens_no_runtime():
    assert not loaded_by("from inkline import Ocr") & {"torch", "onnxruntime", "openvino", "onnx"}


def test_importing_configures_no_logging():
    loaded_by("import logging, inkline, inkline.pipeline; assert not logging.getLogger().handlers")


def test_public_names():
    assert set(PUBLIC) <= set(inkline.__all__)
    for name in inkline.__all__:
        assert getattr(inkline, name) is not None
