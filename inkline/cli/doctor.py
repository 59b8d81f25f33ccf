"""`inkline doctor`: what this machine has, and what would make it faster; `inkline bench`: how fast it reads your pages."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
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

DETECTION, RECOGNITION = "nets before reading: detector, turns", "nets that read: scripts, recognisers"  # stages of `bench`

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
    """Time your own pages by stage: decoding, the nets, what is done beside them; then as a stream."""
    if not inputs:
        raise UsageError("no input: give files or folders, for instance `inkline bench scans/`")
    click.echo(measure(list(inputs), limit, rounds, given(OcrOptions, values)))


def measure(inputs: list[str], limit: int, rounds: int, options: dict[str, Any]) -> str:
    """Read at most `limit` pages of the inputs `rounds` times, by stage and as a stream: a table as text.

    Each stage is run on its own, page by page and line by line, and told in processor time, which other programs hardly
    change; pages one by one and as a stream are told in seconds of the clock. Medians over the rounds.
    """
    from inkline.io.read import read
    from inkline.io.sources import expand
    from inkline.pipeline import Ocr

    start = time.process_time()
    page_images = list(islice((page_image for source in expand(inputs) for page_image in read(source)), limit))
    decode = time.process_time() - start
    with Ocr(**options) as ocr:
        ocr(page_images[0].image)  # the first page warms the engines up
        runs = [_stages(ocr, page_images) for _ in range(rounds)]
        chosen = ocr.options.engine
    stages = {"decode": decode, **{name: statistics.median(run[name] for run in runs) for name in runs[0]}}
    clock = {name: stages.pop(name) for name in ("pages one by one", "pages as a stream")}
    nets = stages[DETECTION] + stages[RECOGNITION]
    beside = sum(stages.values()) - nets - decode
    count = len(page_images)
    lines = [f"{count} page{'s' * (count != 1)}, engine {chosen.engine}, {chosen.cpu_threads} threads", ""]
    lines += [
        f"{name:<40} {1000 * seconds / len(page_images):8.1f} ms of processor time a page" for name, seconds in stages.items()
    ]
    lines += [f"{'beside the nets, decoding aside':<40} {beside / nets:8.1%} of their time"]
    lines += [
        f"{name:<40} {1000 * seconds / len(page_images):8.1f} ms a page, {len(page_images) / seconds:.2f} pages/s"
        for name, seconds in clock.items()
    ]
    return "\n".join(lines)


@contextmanager
def _net_seconds(engine: str) -> Iterator[list[float]]:
    """A list of one number that grows by the processor time of every net's calls on an engine, as long as nothing else runs."""
    spent, kind = [0.0], import_module(ENGINES[engine][0]).open_file
    call = kind.__call__

    def timed(net: Any, x: Any) -> Any:
        start = time.process_time()
        outputs = call(net, x)
        spent[0] += time.process_time() - start
        return outputs

    kind.__call__ = timed
    try:
        yield spent
    finally:
        kind.__call__ = call


def _stages(ocr: "Ocr", page_images: list["PageImage"]) -> dict[str, float]:
    options, images = ocr.options, [page_image.image for page_image in page_images]
    with _net_seconds(choose_engine(options.engine)) as spent:
        prepared, prepare = _timed(
            lambda: [ocr._prepare(page, options, ocr._detect_one) for page in page_images], time.process_time
        )
        found = spent[0]
        texts, recognize = _timed(
            lambda: [ocr._read(page.crops, [len(page.crops)], options.recognize, map) for page in prepared], time.process_time
        )
        read = spent[0] - found
        _, together = _timed(lambda: [*map(ocr._finish, prepared, texts)], time.process_time)
    return {
        DETECTION: found,
        "boxes, order, lines cut": prepare - found,
        RECOGNITION: read,
        "lines fed, answers decoded": recognize - read,
        "boxes fitted to ink, page put together": together,
        "pages one by one": _timed(lambda: [ocr(image) for image in images])[1],
        "pages as a stream": _timed(lambda: list(ocr.stream(images)))[1],
    }


def _timed(work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> tuple[Any, float]:
    start = clock()
    result = work()
    return result, clock() - start


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
