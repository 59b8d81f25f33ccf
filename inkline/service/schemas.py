"""What requests and replies hold: the types that `/openapi.json` is made from, and the check of a request's body.

`POST /ocr` has two contracts (docs/reference_rules.md, Serving): the *first* one, of the source documents
(`inferenceParams`; answered with `texts` and `image`), and the *current* one (flat fields; answered with `prunedResult`,
`ocrImage`, ...). The fields of a request decide: those of one contract are answered in it, those of both are an error, and
a request with neither, as both documentations' examples are, is answered in both.
"""

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, from_json
from python_multipart.exceptions import FormParserError
from typing_extensions import TypedDict

from inkline.errors import InputError, UsageError, near
from inkline.flat import flat_fields
from inkline.options import OcrOptions
from inkline.presets import Tier
from inkline.service.forms import FORM, CutForm, form_fields, form_values

JSON = "application/json"

Model = TypeVar("Model", bound=BaseModel)
Contract = Literal["first", "current", "both"]
FileType = Literal["image", "pdf", "tiff"]
Output = Literal["txt", "layout", "md", "tsv", "csv", "hocr", "alto", "pdf"]  # formats that hold a whole document

MAX_LOG_ID_CHARS = 200
MAX_FIELDS = 100  # of a body, and of a field in it
MAX_SHOWN_CHARS = 50  # of a name or value, in a message
MAX_LINE_CHARS = 2000  # of a corrected line

# The flat options that requests of the current contract may set; their fields are named `useDocUnwarping` and so on.
PREPROCESSING_OPTIONS = ("use_doc_orientation_classify", "use_doc_unwarping")
OCR_OPTIONS = (
    *(*PREPROCESSING_OPTIONS, "use_textline_orientation", "doc_orientation_look", "deskew"),
    *("text_det_limit_side_len", "text_det_limit_type", "text_det_thresh", "text_det_box_thresh"),
    *("text_det_unclip_ratio", "text_rec_score_thresh", "return_word_box"),
)
OCR_FIELDS = {to_camel(name): name for name in OCR_OPTIONS}


def _listed(value: Any) -> Any:
    """A list of names given as one text, as forms and the command line have it: `txt,md`."""
    return [name.strip() for name in value.split(",", MAX_FIELDS)] if isinstance(value, str) else value


LangName = Annotated[str, Field(max_length=MAX_LOG_ID_CHARS)]


class InferenceParams(BaseModel):
    """Parameters of the first contract."""

    model_config = ConfigDict(extra="forbid", strict=True)

    maxLongSide: int | None = Field(
        None, ge=1, le=(1 << 31) - 1, description="the longer side of the detector's input is at most this many pixels"
    )


