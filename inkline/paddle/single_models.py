"""The single models as PaddleOCR 3.x has them: detection, recognition, both orientations, unwarping."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from inkline.detection.detector import Detector
from inkline.errors import UsageError
from inkline.flat import apply
from inkline.io.read import PageImage
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.orientation.unwarper import Unwarper
from inkline.paddle.arguments import COMMON_KEYWORDS, SINGLE_MODEL_KEYWORDS, check_known, signature, translate_keywords
from inkline.paddle.paddleocr import page_images_of
from inkline.paddle.results import Names, PaddleResult, TextDetResult, TextRecResult, TopkResult, UnwarpResult
from inkline.paddle.tools import benchmark
from inkline.pipeline import OnError, check_input_shape
from inkline.recognition.recognizer import Recognizer
from inkline.recognition.words import split_words
from inkline.registry import resolve
from inkline.registry.card import Task
from inkline.registry.inspect import ModelFile
from inkline.runtime import Engine, open_engine
from inkline.types import Line

PageImages = Sequence[PageImage]
Given = Mapping[str, Any]
Results = Iterator[PaddleResult]


class SingleModel:
    """One model: opened once, called any number of times, by any number of threads.

    task: which model it is. call: keyword -> flat option, of what only `predict` takes. Without a name and a folder the
    model is Inkline's default for the task.
    """

    task: ClassVar[Task]
    call: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "task"):  # what `inspect` shows
            own = signature((), ("model_name", "model_dir", *SINGLE_MODEL_KEYWORDS[cls.task]), "keywords")
            cls.__signature__ = own.replace(parameters=list(own.parameters.values())[1:])  # type: ignore[attr-defined]

    def __init__(self, *, model_name: str | None = None, model_dir: str | Path | None = None, **keywords: Any) -> None:
        """keywords: this model's own, and `device`, `engine`, ... as all of PaddleOCR's classes take them."""
        # Keywords of this model, and those that all of PaddleOCR's classes take.
        own = SINGLE_MODEL_KEYWORDS[self.task]
        check_known(keywords, (*own, *COMMON_KEYWORDS))
        asked = translate_keywords({k: v for k, v in keywords.items() if k in COMMON_KEYWORDS})
        asked.warn()
        # The model; a folder brings its own name.
        default = "" if model_dir else getattr(OcrOptions(), f"{self.task}_model_name")
        model = resolve(model_name or default, model_dir or "", self.task)
        # What it was tuned with, over that the keywords.
        said = {own[k]: v for k, v in keywords.items() if k in own and v is not None}
        self._options = apply(OcrOptions(), **(model.options | asked.options | said))
        shape = said.get(own.get("input_shape", ""))
        if shape is not None:
            check_input_shape("input_shape", tuple(shape), model)
        self.model_name = model.name
        self._open(model, open_engine(model.path, self._options.engine))

    def predict(self, input: Any, batch_size: int | None = None, **options: Any) -> list[Any]:
        """Results of everything given (as `PaddleOCR.predict` takes it), in order."""
        return list(self.predict_iter(input, batch_size, **options))

    def predict_iter(
        self, input: Any, batch_size: int | None = None, *, on_error: OnError | None = None, **options: Any
    ) -> Iterator[Any]:
        """The same results one by one. batch_size: how many images at most go through the net at once, 1 when None.

        on_error: takes what cannot be read, as in `Ocr.stream`.
        """
        size = 1 if batch_size is None else batch_size
        if type(size) is not int or size < 1:
            raise UsageError(f"batch_size={batch_size!r}: must be a whole number, at least 1")
        flat = {**SINGLE_MODEL_KEYWORDS[self.task], **self.call}
        check_known(options, flat)
        asked = apply(self._options, **{flat[k]: v for k, v in options.items() if v is not None and flat[k]})
        results = self._results(page_images_of(input, asked.read, on_error), size, asked, options)
        return benchmark.timed(type(self).__name__, results)

    def close(self) -> None:
        """Nothing to stop; the reference has it."""

    def _results(self, page_images: Iterator[PageImage], size: int, options: OcrOptions, given: Given) -> Results:
        names: Names = {}
        while group := list(islice(page_images, size)):
            yield from self._run(group, options, given, names)

    def _open(self, model: ModelFile, engine: Engine) -> None:
        raise NotImplementedError

    def _run(self, page_images: PageImages, options: OcrOptions, given: Given, names: Names) -> Results:
        raise NotImplementedError


class TextDetection(SingleModel):
    """Finds text; `dt_polys` int16 (N, 4, 2), `dt_scores`. Pages of any size may share a call."""

    task = "text_detection"
    call = {"max_side_limit": "text_det_max_side_limit"}  # noqa: RUF012

    def _open(self, model: ModelFile, engine: Engine) -> None:
        self._detect = Detector(engine, model.metadata)

    def _run(self, page_images: PageImages, options: OcrOptions, given: Given, names: Names) -> Results:
        for page_image in page_images:
            yield TextDetResult(page_image, self._detect(page_image.image, options.detect), names)


class TextRecognition(SingleModel):
    """Reads images of single lines; `rec_text`, `rec_score`."""

    task = "text_recognition"
    call = {"return_word_box": "return_word_box"}  # noqa: RUF012

    def _open(self, model: ModelFile, engine: Engine) -> None:
        self._recognize = Recognizer(engine, model.charset or (), model.metadata)

    def _run(self, page_images: PageImages, options: OcrOptions, given: Given, names: Names) -> Results:
        # One call of the net per group.
        options = apply(options, text_recognition_batch_size=max(1, len(page_images)))
        texts = self._recognize([page_image.image for page_image in page_images], options.recognize)
        for page_image, text in zip(page_images, texts, strict=True):
            # Words are split within the whole image: it is one line.
            h, w = page_image.image.shape[:2]
            quad = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
            words = split_words(text, page_image.image, quad) if options.recognize.return_word_box else None
            line = None if words is None else Line(text.text, text.score, quad, quad, words=words)
            yield TextRecResult(page_image, text, line, names)


class _Orientation(SingleModel):
    """A classifier of orientations; `class_ids`, `scores`, `label_names`, the likeliest `topk` (1 when None)."""

    label = "{}"

    def __init__(self, *, topk: int | None = None, **keywords: Any) -> None:
        super().__init__(**keywords)
        self._topk = _checked_topk(1 if topk is None else topk)

    def _open(self, model: ModelFile, engine: Engine) -> None:
        self._classify = Classifier(engine, model.metadata)

    def _run(self, page_images: PageImages, options: OcrOptions, given: Given, names: Names) -> Results:
        topk = self._topk if given.get("topk") is None else _checked_topk(given["topk"])
        seen = self._classify([page_image.image for page_image in page_images], max(1, len(page_images)))
        labels = [self.label.format(angle) for angle in self._classify.labels]
        for page_image, orientation in zip(page_images, seen, strict=True):
            yield TopkResult(page_image, dict(zip(labels, orientation.scores, strict=True)), topk, names)


def _checked_topk(topk: Any) -> int:
    if type(topk) is not int or topk < 1:
        raise UsageError(f"topk={topk!r}: must be a whole number, at least 1")
    return topk


class TextLineOrientationClassification(_Orientation):
    """Whether a line image is upside down: labels `0_degree`, `180_degree`."""

    task = "textline_orientation"
    label = "{}_degree"


class DocImgOrientationClassification(_Orientation):
    """How a page image stands: labels `0`, `90`, `180`, `270`, degrees it must be turned counter-clockwise."""

    task = "doc_orientation_classify"


class TextImageUnwarping(SingleModel):
    """Flattens photographs of bent pages; `doctr_img` uint8 (H, W, 3) RGB, always as the net says."""

    task = "doc_unwarping"

    def _open(self, model: ModelFile, engine: Engine) -> None:
        self._unwarp = Unwarper(engine, model.metadata)

    def _run(self, page_images: PageImages, options: OcrOptions, given: Given, names: Names) -> Results:
        for page_image in page_images:
            yield UnwarpResult(page_image, self._unwarp(page_image.image)[0], names)
