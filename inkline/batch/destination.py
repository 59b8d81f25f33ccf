"""Where results go: a local folder or an object store. A file appears there whole, under its last name, or not at all."""

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from inkline.batch.listing import is_store
from inkline.errors import OutputError, UsageError
from inkline.formats.write import make_folder
from inkline.io.sources import is_url

STATE = ".inkline"  # a folder in the destination with the ledger and unfinished documents; listings pass over it


@dataclass(frozen=True)
class Destination:
    """A folder or the address of a store. root: as the user gave it."""

    root: str

    @property
    def local(self) -> bool:
        return not is_store(self.root)

    def put(self, path: Path, name: str) -> None:
        """Move a finished file to its place `name`; OutputError when it cannot be.

        The content is on the disk before the name is, so that a power cut leaves no empty file behind.
        """
        if not self.local:
            from inkline.batch.store import upload

            upload(path, f"{self.root.rstrip('/')}/{name}")
            path.unlink()
            return
        target = Path(self.root, name)
        try:
            with open(path, "rb") as file:
                os.fsync(file.fileno())
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except OSError as error:
            raise OutputError(f"{target}: cannot write this file: {error.strerror or error}") from error

    def probe(self, staging: Path) -> None:
        """OutputError when a store takes nothing from us: better said before the first page is read than after it."""
        if not self.local:
            mark = staging / "mark"
            mark.write_text("results of `inkline run`\n", "utf-8")
            self.put(mark, STATE)

    def holds(self, names: Iterable[str]) -> bool:
        """Whether all these results are there; those in a store are believed to be."""
        return not self.local or all(os.path.exists(os.path.join(self.root, name)) for name in names)

    def remove(self, name: str) -> None:
        """Take a result away if it is there."""
        if self.local:
            Path(self.root, name).unlink(missing_ok=True)
        else:
            from inkline.batch.store import remove

            remove(f"{self.root.rstrip('/')}/{name}")

    def state_folder(self, given: str = "") -> Path:
        """The local folder of the ledger, made when missing: `given`, else in the destination, for a store the user's."""
        if given:
            return make_folder(given)
        if self.local:
            return make_folder(Path(self.root, STATE))
        import platformdirs

        key = hashlib.sha256(self.root.rstrip("/").encode()).hexdigest()[:16]
        return make_folder(platformdirs.user_state_path("inkline") / "runs" / key)


def check_apart(sources: Sequence[str], destination: Destination) -> None:
    """UsageError when results would land in a source, where the next run would read them as pages."""
    if is_url(destination.root):
        raise UsageError(f"{destination.root}: results cannot be sent to a web address; give a folder or a store")
    for source in sources:
        if source.startswith("@") or is_url(source):
            continue
        if is_store(source) or not destination.local:
            inside = is_store(source) and f"{destination.root.rstrip('/')}/".startswith(f"{source.rstrip('/')}/")
        else:
            inside = os.path.isdir(source) and _within(destination.root, source)
        if inside:
            raise UsageError(
                f"the destination {destination.root} is inside the source {source}: its results would be read as pages; "
                "choose a folder outside"
            )


def lies_in(location: str, destination: Destination) -> bool:
    """Whether a file that a glob or a list names is one of the results."""
    if is_store(location) or not destination.local:
        return is_store(location) and location.startswith(f"{destination.root.rstrip('/')}/")
    return bool(location) and not is_url(location) and _within(location, destination.root)


def _within(path: str, folder: str) -> bool:
    inner, outer = os.path.realpath(path), os.path.realpath(folder)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