class FileRequest(BaseModel):
    """What every request with a file has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    file: str = Field(
        min_length=1,
        description="an image or a PDF as Base64 (or a `data:` URL), or its web address where the server allows that",
    )
    fileType: int | None = Field(
        None,
        ge=0,
        le=1,
        description="0: a PDF, 1: an image; absent or null: told by the content. Content of the other kind is refused",
    )
    visualize: bool | None = Field(None, description="whether the reply holds pictures; null: as the server is set")
    logId: str | None = Field(
        None, min_length=1, max_length=MAX_LOG_ID_CHARS, description="returned in the reply; null: a new UUID"
    )
    stream: bool | None = Field(
        None,
        description="true: one line of JSON per page as it is read (application/x-ndjson), as with `Accept: "
        "application/x-ndjson`",
    )
    thumbnails: bool | None = Field(
        None,
        description="with `stream`: small pictures of all pages come first, a line each (`thumbnail`, `pageIndex`, `numPages`)",
    )


class ReadRequest(FileRequest):
    """What every request for text has besides."""

    lang: LangName | list[LangName] | None = Field(
        None, description="the language, several (`en+ru` or a list) or `auto`; null: as the server is set"
    )
    tier: Tier | None = Field(None, description="speed against text; null: as the server is set")
    outputs: Annotated[list[Output] | None, BeforeValidator(_listed)] = Field(
        None,
        description="the document in these formats, too, in `outputs` (a PDF in Base64), and the `text` of each page; one "
        "text with commas is taken as well",
    )
    lineImages: bool | None = Field(
        None,
        description="the pictures of the lines, in `lineImages`: PNG in Base64, turned upright, one for each of `rec_texts`",
    )


class CorrectionRequest(BaseModel):
    """A line that was read wrongly, and what it says."""

    model_config = ConfigDict(extra="forbid", strict=True)

    image: str = Field(min_length=1, description="the line's picture, one of `lineImages`")
    text: str = Field(pattern=r"^[^\r\n\t]*\S[^\r\n\t]*$", max_length=MAX_LINE_CHARS, description="what it says, on one line")
    oldText: str = Field("", max_length=MAX_LINE_CHARS, description="what was read")
    model: str = Field("", max_length=MAX_LOG_ID_CHARS, description="the recogniser that read it")
    score: float | None = Field(None, ge=0, le=1, description="its score")
    logId: str | None = Field(
        None, min_length=1, max_length=MAX_LOG_ID_CHARS, description="returned in the reply; null: a new UUID"
    )


def _option_fields(options: Iterable[str]) -> dict[str, Any]:
    """Optional fields, with the type, bounds, help and default of the flat options they stand for."""
    known = flat_fields(OcrOptions)
    out: dict[str, Any] = {}
    for flat in options:
        _, f, hint = known[flat]
        text = f"{f.metadata['help']}; null: as the server is set (without a setting: {f.default})"
        out[to_camel(flat)] = (hint | None, Field(None, ge=f.metadata["low"], le=f.metadata["high"], description=text))
    return out


PreprocessingRequest: type[FileRequest] = create_model(
    "PreprocessingRequest", __base__=FileRequest, **_option_fields(PREPROCESSING_OPTIONS)
)
OcrRequest: type[FileRequest] = create_model(
    "OcrRequest",
    __base__=ReadRequest,
    inferenceParams=(InferenceParams | None, Field(None, description="parameters of the first contract")),
    **_option_fields(OCR_OPTIONS),
)

# Replies. Fields of a type with total=False may be absent.

Picture = Annotated[str, Field(json_schema_extra={"contentEncoding": "base64", "contentMediaType": "image/jpeg"})]
PrunedResult = Annotated[
    dict[str, Any],
    Field(
        description="`dt_polys`, `rec_texts`, `rec_scores`, `rec_polys`, ... as in PaddleOCR's JSON; `rec_confidences` is ours"
    ),
]
Polygon = Annotated[
    list[list[int]],
    Field(description="corners [x, y] in pixels of the file that was sent, clockwise from the top left"),
]


class TextLine(TypedDict, total=False):
    poly: Polygon
    text: str
    score: float


class OcrResult(TypedDict, total=False):
    prunedResult: PrunedResult
    ocrImage: Picture
    docPreprocessingImage: Picture
    inputImage: Picture
    texts: list[TextLine]
    image: Picture
    text: Annotated[str, Field(description="the page's text in rows and paragraphs, with `outputs`")]
    lineImages: list[str]


class PreprocessingResult(TypedDict, total=False):
    outputImage: Picture
    prunedResult: PrunedResult
    docPreprocessingImage: Picture
    inputImage: Picture


class PageSize(TypedDict, total=False):
    width: int
    height: int


class DataInfo(PageSize, total=False):
    """an image: `width`, `height`, `type`; a PDF or TIFF: `numPages`, `pages`, `type`"""

    type: FileType
    numPages: int
    pages: list[PageSize]


class _AnyResult(TypedDict, total=False):
    dataInfo: DataInfo
    warnings: Annotated[list[str], Field(description="absent when there are none")]
    pageIndex: Annotated[int, Field(description="with `stream`: which page this line is of, from 0")]
    numPages: Annotated[int, Field(description="with `stream`: how many pages there will be")]
    thumbnail: Picture


class OcrResults(_AnyResult, total=False):
    ocrResults: list[OcrResult]
    outputs: Annotated[dict[str, str], Field(description="the document by format; a PDF in Base64")]


class PreprocessingResults(_AnyResult, total=False):
    docPreprocessingResults: list[PreprocessingResult]


class _Success(TypedDict):
    logId: str
    errorCode: Literal[0]
    errorMsg: Literal["Success"]


class OcrReply(_Success):
    result: OcrResults


class PreprocessingReply(_Success):
    result: PreprocessingResults


class CorrectionReply(_Success):
    result: Annotated[dict[str, int], Field(description="`saved`: how many corrected lines the folder holds now")]


class Error(TypedDict):
    logId: str
    errorCode: Annotated[int, Field(description="the HTTP status")]
    errorMsg: str


@dataclass(frozen=True)
class ParsedRequest:
    """A request that was understood. overrides: flat options for this call; None in the others: not given."""

    file: str = field(repr=False)
    log_id: str
    file_type: int | None = None
    visualize: bool | None = None
    stream: bool | None = None
    contract: Contract = "current"
    overrides: Mapping[str, Any] = field(default_factory=dict)
    thumbnails: bool = False
    lang: tuple[str, ...] = ()
    tier: str = ""
    outputs: tuple[Output, ...] = ()
    line_images: bool = False


class BadRequest(InputError):
    """A body that does not fit its route, with the log id to answer it under."""

    def __init__(self, message: str, log_id: str) -> None:
        super().__init__(message)
        self.log_id = log_id


class CutBody(BadRequest):
    """A body of which a part did not come."""

    http_status = 400


def printable(text: str) -> str:
    """The text with `_` for line ends and other control characters, which would forge lines in a log."""
    return "".join(sign if sign.isprintable() else "_" for sign in text)


def read_model(model: type[Model], body: bytes, content_type: str, log_id: str) -> tuple[Model, str]:
    """A request's body, JSON or a form, as `model`, and the log id to answer under: its own, or else this one.

    Errors: `BadRequest`, which carries the log id of the body, when it is none of this model.
    """
    form = content_type.partition(";")[0].strip().lower() == FORM
    data = _form_data(body, content_type, log_id) if form else _json_data(body, log_id)
    # The log id first, so that an error in another field is answered under it.
    given = data["logId"][0] if form and "logId" in data else data.get("logId")
    log_id = printable(given) if isinstance(given, str) and 0 < len(given) <= MAX_LOG_ID_CHARS else log_id
    try:
        data = form_values(model, data) if form else data
        _check_lengths(data)
        # What a form holds is text, which its field's type reads.
        return model.model_validate(data, strict=False if form else None), log_id
    except ValidationError as error:
        raise BadRequest(_explain(error.errors(), model.model_fields), log_id) from error
    except UsageError as error:
        raise BadRequest(str(error), log_id) from error


def _form_data(body: bytes, content_type: str, log_id: str) -> dict[str, list[str]]:
    try:
        return form_fields(body, content_type)
    except CutForm as error:
        raise CutBody(str(error), log_id) from error
    except (ValueError, FormParserError) as error:
        raise BadRequest(f"the body is not {FORM} ({error})", log_id) from error


def _json_data(body: bytes, log_id: str) -> dict[str, Any]:
    try:
        data = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"the body is not JSON ({error})", log_id) from error
    if not isinstance(data, dict):
        raise BadRequest("the body must be a JSON object with a field `file`", log_id)
    return data


def _check_lengths(data: dict[str, Any]) -> None:
    """UsageError for a body or a value of it with more fields than any use has."""
    for name, value in (("the body", data), *data.items()):
        if isinstance(value, (dict, list)) and len(value) > MAX_FIELDS:
            raise UsageError(f"{name[:MAX_SHOWN_CHARS]} has {len(value)} fields, more than {MAX_FIELDS}")


def parse_request(model: type[FileRequest], body: bytes, log_id: str, content_type: str = JSON) -> ParsedRequest:
    """A request's body, checked. log_id: used when the body has none. Errors: `BadRequest`, as `read_model`."""
    request, log_id = read_model(model, body, content_type, log_id)
    values = request.model_dump(exclude_none=True)
    try:
        contract, overrides = _contract_of(values) if model is OcrRequest else ("current", _overrides(values))
        lang = _languages(values.get("lang"))
    except UsageError as error:
        raise BadRequest(str(error), log_id) from error
    file_type, visualize, stream = map(values.get, ("fileType", "visualize", "stream"))
    return ParsedRequest(
        *(values["file"], log_id, file_type, visualize, stream, contract, overrides),
        thumbnails=values.get("thumbnails", False),
        lang=lang,
        tier=values.get("tier", ""),
        outputs=tuple(dict.fromkeys(values.get("outputs") or ())),
        line_images=values.get("lineImages", False),
    )


