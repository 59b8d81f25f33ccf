"""Fonts chosen by what they can draw: a scan of font files, their glyph coverage, and the faces that serve a script."""

import bisect
import json
import logging
import sys
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import platformdirs
from fontTools.ttLib import TTCollection, TTFont, TTLibError
from PIL import Image, ImageDraw, ImageFont, features

from inkline.errors import DataError
from inkline.files import atomic_write
from inkline.formats.fonts import font_folders
from inkline.training.synth.scripts import Script

SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
# Faces that draw no ordinary letters although they claim to: placeholders, pictures, barcodes.
EXCLUDED = (
    *("LastResort", "Blank", "Emoji", "Symbol", "Dingbat", "Barcode", "Math", "Music", "Unifont", "Signwriting"),
    *("Ornament", "Initials", "Keyboard", "D050000L", "Standard Symbols"),
)
STYLE_WORDS = "Condensed SemiCondensed ExtraCondensed Thin Light ExtraLight Medium SemiBold ExtraBold Black Bold UI"
CACHE_VERSION = 5
MAX_GLYPH_USERS = 8  # a glyph that more characters share stands for missing ones
BLANK_ON_PURPOSE = frozenset((0x20, 0xA0, 0x200C, 0x200D, 0x3000))
PACKAGES = "fonts-noto-core, fonts-noto-cjk, fonts-dejavu, fonts-liberation and fonts-freefont-ttf (Debian)"


@dataclass(frozen=True)
class Face:
    """One face of a font file; `spans` are the inclusive code point ranges it has an inked (or space) glyph for."""

    path: str
    index: int
    family: str
    style: str
    spans: tuple[tuple[int, int], ...]

    def has(self, c: str) -> bool:
        """Whether the face draws the character."""
        at = bisect.bisect_right(self.spans, (ord(c), sys.maxunicode + 1)) - 1
        return at >= 0 and self.spans[at][0] <= ord(c) <= self.spans[at][1]


def require_shaping() -> None:
    """Raise DataError when Pillow cannot shape text (no libraqm)."""
    if not features.check("raqm"):
        raise DataError(
            "Pillow was built without raqm, so scripts cannot be shaped; install a Pillow wheel from PyPI or libraqm0 (Debian)"
        )


def system_folders() -> tuple[str, ...]:
    """The folders where systems keep fonts; those that do not exist are left out."""
    return tuple(str(folder) for folder in font_folders() if folder.is_dir())


