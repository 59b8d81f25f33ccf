"""What `predict` gives: dicts with PaddleOCR's keys, shapes and types, which print and save themselves.

Values that PaddleOCR keeps in memory and writes to no file (images, mostly) are keys like the others, and are made when they
are used: `res["doc_preprocessor_res"]["output_img"]`.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.ImageFont import FreeTypeFont

from inkline.errors import UsageError
from inkline.formats.draw import draw_boxes, draw_caption, draw_preprocessing, encode_image
from inkline.formats.fonts import sized_font
from inkline.formats.line_geometry import place_words
from inkline.formats.records import with_short_lists
from inkline.formats.write import make_folder, replace_file
from inkline.io.read import PageImage
from inkline.io.sources import PICTURE_SUFFIXES, document_stem, page_stem, picture_suffix
from inkline.layout.geometry import turn
from inkline.paddle.result_dict import Make, ResultDict
from inkline.types import Detections, Document, Floats, Image, Line, Page, Text, Transform, Word

SavePath = str | Path
OWN_KEYS = ("tables",)  # what PaddleOCR's JSON has not, and only results in memory have
VIS_FONT_PX = 20  # size of the fonts in `vis_fonts`
Names = dict[str, str]  # the names of files given out so far, see `document_stem`
# Lists that the reference prints as arrays, so that a page stays readable on a terminal.
PRINTED_AS_ARRAYS = ("dt_polys", "rec_polys", "rec_scores", "rec_boxes", "textline_orientation_angles")


class PaddleResult(ResultDict):
    """One result. `pictures`: name -> a function that draws it, BGR uint8; `names` as in `document_stem`."""

    pictures: dict[str, Callable[[], Image]]

    def __init__(self, values: Mapping[str, Any], made: Mapping[str, Make], names: Names | None) -> None:
        super().__init__(values, made)
        source, page_index = self["input_path"], self["page_index"]
        self.stem = page_stem(document_stem(source, names), source, page_index, names)
        self.pictures = {}

    def plain(self) -> dict[str, Any]:
        """The values as plain JSON types, as files hold them; a picture is a `data:` URI of a PNG."""
        return {key: _data_uri(value) if _is_picture(value) else _plain(value) for key, value in self.stored.items()}

    @property
    def json(self) -> dict[str, Any]:
        """`{"res": {...}}`, plain Python types; as in PaddleOCR, a picture is a list of rows."""
        return {"res": {key: _plain(value) for key, value in self.stored.items()}}

    @property
    def img(self) -> dict[str, Pillow.Image]:
        """Name of the picture -> Pillow image."""
        rgb = {name: np.ascontiguousarray(draw()[:, :, ::-1]) for name, draw in self.pictures.items()}
        return {name: Pillow.fromarray(image) for name, image in rgb.items()}

    @property
    def str(self) -> str:
        """The result as `print` shows it: long arrays shortened."""
        shown = {key: _shown(key, value) for key, value in self.stored.items()}
        with np.printoptions(threshold=1, edgeitems=1):
            return f"{ {'res': shown} }"

    def print(
        self, json_format: bool = False, indent: int = 4, ensure_ascii: bool = False, *, format_json: bool | None = None
    ) -> None:
        """Print on standard output; as indented JSON with `json_format`, which PaddleOCR's documents call `format_json`."""
        as_json = json_format if format_json is None else format_json
        as_text = json.dumps({"res": self.plain()}, indent=indent, ensure_ascii=ensure_ascii) if as_json else self.str
        print(as_text, flush=True)

    def save_to_json(self, save_path: SavePath | None = None, indent: int = 4, ensure_ascii: bool = False) -> Path:
        """Write `plain()` to `save_path`, a file ending in .json or a folder (`<stem>_res.json`); the path written."""
        path = _file_to_write(save_path, {".json"}, f"{self.stem}_res.json")
        text = with_short_lists(json.dumps(self.plain(), indent=indent, ensure_ascii=ensure_ascii))
        replace_file(path, text.encode("utf-8", "backslashreplace"))
        return path

    def save_to_img(self, save_path: SavePath | None = None) -> list[Path]:
        """Write the pictures into a folder (`<stem>_<name>.<ending of the input>`), or the first to a file of this name."""
        paths = []
        for name, draw in self.pictures.items():
            default = f"{self.stem}_{name}{picture_suffix(self['input_path'])}"
            path = _file_to_write(save_path, PICTURE_SUFFIXES, default)
            if path not in paths:
                replace_file(path, encode_image(draw(), path.suffix))
                paths.append(path)
        return paths

    def save_all(self, save_path: SavePath) -> None:
        """Write all that this result can write into a folder; of a file, what its ending says."""
        ending = Path(save_path).suffix.lower()
        if ending not in PICTURE_SUFFIXES:
            self.save_to_json(save_path)
        if ending != ".json":
            self.save_to_img(save_path)


