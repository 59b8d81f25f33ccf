"""Shaped text as ink: one line of text with one face becomes a coverage mask with its baseline."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkline.recognition.bidi import base_direction
from inkline.training.synth.fonts import Face, families, open_face
from inkline.training.synth.scripts import Script
from inkline.training.synth.tokens import pick

FACE_TRIES = 12


@dataclass(frozen=True)
class Ink:
    """`mask`: coverage uint8 (H, W), cut to the ink; `baseline`: its row (may lie outside); `em`: pixels per em."""

    mask: np.ndarray
    baseline: int
    em: int


def choose_face(rng: np.random.Generator, fonts: tuple[str, ...], script: Script, text: str) -> Face | None:
    """Return a face that has every character of `text`, families drawn evenly; None when a dozen tries find none."""
    groups = families(fonts, script)
    needed = set(text)
    needed.discard(" ")
    for _ in range(FACE_TRIES):
        face = pick(rng, pick(rng, groups))
        if all(face.has(c) for c in needed):
            return face
    return None


def drawable(faces: tuple[tuple[Face, ...], ...], text: str) -> str:
    """Return `text` without the characters that no face of `faces` has together: those of the face that keeps the most."""
    kept = ("".join(c for c in text if c == " " or group[0].has(c)) for group in faces)
    return " ".join(max(kept, key=len).split())


def draw(face: Face, text: str, em: int, script: Script, stroke: float = 0) -> Ink | None:
    """Return the ink of `text` at `em` pixels, shaped by raqm in the direction of its letters; None when nothing shows."""
    font = open_face(face.path, face.index, em)
    direction = base_direction(text) if script.rtl else "ltr"
    left, top, right, bottom = (
        round(v) for v in font.getbbox(text, anchor="ls", direction=direction, stroke_width=stroke)
    )
    pad = 2
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    if width <= 2 * pad or height <= 2 * pad or width > 20_000 or height > 2_000:
        return None
    image = Image.new("L", (width, height))
    canvas = ImageDraw.Draw(image)
    canvas.text(
        (pad - left, pad - top), text, fill=255, font=font, anchor="ls", direction=direction, stroke_width=stroke
    )
    return _cut(np.asarray(image), pad - top, em)


def draw_noted(face: Face, text: str, note: str, em: int, script: Script, rise: float) -> Ink | None:
    """Return the ink of `text` and behind it, at 0.6 of the size and `rise` ems higher, that of `note`."""
    body, small = draw(face, text, em, script), draw(face, note, round(0.6 * em), script)
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
    """Return the ink of `text` set letter by letter, left to right, with `gap` ems between letters; for scripts without
    joining.
    """
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
