"""The whole way from an image to a page of text."""

import logging
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from threading import Event
from typing import Any

import numpy as np

from inkline.assembly import MIN_TURNED_GAIN, PreparedPage, assemble, better_readings, better_way_up, fit_to_ink, page_of
from inkline.detection.detector import Detector
from inkline.detection.search import Found, find_all
from inkline.errors import DownloadError, InklineError, ModelError, SourceError, StageError, UsageError
from inkline.flat import Shape, apply, flat_fields
from inkline.io.read import PageImage, read
from inkline.io.sources import Source, as_source, expand
from inkline.languages import LANGUAGES, missing_letters
from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.layout.in_row import lone_glyphs, measure
from inkline.layout.reading_order import reference_order
from inkline.options import EngineOptions, OcrOptions
from inkline.orientation.classifier import Classifier, Orientation
from inkline.orientation.rectify import NOT_OPENED, Find, ReadingTest, Rectifier
from inkline.orientation.unwarper import Unwarper
from inkline.recognition.columns import complete_columns
from inkline.recognition.confidence import own_fit
from inkline.recognition.lone import KEPT_SCORE, read_lone
from inkline.recognition.opened import open_lines_reader, open_recognizers
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.registry import options_for, resolve
from inkline.registry.card import all_cards
from inkline.registry.inspect import ModelFile
from inkline.registry.onnx_file import read_onnx_header
from inkline.runtime import Engine, OpenedWhenCalled, open_engine, renew_in_children
from inkline.stages import grouped, overlap, unless
from inkline.types import Detections, Document, Floats, Image, Page, Text

log = logging.getLogger(__name__)

CLOSED = "this Ocr was closed; make another one"


OnError = Callable[[Source, InklineError], None]


