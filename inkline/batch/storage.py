"""Where files come from and results go: local folders and, through fsspec (extra `cloud`), object stores.

A result appears at its destination whole, under its final name, or not at all. Settings of stores (endpoint, keys, region)
are those of the store's own client: for S3 the usual AWS_* variables and files.
"""

import errno
import hashlib
import io
import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeVar

from inkline.errors import InklineError, OutputError, SourceError, TooLargeError, UsageError
from inkline.files import atomic_path, made_folder
from inkline.formats.write import make_folder
from inkline.io.sources import is_url

STATE_FOLDER = ".inkline"  # in the destination, with the ledger and unfinished documents; listings pass over it
COPY_BYTES = 1 << 20
SHARD_ROWS = 200_000  # lines of text in a Parquet file
SHARD_DOCUMENTS = 2_000  # documents that wait to be written at most: what a kill costs
WILDCARDS = "*?["
Answer = TypeVar("Answer")


def is_store(text: str) -> bool:
    """Whether a path is an address that fsspec takes, such as s3://bucket/folder."""
    return "://" in text and not is_url(text) and not text.lower().startswith("file:")


@dataclass(frozen=True)
class Destination:
    """A folder or the address of a store, where results go. root: as the user gave it."""

    root: str

    @property
    def local(self) -> bool:
        return not is_store(self.root)

    def address(self, name: str = "") -> str:
        """The address of a result in a store."""
        return f"{self.root.rstrip('/')}/{name}"

    def put(self, path: Path, name: str) -> None:
        """Move a finished file to `name` below the destination; OutputError when that cannot be done.

        The content is on the disk before the name is, so that a power cut leaves no empty file behind.
        """
        if _leaves_its_folder(name):
            raise OutputError(f"{name}: is not below {self.root}, so it is not written; move the ledger away")
        if not self.local:
            _upload(path, self.address(name))
            return
        target = Path(self.root, name)
        try:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except OSError as error:
            if error.errno == errno.EXDEV and path.stat().st_dev != target.parent.stat().st_dev:
                self._copy(path, target)
                return
            raise OutputError(f"{target}: cannot write this file: {error.strerror or error}") from error

    def _copy(self, path: Path, target: Path) -> None:
        """Move a file to another file system, where it appears whole or not at all."""
        try:
            with atomic_path(target, sync=True) as part:
                shutil.copyfile(path, part)
            path.unlink()
        except OSError as error:
            raise OutputError(f"{target}: cannot write this file: {error.strerror or error}") from error

    def check_writable(self, staging: Path) -> None:
        """OutputError when nothing can be written: better known before the first page is read than after it."""
        if self.local:
            made_folder(Path(self.root))
        else:
            mark = staging / "mark"
            mark.write_text("results of `inkline run`\n", "utf-8")
            self.put(mark, STATE_FOLDER)

    def has_all(self, names: Iterable[str]) -> bool:
        """Whether all these results exist below the destination; for a store that is assumed."""
        names = list(names)
        if any(map(_leaves_its_folder, names)):
            return False
        return not self.local or all(os.path.exists(os.path.join(self.root, name)) for name in names)

    def remove(self, name: str) -> None:
        """Delete a result if it exists; a name from a ledger made by hand, which leads elsewhere, is left alone."""
        if _leaves_its_folder(name):
            return
        if self.local and not _is_within(os.path.dirname(os.path.join(self.root, name)), self.root):
            return  # a link leads out of the destination
        if self.local:
            try:
                Path(self.root, name).unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{self.root}: cannot remove {name}: {error.strerror or error}") from error
        else:
            fs, path = open_store(self.address(name))
            _ask(self.address(name), lambda: fs.rm_file(path) if fs.exists(path) else None)

    def contains(self, location: str) -> bool:
        """Whether a path or address lies in the destination: a glob or a list may name results."""
        if is_store(location) or not self.local:
            return is_store(location) and location.startswith(self.address())
        return bool(location) and not is_url(location) and _is_within(location, self.root)

    def state_folder(self, given: str = "") -> Path:
        """The local folder of the ledger, made when missing: `given`, else in the destination, for a store the user's."""
        if given:
            return make_folder(given)
        if self.local:
            return make_folder(Path(self.root, STATE_FOLDER))
        import platformdirs

        key = hashlib.sha256(self.root.rstrip("/").encode()).hexdigest()[:16]
        return make_folder(platformdirs.user_state_path("inkline") / "runs" / key)


def check_destination(sources: Sequence[str], destination: Destination) -> None:
    """UsageError when results would be written into a source, where the next run would read them as pages."""
    if is_url(destination.root):
        raise UsageError(f"{destination.root}: results cannot be sent to a web address; give a folder or a store")
    for source in sources:
        if source.startswith("@") or is_url(source):
            continue
        if is_store(source) or not destination.local:
            inside = is_store(source) and destination.address().startswith(f"{source.rstrip('/')}/")
        else:
            inside = os.path.isdir(source) and _is_within(destination.root, source)
        if inside:
            raise UsageError(
                f"the destination {destination.root} is inside the source {source}: its results would be read as pages; "
                "choose a folder outside"
            )


def _leaves_its_folder(name: str) -> bool:
    """Whether a name below a folder is none: absolute, or with `..` in it."""
    parts = name.replace(os.sep, "/").split("/")
    return ".." in parts or not parts[0] or bool(os.path.splitdrive(name)[0])


def _is_within(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)


