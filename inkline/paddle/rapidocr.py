"""`RapidOCR` as RapidOCR 3.x has it, its call and its result, on Inkline's pipeline."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from inkline.errors import UsageError, near
from inkline.flat import warner_outside
from inkline.formats.draw import encode_image
from inkline.formats.write import make_folder, render, replace_file
from inkline.paddle.arguments import TABLE, dotted
from inkline.paddle.paddlex_yaml import read_config
from inkline.pipeline import Ocr
from inkline.presets import REFERENCE_RULES
from inkline.types import Document, Floats, Image, Line, Page

PARAMETERS: dict[str, str] = TABLE["rapidocr"]  # name -> the option that does the same
WITHOUT_EFFECT = tuple(f"{section}.{name}" for section, names in TABLE["rapidocr_idle"].items() for name in names)
CALL_OPTIONS = {
    "text_score": "text_rec_score_thresh",
    "box_thresh": "text_det_box_thresh",
    "unclip_ratio": "text_det_unclip_ratio",
}
OFF_ALONE = ("return_single_char_box",)  # what a call may only switch off
Words = tuple[tuple[str, float, list[list[float]] | None], ...]


@dataclass(eq=False)
class RapidOCROutput:
    """What was found: None for what was not asked for, or on a page without text.

    img: BGR uint8. boxes: (N, 4, 2) float32 in its pixels. txts, scores: of each box, scores 0..1. word_results: of each line
    (text, score, quad) of its words, where asked for. cls_res: (label, score) of each line, where lines alone were classified.
    elapse: seconds in all; elapse_list holds it, as stages overlap here.
    """

    img: Image | None = None
    boxes: Floats | None = None
    txts: tuple[str, ...] | None = None
    scores: tuple[float, ...] | None = None
    word_results: tuple[Any, ...] = (("", 1.0, None),)
    elapse_list: list[float] = field(default_factory=list)
    cls_res: list[tuple[str, float]] | None = None
    page: Page | None = field(default=None, repr=False)

    @property
    def elapse(self) -> float:
        return sum(self.elapse_list)

    def __len__(self) -> int:
        """How many lines there are: read, or where none were to be read, found or classified."""
        found = next((each for each in (self.txts, self.boxes, self.cls_res) if each is not None), ())
        return len(found)

    def __iter__(self) -> Iterator[Any]:
        """TypeError: RapidOCR 1's pair is unpacked, RapidOCR 3's result is not."""
        raise TypeError(
            "this is RapidOCR 3's result, which is not unpacked as RapidOCR 1's `result, elapse = engine(image)`; "
            "write `result = engine(image)`, then result.boxes, result.txts, result.scores and result.elapse"
        )

    def to_json(self) -> list[dict[str, Any]] | None:
        """`{"box", "txt", "score"}` of each line; None where there is nothing."""
        if self.boxes is None or self.txts is None or self.scores is None:
            return None
        rows = zip(self.boxes.tolist(), self.txts, self.scores, strict=True)
        return [{"box": box, "txt": text, "score": score} for box, text, score in rows]

    def to_markdown(self) -> str:
        """The page as Markdown, as `inkline ocr --format md` writes it; empty where nothing was read."""
        return str(render(Document((self.page,)), "md")) if self.page is not None else ""

    def vis(self, save_path: str | Path | None = None) -> Image | None:
        """The picture of boxes and texts, BGR uint8 (H, 2 W, 3), also written to a file; None where nothing was read."""
        if self.page is None:
            return None
        picture = self.page.plot()
        if save_path is not None:
            path = Path(save_path)
            make_folder(path.parent)
            replace_file(path, encode_image(picture, path.suffix))
        return picture


class RapidOCR:
    """RapidOCR 3's engine; any number of threads may call one object.

    params: RapidOCR's, by their dotted names (`{"Global.text_score": 0.5, "Rec.lang_type": "ru"}`); config_path: its YAML.
    As there one recogniser reads all lines, and lines are turned; the models are Inkline's defaults. What has no effect here is
    told in a warning. UsageError for an unknown name.
    """

    def __init__(self, config_path: str | Path | None = None, params: Mapping[str, Any] | None = None) -> None:
        given = dict(dotted(read_config(config_path))) if config_path else {}
        options: dict[str, Any] = {"lang": REFERENCE_RULES["lang"], "use_textline_orientation": True}
        options |= _options(given) | _options(params or {}, tell=True)
        self._ocr = Ocr(**options)

    def __call__(
        self,
        img_content: Any,
        use_det: bool | None = None,
        use_cls: bool | None = None,
        use_rec: bool | None = None,
        return_word_box: bool | None = None,
        **options: Any,
    ) -> RapidOCROutput:
        """Read one image: a path, URL, bytes, array or Pillow image. use_det=False: it is one line.

        options: text_score, box_thresh, unclip_ratio. UsageError for others.
        """
        asked = _call_options(options)
        if use_cls is not None:
            asked["use_textline_orientation"] = use_cls and self._ocr.options.use_textline_orientation
        if return_word_box is not None:
            asked["return_word_box"] = return_word_box
        began = time.perf_counter()
        output = self._run(img_content, use_det is not False, use_rec is not False, asked)
        output.elapse_list = [time.perf_counter() - began]
        return output

    def _run(self, image: Any, detect: bool, recognize: bool, asked: dict[str, Any]) -> RapidOCROutput:
        if detect and recognize:
            return _read(self._ocr(image, **asked))
        if detect:
            page = next(self._ocr.detect(image, **asked))
            found = page.detections
            return (
                RapidOCROutput(page.image, found.quads, None, tuple(map(float, found.scores)))
                if len(found)
                else RapidOCROutput()
            )
        if recognize:
            texts = self._ocr.recognize([image], **asked)
            return RapidOCROutput(txts=tuple(text.text for text in texts), scores=tuple(text.score for text in texts))
        return RapidOCROutput(cls_res=[(str(seen.angle), seen.score) for seen in self._ocr.line_orientations([image])])


def _read(page: Page) -> RapidOCROutput:
    lines = page.read_lines
    if not lines:
        return RapidOCROutput()
    words = tuple(map(_words, lines)) if page.settings["return_word_box"] else (("", 1.0, None),)
    boxes = np.stack([line.quad for line in lines])
    texts, scores = tuple(line.text for line in lines), tuple(line.score for line in lines)
    return RapidOCROutput(page.image, boxes, texts, scores, words, page=page)


def _words(line: Line) -> Words:
    return tuple((word.text, word.score, word.quad.tolist()) for word in line.words)


def _call_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of one call; None says nothing."""
    for name, value in given.items():
        if name not in CALL_OPTIONS and (value or name not in OFF_ALONE):
            raise UsageError(f"{name}={value!r} is not known here{near(name, CALL_OPTIONS)}")
    return {CALL_OPTIONS[name]: value for name, value in given.items() if name in CALL_OPTIONS and value is not None}


def _options(params: Mapping[str, Any], tell: bool = False) -> dict[str, Any]:
    """RapidOCR's parameters as options; None says nothing. tell: warn of those without effect."""
    out: dict[str, Any] = {}
    idle = []
    for name, value in params.items():
        value = getattr(value, "value", value)  # RapidOCR's enumerations
        if name == "EngineConfig.onnxruntime.use_cuda" and value:
            out["device"] = "gpu:0"
        elif name in PARAMETERS:
            if value is not None and not (name.endswith("num_threads") and value == -1):
                out[PARAMETERS[name]] = value
        elif f"{name}.".startswith(tuple(f"{known}." for known in WITHOUT_EFFECT)):
            idle.append(name)
        else:
            raise UsageError(f"params: {name!r} is not known{near(name, (*PARAMETERS, *WITHOUT_EFFECT))}")
    if tell and idle:
        warner_outside()(f"params without effect here: {', '.join(idle)}", UserWarning)
    return out