class Ocr:
    """Reads pages. Opens its models once and never changes after: any number of threads may call one object.

    `Ocr()` reads with the default models; `Ocr(lang="ru")`, `Ocr(text_det_thresh=0.2)`: any flat option name of
    `inkline.options`. Values that a model was tuned with apply unless given. `Ocr(options)` takes the options as they are.
    A pickle or a copy is its options, from which the models are opened anew; a forked child opens them at its first call.
    (A child that used ONNX Runtime must end with os._exit, as those of multiprocessing do: its own exit never returns.)
    Raises UsageError for an unknown option, ModelError or DownloadError when a model cannot be had.
    """

    def __init__(self, options: OcrOptions | None = None, **overrides: Any) -> None:
        if options is None:
            options = options_for(**overrides)
        elif not isinstance(options, OcrOptions) or "lang" in overrides:
            raise UsageError(f"Ocr({options!r}, ...): options are given by name, for instance Ocr(lang='en')")
        else:
            options = apply(options, **overrides)
        self.options = options
        o, threads = self.options, self.options.engine.cpu_threads
        # One page alone gets all threads for its detection; in a stream every page gets one, and pages run side by side.
        detector = _resolve(o, "text_detection")
        self._detect_one = self._detect_many = Detector(open_engine(detector.path, o.engine), detector.metadata)
        if threads > 1:
            self._detect_many = Detector(OpenedWhenCalled(detector.path, o.engine, threads), detector.metadata)
        recognizer = _resolve(o, "text_recognition")
        self._recognize, self._recognize_latin = open_recognizers(o, recognizer)
        self._own_confidence = own_fit(recognizer.metadata)
        tuned = cards[recognizer.name].options if recognizer.name in (cards := all_cards()) else {}
        self._usual_thresh = float(tuned.get("text_rec_score_thresh", o.recognize.score_thresh))
        self._read = open_lines_reader(o, self._recognize, self._recognize_latin)
        missing = missing_letters(o.lang, self._recognize.charset) if o.lang in LANGUAGES else ""
        if missing:
            log.warning("%s lacks letters of %s, which are read as others: %s", recognizer.name, o.lang, missing)
        # The optional stages.
        self._orient_line: Classifier | None = None
        look: Classifier | None = None
        if o.use_textline_orientation or o.orient.look:
            engine, classifier = _open(o, "textline_orientation", threads)
            look = Classifier(engine, classifier.metadata)
            self._orient_line = look if o.use_textline_orientation else None
        self._rectify = open_rectifier(o, look if o.orient.look else None)
        # What the checks of a call need, and the threads that all calls share.
        self._models = {"text_det_input_shape": detector, "text_rec_input_shape": recognizer}
        self._check(o)
        self._closed = False
        self.renew()
        renew_in_children(self)

    def renew(self) -> None:
        """New worker threads: at the beginning, and in a forked child, which has none of its parent's."""
        self._pool = ThreadPoolExecutor(self.options.engine.cpu_threads, thread_name_prefix="inkline")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.options,)

    def __call__(self, image: Any, **overrides: Any) -> Page:
        """Read one page: an array (H, W, 3) BGR uint8, a path, bytes, a PIL image. Overrides hold for this call alone.

        A page without text is a page without lines. Raises SourceError for what cannot be read or has several pages.
        """
        options = self._for_call(overrides)
        # Decode it.
        source = as_source(image)
        page_images = list(islice(read(source, options.read), 2))
        if len(page_images) != 1:
            count = "several" if page_images else "no"
            raise SourceError(f"{source.label} has {count} pages: use Ocr.read() or Ocr.stream()")
        # Rectify it, find its lines and cut them out; read the lines; put the page together.
        prepared = self._prepare(page_images[0], options, self._detect_one, self._pool.map)
        texts = self._read(prepared.crops, [len(prepared.crops)], options.recognize, self._pool.map)
        return self._finish(prepared, texts, self._pool.map)

    def read(self, source: Any, **overrides: Any) -> Document:
        """Read all pages of one source: a path, URL, PDF, multi-page TIFF, array, bytes or PIL image."""
        pages = tuple(self.stream([source], **overrides))
        return Document(pages, as_source(source).name)

    def stream(
        self, sources: Any, on_error: OnError | None = None, stop: Event | None = None, **overrides: Any
    ) -> Generator[Page, None, None]:
        """Read many sources, pages in order; decoding, detection and recognition of different pages overlap.

        sources: anything `Ocr.read` takes, folders, globs, and iterables of these. Each page equals that of a call of its
        own. A source that cannot be read goes to `on_error(source, error)` and the rest goes on; without it, it is raised.
        stop: an event for this call alone; set from any thread it ends the stream, and work not yet begun is dropped.
        """
        options = self._for_call(overrides)
        stop = Event() if stop is None else stop

        # The three stages; `overlap` runs each on threads of its own.
        page_images = _decode(sources, options, on_error, stop)

        def prepare(page_image: PageImage) -> PreparedPage:
            return self._prepare(page_image, options, self._detect_many)

        def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            return self._pool.map(unless(stop, function), items)

        def recognize(prepared: list[PreparedPage]) -> list[Page]:
            # By the reference's rule a line's padding depends on its batch, so pages must not mix.
            mixing = options.recognize.width_rule == "own"
            pages: list[Page] = []
            for group in [prepared] if mixing else [[page] for page in prepared]:
                crops = [crop for page in group for crop in page.crops]
                texts = iter(self._read(crops, [len(page.crops) for page in group], options.recognize, run))
                pages += [self._finish(page, [next(texts) for _ in page.crops], run) for page in group]
            return pages

        try:
            yield from overlap(page_images, prepare, recognize, self._pool, self.pages_ahead, stop)
        except RuntimeError as error:
            if self._closed:  # while pages were being read
                raise UsageError(CLOSED) from error
            raise

    def straighten(self, source: Any, stop: Event | None = None, **overrides: Any) -> Generator[Page, None, None]:
        """The pages of one source turned and flattened as they would be before reading, as pages without lines.

        stop: an event that, with `isolate`, ends what is being decoded with a SourceError.
        """
        options = self._for_call(overrides)
        reading = self._reading_test(lambda image: self._detect_many(image, options.detect), options)
        for page_image in read(source, options.read, stop):
            _, transform = self._pool.submit(self._rectify, page_image.image, options, reading).result()
            yield page_of(page_image, transform, options)

    def detect(self, source: Any, **overrides: Any) -> Generator[Page, None, None]:
        """The pages of one source with their boxes found and nothing read: pages without lines."""
        options = self._for_call(overrides)
        for page_image in read(source, options.read):
            prepared = self._prepare(page_image, options, self._detect_one, self._pool.map)
            yield page_of(page_image, prepared.transform, options, detections=prepared.found)

    def recognize(self, lines: Iterable[Any], **overrides: Any) -> list[Text]:
        """What images of single lines say, each given as anything a call takes; those upside down are turned if asked."""
        options = self._for_call(overrides)
        images = [page_image.image for line in lines for page_image in read(line, options.read)]
        turned = self._upside_down(images, options)
        crops = images + [turn(images[i], 180) for i in turned]
        texts = self._read(crops, [len(crops)], options.recognize, self._pool.map)
        least_gain = -np.inf if options.orient.line_rule == "net" else MIN_TURNED_GAIN
        chosen = better_readings([text.score for text in texts], len(images), turned, least_gain)
        return [texts[i] for i in chosen]

    def line_orientations(self, lines: Iterable[Any]) -> list[Orientation]:
        """How images that each hold one line stand, 0 or 180 degrees; StageError where the classifier was not opened."""
        if self._orient_line is None:
            raise StageError(f"use_textline_orientation=True: {NOT_OPENED}")
        images = [page_image.image for line in lines for page_image in read(line, self.options.read)]
        return self._orient_line(images, self.options.orient.batch_size)

    @property
    def recognizers(self) -> list[Recognizer]:
        """The recogniser that the options name, and the one with a head for Latin script alone where lines may need it."""
        return [self._recognize] + ([self._recognize_latin] if self._recognize_latin else [])

    @property
    def pages_ahead(self) -> int:
        """How many pages a stream holds at once: what bounds its memory."""
        return 2 * self.options.engine.cpu_threads

    def close(self) -> None:
        """Stop the worker threads; a later call is a UsageError."""
        self._closed = True
        self._pool.shutdown(wait=True)

    def __enter__(self) -> "Ocr":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _for_call(self, overrides: dict[str, Any]) -> OcrOptions:
        """The options of a call; UsageError for what a call cannot change, or when this object is closed."""
        if self._closed:
            raise UsageError(CLOSED)
        names = [name for name in overrides if name == "lang"]  # whatever its value, which may be a list
        options = apply(self.options, **({} if names else overrides))
        self._check(options)
        names += [name for name in overrides if "_model_" in name or name in ("tier", *flat_fields(EngineOptions))]
        if names:
            raise UsageError(f"{names[0]}: models and engines are chosen when Ocr is made, not in a call; make another Ocr")
        return options

    def _check(self, options: OcrOptions) -> None:
        """UsageError where options ask for a stage that was not opened, or for an input that a net does not take."""
        self._rectify.check(options)
        if options.use_textline_orientation and self._orient_line is None:
            raise StageError(f"use_textline_orientation=True: {NOT_OPENED}")
        shapes = options.detect.input_shape, options.recognize.input_shape
        for (name, model), shape in zip(self._models.items(), shapes, strict=True):
            if shape is not None:
                check_input_shape(name, shape, model)

    def _reading_test(self, find: Find, options: OcrOptions, run: ParallelMap = map) -> ReadingTest:
        return ReadingTest(find, lambda crops: self._read(crops, [len(crops)], options.recognize, run), run)

    def _prepare(self, page_image: PageImage, options: OcrOptions, detect: Detector, run: ParallelMap = map) -> PreparedPage:
        """All that is done to a page before its lines are read; `run` maps over the lines, on a thread pool or not."""
        # Turn it upright and flatten it; a page that was searched to test it is not searched again.
        find = _once_per_image(lambda image: detect(image, options.detect))
        image, transform = self._rectify(page_image.image, options, self._reading_test(find, options, run))
        # Find its lines, sort them, cut them out.
        own = options.rules == "own"
        seen = find_all(image, find, lambda pale: detect(pale, options.detect)) if own else Found(image, find(image))
        image, found = seen.image, seen.lines[reference_order(seen.lines.quads)]
        found, crops = _crop_lines(image, found, options.crop_rule == "reference", run)
        # Turn what runs down the page, and what is upside down, or read that both ways.
        alone = lone_glyphs(measure(found.quads)) if own else {}
        angles = [90 if is_upright_column(crop) and i not in alone else 0 for i, crop in enumerate(crops)]
        lines = [turn(crop, angle) for crop, angle in zip(crops, angles, strict=True)]
        upside_down = self._upside_down(lines, options)
        turned, turned_angles = [turn(lines[i], 180) for i in upside_down], [angles[i] + 180 for i in upside_down]
        read_twice: tuple[int, ...] = ()
        if options.orient.line_rule == "read":
            read_twice, lines, angles = upside_down, [*lines, *turned], [*angles, *turned_angles]
        else:
            for i, line, angle in zip(upside_down, turned, turned_angles, strict=True):
                lines[i], angles[i] = line, angle
        # Fit their boxes to the ink; workers do so while lines are read.
        boxes: Iterable[Floats] = [*found.quads, *found.quads[list(read_twice)]]
        if options.box_rule == "ink":
            boxes = grouped(run, lambda line: fit_to_ink(*line), list(zip(lines, boxes, angles, strict=True)))
        rest = boxes, read_twice, seen.grids, seen.watermark
        return PreparedPage(page_image, image, options, transform, found, tuple(lines), tuple(angles), *rest)

    def _finish(self, prepared: PreparedPage, texts: list[Text], run: ParallelMap = map) -> Page:
        """The page of what was read, columns of Chinese and Japanese with what is not seen in them lying on their side."""
        options = prepared.options.recognize
        base = prepared.options.text_recognition_model_name
        columns = [i for i, angle in enumerate(prepared.angles) if angle == 90 and texts[i].reader in ("", base)]
        if columns and options.width_rule == "own":
            texts = complete_columns(texts, prepared.crops, columns, lambda crops: self._recognize(crops, options, run))
        # Of lines that were read both ways up, the better reading; glyphs alone are read with their rows.
        prepared, texts = better_way_up(prepared, texts)
        if prepared.options.rules == "own":
            prepared, texts = self._with_rows(prepared, texts, run)
        return assemble(prepared, texts, self._own_confidence)

    def _with_rows(self, prepared: PreparedPage, texts: list[Text], run: ParallelMap) -> tuple[PreparedPage, list[Text]]:
        """The page and its texts, glyphs that stand alone in a cell being read with their rows; less what is no glyph."""
        found, options = prepared.found, prepared.options.recognize
        offered = np.flatnonzero(found.scores == 0).tolist()  # no detector saw them
        # A glyph says nothing of its script: the first recogniser reads it where that, or the default one, reads most lines.
        names = Counter(text.reader for text in texts if text.text)
        own = ("", prepared.options.text_recognition_model_name, OcrOptions().text_recognition_model_name)
        first = not names or names.most_common(1)[0][0] in own
        glyphs = self._recognize_latin or self._recognize
        texts, kept = read_lone(
            *(texts, prepared.image, found.quads, offered),
            lambda crops: glyphs(crops, options, run) if first else self._read(crops, [len(crops)], options, run),
            # What usually stays at half a score obeys a threshold that was raised.
            KEPT_SCORE if options.score_thresh <= self._usual_thresh else options.score_thresh,
        )
        if len(kept) == len(found):
            return prepared, texts
        all_boxes = list(prepared.boxes)
        rows = [(prepared.crops[i], prepared.angles[i], all_boxes[i]) for i in kept]
        crops, angles, boxes = zip(*rows, strict=True) if rows else ((), (), ())
        prepared = replace(prepared, found=found[kept], crops=crops, angles=angles, boxes=boxes)
        return prepared, [texts[i] for i in kept]

    def _upside_down(self, lines: list[Image], options: OcrOptions) -> tuple[int, ...]:
        """Indices of the lines that the classifier takes for turned by 180 degrees."""
        if not options.use_textline_orientation or self._orient_line is None:
            return ()
        seen = self._orient_line(lines, options.orient.batch_size)
        column = self._orient_line.labels.index(180)
        return tuple(i for i, line in enumerate(seen) if line.scores[column] >= options.orient.line_thresh)