def font_files(sources: tuple[str, ...]) -> list[Path]:
    """The font files of `sources` (files or folders, searched deeply), sorted by path. Raises DataError for a missing one."""
    files: set[Path] = set()
    for source in map(Path, sources):
        if source.is_dir():
            files.update(f for f in source.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
        elif source.is_file():
            files.add(source)
        else:
            raise DataError(f"{source}: no such font file or folder")
    return sorted({file.resolve() for file in files})


def _inked(font: TTFont, cmap: dict[int, str]) -> list[int]:
    """Code points of `cmap` whose glyph has an outline, or that are spaces or joiners; none for a face without outlines."""
    # one glyph for many characters is the font's way to say that it has none of them
    users: Counter[str] = Counter(cmap.values())
    claimed = {
        point: glyph
        for point, glyph in cmap.items()
        if glyph != ".notdef" and (users[glyph] <= MAX_GLYPH_USERS or point in BLANK_ON_PURPOSE)
    }
    if "glyf" in font:
        return _outlined(font, claimed)
    return sorted(claimed) if "CFF " in font or "CFF2" in font else []


def _outlined(font: TTFont, cmap: dict[int, str]) -> list[int]:
    """Code points whose TrueType glyph has an outline of its own: not empty, nor a box copied under many names."""
    offsets, data = font["loca"].locations, font.reader["glyf"]
    outlines = {name: data[low:high] for name, (low, high) in zip(font.getGlyphOrder(), pairwise(offsets), strict=False)}
    drawn = {point: outlines.get(glyph, b"") for point, glyph in cmap.items()}
    users = Counter(drawn.values())
    return sorted(
        point
        for point, outline in drawn.items()
        if point in BLANK_ON_PURPOSE or (outline and users[outline] <= MAX_GLYPH_USERS)
    )


def _spans(points: list[int]) -> list[list[int]]:
    spans: list[list[int]] = []
    for point in points:
        if spans and spans[-1][1] == point - 1:
            spans[-1][1] = point
        else:
            spans.append([point, point])
    return spans


def _describe(font: TTFont, index: int) -> dict[str, Any] | None:
    """Family, style and spans of an open face, or None for a face that cannot draw text."""
    cmap = font.getBestCmap()
    if not cmap or "name" not in font:
        return None
    name = font["name"]
    family = name.getDebugName(16) or name.getDebugName(1) or ""
    style = name.getDebugName(17) or name.getDebugName(2) or ""
    points = _inked(font, cmap)
    if not points or any(word.lower() in family.lower() for word in EXCLUDED):
        return None
    return {"index": index, "family": family, "style": style, "spans": _spans(points)}


def scan_file(path: Path) -> list[dict[str, Any]]:
    """What `_describe` says of every face of a font file; an unreadable file has none."""
    log = logging.getLogger("fontTools")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it reports odd dates in font headers, once per file
    try:
        with open(path, "rb") as stream:
            if path.suffix.lower() in (".ttc", ".otc"):
                found = [_describe(font, i) for i, font in enumerate(TTCollection(stream, lazy=True).fonts)]
            else:
                found = [_describe(TTFont(stream, lazy=True), 0)]
    except (TTLibError, OSError, KeyError, ValueError, AssertionError, IndexError, UnicodeDecodeError):
        return []
    finally:
        log.setLevel(level)
    return [face for face in found if face and _draws_latin_as_latin(path, face)]


def _draws_latin_as_latin(path: Path, face: dict[str, Any]) -> bool:
    """Whether x and v are free of holes: fonts of the time before Unicode put other scripts in their places."""
    if not all(any(low <= ord(c) <= high for low, high in face["spans"]) for c in "xv"):
        return True
    font = ImageFont.truetype(str(path), 72, index=face["index"], layout_engine=ImageFont.Layout.BASIC)
    for c in "xv":
        image = Image.new("L", (200, 200))
        ImageDraw.Draw(image).text((50, 50), c, fill=255, font=font)
        surfaces, _ = cv2.connectedComponents((np.asarray(image) < 128).astype(np.uint8), connectivity=4)
        if surfaces <= 2:  # ink and the paper around it, no enclosed paper
            return True
    return False


def _cache_file() -> Path:
    return platformdirs.user_cache_path("inkline") / "fonts.json"


def _read_cache(file: Path) -> dict[str, list[Any]]:
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
        return dict(stored["files"]) if stored["version"] == CACHE_VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _write_cache(file: Path, known: dict[str, list[Any]]) -> None:
    """Replace the cache in one step; a cache that cannot be written only costs the next scan."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(file, json.dumps({"version": CACHE_VERSION, "files": known}))
    except OSError as error:
        logging.getLogger(__name__).info("font cache %s not written: %s", file, error)


@lru_cache(maxsize=8)
def scan(sources: tuple[str, ...]) -> tuple[Face, ...]:
    """Every usable face of `sources` (empty = the system's), in path order; what was read is kept in the user's cache."""
    files = font_files(sources or system_folders())
    cache = _cache_file()
    known, fresh = _read_cache(cache), False
    faces: list[Face] = []
    for file in files:
        key, stat = str(file), file.stat()
        stamp = [stat.st_size, stat.st_mtime_ns]
        if known.get(key, [None])[0] != stamp:
            known[key], fresh = [stamp, scan_file(file)], True
        for face in known[key][1]:
            spans = tuple((low, high) for low, high in face["spans"])
            faces.append(Face(key, face["index"], face["family"], face["style"], spans))
    if fresh:
        _write_cache(cache, known)
    return tuple(faces)


@lru_cache(maxsize=32)
def families(sources: tuple[str, ...], script: Script) -> tuple[tuple[Face, ...], ...]:
    """The faces that draw the script, by family, so that one of many weights counts once; DataError when there is none."""
    groups: dict[str, list[Face]] = {}
    for face in scan(sources):
        # Outside Chinese, Japanese and Korean text, fonts of those scripts set letters at full width: nobody prints so.
        if face.has("\u7684") and script.name not in ("chinese", "japanese", "korean"):
            continue
        if all(face.has(c) for c in script.probe) and not any(word in face.family for word in script.avoid):
            groups.setdefault(_stem(face.family), []).append(face)
    if not groups:
        where = ", ".join(sources) if sources else "the system's font folders"
        raise DataError(f"no font in {where} draws {script.name} ({script.probe}); install {PACKAGES} or give a font folder")
    return tuple(tuple(groups[name]) for name in sorted(groups))


def _stem(family: str) -> str:
    """The family without width and weight words: `Noto Sans Condensed` and `Noto Sans Thin` are one family."""
    drop = STYLE_WORDS.split()
    return " ".join(word for word in family.split() if word not in drop)


@lru_cache(maxsize=512)
def open_face(path: str, index: int, size: int) -> ImageFont.FreeTypeFont:
    """The face at `size` pixels per em, ready to shape."""
    return ImageFont.truetype(path, size, index=index, layout_engine=ImageFont.Layout.RAQM)
