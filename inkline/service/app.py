"""The routes of the service, described for `/openapi.json` by the types of `schemas`, each request on its way, metrics."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import prometheus_client as prometheus
from fastapi import APIRouter, Body, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from inkline import __version__
from inkline.errors import BusyError, InklineError, PasswordError, StageError, near
from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.connections import Guard, allowed_hosts, send_body
from inkline.service.corrections import Corrections
from inkline.service.forms import FORM, form_schema
from inkline.service.handlers import FILE_FIELD, dump, from_base64, ocr_parts, preprocessing_parts, success
from inkline.service.page_routes import add_page_routes
from inkline.service.readers import OcrByRequest
from inkline.service.request_queue import MakeParts, RequestQueue, TooBusy
from inkline.service.schemas import (
    JSON,
    BadRequest,
    CorrectionReply,
    CorrectionRequest,
    Error,
    FileRequest,
    OcrReply,
    OcrRequest,
    ParsedRequest,
    PreprocessingReply,
    PreprocessingRequest,
    parse_request,
    printable,
    read_model,
)
from inkline.types import Page

log = logging.getLogger(__name__)

Handler = Callable[[ParsedRequest], MakeParts]

BUCKET_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120)
NDJSON = "application/x-ndjson"

ABOUT = """Reads text in images and PDFs. Answers carry `logId`, `errorCode` (0, or the HTTP status) and `errorMsg`.

`POST /ocr` supports two request formats: a request with `inferenceParams` is answered with `texts` and `image`; one with any
other parameter with `prunedResult`, `ocrImage`, `docPreprocessingImage` and `inputImage`; one with neither with both.

A body is JSON, or a form (`multipart/form-data`) with the same fields, whose `file` is sent as it is; lists are repeated
fields or values between commas."""

# A picture and a PDF that say HELLO, so that the examples can be sent as they are.
SAMPLE_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAGAAAAAoAQAAAAAp6MKUAAAAXUlEQVR42mP8z4AATAxDk3Phy0H+hi8MHx0gMvwfGBgYrgcgKTthgcQRUEDiLODBb/RHgY8K"
    "cA7/B/4HxLst4QsS58MLJI7FAQYGhv/nPx/gYyhg/mD//z/jgMcCAOIPGtmcztQzAAAAAElFTkSuQmCC"
)
SAMPLE_PDF = (
    "JVBERi0xLjQKMSAwIG9iajw8L1BhZ2VzIDIgMCBSPj5lbmRvYmoKMiAwIG9iajw8L0tpZHNbMyAwIFJdL0NvdW50IDE+PmVuZG9iagozIDAgb2JqPDwv"
    "UGFyZW50IDIgMCBSL01lZGlhQm94WzAgMCA5OSA0MF0vQ29udGVudHMgNCAwIFIvUmVzb3VyY2VzPDwvRm9udDw8L0Y8PC9UeXBlL0ZvbnQvU3VidHlw"
    "ZS9UeXBlMS9CYXNlRm9udC9IZWx2ZXRpY2E+Pj4+Pj4+PmVuZG9iago0IDAgb2JqPDwvTGVuZ3RoIDM3Pj5zdHJlYW0KQlQgL0YgMjAgVGYgOSAxMiBU"
    "ZCAoSEVMTE8pIFRqIEVUCmVuZHN0cmVhbSBlbmRvYmoKdHJhaWxlcjw8L1Jvb3QgMSAwIFI+Pg=="
)
LOG_ID = "f1a1f3c5-4c19-4bb9-9f4a-6e3a58a0c6a1"

ERRORS = {
    400: "the body of a form ends before its last boundary",
    408: "the body came too slowly",
    413: "the body is larger than `max_body_bytes`",
    415: "the body is neither `application/json` nor `multipart/form-data`, or it is compressed",
    421: "the name in `Host` is not one of the service's",
    422: "a field or the file cannot be used: wrong type, unknown name, not Base64, not an image or PDF, too many pixels",
    500: "an internal error",
    503: "the queue is full or the server is shutting down; `Retry-After` says when to send the request again",
    504: "not finished within `request_timeout`",
}

PLAIN_REQUEST = {"plain": {"summary": "An image or PDF in Base64", "value": {"file": SAMPLE_PNG}}}
OCR_REQUESTS = {
    **PLAIN_REQUEST,
    "first contract": {
        "summary": "With inferenceParams: answered with texts and image",
        "value": {"file": SAMPLE_PNG, "fileType": 1, "inferenceParams": {"maxLongSide": 960}},
    },
    "current contract": {
        "summary": "With flat fields: answered with prunedResult",
        "value": {"file": SAMPLE_PNG, "fileType": 1, "textRecScoreThresh": 0.5, "visualize": False},
    },
    "stream": {
        "summary": "A PDF, page by page",
        "value": {"file": SAMPLE_PDF, "fileType": 0, "visualize": False, "stream": True},
    },
}


def file_responses(reply: str) -> dict[int | str, dict[str, Any]]:
    """What a route that takes a file may answer, for the description. reply: name of the reply's type."""
    text = "what was read; with `stream` one line per page (`pageIndex`, `numPages`), then one for all"
    lines = {"schema": {"$ref": f"#/components/schemas/{reply}"}}
    responses: dict[int | str, dict[str, Any]] = {200: {"description": text, "content": {NDJSON: lines}}}
    for status, meaning in ERRORS.items():
        example = {"logId": LOG_ID, "errorCode": status, "errorMsg": meaning}
        responses[status] = {"model": Error, "description": meaning, "content": {JSON: {"example": example}}}
    responses[503]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}}
    return responses


