"""The `Ocr` of a service, and those of other languages and tiers that requests ask for."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from inkline.errors import UsageError
from inkline.pipeline import Ocr

MAX_OTHERS = 3  # kept open beside the service's own; the one that was not asked for longest goes


class OcrByRequest:
    """Gives the `Ocr` for a request's languages and tier, opened when first asked for; any thread may ask."""

    def __init__(self, ocr: Ocr, asked: Mapping[str, Any]) -> None:
        """asked: the options that `ocr` was made with, which hold for the others, too."""
        self._own, self._asked = ocr, asked
        self._others: OrderedDict[tuple[str, str], Ocr] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, languages: tuple[str, ...] = (), tier: str = "") -> Ocr:
        """The reader of these languages in this tier; none: as the service is set.

        Errors: UsageError for a language that is not known or not read, or when the server has one recogniser for all.
        """
        if not languages and not tier:
            return self._own
        own = self._own.options
        lang, tier = "+".join(languages) or own.lang, tier or own.tier
        if (lang, tier) == (own.lang, own.tier):
            return self._own
        named = next(
            (name for name in ("text_recognition_model_name", "text_recognition_model_dir") if name in self._asked), ""
        )
        if named and lang != own.lang:
            raise UsageError(f"lang: this server was started with {named}, which reads all requests; leave lang out")
        with self._lock:
            if (lang, tier) not in self._others:
                self._others[lang, tier] = Ocr(**{**self._asked, "lang": lang, "tier": tier})
            self._others.move_to_end((lang, tier))
            # What is dropped ends when the last request that reads with it does.
            while len(self._others) > MAX_OTHERS:
                self._others.popitem(last=False)
            return self._others[lang, tier]