def _file_to_write(save_path: SavePath | None, endings: AbstractSet[str], name: str) -> Path:
    """`save_path` itself if it is a file with one of the endings, else the file `name` in the folder it means."""
    if save_path is None:
        raise UsageError("save_path: give the folder to write into, or the file to write")
    path = Path(save_path)
    if path.suffix.lower() in endings:
        make_folder(path.parent)
        return path
    return make_folder(path) / name


def _plain(value: Any) -> Any:
    """A value as plain JSON types."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in (value.stored if isinstance(value, ResultDict) else value).items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value


def _is_picture(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim == 3 and value.dtype == np.uint8


def _data_uri(rgb: Image) -> str:
    """A picture (H, W, 3) RGB as a PNG in a `data:` URI: a hundredth of what its numbers take in indented JSON."""
    content = encode_image(np.ascontiguousarray(rgb[:, :, ::-1]), ".png")
    return f"data:image/png;base64,{b64encode(content).decode('ascii')}"


def _shown(key: str, value: Any) -> Any:
    if key == "doctr_img":
        return "..."
    if key in PRINTED_AS_ARRAYS and isinstance(value, list):
        return np.array(value)
    return value.stored if isinstance(value, ResultDict) else value


def whole_pixels(points: Floats) -> NDArray[Any]:
    """Points as whole pixels: int16 as in PaddleOCR, int32 where an image is too large for it."""
    rounded = np.rint(points)
    small = rounded.size == 0 or float(np.abs(rounded).max()) <= np.iinfo(np.int16).max
    return rounded.astype(np.int16 if small else np.int32)


class OCRResult(PaddleResult):
    """A page that was read; keys as `json["res"]`, polygons as int16 arrays (4, 2), `rec_boxes` int16 (M, 4).

    Coordinates are those of the file the user gave. `page` is the page in Inkline's own types;
    `res["doc_preprocessor_res"]["output_img"]` the straightened image, and `line.straight_quad` places in it.
    all_boxes: `dt_polys` and `textline_orientation_angles` are those of all boxes that were found, as in PaddleOCR; else those
    of the lines that were read, as long as `rec_texts`, and `unread` holds the others ({poly, script} each).
    """

    def __init__(self, page: Page, names: Names | None = None, all_boxes: bool = True) -> None:
        values = page.to_dict()
        lost = [unread | {"poly": whole_pixels(np.array(unread["poly"]))} for unread in values.pop("unread", [])]
        for ours in ("rec_confidences", "text_word_confidences"):  # PaddleOCR has scores alone
            values.pop(ours, None)
        # The straightened page: part of the JSON when the stage ran.
        step = ResultDict(values.get("doc_preprocessor_res", {}), _preprocessed(page))
        made: dict[str, Make] = {"vis_fonts": partial(_fonts, [line.text for line in page.read_lines])}
        made |= {key: partial(_same, values.pop(key)) for key in OWN_KEYS if key in values}
        if "doc_preprocessor_res" in values:
            values["doc_preprocessor_res"] = step
        else:
            made["doc_preprocessor_res"] = partial(_same, step)
        _place_lines(values, page, None if all_boxes else lost)
        made |= _place_words(values, page)
        super().__init__(values, made, names)
        self.page = page
        # What `save_to_img` writes.
        self.pictures["ocr_res_img"] = page.plot
        if "doc_preprocessor_res" in values:
            self.pictures["preprocessed_img"] = partial(_steps, page)


def _place_lines(values: dict[str, Any], page: Page, lost: list[Any] | None) -> None:
    """Coordinates of lines as whole pixels; with `lost`, the lines that were not read, each line beside its own box."""
    values["dt_polys"] = [whole_pixels(np.array(p, np.float32)) for p in values["dt_polys"]]
    values["rec_polys"] = [whole_pixels(line.quad) for line in page.read_lines]
    values["rec_boxes"] = whole_pixels(np.array(values["rec_boxes"], np.float32).reshape(-1, 4))
    if lost is None:
        return
    found = _detected(page)
    for key in {"dt_polys", "textline_orientation_angles"} & values.keys():
        values[key] = [values[key][i] for i in found]
    values |= {"unread": lost} if lost else {}


def _place_words(values: dict[str, Any], page: Page) -> dict[str, Make]:
    """Words, where they were asked for, with the spaces between them; what is made of them when used."""
    if "text_word" not in values:
        return {}
    words = [_with_spaces(line) for line in page.read_lines]
    values["text_word"] = [[word.text for word in line] for line in words]
    values["text_word_boxes"] = [_boxes(line) for line in words]
    return {"text_word_region": partial(_regions, words)}


def _same(value: Any) -> Any:
    return value


def _detected(page: Page) -> list[int]:
    """For each line that was read the index of its box among the detections."""
    places = {quad.tobytes(): i for i, quad in enumerate(page.detections.quads)}
    return [places[line.straight_quad.tobytes()] for line in page.read_lines]


def _with_spaces(line: Line) -> list[Word]:
    """The words of a line, and between two that a space parts the space, in the room between them."""
    out: list[Word] = []
    space = False
    for placed in place_words(line):
        if space:
            before, after = out[-1], placed.word
            quad = np.stack([before.quad[1], after.quad[0], after.quad[3], before.quad[2]])
            out.append(Word(" ", min(before.score, after.score), quad))
        out.append(placed.word)
        space = placed.space_after
    return out


def _boxes(words: Iterable[Word]) -> NDArray[Any]:
    """Axis-parallel bounds [x_min, y_min, x_max, y_max] of words, (W, 4) whole pixels."""
    boxes = [[*word.quad.min(axis=0), *word.quad.max(axis=0)] for word in words]
    return whole_pixels(np.array(boxes, np.float32).reshape(-1, 4))


def _regions(lines: Iterable[Iterable[Word]]) -> list[list[NDArray[Any]]]:
    return [[whole_pixels(word.quad) for word in words] for words in lines]


def _fonts(texts: Iterable[str]) -> list[FreeTypeFont]:
    """The font that pictures draw these texts with, as the reference's list of one."""
    return [_font(" ".join(texts))]