def openapi_description(app: FastAPI) -> dict[str, Any]:
    """The whole service in OpenAPI 3.1."""
    description = app.openapi()
    # FastAPI leaves out defaults that are null; pydantic's own schemas of the requests have them.
    requests: list[tuple[Any, Any]] = [(model, "validation") for model in (OcrRequest, PreprocessingRequest)]
    _, schemas = models_json_schema(requests, ref_template="#/components/schemas/{model}")
    components = description["components"]["schemas"]
    components |= schemas["$defs"]
    # Every body may be a form, too.
    models = {model.__name__: model for model in (OcrRequest, PreprocessingRequest, CorrectionRequest)}
    for path in description["paths"].values():
        for operation in path.values():
            if content := operation.get("requestBody", {}).get("content"):
                name = content[JSON]["schema"]["$ref"].rpartition("/")[2]
                content[FORM] = form_schema(models[name], components[name])
    return description


class FileRoute(APIRoute):
    """A route whose body FastAPI only describes: the queue reads it, within its limits of size and time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return partial(self.endpoint, body=None)


class ServiceMetrics:
    """The metrics of one service, in a registry of its own, so that several can live in one process."""

    def __init__(self, queue: RequestQueue) -> None:
        self._registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=self._registry)
        prometheus.PlatformCollector(registry=self._registry)
        known: dict[str, Any] = {"namespace": "inkline", "registry": self._registry}
        self._requests = prometheus.Counter("requests", "requests by route and HTTP status", ["route", "status"], **known)
        duration = "time from a request's arrival to the end of its answer"
        self._seconds = prometheus.Histogram("request_seconds", duration, ["route"], buckets=BUCKET_SECONDS, **known)
        self._pages = prometheus.Counter("pages", "pages that were read", **known)
        self._lines = prometheus.Counter("lines", "lines of text that were read", **known)
        working = prometheus.Gauge("requests_working", "requests that are being worked on", **known)
        working.set_function(lambda: queue.working)
        waiting = prometheus.Gauge("requests_waiting", "requests that wait for their turn", **known)
        waiting.set_function(lambda: max(0, queue.admitted - queue.receiving - queue.working))

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered; status 499 is a client that hung up."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_page(self, page: Page) -> None:
        """Count a page that was read."""
        self._pages.inc()
        self._lines.inc(len(page.read_lines))

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return prometheus.generate_latest(self._registry)


class Service:
    """One `Ocr` behind HTTP: `service.app` is the ASGI application, `service.queue` holds the requests.

    asked: the options that the `Ocr` was made with, for those of other languages.
    """

    def __init__(self, ocr: Ocr, options: ServeOptions, asked: Mapping[str, Any] | None = None) -> None:
        self.ocr, self.options = ocr, options
        self.readers = OcrByRequest(ocr, asked or {})
        self.defaults = dict.fromkeys(options.stages_on_request, False)
        self.queue = RequestQueue(options)
        self.metrics = ServiceMetrics(self.queue)
        self.app = _app(self)


class Exchange:
    """One request and its answer."""

    def __init__(self, service: Service, request: Request) -> None:
        self._service, self._request, self.log_id = service, request, str(uuid.uuid4())
        self._started_at = time.monotonic()

    async def run(self, answer: Coroutine[Any, Any, Response]) -> Response:
        """The answer, counted and logged. All errors are answers, too."""
        try:
            response = await answer
        except asyncio.CancelledError:  # a second signal: the loop is ending, this is the last that it does
            response = self.failed(BusyError("the service was ended before this request was answered"))
        except Exception as error:
            response = self.failed(error)
        if not isinstance(response, StreamedReply):
            self.done(response.status_code)
        return response

    async def _body(self, deadline: float) -> tuple[bytes, str]:
        """The body and its type, one that is taken."""
        content_type = self._request.headers.get("content-type", "")
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in (JSON, FORM):
            raise HTTPException(415, f"Content-Type: {kind or 'none'}: send {JSON} or {FORM} (curl -F file=@page.png)")
        coding = self._request.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            raise HTTPException(415, f"Content-Encoding: {coding:.40}: send the body as it is, without that header")
        return await self._service.queue.read_body(self._request, deadline), content_type

    def _deadline(self) -> float:
        return asyncio.get_running_loop().time() + self._service.options.request_timeout

    async def save(self, corrections: Corrections) -> Response:
        """Keep the corrected line of the request."""
        with self._service.queue.admit():
            body, content_type = await self._body(self._deadline())
            line, self.log_id = read_model(CorrectionRequest, body, content_type, self.log_id)
            saved = await asyncio.to_thread(corrections.save, line, from_base64(line.image, "image"))
        return Response(success(line.logId or self.log_id, {"saved": saved}), media_type=JSON)

    async def read(self, model: type[FileRequest], handler: Handler) -> Response:
        """Admit the request, work on it when it is its turn."""
        request, queue, deadline = self._request, self._service.queue, self._deadline()
        async with AsyncExitStack() as held:
            held.enter_context(queue.admit())
            # The body, read and checked.
            body, content_type = await self._body(deadline)
            parsed = await asyncio.to_thread(parse_request, model, body, self.log_id, content_type)
            del body
            self.log_id = parsed.log_id
            stream = NDJSON in request.headers.get("accept", "") if parsed.stream is None else parsed.stream
            visualize = self._service.options.visualize if parsed.visualize is None else parsed.visualize
            overrides = {**self._service.defaults, **parsed.overrides}
            parsed = replace(parsed, stream=stream, visualize=visualize, overrides=overrides)
            # The reply. Until its first part is there it may still become an error with a status of its own.
            parts = await held.enter_async_context(aclosing(queue.run(request, handler(parsed), deadline)))
            first = await anext(parts)
            if not parsed.stream:
                return WholeReply(first, held.pop_all())
            return StreamedReply(first, parts, held.pop_all(), self)

    def failed(self, error: Exception) -> Response:
        """The answer for an error; the log gets a traceback for those that are our own mistakes."""
        if isinstance(error, BadRequest):
            self.log_id = error.log_id
        status, message = status_of(error)
        if status == 500:
            log.error("request %s failed", self.log_id, exc_info=error)
        else:
            log.info("request %s: %d %s", self.log_id, status, printable(message))
        return error_reply(self.log_id, status, message, error)

    def done(self, status: int) -> None:
        self._service.metrics.count_request(self._request.url.path, status, time.monotonic() - self._started_at)


class WholeReply(Response):
    """An answer that holds its request's place until the client has taken it."""

    media_type = JSON

    def __init__(self, content: bytes, held: AsyncExitStack) -> None:
        super().__init__(content)
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await send_body(send, bytes(self.body))
            await send({"type": "http.response.body", "body": b""})


