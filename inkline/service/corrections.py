"""Lines that a person corrected, kept as training lines at once: a folder that `inkline finetune --data` reads.

`labels.jsonl` has a row for each line (`image`, `text`, and besides what was read, by which model, with which score), `images/`
their pictures, named by their content: a line that is corrected again replaces its row.
"""

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from inkline.errors import OutputError, SourceError
from inkline.files import atomic_path, made_folder
from inkline.io.isolated import CAN_ISOLATE
from inkline.io.read import read
from inkline.io.sources import Source
from inkline.options import ReadOptions
from inkline.service.schemas import CorrectionRequest

MAX_PIXELS = 20_000_000  # of a line's picture


class Corrections:
    """The folder; several threads and processes may save into it."""

    def __init__(self, folder: str) -> None:
        """OutputError when nothing can be written there."""
        self._folder = made_folder(Path(folder))
        made_folder(self._folder / "images")
        self._lock = FileLock(self._folder / ".lock")

    def save(self, line: CorrectionRequest, picture: bytes) -> int:
        """Keep a corrected line, on the disk before this returns; gives how many there are.

        picture: PNG. Errors: SourceError for what is none, OutputError when the disk is full.
        """
        if not picture.startswith(b"\x89PNG"):
            raise SourceError("image: must be a PNG, as `lineImages` holds")
        for _ in read(Source(picture, "image"), ReadOptions(max_image_pixels=MAX_PIXELS, isolate=CAN_ISOLATE)):
            pass
        name = f"images/{hashlib.sha256(picture).hexdigest()[:24]}.png"
        row = {"image": name, "text": line.text, "was": line.oldText, "model": line.model, "score": line.score}
        row["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with self._lock:
                rows = {**self._rows(), name: row}
                _replace(self._folder / name, picture)
                text = "".join(json.dumps(kept, ensure_ascii=False) + "\n" for kept in rows.values())
                _replace(self._folder / "labels.jsonl", text.encode())
        except OSError as error:
            raise OutputError(f"{self._folder}: this correction was not saved ({error.strerror or error})") from error
        return len(rows)

    def _rows(self) -> dict[str, dict[str, Any]]:
        """The rows so far, by picture."""
        file = self._folder / "labels.jsonl"
        if not file.exists():
            return {}
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        return {row["image"]: row for row in rows}


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and onto the disk: it survives a power cut."""
    with atomic_path(path, sync=True) as part:
        part.write_bytes(content)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
