"""Flags made from the option dataclasses, so that a default stands in one place only, and help that shows them in groups."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal, get_args, get_origin

import click

from inkline.flat import Shape, flat_fields, old_names
from inkline.options import OcrOptions, PdfOptions, RunOptions
from inkline.paddle.arguments import PADDLE_RUNTIME_KEYWORDS, SINGLE_MODEL_KEYWORDS

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

TRUE = frozenset(("true", "yes", "t", "y", "1", "on"))
FALSE = frozenset(("false", "no", "f", "n", "0", "off"))

# The keys of `inkline.formats.write.WRITERS`, whose module takes too long to load for a help text (a test compares them).
FORMATS = "json, txt, img, layout, md, tsv, csv, jsonl, hocr, alto, page, parquet, pdf"

# Title in the help -> beginnings of the names of its options; the longest that fits decides.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Service": (
        *("host", "port", "parallel", "queue_size", "request_timeout", "max_body_", "max_pages", "visualize"),
        *("max_output_", "on_request", "body_timeout", "send_timeout", "allowed_hosts"),
    ),
    "Input": (
        *("more_inputs", "pdf_", "page_range", "max_image", "max_source", "allow_urls", "url_"),
        *("isolate", "page_timeout", "max_decode"),
    ),
    "Output": ("save_path", "formats", "as_json", "quiet", "review", "strict", "text_layer", "pdfa"),
    "Language and models": ("lang", "tier", "ocr_version", "model_", "offline", "paddlex_config", "rules"),
    "Turning and flattening": ("use_", "doc_", "textline_", "deskew", "topk"),
    "Finding text": ("text_det_",),
    "Reading text": ("text_rec_", "text_recognition_batch_size", "return_word_box", "reading_order"),
    "Running": (
        *("device", "engine", "cpu_threads", "workers", "retries", "retry_wait", "time_limit", "watch", "ledger"),
        *("ray", "replicas"),
    ),
    "Without effect, accepted so that PaddleOCR's commands run": (
        *("enable_hpi", "use_tensorrt", "precision", "enable_mkldnn", "mkldnn_cache_capacity", "enable_cinn"),
        *("use_hpip", "hpi_config", "min_subgraph_size"),
    ),
    "Other": ("",),
}


def section_of(name: str) -> str:
    """The title under which an option is shown."""
    if name.endswith(("_model_name", "_model_dir", "_model_head")):
        return "Language and models"
    fitting = [(len(start), title) for title, starts in SECTIONS.items() for start in starts if name.startswith(start)]
    return max(fitting)[1]


def flat_name(ctx: click.Context, name: str) -> str:
    """What the pipeline calls an option of a single model's command."""
    return SINGLE_MODEL_KEYWORDS.get(ctx.command.name or "", {}).get(name) or name


# Of the pipeline's options those that `--help` shows of a command with all of them; `--help-all` shows the rest.
USUAL = (
    *("lang", "tier", "use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation", "deskew"),
    *("page_range", "text_layer", "device", "cpu_threads"),
)


class GroupedCommand(click.Command):
    """A command whose help shows its examples (the epilog) before its options, and these in groups."""

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        self.format_epilog(ctx, formatter)
        self.format_options(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in SECTIONS}
        for param in self.get_params(ctx):
            if not self.shows(ctx, param.name or ""):
                continue
            record = param.get_help_record(ctx)
            if record is not None and record[1]:  # an argument without a text is in the usage line
                groups[section_of(flat_name(ctx, param.name or ""))].append(record)
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records, col_max=34)

    def shows(self, ctx: click.Context, name: str) -> bool:
        """Whether the help has this option."""
        return True


