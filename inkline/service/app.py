"""The routes of the service."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from importlib.resources import files

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from inkline.errors import BusyError, InklineError, PasswordError, StageError
from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.fields import Asked, BadRequest, FileRequest, OcrRequest, PreprocessingRequest, parse
from inkline.service.jobs import Jobs, TooBusy, Work
from inkline.service.metrics import Metrics
from inkline.service.openapi import specification
from inkline.service.reading import NAME
from inkline.service.replies import dump, failure
from inkline.service.work import ocr_work, preprocessing_work

log = logging.getLogger(__name__)

NDJSON = "application/x-ndjson"
CSP = "default-src 'self'; img-src 'self' data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


class Service:
    """One `Ocr` behind HTTP: `service.app` is the ASGI application, `service.jobs` who is in."""

    def __init__(self, ocr: Ocr, options: ServeOptions) -> None:
        self.ocr, self.options = ocr, options
        self.defaults = dict.fromkeys(options.stages_on_request, False)
        self.jobs = Jobs(options)
        self.metrics = Metrics(self.jobs)
        self.app = _app(self)

    async def answer(self, request: Request, model: type[FileRequest], work: Callable[[Asked], Work]) -> Response:
        """Take a request in, work on it when it is its turn, answer it. All errors are answers, too."""
        call = Call(self, request, str(uuid.uuid4()))
        try:
            response = await call.answer(model, work)
        except asyncio.CancelledError:  # a second signal: the loop is ending, this is the last that it does
            response = call.failed(BusyError("the service was ended before this request was answered"))
        except Exception as error:
            response = call.failed(error)
        if not isinstance(response, Lines):
            call.done(response.status_code)
        return response


class Call:
    """One request on its way."""

    def __init__(self, service: Service, request: Request, log_id: str) -> None:
        self._service, self._request, self.log_id = service, request, log_id
        self._begun = time.monotonic()

    async def answer(self, model: type[FileRequest], work: Callable[[Asked], Work]) -> Response:
        request, jobs = self._request, self._service.jobs
        deadline = asyncio.get_running_loop().time() + self._service.options.request_timeout
        async with AsyncExitStack() as held:
            held.enter_context(jobs.place())
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                raise HTTPException(415, f"Content-Type: {kind or 'none'}: send application/json")
            body = await jobs.body(request, deadline)
            asked = await asyncio.to_thread(parse, model, body, self.log_id)
            del body
            self.log_id = asked.log_id
            stream = NDJSON in request.headers.get("accept", "") if asked.stream is None else asked.stream
            asked = replace(asked, stream=stream, overrides={**self._service.defaults, **asked.overrides})
            parts = await held.enter_async_context(aclosing(jobs.parts(request, work(asked), deadline)))
            # Until the first page is there the answer may still become an error with a status of its own.
            first = await anext(parts)
            if not asked.stream:
                return Response(first, media_type="application/json")
            return Lines(first, parts, held.pop_all(), self)

    def failed(self, error: Exception) -> Response:
        """The answer for an error; the log gets a traceback for those that are our own mistakes."""
        if isinstance(error, BadRequest):
            self.log_id = error.log_id
        status, message = status_of(error)
        if status == 500:
            log.error("request %s failed", self.log_id, exc_info=error)
        else:
            log.info("request %s: %d %s", self.log_id, status, message)
        return error_reply(self.log_id, status, message, error)

    def done(self, status: int) -> None:
        path = self._request.url.path
        self._service.metrics.done(path, status, time.monotonic() - self._begun)


class Lines(Response):
    """An answer that is sent line by line while the pages are read. An error on the way is its last line."""

    media_type = NDJSON

    def __init__(self, first: bytes, rest: AsyncGenerator[bytes, None], held: AsyncExitStack, call: Call) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._first, self._rest, self._held, self._call = first, rest, held, call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 200
        async with self._held:
            await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})
            part = self._first
            try:
                while True:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    part = await anext(self._rest)
            except StopAsyncIteration:
                part = b""
            except Exception as error:
                failed = self._call.failed(error)
                part, status = bytes(failed.body) + b"\n", failed.status_code
            await send({"type": "http.response.body", "body": part})
        self._call.done(status)


def status_of(error: Exception) -> tuple[int, str]:
    """The HTTP status and the message of an error; what users should not see of our own mistakes stays in the log.

    Where an error's own advice is for those who call Python, this is for those who send requests.
    """
    if isinstance(error, StageError):
        option = str(error).partition("=")[0]
        return error.http_status, f"{option}: this server was started without that model (--on_request {option})"
    if isinstance(error, PasswordError):
        return error.http_status, f"{NAME}: this PDF needs a password, which requests cannot give; send it decrypted"
    if isinstance(error, InklineError):
        return error.http_status, str(error)
    if isinstance(error, HTTPException):
        return error.status_code, error.detail
    return 500, "Internal server error; the server's log says more under this logId"


def error_reply(log_id: str, status: int, message: str, error: Exception | None = None) -> Response:
    """The documented body of an error."""
    headers = dict(getattr(error, "headers", None) or {})
    if isinstance(error, TooBusy):
        headers["Retry-After"] = str(error.retry_after)
    return Response(dump(failure(log_id, status, message)), status, headers, "application/json")


def _app(service: Service) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.post("/ocr")
    async def ocr(request: Request) -> Response:
        return await service.answer(
            request, OcrRequest, lambda asked: ocr_work(service.ocr, asked, service.options, service.metrics)
        )

    @app.post("/document-preprocessing")
    async def preprocessing(request: Request) -> Response:
        return await service.answer(
            request, PreprocessingRequest, lambda asked: preprocessing_work(service.ocr, asked, service.options)
        )

    @app.get("/health")
    async def health() -> Response:
        if service.jobs.closed:
            return error_reply(str(uuid.uuid4()), 503, "Shutting down")
        return Response(
            dump({"logId": str(uuid.uuid4()), "errorCode": 0, "errorMsg": "Healthy"}), media_type="application/json"
        )

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/")
    async def page() -> Response:
        return _html("page.html")

    @app.get("/openapi.json")
    async def openapi() -> Response:
        return Response(dump(specification()), media_type="application/json")

    @app.get("/docs")
    async def docs() -> Response:
        return _html("docs.html")

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        return error_reply(
            str(uuid.uuid4()), error.status_code, f"{request.method} {request.url.path}: {error.detail}", error
        )

    return app


def _html(name: str) -> HTMLResponse:
    headers = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return HTMLResponse(files("inkline.service").joinpath(name).read_text("utf-8"), headers=headers)
