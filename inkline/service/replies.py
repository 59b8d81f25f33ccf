"""Bodies of answers, in both contracts (FACTS 6.1)."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from inkline.formats.draw import draw_page, draw_preprocessing, encode_image, straighten
from inkline.formats.records import page_to_dict
from inkline.paddle.results import DocPreprocessorResult
from inkline.service.fields import Contract
from inkline.service.reading import Given
from inkline.types import Image, Page

DROPPED = ("input_path", "page_index")  # what `prunedResult` leaves out, at every level


def dump(body: Mapping[str, Any]) -> bytes:
    """A body as UTF-8 JSON."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def success(log_id: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """The body of every answer that went well."""
    return {"logId": log_id, "errorCode": 0, "errorMsg": "Success", "result": result}


def failure(log_id: str, status: int, message: str) -> dict[str, Any]:
    """The body of every error."""
    return {"logId": log_id, "errorCode": status, "errorMsg": message}


def ocr_result(page: Page, contract: Contract, pictures: Mapping[str, str]) -> dict[str, Any]:
    """One element of `ocrResults`. pictures: field of the current contract -> JPEG in Base64."""
    out: dict[str, Any] = {}
    full = page_to_dict(page)
    if contract != "first":
        out |= {"prunedResult": prune(full), **pictures}
    if contract != "current":
        rows = zip(full["rec_polys"], full["rec_texts"], full["rec_scores"], strict=True)
        out["texts"] = [{"poly": poly, "text": text, "score": score} for poly, text, score in rows]
        if "ocrImage" in pictures:
            out["image"] = pictures["ocrImage"]
    return out


def prune(value: Any) -> Any:
    """A result without where it came from, at every level."""
    if not isinstance(value, dict):
        return value
    return {key: prune(inner) for key, inner in value.items() if key not in DROPPED}


def pictures_of(page: Page, contract: Contract, side: int) -> dict[str, str]:
    """The pictures of a page that its contract has, at most `side` pixels wide and high, as JPEG in Base64."""
    out = {"ocrImage": _picture(draw_page(_shrunk(page, side)), side)}
    if contract != "first":
        steps = draw_preprocessing(page)
        if steps is not None:
            out["docPreprocessingImage"] = _picture(steps, side)
        out["inputImage"] = _picture(page.image, side)
    return out


def preprocessing_result(page: Page, show: bool, side: int) -> dict[str, Any]:
    """One element of `docPreprocessingResults`. show: whether with the pictures beside the straightened one."""
    done = DocPreprocessorResult(page)
    image = page.image
    straight = image if page.transform is None else straighten(image, page.transform)
    out = {"outputImage": _picture(straight, side), "prunedResult": prune(done.json["res"])}
    if show:
        steps = draw_preprocessing(page)
        out["docPreprocessingImage"] = _picture(image if steps is None else steps, side)
        out["inputImage"] = _picture(image, side)
    return out


def _shrunk(page: Page, side: int) -> Page:
    """A page small enough for a picture of it, twice as wide as it is, to fit: drawing a large one takes long."""
    width, height = page.size
    scale = side / max(2 * width, height)
    if scale >= 1:
        return page
    image = _fit(page.image, max(1, round(width * scale)), max(1, round(height * scale)))
    lines = tuple(replace(line, quad=line.quad * np.float32(scale)) for line in page.lines)
    return replace(page, lines=lines, size=(image.shape[1], image.shape[0]), load_image=lambda: image)


def _picture(image: Image, side: int) -> str:
    height, width = image.shape[:2]
    scale = side / max(height, width)
    if scale < 1:
        image = _fit(image, max(1, round(width * scale)), max(1, round(height * scale)))
    return base64.b64encode(encode_image(image, ".jpg")).decode("ascii")


def _fit(image: Image, width: int, height: int) -> Image:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def data_info(file: Given, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """`dataInfo` of pages of these sizes (width, height)."""
    pages = [{"width": width, "height": height} for width, height in sizes]
    if file.type == "image" and pages:
        return {**pages[0], "type": "image"}
    return {"numPages": len(pages), "pages": pages, "type": file.type}