def _overrides(values: Mapping[str, Any]) -> dict[str, Any]:
    """Flat options of the current contract's fields. A side length alone is the shorter side's, as in PaddleOCR 3.x."""
    out = {flat: values[name] for name, flat in OCR_FIELDS.items() if name in values}
    if "text_det_limit_side_len" in out:
        out.setdefault("text_det_limit_type", "min")
    return out


def _contract_of(values: Mapping[str, Any]) -> tuple[Contract, dict[str, Any]]:
    """Which contract a request's fields belong to, and the options they override."""
    current = [name for name in values if name in OCR_FIELDS or name == "visualize"]
    if "inferenceParams" not in values:
        return ("current" if current else "both"), _overrides(values)
    if current:
        raise UsageError(f"inferenceParams and {current[0]} belong to two contracts: give the one or the other")
    long_side = values["inferenceParams"].get("maxLongSide")
    if long_side is None:
        return "first", {}
    return "first", {"text_det_limit_side_len": long_side, "text_det_limit_type": "max"}


def short_repr(value: Any) -> str:
    """A value as Python writes it, its beginning alone where it is long; long ones are never written out whole."""
    if isinstance(value, (str, bytes)) and len(value) > MAX_SHOWN_CHARS + 10:
        return f"{value[:MAX_SHOWN_CHARS]!r}"[:-1] + "..."
    if isinstance(value, int) and value.bit_length() > 4 * MAX_SHOWN_CHARS:
        return f"a number of {value.bit_length()} bits"
    text = reprlib.repr(value) if isinstance(value, (dict, list)) else repr(value)
    return text if len(text) < MAX_SHOWN_CHARS + 10 else f"{text[:MAX_SHOWN_CHARS]}..."


