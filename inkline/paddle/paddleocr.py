"""`PaddleOCR` and `DocPreprocessor` as PaddleOCR 3.x has them, on Inkline's pipeline."""

from collections.abc import Iterator
from inspect import Parameter, Signature
from itertools import chain, islice
from pathlib import Path
from typing import Any
from warnings import warn

from inkline.errors import InklineError, UsageError
from inkline.flat import apply
from inkline.io.read import PageImage, read
from inkline.io.sources import Source, expand
from inkline.options import REFERENCE_RULES, ReadOptions
from inkline.paddle.arguments import (
    COMMON_KEYWORDS,
    POSITIONAL_KEYWORDS,
    TranslatedKeywords,
    bind_arguments,
    check_known,
    translate_keywords,
)
from inkline.paddle.paddlex_yaml import config_options, read_config, to_config, write_config
from inkline.paddle.results import DocPreprocessorResult, OCRResult
from inkline.pipeline import Ocr, OnError, open_rectifier, page_of
from inkline.registry import options_for

_CALL_2X = ("det", "rec", "cls", "bin", "inv", "alpha_color", "slice")


class PaddleOCR:
    """The pipeline with PaddleOCR's constructor and results; any number of threads may call one object.

    Takes the keywords of PaddleOCR 3.x in its order, those of 2.x with a warning, and every flat option of Inkline.
    None means not given: Inkline's defaults, which are the small PP-OCRv6 pair on the cpu with the optional stages off
    (docs/paddleocr.md). Errors: UsageError for an unknown keyword or wrong value, ModelError, DownloadError, EngineError.
    """

    __signature__ = Signature(
        [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in POSITIONAL_KEYWORDS]
        + [Parameter("keywords", Parameter.VAR_KEYWORD)]
    )

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        # What the YAML says, over it the keywords.
        keywords = bind_arguments(positional, keywords)
        config = keywords.pop("paddlex_config", None)
        options = {} if config is None else config_options(read_config(config))
        asked = translate_keywords(keywords, "text_det_limit_type" in options)
        asked.warn()
        options |= asked.options
        # As PaddleOCR: PDFs at its resolution, whose pixels the boxes are in; one recogniser, unless lang="auto" is asked for.
        defaults = {name: REFERENCE_RULES[name] for name in ("pdf_dpi", "lang")}
        self._ocr = Ocr(**defaults | options)
        self._limit_type_known = "text_det_limit_type" in options

    def predict(self, input: Any, **options: Any) -> list[OCRResult]:
        """Read everything: a path, URL, folder, glob, PDF, array, bytes, Pillow image, or a list of these.

        options: for this call alone, by PaddleOCR's names or Inkline's. A bad input among several is left out with a
        warning; a single one raises SourceError.
        """
        asked = self._translate(options)
        return list(self._predict(input, asked))

    def predict_iter(self, input: Any, **options: Any) -> Iterator[OCRResult]:
        """The same results one by one, as they are ready."""
        return self._predict(input, self._translate(options))

    def ocr(self, img: Any, **options: Any) -> list[OCRResult]:
        """The old name of `predict`. `cls` is taken as `use_textline_orientation`; results are those of 3.x, see
        `inkline.paddle.results.legacy_result` for those of 2.x."""
        warn("PaddleOCR.ocr is now predict, whose results are dicts (docs/paddleocr.md)", DeprecationWarning, 2)
        # Keywords of the 2.x call: some have another class here, some have no effect.
        old = {name: options.pop(name) for name in _CALL_2X if name in options}
        for name, instead in (("det", "TextRecognition reads line images"), ("rec", "TextDetection finds boxes")):
            if old.get(name) is False:
                raise UsageError(f"{name}=False: {instead}; PaddleOCR does both")
        if "cls" in old:
            # 2.x took cls=True also from who had not opened the classifier, and went on without it
            opened = self._ocr.options.use_textline_orientation
            options.setdefault("use_textline_orientation", bool(old["cls"]) and opened)
        for name in old.keys() & {"bin", "inv", "alpha_color", "slice"}:
            warn(f"{name} has no effect: change the image before it is given", DeprecationWarning, 2)
        return list(self._predict(img, self._translate(options)))

    def close(self) -> None:
        """Stop the worker threads; the object cannot be used afterwards."""
        self._ocr.close()

    def __enter__(self) -> "PaddleOCR":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def export_paddlex_config_to_yaml(self, yaml_path: str | Path) -> None:
        """Write the options in force as PaddleX's OCR.yaml; `PaddleOCR(paddlex_config=yaml_path)` takes it."""
        write_config(to_config(self._ocr.options), yaml_path)

    def _translate(self, options: dict[str, Any]) -> TranslatedKeywords:
        asked = translate_keywords(options, self._limit_type_known)
        asked.warn(stacklevel=4)
        return asked

    def _predict(self, input: Any, asked: TranslatedKeywords) -> Iterator[OCRResult]:
        # One dict of names for the whole call, so that no result overwrites another's files.
        sources, on_error = sources_of(input)
        names: dict[str, str] = {}
        for page in self._ocr.stream(sources, on_error, **asked.options):
            yield OCRResult(page, names)


