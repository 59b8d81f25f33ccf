"""Text shaped and drawn as ink, and text lines with exact labels: `draw_line(options, index)` is a pure function."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkline.errors import DataError
from inkline.recognition.bidi import base_direction
from inkline.training.synth.appearance import paper, scenery, spread, wear
from inkline.training.synth.compose import KASHIDA, compose, stretch_joins, target_lengths
from inkline.training.synth.font_faces import Face, families, open_face, require_shaping
from inkline.training.synth.scripts import Script, script_of
from inkline.training.synth.synth_options import LineOptions
from inkline.training.synth.tokens import between, pick

FACE_TRIES = 12


@dataclass(frozen=True)
class Ink:
    """`mask`: coverage uint8 (H, W), cut to the ink; `baseline`: its row (may lie outside); `em`: pixels per em."""

    mask: np.ndarray
    baseline: int
    em: int


def choose_face(rng: np.random.Generator, fonts: tuple[str, ...], script: Script, text: str) -> Face | None:
    """A face that has every character of `text`, families drawn evenly; None when a dozen tries find none."""
    groups = families(fonts, script)
    needed = set(text) - {" "}
    for _ in range(FACE_TRIES):
        face = pick(rng, pick(rng, groups))
        if all(face.has(c) for c in needed):
            return face
    return None


def drawable_part(faces: tuple[tuple[Face, ...], ...], text: str) -> str:
    """Return `text` without the characters that no face of `faces` has together: those of the face that keeps the most."""
    kept = ("".join(c for c in text if c == " " or group[0].has(c)) for group in faces)
    return " ".join(max(kept, key=len).split())


def draw_text(face: Face, text: str, em: int, script: Script, stroke: float = 0) -> Ink | None:
    """The ink of `text` at `em` pixels, shaped by raqm in the direction of its letters; None when nothing shows."""
    font = open_face(face.path, face.index, em)
    direction = base_direction(text) if script.rtl else "ltr"
    style: dict[str, Any] = {"anchor": "ls", "direction": direction, "stroke_width": stroke}
    left, top, right, bottom = (round(v) for v in font.getbbox(text, **style))
    pad = 2
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    if width <= 2 * pad or height <= 2 * pad or width > 20_000 or height > 2_000:
        return None
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).text((pad - left, pad - top), text, fill=255, font=font, **style)
    return _cut(np.asarray(image), pad - top, em)


def draw_noted(face: Face, text: str, note: str, em: int, script: Script, rise: float) -> Ink | None:
    """The ink of `text` and behind it, at 0.6 of the size and `rise` ems higher, that of `note`."""
    body, small = draw_text(face, text, em, script), draw_text(face, note, round(0.6 * em), script)
    if body is None or small is None:
        return None
    gap = max(1, em // 12)
    tops = [-body.baseline, -small.baseline - round(rise * em)]  # rows above the line's baseline are negative
    top = min(tops)
    bottom = max(at + ink.mask.shape[0] for at, ink in zip(tops, (body, small), strict=True))
    mask = np.zeros((bottom - top, body.mask.shape[1] + gap + small.mask.shape[1]), np.uint8)
    x = 0
    pieces = [(tops[0], body), (tops[1], small)]
    leftward = script.rtl and base_direction(text) == "rtl"
    for at, ink in reversed(pieces) if leftward else pieces:
        h, w = ink.mask.shape
        mask[at - top : at - top + h, x : x + w] = ink.mask
        x += w + gap
    return Ink(mask, -top, em)


def draw_spaced(face: Face, text: str, em: int, gap: float) -> Ink | None:
    """The ink of `text` set letter by letter, left to right, with `gap` ems between letters; for scripts without joining."""
    font: ImageFont.FreeTypeFont = open_face(face.path, face.index, em)
    ascent, descent = font.getmetrics()
    advances = [font.getlength(c) + gap * em for c in text]
    width = int(sum(max(a, 1) for a in advances)) + 2 * em
    image = Image.new("L", (width, ascent + descent + em))
    canvas = ImageDraw.Draw(image)
    x = em / 2
    for c, advance in zip(text, advances, strict=True):
        canvas.text((x, ascent + em // 2), c, fill=255, font=font, anchor="ls")
        x += max(advance, 1)
    return _cut(np.asarray(image), ascent + em // 2, em)


def _cut(mask: np.ndarray, baseline: int, em: int) -> Ink | None:
    """Cut a mask to its ink."""
    x, y, w, h = cv2.boundingRect(mask)
    if w < 2 or h < 2:
        return None
    return Ink(mask[y : y + h, x : x + w], baseline - y, em)


EM_STEP_PX = 8
TRIES = 20


def draw_line(options: LineOptions, index: int) -> tuple[np.ndarray, str]:
    """Sample `index`: image BGR uint8 (H, W, 3), H in `options.height`, and its text (NFC, logical order).

    Raises DataError when no font draws the script or the charset lets nothing through.
    """
    rng = np.random.default_rng((options.seed, index))
    height = between(rng, *options.height)
    scene = rng.random() < options.scene
    length = int(target_lengths(options, np.array([index]))[0])
    text, ink = draw_fitting_text(rng, options, length, height)
    mask = _crop(rng, ink, scene, options.degrade)
    width = max(4, round(mask.shape[1] * height / mask.shape[0]))
    way = cv2.INTER_AREA if height < mask.shape[0] else cv2.INTER_LINEAR
    mask = cv2.resize(mask, (width, height), interpolation=way)
    if rng.random() < 0.2 * options.degrade and height >= 36:
        mask = spread(rng, mask, options.degrade)
    image = _scene(rng, mask) if scene else _document(rng, mask)
    image = wear(rng, image, options.degrade, scale=min(1.5, height / 40))
    return (image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)), text


def draw_fitting_text(rng: np.random.Generator, options: LineOptions, length: int, height: int) -> tuple[str, Ink]:
    """A text and its ink, drawn a little larger than `height` asks, with a face that has every character of it."""
    require_shaping()
    script = script_of(options.script)
    em = max(24, -(-height // EM_STEP_PX) * EM_STEP_PX)
    for attempt in range(TRIES):
        # a text and a face for it; after some tries, the part of a text that some face has
        text = compose(rng, options, options.min_chars, length)
        face = choose_face(rng, options.fonts, script, text)
        if face is None and attempt >= TRIES // 4:
            text = drawable_part(families(options.fonts, script), text)
            face = choose_face(rng, options.fonts, script, text)
        if face is None or len(text) < options.min_chars:
            continue
        # the ink, at times with the raised number of a note
        note = f"({pick(rng, script.digits or '123456789')})" if rng.random() < options.notes else ""
        if note and _can_write(note, face, options.allowed):
            ink = draw_noted(face, text, note, em, script, 0.2 + 0.3 * rng.random())
            text += note
        else:
            ink = draw_styled(rng, face, text, em, script)
        if ink is not None:
            return text, ink
    raise DataError(f"no font draws {script.name} text such as {text!r}; install more fonts for it or narrow the charset")


def _can_write(text: str, face: Face, allowed: frozenset[str]) -> bool:
    """Whether the face has, and the charset allows, every character."""
    return all(face.has(c) for c in text) and (not allowed or allowed.issuperset(text))


def draw_styled(rng: np.random.Generator, face: Face, text: str, em: int, script: Script) -> Ink | None:
    """Draw `text`, seldom letterspaced, stretched or emboldened."""
    roll = rng.random()
    if script.name == "arabic" and face.has(KASHIDA) and rng.random() < 0.3:
        text = stretch_joins(rng, text)
    if roll < 0.06 and not script.joined and not script.rtl and len(text) > 1:
        return draw_spaced(face, text, em, 0.02 + 0.25 * rng.random() ** 2)
    return draw_text(face, text, em, script, stroke=em / 60 * rng.random() if roll > 0.94 else 0)


def _crop(rng: np.random.Generator, ink: Ink, scene: bool, strength: float) -> np.ndarray:
    """Lay the ink into the crop that a detector would cut: margins, bits of neighbouring lines, rules, slight distortion."""
    h, w = ink.mask.shape
    em = ink.em
    top, bottom = min(0, ink.baseline - round(0.55 * em)), max(h, min(ink.baseline, h + em) + round(0.05 * em))
    pad_x, pad_y = em, em + h
    canvas = np.zeros((bottom - top + 2 * pad_y, w + 2 * pad_x), np.uint8)
    row = pad_y - top
    canvas[row : row + h, pad_x : pad_x + w] = ink.mask
    if not scene and rng.random() < 0.25 * strength:
        _neighbours(rng, canvas, ink.mask, row, pad_x)
    if rng.random() < 0.05 * strength:
        _rules(rng, canvas, row + ink.baseline, em)
    box = rectangle(pad_x, pad_y, pad_x + w, pad_y + bottom - top)
    if rng.random() < (0.7 if scene else 0.3) * strength:
        canvas, box = distort_mask(rng, canvas, box, em, 1.0 if scene else 0.25)
    margins = (rng.random(4) ** 2 * np.array([0.5, 0.22, 0.5, 0.22]) - 0.015 * strength + 0.01) * em
    x0, y0 = np.floor(box.min(axis=0) - margins[:2]).astype(int)
    x1, y1 = np.ceil(box.max(axis=0) + margins[2:]).astype(int)
    return canvas[max(0, y0) : max(y1, y0 + 2), max(0, x0) : max(x1, x0 + 2)]


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    """The corners TL, TR, BR, BL, float32 (4, 2)."""
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def _neighbours(rng: np.random.Generator, canvas: np.ndarray, mask: np.ndarray, row: int, column: int) -> None:
    """Put shifted copies of the line above and below, as close as tightly set lines are (in place)."""
    h, w = mask.shape
    other = np.roll(mask[:, ::-1], int(rng.random() * w), axis=1)
    for side in (-1, 1):
        at = row + side * round(h * (1.0 + 0.35 * rng.random()))
        if rng.random() < 0.7 and at >= 0 and at + h <= canvas.shape[0]:
            np.maximum(canvas[at : at + h, column : column + w], other, out=canvas[at : at + h, column : column + w])


def _rules(rng: np.random.Generator, canvas: np.ndarray, baseline: int, em: int) -> None:
    """Draw an underline, a form's rule or a table's upright (in place)."""
    thick = max(1, round(em / 24 * (0.5 + rng.random())))
    if rng.random() < 0.7:
        y = min(canvas.shape[0] - thick - 1, max(0, baseline + round(em * (0.08 + 0.25 * rng.random()))))
        canvas[y : y + thick] = 255
        return
    x = round(em * (0.6 + 0.3 * rng.random()))
    canvas[:, x : x + thick] = 255


def distort_mask(
    rng: np.random.Generator, canvas: np.ndarray, box: np.ndarray, em: int, amount: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate, shear, tilt or bend a mask, and move the quad `box` (4, 2) along. `amount` 1 is a sign in a street."""
    h, w = canvas.shape
    if rng.random() < 0.3:  # an arc or a wave of the baseline
        reach = em * 0.5 * amount * (rng.random() * 2 - 1)
        x = np.arange(w, dtype=np.float32)
        bend = np.sin(x / w * np.float32(np.pi * (1 + rng.random())) + np.float32(rng.random() * np.pi))
        rows = np.arange(h, dtype=np.float32)[:, None] + (bend * np.float32(reach))[None, :]
        bent = cv2.remap(canvas, np.repeat(x[None, :], h, axis=0), rows, cv2.INTER_LINEAR)
        corners = np.array([[0, -abs(reach)], [0, -abs(reach)], [0, abs(reach)], [0, abs(reach)]], np.float32)
        return bent, box + corners * 0.6
    angle = np.deg2rad((rng.random() * 2 - 1) * (6 if amount == 1 else 1.2))
    shear = (rng.random() * 2 - 1) * 0.35 * amount
    centre = box.mean(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle) + shear], [np.sin(angle), np.cos(angle)]])
    target = (box - centre) @ turn.T + centre
    target += (rng.random((4, 2)) * 2 - 1) * em * 0.15 * amount
    low, high = target.min(axis=0) - em, target.max(axis=0) + em
    moved = (target - low).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(box, moved)
    size = np.ceil(high - low).astype(int)
    return cv2.warpPerspective(canvas, matrix, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR), moved


