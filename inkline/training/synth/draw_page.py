"""Whole pages with one quad and text per line: `draw_page(options, index)` is a pure function of its arguments."""

from dataclasses import dataclass

import cv2
import numpy as np

from inkline.training.synth.appearance import paper, scenery, shade, wear
from inkline.training.synth.compose import compose
from inkline.training.synth.draw_line import Ink, draw_text, rectangle
from inkline.training.synth.font_faces import Face, families, require_shaping
from inkline.training.synth.page_layouts import LAYOUTS, Area, Slot
from inkline.training.synth.scripts import Script, script_of
from inkline.training.synth.synth_options import PageOptions
from inkline.training.synth.tokens import between, pick, token


@dataclass(frozen=True)
class Warp:
    """Flat page to photograph: y grows by `reach * sin(turns * x / width * pi + phase)`, then comes the homography.

    `source` and `target` are (width, height) in pixels of the flat page and of the photograph.
    """

    matrix: np.ndarray
    reach: float
    turns: float
    phase: float
    source: tuple[int, int]
    target: tuple[int, int]

    def bend(self, x: np.ndarray) -> np.ndarray:
        """The vertical shift at page column `x`, in pixels."""
        return np.asarray(self.reach * np.sin(self.turns * np.pi * x / self.source[0] + self.phase))

    def forward(self, points: np.ndarray) -> np.ndarray:
        """Map points (..., 2) of the flat page to the photograph, float32."""
        bent = points.astype(np.float64).copy()
        bent[..., 1] += self.bend(bent[..., 0])
        ones = np.concatenate([bent, np.ones((*bent.shape[:-1], 1))], axis=-1) @ self.matrix.T
        return np.asarray((ones[..., :2] / ones[..., 2:]).astype(np.float32))

    def apply(self, page: np.ndarray, surroundings: np.ndarray) -> np.ndarray:
        """The photograph of a uint8 page (H, W, 3) lying on `surroundings` (target height, target width, 3)."""
        width, height = self.target
        inverse = np.linalg.inv(self.matrix)
        x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        m = inverse.astype(np.float32)
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        source_x = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / depth
        source_y = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / depth
        if self.reach:
            source_y -= self.bend(source_x).astype(np.float32)
        seen = cv2.remap(page, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        inside = (source_x >= 0) & (source_x < self.source[0]) & (source_y >= 0) & (source_y < self.source[1])
        return np.where(inside[..., None], seen, surroundings)

    def quad(self, quad: np.ndarray) -> np.ndarray:
        """Map a quad (4, 2): its corners when the paper is flat, else the smallest rectangle around its bent sides."""
        if not self.reach:
            return self.forward(quad)
        t = np.linspace(0, 1, 9)[:, None]
        top = self.forward(quad[0] + (quad[1] - quad[0]) * t)
        bottom = self.forward(quad[3] + (quad[2] - quad[3]) * t)
        box = cv2.boxPoints(cv2.minAreaRect(np.concatenate([top, bottom])))
        corners = np.stack([top[0], top[-1], bottom[-1], bottom[0]])
        turns = [float(np.linalg.norm(np.roll(box, -k, axis=0) - corners)) for k in range(4)]
        return np.roll(box, -int(np.argmin(turns)), axis=0).astype(np.float32)

    def grid(self, height: int, width: int) -> np.ndarray:
        """Where the nodes of a (height, width) mesh over the flat page lie in the photograph: float32 (h, w, 2), -1..1."""
        w, h = self.source
        x, y = np.meshgrid(np.linspace(0, w - 1, width), np.linspace(0, h - 1, height))
        nodes = self.forward(np.stack([x, y], axis=-1))
        return np.asarray((nodes / (np.array(self.target) - 1) * 2 - 1).astype(np.float32))


def draw_warp(rng: np.random.Generator, size: tuple[int, int], strength: float) -> Warp:
    """A view of a page of `size` (w, h): corners moved by up to 12 % * strength, turned a little, curled half of the time."""
    width, height = size
    corners = rectangle(0, 0, width, height)
    moved = corners + (rng.random((4, 2)) * 2 - 1) * np.array([width, height]) * 0.12 * strength
    angle = np.deg2rad((rng.random() * 2 - 1) * 8 * strength)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = (moved - moved.mean(axis=0)) @ turn.T
    moved -= moved.min(axis=0)
    border = rng.random(2) * 0.08 * np.array([width, height])
    moved += border
    reach = height * 0.03 * strength * (rng.random() * 2 - 1) if rng.random() < 0.5 else 0.0
    target = np.ceil(moved.max(axis=0) + border + abs(reach)).astype(int)
    shrink = min(1.0, max(size) / max(target))
    matrix = cv2.getPerspectiveTransform(corners, (moved * shrink).astype(np.float32))
    seen = (max(16, int(target[0] * shrink)), max(16, int(target[1] * shrink)))
    return Warp(matrix, float(reach), 0.5 + 1.5 * rng.random(), rng.random() * np.pi, size, seen)


QuadTexts = list[tuple[np.ndarray, str]]
FIT_TRIES = 4  # how often the text of a line is shortened to fit its slot


@dataclass(frozen=True)
class Style:
    """What one page has in common: faces of body and headings, ink colour (B, G, R), whether colours vary from line to line."""

    script: Script
    body: Face
    heading: Face
    ink: np.ndarray
    colourful: bool


def draw_page(options: PageOptions, index: int) -> tuple[np.ndarray, QuadTexts]:
    """Page `index`: image BGR uint8 (H, W, 3) and its lines [(quad float32 (4, 2) TL TR BR BL in pixels, text)].

    A quad runs with its line and encloses the ink with a margin of a twentieth of an em. Raises DataError.
    """
    rng = np.random.default_rng((options.line.seed, index, 1))
    sheet, lines = flat_page(rng, options)
    strength = options.line.degrade
    if rng.random() < options.camera:
        sheet, lines, _ = photograph(rng, sheet, lines, max(strength, 0.2))
    sheet = wear(rng, sheet, strength, scale=min(1.0, options.font[0] / 24))
    return sheet, _visible(lines, sheet.shape[1], sheet.shape[0])


def warped_page(
    options: PageOptions, index: int, grid: tuple[int, int] = (45, 31)
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photographed page, the flat page, and the mesh (*grid, 2) float32 that flattens it, -1..1 of the photograph."""
    rng = np.random.default_rng((options.line.seed, index, 2))
    flat, lines = flat_page(rng, options)
    seen, _, warp = photograph(rng, flat, lines, 1.0)
    return wear(rng, seen, options.line.degrade, scale=0.7), flat, warp.grid(*grid)


def flat_page(rng: np.random.Generator, options: PageOptions) -> tuple[np.ndarray, QuadTexts]:
    """Draw a page before anything happens to it: BGR uint8 and its lines."""
    require_shaping()
    width = between(rng, *options.width)
    height = max(64, round(width * (options.ratio[0] + (options.ratio[1] - options.ratio[0]) * rng.random())))
    name = pick(rng, options.layouts)
    em = min(between(rng, *options.font), max(8, width // 12))
    edge = np.array([width, height]) * (0.02 + 0.09 * rng.random(2))
    layout = LAYOUTS[name](rng, Area(edge[0], edge[1], width - 2 * edge[0], height - 2 * edge[1]), em)
    style = _style(rng, options, colourful=name == "scattered" or rng.random() < 0.1)
    canvas = _surface(rng, height, width, style)
    if not style.colourful:
        ink = [float(c) for c in style.ink]
        for x0, y0, x1, y1, thick in layout.rules:
            cv2.rectangle(canvas, (x0, y0), (max(x0, x1) + thick - 1, y1 + thick - 1), ink, -1)
    found = (_set(rng, canvas, slot, style, options) for slot in layout.slots)
    return canvas, [line for line in found if line is not None]


def _style(rng: np.random.Generator, options: PageOptions, colourful: bool) -> Style:
    """Choose faces and ink; a page keeps to one body face and at times another for headings."""
    script = script_of(options.line.script)
    groups = families(options.line.fonts, script)
    body = pick(rng, pick(rng, groups))
    heading = body if rng.random() < 0.4 else pick(rng, pick(rng, groups))
    ink = np.full(3, 90 * rng.random() ** 2) + (rng.random(3) * 60 if rng.random() < 0.15 else 0)
    return Style(script, body, heading, ink, colourful)


def _surface(rng: np.random.Generator, height: int, width: int, style: Style) -> np.ndarray:
    """Paper, screen or scenery, BGR uint8."""
    if style.colourful:
        view = scenery(rng, height, width, rng.random(3) * 255, 5 + 35 * rng.random())
        return np.asarray(np.clip(view, 0, 255).astype(np.uint8))
    clean = rng.random() < 0.4
    tone = 255.0 if clean else 175 + 80 * rng.random() ** 0.6
    gray = np.clip(paper(rng, height, width, tone, 0 if clean else 10 * rng.random() ** 2), 0, 255).astype(np.uint8)
    if rng.random() < 0.7:
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    tint = (1 - rng.random(3) * np.array([0.2, 0.1, 0.06])).astype(np.float32)
    return np.asarray((gray[..., None] * tint).astype(np.uint8))


def _text(rng: np.random.Generator, slot: Slot, options: PageOptions, room: int) -> str:
    """The text for a slot that holds about `room` characters."""
    if slot.kind == "token":
        return token(rng)
    if slot.kind in ("label", "heading"):
        room = min(room, between(rng, 3, 28))
    return compose(rng, options.line, 1, max(1, room))


def _set(
    rng: np.random.Generator, canvas: np.ndarray, slot: Slot, style: Style, options: PageOptions
) -> tuple[np.ndarray, str] | None:
    """Write one slot on the canvas (in place); its quad and text, None without room or without glyphs in the face."""
    face = style.heading if slot.kind == "heading" else style.body
    characters_per_em = 2.0 if style.script.spaces else 1.05
    text = _text(rng, slot, options, int(slot.width / slot.em * characters_per_em))
    for _ in range(FIT_TRIES):
        text = _kept_text(text, face, options.line.allowed)
        ink = draw_text(face, text, slot.em, style.script) if text else None
        if ink is None:
            return None
        if ink.mask.shape[1] <= slot.width:
            return _stamp(canvas, ink, slot, style, _colour(rng, canvas, slot, style)), text
        text = _shorten(text, slot.width / ink.mask.shape[1])
    return None


def _kept_text(text: str, face: Face, allowed: frozenset[str]) -> str:
    """The characters of a text that the face has and the charset allows, single spaces between the words."""
    kept = (c for c in text if c == " " or (face.has(c) and (not allowed or c in allowed)))
    return " ".join("".join(kept).split())


def _shorten(text: str, share: float) -> str:
    """Cut a text to `share` of its length, at a word's end where it has one."""
    keep = max(1, int(len(text) * share * 0.98))
    at = text.rfind(" ", 0, keep + 1)
    return text[: at if at > 0 else keep]


def _colour(rng: np.random.Generator, canvas: np.ndarray, slot: Slot, style: Style) -> np.ndarray:
    """The ink of a line: the page's, or on colourful pages one that stands out from what lies below."""
    if not style.colourful:
        return style.ink
    h, w = canvas.shape[:2]
    y, x = min(h - 1, max(0, int(slot.baseline))), min(w - 1, max(0, int(slot.x)))
    back = canvas[max(0, y - slot.em) : y + 1, x : x + int(slot.width) + 1].reshape(-1, 3).mean(axis=0)
    weights = np.array([0.114, 0.587, 0.299])
    for _ in range(6):
        colour = rng.random(3) * 255
        if abs((colour - back) @ weights) > 95:
            return colour
    return np.full(3, 255.0 * (back @ weights < 128))


def _stamp(canvas: np.ndarray, ink: Ink, slot: Slot, style: Style, colour: np.ndarray) -> np.ndarray:
    """Blend the ink into the canvas (in place) where the slot puts it; return its quad."""
    h, w = ink.mask.shape
    align = 1 - slot.align if style.script.rtl else slot.align
    x, y = slot.x + (slot.width - w) * align, slot.baseline - ink.baseline
    pad = max(1.0, slot.em / 20)
    quad = rectangle(x - pad, y - pad, x + w + pad, y + h + pad)
    mask, left, top = ink.mask, round(x), round(y)
    if slot.angle:
        turn = cv2.getRotationMatrix2D((x, slot.baseline), slot.angle, 1.0)
        quad = (quad @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
        left, top = (int(v) for v in np.floor(quad.min(axis=0)))
        size = np.ceil(quad.max(axis=0)).astype(int) - (left, top)
        turn[:, 2] += np.asarray(turn[:, :2] @ (x, y) - (left, top))
        mask = cv2.warpAffine(mask, turn, (int(size[0]), int(size[1])), flags=cv2.INTER_LINEAR)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(canvas.shape[0], top + mask.shape[0]), min(canvas.shape[1], left + mask.shape[1])
    if y1 > y0 and x1 > x0:
        part = canvas[y0:y1, x0:x1].astype(np.float32)
        alpha = mask[y0 - top : y1 - top, x0 - left : x1 - left, None].astype(np.float32) / 255
        canvas[y0:y1, x0:x1] = part + (colour.astype(np.float32) - part) * alpha
    return quad


def photograph(
    rng: np.random.Generator, sheet: np.ndarray, lines: QuadTexts, strength: float
) -> tuple[np.ndarray, QuadTexts, Warp]:
    """Lay the page on a surface, look at it askew, and let a shadow fall on it."""
    warp = draw_warp(rng, (sheet.shape[1], sheet.shape[0]), strength)
    desk = np.clip(scenery(rng, warp.target[1], warp.target[0], rng.random(3) * 200, 30), 0, 255).astype(np.uint8)
    seen = warp.apply(sheet, desk)
    if rng.random() < 0.7:
        seen = shade(rng, seen, 0.8 * strength)
    return seen, [(warp.quad(quad), text) for quad, text in lines], warp


def _visible(lines: QuadTexts, width: int, height: int) -> QuadTexts:
    """The lines that lie on the page: those whose centre is on it, quads cut to it."""
    kept = []
    for quad, text in lines:
        x, y = quad.mean(axis=0)
        if 0 <= x < width and 0 <= y < height:
            kept.append((np.clip(quad, 0, [width, height]).astype(np.float32), text))
    return kept
