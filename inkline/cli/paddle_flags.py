"""PaddleOCR's and PaddleX's own spelling on the command line: old flags, Paddle's flags, and `--pipeline OCR`."""

from collections.abc import Callable
from typing import Any

import click

from inkline.cli.parameters import Boolean, option_of
from inkline.errors import UsageError, near
from inkline.flat import flat_fields
from inkline.options import EngineOptions
from inkline.paddle.arguments import (
    IGNORED_KEYWORDS,
    PADDLE_ENGINES,
    PADDLE_RUNTIME_KEYWORDS,
    RENAMED_KEYWORDS,
    translate_keywords,
)

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
SWITCHES = frozenset(("enable_hpi", "use_tensorrt", "enable_mkldnn", "enable_cinn"))
PIPELINES = {"OCR": "ocr", "doc_preprocessor": "doc_preprocessor"}


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--device`, `--engine`, `--cpu_threads`, and PaddleOCR's flags about Paddle's runtime, which do nothing."""
    for name, (_, reason) in reversed(PADDLE_RUNTIME_KEYWORDS.items()):
        if name == "pp_option":
            continue
        kind: Any = Boolean() if name in SWITCHES else str
        extra = {"is_flag": True, "default": None} if name == "use_hpip" else {"type": kind}
        command = click.option(f"--{name}", help=reason, **extra)(command)
    command = option_of("--cpu_threads", "cpu_threads")(command)
    help = flat_fields(EngineOptions)["engine"][1].metadata["help"]
    command = click.option("--engine", help=f"{help}; {', '.join(PADDLE_ENGINES)} mean auto  [default: auto]")(command)
    return option_of("--device", "device")(command)


def old_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the flags of PaddleOCR 2.x, which the help does not show: those renamed, and those without effect."""
    for old, new in RENAMED_KEYWORDS.items():
        command = option_of(f"--{old}", new, hidden=True)(command)
    for name in (*IGNORED_KEYWORDS, "rec_char_dict_path"):
        command = click.option(f"--{name}", hidden=True)(command)
    return click.option("--use_gpu", type=Boolean(), hidden=True)(command)


def translated(values: dict[str, Any]) -> dict[str, Any]:
    """Options of the pipeline out of a command's keyword arguments; old flags are remarked upon.

    A `paddlex_config` among them is read, and gives way to the flags.
    """
    from inkline.paddle.paddlex_yaml import config_options, read_config

    path = values.pop("paddlex_config", None)
    config = config_options(read_config(path)) if path else {}
    asked = translate_keywords(values, limit_type_known=True)
    for _, note in asked.notes:
        click.echo(f"inkline: {note}", err=True)
    return config | asked.options


def paddlex_style(arguments: list[str], commands: list[str]) -> list[str]:
    """`--pipeline OCR --input page.png ...`, as PaddleX is called, to `ocr --input page.png ...`; else unchanged.

    The pipeline is a name or a YAML file. `--flag None` says nothing, as there. UsageError for a pipeline not here.
    """
    lead = [argument for argument in arguments[:1] if argument == "--verbose"]
    rest = [part for argument in arguments[len(lead) :] for part in _apart(argument)]
    if not rest or rest[0] in commands:
        return arguments
    asked: dict[str, str] = {}
    for flag in ("--pipeline", "--get_pipeline_config"):
        if flag in rest:
            at = rest.index(flag)
            if at + 1 == len(rest):
                raise UsageError(f"{flag} needs a name: {' or '.join(PIPELINES)}")
            asked[flag] = rest[at + 1]
            del rest[at : at + 2]
    rest = _without_none(rest)
    if "--get_pipeline_config" in asked:
        return [*lead, "pipeline_config", asked["--get_pipeline_config"], *rest]
    if "--pipeline" not in asked:
        return arguments
    name, extra = asked["--pipeline"], list[str]()
    if name.lower().endswith((".yaml", ".yml")):
        from inkline.paddle.paddlex_yaml import pipeline_name, read_config

        name, extra = pipeline_name(read_config(name)), ["--paddlex_config", name]
    if name not in PIPELINES:
        raise UsageError(f"pipeline {name!r} is not here: {' and '.join(PIPELINES)} are{near(name, PIPELINES)}")
    if "--serve" in rest:
        return [*lead, "serve", *(part for part in rest if part != "--serve"), *extra]
    return [*lead, PIPELINES[name], *extra, *rest]


def _apart(argument: str) -> list[str]:
    """`--flag=value` as two; dashes in a flag as underscores."""
    if not argument.startswith("--"):
        return [argument]
    flag, equals, value = argument.partition("=")
    return [f"--{flag[2:].replace('-', '_')}", *([value] if equals else [])]


def _without_none(arguments: list[str]) -> list[str]:
    out: list[str] = []
    for argument in arguments:
        if argument == "None" and out and out[-1].startswith("--"):
            out.pop()
        else:
            out.append(argument)
    return out
