"""`PaddleOCR` and `DocPreprocessor` as PaddleOCR 3.x has them, on Inkline's pipeline."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar
from warnings import warn

from inkline.errors import InklineError, UsageError
from inkline.flat import warner_outside
from inkline.io.read import PageImage, read
from inkline.io.sources import Source, expand
from inkline.options import ReadOptions
from inkline.paddle.arguments import (
    COMMON_KEYWORDS,
    POSITIONAL_KEYWORDS,
    PREDICT_KEYWORDS,
    TranslatedKeywords,
    bind_arguments,
    check_known,
    shown_as,
    translate_keywords,
)
from inkline.paddle.devices import open_on_devices, stream_on
from inkline.paddle.paddlex_yaml import config_options, read_config, to_config, write_config
from inkline.paddle.results import DocPreprocessorResult, OCRResult, legacy_result
from inkline.paddle.tools import benchmark
from inkline.pipeline import Ocr, OnError
from inkline.presets import REFERENCE_RULES
from inkline.types import Page, Transform

Item = TypeVar("Item")
_IMAGE_2X = ("bin", "inv", "alpha_color", "slice")  # of a call of 2.x


class PaddleOCR:
    """The pipeline with PaddleOCR's constructor and results; any number of threads may call one object.

    Takes the keywords of PaddleOCR 3.x in its order, those of 2.x with a warning, and every flat option of Inkline.
    None means not given: Inkline's defaults, which are the small PP-OCRv6 pair on the cpu with the optional stages off
    (docs/paddleocr.md). With device="gpu:0,1" each GPU reads every second input.

    Errors: UsageError for an unknown keyword or wrong value, ModelError, DownloadError, EngineError.
    """

    @shown_as(POSITIONAL_KEYWORDS, rest="keywords")
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
        self._ocrs = open_on_devices(**defaults | options)  # one, or one for each device of `gpu:0,1`
        self._ocr = self._ocrs[0]
        self._limit_type_known = "text_det_limit_type" in options
        self._thresh_known = "text_rec_score_thresh" in options

    @shown_as(["*input"], PREDICT_KEYWORDS, "options")
    def predict(self, input: Any, **options: Any) -> list[OCRResult]:
        """Read everything: a path, URL, folder, glob, PDF, array, bytes, Pillow image, or a list of these.

        options: for this call alone, by PaddleOCR's names or Inkline's. A bad input among several is left out with a
        warning; a single one raises SourceError.
        """
        asked = self._translate(options)
        return list(self._predict(input, asked))

    @shown_as(["*input"], PREDICT_KEYWORDS, "options")
    def predict_iter(self, input: Any, **options: Any) -> Iterator[OCRResult]:
        """The same results one by one, as they are ready."""
        return self._predict(input, self._translate(options))

    def ocr(
        self, img: Any, det: bool | None = None, rec: bool | None = None, cls: bool | None = None, **options: Any
    ) -> list[Any]:
        """The call of 2.x, and the old name of `predict`.

        With `det`, `rec` or `cls` the result is that of 2.x, a list of pages: `[[[x, y] * 4], (text, score)]` for each line,
        with rec=False boxes alone, None for a page without text; with det=False `img` holds one line, or is a list of such
        images, and the result is `[[(text, score), ...]]`, with rec=False, too, `[[(label, score), ...]]` of the line
        classifier. Without them it is that of `predict`.
        """
        for name in _IMAGE_2X:
            if options.pop(name, None) is not None:
                warn(f"{name} has no effect: change the image before it is given", DeprecationWarning, 2)
        if det is None and rec is None and cls is None:
            warn("PaddleOCR.ocr is now predict, whose results are dicts (docs/paddleocr.md)", DeprecationWarning, 2)
            return list(self._predict(img, self._translate(options)))
        # 2.x took cls=True also from who had not opened the classifier, and went on without it.
        opened = self._ocr.options.use_textline_orientation
        options.setdefault("use_textline_orientation", cls is not False and opened and rec is not False)
        return self._ocr_2x(img, det is not False, rec is not False, self._translate(options))

    def _ocr_2x(self, img: Any, det: bool, rec: bool, asked: TranslatedKeywords) -> list[Any]:
        """The result of 2.x: see `ocr`."""
        if not det:
            lines = img if isinstance(img, (list, tuple)) else [img]
            return [self._line_texts(lines, asked) if rec else self._line_classes(lines)]
        if not rec:
            return [_boxes_2x(page) for page in each_page(img, lambda source: self._ocr.detect(source, **asked.options))]
        sources, on_error = sources_of(img)
        return legacy_result(stream_on(self._ocrs, sources, on_error, **asked.options))

    def _line_texts(self, lines: Sequence[Any], asked: TranslatedKeywords) -> list[tuple[str, float]]:
        return [(text.text, text.score) for text in self._ocr.recognize(lines, **asked.options)]

    def _line_classes(self, lines: Sequence[Any]) -> list[list[Any]]:
        """Labels "0" or "180" and their scores; StageError when the classifier was not opened."""
        return [[str(seen.angle), seen.score] for seen in self._ocr.line_orientations(lines)]

    def close(self) -> None:
        """Stop the worker threads; the object cannot be used afterwards."""
        for ocr in self._ocrs:
            ocr.close()

    def __enter__(self) -> "PaddleOCR":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def export_paddlex_config_to_yaml(self, yaml_path: str | Path) -> None:
        """Write the options in force as PaddleX's OCR.yaml; `PaddleOCR(paddlex_config=yaml_path)` takes it."""
        write_config(to_config(self._ocr.options), yaml_path)

    def _translate(self, options: dict[str, Any]) -> TranslatedKeywords:
        asked = translate_keywords(options, self._limit_type_known)
        asked.warn()
        return asked

    def _predict(self, input: Any, asked: TranslatedKeywords) -> Iterator[OCRResult]:
        # One dict of names for the whole call, so that no result overwrites another's files.
        sources, on_error = sources_of(input)
        names: dict[str, str] = {}
        all_boxes = self._thresh_known or "text_rec_score_thresh" in asked.options
        for page in benchmark.timed("PaddleOCR", stream_on(self._ocrs, sources, on_error, **asked.options)):
            yield OCRResult(page, names, all_boxes)


