"""What archives hold: zip and tar, plain or compressed, member after member without unpacking the whole."""

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from inkline.errors import SourceError
from inkline.io.images import HEAD_BYTES, kind_of

ARCHIVES = (".zip", ".cbz", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# The last endings of archives' names; `.gz` alone is not yet an archive.
SINGLE_SUFFIXES = frozenset("." + name.rpartition(".")[2] for name in ARCHIVES)

DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError)


@dataclass(frozen=True)
class Member:
    """A file in an archive. open: its content, until the next member is asked for. error: why it cannot be had."""

    name: str
    stamp: str
    open: Callable[[], BinaryIO]
    error: str = ""


def is_archive(name: str) -> bool:
    """Whether a file of this name is read as an archive."""
    return name.lower().endswith(ARCHIVES)


def members(path: Path, suffixes: Collection[str]) -> Iterator[Member]:
    """The members that are images or PDFs by their ending (or, without one, by their first bytes), as they come.

    Hidden files, links and archives in archives are passed over. Raises SourceError for a damaged archive.
    """
    try:
        if path.name.lower().endswith((".zip", ".cbz")):
            yield from _zip(path, suffixes)
        else:
            yield from _tar(path, suffixes)
    except DAMAGE as error:
        raise SourceError(f"damaged or no archive ({' '.join(str(error).split()) or type(error).__name__})") from error


def _zip(path: Path, suffixes: Collection[str]) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            # Unix keeps the kind of a file in the upper half; elsewhere that half is 0.
            if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16) or _hidden(info.filename):
                continue
            locked = bool(info.flag_bits & 1)
            opener = cast("Callable[[], BinaryIO]", partial(archive.open, info))
            if _wanted(info.filename, suffixes, None if locked else opener):
                error = f"{path.name}/{info.filename}: is encrypted; unpack the archive first" if locked else ""
                yield Member(info.filename, f"{info.CRC:08x}-{info.file_size}", opener, error)


def _tar(path: Path, suffixes: Collection[str]) -> Iterator[Member]:
    with tarfile.open(path, "r:*") as archive:
        while (info := archive.next()) is not None:
            if info.isfile() and not _hidden(info.name):
                opener = cast("Callable[[], BinaryIO]", partial(archive.extractfile, info))
                if _wanted(info.name, suffixes, opener):
                    yield Member(info.name, f"{info.size}-{info.mtime}", opener)
            archive.__dict__["members"] = []  # else it keeps every header it has seen


def _hidden(name: str) -> bool:
    return any(
        part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts if part not in (".", "..")
    )


def _wanted(name: str, suffixes: Collection[str], opener: Callable[[], BinaryIO] | None) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix or opener is None:
        return suffix in suffixes
    with opener() as file:
        return kind_of(file.read(HEAD_BYTES)) is not None
