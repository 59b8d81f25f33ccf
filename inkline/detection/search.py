"""All that is looked for on a page: lines, what a net overlooks, and the rules of tables."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from inkline.detection.blanks import with_blanks
from inkline.detection.cells import with_lone_glyphs
from inkline.detection.halftone import without_halftone
from inkline.detection.ink import page_ink
from inkline.detection.leaders import erase_leaders
from inkline.detection.multiscale import merge_passes
from inkline.detection.rules import cut_at_rules, find_grids
from inkline.detection.stacks import with_stacks_parted
from inkline.detection.watermark import find_watermark
from inkline.layout.tables import Grid
from inkline.types import Detections, Floats, Image

Find = Callable[[Image], Detections]


@dataclass(frozen=True, eq=False)
class Found:
    """The page without what only leads the eye; its lines, also pale ones, blanks, and glyphs alone; the rules of tables.

    watermark: (N, 2) pixels of a pale watermark's letters, which are no lines unless the net found them.
    """

    image: Image
    lines: Detections
    grids: tuple[Grid, ...] = ()
    watermark: Floats = field(default_factory=lambda: np.zeros((0, 2), np.float32))


def find_all(image: Image, find: Find, find_again: Find) -> Found:
    """All that is found on a page, BGR uint8 (H, W, 3); find_again: as `find`, of an image that is not seen again."""
    even = without_halftone(image)
    if even is not image:
        image, find = _with_more_lines(image, even, find, find_again)
    ink = page_ink(image)
    image = erase_leaders(image, ink)
    found, pale = find(image), find_watermark(image)
    found = found if pale is None else merge_passes(found, find_again(pale.page_without))
    found = with_stacks_parted(found, ink)
    grids = find_grids(found, ink)
    found = with_blanks(cut_at_rules(found, grids, ink), ink)
    everything = Found(image, with_lone_glyphs(found, ink), tuple(grids))
    return everything if pale is None else replace(everything, watermark=pale.letters)


def _with_more_lines(image: Image, even: Image, find: Find, find_again: Find) -> tuple[Image, Find]:
    """The page with its fields of dots made even, and what finds lines on either, if that shows more; else the page as it is.

    Rows of very small letters are as dense as dots, and smoothed away.
    """
    as_it_is, smoothed = find(image), find_again(even)
    both = merge_passes(smoothed, as_it_is)
    if len(merge_passes(as_it_is, smoothed)) - len(as_it_is) <= len(both) - len(smoothed):
        return image, lambda shown: as_it_is if shown is image else find(shown)
    return even, lambda shown: both if shown is even else merge_passes(find_again(shown), as_it_is)
