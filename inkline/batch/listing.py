"""What a run is to read: folders, globs, lists, archives and object stores as single items, one after another.

Nothing is held but the item at hand, so a source may have any number of files. An item's name is its place below the
source, and decides what its results are called: below the folder, the fixed part of the glob, the archive or the store's
prefix when one source is given; the whole path as written when several are, or a list.
"""

import glob
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import urlsplit

from inkline.batch.archive import ARCHIVES, SINGLE_SUFFIXES, is_archive, members
from inkline.errors import InklineError, SourceError, UsageError
from inkline.io.sources import FOLDER_SUFFIXES, expand, is_url

Open = Callable[[], BinaryIO]


@dataclass(frozen=True)
class Item:
    """One file to read.

    name: its place below the source, with /. source: what the user would call it; results say it. location: a local
    path, a store's or a web address; empty where only `open` gives the content, until the next item is asked for.
    fingerprint: changes when the content does, cheap to tell; empty when that needs a look inside. error: why it cannot
    be read, known already.
    """

    name: str
    source: str
    location: str = ""
    fingerprint: str = ""
    error: str = ""
    open: Open | None = field(default=None, compare=False, repr=False)


def listing(sources: Sequence[str], staging: Path) -> Iterator[Item]:
    """All items of the sources; what cannot be found or opened is an item with an error.

    staging: a folder for archives that lie in a store. Raises UsageError when a list cannot be read.
    """
    alone = len(sources) == 1 and not sources[0].startswith("@")
    for given in _with_lists(sources):
        try:
            if is_url(given):
                yield Item(_mirror(given), given, given)
            elif is_store(given):
                yield from _store(given, "" if alone else _mirror(given), staging)
            else:
                yield from _local(given, alone)
        except InklineError as error:
            yield Item(_mirror(given), given, error=str(error))


def is_store(text: str) -> bool:
    """Whether a path is an address that fsspec takes, such as s3://bucket/folder."""
    return "://" in text and not is_url(text) and not text.lower().startswith("file:")


def fingerprint(path: Path) -> str:
    """Size and time of the last change of a local file; empty when it cannot be told."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def _with_lists(sources: Sequence[str]) -> Iterator[str]:
    """The sources, `@file` replaced by the lines of that file and `@-` by those of standard input."""
    for given in sources:
        if not given.startswith("@"):
            yield given
            continue
        try:
            with open(given[1:], encoding="utf-8") if given != "@-" else sys.stdin as lines:
                yield from (line for line in map(str.strip, lines) if line)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(
                f"{given[1:]}: this list cannot be read ({reason}); give a text file, one path a line"
            ) from error


def _local(given: str, alone: bool) -> Iterator[Item]:
    """Items of a local file, folder, glob or archive."""
    base = _base(given)
    for source in expand(given, FOLDER_SUFFIXES | SINGLE_SUFFIXES):
        path = source.data if isinstance(source.data, Path) else Path(str(source.name))
        name = _below(path, base) if alone else _mirror(str(source.name))
        if source.error is not None:
            yield Item(name, str(source.name), error=f"{source.label}: {source.error}")
        elif is_archive(path.name):
            whole = alone and str(path) == str(Path(given))
            yield from _archive(path, "" if whole else name, str(source.name), fingerprint(path))
        elif path.suffix.lower() not in SINGLE_SUFFIXES or path == Path(given):
            yield Item(name, str(source.name), str(path), fingerprint(path))


def _base(given: str) -> Path:
    """The folder that names are told from: the folder itself, a glob's part without wildcards, a file's folder."""
    path = Path(given)
    if path.is_dir():
        return path
    if glob.has_magic(given) and not os.path.lexists(path):
        return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    return path.parent


def _below(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return _mirror(str(path))


def _archive(path: Path, prefix: str, label: str, stamp: str) -> Iterator[Item]:
    """Items of an archive's images and PDFs; an item with an error where it is damaged."""
    try:
        for member in members(path, FOLDER_SUFFIXES):
            name = "/".join(filter(None, (prefix, _mirror(member.name))))
            # The time a member carries says little (many tools write none); the archive's own is added.
            yield Item(name, f"{label}/{member.name}", "", f"{stamp}-{member.stamp}", member.error, member.open)
    except SourceError as error:
        yield Item(prefix or path.name, label, "", stamp, f"{label}: {error}")


def _store(url: str, prefix: str, staging: Path) -> Iterator[Item]:
    """Items of an object store, a page of its listing at a time."""
    from inkline.batch.store import download, list_objects

    for found in list_objects(url, (*FOLDER_SUFFIXES, *ARCHIVES)):
        name = "/".join(filter(None, (prefix, _mirror(found.name))))
        if not is_archive(found.name):
            yield Item(name, found.url, found.url, found.stamp)
            continue
        path = download(found.url, staging / f"archive-{PurePosixPath(found.name).name}", None)
        try:
            yield from _archive(path, prefix if found.alone else name, found.url, found.stamp)
        finally:
            path.unlink(missing_ok=True)


def _mirror(text: str) -> str:
    """A path or address as a relative path that stays below where it is put: without root, `.` and `..`."""
    if "://" in text:
        parts = urlsplit(text)
        text = f"{parts.netloc}/{parts.path}"
    kept = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(kept) or "page"
