"""Inkline: find the text on a page, read it, and give it back in the form the user needs.

>>> from inkline import Ocr
>>> ocr = Ocr()
>>> print(ocr("page.png").text)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# module -> public names that live in it; loaded when first asked for, so that importing inkline stays light
_MODULES = {
    "errors": ("InklineError",),
    "options": ("OcrOptions", "DetectOptions", "RecognizeOptions", "OrientOptions", "EngineOptions", "ReadOptions"),
    "paddle.paddleocr": ("PaddleOCR", "DocPreprocessor"),
    "paddle.paddlex": ("create_pipeline", "create_model", "create_predictor"),
    "paddle.rapidocr": ("RapidOCR",),
    "paddle.tools": ("logger", "benchmark", "draw_ocr"),
    "paddle.single_models": (
        *("TextDetection", "TextRecognition", "TextImageUnwarping"),
        *("DocImgOrientationClassification", "TextLineOrientationClassification"),
    ),
    "pipeline": ("Ocr",),
    "types": ("Document", "Page", "Line", "Word"),
}
__all__ = [  # noqa: RUF022
    "__version__",
    "Ocr",
    "OcrOptions",
    "DetectOptions",
    "RecognizeOptions",
    "OrientOptions",
    "EngineOptions",
    "ReadOptions",
    "Document",
    "Page",
    "Line",
    "Word",
    "InklineError",
    "PaddleOCR",
    "TextDetection",
    "TextRecognition",
    "DocImgOrientationClassification",
    "TextLineOrientationClassification",
    "TextImageUnwarping",
    "DocPreprocessor",
    "create_pipeline",
    "create_model",
    "create_predictor",
    "RapidOCR",
    "logger",
    "benchmark",
    "draw_ocr",
]

if TYPE_CHECKING:
    from inkline.errors import InklineError
    from inkline.options import DetectOptions, EngineOptions, OcrOptions, OrientOptions, ReadOptions, RecognizeOptions
    from inkline.paddle.paddleocr import DocPreprocessor, PaddleOCR
    from inkline.paddle.paddlex import create_model, create_pipeline, create_predictor
    from inkline.paddle.rapidocr import RapidOCR
    from inkline.paddle.single_models import (
        DocImgOrientationClassification,
        TextDetection,
        TextImageUnwarping,
        TextLineOrientationClassification,
        TextRecognition,
    )
    from inkline.paddle.tools import benchmark, draw_ocr, logger
    from inkline.pipeline import Ocr
    from inkline.types import Document, Line, Page, Word


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"inkline.{module}"), name)
    raise AttributeError(f"module 'inkline' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
