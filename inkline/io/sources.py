"""What users hand in, one by one: paths, folders, globs, web addresses, standard input, bytes, arrays, images.

Also what the result files of a source are called: PaddleOCR's stems, safe for any file system and never the same twice.
"""

import glob
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

import numpy as np

from inkline.errors import MissingFileError, SourceError
from inkline.io.images import HEAD_BYTES, content_kind

# What is taken out of a folder: these endings, and files without any ending whose first bytes are of a known kind.
FOLDER_SUFFIXES = frozenset(
    (
        *(".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pdf", ".pgm"),
        *(".png", ".pnm", ".ppm", ".ras", ".sr", ".tif", ".tiff", ".webp"),
    )
)
PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})  # that can be written
MAX_FILE_NAME_BYTES = 200

PassedOver = Callable[[Path], None] | None  # told of files in folders that are not read


@dataclass(frozen=True, eq=False)
class Source:
    """One thing to read.

    data: a Path, bytes, an array, a Pillow image, an open binary file; None for a web address or standard input, which
    `name` tells. name: as the user gave it, None for what has no name. error: why it cannot be read, where that is known
    beforehand; reading it raises this, so that one bad input among many does not stop the others.
    """

    data: Any
    name: str | None = None
    error: SourceError | None = None

    @property
    def label(self) -> str:
        """What error messages call it."""
        if self.name is not None:
            return "standard input" if self.name == "-" else self.name
        return {bytes: "the given bytes", np.ndarray: "the given array"}.get(type(self.data), "the given image")


def expand(inputs: Any, suffixes: Collection[str] = FOLDER_SUFFIXES, passed_over: PassedOver = None) -> Iterator[Source]:
    """Inputs of any kind, and lists of them, as single sources in order; folders and globs sorted, folders recursively.

    suffixes: endings, in small letters, of what is taken out of folders. passed_over: told what is left there; nothing of
    hidden files. Nothing is raised here: what cannot be found
    or is of no known kind is a source whose reading raises SourceError.
    """
    is_lazy = isinstance(inputs, Iterator) and not hasattr(inputs, "read")  # an open file is an iterator too
    if is_lazy or isinstance(inputs, (list, tuple, set, frozenset)):
        for one in inputs:
            yield from expand(one, suffixes, passed_over)
        return
    source = as_source(inputs)
    if not isinstance(source.data, Path):
        yield source
    elif os.path.isdir(source.data):
        yield from _folder(source.data, suffixes, passed_over)
    elif isinstance(inputs, str) and glob.has_magic(inputs) and not os.path.lexists(source.data):
        yield from _glob(inputs, suffixes, passed_over)
    else:
        yield _refused_folder(source)


def _refused_folder(source: Source) -> Source:
    """The source; one that is written as a folder (`scans/`) and is not there with its error."""
    if (source.name or "").endswith("/") and not os.path.lexists(source.data):
        return replace(source, error=MissingFileError("no such folder"))
    return source


def as_source(given: Any) -> Source:
    """One input as a source, without looking whether it is there."""
    if isinstance(given, Source):
        return given
    if isinstance(given, str):
        return _named_source(given)
    if isinstance(given, os.PathLike):
        return Source(Path(given), str(given))
    if isinstance(given, (bytes, bytearray, memoryview)):
        return Source(bytes(given))
    if isinstance(given, np.ndarray) or is_pillow(given):
        return Source(given)
    if callable(getattr(given, "read", None)):
        name = getattr(given, "name", None)
        return Source(given, name if isinstance(name, str) else None)
    # What is none of these becomes an error when it is read, so that it does not stop the others.
    reason, hint = f"{type(given).__name__} cannot be read", ""
    if given is None:
        reason += " (cv2.imread gives None for a file it cannot read)"
    if isinstance(given, (list, tuple, set, frozenset)):
        reason, hint = f"{reason} as one image", ", or use Ocr.stream() for several"
    kinds = "a path, web address, bytes, array, Pillow image or open binary file"
    return Source(None, None, SourceError(f"{reason}: give {kinds}{hint}"))


def _named_source(name: str) -> Source:
    """A source from a string: standard input, a web address, a file:// address or a path."""
    if name == "-" or is_url(name):
        return Source(None, name)
    if name[:7].lower() == "file://":
        from urllib.request import url2pathname

        return Source(Path(url2pathname(name[7:].removeprefix("localhost"))), name)
    if not name:
        return Source(None, None, SourceError("the name of the file is empty"))
    return Source(Path(name), name)


def is_url(source: str) -> bool:
    """Whether a source is meant as a web address."""
    return source[:8].lower().startswith(("http://", "https://"))


def is_pillow(given: Any) -> bool:
    """Whether it is a Pillow image, without importing Pillow for what is none."""
    # While another thread imports it, the module is there and its class is not; then nobody can have an image yet.
    image = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return image is not None and isinstance(given, image)


