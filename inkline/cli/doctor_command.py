"""`inkline doctor`: what this machine has; `inkline bench`: how fast it reads the user's own pages."""

import json
from dataclasses import asdict
from typing import Any

import click

from inkline.cli.parameters import from_options, given
from inkline.errors import UsageError
from inkline.options import OcrOptions

BENCH_EXAMPLES = """\b
Examples:
  inkline bench scans/ --limit 20
  inkline bench page.png --engine onnxruntime --cpu_threads 1
"""


@click.command(epilog="\b\nExamples:\n  inkline doctor\n  inkline doctor --json")
@click.option("--json", "as_json", is_flag=True, help="as JSON")
def doctor(as_json: bool) -> None:
    """Say what this machine has (engines, processors, models, versions) and what to change to read faster."""
    from inkline.cli.doctor import examine, report

    findings = examine()
    click.echo(json.dumps([asdict(f) for f in findings], indent=2) if as_json else report(findings))


@click.command(epilog=BENCH_EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="at most this many pages")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="how often all pages are read")
@from_options(OcrOptions)
def bench(inputs: tuple[str, ...], limit: int, rounds: int, **values: Any) -> None:
    """Time your own pages by stage: decoding, detection, recognition, the rest; one page at a time, then as a stream."""
    if not inputs:
        raise UsageError("no input: give files or folders, for instance `inkline bench scans/`")
    from inkline.cli.bench import measure

    click.echo(measure(list(inputs), limit, rounds, given(OcrOptions, values)))
