"""OCRmyPDF with Inkline as its engine: `ocrmypdf --plugin inkline.ocrmypdf_plugin in.pdf out.pdf` (extra `ocrmypdf`).

OCRmyPDF straightens, cleans and compresses pages and makes PDF/A as usual; the text comes from Inkline. Its default
renderer is replaced by Inkline's own text layer, which keeps the words of turned, vertical and right-to-left lines whole;
`--pdf-renderer fpdf2` chooses OCRmyPDF's. Languages are given by Tesseract's codes (`-l deu+fra`) or by ours, any option
of `inkline ocr` as `--inkline-option NAME=VALUE`. `--ocr-engine tesseract` reads with Tesseract.
"""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ocrmypdf import OcrEngine, OrientationConfidence, hookimpl
from ocrmypdf.builtin_plugins.tesseract_ocr import TesseractOptions
from ocrmypdf.exceptions import BadArgsError, ExitCodeException, MissingDependencyError
from PIL import Image as Pillow
from pydantic import BaseModel

import inkline
from inkline.errors import EngineError, InklineError, ModelError, UsageError
from inkline.formats.line_geometry import (
    angle,
    bounds,
    certainty,
    direction,
    line_height,
    lines_by_paragraph,
    place_words,
    reading_quad,
)
from inkline.formats.xml import render_hocr
from inkline.io.read import read
from inkline.languages import SPELLINGS, canonical, is_read, language
from inkline.options import OcrOptions
from inkline.pipeline import Ocr
from inkline.registry import options_for, resolve
from inkline.types import Document, Floats, Line, Page

TESSERACT_PLUGIN = "ocrmypdf.builtin_plugins.tesseract_ocr"

TEXT_LAYER_FONT = "F1"  # the only name under which OCRmyPDF copies a font together with the text
UNSTATED_DPI = 300.0  # of page images that do not state theirs
TURN_CONFIDENCE = 15.0  # "very confident" in OCRmyPDF's units; it turns pages from --rotate-pages-threshold, 14 by default
MIN_SPACE_PER_HEIGHT = 0.2  # poppler joins words closer than about 0.1 of the font size, also across a space
MIN_LENGTH_PER_HEIGHT = 3.0  # lines at least this many times as long as high tell how a page is skewed


class OcrFailed(ExitCodeException):
    """A page that Inkline could not read."""


class InklineOptions(BaseModel):
    """The values of `--inkline-...`. threads: of one process, set when the number of pages is known."""

    option: list[str] = []
    threads: int = 1


@hookimpl
def initialize(plugin_manager: Any) -> None:
    """Block Tesseract's plug-in where it is not installed: OCRmyPDF asks for the program whatever engine is used."""
    if _lacks_tesseract():
        plugin_manager.set_blocked(TESSERACT_PLUGIN)


@hookimpl
def register_options() -> dict[str, type[BaseModel]]:
    models: dict[str, type[BaseModel]] = {"inkline": InklineOptions}
    if _lacks_tesseract():  # OCRmyPDF itself looks at Tesseract's options
        models["tesseract"] = TesseractOptions
    return models


@hookimpl
def add_options(parser: Any) -> None:
    if _lacks_tesseract():
        TesseractOptions.add_arguments_to_parser(parser)
    group = parser.add_argument_group("Inkline", "Reading with Inkline")
    group.add_argument(
        "--inkline-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        dest="inkline_option",
        help="an option of `inkline ocr`, for instance text_det_thresh=0.2; may be given several times",
    )


@hookimpl
def check_options(options: Any) -> None:
    """Refuse options that do not exist, and fetch the models once, before any worker starts."""
    if not _is_chosen(options):
        return
    with _as_ocrmypdf_errors():
        chosen = options_for(**_settings(options))
        stages = ["text_detection", "text_recognition"]
        if options.rotate_pages and chosen.orient.page_rule != "lines":
            stages.append("doc_orientation_classify")
        for stage in stages:
            resolve(getattr(chosen, f"{stage}_model_name"), getattr(chosen, f"{stage}_model_dir"), stage)
    if options.pdf_renderer == "auto":
        options.pdf_renderer = "sandwich"  # the renderer that takes the engine's own text layer


