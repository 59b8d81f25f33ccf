"""TurboOCR's engine with the given weights in the place of its small model."""

import os
import tempfile
from pathlib import Path
from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    os.environ["ORT_NUM_THREADS"] = str(options["threads"])  # read when the engine is loaded
    from turboocr_engine import OCR

    weights, folder = options["weights"], Path(tempfile.mkdtemp())
    for name, file in (
        ("det_small.onnx", weights["det"]["file"]),
        ("rec_small.onnx", weights["rec"]["file"]),
        ("keys.txt", weights["rec"]["characters"]),
    ):
        os.symlink(file, folder / name)
    keywords = {"backend": options["backend"], "device": options["device"]}
    ocr = OCR("small", models_dir=str(folder), allow_download=False, **keywords)

    def read(image: str) -> Any:
        found = ocr.read(image).lines
        return [line.box for line in found], [line.text for line in found]

    return read


serve(open_reader)