def _decode(sources: Any, options: OcrOptions, on_error: OnError | None, stop: Event) -> Iterator[PageImage]:
    """The page images of many sources; what cannot be read goes to `on_error`, or is raised without it."""
    for source in expand(sources):
        try:
            yield from read(source, options.read, stop)
        except InklineError as error:
            if on_error is None:
                raise
            on_error(source, error)


def _once_per_image(detect: Find) -> Find:
    """The same, remembering what it found in which image."""
    seen: list[tuple[Image, Detections]] = []

    def find(image: Image) -> Detections:
        for known, found in seen:
            if known is image:
                return found
        seen.append((image, detect(image)))
        return seen[-1][1]

    return find


def _crop_lines(image: Image, found: Detections, reference: bool, run: ParallelMap) -> tuple[Detections, list[Image]]:
    """The boxes that are not empty, and what lies in them."""
    crops = list(grouped(run, lambda quad: crop_quad(image, quad, reference), list(found.quads)))
    kept = [i for i, crop in enumerate(crops) if crop is not None]
    return found[kept], [crop for crop in crops if crop is not None]


def check_input_shape(name: str, shape: Shape, model: ModelFile) -> None:
    """UsageError when a shape (C, H, W) has a side other than the one that the net was made for."""
    sides = next(iter(read_onnx_header(model.path).inputs.values()))[1:]
    if any(made >= 0 and given != made for given, made in zip(shape, sides, strict=False)):
        takes = " ".join(str(made) if made >= 0 else letter for made, letter in zip(sides, "CHW", strict=False))
        raise UsageError(f"{name}={' '.join(map(str, shape))}: {model.name} takes {takes}")