class DocPreprocessor:
    """Turns pages upright and flattens them: the two first stages of the pipeline, both on unless switched off.

    As in the pipeline a page is turned as its lines say where the net is not sure that it stands upright, and flattened where
    it reads better so; for this the detector and the recogniser are opened, too. `doc_orientation_rule="net"`: as the net says.
    """

    STAGES = ("use_doc_orientation_classify", "use_doc_unwarping")
    CALL = (*STAGES, "doc_orientation_rule", "doc_orientation_thresh", "doc_unwarping_thresh")
    OPTIONS = (*POSITIONAL_KEYWORDS[:4], *CALL, *COMMON_KEYWORDS, "paddlex_config")

    @shown_as(OPTIONS[:6], rest="keywords")
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
        self._ocr = Ocr(**options | asked.options)

    @shown_as(["*input"], STAGES, "options")
    def predict(self, input: Any, **options: Any) -> list[DocPreprocessorResult]:
        """Turn and flatten all pages given; `use_doc_orientation_classify`, `use_doc_unwarping` hold for this call."""
        return list(self.predict_iter(input, **options))

    @shown_as(["*input"], STAGES, "options")
    def predict_iter(self, input: Any, *, on_error: OnError | None = None, **options: Any) -> Iterator[DocPreprocessorResult]:
        """The same results one by one. on_error: takes what cannot be read, as in `Ocr.stream`."""
        check_known(options, self.CALL)
        asked = {name: value for name, value in options.items() if value is not None}
        names: dict[str, str] = {}
        for page in each_page(input, lambda source: self._ocr.straighten(source, **asked), on_error):
            yield DocPreprocessorResult(page, names)

    def close(self) -> None:
        """Stop the worker threads; the object cannot be used afterwards."""
        self._ocr.close()

    def export_paddlex_config_to_yaml(self, yaml_path: str | Path) -> None:
        """Write the options in force as PaddleX's doc_preprocessor.yaml."""
        write_config(to_config(self._ocr.options, "doc_preprocessor"), yaml_path)


def sources_of(given: Any) -> tuple[Iterator[Source], OnError | None]:
    """The sources, and what to do with a bad one: a single source raises its error (None); one of many gives a warning,
    so that the rest is read."""
    found = expand(given)
    first, warn_caller = list(islice(found, 2)), warner_outside()

    def warn_left_out(source: Source, error: InklineError) -> None:
        warn_caller(f"left out: {error}", UserWarning)

    return chain(first, found), warn_left_out if len(first) > 1 else None


def page_images_of(given: Any, options: ReadOptions, on_error: OnError | None = None) -> Iterator[PageImage]:
    """All page images of what was given; `on_error` instead of the rule of `sources_of`."""
    return each_page(given, lambda source: read(source, options), on_error)


def each_page(given: Any, pages: Callable[[Source], Iterator[Item]], on_error: OnError | None = None) -> Iterator[Item]:
    """The pages of each source in turn; `on_error` instead of the rule of `sources_of`."""
    sources, rule = sources_of(given)
    on_error = on_error or rule
    for source in sources:
        try:
            yield from pages(source)
        except UsageError:  # of the call, not of the source
            raise
        except InklineError as error:
            if on_error is None:
                raise
            on_error(source, error)


def _boxes_2x(page: Page) -> list[list[list[float]]] | None:
    """The boxes of a page whose text was not read, in source pixels; None without any."""
    to_source = (page.transform or Transform(page.size)).quads_to_source
    boxes: list[list[list[float]]] = to_source(page.detections.quads).tolist()
    return boxes or None
