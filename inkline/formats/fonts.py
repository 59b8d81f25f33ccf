"""A font of this system that has the characters of a text; nothing is downloaded."""

import logging
import os
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import cast

from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

from inkline.scripts import first_word

log = logging.getLogger(__name__)

# File stems under which Linux, macOS and Windows have fonts of many scripts; tried in this order before any other.
BROAD_FONTS = ("NotoSans-Regular", "DejaVuSans", "LiberationSans-Regular", "Arial Unicode", "Arial", "arial", "segoeui")
EAST_ASIAN_FONTS = (
    *("NotoSansCJK-Regular", "NotoSansCJKsc-Regular", "SourceHanSansSC-Regular", "PingFang", "Hiragino Sans GB"),
    *("msyh", "simsun", "YuGothR", "malgun", "wqy-microhei", "wqy-zenhei", "DroidSansFallbackFull"),
)
# First word of a character's Unicode name -> font stems that have its script, besides NotoSans<Script>-Regular.
EAST_ASIAN_SCRIPTS = ("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH")
FONTS_OF_SCRIPT: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(EAST_ASIAN_SCRIPTS, EAST_ASIAN_FONTS),
    "ARABIC": ("NotoNaskhArabic-Regular", "Amiri-Regular", "GeezaPro", "tahoma"),
    "HEBREW": ("NotoSansHebrew-Regular", "ArialHB", "david"),
    "THAI": ("NotoSansThai-Regular", "Thonburi", "leelawui", "Garuda"),
    "DEVANAGARI": ("Lohit-Devanagari", "Kohinoor", "Nirmala"),
    "BENGALI": ("Lohit-Bengali", "Nirmala"),
    "TAMIL": ("Lohit-Tamil", "Nirmala"),
    "TELUGU": ("Lohit-Telugu", "Nirmala"),
    "KANNADA": ("Lohit-Kannada", "Nirmala"),
}
MAX_FONTS_SEARCHED = 400  # for one script, when none of the names above is there
BUNDLED_FONT = ""  # in place of a path: the Latin font inside Pillow
_FOUND_BY_SEARCH: dict[str, str] = {}  # script -> the font found by searching


@lru_cache(maxsize=256)
def sized_font(text: str, size: int) -> FreeTypeFont:
    """A font at `size` pixels that has as many characters of `text` as any; Pillow's own when the system has none."""
    return _open(_font_for("".join(sorted(c for c in set(text) if c.isprintable() and not c.isspace()))), size)


@lru_cache(maxsize=1024)
def _font_for(characters: str) -> str:
    """The path of the font that has most of these characters, the earlier candidate winning a tie."""
    # Fonts known by name first: most texts end here.
    best, best_count = BUNDLED_FONT, -1
    for path in _candidates(characters):
        count = sum(_has_glyph(path, character) for character in characters)
        if count > best_count:
            best, best_count = path, count
        if count == len(characters):
            return best
    # Then any font of this system that has one of the missing letters.
    for character in characters:
        if not _has_glyph(best, character):
            other = _search_fonts(first_word(character), character)
            if sum(_has_glyph(other, c) for c in characters) > best_count:
                return other
    return best


def _candidates(characters: str) -> Iterator[str]:
    """Fonts by name, the script of most characters first."""
    index = _system_fonts()
    scripts = [first_word(character) for character in characters]
    stems: list[str] = []
    for script in sorted(set(scripts), key=scripts.count, reverse=True):
        stems += [*FONTS_OF_SCRIPT.get(script, ()), f"NotoSans{script.title()}-Regular"]
    for stem in dict.fromkeys((*BROAD_FONTS[:1], *stems, *BROAD_FONTS)):
        if stem in index:
            yield index[stem]
    yield BUNDLED_FONT


def _search_fonts(script: str, sample: str) -> str:
    """The font that a search through all of the system finds for a script; each script is searched for once."""
    if script not in _FOUND_BY_SEARCH:
        paths = list(_system_fonts().values())[:MAX_FONTS_SEARCHED]
        _FOUND_BY_SEARCH[script] = next((path for path in paths if _has_glyph(path, sample)), BUNDLED_FONT)
        if _FOUND_BY_SEARCH[script] == BUNDLED_FONT:
            package = "fonts-noto-cjk" if script in EAST_ASIAN_SCRIPTS else "fonts-noto-core"
            text = "no font of this system has the letter %r (%s), and pictures show a box for it: install one (Debian: %s)"
            log.warning(text, sample, script, package)
    return _FOUND_BY_SEARCH[script]


@lru_cache(maxsize=65_536)
def _has_glyph(path: str, character: str) -> bool:
    """Whether a font has a glyph of its own for a character: one that looks otherwise than that of a non-character."""
    try:
        font = _open(path, 16)
        glyph, missing = font.getmask(character), font.getmask("\U0010ffff")
    except (OSError, ValueError):
        return False
    return (glyph.size, bytes(glyph)) != (missing.size, bytes(missing))


@lru_cache(maxsize=64)
def _open(path: str, size: int) -> FreeTypeFont:
    if path == BUNDLED_FONT:
        return cast(FreeTypeFont, ImageFont.load_default(size))  # FreeType is part of Pillow's wheels
    return ImageFont.truetype(path, size)


@lru_cache(maxsize=1)
def _system_fonts() -> dict[str, str]:
    """File stem -> path of all fonts of this system, upright regular faces first."""
    found: dict[str, str] = {}
    for folder in font_folders():
        for root, _, names in os.walk(folder):
            for name in names:
                stem, ending = os.path.splitext(name)
                if ending.lower() in (".ttf", ".otf", ".ttc") and stem != "LastResort":  # macOS's font of boxes
                    found.setdefault(stem, os.path.join(root, name))
    return dict(sorted(found.items(), key=lambda item: ("Regular" not in item[0], item[0])))


def font_folders() -> list[Path]:
    """Where this system keeps fonts, the user's own first; some may not exist."""
    home = Path.home()
    if sys.platform == "darwin":
        return [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    if sys.platform == "win32":
        own = Path(os.environ.get("LOCALAPPDATA", home), "Microsoft/Windows/Fonts")
        return [own, Path(os.environ.get("WINDIR", "C:/Windows"), "Fonts")]
    return [home / ".local/share/fonts", home / ".fonts", Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]
