"""The description of the service: `/openapi.json` for programs, from which `/docs` is drawn for people."""

from functools import lru_cache
from typing import Any

from pydantic.json_schema import models_json_schema

from inkline import __version__
from inkline.service.fields import OcrRequest, PreprocessingRequest

JSON = "application/json"
BASE64 = "iVBORw0KGgo...  (the file in Base64)"
LOG_ID = "f1a1f3c5-4c19-4bb9-9f4a-6e3a58a0c6a1"

ABOUT = """Reads text in images and PDFs. Answers carry `logId`, `errorCode` (0, or the HTTP status) and `errorMsg`.

Two contracts are spoken on `/ocr`: a request with `inferenceParams` is answered with `texts` and `image`; one with any
other parameter with `prunedResult`, `ocrImage`, `docPreprocessingImage` and `inputImage`; one with neither with both."""

POLYGON = {
    "type": "array",
    "items": {"type": "array", "items": {"type": "integer"}},
    "description": "corners [x, y] in pixels of the file that was sent, clockwise from the top left",
}
PICTURE = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/jpeg"}
PRUNED = {
    "type": "object",
    "description": "`dt_polys`, `rec_texts`, `rec_scores`, `rec_polys`, `rec_boxes`, ... as in PaddleOCR's JSON",
    "additionalProperties": True,
}
TEXT = {
    "type": "object",
    "properties": {"poly": POLYGON, "text": {"type": "string"}, "score": {"type": "number"}},
}
OCR_RESULT = {
    "type": "object",
    "properties": {
        "prunedResult": PRUNED,
        "ocrImage": PICTURE,
        "docPreprocessingImage": PICTURE,
        "inputImage": PICTURE,
        "texts": {"type": "array", "items": TEXT},
        "image": PICTURE,
    },
}
PREPROCESSING_RESULT = {
    "type": "object",
    "properties": {
        "outputImage": PICTURE,
        "prunedResult": PRUNED,
        "docPreprocessingImage": PICTURE,
        "inputImage": PICTURE,
    },
}
DATA_INFO = {
    "type": "object",
    "description": "an image: `width`, `height`, `type`; a PDF or TIFF: `numPages`, `pages`, `type`",
    "properties": {
        "type": {"enum": ["image", "pdf", "tiff"]},
        "width": {"type": "integer"},
        "height": {"type": "integer"},
        "numPages": {"type": "integer"},
        "pages": {"type": "array", "items": {"type": "object"}},
    },
}
ERROR = {
    "type": "object",
    "required": ["logId", "errorCode", "errorMsg"],
    "properties": {
        "logId": {"type": "string"},
        "errorCode": {"type": "integer", "description": "the HTTP status"},
        "errorMsg": {"type": "string"},
    },
}

ERRORS = {
    413: "the body is larger than `max_body_bytes`",
    415: "the body is not `application/json`",
    422: "a field or the file cannot be used: wrong type, unknown name, not Base64, not an image or PDF, too many pixels",
    500: "a mistake of the server",
    503: "all places are taken or the server is shutting down; `Retry-After` says when to come again",
    504: "not finished within `request_timeout`",
}

OCR_EXAMPLES = {
    "plain": {"summary": "An image or PDF", "value": {"file": BASE64}},
    "first contract": {
        "summary": "With inferenceParams: answered with texts and image",
        "value": {"file": BASE64, "fileType": 1, "inferenceParams": {"maxLongSide": 960}},
    },
    "current contract": {
        "summary": "With flat fields: answered with prunedResult",
        "value": {"file": BASE64, "fileType": 1, "textRecScoreThresh": 0.5, "visualize": False},
    },
    "stream": {
        "summary": "A PDF, page by page",
        "value": {"file": "JVBERi0xLjc...", "fileType": 0, "visualize": False, "stream": True},
    },
}
PREPROCESSING_EXAMPLES = {"plain": {"summary": "An image or PDF", "value": {"file": BASE64}}}


@lru_cache(maxsize=1)
def specification() -> dict[str, Any]:
    """The whole service in OpenAPI 3.1."""
    _, definitions = models_json_schema(
        [(OcrRequest, "validation"), (PreprocessingRequest, "validation")], ref_template="#/components/schemas/{model}"
    )
    health = {"logId": LOG_ID, "errorCode": 0, "errorMsg": "Healthy"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Inkline", "version": __version__, "description": ABOUT},
        "paths": {
            "/ocr": {
                "post": _operation("Read the text of an image or PDF", "OcrRequest", OCR_EXAMPLES, "OcrReply"),
            },
            "/document-preprocessing": {
                "post": _operation(
                    "Turn pages upright and flatten them",
                    "PreprocessingRequest",
                    PREPROCESSING_EXAMPLES,
                    "PreprocessingReply",
                ),
            },
            "/health": {"get": {"summary": "Whether the service takes requests", **_answers(ERROR, JSON, health)}},
            "/metrics": {
                "get": {"summary": "Counts and times, for Prometheus", **_answers({"type": "string"}, "text/plain")}
            },
        },
        "components": {
            "schemas": {
                **definitions["$defs"],
                "OcrReply": _reply("ocrResults", OCR_RESULT),
                "PreprocessingReply": _reply("docPreprocessingResults", PREPROCESSING_RESULT),
                "Error": ERROR,
            }
        },
    }


def _answers(schema: dict[str, Any], media: str, example: Any = None) -> dict[str, Any]:
    content = {"schema": schema} | ({} if example is None else {"example": example})
    return {"responses": {"200": {"description": "as it should be", "content": {media: content}}}}


def _operation(summary: str, request: str, examples: dict[str, Any], reply: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{reply}"}
    responses: dict[str, Any] = {
        "200": {
            "description": "what was read; with `stream` a line for each page (`pageIndex`, `numPages`), then one for all",
            "content": {JSON: {"schema": schema}, "application/x-ndjson": {"schema": schema}},
        }
    }
    for status, meaning in ERRORS.items():
        example = {"logId": LOG_ID, "errorCode": status, "errorMsg": meaning}
        content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}}
        responses[str(status)] = {"description": meaning, "content": content}
    responses["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": {"$ref": f"#/components/schemas/{request}"}, "examples": examples}},
        },
        "responses": responses,
    }


def _reply(key: str, one: dict[str, Any]) -> dict[str, Any]:
    result = {
        "type": "object",
        "properties": {
            key: {"type": "array", "items": one},
            "dataInfo": DATA_INFO,
            "warnings": {"type": "array", "items": {"type": "string"}, "description": "absent when there are none"},
            "pageIndex": {"type": "integer", "description": "with `stream`: which page this line is of, from 0"},
            "numPages": {"type": "integer", "description": "with `stream`: how many pages there will be"},
        },
    }
    return {
        "type": "object",
        "required": ["logId", "errorCode", "errorMsg", "result"],
        "properties": {
            "logId": {"type": "string"},
            "errorCode": {"const": 0},
            "errorMsg": {"const": "Success"},
            "result": result,
        },
    }
