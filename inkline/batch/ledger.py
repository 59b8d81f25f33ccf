"""The ledger of a run: for every file its content, the options and the results, so that a run can go on where it was.

SQLite rather than JSON lines: "is this file done?" is one look-up whatever the size (JSON lines would have to be read
whole into memory first, a million rows a start), a half-written row cannot exist, and a row changes when its file does.
The journal is a write-ahead log synced at every commit, so what is told to be done survives a power cut.
One process writes: the one that holds the lock, which the system releases however that process ends.
"""

import contextlib
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from inkline.batch.listing import Item
from inkline.errors import OutputError
from inkline.flat import flat_fields, to_flat
from inkline.io.sources import document_stem
from inkline.options import EngineOptions, OcrOptions, ReadOptions

VERSION = 1
LOOKS_A_COMMIT = 1000
SHARD = ".parquet"  # such a result may hold rows of other files too, so it outlives a file that changes

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    name        TEXT PRIMARY KEY,      -- place below the source
    stem        TEXT NOT NULL,         -- what its results are called
    folded      TEXT NOT NULL UNIQUE,  -- the stem in small letters: one file on some systems
    source      TEXT NOT NULL,
    seen        INTEGER NOT NULL,      -- the last look at the source that met it
    fingerprint TEXT NOT NULL DEFAULT '',
    content     TEXT NOT NULL DEFAULT '',   -- sha256
    options     TEXT NOT NULL DEFAULT '',   -- hash of all that decides what the results are
    state       TEXT NOT NULL DEFAULT 'open',   -- open, done or failed
    pages       INTEGER NOT NULL DEFAULT 0,
    outputs     TEXT NOT NULL DEFAULT '[]',
    error       TEXT NOT NULL DEFAULT '',
    attempts    INTEGER NOT NULL DEFAULT 0,
    seconds     REAL NOT NULL DEFAULT 0,
    finished    REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_state ON files (state, seen);
