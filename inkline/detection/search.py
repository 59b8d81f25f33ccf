"""All that is looked for on a page: lines, what a net overlooks, and the rules of tables."""

from collections.abc import Callable

from inkline.detection.blanks import with_blanks
from inkline.detection.cells import with_lone_glyphs
from inkline.detection.ink import page_ink
from inkline.detection.leaders import erase_leaders
from inkline.detection.multiscale import merge_passes
from inkline.detection.rules import cut_at_rules, find_grids
from inkline.detection.watermark import without_pale
from inkline.layout.tables import Grid
from inkline.types import Detections, Image

Find = Callable[[Image], Detections]


def find_all(image: Image, find: Find, find_again: Find) -> tuple[Image, Detections, list[Grid]]:
    """The page without what only leads the eye; its lines, also pale ones, blanks, and glyphs alone; the rules of tables."""
    ink = page_ink(image)
    image = erase_leaders(image, ink)
    found, pale = find(image), without_pale(image)
    found = found if pale is None else merge_passes(found, find_again(pale))
    grids = find_grids(found, ink)
    found = with_blanks(cut_at_rules(found, grids, ink), ink)
    return image, with_lone_glyphs(found, ink), grids
