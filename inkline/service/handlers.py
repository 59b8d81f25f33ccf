"""What a request's thread does: open the file, read its pages, make the parts of the reply in the request's contract."""

import base64
import binascii
import json
import math
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

import numpy as np

from inkline.errors import SourceError, TooLargeError, UsageError
from inkline.flat import flat_fields, to_flat
from inkline.formats.draw import draw_page, draw_preprocessing, encode_image, straighten
from inkline.formats.records import page_to_dict
from inkline.formats.write import check_packages, render
from inkline.io.images import content_kind, why_unreadable
from inkline.io.isolated import CAN_ISOLATE
from inkline.io.read import PageImage, count_pages, read
from inkline.io.sources import Source, is_url
from inkline.layout.geometry import crop_quad, scaled, turn
from inkline.options import MIN_PDF_DPI, ReadOptions, ServeOptions
from inkline.paddle.results import DocPreprocessorResult
from inkline.pipeline import Ocr
from inkline.service.public_fetch import fetch_public
from inkline.service.request_queue import POLL_SECONDS, MakeParts
from inkline.service.schemas import Contract, DataInfo, FileType, OcrResult, ParsedRequest, PreprocessingResult
from inkline.types import Document, Image, Line, Page

FILE_FIELD = "file"  # what error messages call the file: the field it came in
WITHOUT_PLACE = ("input_path", "page_index")  # left out of `prunedResult`, at every level
THUMBNAIL_SIDE = 160  # px

ReadPages = Callable[["RequestFile", ParsedRequest, threading.Event], Generator[Page, None, None]]


@dataclass(frozen=True)
class RequestFile:
    """The file of a request. pages: how many it has; read: how many of them are read; reading: how, by flat option name."""

    content: bytes
    type: FileType
    pages: int
    read: int
    reading: Mapping[str, Any]


def ocr_parts(
    ocr_of: Callable[[tuple[str, ...], str], Ocr], request: ParsedRequest, options: ServeOptions, count: Callable[[Page], None]
) -> MakeParts:
    """The reply of `POST /ocr`. ocr_of: languages and tier -> who reads so; count: called with every page that was read."""

    def pages(file: RequestFile, request: ParsedRequest, stop: threading.Event) -> Generator[Page, None, None]:
        return read_request_pages(ocr_of(request.lang, request.tier), file, request, stop)

    def result(page: Page) -> OcrResult:
        count(page)
        out = ocr_result(page, request.contract, options.max_output_side if request.visualize else 0)
        if request.outputs:
            out["text"] = page.text
        if request.line_images:
            straight = page.straight_image
            out["lineImages"] = [line_image(straight, line) for line in page.read_lines]
        return out

    return _reply_parts("ocrResults", pages, result, request, options)


def preprocessing_parts(ocr: Ocr, request: ParsedRequest, options: ServeOptions) -> MakeParts:
    """The reply of `POST /document-preprocessing`."""

    def result(page: Page) -> PreprocessingResult:
        return preprocessing_result(page, bool(request.visualize), options.max_output_side)

    return _reply_parts("docPreprocessingResults", partial(straighten_request_pages, ocr), result, request, options)


def _reply_parts(
    key: str, pages: ReadPages, result: Callable[[Page], Any], request: ParsedRequest, options: ServeOptions
) -> MakeParts:
    """One part with everything, or with `stream` one line per page and one for all of them."""

    def parts(stop: threading.Event) -> Generator[bytes, None, None]:
        check_packages(request.outputs)
        file = open_request_file(request, options, stop)
        for index, picture in _thumbnails(file, stop) if request.stream and request.thumbnails else ():
            yield success(request.log_id, {"thumbnail": picture, "pageIndex": index, "numPages": file.read}) + b"\n"
        # Page by page: a line of its own, or kept for the whole.
        read, results = [], []
        with closing(pages(file, request, stop)) as made:
            for page in made:
                one = result(page)
                read.append(page if "pdf" in request.outputs else replace(page, load_image=None))
                if sum(3 * math.prod(kept.size) for kept in read if kept.load_image) > options.max_decode_bytes:
                    raise TooLargeError(f"outputs: pages for a PDF take more than max_decode_bytes={options.max_decode_bytes}")
                if not request.stream:
                    results.append(one)
                    continue
                info = {"width": page.size[0], "height": page.size[1], "type": "image"}
                line = {key: [one], "dataInfo": info, "pageIndex": page.page_index or 0, "numPages": file.read}
                yield success(request.log_id, line) + b"\n"
        yield success(request.log_id, {key: results, **_whole(file, read, request)}) + (b"\n" if request.stream else b"")

    return parts