def _font(text: str) -> FreeTypeFont:
    return sized_font(text, VIS_FONT_PX)


def _preprocessed(page: Page) -> dict[str, Make]:
    """The images before, between and after turning and unwarping, BGR."""
    names = {"input_img": "image", "rot_img": "turned_image", "output_img": "straight_image"}
    return {key: partial(_image_of, page, name) for key, name in names.items()}


def _image_of(page: Page, name: str) -> Image:
    """The image of a page, the `straight_image`, or the `turned_image` between the two."""
    if name == "turned_image":
        return turn(page.image, (page.transform or Transform(page.size)).angle)
    image: Image = getattr(page, name)
    return image


def _steps(page: Page) -> Image:
    steps = draw_preprocessing(page)
    return page.image if steps is None else steps


class DocPreprocessorResult(PaddleResult):
    """A page turned and flattened: `angle` (-1 when not asked), and in memory `input_img`, `rot_img`, `output_img`, BGR."""

    def __init__(self, page: Page, names: Names | None = None) -> None:
        stages = ("use_doc_orientation_classify", "use_doc_unwarping")
        values: dict[str, Any] = {"input_path": page.source, "page_index": page.page_index}
        values["model_settings"] = {stage: bool(page.settings[stage]) for stage in stages}
        values["angle"] = page.transform.angle if page.transform and page.settings[stages[0]] else -1
        super().__init__(values, _preprocessed(page), names)
        self.page = page
        self.pictures["preprocessed_img"] = partial(_steps, page)


