"""The ledger of a run: for every file its content, the options and the results, so that a run can be resumed.

SQLite rather than JSON lines: "is this file done?" is one look-up whatever the size (JSON lines would have to be read
whole into memory first, a million rows a start), a half-written row cannot exist, and a row changes when its file does.
The journal is a write-ahead log synced at every commit, so what is noted as done survives a power cut.
One process writes: the one that holds the lock, which the system releases however that process ends.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import filelock

from inkline.batch.task import FileTask, TaskResult
from inkline.errors import OutputError
from inkline.io.sources import document_stem, storable

LEDGER_VERSION = 1
CALLS_PER_COMMIT = 1000  # of look-ups, which may be lost; results are committed at once
SHARD_SUFFIX = ".parquet"  # such a result may hold rows of other files too, so it outlives a file that changes

SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    name        TEXT PRIMARY KEY,      -- path below the source
    stem        TEXT NOT NULL,         -- name of its results without endings
    folded      TEXT NOT NULL UNIQUE,  -- the stem in lower case: on some systems one file
    source      TEXT NOT NULL,
    seen        INTEGER NOT NULL,      -- the last scan of the source that found it
    fingerprint TEXT NOT NULL DEFAULT '',
    content     TEXT NOT NULL DEFAULT '',   -- sha256
    options     TEXT NOT NULL DEFAULT '',   -- hash of all that decides what the results are
    state       TEXT NOT NULL DEFAULT 'open',   -- open, done, partial (damaged, read in part) or failed
    pages       INTEGER NOT NULL DEFAULT 0,
    outputs     TEXT NOT NULL DEFAULT '[]',
    error       TEXT NOT NULL DEFAULT '',   -- why it failed, or what of it is damaged
    attempts    INTEGER NOT NULL DEFAULT 0,
    seconds     REAL NOT NULL DEFAULT 0,
    finished    REAL NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS by_state ON files (state, seen);
"""

READ_STATES = frozenset(("done", "partial"))  # such a file is not read again

OutputsExist = Callable[[list[str]], bool]

# `seen`: this scan has met the file already; `failed`: this run has tried this very file. What an earlier run failed at is
# `open`, as is what changed.
FileState = Literal["seen", "done", "failed", "open"]


