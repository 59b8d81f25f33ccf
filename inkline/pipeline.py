"""The whole way from an image to a page of text."""

import logging
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event
from typing import Any

import numpy as np

from inkline.detection.detector import Detector
from inkline.errors import DownloadError, InklineError, SourceError, StageError, UsageError
from inkline.flat import apply, flat_fields, to_flat
from inkline.io.read import PageImage, read
from inkline.io.sources import Source, as_source, expand
from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.layout.reading_order import column_order, paragraphs, reference_order
from inkline.options import EngineOptions, OcrOptions
from inkline.orientation.classifier import Classifier
from inkline.orientation.rectify import NOT_OPENED, ReadingTest, Rectifier
from inkline.orientation.unwarper import Unwarper
from inkline.recognition.corrections import resolve_accents
from inkline.recognition.recognizer import Recognizer
from inkline.recognition.words import ink_quad, split_words
from inkline.registry import options_for, resolve
from inkline.registry.inspect import ModelFile
from inkline.runtime import Engine, open_engine
from inkline.runtime.shared_batches import SharedBatches
from inkline.stages import overlap, unless
from inkline.types import Detections, Document, Image, Line, Page, Text, Transform

log = logging.getLogger(__name__)

MIN_TURNED_GAIN = 0.02  # of the score, for a line to be turned; what reads as well upside down, as 8008 does, stays

OnError = Callable[[Source, InklineError], None]


@dataclass(frozen=True, eq=False)
class Cut:
    """A page on its way: straightened, its lines found and cut out.

    angles: per line, 0, 90, 180 or 270 as in `Line`. crops: of every line, then once more of the lines in `doubtful`,
    turned by 180 degrees: of these the better reading counts.
    """

    page_image: PageImage
    options: OcrOptions
    transform: Transform
    found: Detections
    crops: tuple[Image, ...]
    angles: tuple[int, ...]
    doubtful: tuple[int, ...] = ()