class LongCommand(GroupedCommand):
    """A command with all options of the pipeline: `--help` shows the usual ones, `--help-all` all of them."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        help_all = click.Option(
            ["--help_all"], is_flag=True, is_eager=True, expose_value=False, callback=_show_all, help="show all options"
        )
        return [*super().get_params(ctx), help_all]

    def shows(self, ctx: click.Context, name: str) -> bool:
        rare = {*flat_fields(OcrOptions), *flat_fields(PdfOptions), *PADDLE_RUNTIME_KEYWORDS, "ocr_version", "paddlex_config"}
        return ALL in ctx.meta or name not in rare - set(USUAL)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_options(ctx, formatter)
        if ALL not in ctx.meta:
            formatter.write(f"\n{ctx.command_path} --help-all shows all options.\n")


ALL = "inkline.help_all"  # of a context whose help shows every option


def _show_all(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        ctx.meta[ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()


class Boolean(click.ParamType):  # type: ignore[type-arg]
    """`true yes t y 1 on` or `false no f n 0 off`, in any case; the reference takes every other word for False."""

    name = "true|false"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().casefold()
        if word not in TRUE | FALSE:
            self.fail(f"{value!r} is neither true nor false", param, ctx)
        return word in TRUE


def all_of(*options: Decorator) -> Decorator:
    """A decorator that adds several options, in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def from_options(cls: type, names: Iterable[str] | None = None, without: Iterable[str] = ()) -> Decorator:
    """A decorator that adds `--flat_name` for each option of a dataclass (or only for `names`), but `without`.

    An option that the user does not give is not passed on at all, so that tuned values of the models stay in force:
    collect what was given with `given`.
    """

    options = []
    for name, (_, field, hint) in flat_fields(cls).items():
        if (names is None or name in names) and name not in without:
            spec = _spec(hint, field.metadata["help"], field.default)
            options.append(click.option(f"--{name}", hidden="instead" in field.metadata, **spec))
            if "old_name" in field.metadata:
                options.append(click.option(f"--{field.metadata['old_name']}", hidden=True, **spec))
    return all_of(*options)


def option_of(flag: str, name: str, hidden: bool = False) -> Decorator:
    """A decorator that adds `flag` for one option of the pipeline, whatever the flag is called."""
    _, field, hint = flat_fields(OcrOptions)[name]
    return click.option(flag, hidden=hidden, **_spec(hint, field.metadata["help"], field.default))


def _spec(hint: Any, help: str, default: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"default": None, "help": f"{help}  [default: {_shown(default)}]"}
    if hint is bool:
        return spec | {"type": Boolean(), "is_flag": False, "flag_value": "true"}
    if get_origin(hint) is Literal:
        return spec | {"type": click.Choice(get_args(hint))}
    if hint == Shape | None:
        return spec | {"type": int, "nargs": 3, "metavar": "C H W"}
    return spec | {"type": hint}


def _shown(default: Any) -> str:
    if default in (None, ""):
        return "none"
    return str(default).lower() if isinstance(default, bool) else str(default)


def _go_offline(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    from inkline.registry import set_offline

    if asked and not ctx.resilient_parsing:
        set_offline()


# Acts by itself: commands do not get it.
offline_flag = partial(click.option, "--offline", is_flag=True, expose_value=False, callback=_go_offline)
model_choice = all_of(
    click.option("--ocr_version", help="PP-OCRv3, PP-OCRv4, PP-OCRv5 or PP-OCRv6"),
    offline_flag(help="never use the network, not even to fetch a model"),
    click.option("--paddlex_config", help="an OCR.yaml of PaddleX, or of `inkline pipeline_config OCR`"),
)


strict_flag = click.option("--strict", is_flag=True, help=flat_fields(RunOptions)["strict"][1].metadata["help"])


def files_text(count: int) -> str:
    """`1 file`, `3 files`."""
    return f"{count} file{'s' * (count != 1)}"


def say_damaged(count: int) -> None:
    """Say how many files were read in part, if any were."""
    if count:
        click.echo(f"inkline: {files_text(count)} {'was' if count == 1 else 'were'} damaged and read in part", err=True)


def examples_of(command: str, examples: str) -> str:
    """The examples of a group's help that are of one of its commands (`models list`), as the help of that command."""
    rows = [row for row in examples.splitlines() if row.strip().startswith(f"inkline {command} ")]
    return "\n".join(["\b", "Examples:", *rows])


def given(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a dataclass that the user gave out of a command's keyword arguments."""
    names = (*flat_fields(cls), *old_names(cls))
    return {name: value for name in names if (value := values.pop(name, None)) is not None}
