"""Formats of records: PaddleOCR's JSON, one object per page; CSV, TSV and Parquet, one row per line or word."""

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from inkline.flat import to_flat
from inkline.formats.line_geometry import bounds, certainty, lines_by_paragraph, place_words
from inkline.formats.write import check_packages
from inkline.options import OcrOptions
from inkline.types import Document, Floats, Line, Page, Word

DETECTION_PARAMETERS = ("limit_side_len", "limit_type", "thresh", "max_side_limit", "box_thresh", "unclip_ratio")
CSV_COLUMNS = (
    *("source", "page", "line", "paragraph", "score", "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4"),
    *("text", "unread", "confidence"),
)
TSV_COLUMNS = (  # those of Tesseract
    *("level", "page_num", "block_num", "par_num", "line_num", "word_num"),
    *("left", "top", "width", "height", "conf", "text"),
)


# In indented JSON a bracket before a line end is no part of a text, whose line ends are escaped.
NUMBER = r"-?\d[\d.eE+-]*"
NUMBER_LISTS = re.compile(rf"\[\n\s+{NUMBER}(?:,\n\s+{NUMBER})*\n\s+\]")
POINT_LISTS = re.compile(rf"\[\n\s+\[{NUMBER}, {NUMBER}\](?:,\n\s+\[{NUMBER}, {NUMBER}\])*\n\s+\]")


def with_short_lists(text: str) -> str:
    """Indented JSON with lists of numbers, and of points, on one line each: a box takes a line instead of a dozen."""
    for lists in (NUMBER_LISTS, POINT_LISTS):
        text = lists.sub(lambda found: re.sub(r"\n\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]"), text)
    return text


def render_json(document: Document) -> str:
    """A page's object for a document of one page, else the array of its pages' objects."""
    pages = [page_to_dict(page) for page in document.pages]
    return with_short_lists(json.dumps(pages[0] if len(pages) == 1 else pages, ensure_ascii=False, indent=4)) + "\n"


def render_jsonl(document: Document) -> str:
    """One object per row and page, as in the JSON output; an empty string for a document without pages."""
    return "".join(json.dumps(page_to_dict(page), ensure_ascii=False) + "\n" for page in document.pages)


def page_to_dict(page: Page) -> dict[str, Any]:
    """The page as plain JSON values with the keys of PaddleOCR 3.x, in its order; coordinates in whole source pixels.

    `dt_polys` and `textline_orientation_angles` (0 or 1; -1 where lines were not classified) have an entry for each box
    that was found; the `rec_` keys only for lines at or above the score threshold. `rec_confidences`, `tables`,
    `unread` (polygons and scripts of lines that could not be read) and `warnings` come last, only where there are some.
    Rule: PaddleX 3.7, `OCRResult.json["res"]`; unlike there, coordinates are those of the given file also
    after turning and unwarping.
    """
    settings = {**to_flat(OcrOptions()), **page.settings}  # a page made by hand may lack some
    preprocessing = _preprocessing(page, settings)
    line_angles = bool(settings["use_textline_orientation"])
    out: dict[str, Any] = {"input_path": page.source, "page_index": page.page_index}
    out["model_settings"] = {"use_doc_preprocessor": bool(preprocessing), "use_textline_orientation": line_angles}
    out |= preprocessing
    # All boxes that were found, also those whose text was dropped for its score.
    found = page.detections
    polygons: Any = found.quads if found.polygons is None else found.polygons
    if page.transform is not None:
        to_source = page.transform.quads_to_source if found.polygons is None else page.transform.to_source
        polygons = [to_source(polygon) for polygon in polygons]
    out["dt_polys"] = [_whole(polygon) for polygon in polygons]
    out["text_det_params"] = {name: settings[f"text_det_{name}"] for name in DETECTION_PARAMETERS}
    out["text_type"] = "general"
    if len(found):
        known = line_angles and len(page.line_angles) == len(found)
        out["textline_orientation_angles"] = list(map(int, page.line_angles)) if known else [-1] * len(found)
    out["text_rec_score_thresh"] = settings["text_rec_score_thresh"]
    out["return_word_box"] = bool(settings["return_word_box"])
    warnings = {"warnings": list(page.warnings)} if page.warnings else {}
    ours = _confidences_to_dict(page.read_lines, out["return_word_box"]) if settings["rules"] == "own" else {}
    return out | _lines_to_dict(page, out["return_word_box"]) | ours | _tables_to_dict(page) | _unread_to_dict(page) | warnings


