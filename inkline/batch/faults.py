"""Which errors may pass when tried again, and which stop a whole run."""

import errno
from collections.abc import Iterator

from inkline.errors import InklineError

PASSING = frozenset(
    (errno.EAGAIN, errno.EINTR, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ESTALE, errno.ETIMEDOUT)
)
FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def may_pass(error: BaseException) -> bool:
    """Whether the same may work later: broken connections, busy servers, a file system or memory in trouble."""
    for one in _chain(error):
        if isinstance(one, InklineError) and one.may_pass:
            return True
        if isinstance(one, (ConnectionError, TimeoutError, MemoryError)):
            return True
        if isinstance(one, OSError) and one.errno in PASSING:
            return True
    return False


def disk_full(error: BaseException) -> bool:
    """Whether a disk, a quota or a limit on file sizes is at its end: every further file would fail the same way."""
    return any(isinstance(one, OSError) and one.errno in FULL for one in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what led to it."""
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__
