"""Lines that a person corrected, kept as training lines at once: a folder that `inkline finetune --data` reads.

`labels.jsonl` has a row for each line (`image`, `text`, and besides what was read, by which model, with which score), `images/`
their pictures, named by their content: a line that is corrected again replaces its row.
"""

import hashlib
import json
import os
import re
import unicodedata
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
from inkline.types import damage_in

PNG_END = b"IEND\xaeB`\x82"
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
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
        if not picture.startswith(b"\x89PNG") or not picture.endswith(PNG_END):
            raise SourceError("image: must be a whole PNG, as `lineImages` holds")
        text = unicodedata.normalize("NFC", line.text.strip())
        if not any(c.isprintable() and not c.isspace() for c in text) or UNPRINTABLE.search(text):
            raise SourceError("text: must be one line that can be printed")
        for page in read(Source(picture, "image"), ReadOptions(max_image_pixels=MAX_PIXELS, isolate=CAN_ISOLATE)):
            if damage_in(page.warnings):
                raise SourceError("image: is damaged; send the whole of what `lineImages` holds")
        name = f"images/{hashlib.sha256(picture).hexdigest()[:24]}.png"
        row = {"image": name, "text": text, "was": line.oldText, "model": line.model, "score": line.score}
        row["at"] = datetime.now(UTC).isoformat(timespec="seconds")
        try:
            with self._lock:
                rows = {**self._rows(), name: row}
                _replace(self._folder / name, picture)
                lines = "".join(json.dumps(kept, ensure_ascii=False) + "\n" for kept in rows.values())
                _replace(self._folder / "labels.jsonl", lines.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise OutputError(f"{self._folder}: this correction was not saved ({error.strerror or error})") from error
        return len(rows)

    def _rows(self) -> dict[str, dict[str, Any]]:
        """The rows so far, by picture."""
        file = self._folder / "labels.jsonl"
        if not file.exists():
            return {}
        try:
            rows = [json.loads(line) for line in file.read_text("utf-8").split("\n") if line.strip()]
            return {row["image"]: row for row in rows}
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{file}: holds a row that is no correction ({error}); mend or move it, nothing was saved"
            ) from error


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, and onto the disk: it survives a power cut."""
    with atomic_path(path, sync=True) as part:
        part.write_bytes(content)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