class StreamedReply(Response):
    """An answer that is sent line by line while the pages are read. An error meanwhile is its last line."""

    media_type = NDJSON

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], held: AsyncExitStack, exchange: Exchange) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._first, self._rest, self._held, self._exchange = first, rest, held, exchange

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 200
        async with self._held:
            await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})
            # Line by line, until the pages end or an error does.
            part = self._first
            try:
                while True:
                    await send_body(send, part)
                    part = await anext(self._rest)
            except StopAsyncIteration:
                part = b""
            except Exception as error:
                failed = self._exchange.failed(error)
                part, status = bytes(failed.body) + b"\n", failed.status_code
            await send({"type": "http.response.body", "body": part})
        self._exchange.done(status)


def status_of(error: Exception) -> tuple[int, str]:
    """The HTTP status and the message of an error; what users should not see of our own mistakes stays in the log.

    Where an error's own advice is for those who call Python, this is for those who send requests.
    """
    if isinstance(error, StageError):
        option = str(error).partition("=")[0]
        return error.http_status, f"{option}: this server was started without that model (--on_request {option})"
    if isinstance(error, PasswordError):
        message = f"{FILE_FIELD}: this PDF needs a password, which requests cannot give; send it decrypted"
        return error.http_status, message
    if isinstance(error, InklineError):
        return error.http_status, str(error)
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    return 500, "Internal server error; the server's log says more under this logId"