def _explain(errors: Iterable[ErrorDetails], known: Iterable[str]) -> str:
    """All that is wrong with a body, in one line."""
    parts = []
    for error in errors:
        place = ".".join(str(part)[:MAX_SHOWN_CHARS] for part in error["loc"])
        if error["type"] == "extra_forbidden":
            names = list(InferenceParams.model_fields) if len(error["loc"]) > 1 else known
            parts.append(f"unknown field {place!r}{near(str(error['loc'][-1])[:MAX_SHOWN_CHARS], names)}")
        elif error["type"] == "missing":
            parts.append(f"field {place!r} is missing")
        else:
            shown = short_repr(error["input"])
            parts.append(f"{place}={shown}: {error['msg'][0].lower()}{error['msg'][1:]}")
    return "; ".join(parts)


def _languages(lang: str | list[str] | None) -> tuple[str, ...]:
    """The languages of a request, one by one; none where it says nothing of them, UsageError where one is missing."""
    if lang is None:
        return ()
    given = [name.strip() for several in ([lang] if isinstance(lang, str) else lang) for name in re.split("[+,]", several)]
    if not given or not all(given):
        raise UsageError(
            f"lang={lang!r:.80}: a language is missing; give codes joined by +, for instance en+ru, or leave lang out"
        )
    return tuple(given)