def _check_input(model: ModelFile, batch_size: int) -> None:
    """ModelError for a net that takes other images than three channels, or a fixed number of them that is not ours."""
    batch, channels, *sides = (*next(iter(read_onnx_header(model.path).inputs.values()), ()), -1, -1)[:4]
    if len(sides) == 2 and channels >= 0 and channels != 3:
        raise ModelError(f"{model.path}: takes images of {channels} channels; only nets of three can be used")
    if len(sides) == 2 and batch >= 0 and batch != 1 and batch < 10**6:
        raise ModelError(f"{model.path}: takes {batch} images at once; export it again for any number of them")
    if len(sides) == 2 and batch == 1 < batch_size:
        raise ModelError(f"{model.path}: takes one image at once; export it again for any number, or give a batch size of 1")


def open_rectifier(options: OcrOptions, look: Classifier | None = None) -> Rectifier:
    """The nets that turn and flatten pages, as far as the options ask for them. ModelError or DownloadError as `Ocr`."""
    classify = unwarp = None
    if options.use_doc_orientation_classify and options.orient.page_rule != "lines":
        try:
            engine, found = _open(options, "doc_orientation_classify")
        except DownloadError as error:
            without = "doc_orientation_rule=lines, which needs no model, or name inkline_PP-LCNet_x1_0_doc_ori, which is here"
            raise DownloadError(f"{error}. Or say {without}") from error
        classify = Classifier(engine, found.metadata)
    if options.use_doc_unwarping:
        engine, found = _open(options, "doc_unwarping")
        unwarp = Unwarper(engine, found.metadata)
    return Rectifier(classify, unwarp, look)


def _open(options: OcrOptions, stage: str, streams: int = 1) -> tuple[Engine, ModelFile]:
    """The model of a stage as the options name it, which is opened when it is first needed."""
    found = _resolve(options, stage)
    return OpenedWhenCalled(found.path, options.engine, streams), found


def _resolve(options: OcrOptions, stage: str) -> ModelFile:
    found = resolve(getattr(options, f"{stage}_model_name"), getattr(options, f"{stage}_model_dir"), stage)
    batch_size = {"text_recognition": options.recognize.batch_size, "textline_orientation": options.orient.batch_size}
    _check_input(found, batch_size.get(stage, 1))
    return found


def read_pages(sources: Iterable[Any], **options: Any) -> Iterator[Page]:
    """Read sources with an `Ocr` made for them: `for page in read_pages(["scans/"]): print(page.text)`."""
    with Ocr(**options) as ocr:
        yield from ocr.stream(sources)