def open_regular_file(path: Path) -> BinaryIO:
    """A regular file, opened to read; SourceError where it is missing, forbidden, a folder, a pipe or a device."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError("this is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise SourceError("this is a pipe or a device, not a file; give its content on standard input, as -")
        return open(path, "rb")
    except FileNotFoundError:
        is_address = "://" in str(path) or ":/" in str(path)[2:]
        hint = "; only http and https addresses are fetched" if is_address else ""
        raise MissingFileError(f"no such file or folder{hint}") from None
    except PermissionError:
        raise SourceError("no permission to read this file") from None
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot be opened ({getattr(error, 'strerror', None) or error})") from error


def file_kind(path: Path) -> str | None:
    """The kind of a file's content, as of `content_kind`; None for what is neither image nor PDF or cannot be opened."""
    try:
        with open_regular_file(path) as file:
            return content_kind(file.read(HEAD_BYTES))
    except (SourceError, OSError):
        return None


def _glob(pattern: str, suffixes: Collection[str], passed_over: PassedOver) -> Iterator[Source]:
    """What a pattern matches, sorted; `**` matches folders at any depth. Folders among the matches may be empty."""
    found = sorted(glob.glob(pattern, recursive=True))
    if "**" in pattern:  # a link to a folder above gives every file many names; the shortest one stays
        shortest: dict[str, str] = {}
        for name in sorted(found, key=len):
            shortest.setdefault(os.path.realpath(name), name)
        found = sorted(shortest.values())
    if not found:
        yield Source(None, pattern, SourceError("no file matches this pattern"))
    for name in found:
        if os.path.isdir(Path(name)):
            yield from _walk(Path(name), suffixes, set(), passed_over)
        else:
            yield Source(Path(name), name)


def _folder(folder: Path, suffixes: Collection[str], passed_over: PassedOver) -> Iterator[Source]:
    """All readable files below a folder; a source with an error when there are none."""
    found = _walk(folder, suffixes, set(), passed_over)
    nothing = Source(folder, str(folder), SourceError("this folder holds no images and no PDFs"))
    yield next(found, nothing)
    yield from found


def _walk(folder: Path, suffixes: Collection[str], seen: set[tuple[int, int]], passed_over: PassedOver) -> Iterator[Source]:
    """Images and PDFs below a folder, sorted in each folder; links to folders are followed, each folder once."""
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Source(folder, str(folder), SourceError(f"this folder cannot be listed ({error.strerror})"))
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):  # also the ._ files that macOS leaves beside pictures
            continue
        if os.path.isdir(path):
            yield from _walk(path, suffixes, seen, passed_over)
        elif path.suffix.lower() in suffixes or (not path.suffix and file_kind(path) is not None):
            yield Source(path, str(path))
        elif passed_over is not None:
            passed_over(path)


def document_stem(source: str | None, taken: dict[str, str] | None = None) -> str:
    """The stem of all files of one source: its file name without the ending, `<time>_<4 digits>` where it has no name.

    `taken` maps stems given out before to their sources and is added to: a second source of the same stem gets the
    whole name of its file, then a number.
    """
    if source is None:
        return f"{time.strftime('%Y%m%d%H%M%S')}_{secrets.randbelow(10_000):04d}"
    name = _safe_file_name(source)
    stem = PurePath(name).stem or name
    return _free_stem(stem, name, source, taken)


def page_stem(stem: str, source: str | None, page_index: int | None, taken: dict[str, str] | None = None) -> str:
    """The stem of what is written of one page of a source whose own stem is `stem`: `<stem>_<page>`, from 0; of what is no
    page of several, None, the stem itself.

    `taken` as in `document_stem`: page 0 of `x.pdf` and the file `x_0.png` would else have the same names.
    """
    if page_index is None:
        return stem
    plain = f"{stem}_{page_index}"
    return plain if source is None else _free_stem(plain, f"{stem}_page_{page_index}", source, taken)


def _free_stem(stem: str, longer: str, source: str, taken: dict[str, str] | None) -> str:
    """The first of stem, longer, stem_2, stem_3 ... that is free or was given to this source before."""
    if taken is None:
        return stem
    for choice in (stem, longer, *(f"{stem}_{i}" for i in range(2, len(taken) + 3))):
        # Names that differ only by case are one file on some systems.
        if taken.setdefault(choice.casefold(), source) == source:
            return choice
    raise AssertionError("more names than sources")


def storable(text: str) -> str:
    """The text with `%E4` for a byte that is not UTF-8, which file systems, databases and terminals may refuse.

    Python keeps such a byte of a file name as a lone surrogate; others, `%uD800`, come from names that Windows allows.
    """
    return re.sub("[\ud800-\udfff]", _escaped_surrogate, text)


def _escaped_surrogate(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"%{code & 0xFF:02X}" if 0xDC80 <= code <= 0xDCFF else f"%u{code:04X}"


def picture_suffix(source: str | None) -> str:
    """The ending of pictures made for a source: its own where pictures can have it, else `.png`."""
    ending = PurePath(_safe_file_name(source)).suffix if source is not None else ""
    return ending if ending.lower() in PICTURE_SUFFIXES else ".png"


def _safe_file_name(source: str) -> str:
    """The last part of a path or URL, with nothing in it that a file system could object to."""
    if source == "-":
        return "stdin"
    path = unquote(urlsplit(source).path.rstrip("/").rpartition("/")[2]) if is_url(source) else PurePath(source).name
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", storable(path)) or "page"
    if len(name.encode("utf-8", "replace")) <= MAX_FILE_NAME_BYTES:
        return name
    stem, dot, ending = name.rpartition(".")
    return f"{(stem or name)[:50]}{dot}{ending[:10]}"
