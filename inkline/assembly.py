"""The page of what was read: one text a line, rows, columns and tables, everything in source pixels."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inkline.flat import to_flat
from inkline.formats.line_geometry import bounds
from inkline.io.read import PageImage
from inkline.languages import HAN_LANGUAGES
from inkline.layout.page_layout import PageLayout, lay_out, listed
from inkline.layout.tables import Grid
from inkline.options import OcrOptions
from inkline.recognition.confidence import Confidence, Fit, confidences
from inkline.recognition.corrections import resolve_accents
from inkline.recognition.cyrillic_page import with_cyrillic_signs
from inkline.recognition.figures import told_by_neighbours
from inkline.recognition.lost_signs import with_lost_signs
from inkline.recognition.marks import with_marks_of_language
from inkline.recognition.shapes import told_by_shape
from inkline.recognition.signs import one_form
from inkline.recognition.words import ink_quad, split_words
from inkline.scripts import NO_LETTERS, SCRIPTS, script_of
from inkline.types import Detections, Floats, Image, Line, Page, Text, Transform, Word

MAX_BLURRED_SHARE = 0.25  # with a larger share of unread lines, the page may be in another script
MAX_UNREAD_NAMED = 3  # lines, in a warning
MIN_TURNED_GAIN = 0.02  # of the score, for a line to be turned; what reads as well upside down, as 8008 does, stays
LARGER, READ_SHARE = 1.5, 0.5  # times the usual height: the letters of a watermark; how much of it lines of such cover
ZEROS = re.compile(r"0{2,}")
ZEROS_SHARE = 0.65  # of the threshold: several zeros are read with doubt, as they may be 日 or O, but are nothing else


@dataclass(frozen=True, eq=False)
class PreparedPage:
    """A page that is ready to be read: rectified, its lines found, put in order and cut out.

    crops: of every line, then once more of the lines in `read_twice`, turned by 180 degrees: of these the better reading
    counts. Per crop, angles: 0, 90, 180 or 270 as in `Line`; boxes: where it lies, fitted to its ink if the options say so.
    image: the rectified page that they were cut from. grids: the rules of its tables. watermark: (N, 2) pixels of the letters
    of a pale watermark on it.
    """

    page_image: PageImage
    image: Image
    options: OcrOptions
    transform: Transform
    found: Detections
    crops: tuple[Image, ...]
    angles: tuple[int, ...]
    boxes: Iterable[Floats]
    read_twice: tuple[int, ...] = ()
    grids: tuple[Grid, ...] = ()
    watermark: Floats = field(default_factory=lambda: np.zeros((0, 2), np.float32))


def assemble(prepared: PreparedPage, texts: list[Text], own: Fit | None) -> Page:
    """Put a page together, with places in source pixels: lines below the score threshold are kept as lines not read.

    By the reference's rules these are left out. own: the fit of the recogniser's confidence that its file brings.
    """
    options = prepared.options
    texts = _resolved(texts, prepared.crops, options)
    boxes = list(prepared.boxes)
    unread = [is_unread(text, options) for text in texts]
    layout = _layout_of(prepared, texts, unread)
    shapes = [crop.shape for crop in prepared.crops]
    chances = confidences(texts, shapes, options.text_recognition_model_name, own)
    lines = [
        _line(prepared, i, texts[i], chances[i], boxes[i], unread[i], layout, place)
        for place, i in enumerate(layout.order.tolist())
        if not unread[i] or options.rules == "own"
    ]
    asked = options.use_textline_orientation
    return page_of(
        prepared.page_image,
        prepared.transform,
        options,
        lines=tuple(lines),
        warnings=(*prepared.page_image.warnings, *unread_warning(lines), *watermark_warning(prepared, lines)),
        detections=prepared.found[layout.order],
        line_angles=tuple(int(prepared.angles[i] >= 180) if asked else -1 for i in layout.order),
    )


def _resolved(texts: list[Text], crops: Sequence[Image], options: OcrOptions) -> list[Text]:
    """The texts with accents and signs as the whole page says, and what the ink of their crops tells."""
    texts = resolve_accents(texts)
    if options.rules == "own":
        chinese = not HAN_LANGUAGES.isdisjoint(options.lang.split("+"))
        texts = told_by_neighbours(told_by_shape(one_form(texts, chinese), crops))
        texts = with_lost_signs(texts, crops)
        texts = with_cyrillic_signs(texts, crops)
        texts = with_marks_of_language(texts, crops, options.lang)
    return texts


def is_unread(text: Text, options: OcrOptions) -> bool:
    """Whether a line is not read: no recogniser has its script, or its score is too low."""
    thresh = options.recognize.score_thresh if text.score_thresh is None else text.score_thresh
    if ZEROS.fullmatch(text.text):
        thresh *= ZEROS_SHARE
    return bool(text.script) or text.score < thresh


def _layout_of(prepared: PreparedPage, texts: list[Text], unread: list[bool]) -> PageLayout:
    """Rows, columns and tables, told by what was read; what was not goes where it stands."""
    if prepared.options.reading_order != "columns":
        return listed(len(texts))
    noise = [lost and not text.script for lost, text in zip(unread, texts, strict=True)]
    return lay_out(prepared.found.quads, prepared.angles, [text.text for text in texts], noise, prepared.grids)


def better_way_up(prepared: PreparedPage, texts: list[Text]) -> tuple[PreparedPage, list[Text]]:
    """The page with lines turned that read clearly better so, and one text per line."""
    readings = list(zip(prepared.crops, prepared.angles, prepared.boxes, texts, strict=True))
    which = better_readings([text.score for text in texts], len(prepared.found), prepared.read_twice)
    crops, angles, boxes, better = zip(*(readings[i] for i in which), strict=True) if which else ((), (), (), ())
    return replace(prepared, crops=crops, angles=angles, boxes=boxes, read_twice=()), list(better)


def better_readings(
    scores: Sequence[float], lines: int, twice: Sequence[int], least_gain: float = MIN_TURNED_GAIN
) -> list[int]:
    """Of each line the index of the reading that counts, the one upside down where its score is better by `least_gain`.

    scores: of the readings of all lines, then of those that were read upside down as well, whose lines are `twice`.
    """
    chosen = list(range(lines))
    for turned, i in enumerate(twice, lines):
        if scores[turned] >= scores[i] + least_gain:
            chosen[i] = turned
    return chosen


def _line(
    prepared: PreparedPage, index: int, text: Text, chance: Confidence, tight: Floats, unread: bool, layout: PageLayout, at: int
) -> Line:
    """A line of a page: its text, none if `unread`, and where it, as its box `tight`, and its words lie in source pixels.

    at: its place in the reading order.
    """
    transform, box, angle = prepared.transform, prepared.found.quads[index], prepared.angles[index]
    words: tuple[Word, ...] = ()
    if prepared.options.recognize.return_word_box and not unread:
        found = split_words(text, prepared.crops[index], from_text_start(box, angle))
        places = [transform.quads_to_source(word.quad) for word in found]
        words = tuple(replace(w, quad=q, confidence=c) for w, q, c in zip(found, places, chance.words, strict=True))
    place = transform.quads_to_source(tight), box, float(prepared.found.scores[index]), angle
    script = text.script or (NO_LETTERS if unread else script_of(text.text))
    read, model = ("", "") if unread else (text.text, text.reader or prepared.options.text_recognition_model_name)
    confidence = 0.0 if unread else chance.line
    rows = None if layout.row is None else int(layout.row[at]), layout.cell[at], bool(layout.at_right[at])
    return Line(read, text.score, *place, words, int(layout.paragraph[at]), script, unread, model, confidence, *rows)


def fit_to_ink(crop: Image, box: Floats, angle: int) -> Floats:
    """The box (4, 2) of a crop that was turned by an angle, fitted to its ink."""
    return from_text_start(ink_quad(crop, from_text_start(box, angle)), -angle)


def from_text_start(quad: Floats, angle: int) -> Floats:
    """A quad's corners (4, 2), which begin at the top left, from where the text of a crop turned by the angle begins."""
    return np.roll(quad, -angle // 90, axis=0) if angle else quad


def page_of(page_image: PageImage, transform: Transform, options: OcrOptions, **found: Any) -> Page:
    """A page with what is known of its image; `found`: the other fields of `Page`, none for a page without lines."""
    known = Page((), transform.size, page_image.source, page_image.page_index, transform=transform)
    more: dict[str, Any] = {"settings": to_flat(options), "warnings": page_image.warnings, "load_image": page_image.reload}
    return replace(known, **(more | found))


def unread_warning(lines: Sequence[Line]) -> list[str]:
    """How many lines could not be read, in which scripts as far as that is known, and where; empty when all were read."""
    unread = [line for line in lines if line.unread]
    if not unread:
        return []
    scripts = ", ".join(dict.fromkeys(SCRIPTS.get(line.script, line.script) for line in unread if line.script != NO_LETTERS))
    what = f" (script: {scripts}?)" if scripts else ""
    hint = "; see `inkline languages`" if scripts or len(unread) > MAX_BLURRED_SHARE * len(lines) else ""
    # The first ones, as `--review` and CSV number them, with their boxes in source pixels.
    places = [(number, bounds([line.quad])) for number, line in enumerate(lines, 1) if line.unread]
    named = [f"line {number} at {x0},{y0}-{x1},{y1}" for number, (x0, y0, x1, y1) in places[:MAX_UNREAD_NAMED]]
    named += [f"{len(unread) - MAX_UNREAD_NAMED} more"] * (len(unread) > MAX_UNREAD_NAMED)
    return [f"{len(unread)} of {len(lines)} line{'s' * (len(lines) > 1)} could not be read{what}: {', '.join(named)}{hint}"]


def watermark_warning(prepared: PreparedPage, lines: Sequence[Line]) -> list[str]:
    """Where a watermark is that no line of large letters covers; empty when it was read, or without one."""
    places = prepared.watermark
    if not len(places):
        return []
    quads = [line.straight_quad for line in lines if not line.unread]
    heights = [float(np.linalg.norm(quad[3] - quad[0])) for quad in quads]
    inside = np.zeros(len(places), bool)
    for quad, height in zip(quads, heights, strict=True):
        if height > LARGER * np.median(heights):
            inside |= _within(places, quad)
    if inside.mean() > READ_SHARE:
        return []
    (x0, y0), (x1, y1) = places.min(axis=0), places.max(axis=0)
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)
    a, b, c, d = bounds([prepared.transform.quads_to_source(corners)])
    return [f"a pale watermark or stamp was not read: at {a},{b}-{c},{d}"]


def _within(places: Floats, quad: Floats) -> NDArray[np.bool_]:
    """Which places (N, 2) are within a quad (4, 2), clockwise from its first corner."""
    along, to = np.roll(quad, -1, axis=0) - quad, places[:, None] - quad
    return np.asarray((along[:, 0] * to[..., 1] - along[:, 1] * to[..., 0] >= 0).all(axis=1))
