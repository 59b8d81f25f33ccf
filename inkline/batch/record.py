"""A page as plain JSON values and back, exactly: how pages wait on disk, and travel between machines, without pixels.

JSON and not pickle, because a file that lies in a results folder must not be able to run code when it is read.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from inkline.types import Detections, Floats, Line, Page, Transform, Word

Record = dict[str, Any]


def to_record(page: Page) -> Record:
    """All that `page` holds but its image; numbers keep every bit."""
    transform = page.transform
    found = page.detections
    return {
        "lines": [_line(line) for line in page.lines],
        "size": list(page.size),
        "source": page.source,
        "page_index": page.page_index,
        "found": {
            "quads": found.quads.tolist(),
            "scores": found.scores.tolist(),
            "polygons": None if found.polygons is None else [polygon.tolist() for polygon in found.polygons],
        },
        "line_angles": list(page.line_angles),
        "transform": transform
        and {
            "size": list(transform.size),
            "angle": transform.angle,
            "grid": None if transform.grid is None else transform.grid.tolist(),
        },
        "settings": dict(page.settings),
        "warnings": list(page.warnings),
    }


def from_record(record: Mapping[str, Any]) -> Page:
    """The page again; `load_image` is None."""
    found, transform = record["found"], record["transform"]
    polygons = found["polygons"]
    width, height = record["size"]
    return Page(
        lines=tuple(_line_again(line) for line in record["lines"]),
        size=(width, height),
        source=record["source"],
        page_index=record["page_index"],
        detections=Detections(
            _floats(found["quads"]).reshape(-1, 4, 2),
            _floats(found["scores"]),
            None if polygons is None else tuple(_floats(polygon).reshape(-1, 2) for polygon in polygons),
        ),
        line_angles=tuple(record["line_angles"]),
        transform=transform and _transform_again(transform),
        settings=record["settings"],
        warnings=tuple(record["warnings"]),
    )


def _line(line: Line) -> Record:
    return {
        "text": line.text,
        "score": float(line.score),
        "quad": line.quad.tolist(),
        "straight_quad": line.straight_quad.tolist(),
        "det_score": float(line.det_score),
        "angle": line.angle,
        "words": [{"text": w.text, "score": float(w.score), "quad": w.quad.tolist()} for w in line.words],
        "paragraph": line.paragraph,
    }


def _line_again(record: Mapping[str, Any]) -> Line:
    words = tuple(Word(w["text"], w["score"], _floats(w["quad"])) for w in record["words"])
    line = Line(record["text"], record["score"], _floats(record["quad"]), _floats(record["straight_quad"]))
    rest = {name: record[name] for name in ("det_score", "angle", "paragraph")}
    return replace(line, words=words, **rest)


def _transform_again(record: Mapping[str, Any]) -> Transform:
    width, height = record["size"]
    return Transform((width, height), record["angle"], None if record["grid"] is None else _floats(record["grid"]))


def _floats(values: Any) -> Floats:
    return np.array(values, np.float32)
