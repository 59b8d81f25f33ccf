"""`inkline run`: read a whole archive into files; a run that was stopped is resumed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkline.cli.options_help import (
    FORMATS,
    LongCommand,
    files_text,
    from_options,
    given,
    model_choice,
    say_damaged,
    strict_flag,
)
from inkline.cli.paddle_flags import translated
from inkline.errors import UsageError
from inkline.flat import apply
from inkline.options import OcrOptions, RunOptions

if TYPE_CHECKING:
    from inkline.batch.document import PageReader
    from inkline.batch.scheduler import RunProgress, RunSummary
    from inkline.batch.task import RunConfig

EXAMPLES = """\b
Examples:
  inkline run scans/ out --format json,txt          the same again resumes after a stop
  inkline run 'scans/**/*.tif' @more.txt out        globs, and a list with one path per line
  inkline run letters.zip s3://bucket/results       archives (zip, tar); stores need the extra `cloud`
  inkline run /data/scans /data/out --ray head:6379
  inkline run inbox/ out --watch                    new files in inbox/, until stopped
"""


@click.command(cls=LongCommand, epilog=EXAMPLES)
@click.argument("places", nargs=-1, metavar="SOURCE... DEST")
@click.option("--format", "formats", default="json", show_default=True, help=f"comma-separated formats out of {FORMATS}")
@click.option("--watch", is_flag=True, help="keep running: read what is put into SOURCE, once it has stopped growing")
@click.option("--ledger", default="", help="folder of the ledger; default: DEST/.inkline, for stores a folder of the user's")
@click.option("--ray", metavar="ADDRESS|local", help="run on a Ray cluster (extra `ray`): host:port, auto or local")
@click.option("--quiet", is_flag=True, help="no progress and no summary; warnings and failures only")
@model_choice
@strict_flag
@from_options(RunOptions, without=("strict",))
@from_options(OcrOptions, without=("cpu_threads",))
def run(places: tuple[str, ...], **values: Any) -> None:
    """Read all files of folders, globs, lists (@list.txt), archives and object stores into files below DEST.

    Results keep the source's folders and names. A ledger in DEST records what is done, by content and options: the same
    command again reads what is new, what changed and what failed, and resumes a run that was killed.

    Exit status: 0 when all was read, 1 when some files could not be read (DEST/failures.jsonl lists them; the rest is
    done) or, with --strict, were damaged and read in part, 2 for wrong usage.
    """
    if len(places) < 2:
        raise UsageError("give what to read and the folder or store to write into, for instance `inkline run scans/ out`")
    *sources, dest = places
    quiet, watch, ray = (values.pop(name) for name in ("quiet", "watch", "ray"))
    if ray and watch:
        raise UsageError("--watch runs on this machine only; leave out --watch or --ray")
    from inkline.batch.local_run import run_files

    workers = values.get("workers")
    config = run_config(tuple(sources), dest, values)
    with stoppable(), progress(config, quiet, watch) as shown:
        reader = partial(open_reader, config.options)
        if ray:
            from inkline.batch.ray_run import run_on_ray

            summary = run_on_ray(config, reader, shown, ray, workers)
        else:
            summary = run_files(config, reader, shown, watch)
    end(summary, config, quiet)


def run_config(sources: tuple[str, ...], dest: str, values: dict[str, Any]) -> "RunConfig":
    """What is to be done, from the command's arguments; UsageError or ModelError when it cannot be."""
    from inkline.batch.task import RunConfig
    from inkline.formats.write import check_formats, check_packages
    from inkline.io.isolated import CAN_ISOLATE
    from inkline.registry import options_for

    formats, ledger = check_formats(values.pop("formats")), values.pop("ledger")
    check_packages(formats)
    run_options = apply(RunOptions(), **given(RunOptions, values))
    values |= {"isolate": CAN_ISOLATE} if values.get("isolate") is None else {}
    if "-" in sources:
        raise UsageError("standard input cannot be read again after a stop: save it to a file, or use `inkline ocr -`")
    return RunConfig(sources, dest, formats, options_for(**translated(values)), run_options, ledger)


def open_reader(options: OcrOptions) -> "PageReader":
    """Open the models in a worker: workers are as many as there are processors, so each has one thread."""
    from inkline.pipeline import Ocr

    return Ocr(apply(options, cpu_threads=1))


@contextmanager
def progress(config: "RunConfig", quiet: bool, watch: bool) -> Iterator["RunProgress"]:
    """What tells how far the run is: a live line on a terminal, else lines."""
    from inkline.batch.listing import list_files
    from inkline.batch.scheduler import RunProgress
    from inkline.batch.storage import is_store
    from inkline.progress import open_progress

    if quiet:
        yield RunProgress()
        return
    # Files are counted beside the run where that costs little and changes nothing.
    countable = not watch and not any(source == "@-" or is_store(source) for source in config.sources)
    count = (lambda: sum(map(bool, list_files(config.sources, Path(config.destination))))) if countable else None
    with open_progress("text", "starting", interval=30.0) as display:
        yield RunProgress(display, count)


def end(summary: "RunSummary", config: "RunConfig", quiet: bool) -> None:
    """Say how the run went; exit status 1 when files failed, or were damaged and that counts."""
    from inkline.batch.scheduler import format_rate

    if not quiet:
        rate = format_rate(summary.pages / max(summary.seconds, 1e-6))
        parts = [f"{files_text(summary.done)} read", f"{summary.pages} page{'s' * (summary.pages != 1)}", rate]
        parts += [f"{files_text(summary.skipped)} done before"] if summary.skipped else []
        if summary.passed.count:
            more = ", ..." if summary.passed.count > len(summary.passed.names) else ""
            names = ", ".join(summary.passed.names) + more
            what = "is no image or PDF" if summary.passed.count == 1 else "are no images or PDFs"
            parts.append(f"{files_text(summary.passed.count)} passed over that {what} ({names})")
        parts += [f"{files_text(summary.noted)} with warnings"] if summary.noted else []
        click.echo(f"inkline: {', '.join(parts)}; results in {config.destination}", err=True)
    if summary.failed:
        click.echo(
            f"inkline: {files_text(summary.failed)} could not be read: see {config.destination.rstrip('/')}/failures.jsonl",
            err=True,
        )
    say_damaged(summary.damaged)
    if summary.failed or (summary.damaged and config.run_options.strict):
        raise SystemExit(1)


class Terminated(KeyboardInterrupt):
    """Told to end by SIGTERM."""

    exit_code = 128 + signal.SIGTERM


@contextmanager
def stoppable() -> Iterator[None]:
    """A request to end, as service managers send it, stops like Ctrl-C: the list of failures is still written."""

    def stop(*_: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
