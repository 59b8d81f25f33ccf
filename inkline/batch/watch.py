"""A hot folder: files are taken once they have stopped growing."""

import time
from collections.abc import Callable, Iterator

from inkline.batch.ledger import Ledger
from inkline.batch.listing import Item


def watched(look: Callable[[], Iterator[Item]], ledger: Ledger, interval: float) -> Iterator[Item | None]:
    """The items of a source that is looked at again and again, each when two looks in a row saw it the same; never ends.

    Between two looks it gives None. Kept in memory are only the files that are not settled in the ledger. What is not
    there (an empty folder, a store that does not answer) is no item here: the next look may find more.
    """
    before: dict[str, str] = {}
    while True:
        ledger.new_look()
        now: dict[str, str] = {}
        for item in look():
            if not item.fingerprint or ledger.is_settled(item):
                continue
            if before.get(item.source) == item.fingerprint:
                yield item
            else:
                now[item.source] = item.fingerprint
        before = now
        end = time.monotonic() + interval
        while time.monotonic() < end:
            yield None