class Ledger:
    """An open ledger, held by this process alone. `close` it; a context manager does."""

    def __init__(self, folder: Path, options: str) -> None:
        """folder: where the ledger is, or is made. options: from `options_key`. OutputError when another run has it."""
        self.path = folder / "ledger.sqlite"
        self._options = options
        self._lock = filelock.FileLock(folder / "lock")
        self._take_lock(folder / "owner")
        try:
            with _clear_errors(self.path):
                (folder / "owner").write_text(f"process {os.getpid()}", "utf-8")
                self._db = self._open_database()
                (self._scan,) = self._db.execute("SELECT coalesce(max(seen), 0) FROM files").fetchone()
        except BaseException:
            self._lock.release()
            raise
        self._first_scan = self._scan + 1
        self._calls = 0

    def _take_lock(self, owner: Path) -> None:
        """Lock the ledger for this process; OutputError naming the process that has it."""
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout as error:
            with contextlib.suppress(OSError):
                raise OutputError(
                    f"{self.path}: another run ({owner.read_text('utf-8')}) uses this ledger; wait for it or stop it, "
                    "or give this run another destination or --ledger"
                ) from error
            raise OutputError(f"{self.path}: another run uses this ledger; wait for it or stop it") from error
        except OSError as error:
            raise OutputError(f"{self.path}: the ledger cannot be written: {error.strerror or error}") from error

    def _open_database(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path)
        db.row_factory = sqlite3.Row
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version not in (0, LEDGER_VERSION):
            raise OutputError(f"{self.path}: a ledger of version {version}, made by another Inkline; move it away")
        # Results are synced to the disk when they are noted, not only when the log is merged.
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(SCHEMA + f"PRAGMA user_version={LEDGER_VERSION};")
        # What failed in this run; by the time it happened it could not be told, for clocks go back.
        db.execute("CREATE TEMP TABLE failed_now (name TEXT PRIMARY KEY)")
        return db

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the ledger."""
        with contextlib.suppress(sqlite3.Error):  # a full disk; results were committed before
            self._db.commit()
        self._db.close()
        self._lock.release()

    def new_scan(self) -> None:
        """Say that the sources are listed once more, from their beginning."""
        self._scan += 1

    def is_settled(self, task: FileTask) -> bool:
        """Whether this very file is done, or failed in this run."""
        with _clear_errors(self.path):
            row = self._db.execute(
                "SELECT state FROM files WHERE name=? AND source=? AND fingerprint=? AND options=? "
                "AND (state IN ('done', 'partial') OR state='failed' AND name IN failed_now)",
                (storable(task.name), storable(task.source), task.fingerprint, self._options),
            ).fetchone()
        return row is not None

    def look_up(self, task: FileTask, outputs_exist: OutputsExist) -> tuple[FileState, FileTask]:
        """The state of a listed file, which gets its row, and its task with a name and stem that no other file has.

        outputs_exist: tells whether results (names below the destination) are in place.
        """
        with _clear_errors(self.path):
            name, row = self._row_of(task)
            if row is None:
                return "open", replace(task, name=name, stem=self._claim_stem(name, task))
            task = replace(task, name=name, stem=row["stem"])
            if row["seen"] == self._scan:
                return "seen", task
            source = storable(task.source)
            self._db.execute("UPDATE files SET seen=?, source=? WHERE name=?", (self._scan, source, name))
            self._commit_sometimes()
            return self._state_of(task, row, outputs_exist)

    def _state_of(self, task: FileTask, row: sqlite3.Row, outputs_exist: OutputsExist) -> tuple[FileState, FileTask]:
        """The state of a file that has a row."""
        same_options = row["options"] == self._options
        same_file = same_options and row["fingerprint"] and row["fingerprint"] == task.fingerprint
        if same_file and row["state"] in READ_STATES and outputs_exist(json.loads(row["outputs"])):
            return "done", task
        if same_file and row["state"] == "failed" and self._failed_now(task.name):
            return "failed", task
        changed = same_options and row["state"] in READ_STATES and not same_file
        return "open", replace(task, changed=changed)

    def was_read_otherwise(self, task: FileTask) -> bool:
        """Whether this very file was read before, with other options or formats."""
        with _clear_errors(self.path):
            row = self._row(task.name)
        return (
            row is not None
            and row["state"] in READ_STATES
            and bool(row["fingerprint"])
            and row["fingerprint"] == task.fingerprint
            and row["options"] != self._options
        )

    def _failed_now(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM failed_now WHERE name=?", (name,)).fetchone() is not None

    def has_content(self, task: FileTask, content: str, outputs_exist: OutputsExist) -> bool:
        """Whether a file that looked changed was read before with this very content; then its fingerprint is updated."""
        with _clear_errors(self.path):
            row = self._row(task.name)
            if row is None or (row["content"], row["options"]) != (content, self._options):
                return False
            if row["state"] not in READ_STATES or not outputs_exist(json.loads(row["outputs"])):
                return False
            self._db.execute("UPDATE files SET fingerprint=? WHERE name=?", (task.fingerprint, task.name))
            self._commit_sometimes()
            return True

    def is_partial(self, task: FileTask) -> bool:
        """Whether a file that is done was damaged and read in part."""
        with _clear_errors(self.path):
            row = self._row(task.name)
        return row is not None and bool(row["state"] == "partial")

    def save_result(self, task: FileTask, result: TaskResult, seconds: float) -> list[str]:
        """Note how a file ended, for good.

        Gives results of the same options that no longer belong to this file: of pages that a changed document has lost.
        """
        if result.error:
            state, reason = "failed", result.error
        else:
            state, reason = "partial" if result.damage else "done", result.damage
        with _clear_errors(self.path):
            before = self._row(task.name)
            assert before is not None  # `look_up` has made it
            self._db.execute(
                "UPDATE files SET fingerprint=?, content=?, options=?, state=?, pages=?, outputs=?, error=?, attempts=?, "
                "seconds=?, finished=? WHERE name=?",
                (task.fingerprint, result.content, self._options, state, result.pages,
                 json.dumps(result.outputs), storable(reason), task.attempt, round(seconds, 3), time.time(), task.name),
            )  # fmt: skip
            if state == "failed":
                self._db.execute("INSERT OR IGNORE INTO failed_now VALUES (?)", (task.name,))
            self._db.commit()
        old_outputs = json.loads(before["outputs"]) if before["options"] == self._options else []
        return [name for name in old_outputs if name not in result.outputs and not name.endswith(SHARD_SUFFIX)]

    def failures(self) -> Iterator[dict[str, Any]]:
        """The files of this run that failed, as rows of failures.jsonl."""
        with _clear_errors(self.path):
            for row in self._db.execute(
                "SELECT source, name, error, attempts, pages, outputs FROM files WHERE state='failed' AND seen>=? "
                "ORDER BY rowid",
                (self._first_scan,),
            ):
                yield {**dict(row), "outputs": json.loads(row["outputs"])}

    def _row(self, name: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute("SELECT * FROM files WHERE name=?", (name,)).fetchone()
        return row

    def _row_of(self, task: FileTask) -> tuple[str, sqlite3.Row | None]:
        """The name and the row of a file; another name when this scan met the name for another source."""
        task = replace(task, name=storable(task.name), source=storable(task.source))
        name, count = task.name, 1
        while (row := self._row(name)) is not None and row["seen"] == self._scan and row["source"] != task.source:
            count += 1
            name = f"{task.name}~{count}"
        return name, row

    def _claim_stem(self, name: str, task: FileTask) -> str:
        """A stem that no other file has: the name without its suffix, else with it, else with a number."""
        place = PurePosixPath(storable(task.name))
        short = document_stem(place.name)
        for choice in chain((short, place.name[-200:]), (f"{short}_{i}" for i in range(2, 10**6))):
            stem = str(place.parent / choice)
            cursor = self._db.execute(
                "INSERT INTO files (name, stem, folded, source, seen) VALUES (?, ?, ?, ?, ?) ON CONFLICT (folded) DO NOTHING",
                (name, stem, stem.casefold(), storable(task.source), self._scan),
            )
            if cursor.rowcount:
                self._commit_sometimes()
                return stem
        raise OutputError(f"{task.source}: a million files of this name; give them different ones")

    def _commit_sometimes(self) -> None:
        self._calls += 1
        if self._calls % CALLS_PER_COMMIT == 0:
            self._db.commit()


@contextlib.contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Errors of the database and its disk as OutputError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        full = "full" in str(error) or "I/O" in str(error)
        step = "make room and run the same command again" if full else "move this file away, or give another --ledger"
        raise OutputError(f"{path}: the ledger cannot be used ({error}); {step}") from error
    except OSError as error:
        raise OutputError(f"{path}: the ledger cannot be written: {error.strerror or error}") from error
