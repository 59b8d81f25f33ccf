"""What a run is to read: the files of folders, globs, lists, archives and object stores, one after another.

Only the current file is held (of an archive the names), so a source may have any number of files. A file's name is its
path below the source, and decides what its results are called: below the folder, the fixed part of the glob, the
archive or the store's prefix when one source is given; the whole path as written when several are, or a list. Archives
(zip and tar, plain or compressed) are read member by member, without unpacking the whole.
"""

import glob
import io
import itertools
import lzma
import os
import stat
import sys
import tarfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast
from urllib.parse import urlsplit

from inkline.batch.ledger import Ledger
from inkline.batch.storage import download, is_store, list_objects
from inkline.batch.task import FileTask, fingerprint_of
from inkline.errors import InklineError, SourceError, UsageError
from inkline.io.images import HEAD_BYTES, content_kind
from inkline.io.sources import FOLDER_SUFFIXES, PassedOver, expand, is_url, open_regular_file

ARCHIVE_SUFFIXES = (".zip", ".cbz", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
# The last part of archives' suffixes; a name that ends in `.gz` alone is not yet an archive.
LAST_SUFFIXES = frozenset("." + name.rpartition(".")[2] for name in ARCHIVE_SUFFIXES)

# What damaged archives raise; ValueError for a name that is said to be UTF-8 and is not.
ARCHIVE_FORMAT_ERRORS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
ARCHIVE_ERRORS = (*ARCHIVE_FORMAT_ERRORS, EOFError, OSError, NotImplementedError, ValueError)

# A file in an archive: its name, a stamp that changes with it, whether it is encrypted, and what opens it.
Member = tuple[str, str, bool, Callable[[], BinaryIO]]


def list_files(sources: Sequence[str], staging: Path, passed_over: PassedOver = None) -> Iterator[FileTask]:
    """All files of the sources; what cannot be found or opened is a task with an error.

    staging: a folder for archives that lie in a store. passed_over: told of local files that are no images, PDFs or
    archives. Raises UsageError when a list cannot be read.
    """
    alone = len(sources) == 1 and not sources[0].startswith("@")
    for given in _expand_lists(sources):
        try:
            if is_url(given):
                yield FileTask(_relative_name(given), given, given)
            elif is_store(given):
                yield from _in_store(given, "" if alone else _relative_name(given), staging)
            else:
                yield from _local(given, alone, passed_over)
        except InklineError as error:
            yield FileTask(_relative_name(given), given, error=str(error))


def watch_files(list_again: Callable[[], Iterator[FileTask]], ledger: Ledger, interval: float) -> Iterator[FileTask | None]:
    """The files of a source that is listed again and again, each when two scans in a row saw it the same; never ends.

    Between two scans it gives None. Kept in memory are only the files that are not settled in the ledger. What is not
    there (an empty folder, a store that does not answer) is no file here: the next scan may find more.
    """
    before: dict[str, str] = {}
    while True:
        ledger.new_scan()
        now: dict[str, str] = {}
        for task in list_again():
            if not task.fingerprint or ledger.is_settled(task):
                continue
            # A file that still grows has another size or time at each scan.
            if before.get(task.source) == task.fingerprint:
                yield task
            else:
                now[task.source] = task.fingerprint
        before = now
        end = time.monotonic() + interval
        while time.monotonic() < end:
            yield None


def _expand_lists(sources: Sequence[str]) -> Iterator[str]:
    """The sources, `@file` replaced by the lines of that file and `@-` by those of standard input."""
    for given in sources:
        if not given.startswith("@"):
            yield given
            continue
        try:
            with io.TextIOWrapper(open_regular_file(Path(given[1:])), "utf-8") if given != "@-" else sys.stdin as lines:
                yield from (line for line in map(str.strip, lines) if line)
        except (SourceError, OSError, UnicodeDecodeError) as error:
            reason = (
                "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else getattr(error, "strerror", None) or error
            )
            raise UsageError(
                f"{given[1:]}: this list cannot be read ({reason}); give a text file with one path per line, or @- for a pipe"
            ) from error


def _local(given: str, alone: bool, passed_over: PassedOver) -> Iterator[FileTask]:
    """Files of a local file, folder, glob or archive."""
    base = _base_folder(given)
    for source in expand(given, FOLDER_SUFFIXES | LAST_SUFFIXES, passed_over):
        path = source.data if isinstance(source.data, Path) else Path(str(source.name))
        label = str(source.name)
        name = _name_below(path, base) if alone else _relative_name(label)
        if source.error is not None:
            yield FileTask(name, label, error=f"{source.label}: {source.error}")
        elif is_archive(path.name):
            whole = alone and str(path) == str(Path(given))
            yield from _in_archive(path, "" if whole else name, label, fingerprint_of(path))
        elif path.suffix.lower() not in LAST_SUFFIXES or path == Path(given):
            yield FileTask(name, label, str(path), fingerprint_of(path))
        elif passed_over is not None:
            passed_over(path)


def _base_folder(given: str) -> Path:
    """The folder that names are relative to: the folder itself, a glob's part without wildcards, a file's folder."""
    path = Path(given)
    if path.is_dir():
        return path
    if glob.has_magic(given) and not os.path.lexists(path):
        return Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    return path.parent


def _name_below(path: Path, base: Path) -> str:
    try:
        return path.relative_to(base).as_posix()
    except ValueError:
        return _relative_name(str(path))


def _relative_name(text: str) -> str:
    """A path or address as a relative path that stays below any folder: without root, `.` and `..`."""
    if "://" in text:
        parts = urlsplit(text)
        text = f"{parts.netloc}/{parts.path}"
    kept = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(kept) or "page"


def _in_store(url: str, prefix: str, staging: Path) -> Iterator[FileTask]:
    """Files of an object store, listed folder by folder; archives in it are copied here one at a time."""
    for found in list_objects(url, (*FOLDER_SUFFIXES, *ARCHIVE_SUFFIXES)):
        name = _joined(prefix, _relative_name(found.name))
        if not is_archive(found.name):
            yield FileTask(name, found.url, found.url, found.stamp)
            continue
        path = download(found.url, staging / f"archive-{PurePosixPath(found.name).name}", None)
        try:
            yield from _in_archive(path, prefix if found.alone else name, found.url, found.stamp)
        finally:
            path.unlink(missing_ok=True)


def _joined(*parts: str) -> str:
    return "/".join(filter(None, parts))


def _in_archive(path: Path, prefix: str, label: str, stamp: str) -> Iterator[FileTask]:
    """Images and PDFs of an archive, by their suffix (or, without one, by their first bytes), in the archive's order.

    Of members of one name, as `tar -r` makes them, the second is `name~2`. Hidden files, links and archives in archives are
    skipped; a damaged archive ends in a task with an error.
    """
    met: Counter[str] = Counter()
    members = _zip_members if path.name.lower().endswith((".zip", ".cbz")) else _tar_members
    try:
        _refuse_pipes(path)
        for name, member_stamp, encrypted, opener in members(path):
            if _is_hidden(name) or not _is_wanted(name, None if encrypted else opener):
                continue
            met[name] += 1
            again = f"~{met[name]}" if met[name] > 1 else ""
            error = f"{path.name}/{name}{again}: is encrypted; unpack the archive first" if encrypted else ""
            # The time a member carries says little (many tools write none); the archive's own is added.
            fingerprint, label_in = f"{stamp}-{member_stamp}", f"{label}/{name}{again}"
            below = _joined(prefix, _relative_name(name) + again)
            yield FileTask(below, label_in, fingerprint=fingerprint, error=error, open=opener)
    except ARCHIVE_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        damaged = f"{label}: damaged or no archive ({reason})"
        yield FileTask(prefix or path.name, label, fingerprint=stamp, error=damaged)


def _refuse_pipes(path: Path) -> None:
    """OSError for a pipe or a device, of which the opening or the reading may never end."""
    if path.exists() and not path.is_file():
        raise OSError("a pipe or a device, not a file")


def is_archive(name: str) -> bool:
    """Whether a file of this name is read as an archive."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def _zip_members(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            # Unix keeps the kind of a file in the upper half; elsewhere that half is 0.
            if not info.is_dir() and not stat.S_ISLNK(info.external_attr >> 16):
                opener = cast("Callable[[], BinaryIO]", partial(archive.open, info))
                yield info.filename, f"{info.CRC:08x}-{info.file_size}", bool(info.flag_bits & 1), opener


def _tar_members(path: Path) -> Iterator[Member]:
    with tarfile.open(path, "r:*") as archive:
        while (info := archive.next()) is not None:
            if info.isfile():
                opener = cast("Callable[[], BinaryIO]", partial(archive.extractfile, info))
                yield info.name, f"{info.size}-{info.mtime}", False, opener
            archive.__dict__["members"] = []  # else it keeps every header it has seen


def _is_hidden(name: str) -> bool:
    parts = [part for part in PurePosixPath(name).parts if part not in (".", "..")]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _is_wanted(name: str, opener: Callable[[], BinaryIO] | None) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix or opener is None:
        return suffix in FOLDER_SUFFIXES
    with opener() as file:
        return content_kind(file.read(HEAD_BYTES)) is not None