class Ocr:
    """Reads pages. Opens its models once and never changes after: any number of threads may call one object.

    `Ocr()` reads with the default models; `Ocr(lang="ru")`, `Ocr(text_det_thresh=0.2)`: any flat option name of
    `inkline.options`. Values that a model was tuned with apply unless given. `Ocr(options)` takes the options as they are.
    Raises UsageError for an unknown option, ModelError or DownloadError when a model cannot be had.
    """

    def __init__(self, options: OcrOptions | None = None, **overrides: Any) -> None:
        self.options = apply(options, **overrides) if options is not None else options_for(**overrides)
        o, threads = self.options, self.options.engine.cpu_threads
        # One page alone gets all threads for its detection; in a stream every page gets one, and pages run side by side.
        engine, det = _open(o, "text_detection")
        self._detect_one = self._detect_many = Detector(engine, det.metadata)
        if threads > 1:
            self._detect_many = Detector(open_engine(det.path, o.engine, threads), det.metadata)
        engine, rec = _open(o, "text_recognition", threads)
        if o.recognize.batch_size > 1:  # where larger batches pay, lines of different pages and calls fill them, too
            engine = SharedBatches(engine, o.recognize.batch_size)
        self._recognize = Recognizer(engine, rec.charset or (), rec.metadata)
        self._orient_line: Classifier | None = None
        if o.use_textline_orientation:
            engine, found = _open(o, "textline_orientation", threads)
            self._orient_line = Classifier(engine, found.metadata)
        self._rectify = open_rectifier(o)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="inkline")

    def __call__(self, image: Any, **overrides: Any) -> Page:
        """Read one page: an array (H, W, 3) BGR uint8, a path, bytes, a PIL image. Overrides hold for this call alone.

        A page without text is a page without lines. Raises SourceError for what cannot be read or has several pages.
        """
        options = self._for_call(overrides)
        source = as_source(image)
        page_images = list(islice(read(source, options.read), 2))
        if len(page_images) != 1:
            raise SourceError(
                f"{source.label} has {'several' if page_images else 'no'} pages: use Ocr.read() or Ocr.stream()"
            )
        cut = self._cut(page_images[0], options, self._detect_one)
        return self._page(cut, self._recognize(cut.crops, options.recognize, self._pool.map))

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

        def page_images() -> Iterator[PageImage]:
            for source in expand(sources):
                try:
                    yield from read(source, options.read)
                except InklineError as error:
                    if on_error is None:
                        raise
                    on_error(source, error)

        def run(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
            return self._pool.map(unless(stop, function), items)

        def recognize(cuts: list[Cut]) -> list[Page]:
            # By the reference's rule a line's padding depends on its batch, so pages must not mix.
            mixing = options.recognize.width_rule == "own"
            pages: list[Page] = []
            for group in [cuts] if mixing else [[cut] for cut in cuts]:
                crops = [crop for cut in group for crop in cut.crops]
                texts = iter(self._recognize(crops, options.recognize, run))
                pages += [self._page(cut, [next(texts) for _ in cut.crops]) for cut in group]
            return pages

        yield from overlap(
            page_images(),
            lambda page_image: self._cut(page_image, options, self._detect_many),
            recognize,
            self._pool,
            self.pages_ahead,
            stop,
        )

    def straighten(self, source: Any, **overrides: Any) -> Generator[Page, None, None]:
        """The pages of one source turned and flattened as they would be before reading, as pages without lines."""
        options = self._for_call(overrides)
        reading = ReadingTest(
            lambda image: self._detect_many(image, options.detect),
            lambda crops: self._recognize(crops, options.recognize),
        )
        for page_image in read(source, options.read):
            _, transform = self._pool.submit(self._rectify, page_image.image, options, reading).result()
            yield Page(
                lines=(),
                size=transform.size,
                source=page_image.source,
                page_index=page_image.page_index,
                transform=transform,
                settings=to_flat(options),
                warnings=page_image.warnings,
                load_image=page_image.reload,
            )

    @property
    def pages_ahead(self) -> int:
        """How many pages a stream holds at once: what bounds its memory."""
        return 2 * self.options.engine.cpu_threads

    def close(self) -> None:
        """Stop the worker threads; the object cannot be used afterwards."""
        self._pool.shutdown(wait=True)

    def __enter__(self) -> "Ocr":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _for_call(self, overrides: dict[str, Any]) -> OcrOptions:
        options = apply(self.options, **overrides)
        self._rectify.check(options)
        if options.use_textline_orientation and self._orient_line is None:
            raise StageError(f"use_textline_orientation=True: {NOT_OPENED}")
        fixed = [name for name in overrides if "_model_" in name or name in flat_fields(EngineOptions)]
        if fixed:
            raise UsageError(
                f"{fixed[0]}: models and engines are chosen when Ocr is made, not in a call; make another Ocr"
            )
        return options

    def _cut(self, page_image: PageImage, options: OcrOptions, detect: Detector) -> Cut:
        seen: list[tuple[Image, Detections]] = []

        def find(image: Image) -> Detections:
            """Boxes of an image; what was looked at to test a page is not searched again."""
            for known, found in seen:
                if known is image:
                    return found
            seen.append((image, detect(image, options.detect)))
            return seen[-1][1]

        reading = ReadingTest(find, lambda crops: self._recognize(crops, options.recognize))
        image, transform = self._rectify(page_image.image, options, reading)
        found = find(image)
        order = reference_order if options.reading_order == "reference" else column_order
        found = found[order(found.quads)]
        crops = [crop_quad(image, quad, options.crop_rule == "reference") for quad in found.quads]
        found = found[[i for i, crop in enumerate(crops) if crop is not None]]
        columns = [crop for crop in crops if crop is not None]
        angles = [90 if is_upright_column(crop) else 0 for crop in columns]
        lines = [turn(crop, angle) for crop, angle in zip(columns, angles, strict=True)]
        turned = self._upside_down(lines, options)
        if options.orient.line_rule == "read":
            lines += [turn(lines[i], 180) for i in turned]
            return Cut(page_image, options, transform, found, tuple(lines), tuple(angles), turned)
        for i in turned:
            lines[i], angles[i] = turn(lines[i], 180), angles[i] + 180
        return Cut(page_image, options, transform, found, tuple(lines), tuple(angles))

    def _upside_down(self, lines: list[Image], options: OcrOptions) -> tuple[int, ...]:
        """Indices of the lines that the classifier holds for turned by 180 degrees."""
        if not options.use_textline_orientation or self._orient_line is None:
            return ()
        seen = self._orient_line(lines, options.orient.batch_size)
        head = self._orient_line.labels.index(180)
        return tuple(i for i, line in enumerate(seen) if line.scores[head] >= options.orient.line_thresh)

    def _page(self, cut: Cut, texts: list[Text]) -> Page:
        """Put a page together: lines at or above the score threshold, their places in source pixels."""
        cut, texts = _settled(cut, texts)
        options, transform = cut.options, cut.transform
        lines = []
        block = paragraphs(cut.found.quads) if options.reading_order == "columns" else np.zeros(len(texts), np.int64)
        for i, text in enumerate(resolve_accents(texts)):
            if text.score < options.recognize.score_thresh:
                continue
            straight, turns = cut.found.quads[i], cut.angles[i] // 90
            reading = np.roll(straight, -turns, axis=0)
            tight = np.roll(ink_quad(cut.crops[i], reading), turns, axis=0) if options.box_rule == "ink" else straight
            line = Line(
                text.text,
                text.score,
                transform.to_source(tight),
                straight,
                float(cut.found.scores[i]),
                cut.angles[i],
                paragraph=int(block[i]),
            )
            if options.recognize.return_word_box:
                words = split_words(text, cut.crops[i], reading)
                words = tuple(replace(word, quad=transform.to_source(word.quad)) for word in words)
                line = replace(line, words=words)
            lines.append(line)
        asked = options.use_textline_orientation
        return Page(
            lines=tuple(lines),
            size=transform.size,
            source=cut.page_image.source,
            page_index=cut.page_image.page_index,
            detections=cut.found,
            line_angles=tuple(int(angle >= 180) if asked else -1 for angle in cut.angles),
            transform=transform,
            settings=to_flat(options),
            warnings=cut.page_image.warnings,
            load_image=cut.page_image.reload,
        )


def _settled(cut: Cut, texts: list[Text]) -> tuple[Cut, list[Text]]:
    """The page with its doubtful lines turned where they read clearly better so, and one text a line."""
    count = len(cut.angles)
    crops, angles, chosen = list(cut.crops[:count]), list(cut.angles), texts[:count]
    for i, crop, text in zip(cut.doubtful, cut.crops[count:], texts[count:], strict=True):
        if text.score >= chosen[i].score + MIN_TURNED_GAIN:
            crops[i], angles[i], chosen[i] = crop, angles[i] + 180, text
    return replace(cut, crops=tuple(crops), angles=tuple(angles), doubtful=()), chosen


def open_rectifier(options: OcrOptions) -> Rectifier:
    """The nets that turn and flatten pages, as far as the options ask for them. ModelError or DownloadError as `Ocr`."""
    classify = unwarp = None
    if options.use_doc_orientation_classify and options.orient.page_rule != "lines":
        try:
            engine, found = _open(options, "doc_orientation_classify")
        except DownloadError as error:
            raise DownloadError(f"{error}. Or say doc_orientation_rule=lines, which needs no model") from error
        classify = Classifier(engine, found.metadata)
    if options.use_doc_unwarping:
        engine, found = _open(options, "doc_unwarping")
        unwarp = Unwarper(engine, found.metadata)
    return Rectifier(classify, unwarp)


def _open(options: OcrOptions, stage: str, streams: int = 1) -> tuple[Engine, ModelFile]:
    """The model of a stage as the options name it, ready to run."""
    found = resolve(getattr(options, f"{stage}_model_name"), getattr(options, f"{stage}_model_dir"), stage)
    return open_engine(found.path, options.engine, streams), found


def read_pages(sources: Iterable[Any], **options: Any) -> Iterator[Page]:
    """Read sources with an `Ocr` made for them: `for page in read_pages(["scans/"]): print(page.text)`."""
    with Ocr(**options) as ocr:
        yield from ocr.stream(sources)
