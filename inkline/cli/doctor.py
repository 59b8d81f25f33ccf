"""`inkline doctor`: what this machine has, and what would make it faster; `inkline bench`: how fast it reads your pages."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from inkline import __version__
from inkline.cli.options_help import from_options, given
from inkline.errors import UsageError
from inkline.options import EngineOptions, OcrOptions
from inkline.registry.card import find_card
from inkline.registry.download import find_local
from inkline.registry.settings import settings_from_environment
from inkline.runtime import ENGINES, INSTRUCTIONS, choose_engine, instructions, suits_openvino

if TYPE_CHECKING:
    from inkline.io.read import PageImage
    from inkline.pipeline import Ocr

PACKAGES = (
    *("numpy", "opencv-python-headless", "pillow", "pypdfium2"),
    *("onnxruntime", "onnxruntime-gpu", "openvino", "torch"),
)

BENCH_EXAMPLES = """\b
Examples:
  inkline bench scans/ --limit 20
  inkline bench page.png --engine onnxruntime --cpu_threads 1
"""


@click.command(epilog="\b\nExamples:\n  inkline doctor\n  inkline doctor --json")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def doctor(as_json: bool) -> None:
    """Say what this machine has (engines, processors, models, versions) and what to change to read faster."""
    findings = examine()
    if as_json:
        click.echo(json.dumps([asdict(f) for f in findings], indent=2))
        return
    for finding in findings:
        click.echo(f"{finding.topic:<28} {finding.state}")
        if finding.advice:
            click.echo(f"{'':<28} -> {finding.advice}")


@click.command(epilog=BENCH_EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="INPUT...")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="at most this many pages")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="how often all pages are read")
@from_options(OcrOptions)
def bench(inputs: tuple[str, ...], limit: int, rounds: int, **values: Any) -> None:
    """Time your own pages by stage: decoding, detection, recognition, the rest; one page at a time, then as a stream."""
    if not inputs:
        raise UsageError("no input: give files or folders, for instance `inkline bench scans/`")
    click.echo(measure(list(inputs), limit, rounds, given(OcrOptions, values)))


def measure(inputs: list[str], limit: int, rounds: int, options: dict[str, Any]) -> str:
    """Read at most `limit` pages of the inputs `rounds` times, by stage and as a stream: a table as text.

    Each stage is run on its own, page by page, so its time is not hidden behind another's; medians over the rounds.
    """
    from inkline.io.read import read
    from inkline.io.sources import expand
    from inkline.pipeline import Ocr

    start = time.perf_counter()
    page_images = list(islice((page_image for source in expand(inputs) for page_image in read(source)), limit))
    decode = time.perf_counter() - start
    with Ocr(**options) as ocr:
        ocr(page_images[0].image)  # the first page warms the engines up
        runs = [_stages(ocr, page_images) for _ in range(rounds)]
        chosen = ocr.options.engine
    stages = {"decode": decode, **{name: statistics.median(run[name] for run in runs) for name in runs[0]}}
    whole = stages.pop("whole, as a stream")
    lines = [f"{len(page_images)} pages, engine {chosen.engine}, {chosen.cpu_threads} threads", ""]
    lines += [f"{name:<28} {1000 * seconds / len(page_images):8.1f} ms per page" for name, seconds in stages.items()]
    lines += [
        f"{'whole, as a stream':<28} {1000 * whole / len(page_images):8.1f} ms per page, {len(page_images) / whole:.2f} pages/s"
    ]
    return "\n".join(lines)


def _stages(ocr: "Ocr", page_images: list["PageImage"]) -> dict[str, float]:
    options, pool = ocr.options, ocr._pool
    prepared, detect = _timed(lambda: [ocr._prepare(image, options, ocr._detect_one) for image in page_images])
    _, recognize = _timed(lambda: [ocr._recognize(page.crops, options.recognize, pool.map) for page in prepared])
    _, whole = _timed(lambda: list(ocr.stream([page_image.image for page_image in page_images])))
    return {"detect and crop": detect, "recognise": recognize, "whole, as a stream": whole}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


@dataclass(frozen=True)
class Finding:
    """One line of the report: what it is about, how it stands, and what to change if something should."""

    topic: str
    state: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at the interpreter, the processors, the engines and the models on the disk; nothing is fetched or changed."""
    return [
        Finding("inkline", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        Finding("packages", ", ".join(f"{name} {found}" for name in PACKAGES if (found := _version(name)))),
        _processors(),
        *(_engine(name) for name in ENGINES),
        _choice(),
        *_models(),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _processors() -> Finding:
    granted, present = EngineOptions().cpu_threads, os.cpu_count() or 1
    state = f"{granted} of {present} granted, {platform.machine()}"
    found = instructions()
    state += ": " + (", ".join(name for name in INSTRUCTIONS if name in found) or "no vector instructions known to us")
    advice = "this process may not use all processors (affinity or container limit)" if granted < present else ""
    return Finding("processors", state, advice)


def _engine(name: str) -> Finding:
    _, distribution, extra = ENGINES[name]
    if not find_spec(distribution):
        suited = name == "openvino" and suits_openvino()
        gain = "may read faster on this processor (docs/engines.md): " if suited else ""
        return Finding(f"engine {name}", "not installed", f"{gain}{extra}")
    if name != "onnxruntime":
        return Finding(f"engine {name}", _version(distribution) or "installed")
    import onnxruntime

    providers = [p.removesuffix("ExecutionProvider") for p in onnxruntime.get_available_providers()]
    return Finding(f"engine {name}", f"{onnxruntime.__version__}, providers {', '.join(providers)}")


def _choice() -> Finding:
    options = EngineOptions()
    return Finding("reading with", f"{choose_engine(options)} on {options.device}, {options.cpu_threads} threads")


def _models() -> list[Finding]:
    settings = settings_from_environment()
    ways = [", offline" if settings.offline else "", f", from {settings.mirror}" if settings.mirror else ""]
    findings = [Finding("model folder", f"{settings.cache}{''.join(ways)}")]
    options = OcrOptions()
    for name in (options.text_detection_model_name, options.text_recognition_model_name):
        path = find_local(find_card(name), settings)
        advice = "" if path else f"fetch it with `inkline models pull {name}`"
        findings.append(Finding(f"model {name}", str(path) if path else "not on the disk", advice))
    return findings
