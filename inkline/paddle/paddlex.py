"""`create_pipeline` and `create_model` as PaddleX 3.x has them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inkline.errors import UsageError, near
from inkline.paddle.paddleocr import DocPreprocessor, PaddleOCR
from inkline.paddle.paddlex_yaml import known_pipeline, pipeline_name, read_config
from inkline.paddle.results import PaddleResult
from inkline.paddle.single_models import (
    DocImgOrientationClassification,
    SingleModel,
    TextDetection,
    TextImageUnwarping,
    TextLineOrientationClassification,
    TextRecognition,
)
from inkline.registry import resolve
from inkline.registry.card import Task, all_cards

PIPELINE_CLASSES: dict[str, type[PaddleOCR] | type[DocPreprocessor]] = {
    "OCR": PaddleOCR,
    "doc_preprocessor": DocPreprocessor,
}
MODEL_CLASSES: dict[Task, type[SingleModel]] = {
    "text_detection": TextDetection,
    "text_recognition": TextRecognition,
    "textline_orientation": TextLineOrientationClassification,
    "doc_orientation_classify": DocImgOrientationClassification,
    "doc_unwarping": TextImageUnwarping,
}


class PaddleXPipeline:
    """A pipeline whose `predict` gives its results one by one, as PaddleX's does."""

    def __init__(self, inner: PaddleOCR | DocPreprocessor) -> None:
        self._inner = inner

    def predict(self, input: Any, **options: Any) -> Iterator[PaddleResult]:
        """See `PaddleOCR.predict_iter` and `DocPreprocessor.predict_iter`."""
        return iter(self._inner.predict_iter(input, **options))

    __call__ = predict

    def close(self) -> None:
        """Stop the worker threads."""
        self._inner.close()


class PaddleXModel:
    """A single model whose `predict` gives its results one by one, as PaddleX's does."""

    def __init__(self, inner: SingleModel, batch_size: int) -> None:
        self._inner, self._batch_size = inner, batch_size
        self.model_name = inner.model_name

    def predict(self, input: Any, batch_size: int | None = None, **options: Any) -> Iterator[PaddleResult]:
        """See `SingleModel.predict_iter`."""
        return self._inner.predict_iter(input, self._batch_size if batch_size is None else batch_size, **options)

    __call__ = predict

    def close(self) -> None:
        """Nothing to stop; the reference has it."""


def create_pipeline(
    pipeline: str | Path | None = None, *, config: Mapping[str, Any] | str | Path | None = None, **keywords: Any
) -> PaddleXPipeline:
    """A pipeline by its name (`OCR`, `doc_preprocessor`), its YAML file, or its configuration as a dict or YAML file.

    keywords: `device`, `engine`, `use_hpip`, ... and those of `PaddleOCR`. With both, the names must agree and `config`
    wins. The device is the cpu by default. UsageError for an unknown pipeline.
    """
    named = "" if pipeline is None else str(pipeline)
    if config is None and named.lower().endswith((".yaml", ".yml")):
        config, named = named, ""
    # By its configuration.
    if config is not None:
        config = read_config(config)
        name = pipeline_name(config)
        if named and named != name:
            raise UsageError(f"pipeline {named!r} and the configuration of {name!r} do not go together")
        return PaddleXPipeline(PIPELINE_CLASSES[name](paddlex_config=config, **keywords))
    # By its name.
    return PaddleXPipeline(PIPELINE_CLASSES[known_pipeline(named)](**keywords))


def create_model(
    model_name: str | None = None, model_dir: str | Path | None = None, *, batch_size: int = 1, **keywords: Any
) -> PaddleXModel:
    """A single model by its name, or from a folder; the model says which of the classes it belongs to."""
    # What the model is for: its file says it, or its card.
    if model_dir:
        task: str = resolve(model_name or "", model_dir).task
    elif model_name and model_name in all_cards():
        task = all_cards()[model_name].task
    else:
        raise UsageError(f"no model is called {model_name!r}{near(model_name, all_cards())}")
    if task not in MODEL_CLASSES:
        raise UsageError(f"{model_dir}: cannot tell what this model is for; give model_name")
    return PaddleXModel(MODEL_CLASSES[task](model_name=model_name, model_dir=model_dir, **keywords), batch_size)


create_predictor = create_model  # PaddleX's name for the same one level below
