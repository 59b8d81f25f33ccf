"""PaddleOCR's and PaddleX's own spelling on the command line: old flags, Paddle's flags, and `--pipeline OCR`."""

from pathlib import PurePath
from typing import Any

import click

from inkline.cli.options_help import Boolean, Decorator, all_of, option_of
from inkline.errors import UsageError
from inkline.flat import flat_fields
from inkline.options import EngineOptions
from inkline.paddle.arguments import (
    IGNORED_KEYWORDS,
    PADDLE_ENGINES,
    PADDLE_RUNTIME_KEYWORDS,
    RENAMED_KEYWORDS,
    translate_keywords,
)

SWITCHES = frozenset(("enable_hpi", "use_tensorrt", "enable_mkldnn", "enable_cinn"))
PIPELINES = {"OCR": "ocr", "doc_preprocessor": "doc_preprocessor"}


def _paddle_flag(name: str, reason: str) -> Decorator:
    """A flag about Paddle's runtime, which does nothing here."""
    if name == "use_hpip":
        return click.option(f"--{name}", is_flag=True, default=None, help=reason)
    return click.option(f"--{name}", type=Boolean() if name in SWITCHES else str, help=reason)


# `--device`, `--engine`, `--cpu_threads`, and PaddleOCR's flags about Paddle's runtime.
engine_options = all_of(
    option_of("--device", "device"),
    click.option(
        "--engine",
        help=f"{flat_fields(EngineOptions)['engine'][1].metadata['help']}; {', '.join(PADDLE_ENGINES)} mean auto  "
        "[default: auto]",
    ),
    option_of("--cpu_threads", "cpu_threads"),
    *(_paddle_flag(name, why) for name, (_, why) in PADDLE_RUNTIME_KEYWORDS.items() if name != "pp_option"),
)

# Switches of 2.x's command, which make another command of it -> that command.
STEPS_2X = {"det": "inkline text_recognition -i", "rec": "inkline text_detection -i", "cls": ""}

# The flags of PaddleOCR 2.x, which the help does not show: those renamed, and those without effect.
old_options = all_of(
    click.option("--use_gpu", type=Boolean(), hidden=True),
    *(click.option(f"--{name}", type=Boolean(), hidden=True) for name in STEPS_2X),
    *(click.option(f"--{name}", hidden=True) for name in (*IGNORED_KEYWORDS, "page_num", "rec_char_dict_path")),
    *(option_of(f"--{old}", new, hidden=True) for old, new in RENAMED_KEYWORDS.items()),
)


def translated(values: dict[str, Any]) -> dict[str, Any]:
    """Options of the pipeline out of a command's keyword arguments; a note is printed for each old flag.

    A `paddlex_config` among them is read, and gives way to the flags.
    """
    from inkline.paddle.paddlex_yaml import config_options, read_config

    for step, instead in STEPS_2X.items():
        if values.pop(step, None) is False and instead:
            raise UsageError(f"--{step} false: `{instead} FILE` does the other step alone")
    path = values.pop("paddlex_config", None)
    config = config_options(read_config(path)) if path else {}
    asked = translate_keywords(values, limit_type_known=True)
    for _, note in asked.notes:
        click.echo(f"inkline: {note}", err=True)
    return config | asked.options


def paddleocr_2x_style(arguments: list[str]) -> list[str]:
    """`--image_dir a.png ...`, as PaddleOCR 2.x is called, and `predict_system ...`, the script of 2020, as `ocr ...`.

    The first prints what it reads, the other writes into `./inference_results`; other arguments are left as they are.
    """
    lead = arguments[:1] if arguments[:1] == ["--verbose"] else []
    rest = arguments[len(lead) :]
    if rest and PurePath(rest[0]).name.removesuffix(".py") == "predict_system":
        return [*lead, "ocr", *rest[1:]]
    if not rest or not rest[0].startswith("--"):
        return arguments
    rest = [part for argument in rest for part in _apart(argument)]
    if "--image_dir" not in rest:
        return arguments
    return [*lead, "ocr", *("--input" if part == "--image_dir" else part for part in rest)]


def paddlex_style(arguments: list[str], commands: list[str]) -> list[str]:
    """`--pipeline OCR --input page.png ...`, as PaddleX is called, to `ocr --input page.png ...`; else unchanged.

    The pipeline is a name or a YAML file. `--flag None` says nothing, as there. UsageError for a pipeline not here.
    """
    lead = arguments[:1] if arguments[:1] == ["--verbose"] else []
    rest = [part for argument in arguments[len(lead) :] for part in _apart(argument)]
    if not rest or rest[0] in commands:
        return arguments
    pipeline, config_of = (_taken(rest, flag) for flag in ("--pipeline", "--get_pipeline_config"))
    rest = _without_none(rest)
    if config_of is not None:
        return [*lead, "pipeline_config", config_of, *rest]
    if pipeline is None:
        return arguments
    return [*lead, *_command_of(pipeline, rest)]


def _command_of(pipeline: str, rest: list[str]) -> list[str]:
    """Our command for a pipeline, and its arguments; rest: those that were given."""
    name, extra = _pipeline_of(pipeline)
    if "--serve" in rest:
        return ["serve", *extra, *(part for part in rest if part != "--serve")]
    if PIPELINES[name] == "ocr":  # which otherwise prints the text
        extra = ["--print_results", *extra]
    return [PIPELINES[name], *extra, *rest]


def _taken(rest: list[str], flag: str) -> str | None:
    """The value of a flag, which is removed with it; None when it is not there."""
    if flag not in rest:
        return None
    at = rest.index(flag)
    if at + 1 == len(rest):
        raise UsageError(f"{flag} needs a name: {' or '.join(PIPELINES)}")
    value = rest[at + 1]
    del rest[at : at + 2]
    return value


def _pipeline_of(pipeline: str) -> tuple[str, list[str]]:
    """The name of a pipeline, given by name or as a YAML file, and the flags that the file adds."""
    from inkline.paddle.paddlex_yaml import known_pipeline, pipeline_name, read_config

    if pipeline.lower().endswith((".yaml", ".yml")):
        return pipeline_name(read_config(pipeline)), ["--paddlex_config", pipeline]
    return known_pipeline(pipeline), []


def _apart(argument: str) -> list[str]:
    """`--flag=value` as two; dashes in a flag as underscores."""
    if not argument.startswith("--"):
        return [argument]
    flag, equals, value = argument.partition("=")
    return [f"--{flag[2:].replace('-', '_')}", *([value] if equals else [])]


def _without_none(arguments: list[str]) -> list[str]:
    """Without `--flag None`, which says nothing."""
    out: list[str] = []
    for argument in arguments:
        if argument == "None" and out and out[-1].startswith("--"):
            out.pop()
        else:
            out.append(argument)
    return out