"""

# What a result does not depend on: engines agree, and the rest only says whether and how long one tries.
WITHOUT_EFFECT = frozenset(("pdf_password", "max_source_bytes", "allow_urls", "url_timeout"))


OutputsThere = Callable[[list[str]], bool]


@dataclass(frozen=True)
class Entry:
    """What the ledger knows of an item. state: `again` when this look has met it already; `failed` when this run has tried
    this very file; what an earlier run failed at is `open`, as is what changed.

    changed: it is open because it looks changed since it was done with these options.
    name: the item's, or one made from it where two sources have the same. stem: what its results are called.
    """

    name: str
    stem: str
    state: Literal["again", "done", "failed", "open"]
    changed: bool = False


@dataclass(frozen=True)
class Result:
    """How reading a file ended. error: empty when all of it was read; outputs: names below the destination."""

    content: str = ""
    pages: int = 0
    outputs: tuple[str, ...] = ()
    error: str = ""


def options_key(options: OcrOptions, read_options: ReadOptions, formats: Sequence[str]) -> str:
    """A hash of all that decides what the results are: options, models and formats, not engines and limits of time."""
    values: dict[str, Any] = {**to_flat(options), **to_flat(read_options), "formats": sorted(formats)}
    for name in (*flat_fields(EngineOptions), *WITHOUT_EFFECT):
        del values[name]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:32]


class Ledger:
    """An open ledger, held by this process alone. `close` it; a context manager does."""

    def __init__(self, folder: Path, options: str) -> None:
        """folder: where the ledger is or shall be. options: from `options_key`. OutputError when another run has it."""
        import filelock

        self.path = folder / "ledger.sqlite"
        self._options = options
        self._lock = filelock.FileLock(folder / "lock")
        owner = folder / "owner"
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            with contextlib.suppress(OSError):
                raise OutputError(
                    f"{self.path}: another run ({owner.read_text('utf-8')}) uses this ledger; wait for it or stop it, "
                    "or give this run another destination or --ledger"
                ) from error
            raise OutputError(f"{self.path}: another run uses this ledger; wait for it or stop it") from error
        try:
            with _said_clearly(self.path):
                owner.write_text(f"process {os.getpid()}", "utf-8")
                self._db = sqlite3.connect(self.path)
                (version,) = self._db.execute("PRAGMA user_version").fetchone()
                if version not in (0, VERSION):
                    raise OutputError(
                        f"{self.path}: a ledger of version {version}, made by another Inkline; move it away"
                    )
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(SCHEMA + f"PRAGMA user_version={VERSION};")
                (self._seen,) = self._db.execute("SELECT coalesce(max(seen), 0) FROM files").fetchone()
                self._first = self._seen + 1
        except BaseException:
            self._lock.release()
            raise
        self._looks = 0
        self._opened = time.time()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the ledger to others."""
        with contextlib.suppress(sqlite3.Error):  # a full disk; what counts was committed before
            self._db.commit()
        self._db.close()
        self._lock.release()

    def new_look(self) -> None:
        """From now on the sources are gone through once more, from their beginning."""
        self._seen += 1

    def is_settled(self, item: Item) -> bool:
        """Whether this very file is done, or was given up in this run."""
        with _said_clearly(self.path):
            row = self._db.execute(
                "SELECT state FROM files WHERE name=? AND source=? AND fingerprint=? AND options=? "
                "AND (state='done' OR state='failed' AND finished>=?)",
                (item.name, item.source, item.fingerprint, self._options, self._opened),
            ).fetchone()
        return row is not None

    def look(self, item: Item, outputs_there: OutputsThere) -> Entry:
        """What is known of an item, which gets its row. outputs_there: tells whether results (names) are in place."""
        with _said_clearly(self.path):
            name, row = self._row(item)
            if row is None:
                stem = self._claim(name, item)
                return Entry(name, stem, "open")
            stem, _, seen, fingerprint, options, state, outputs, finished = row
            if seen == self._seen:
                return Entry(name, stem, "again")
            self._db.execute("UPDATE files SET seen=?, source=? WHERE name=?", (self._seen, item.source, name))
            self._commit_now_and_then()
            same = options == self._options and fingerprint and fingerprint == item.fingerprint
            if same and state == "done" and outputs_there(json.loads(outputs)):
                return Entry(name, stem, "done")
            if same and state == "failed" and finished >= self._opened:
                return Entry(name, stem, "failed")
            return Entry(name, stem, "open", changed=state == "done" and options == self._options and not same)

    def knows_content(self, name: str, fingerprint: str, content: str, outputs_there: OutputsThere) -> bool:
        """Whether a file that looked changed was read before with this very content; then its look is noted."""
        with _said_clearly(self.path):
            row = self._db.execute(
                "SELECT content, options, state, outputs FROM files WHERE name=?", (name,)
            ).fetchone()
            if row is None or row[:3] != (content, self._options, "done") or not outputs_there(json.loads(row[3])):
                return False
            self._db.execute("UPDATE files SET fingerprint=? WHERE name=?", (fingerprint, name))
            self._commit_now_and_then()
            return True

    def finish(self, name: str, fingerprint: str, result: Result, attempts: int, seconds: float) -> list[str]:
        """Note how a file ended, for good. Gives results of the same options that are none of this file any more: pages
        that a changed document has no longer."""
        with _said_clearly(self.path):
            before, options = self._db.execute("SELECT outputs, options FROM files WHERE name=?", (name,)).fetchone()
            self._db.execute(
                "UPDATE files SET fingerprint=?, content=?, options=?, state=?, pages=?, outputs=?, error=?, attempts=?, "
                "seconds=?, finished=? WHERE name=?",
                (fingerprint, result.content, self._options, "failed" if result.error else "done", result.pages,
                 json.dumps(result.outputs), result.error, attempts, round(seconds, 3), time.time(), name),
            )  # fmt: skip
            self._db.commit()
        gone = [old for old in json.loads(before) if old not in result.outputs and not old.endswith(SHARD)]
        return gone if options == self._options else []

    def failures(self) -> Iterator[dict[str, Any]]:
        """The files of this run that failed, as rows of failures.jsonl."""
        columns = ("source", "name", "error", "attempts", "pages", "outputs")
        with _said_clearly(self.path):
            rows = self._db.execute(
                f"SELECT {', '.join(columns)} FROM files WHERE state='failed' AND seen>=? ORDER BY rowid",
                (self._first,),
            )
            for row in rows:
                yield {**dict(zip(columns, row, strict=True)), "outputs": json.loads(row[-1])}

    def _row(self, item: Item) -> tuple[str, Any]:
        """The name and the row of an item; another name when this look met it for another source."""
        name, count = item.name, 1
        while True:
            row = self._db.execute(
                "SELECT stem, source, seen, fingerprint, options, state, outputs, finished FROM files WHERE name=?",
                (name,),
            ).fetchone()
            if row is None or row[2] != self._seen or row[1] == item.source:
                return name, row
            count += 1
            name = f"{item.name}~{count}"

    def _claim(self, name: str, item: Item) -> str:
        """A stem that no other file has: the name without its ending, else with it, else with a number."""
        place = PurePosixPath(item.name)
        short = document_stem(place.name)
        for choice in chain((short, place.name[-200:]), (f"{short}_{i}" for i in range(2, 10**6))):
            stem = str(place.parent / choice)
            values = (name, stem, stem.casefold(), item.source, self._seen)
            cursor = self._db.execute(
                "INSERT INTO files (name, stem, folded, source, seen) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (folded) DO NOTHING",
                values,
            )
            if cursor.rowcount:
                self._commit_now_and_then()
                return stem
        raise OutputError(f"{item.source}: a million files of this name; give them different ones")

    def _commit_now_and_then(self) -> None:
        self._looks += 1
        if self._looks % LOOKS_A_COMMIT == 0:
            self._db.commit()


@contextlib.contextmanager
def _said_clearly(path: Path) -> Iterator[None]:
    """Errors of the data base and its disk as OutputError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        full = "full" in str(error) or "I/O" in str(error)
        step = "make room and run the same command again" if full else "move this file away, or give another --ledger"
        raise OutputError(f"{path}: the ledger cannot be used ({error}); {step}") from error
    except OSError as error:
        raise OutputError(f"{path}: the ledger cannot be written: {error.strerror or error}") from error