def error_reply(log_id: str, status: int, message: str, error: Exception | None = None) -> Response:
    """The documented body of an error. error: whose headers are sent, too."""
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, TooBusy):
        headers["Retry-After"] = str(error.retry_after)
    return Response(dump({"logId": log_id, "errorCode": status, "errorMsg": message}), status, headers, JSON)


def _app(service: Service) -> FastAPI:
    app = FastAPI(title="Inkline", version=__version__, description=ABOUT, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False  # clients that follow a redirect leave their body behind, or send it twice
    _add_file_routes(app, service)
    _add_other_routes(app, service)
    add_page_routes(app, service)
    app.add_middleware(Guard, hosts=allowed_hosts(service.options), refuse=lambda why: error_reply(str(uuid.uuid4()), 421, why))

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        advice = near(path.rstrip("/"), app.openapi()["paths"], 1) if error.status_code == 404 else ""
        message = f"{request.method} {path}: {error.detail}{advice}"
        return error_reply(str(uuid.uuid4()), error.status_code, message, error)

    return app


def _add_file_routes(app: FastAPI, service: Service) -> None:
    """The routes that take a file. Their bodies are described here and read by their exchange."""
    router = APIRouter(route_class=FileRoute)

    def add(path: str, summary: str, model: Any, reply: Any, examples: Any, handler: Handler) -> None:
        @router.post(path, summary=summary, response_model=reply, responses=file_responses(reply.__name__))
        async def endpoint(request: Request, body: Annotated[model, Body(openapi_examples=examples)]) -> Response:
            exchange = Exchange(service, request)
            return await exchange.run(exchange.read(model, handler))

    def read(parsed: ParsedRequest) -> MakeParts:
        return ocr_parts(service.readers.get, parsed, service.options, service.metrics.count_page)

    def straighten(parsed: ParsedRequest) -> MakeParts:
        return preprocessing_parts(service.ocr, parsed, service.options)

    add("/ocr", "Read the text of an image or PDF", OcrRequest, OcrReply, OCR_REQUESTS, read)
    summary = "Turn pages upright and flatten them"
    add("/document-preprocessing", summary, PreprocessingRequest, PreprocessingReply, PLAIN_REQUEST, straighten)
    if service.options.corrections:
        kept = Corrections(service.options.corrections)
        about: dict[int | str, dict[str, Any]] = {status: {"model": Error, "description": ERRORS[status]} for status in ERRORS}

        @router.post("/corrections", summary="Keep a corrected line", response_model=CorrectionReply, responses=about)
        async def correct(request: Request, body: Annotated[CorrectionRequest, Body()]) -> Response:
            exchange = Exchange(service, request)
            return await exchange.run(exchange.save(kept))

    app.include_router(router)


def _add_other_routes(app: FastAPI, service: Service) -> None:
    healthy = {"logId": LOG_ID, "errorCode": 0, "errorMsg": "Healthy"}

    @app.get(
        "/health",
        summary="Whether the service takes requests",
        response_model=Error,
        response_description="it takes them",
        responses={200: {"content": {JSON: {"example": healthy}}}, 503: {"description": "it is ending, full or stuck"}},
    )
    async def health() -> Response:
        log_id = str(uuid.uuid4())
        if service.queue.refusal:
            return error_reply(log_id, 503, service.queue.refusal)
        return Response(dump({**healthy, "logId": log_id}), media_type=JSON)

    @app.get(
        "/metrics",
        summary="Counts and times, for Prometheus",
        response_class=PlainTextResponse,
        response_description="the metrics",
    )
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return Response(dump(openapi_description(app)), media_type=JSON)
