"""Parquet for many documents: tables of single documents gathered into files of a useful size."""

import io
import secrets
from pathlib import Path
from typing import Any

from inkline.batch.destination import Destination

ROWS = 200_000  # lines of text a file
DOCUMENTS = 2_000  # at most so many wait to be written: what a kill costs


class Shards:
    """Gathers tables and writes `lines-<random>.parquet` files; what waits for a file goes with it."""

    def __init__(self, destination: Destination, staging: Path) -> None:
        self._destination, self._staging = destination, staging
        self._tables: list[Any] = []
        self._waiting: list[Any] = []

    def add(self, content: bytes, waiting: Any) -> None:
        """Add a document's Parquet. waiting: given back by `write` once the document's rows are in place."""
        import pyarrow.parquet as pq

        self._tables.append(pq.read_table(io.BytesIO(content)))
        self._waiting.append(waiting)

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return len(self._waiting) >= DOCUMENTS or sum(table.num_rows for table in self._tables) >= ROWS

    def write(self) -> tuple[str, list[Any]]:
        """Put what was gathered in place; gives the file's name and what waited for it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        name = f"lines-{secrets.token_hex(6)}.parquet"
        if self._waiting:
            path = self._staging / name
            pq.write_table(pa.concat_tables(self._tables), path, compression="zstd")
            self._destination.put(path, name)
        waited, self._waiting, self._tables = self._waiting, [], []
        return name, waited
