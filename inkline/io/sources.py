"""What users hand in, one by one: paths, folders, globs, web addresses, standard input, bytes, arrays, images."""

import glob
import os
import stat
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from inkline.errors import SourceError
from inkline.io.images import HEAD, kind_of
from inkline.io.names import is_url

# What is taken out of a folder: these endings, and files without any ending whose first bytes are of a known kind.
FOLDER_SUFFIXES = frozenset(
    f".{ending}"
    for ending in (
        *("avif", "bmp", "dib", "gif", "j2k", "jfif", "jp2", "jpe", "jpeg", "jpg", "pbm", "pdf", "pgm", "png", "pnm"),
        *("ppm", "ras", "sr", "tif", "tiff", "webp"),
    )
)


@dataclass(frozen=True, eq=False)
class Source:
    """One thing to read.

    data: a Path, bytes, an array, a Pillow image, an open binary file; None for a web address or standard input, which
    `name` tells. name: as the user gave it, None for what has no name. error: why it cannot be read, known already when
    it was looked for; reading it raises this, so that one bad input among many does not stop the others.
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


def expand(inputs: Any, suffixes: Collection[str] = FOLDER_SUFFIXES) -> Iterator[Source]:
    """Inputs of any kind, and lists of them, as single sources in order; folders and globs sorted, folders recursively.

    suffixes: endings, in small letters, of what is taken out of folders. Nothing is raised here: what cannot be found
    or is of no known kind is a source whose reading raises SourceError.
    """
    if isinstance(inputs, (list, tuple, set, frozenset)) or (
        isinstance(inputs, Iterator) and not hasattr(inputs, "read")
    ):
        for one in inputs:
            yield from expand(one, suffixes)
        return
    source = as_source(inputs)
    if not isinstance(source.data, Path):
        yield source
    elif _is_folder(source.data):
        yield from _folder(source.data, suffixes)
    elif isinstance(inputs, str) and glob.has_magic(inputs) and not os.path.lexists(source.data):
        yield from _glob(inputs, suffixes)
    else:
        yield source


def as_source(given: Any) -> Source:
    """One input as a source, without looking whether it is there."""
    if isinstance(given, Source):
        return given
    if isinstance(given, str):
        if given == "-" or is_url(given):
            return Source(None, given)
        if given[:7].lower() == "file://":
            from urllib.request import url2pathname

            return Source(Path(url2pathname(given[7:].removeprefix("localhost"))), given)
        return Source(Path(given), given)
    if isinstance(given, os.PathLike):
        return Source(Path(given), str(given))
    if isinstance(given, (bytes, bytearray, memoryview)):
        return Source(bytes(given))
    if isinstance(given, np.ndarray) or is_pillow(given):
        return Source(given)
    if callable(getattr(given, "read", None)):
        name = getattr(given, "name", None)
        return Source(given, name if isinstance(name, str) else None)
    hint = " (cv2.imread gives None for a file it cannot read)" if given is None else ""
    kinds = "a path, web address, bytes, array, Pillow image or open binary file"
    return Source(
        None, None, SourceError(f"{type(given).__name__} cannot be read{hint}: give {kinds}, or a list of them")
    )


def is_pillow(given: Any) -> bool:
    """Whether it is a Pillow image, without importing Pillow for what is none."""
    # While another thread imports it, the module is there and its class is not; then nobody can have an image yet.
    image = getattr(sys.modules.get("PIL.Image"), "Image", None)
    return image is not None and isinstance(given, image)


def open_file(path: Path) -> BinaryIO:
    """A regular file, opened to read; SourceError where it is missing, forbidden, a folder, a pipe or a device."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise SourceError("this is a folder, not a file")
        if not stat.S_ISREG(mode):
            raise SourceError("this is a pipe or a device, not a file; give its content on standard input, as -")
        return open(path, "rb")
    except FileNotFoundError as error:
        web = "; only http and https addresses are fetched" if "://" in str(path) or ":/" in str(path)[2:] else ""
        raise SourceError(f"no such file{web}") from error
    except PermissionError as error:
        raise SourceError("no permission to read this file") from error
    except (OSError, ValueError) as error:
        raise SourceError(f"cannot be opened ({getattr(error, 'strerror', None) or error})") from error


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _glob(pattern: str, suffixes: Collection[str]) -> Iterator[Source]:
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
        if _is_folder(Path(name)):
            yield from _walk(Path(name), suffixes, set())
        else:
            yield Source(Path(name), name)


def _folder(folder: Path, suffixes: Collection[str]) -> Iterator[Source]:
    """All readable files below a folder; a source with an error when there are none."""
    empty = True
    for source in _walk(folder, suffixes, set()):
        empty = False
        yield source
    if empty:
        yield Source(folder, str(folder), SourceError("this folder holds no images and no PDFs"))


def _walk(folder: Path, suffixes: Collection[str], seen: set[tuple[int, int]]) -> Iterator[Source]:
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
        if _is_folder(path):
            yield from _walk(path, suffixes, seen)
        elif path.suffix.lower() in suffixes or (not path.suffix and _looks_readable(path)):
            yield Source(path, str(path))


def _looks_readable(path: Path) -> bool:
    """Whether a file without an ending begins like an image or a PDF."""
    try:
        with open_file(path) as file:
            return kind_of(file.read(HEAD)) is not None
    except (SourceError, OSError):
        return False
