"""`inkline serve`, the HTTP service, and `inkline mcp`, the same for assistants."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from inkline.cli.options_help import LongCommand, from_options, given, model_choice
from inkline.cli.paddle_flags import engine_options, old_options, translated
from inkline.errors import EngineError, UsageError
from inkline.flat import apply, flat_fields
from inkline.options import EngineOptions, OcrOptions, ReadOptions, ServeOptions

EXAMPLES = """\b
Examples:
  inkline serve                                       http://127.0.0.1:8080: the page, /ocr, /docs
  inkline serve --host 0.0.0.0 --port 80 --lang ru
  inkline serve --ray auto --replicas 16
  inkline serve --corrections mine                    lines corrected on the page become training lines
  curl -s -F file=@page.png -F visualize=false http://127.0.0.1:8080/ocr
"""


@click.command(cls=LongCommand, epilog=EXAMPLES)
@click.option("--ray", metavar="ADDRESS|local", help="serve on a Ray cluster (extra `ray`): host:port, auto or local")
@click.option("--replicas", type=click.IntRange(1), default=1, show_default=True, help="with --ray, processes that read")
@model_choice
@from_options(ServeOptions)
@from_options(OcrOptions, without=(*flat_fields(EngineOptions), *flat_fields(ReadOptions)))
@engine_options
@old_options
def serve(ray: str | None, replicas: int, **values: Any) -> None:
    """Serve PaddleOCR's HTTP interface, and a page to try it on.

    Options of the pipeline hold for requests that do not say otherwise. SIGTERM and Ctrl-C end it once the requests that
    came before are answered; a second one ends it at once.
    """
    missing = [name for name in ("fastapi", "uvicorn", "prometheus_client", "python_multipart") if find_spec(name) is None]
    if missing:
        raise EngineError(f"the service needs {', '.join(missing)}: pip install 'inkline[serve]'")
    from inkline.paddle.paddlex_yaml import read_config, serving_options
    from inkline.pipeline import Ocr
    from inkline.service.server import serve, serve_on_ray

    config = values["paddlex_config"]
    serving = serving_options(read_config(config)) if config else {}
    options = apply(ServeOptions(), **serving | given(ServeOptions, values))
    overrides = translated(values)
    if ray:
        serve_on_ray(overrides, options, ray, replicas, _announce)
        return
    asked = overrides | dict.fromkeys(options.stages_on_request, True)
    with Ocr(**asked) as ocr:
        serve(ocr, options, asked, _announce)


def _announce(address: str) -> None:
    click.echo(f"inkline: serving on {address}", err=True)


MCP_EXAMPLES = """\b
Examples:
  inkline mcp                                  on standard input and output, as assistants start it
  inkline mcp --root ~/scans --lang de         nothing outside this folder is read
  inkline mcp --http 127.0.0.1:8090            http://127.0.0.1:8090/mcp
"""


@click.command(cls=LongCommand, epilog=MCP_EXAMPLES)
@click.option("--http", metavar="HOST:PORT", help="serve over HTTP instead of standard input and output")
@click.option("--root", type=click.Path(exists=True, file_okay=False, path_type=Path), help="the only folder that is read")
@model_choice
@from_options(OcrOptions, without=(*flat_fields(EngineOptions), *flat_fields(ReadOptions)))
@engine_options
@old_options
def mcp(http: str | None, root: Path | None, **values: Any) -> None:
    """Serve the Model Context Protocol: tools that read a file, the lines of a region, and list the languages.

    Over HTTP there is no password: keep it on this machine. Options of the pipeline hold for all that is read.
    """
    if find_spec("mcp") is None:
        raise EngineError("this server needs the package mcp: pip install 'inkline[mcp]'")
    from inkline.integrations.mcp import mcp_server
    from inkline.pipeline import Ocr

    host, _, port = (http or "127.0.0.1:0").rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--http {http}: must be HOST:PORT, for instance 127.0.0.1:8090")
    with Ocr(**translated(values)) as ocr:
        server = mcp_server(ocr, root)
        if http:
            _announce(f"http://{host}:{port}/mcp")
            server.run("streamable-http", host=host, port=int(port))
        else:
            server.run("stdio")
