"""What users hand to `predict`: one thing or many, and what happens when one of many is bad."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any
from warnings import warn

from inkline.errors import InklineError
from inkline.io.read import PageImage, read
from inkline.io.sources import Source, expand
from inkline.options import ReadOptions
from inkline.pipeline import OnError


def sources_of(given: Any) -> tuple[Iterator[Source], OnError | None]:
    """The sources, and what to do with a bad one: nothing for a single source, so that its error is raised; a warning
    for one of many, so that the rest is read."""
    found = expand(given)
    first = list(islice(found, 2))
    return chain(first, found), _skip if len(first) > 1 else None


def _skip(source: Source, error: InklineError) -> None:
    warn(f"left out: {error}", UserWarning, stacklevel=4)


def page_images_of(given: Any, options: ReadOptions, on_error: OnError | None = None) -> Iterator[PageImage]:
    """All page images of what was given; `on_error` instead of the rule of `sources_of`."""
    sources, rule = sources_of(given)
    on_error = on_error or rule
    for source in sources:
        try:
            yield from read(source, options)
        except InklineError as error:
            if on_error is None:
                raise
            on_error(source, error)