@hookimpl
def validate(pdfinfo: Any, options: Any) -> None:
    """Grant `--jobs` processors: to the one `Ocr` that worker threads share, or divided among worker processes."""
    cpus = OcrOptions().engine.cpu_threads  # by default, as many as this process may use
    granted = min(options.jobs or cpus, cpus)
    processes = 1 if options.use_threads else min(len(pdfinfo), granted)
    # Where OCRmyPDF looks for plug-in options that come from the command line; it reaches the workers.
    options.extra_attrs["inkline_threads"] = options.inkline.threads = max(1, granted // max(1, processes))


@hookimpl
def get_ocr_engine(options: Any) -> "InklineEngine | None":
    return InklineEngine() if _is_chosen(options) else None


class InklineEngine(OcrEngine):
    """OCRmyPDF's engine interface; one `Ocr` is opened in each process, and its threads share it."""

    @staticmethod
    def version() -> str:
        return inkline.__version__

    @staticmethod
    def creator_tag(options: Any) -> str:
        return f"Inkline {inkline.__version__}"

    def __str__(self) -> str:
        return self.creator_tag(None)

    @staticmethod
    def languages(options: Any) -> set[str]:
        names = {name for name, code in SPELLINGS.items() if is_read(code)}
        return names | {name.replace("-", "_") for name in names}

    @staticmethod
    def get_orientation(input_file: Path, options: Any) -> OrientationConfidence:
        """By how many degrees the page is turned clockwise, that is, must be turned back counter-clockwise.

        So OCRmyPDF's pipeline and its Tesseract engine take it, though its docstring says the opposite. The rule is that
        of `inkline ocr` (`doc_orientation_rule`): a page that it turns is turned, as the rule weighs its doubts itself.
        """
        with _as_ocrmypdf_errors():
            turned = _shared_ocr(options).straighten(input_file, use_doc_orientation_classify=True, use_doc_unwarping=False)
            transform = next(turned).transform
        angle = 0 if transform is None else transform.angle
        return OrientationConfidence(angle=angle, confidence=TURN_CONFIDENCE)

    @staticmethod
    def get_deskew(input_file: Path, options: Any) -> float:
        """By how many degrees counter-clockwise the page must be turned for its lines to be level."""
        with _as_ocrmypdf_errors():
            ocr = _shared_ocr(options)
            return -skew(ocr._detect_one(next(read(input_file)).image, ocr.options.detect).quads)

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: Any) -> None:
        page = _read(input_file, options)
        output_hocr.write_text(render_hocr(Document((page,), str(input_file))), encoding="utf-8")
        output_text.write_text(page.text, encoding="utf-8")

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: Any) -> None:
        """A PDF of one page with Inkline's text layer and nothing else."""
        import pikepdf

        from inkline.formats.pdf_text_layer import TextOverlay, shown_box, user_affine

        page = _read(input_file, options)
        dpi = _dpi(input_file)
        with pikepdf.new() as pdf:
            target = pdf.add_blank_page(page_size=(page.size[0] * 72 / dpi[0], page.size[1] * 72 / dpi[1]))
            overlay = TextOverlay(pdf, TEXT_LAYER_FONT, one_font=True)
            overlay.add(target, page.read_lines, user_affine(shown_box(target), 0, page.size))
            overlay.finish()
            target.contents_coalesce()
            pdf.save(output_pdf)
        output_text.write_text(page.text, encoding="utf-8")

    @staticmethod
    def supports_generate_ocr() -> bool:
        return True

    @staticmethod
    def generate_ocr(input_file: Path, options: Any, page_number: int = 0) -> tuple[Any, str]:
        """The page as OCRmyPDF's tree of elements, and its text."""
        page = _read(input_file, options)
        return page_element(page, _dpi(input_file)[0], page_number), page.text


def page_element(page: Page, dpi: float, page_number: int) -> Any:
    """A page as an OcrElement: paragraphs, lines and words, in pixels."""
    from ocrmypdf.hocrtransform import BoundingBox, OcrClass, OcrElement

    blocks = []
    for lines in lines_by_paragraph(page):
        children = [_line_element(line, page) for line in lines]
        box = _box([line.quad for line in lines], page)
        blocks.append(OcrElement(ocr_class=OcrClass.PARAGRAPH, bbox=box, children=children))
    box = BoundingBox(left=0, top=0, right=page.size[0], bottom=page.size[1])
    return OcrElement(ocr_class=OcrClass.PAGE, bbox=box, children=blocks, dpi=dpi, page_number=page_number)


def _line_element(line: Line, page: Page) -> Any:
    from ocrmypdf.hocrtransform import OcrClass, OcrElement

    placed = place_words(line)
    boxes = [_box([item.word.quad], page) for item in placed]
    space = MIN_SPACE_PER_HEIGHT * line_height(line)
    words = []
    for item, box, after in zip(placed, boxes, [*boxes[1:], None], strict=True):
        # Make room for the space of words that nearly touch, at most half of the word.
        if after is not None and item.space_after and box.left < after.left:
            right = min(box.right, max(after.left - space, (box.left + box.right) / 2))
            box = replace(box, right=right)
        word = item.word
        words.append(OcrElement(ocr_class=OcrClass.WORD, bbox=box, text=word.text, confidence=certainty(word)))
    return OcrElement(
        ocr_class=OcrClass.LINE,
        bbox=_box([line.quad], page),
        poly=[(float(x), float(y)) for x, y in reading_quad(line)],
        direction=direction(line),
        textangle=round(angle(line), 1),
        children=words,
    )


