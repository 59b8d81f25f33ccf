"""What the page at `/` needs beside `/ocr`: its files, and the settings that it offers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, Response
from pydantic.alias_generators import to_camel
from starlette.staticfiles import StaticFiles

from inkline import __version__
from inkline.languages import LANGUAGES, is_read
from inkline.options import STAGES
from inkline.presets import TIERS
from inkline.service.handlers import dump
from inkline.service.schemas import JSON

if TYPE_CHECKING:
    from inkline.service.app import Service

PAGE_FILES = Path(__file__).with_name("page")
CSP = "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
PAGE_HEADERS = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def add_page_routes(app: FastAPI, service: "Service") -> None:
    """The page, the description for people, and what they load."""
    app.mount("/page", PageFiles(directory=str(PAGE_FILES)))

    @app.get("/", include_in_schema=False)
    @app.get("/docs", include_in_schema=False)
    async def page(request: Request) -> Response:
        name = "docs.html" if request.url.path.endswith("/docs") else "page.html"
        return FileResponse(str(PAGE_FILES / name), headers=PAGE_HEADERS)

    @app.get("/settings", summary="What requests may ask this server for", response_description="the settings")
    async def settings() -> Response:
        return Response(dump(settings_of(service)), media_type=JSON, headers=PAGE_HEADERS)


class PageFiles(StaticFiles):
    """The files beside the page, with its headers."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.update(PAGE_HEADERS)
        return response


def settings_of(service: "Service") -> dict[str, Any]:
    """The languages, tiers, limits and stages of a server; of a stage whether it is on unless a request says otherwise."""
    ocr, options = service.ocr.options, service.options
    opened = [name for name in STAGES if getattr(ocr, name)]
    return {
        "version": __version__,
        "lang": ocr.lang,
        "tier": ocr.tier,
        "tiers": list(TIERS),
        "languages": {code: one.name for code, one in LANGUAGES.items() if is_read(code)},
        "stages": {to_camel(name): name not in options.stages_on_request for name in opened},
        "maxPages": options.max_pages,
        "maxBodyBytes": options.max_body_bytes,
        "corrections": bool(options.corrections),
    }