def _document(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """Dark ink on paper, uint8 gray, or BGR when the paper or ink is tinted; seldom light on dark."""
    h, w = mask.shape
    clean = rng.random() < 0.35
    tone = 255.0 if clean else 150 + 105 * rng.random() ** 0.6
    ink = rng.random() ** 2 * min(120.0, tone - 70)
    sheet = paper(rng, h, w, tone, 0 if clean else 14 * rng.random() ** 2)
    alpha = mask.astype(np.float32) * np.float32((0.75 + 0.25 * rng.random()) / 255)
    if not clean and rng.random() < 0.1:  # the other side of the sheet shows through
        ghost = cv2.GaussianBlur(np.roll(mask[::-1, ::-1], int(rng.random() * w), axis=1), (0, 0), 1.2)
        sheet -= ghost * np.float32(0.05 + 0.15 * rng.random())
    gray = sheet + (np.float32(ink) - sheet) * alpha
    if rng.random() < 0.07:
        gray = 255 - gray
    image = np.clip(gray, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        tint = 1 - rng.random(3) * np.array([0.25, 0.12, 0.08])
        return np.asarray(np.clip(image[..., None] * tint.astype(np.float32), 0, 255).astype(np.uint8))
    return np.asarray(image)


def _scene(rng: np.random.Generator, mask: np.ndarray) -> np.ndarray:
    """Legible coloured text on a coloured surface, uint8 BGR, with outline or cast shadow at times."""
    h, w = mask.shape
    back = rng.random(3) * 255
    weights = np.array([0.114, 0.587, 0.299])
    for _ in range(8):
        front = rng.random(3) * 255 if rng.random() < 0.6 else np.full(3, 255.0 * (back @ weights < 128))
        if abs((front - back) @ weights) > 95:
            break
    else:
        front = np.full(3, 255.0 * (back @ weights < 128))
    image = scenery(rng, h, w, back, 5 + 45 * rng.random())
    roll = rng.random()
    if roll < 0.25:
        reach = max(1, round(h / 32))
        if roll < 0.12:
            around = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
        else:
            shift = np.array([[1, 0, reach * (1 + rng.random())], [0, 1, reach]], np.float32)
            around = cv2.GaussianBlur(cv2.warpAffine(mask, shift, (w, h)), (0, 0), 0.5 + rng.random())
        edge = np.full(3, 255.0 * (front @ weights < 128), np.float32)
        image += (edge - image) * (around * np.float32(0.7 / 255))[..., None]
    alpha = mask.astype(np.float32) * np.float32((0.8 + 0.2 * rng.random()) / 255)
    image += (front.astype(np.float32) - image) * alpha[..., None]
    return np.asarray(np.clip(image, 0, 255).astype(np.uint8))
