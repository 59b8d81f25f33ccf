"""Object stores through fsspec (extra `cloud`): listed folder by folder, read into files, written whole.

Settings (endpoint, keys, region) are those of the store's own client: for S3 the usual AWS_* variables and files.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from inkline.errors import InklineError, OutputError, SourceError, TooLargeError, UsageError

CHUNK = 1 << 20
Result = TypeVar("Result")


@dataclass(frozen=True)
class Object:
    """An object found in a store. name: below the address that was listed. alone: it is that address itself."""

    url: str
    name: str
    stamp: str
    alone: bool = False


def open_store(url: str) -> tuple[Any, str]:
    """The file system of an address and the path in it; UsageError when its client is not installed or unknown."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise UsageError(f"{url}: object stores need the extra `cloud`: pip install 'inkline[cloud]'") from error
    try:
        # Listings are not kept: they would grow without end, and a watched folder would never change.
        fs, path = url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url}: this kind of address is not known here ({_reason(error)})") from error
    return fs, path


def list_objects(url: str, suffixes: Sequence[str]) -> Iterator[Object]:
    """The objects below an address, or matching it when it has wildcards, whose names end so; sorted in each folder.

    Raises SourceError when the store does not answer, the address does not exist, or nothing is found.
    """
    fs, path = open_store(url)

    def stamped(found: str, info: dict[str, Any], name: str, alone: bool = False) -> Object:
        stamp = info.get("ETag") or info.get("etag") or info.get("LastModified") or info.get("mtime") or ""
        return Object(fs.unstrip_protocol(found), name, f"{info.get('size')}-{stamp}".replace('"', ""), alone)

    if any(sign in path for sign in "*?["):
        fixed = path[: min(path.index(sign) for sign in "*?[" if sign in path)].rpartition("/")[0]
        found = _asked(url, lambda: fs.glob(path, detail=True))
        files = [(name, info) for name, info in sorted(found.items()) if info["type"] == "file"]
        if not files:
            raise SourceError(f"{url}: no object matches this pattern")
        yield from (stamped(name, info, name[len(fixed) :].lstrip("/")) for name, info in files)
        return
    info = _asked(url, lambda: fs.info(path))
    if info["type"] == "file":
        yield stamped(path, info, PurePosixPath(path).name, alone=True)
        return
    empty = True
    folders = [path]
    while folders:
        folder = folders.pop()
        entries = sorted(_asked(url, partial(fs.ls, folder, detail=True)), key=lambda entry: entry["name"])
        folders += [entry["name"] for entry in reversed(entries) if entry["type"] == "directory"]
        for entry in entries:
            hidden = PurePosixPath(entry["name"]).name.startswith(".")
            if entry["type"] == "file" and not hidden and entry["name"].lower().endswith(tuple(suffixes)):
                empty = False
                yield stamped(entry["name"], entry, entry["name"][len(path) :].lstrip("/"))
    if empty:
        raise SourceError(f"{url}: holds no images, PDFs or archives")


def download(url: str, to: Path, limit: int | None) -> Path:
    """An object as a local file; SourceError when it cannot be had, TooLargeError above `limit` bytes."""
    fs, path = open_store(url)

    def bring() -> None:
        with fs.open(path, "rb") as source:
            copy(source, to, url, limit)

    _asked(url, bring)
    return to


def upload(path: Path, url: str) -> None:
    """Put a local file into a store, whole or not at all; OutputError when the store refuses."""
    fs, target = open_store(url)
    try:
        fs.put_file(str(path), target)
    except Exception as error:  # clients of stores raise what they like
        failed = OutputError(f"{url}: the store did not take this file ({_reason(error)})")
        failed.may_pass = not isinstance(error, (PermissionError, FileNotFoundError))
        raise failed from error


def remove(url: str) -> None:
    """Delete an object if it is there."""
    fs, path = open_store(url)
    _asked(url, lambda: fs.rm_file(path) if fs.exists(path) else None)


def copy(source: BinaryIO, to: Path, label: str, limit: int | None) -> None:
    """Copy an open file to a path, at most `limit` bytes; TooLargeError above."""
    size = 0
    with open(to, "wb") as target:
        if limit is None:
            shutil.copyfileobj(source, target, CHUNK)
            return
        while part := source.read(CHUNK):
            size += len(part)
            if size > limit:
                raise TooLargeError(f"{label}: more than max_source_bytes={limit}; raise the limit")
            target.write(part)


def _asked(url: str, ask: Callable[[], Result]) -> Result:
    """An answer of a store; SourceError when there is none."""
    try:
        return ask()
    except InklineError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{url}: there is nothing at this address") from error
    except PermissionError as error:
        raise SourceError(f"{url}: the store refuses access ({_reason(error)}); check the credentials") from error
    except Exception as error:  # clients of stores raise what they like
        failed = SourceError(f"{url}: the store does not answer ({_reason(error)})")
        failed.may_pass = True
        raise failed from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
