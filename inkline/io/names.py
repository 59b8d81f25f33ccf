"""What result files are called: PaddleOCR's stems, made safe for any file system and kept apart from each other."""

import re
import secrets
import time
from pathlib import PurePath
from urllib.parse import unquote, urlsplit

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})  # a picture can be written as


def is_url(source: str) -> bool:
    """Whether a source is meant as a web address."""
    return source[:8].lower().startswith(("http://", "https://"))


def document_stem(source: str | None, taken: dict[str, str] | None = None) -> str:
    """The stem of all files of one source: its file name without the ending, `<time>_<4 digits>` where it has no name.

    `taken` maps stems given out before to their sources and is added to: a second source of the same stem gets the
    whole name of its file, then a number.
    """
    if source is None:
        return f"{time.strftime('%Y%m%d%H%M%S')}_{secrets.randbelow(10_000):04d}"
    name = _file_name(source)
    stem = PurePath(name).stem or name
    if taken is None:
        return stem
    for choice in (stem, name, *(f"{stem}_{i}" for i in range(2, len(taken) + 3))):
        # Names that differ only by case are one file on some systems.
        if taken.setdefault(choice.casefold(), source) == source:
            return choice
    raise AssertionError("more names than sources")


def picture_suffix(source: str | None) -> str:
    """The ending of pictures made for a source: its own where pictures can have it, else `.png`."""
    ending = PurePath(_file_name(source)).suffix if source is not None else ""
    return ending if ending.lower() in PICTURE_SUFFIXES else ".png"


def _file_name(source: str) -> str:
    """The last part of a path or URL, with nothing in it that a file system could object to."""
    if source == "-":
        return "stdin"
    path = unquote(urlsplit(source).path.rstrip("/").rpartition("/")[2]) if is_url(source) else PurePath(source).name
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", path) or "page"
    stem, dot, ending = name.rpartition(".")
    return name if len(name.encode("utf-8", "replace")) <= 200 else f"{(stem or name)[:50]}{dot}{ending[:10]}"
