"""Inkline: find the text on a page, read it, and give it back in the form the user needs.

>>> from inkline import Ocr
>>> ocr = Ocr()
>>> print(ocr("page.png").text)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# public name -> module it lives in; loaded when first asked for, so that importing inkline stays light
_PUBLIC = {
    "Ocr": "inkline.pipeline",
    "OcrOptions": "inkline.options",
    "DetectOptions": "inkline.options",
    "RecognizeOptions": "inkline.options",
    "OrientOptions": "inkline.options",
    "EngineOptions": "inkline.options",
    "ReadOptions": "inkline.options",
    "Document": "inkline.types",
    "Page": "inkline.types",
    "Line": "inkline.types",
    "Word": "inkline.types",
    "InklineError": "inkline.errors",
    "PaddleOCR": "inkline.paddle.paddleocr",
    "TextDetection": "inkline.paddle.single_models",
    "TextRecognition": "inkline.paddle.single_models",
    "DocImgOrientationClassification": "inkline.paddle.single_models",
    "TextLineOrientationClassification": "inkline.paddle.single_models",
    "TextImageUnwarping": "inkline.paddle.single_models",
    "DocPreprocessor": "inkline.paddle.paddleocr",
    "create_pipeline": "inkline.paddle.paddlex",
    "create_model": "inkline.paddle.paddlex",
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
]

if TYPE_CHECKING:
    from inkline.errors import InklineError
    from inkline.options import DetectOptions, EngineOptions, OcrOptions, OrientOptions, ReadOptions, RecognizeOptions
    from inkline.paddle.paddleocr import DocPreprocessor, PaddleOCR
    from inkline.paddle.paddlex import create_model, create_pipeline
    from inkline.paddle.single_models import (
        DocImgOrientationClassification,
        TextDetection,
        TextImageUnwarping,
        TextLineOrientationClassification,
        TextRecognition,
    )
    from inkline.pipeline import Ocr
    from inkline.types import Document, Line, Page, Word


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'inkline' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