class DocPreprocessor:
    """Turns pages upright and flattens them: the two first stages of the pipeline, both on unless switched off."""

    CALL = ("use_doc_orientation_classify", "use_doc_unwarping", "doc_orientation_thresh", "doc_unwarping_thresh")
    OPTIONS = (*POSITIONAL_KEYWORDS[:4], *CALL, *COMMON_KEYWORDS, "paddlex_config")

    def __init__(self, *positional: Any, **keywords: Any) -> None:
        """As PaddleOCR 3.x: two names and two folders of models, the two `use_` switches, and the common keywords."""
        given = {k: v for k, v in zip(self.OPTIONS[:6], positional, strict=False) if v is not None}
        check_known(keywords, self.OPTIONS)
        config = keywords.pop("paddlex_config", None)
        # Both stages are on, unless the YAML or a keyword switches one off.
        asked = translate_keywords(given | keywords)
        asked.warn()
        options: dict[str, Any] = {"use_doc_orientation_classify": True, "use_doc_unwarping": True}
        options |= {} if config is None else config_options(read_config(config))
        self._options = options_for(**(options | asked.options))
        self._rectify = open_rectifier(self._options)

    def predict(self, input: Any, **options: Any) -> list[DocPreprocessorResult]:
        """Turn and flatten all pages given; `use_doc_orientation_classify`, `use_doc_unwarping` hold for this call."""
        return list(self.predict_iter(input, **options))

    def predict_iter(self, input: Any, *, on_error: OnError | None = None, **options: Any) -> Iterator[DocPreprocessorResult]:
        """The same results one by one. on_error: takes what cannot be read, as in `Ocr.stream`."""
        check_known(options, self.CALL)
        asked = apply(self._options, **{name: value for name, value in options.items() if value is not None})
        self._rectify.check(asked)
        names: dict[str, str] = {}
        for page_image in page_images_of(input, asked.read, on_error):
            _, transform = self._rectify(page_image.image, asked)
            page = page_of(page_image, transform, asked)
            yield DocPreprocessorResult(page, names)

    def close(self) -> None:
        """Nothing to stop; the reference has it."""

    def export_paddlex_config_to_yaml(self, yaml_path: str | Path) -> None:
        """Write the options in force as PaddleX's doc_preprocessor.yaml."""
        write_config(to_config(self._options, "doc_preprocessor"), yaml_path)


def sources_of(given: Any) -> tuple[Iterator[Source], OnError | None]:
    """The sources, and what to do with a bad one: a single source raises its error (None); one of many gives a warning,
    so that the rest is read."""
    found = expand(given)
    first = list(islice(found, 2))
    return chain(first, found), _warn_left_out if len(first) > 1 else None


def _warn_left_out(source: Source, error: InklineError) -> None:
    warn(f"left out: {error}", UserWarning, stacklevel=4)


def page_images_of(given: Any, options: ReadOptions, on_error: OnError | None = None) -> Iterator[PageImage]:
    """All page images of what was given; `on_error` instead of the rule of `sources_of`."""
    sources, rule = sources_of(given)
    on_error = on_error or rule
    for source in sources:
        try:
            yield from read(source, options)
        except InklineError as error:
            if on_error is None:
                raise
            on_error(source, error)