def _whole(file: RequestFile, read: Sequence[Page], request: ParsedRequest) -> dict[str, Any]:
    """What holds for all pages."""
    out: dict[str, Any] = {"dataInfo": data_info(file, [page.size for page in read])}
    warnings = [f"only the first {file.read} of {file.pages} pages were read (max_pages)"] if file.read < file.pages else []
    warnings += [f"page {number}: {warning}" for number, page in enumerate(read, 1) for warning in page.warnings]
    if warnings:
        out["warnings"] = warnings
    if request.outputs:
        out["outputs"] = {name: _output(Document(tuple(read)), name) for name in request.outputs}
    return out


def _output(document: Document, format: str) -> str:
    """A document in a format, bytes in Base64."""
    content = render(document, format)
    return content if isinstance(content, str) else base64.b64encode(content).decode("ascii")


def _thumbnails(file: RequestFile, stop: threading.Event) -> Iterator[tuple[int, str]]:
    """Index and small picture (JPEG in Base64) of every page that can be drawn."""
    reading = {**file.reading, "pdf_dpi": MIN_PDF_DPI}
    with suppress(SourceError):  # reading the pages will say it
        for page in read(Source(file.content, FILE_FIELD), ReadOptions(**reading), stop):
            if stop.is_set():
                return
            yield page.page_index or 0, _jpeg_base64(page.image, THUMBNAIL_SIDE)


def line_image(straight: Image, line: Line) -> str:
    """The picture of a line as its recogniser saw it, PNG in Base64; empty where nothing lies in its box."""
    crop = crop_quad(straight, line.straight_quad)
    return "" if crop is None else base64.b64encode(encode_image(turn(crop, line.angle), ".png")).decode("ascii")


def dump(body: Mapping[str, Any]) -> bytes:
    """A body as UTF-8 JSON."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def success(log_id: str, result: Mapping[str, Any]) -> bytes:
    """The body of every answer that went well."""
    return dump({"logId": log_id, "errorCode": 0, "errorMsg": "Success", "result": result})


def reading_options(options: ServeOptions) -> dict[str, Any]:
    """How files of requests are read, by flat option name: always in processes of their own, where the system has that."""
    reading = {name: value for name, value in to_flat(options).items() if name in flat_fields(ReadOptions)}
    limits = {"page_range": f"1-{options.max_pages}", "max_source_bytes": options.max_body_bytes, "isolate": CAN_ISOLATE}
    return reading | limits


def open_request_file(request: ParsedRequest, options: ServeOptions, stop: threading.Event) -> RequestFile:
    """The request's file, fetched or decoded from Base64; the type is detected from the content.

    Errors: SourceError for what is neither an image nor a PDF, or not of the kind that `fileType` says.
    """
    reading = reading_options(options)
    read_options = ReadOptions(**reading)
    content = _fetch(request.file, options, read_options) if is_url(request.file) else from_base64(request.file)
    # The kind, which must be the one that the request says.
    kind = content_kind(content)
    if kind is None:
        raise SourceError(f"{FILE_FIELD}: file type cannot be determined: {why_unreadable(content)}")
    if request.file_type == 1 and kind == "pdf":
        raise SourceError(f"{FILE_FIELD}: fileType=1 says image, but this is a PDF; give fileType=0 or leave it out")
    if request.file_type == 0 and kind != "pdf":
        raise SourceError(f"{FILE_FIELD}: fileType=0 says PDF, but this is an image; give fileType=1 or leave it out")
    # How many pages it has; what cannot be opened fails when it is read.
    count = count_pages(Source(content, FILE_FIELD), replace(read_options, page_range=""), stop)
    total = 1 if count is None else count
    types: dict[str, FileType] = {"pdf": "pdf", "Tiff": "tiff"}
    return RequestFile(content, types.get(kind, "image"), total, min(total, options.max_pages), reading)


def from_base64(text: str, field: str = FILE_FIELD) -> bytes:
    """Base64, perhaps as a `data:` URL, perhaps wrapped into lines, to bytes; SourceError that names the field otherwise."""
    if text[:5].lower() == "data:":
        head, _, text = text.partition(",")
        if not head.lower().endswith(";base64"):
            raise SourceError(f"{field}: a data: URL must be Base64 (data:image/png;base64,...)")
    try:
        return base64.b64decode("".join(text.split()).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise SourceError(f"{field}: {text[:30]!r}... is neither Base64 nor a web address ({error})") from error


def _fetch(url: str, options: ServeOptions, read_options: ReadOptions) -> bytes:
    if not options.allow_urls:
        raise UsageError(
            f"{FILE_FIELD}: web addresses are switched off on this server; send the file as Base64 "
            "(or start it with --allow_urls true)"
        )
    return fetch_public(url, read_options)


def straighten_request_pages(
    ocr: Ocr, file: RequestFile, request: ParsedRequest, stop: threading.Event
) -> Generator[Page, None, None]:
    """The file's pages turned and flattened, without lines; ends early when `stop` is set. Errors as `read_request_pages`."""
    with closing(ocr.straighten(Source(file.content, FILE_FIELD), stop, **file.reading, **request.overrides)) as pages:
        for page in pages:
            if stop.is_set():
                return
            yield page