def skew(quads: Floats) -> float:
    """By how many degrees counter-clockwise a page is turned: the median over its long lines, weighted by their length.

    quads: (N, 4, 2), as the detector gives them. 0 for a page without long lines.
    """
    along, down = quads[:, 1] - quads[:, 0], quads[:, 3] - quads[:, 0]
    lengths, angles = np.hypot(*along.T), np.degrees(np.arctan2(-along[:, 1], along[:, 0]))
    # The weighted median: the angle at which half of the total length is reached.
    order = np.argsort(angles)
    order = order[(lengths >= MIN_LENGTH_PER_HEIGHT * np.hypot(*down.T))[order]]
    if not len(order):
        return 0.0
    reached = np.cumsum(lengths[order])
    return float(angles[order[int(np.searchsorted(reached, reached[-1] / 2))]])


def language_of(codes: Sequence[str]) -> str:
    """The code or group of Inkline that reads all these languages; BadArgsError when no single recogniser does.

    Latin letters are read by every recogniser, so English beside another script costs nothing.
    """
    # Our code for each, in the order given, without Tesseract's endings.
    found = []
    for code in codes:
        base = code.removesuffix("_vert").removesuffix("_frak").removesuffix("_old")
        try:
            found.append(canonical(base))
        except UsageError as error:
            raise BadArgsError(f"-l {'+'.join(codes)}: {error}") from error
    groups = {language(code).group: code for code in found}
    if len(groups) == 1:
        return found[0]
    # What remains must be one script besides Latin letters.
    groups.pop("en", None)
    others = {group: code for group, code in groups.items() if group != "latin"} or groups
    if len(others) > 1:
        raise BadArgsError(
            f"-l {'+'.join(codes)}: no recogniser of Inkline reads all of these; choose one of {', '.join(others.values())}"
        )
    return next(iter(others.values()))


def _lacks_tesseract() -> bool:
    return shutil.which("tesseract") is None


def _is_chosen(options: Any) -> bool:
    return options is None or getattr(options, "ocr_engine", "auto") == "auto"


def _settings(options: Any) -> dict[str, Any]:
    """Flat option names and values, from the languages and from `--inkline-option`."""
    settings: dict[str, Any] = {"cpu_threads": options.inkline.threads}
    if options.languages:
        settings["lang"] = language_of(options.languages)
    for given in options.inkline.option:
        name, equals, value = given.partition("=")
        if not equals:
            raise BadArgsError(f"--inkline-option {given}: must be NAME=VALUE, for instance text_det_thresh=0.2")
        settings[name.strip()] = yaml.safe_load(value)
    return settings


_OPENED: dict[tuple[int, OcrOptions], Ocr] = {}
_LOCK = threading.Lock()


def _shared_ocr(options: Any) -> Ocr:
    """The `Ocr` of this process and these options, which all its threads share; a forked process opens its own."""
    settings = {"return_word_box": True, **_settings(options)}
    if options.rotate_pages:  # opens the classifier; whether it is used is said in each call
        settings["use_doc_orientation_classify"] = True
    chosen = options_for(**settings)
    key = (os.getpid(), chosen)
    with _LOCK:
        if key not in _OPENED:
            _OPENED[key] = Ocr(chosen)
        return _OPENED[key]


def _read(image: Path, options: Any) -> Page:
    """Read a page image, with word boxes; OCRmyPDF has turned it already, unless Inkline is told to turn it, too."""
    with _as_ocrmypdf_errors():
        turns = options_for(**_settings(options)).use_doc_orientation_classify
        return _shared_ocr(options)(image, use_doc_orientation_classify=turns)


@contextmanager
def _as_ocrmypdf_errors() -> Iterator[None]:
    """Our errors as OCRmyPDF's, which it shows as one line and turns into its exit codes."""
    try:
        yield
    except UsageError as error:
        raise BadArgsError(str(error)) from error
    except (ModelError, EngineError) as error:
        raise MissingDependencyError(str(error)) from error
    except InklineError as error:
        raise OcrFailed(str(error)) from error


def _dpi(image: Path) -> tuple[float, float]:
    with Pillow.open(image) as opened:
        x, y = opened.info.get("dpi", (UNSTATED_DPI, UNSTATED_DPI))
    return (float(x), float(y)) if x > 0 and y > 0 else (UNSTATED_DPI, UNSTATED_DPI)


def _box(quads: Sequence[Floats], page: Page) -> Any:
    """Bounds of quads on the page, at least a pixel wide and high."""
    from ocrmypdf.hocrtransform import BoundingBox

    x0, y0, x1, y1 = bounds(quads)
    width, height = page.size
    left, top = min(max(0, x0), width - 1), min(max(0, y0), height - 1)
    right, bottom = min(max(x1, left + 1), width), min(max(y1, top + 1), height)
    return BoundingBox(left=left, top=top, right=right, bottom=bottom)
