"""The command line: `inkline COMMAND ...`. Commands are modules of this folder, imported when called."""

import errno
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from io import UnsupportedOperation
from typing import Any

import click

from inkline import __version__
from inkline.errors import InklineError, UsageError, near

# command -> (module of this folder, one line for `inkline --help`); the command has its name there, or that in RENAMED
COMMANDS = {
    "ocr": ("ocr_command", "read images, PDFs, folders and URLs"),
    "run": ("run_command", "read a whole archive into files; resumes when it was stopped"),
    "serve": ("serve_command", "serve the HTTP interface and a page to try it on"),
    "mcp": ("serve_command", "let an assistant read files, by the Model Context Protocol"),
    "doc_preprocessor": ("single_models", "turn pages upright and flatten them"),
    "text_detection": ("single_models", "find text boxes"),
    "text_recognition": ("single_models", "read images of single lines"),
    "textline_orientation_classification": ("single_models", "tell upright lines from those upside down"),
    "doc_img_orientation_classification": ("single_models", "tell how pages are turned"),
    "text_image_unwarping": ("single_models", "flatten photographs of bent pages"),
    "pipeline_config": ("single_models", "write a pipeline's settings as PaddleX's YAML"),
    "models": ("model_commands", "list, fetch and check models"),
    "languages": ("model_commands", "list the codes that --lang takes"),
    "doctor": ("doctor", "say what this machine has and what would make it faster"),
    "bench": ("doctor", "time your own pages by stage"),
    "convert": ("train_commands", "read published weights into a checkpoint of our nets"),
    "export": ("train_commands", "write a checkpoint as one self-describing ONNX file"),
    "data": ("data_commands", "check, split and look at training data"),
    "synth": ("data_commands", "make text lines and pages with exact labels"),
    "train": ("train_commands", "train a net"),
    "finetune": ("train_commands", "fine-tune a model, and say what it gained and lost"),
    "eval": ("evaluate_commands", "score the pipeline or a model against ground truth"),
}
RENAMED = {"eval": "evaluate"}
OUTPUT_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF)
# packages that only training needs, by the names they are imported under
TRAIN_PACKAGES = ("torch", "onnx", "rapidfuzz", "fontTools", "lmdb", "tensorboard", "shapely", "safetensors")


MEANS_OCR = ("read", "scan", "recognize", "recognise", "predict", "extract", "text", "image", "pdf")


def looks_like_input(word: str) -> bool:
    """Whether a word in a command's place is something to be read: a file, folder or address."""
    return (
        "://" in word or os.path.exists(word) or os.path.splitext(word)[1].lower() in (".pdf", ".png", ".jpg", ".jpeg", ".tif")
    )


def same_name(name: str) -> str:
    """Options may be written with dashes or underscores."""
    return name.replace("-", "_")


class Commands(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also PaddleX's way, `inkline --pipeline OCR --input a.png`, and PaddleOCR 2.x's, `inkline --image_dir a.png`."""
        if any(arg.replace("-", "_").startswith("__image_dir") or "predict_system" in arg for arg in args):
            from inkline.cli.paddle_flags import paddleocr_2x_style

            args = paddleocr_2x_style(args)
        if any(arg.startswith(("--pipeline", "--get_pipeline", "--get-pipeline")) for arg in args):
            from inkline.cli.paddle_flags import paddlex_style

            args = paddlex_style(args, self.list_commands(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """A package of training that is missing is wrong usage, told in one line."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as error:
            missing = (error.name or "").partition(".")[0]
            if missing not in TRAIN_PACKAGES:
                raise
            raise UsageError(f"this command needs {missing}, which is not installed: pip install 'inkline[train]'") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            if looks_like_input(cmd_name):
                raise UsageError(f"to read {cmd_name}: inkline ocr {cmd_name}")
            if cmd_name in MEANS_OCR:
                raise UsageError(f"no command {cmd_name!r}: `inkline ocr FILE` reads images and documents")
            raise UsageError(f"no command {cmd_name!r}{near(cmd_name, COMMANDS)} (`inkline --help` lists them)")
        module = import_module(f"inkline.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, RENAMED.get(cmd_name, cmd_name))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help) for name, (_, help) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"token_normalize_func": same_name, "help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", prog_name="inkline")
@click.option("--verbose", is_flag=True, help="log progress to standard error")
def inkline(verbose: bool) -> None:
    """Inkline reads text in images and documents. `inkline COMMAND --help` shows each command's options and examples.

    PaddleOCR's and PaddleX's ways of calling work too: inkline --pipeline OCR --input page.png --save_path out
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, format="inkline: %(message)s")


def main(arguments: list[str] | None = None) -> Any:
    """Entry point. Errors of ours are one line on standard error and an exit status: 1, or 2 for wrong usage."""
    if not sys.stdout:  # closed, as by `>&-`: writing to it is to be an error, not to go unseen
        sys.stdout = open(os.devnull)  # noqa: SIM115  it takes the place of descriptor 1
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: click.echo(f"inkline: {message}", err=True)
            result = inkline.main(arguments, prog_name="inkline", standalone_mode=False)
            sys.stdout.flush()
            return result
    except InklineError as error:
        click.echo(f"inkline: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        _say_wrong_usage(error, arguments or sys.argv[1:])
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort) as error:
        click.echo("inkline: stopped", err=True)
        sys.exit(getattr(error.__cause__ or error, "exit_code", 130))  # click hides what it was stopped by
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        drop_output()
        sys.exit(141)
    except (MemoryError, ImportError, OSError) as error:
        line = _what_is_lacking(error)
        if not line and (line := _why_output_failed(error)):
            drop_output()
        if not line:
            raise
        click.echo(f"inkline: {line}", err=True)
        sys.exit(1)


# Errors of a system that has no more to give; a library that is there and cannot be loaded says so in words.
LIMITS_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
LIBRARY_LIMITS = ("failed to map segment", "annot allocate memory", "Too many open files", "bad_alloc")


def _what_is_lacking(error: Exception) -> str:
    """What to say where the system had no memory, thread or file handle to give; empty for any other error."""
    reason = str(getattr(error, "strerror", None) or error) or type(error).__name__
    by_text = isinstance(error, ImportError) and any(text in reason for text in LIBRARY_LIMITS)
    if isinstance(error, MemoryError) or by_text or (isinstance(error, OSError) and error.errno in LIMITS_ERRNOS):
        return f"not enough memory, threads or file handles ({reason}); raise the limit (ulimit)"
    return ""


def _why_output_failed(error: Exception) -> str:
    """What to say of an error of standard output, which names no file; empty for any other."""
    if not isinstance(error, OSError) or error.filename is not None:
        return ""
    if isinstance(error, UnsupportedOperation) or error.errno in OUTPUT_ERRNOS:
        return f"standard output cannot be written ({error.strerror or 'it is closed'})"
    return ""


def _say_wrong_usage(error: click.ClickException, arguments: Sequence[str]) -> None:
    """One line, with the command whose help says more; the help itself where a command was given nothing."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(context.get_help() if context else error.message)
        return
    # click says of some mistakes not in which command they were made
    asked = next((word for word in arguments if word in COMMANDS), "")
    name = context.command_path if context else f"inkline {asked}".strip()
    message = error.format_message().replace(". Did you mean", "; did you mean")
    click.echo(f"inkline: {message} (`{name} --help` shows how)", err=True)


def drop_output() -> None:
    """Let what is still to be written to standard output go nowhere, so that the end of the process does not fail on it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
