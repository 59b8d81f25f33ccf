"""`inkline serve`: the HTTP service."""

from importlib.util import find_spec
from typing import Any

import click

from inkline.cli.options_help import GroupedCommand, from_options, given, model_choice
from inkline.cli.paddle_flags import engine_options, old_options, translated
from inkline.errors import EngineError
from inkline.flat import apply, flat_fields
from inkline.options import EngineOptions, OcrOptions, ReadOptions, ServeOptions

EXAMPLES = """\b
Examples:
  inkline serve                                       http://127.0.0.1:8080: the page, /ocr, /docs
  inkline serve --host 0.0.0.0 --port 80 --lang ru
  inkline serve --ray auto --replicas 16
  inkline serve --corrections mine                    lines corrected on the page become training lines
  curl -s -F file=@page.png http://127.0.0.1:8080/ocr
"""


@click.command(cls=GroupedCommand, epilog=EXAMPLES)
@click.option("--ray", metavar="ADDRESS|local", help="serve on a Ray cluster (extra `ray`): host:port, auto or local")
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True, help="with --ray, processes that read")
@model_choice
@from_options(ServeOptions)
@from_options(OcrOptions, without=(*flat_fields(EngineOptions), *flat_fields(ReadOptions)))
@engine_options
@old_options
def serve(offline: bool, ray: str | None, replicas: int, **values: Any) -> None:
    """Serve PaddleOCR's HTTP interface, and a page to try it on.

    Options of the pipeline hold for requests that do not say otherwise. SIGTERM and Ctrl-C end it once the requests that
    came before are answered; a second one ends it at once.
    """
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client", "python_multipart") if find_spec(name) is None]
    if missing:
        raise EngineError(f"the service needs {', '.join(missing)}: pip install 'inkline[serve]'")
    from inkline.pipeline import Ocr
    from inkline.registry import set_offline
    from inkline.service.server import serve, serve_on_ray

    if offline:
        set_offline()
    options = apply(ServeOptions(), **given(ServeOptions, values))
    overrides = translated(values)
    if ray:
        serve_on_ray(overrides, options, ray, replicas, _announce)
        return
    asked = overrides | dict.fromkeys(options.stages_on_request, True)
    with Ocr(**asked) as ocr:
        serve(ocr, options, asked, _announce)


def _announce(address: str) -> None:
    click.echo(f"inkline: serving on {address}", err=True)