class ParquetShards:
    """Gathers the Parquet tables of single documents and writes them as `lines-<random>.parquet` files of a useful size."""

    def __init__(self, destination: Destination, staging: Path) -> None:
        self._destination, self._staging = destination, staging
        self._tables: list[Any] = []
        self._notes: list[Any] = []

    def add(self, content: bytes, note: Any) -> None:
        """Add a document's Parquet. note: given back by `write` once the document's rows are in place."""
        import pyarrow.parquet as pq

        self._tables.append(pq.read_table(io.BytesIO(content)))
        self._notes.append(note)

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return len(self._notes) >= SHARD_DOCUMENTS or sum(table.num_rows for table in self._tables) >= SHARD_ROWS

    def write(self) -> tuple[str, list[Any]]:
        """Write what was gathered; gives the file's name and the notes of its documents."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = f"lines-{secrets.token_hex(6)}.parquet"
        if self._notes:
            path = self._staging / name
            pq.write_table(pa.concat_tables(self._tables), path, compression="zstd")
            self._destination.put(path, name)
        notes, self._notes, self._tables = self._notes, [], []
        return name, notes


@dataclass(frozen=True)
class StoredObject:
    """An object found in a store. name: below the address that was listed. stamp: changes when the content does.

    alone: it is the listed address itself.
    """

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
        raise UsageError(f"{url}: this kind of address is not known here ({_reason_of(error)})") from error
    return fs, path


def list_objects(url: str, suffixes: Sequence[str]) -> Iterator[StoredObject]:
    """The objects below an address, or matching it when it has wildcards, whose names end so; sorted in each folder.

    Raises SourceError when the store does not answer, the address does not exist, or nothing is found.
    """
    fs, path = open_store(url)

    def stored(info: dict[str, Any], name: str, alone: bool = False) -> StoredObject:
        # Which of these a store tells depends on its kind.
        stamps = (info.get(key) for key in ("ETag", "etag", "LastModified", "mtime"))
        stamp = next(filter(None, stamps), "")
        stamp = f"{info.get('size')}-{stamp}".replace('"', "")
        return StoredObject(fs.unstrip_protocol(info["name"]), name, stamp, alone)

    wildcards = [path.index(sign) for sign in WILDCARDS if sign in path]
    if wildcards:
        base, nothing = path[: min(wildcards)].rpartition("/")[0], "no object matches this pattern"
        matches = _ask(url, lambda: fs.glob(path, detail=True))
        found = iter([info for _, info in sorted(matches.items()) if info["type"] == "file"])
    else:
        info = _ask(url, lambda: fs.info(path))
        if info["type"] == "file":
            yield stored(info, PurePosixPath(path).name, alone=True)
            return
        base, nothing = path, "holds no images, PDFs or archives"
        found = _below(fs, url, path, suffixes)
    empty = True
    for info in found:
        empty = False
        yield stored(info, info["name"][len(base) :].lstrip("/"))
    if empty:
        raise SourceError(f"{url}: {nothing}")


def _below(fs: Any, url: str, path: str, suffixes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The files below a path whose names end so and are not hidden, as the store describes them, folder by folder."""
    folders = [path]
    while folders:
        entries = sorted(_ask(url, partial(fs.ls, folders.pop(), detail=True)), key=lambda entry: entry["name"])
        folders += [entry["name"] for entry in reversed(entries) if entry["type"] == "directory"]
        for entry in entries:
            hidden = PurePosixPath(entry["name"]).name.startswith(".")
            if entry["type"] == "file" and not hidden and entry["name"].lower().endswith(tuple(suffixes)):
                yield entry


def download(url: str, to: Path, limit: int | None) -> Path:
    """Copy an object to a local file; SourceError when it cannot be read, TooLargeError above `limit` bytes."""
    fs, path = open_store(url)

    def copy() -> None:
        with fs.open(path, "rb") as source:
            copy_limited(source, to, url, limit)

    _ask(url, copy)
    return to


def _upload(path: Path, url: str) -> None:
    """Move a local file into a store, whole or not at all; OutputError when the store refuses."""
    fs, target = open_store(url)
    try:
        fs.put_file(str(path), target)
    except Exception as error:  # clients of stores raise errors of their own
        _check_credentials(url, error)
        failed = OutputError(f"{url}: the store did not take this file ({_reason_of(error)})")
        failed.may_pass = not isinstance(error, (PermissionError, FileNotFoundError))
        raise failed from error
    path.unlink()


def _check_credentials(url: str, error: Exception) -> None:
    """SourceError where a store's client failed with `error` as it has no credentials."""
    if "Credentials" in type(error).__name__:
        where = "its client reads them from the environment or its own files, for S3 AWS_ACCESS_KEY_ID and its like"
        raise SourceError(f"{url}: no credentials for this store ({_reason_of(error)}); {where}") from error


def copy_limited(source: BinaryIO, to: Path, label: str, limit: int | None) -> None:
    """Copy an open file to a path; TooLargeError above `limit` bytes. label: the file's name in errors."""
    size = 0
    with open(to, "wb") as target:
        if limit is None:
            shutil.copyfileobj(source, target, COPY_BYTES)
            return
        while part := source.read(COPY_BYTES):
            size += len(part)
            if size > limit:
                raise TooLargeError(f"{label}: more than max_source_bytes={limit}; raise the limit")
            target.write(part)


def _ask(url: str, question: Callable[[], Answer]) -> Answer:
    """The answer of a store; SourceError when there is none."""
    try:
        return question()
    except InklineError:
        raise
    except FileNotFoundError as error:
        raise SourceError(f"{url}: there is nothing at this address") from error
    except PermissionError as error:
        raise SourceError(f"{url}: the store refuses access ({_reason_of(error)}); check the credentials") from error
    except Exception as error:  # clients of stores raise errors of their own
        _check_credentials(url, error)
        failed = SourceError(f"{url}: the store does not answer ({_reason_of(error)})")
        failed.may_pass = True
        raise failed from error


def _reason_of(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