class SingleModelResult(PaddleResult):
    """What a single model says of one image; `draw` makes its picture of that image, BGR uint8."""

    def __init__(
        self,
        page_image: PageImage,
        values: Mapping[str, Any],
        draw: Callable[[Image], Image],
        names: Names,
        made: Mapping[str, Make] = MappingProxyType({}),
    ) -> None:
        origin = {"input_path": page_image.source, "page_index": page_image.page_index}
        super().__init__({**origin, **values}, {"input_img": page_image.reload, **made}, names)
        self.pictures["res"] = partial(_drawn, page_image.reload, draw)


def _drawn(reload: Callable[[], Image], draw: Callable[[Image], Image]) -> Image:
    return draw(reload())


class TextDetResult(SingleModelResult):
    """Boxes of one image: `dt_polys` int16 (N, 4, 2) in the file's pixels, `dt_scores` a list of floats 0..1."""

    def __init__(self, page_image: PageImage, found: Detections, names: Names) -> None:
        polygons = found.quads if found.polygons is None else found.polygons
        shaped = whole_pixels(found.quads) if found.polygons is None else [whole_pixels(p) for p in found.polygons]
        values = {"dt_polys": shaped, "dt_scores": [float(score) for score in found.scores]}
        super().__init__(page_image, values, partial(draw_boxes, quads=polygons), names)


class TextRecResult(SingleModelResult):
    """What one line image says: `rec_text`, `rec_score` 0..1; with word boxes also `text_word` and `text_word_boxes`.

    Words have the spaces between them as words of their own, as in the results of the whole pipeline.
    PaddleOCR makes `rec_text` a tuple when word boxes are asked for; here it stays the text.
    """

    def __init__(self, page_image: PageImage, text: Text, line: Line | None, names: Names) -> None:
        values: dict[str, Any] = {"rec_text": text.text, "rec_score": text.score}
        if line is not None:
            words = _with_spaces(line)
            values["text_word"] = [word.text for word in words]
            values["text_word_boxes"] = _boxes(words)
        draw = partial(draw_caption, text=f"{text.text} ({text.score:.3f})")
        super().__init__(page_image, values, draw, names, {"vis_font": partial(_font, text.text)})


class TopkResult(SingleModelResult):
    """Classes of one image, the likeliest first: `class_ids` int32, `scores` rounded to 5 digits, `label_names`."""

    def __init__(self, page_image: PageImage, labels: Mapping[str, float], topk: int, names: Names) -> None:
        """labels: each class's name and probability, in the net's order."""
        classes, scores = list(labels), list(labels.values())
        # The likeliest first; equal ones in the net's order.
        order = sorted(range(len(scores)), key=lambda i: -scores[i])[:topk]
        values = {
            "class_ids": np.array(order, np.int32),
            "scores": np.around([scores[i] for i in order], 5),
            "label_names": [classes[i] for i in order],
        }
        caption = f"{classes[order[0]]} ({scores[order[0]]:.3f})"
        super().__init__(page_image, values, partial(draw_caption, text=caption), names)


class UnwarpResult(SingleModelResult):
    """A flattened page: `doctr_img`, uint8 (H, W, 3) RGB, of the size of the input."""

    def __init__(self, page_image: PageImage, flat: Image, names: Names) -> None:
        rgb = np.ascontiguousarray(flat[:, :, ::-1])
        super().__init__(page_image, {"doctr_img": rgb}, partial(_flat, flat), names)


def _flat(flat: Image, _: Image) -> Image:
    return flat


def legacy_result(results: Iterable[OCRResult | Page] | Document) -> list[list[list[Any]] | None]:
    """What `PaddleOCR.ocr(img)` of 2.x gave: a list of pages, each a list of `[[[x, y] * 4], (text, score)]`.

    A page without text is None, as in 2.x. Takes the results of `PaddleOCR.predict`, a Document or Pages.
    """
    pages = [result.page if isinstance(result, OCRResult) else result for result in results]
    return [[[line.quad.tolist(), (line.text, line.score)] for line in page.read_lines] or None for page in pages]
