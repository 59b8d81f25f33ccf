"""Every error that Inkline raises on purpose.

    InklineError                 exit 1, HTTP 500
    ├── InputError               exit 1, HTTP 422   the user's file or argument cannot be used
    │   ├── SourceError                             a file, URL, array or PDF that cannot be read
    │   │   ├── MissingFileError                    no such file; also a FileNotFoundError
    │   │   ├── TooLargeError                       more pixels, pages or bytes than the limit
    │   │   ├── PasswordError                       a PDF whose password is missing or wrong
    │   │   └── SlowSourceError                     a file that took longer to decode than it may
    │   └── DataError                               labels, charsets and data sets for training or scoring
    ├── UsageError               exit 2, HTTP 422   an option, name or combination that does not exist
    │   └── StageError                              a stage asked of a call whose model was not opened
    ├── ModelError               exit 1, HTTP 500   a model file that is missing, damaged or of another kind
    │   └── DownloadError               HTTP 503    no source of a model could be reached
    ├── EngineError              exit 1, HTTP 500   a runtime or device that is not there, or an input it refuses
    ├── OutputError              exit 1, HTTP 500   results that could not be written
    ├── BusyError                exit 1, HTTP 503   the service's queue is full or it is shutting down
    └── DeadlineError            exit 1, HTTP 504   the service did not finish a request in its time

A message is one line: it names the value, the reason and the next step. A traceback reaches a user only for our own mistakes.
"""

import difflib
from collections.abc import Iterable


class InklineError(Exception):
    """Base of all errors raised on purpose; `exit_code` is for the command line, `http_status` for the service.

    may_pass: whether the same may work a little later (a server that is busy, a connection that broke).
    """

    exit_code = 1
    http_status = 500
    may_pass = False


class InputError(InklineError):
    """The user's input cannot be used."""

    http_status = 422


class SourceError(InputError):
    """A file, URL, array or PDF cannot be read as pages."""


class MissingFileError(SourceError, FileNotFoundError):
    """A file or folder is not there."""


class TooLargeError(SourceError):
    """An input exceeds the limit on pixels, pages or bytes."""


class PasswordError(SourceError):
    """A PDF's password is missing or wrong."""


class SlowSourceError(SourceError):
    """A file, or a page of it, took longer to decode than its time limit."""


class DataError(InputError):
    """A data set, label file or charset cannot be used."""


class UsageError(InklineError, ValueError):
    """An option, a name or a combination of them does not exist."""

    exit_code = 2
    http_status = 422


class StageError(UsageError):
    """A call asks for a stage whose model was not opened; the message begins with `<option>=`."""


class ModelError(InklineError):
    """A model file is missing, damaged or of another kind than asked for."""


class DownloadError(ModelError):
    """No source of a model could be reached."""

    http_status = 503
    may_pass = True


class NotInstalledError(DownloadError):
    """A model comes with a package that is not installed."""

    may_pass = False


class EngineError(InklineError):
    """A runtime or device is not available, or a net cannot be run on an input."""


class OutputError(InklineError):
    """Results could not be written."""


class BusyError(InklineError):
    """The service cannot take a request now."""

    http_status = 503


class DeadlineError(InklineError):
    """The service gave up a request that took too long."""

    http_status = 504


def near(name: object, known: Iterable[str], count: int = 3) -> str:
    """`"; did you mean 'a' or 'b'?"` with the known names nearest to `name`, or an empty string when none is near."""
    close = nearest(name, known, count)
    return f"; did you mean {' or '.join(map(repr, close))}?" if close else ""


def nearest(name: object, known: Iterable[str], count: int = 3) -> list[str]:
    """The known names nearest to `name`, the nearest first; none where none is near."""
    lowered = {k.casefold(): k for k in known}
    return [lowered[c] for c in difflib.get_close_matches(str(name).casefold(), list(lowered), n=count, cutoff=0.5)]
