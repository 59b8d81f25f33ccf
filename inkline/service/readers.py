"""The `Ocr` of a service, and those of other languages and tiers that requests ask for."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inkline.errors import UsageError
from inkline.languages import canonical
from inkline.options import AUTO
from inkline.pipeline import Ocr

MAX_OTHERS = 3  # kept open beside the service's own; the one that was not asked for longest goes


@dataclass(eq=False)
class _Other:
    """One of them; the lock is held while it is opened, so that it is opened once and nobody else waits."""

    ocr: Ocr | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class OcrByRequest:
    """Gives the `Ocr` for a request's languages and tier, opened when first asked for; any thread may ask."""

    def __init__(self, ocr: Ocr, asked: Mapping[str, Any]) -> None:
        """asked: the options that `ocr` was made with, which hold for the others, too."""
        self._own, self._asked = ocr, asked
        self._others: OrderedDict[tuple[str, str], _Other] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, languages: tuple[str, ...] = (), tier: str = "") -> Ocr:
        """The reader of these languages, each by itself, in this tier; none: as the service is set.

        Errors: UsageError for a language that is not known or not read, or when the server has one recogniser for all.
        """
        if not languages and not tier:
            return self._own
        own = self._own.options
        lang, tier = "+".join(_codes(languages)) or own.lang, tier or own.tier
        if (lang, tier) == (own.lang, own.tier):
            return self._own
        names = ("text_recognition_model_name", "text_recognition_model_dir")
        named = next((name for name in names if name in self._asked), "")
        if named and lang != own.lang:
            raise UsageError(f"lang: this server was started with {named}, which reads all requests; leave lang out")
        with self._lock:
            other = self._others.setdefault((lang, tier), _Other())
            self._others.move_to_end((lang, tier))
            # What is dropped ends when the last request that reads with it does.
            while len(self._others) > MAX_OTHERS:
                self._others.popitem(last=False)
        with other.lock:
            if other.ocr is None:
                other.ocr = Ocr(**{**self._asked, "lang": lang, "tier": tier})
            return other.ocr


def _codes(languages: tuple[str, ...]) -> list[str]:
    """The codes of languages that are given by any name, so that each way of asking for the same opens the same."""
    return [AUTO if name.lower() == AUTO else canonical(name) for name in languages]