def _preprocessing(page: Page, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The entry on turning and unwarping; empty for a page for which neither was asked."""
    turned, unwarped = bool(settings["use_doc_orientation_classify"]), bool(settings["use_doc_unwarping"])
    if not (turned or unwarped):
        return {}
    out = {"input_path": None, "page_index": None}
    stages = {"use_doc_orientation_classify": turned, "use_doc_unwarping": unwarped}
    angle = page.transform.angle if page.transform is not None else 0
    return {"doc_preprocessor_res": {**out, "model_settings": stages, "angle": angle if turned else -1}}


def _lines_to_dict(page: Page, with_words: bool) -> dict[str, Any]:
    """The lines at or above the score threshold, in columns."""
    lines = page.read_lines
    out: dict[str, Any] = {
        "rec_texts": [line.text for line in lines],
        "rec_scores": [float(line.score) for line in lines],
        "rec_polys": [_whole(line.quad) for line in lines],
        "rec_boxes": [list(bounds([line.quad])) for line in lines],
    }
    if with_words:
        out["text_word_boxes"] = [[list(bounds([word.quad])) for word in line.words] for line in lines]
        out["text_word"] = [[word.text for word in line.words] for line in lines]
    return out


def _confidences_to_dict(lines: tuple[Line, ...], with_words: bool) -> dict[str, Any]:
    """The confidence of lines, and of their words; empty where it is not known."""
    if not lines or any(line.confidence is None for line in lines):
        return {}
    of_words = {"text_word_confidences": [[word.confidence for word in line.words] for line in lines]} if with_words else {}
    return {"rec_confidences": [line.confidence for line in lines], **of_words}


def _tables_to_dict(page: Page) -> dict[str, Any]:
    """The tables: counts of rows and columns, and the cells with text, `lines` being their indices in `rec_texts`."""
    index = {id(line): i for i, line in enumerate(page.read_lines)}
    out = []
    for table in page.tables:
        cells = []
        for (row, column), lines in table.cells.items():
            span = lines[0].cell.span if lines[0].cell else 1
            cell = {"row": row, "column": column, "column_span": span, "text": " ".join(line.text for line in lines)}
            cells.append({**cell, "lines": [index[id(line)] for line in lines]})
        out.append({"rows": table.rows, "columns": table.columns, "cells": cells})
    return {"tables": out} if out else {}


def _unread_to_dict(page: Page) -> dict[str, Any]:
    """The lines that could not be read; empty without any."""
    lost = [{"poly": _whole(line.quad), "script": line.script} for line in page.lines if line.unread]
    return {"unread": lost} if lost else {}


def _whole(points: Floats) -> list[list[int]]:
    """Points (P, 2) as whole pixels."""
    rounded: list[list[int]] = np.rint(points).astype(np.int64).tolist()
    return rounded


def render_csv(document: Document) -> str:
    """CSV (RFC 4180): one row per line of text, its four corners in source pixels, clockwise from top-left as read.

    Pages, lines and paragraphs count from 1; `unread` is 1 for a line that could not be read; `confidence` is empty where it
    is not known.
    """
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for number, page in enumerate(document.pages, 1):
        source = page.source if page.source is not None else document.source or ""
        for i, line in enumerate(page.lines, 1):
            corners = [f"{v:.1f}" for v in line.quad.reshape(-1).tolist()]
            text = line.text.replace("\0", "\ufffd")  # many readers stop at a null character
            place = source, number, i, line.paragraph + 1, f"{line.score:.4f}", *corners
            table.writerow([*place, text, int(line.unread), _rounded(line.confidence)])
    return out.getvalue()


def _rounded(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.4f}"


def render_tsv(document: Document) -> str:
    """TSV with Tesseract's columns: rows for pages, blocks, paragraphs, lines and words; boxes in source pixels.

    Pages count from 1. A paragraph is a block of its own. `conf` is 0..100 for words and -1 for the rest, as in Tesseract 5.
    """
    rows = ["\t".join(TSV_COLUMNS)]
    for number, page in enumerate(document.pages, 1):
        # The numbers are the level (1 page ... 5 word), page, block, paragraph, line and word.
        rows.append(_tsv_row((1, number, 0, 0, 0, 0), [np.array([(0, 0), page.size], np.float32)]))
        for block, lines in enumerate(lines_by_paragraph(page, unread=True), 1):
            quads = [line.quad for line in lines]
            rows.append(_tsv_row((2, number, block, 0, 0, 0), quads))
            rows.append(_tsv_row((3, number, block, 1, 0, 0), quads))
            for i, line in enumerate(lines, 1):
                rows.append(_tsv_row((4, number, block, 1, i, 0), [line.quad]))
                for j, placed in enumerate(place_words(line), 1):
                    word, numbers = placed.word, (5, number, block, 1, i, j)
                    rows.append(_tsv_row(numbers, [word.quad], f"{certainty(word) * 100:.6f}", word.text))
    return "\n".join(rows) + "\n"


def _tsv_row(numbers: tuple[int, ...], quads: list[Floats], confidence: str = "-1", text: str = "") -> str:
    """A row; what would break the table (tabs, line ends, control characters) becomes a space."""
    x0, y0, x1, y1 = bounds(quads)
    cells = (*numbers, x0, y0, x1 - x0, y1 - y0, confidence, re.sub(r"[\x00-\x1f\x7f]", " ", text))
    return "\t".join(map(str, cells))


def render_parquet(document: Document) -> bytes:
    """Parquet: one row per line of text with its page, score, corners and words; OutputError without pyarrow.

    `page`, `line` and `paragraph` count from 0, `quad` is x1 y1 ... x4 y4 in source pixels, clockwise from its top left.
    """
    check_packages(["parquet"])
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, integer, number = pa.string(), pa.int32(), pa.float32()
    quad = pa.list_(number, 8)
    word = pa.struct({"text": text, "score": number, "quad": quad, "confidence": number})
    types = dict.fromkeys(("page", "width", "height", "line", "paragraph"), integer)
    types = {"document": text, **types, "text": text, "score": number, "det_score": number, "quad": quad}
    types |= {"words": pa.list_(word), "script": text, "unread": pa.bool_(), "confidence": number}
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(_parquet_rows(document), schema=pa.schema(types)), out, compression="zstd")
    return out.getvalue()


def _parquet_rows(document: Document) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, page in enumerate(document.pages):
        source = page.source if page.source is not None else document.source
        # What all lines of a page share, then what belongs to each line.
        place: dict[str, Any] = {"document": None if source is None else _valid_unicode(source)}
        place["page"] = number if page.page_index is None else page.page_index
        place["width"], place["height"] = page.size
        for i, line in enumerate(page.lines):
            row = {**place, "line": i, "paragraph": line.paragraph, "det_score": line.det_score}
            row |= {"script": line.script, "unread": line.unread}
            rows.append({**row, **_parquet_text(line), "words": [_parquet_text(word) for word in line.words]})
    return rows


def _parquet_text(item: Line | Word) -> dict[str, Any]:
    text, quad = _valid_unicode(item.text), item.quad.reshape(-1).tolist()
    return {"text": text, "score": item.score, "quad": quad, "confidence": item.confidence}


def _valid_unicode(text: str) -> str:
    """The text with `?` for lone surrogates, which no Arrow string can hold."""
    return text.encode("utf-8", "replace").decode()
