"""The JSON of PaddleOCR 3.x: the same keys, in the same order, of the same types.

One difference is on purpose: coordinates are those of the file the user gave, also after turning and unwarping.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from inkline.flat import to_flat
from inkline.options import OcrOptions
from inkline.types import Document, Floats, Page

SUFFIX = ".json"

DETECT_PARAMS = ("limit_side_len", "limit_type", "thresh", "max_side_limit", "box_thresh", "unclip_ratio")


def render(document: Document) -> str:
    """A page's object for a document of one page, else the array of its pages' objects."""
    pages = [page_to_dict(page) for page in document.pages]
    return json.dumps(pages[0] if len(pages) == 1 else pages, ensure_ascii=False, indent=4) + "\n"


def page_to_dict(page: Page) -> dict[str, Any]:
    """The page as plain JSON values, coordinates in whole source pixels.

    `dt_polys` and `textline_orientation_angles` (0 or 1; -1 when not asked) have an entry for each box that was found;
    the `rec_` keys only for lines at or above the score threshold. Rule: PaddleX 3.7, `OCRResult.json["res"]`.
    """
    settings = {**to_flat(OcrOptions()), **page.settings}
    turned = bool(settings["use_doc_orientation_classify"])
    unwarped = bool(settings["use_doc_unwarping"])
    found = page.detections
    polygons: Any = found.quads if found.polygons is None else found.polygons
    out: dict[str, Any] = {
        "input_path": page.source,
        "page_index": page.page_index,
        "model_settings": {
            "use_doc_preprocessor": turned or unwarped,
            "use_textline_orientation": bool(settings["use_textline_orientation"]),
        },
    }
    if turned or unwarped:
        out["doc_preprocessor_res"] = {
            "input_path": None,
            "page_index": None,
            "model_settings": {"use_doc_orientation_classify": turned, "use_doc_unwarping": unwarped},
            "angle": -1 if not turned else 0 if page.transform is None else page.transform.angle,
        }
    out["dt_polys"] = [_ints(p if page.transform is None else page.transform.to_source(p)) for p in polygons]
    out["text_det_params"] = {name: settings[f"text_det_{name}"] for name in DETECT_PARAMS}
    out["text_type"] = "general"
    if len(found):
        out["textline_orientation_angles"] = _line_angles(page, settings)
    out["text_rec_score_thresh"] = settings["text_rec_score_thresh"]
    out["return_word_box"] = bool(settings["return_word_box"])
    out["rec_texts"] = [line.text for line in page.lines]
    out["rec_scores"] = [float(line.score) for line in page.lines]
    out["rec_polys"] = [_ints(line.quad) for line in page.lines]
    out["rec_boxes"] = [_bounds(line.quad) for line in page.lines]
    if out["return_word_box"]:
        out["text_word_boxes"] = [[_bounds(word.quad) for word in line.words] for line in page.lines]
        out["text_word"] = [[word.text for word in line.words] for line in page.lines]
    return out


def _line_angles(page: Page, settings: Mapping[str, Any]) -> list[int]:
    """0 or 1 (turned by 180 degrees) for each box, or -1 each when lines were not asked."""
    if settings["use_textline_orientation"] and len(page.line_angles) == len(page.detections):
        return [int(angle) for angle in page.line_angles]
    return [-1] * len(page.detections)


def _ints(points: Floats) -> list[list[int]]:
    """Points (P, 2) as whole pixels."""
    rounded: list[list[int]] = np.rint(points).astype(np.int64).tolist()
    return rounded


def _bounds(quad: Floats) -> list[int]:
    """[x_min, y_min, x_max, y_max] of a quad, in whole pixels."""
    points = np.array(_ints(quad))
    bounds: list[int] = [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]
    return bounds
