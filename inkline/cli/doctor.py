"""What this machine has to read with, and what would make it faster."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from inkline import __version__
from inkline.options import EngineOptions, OcrOptions
from inkline.registry.card import find_card
from inkline.registry.download import find_local
from inkline.registry.settings import settings_from_environment
from inkline.runtime import ENGINES, INSTRUCTIONS, choose_engine, instructions, suits_openvino

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pypdfium2",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
)


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
    offline = ", offline" if settings.offline else ""
    findings = [Finding("model folder", f"{settings.cache}{offline}")]
    options = OcrOptions()
    for name in (options.text_detection_model_name, options.text_recognition_model_name):
        path = find_local(find_card(name), settings)
        advice = "" if path else f"fetch it with `inkline models pull {name}`"
        findings.append(Finding(f"model {name}", str(path) if path else "not on the disk", advice))
    return findings


def report(findings: list[Finding]) -> str:
    """The findings as lines, advice marked by an arrow."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.topic:<28} {finding.state}")
        if finding.advice:
            lines.append(f"{'':<28} -> {finding.advice}")
    return "\n".join(lines)
