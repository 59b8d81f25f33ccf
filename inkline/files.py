"""Files that appear whole or not at all, and the sha256 of a file."""

import contextlib
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inkline.errors import OutputError


@contextlib.contextmanager
def atomic_path(path: Path, sync: bool = False) -> Iterator[Path]:
    """A temporary path beside `path` to write to; when the block ends without an error it becomes `path`, else it goes.

    A reader sees the old file or the new one, never a part. sync: the content is on the disk before the name is, so
    that a power cut leaves no empty file. Errors: OSError.
    """
    part = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    try:
        yield part
        if sync:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def atomic_write(path: Path, content: bytes | str) -> None:
    """Write a file whole or not at all; text as UTF-8 with its line ends as they are. Errors: OSError."""
    with atomic_path(path) as part, part.open("xb") as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


def made_folder(path: Path) -> Path:
    """The folder `path`, made if need be and tried; OutputError when nothing can be written into it."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"{path}: cannot be used as a folder for results ({reason}); choose another one") from None
    return path


def sha256_of(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal. Errors: OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