def read_request_pages(
    ocr: Ocr, file: RequestFile, request: ParsedRequest, stop: threading.Event
) -> Generator[Page, None, None]:
    """The file's pages, each as soon as it is read, holding its image; ends early when `stop` is set.

    Errors: SourceError after the pages that could be read; UsageError for options that this `Ocr` cannot follow.
    """
    drawn: deque[PageImage] = deque()  # pages whose lines are not there yet
    most = file.reading["max_decode_bytes"] // 2  # of their pixels, before the next one is decoded

    def images() -> Iterator[Source]:
        for page_image in read(Source(file.content, FILE_FIELD), ReadOptions(**file.reading), stop):
            drawn.append(page_image)
            yield Source(page_image.image, FILE_FIELD)
            size = page_image.image.nbytes
            del page_image
            while len(drawn) * size > most and not stop.wait(POLL_SECONDS):
                pass

    with closing(ocr.stream(images(), stop=stop, **file.reading, **request.overrides)) as pages:
        for page in pages:
            page_image = drawn.popleft()
            yield replace(page, page_index=page_image.page_index, warnings=(*page_image.warnings, *page.warnings))


def ocr_result(page: Page, contract: Contract, picture_side: int) -> OcrResult:
    """One element of `ocrResults`. picture_side: of its pictures, in pixels, at most; 0: without pictures."""
    out: OcrResult = {}
    pictures = pictures_of(page, contract, picture_side) if picture_side else {}
    full = page_to_dict(page)
    full.pop("warnings", None)  # the reply has them for all pages
    if contract != "first":
        out = cast(OcrResult, {"prunedResult": prune(full), **pictures})
    if contract != "current":
        rows = zip(full["rec_polys"], full["rec_texts"], full["rec_scores"], strict=True)
        out["texts"] = [{"poly": poly, "text": text, "score": score} for poly, text, score in rows]
        if pictures:
            out["image"] = pictures["ocrImage"]
    return out


def prune(value: Any) -> Any:
    """A result without where it came from, at every level."""
    if not isinstance(value, dict):
        return value
    return {key: prune(inner) for key, inner in value.items() if key not in WITHOUT_PLACE}


def pictures_of(page: Page, contract: Contract, side: int) -> dict[str, str]:
    """The pictures of a page that its contract has, at most `side` pixels wide and high, as JPEG in Base64."""
    out = {"ocrImage": _jpeg_base64(draw_page(_shrink_page(page, side)), side)}
    if contract != "first":
        steps = draw_preprocessing(page)
        if steps is not None:
            out["docPreprocessingImage"] = _jpeg_base64(steps, side)
        out["inputImage"] = _jpeg_base64(page.image, side)
    return out


def preprocessing_result(page: Page, show: bool, side: int) -> PreprocessingResult:
    """One element of `docPreprocessingResults`. show: whether with the pictures beside the straightened one."""
    image = page.image
    straight = image if page.transform is None else straighten(image, page.transform)
    out: PreprocessingResult = {
        "outputImage": _jpeg_base64(straight, side),
        "prunedResult": prune(DocPreprocessorResult(page).json["res"]),
    }
    if show:
        steps = draw_preprocessing(page)
        out["docPreprocessingImage"] = _jpeg_base64(image if steps is None else steps, side)
        out["inputImage"] = _jpeg_base64(image, side)
    return out


def data_info(file: RequestFile, sizes: Sequence[tuple[int, int]]) -> DataInfo:
    """`dataInfo` of pages of these sizes (width, height)."""
    if file.type == "image" and sizes:
        return {"width": sizes[0][0], "height": sizes[0][1], "type": "image"}
    pages = [{"width": width, "height": height} for width, height in sizes]
    return cast(DataInfo, {"numPages": len(pages), "pages": pages, "type": file.type})


def _shrink_page(page: Page, side: int) -> Page:
    """A page small enough for its picture, which is twice as wide as it is, to fit: drawing a large one takes long."""
    width, height = page.size
    scale = side / max(2 * width, height)
    if scale >= 1:
        return page
    image = scaled(page.image, scale)
    lines = tuple(replace(line, quad=line.quad * np.float32(scale)) for line in page.lines)
    return replace(page, lines=lines, size=(image.shape[1], image.shape[0]), load_image=lambda: image)


def _jpeg_base64(image: Image, side: int) -> str:
    """A picture, at most `side` pixels wide and high, as JPEG in Base64."""
    scale = side / max(image.shape[:2])
    return base64.b64encode(encode_image(scaled(image, scale) if scale < 1 else image, ".jpg")).decode("ascii")
