"""The arguments of PaddleOCR's classes as Inkline's options: those of 3.x, the older names it still takes, those of 2.x.

The names are data in `keywords.toml`. Nothing is accepted silently that would do something else than its user expects.
"""

import tomllib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any, TypeVar

from inkline.errors import UsageError, near
from inkline.flat import current_names, flat_fields, warner_outside
from inkline.options import EngineOptions, OcrOptions

Notes = list[tuple[type[Warning], str]]

TABLE = tomllib.loads(Path(__file__).with_name("keywords.toml").read_text(encoding="utf-8"))
POSITIONAL_KEYWORDS: tuple[str, ...] = tuple(TABLE["positional"])
PREDICT_KEYWORDS: tuple[str, ...] = tuple(TABLE["predict"])
RENAMED_KEYWORDS: dict[str, str] = TABLE["renamed"]
IGNORED_KEYWORDS: dict[str, str] = {name: why for why, names in TABLE["ignored"].items() for name in names}

# PaddleOCR 3.x keywords about Paddle's own runtime -> values that change nothing, and why others have no effect
_FAST = "the high-performance plug-in belongs to Paddle; `engine='openvino'` is the fast one"
PADDLE_RUNTIME_KEYWORDS: dict[str, tuple[Container[Any], str]] = {
    "enable_hpi": ((False,), _FAST),
    "use_hpip": ((False,), _FAST),
    "hpi_config": ((), "it sets up Paddle's high-performance plug-in"),
    "pp_option": ((), "it sets up Paddle's runtime, and Inkline runs without Paddle"),
    "use_tensorrt": ((False,), "TensorRT is used by Paddle's runtime only"),
    "min_subgraph_size": (range(1000), "it sets up TensorRT in Paddle's runtime"),
    "precision": (("fp32",), "nets run with the precision of their file"),
    "enable_mkldnn": ((True, False), "ONNX Runtime has its own kernels for processors"),
    "mkldnn_cache_capacity": (range(10_000), "ONNX Runtime has its own kernels for processors"),
    "enable_cinn": ((False,), "CINN is a compiler of Paddle's"),
}

PADDLE_ENGINES = ("paddle", "paddle_static", "paddle_dynamic", "transformers")
ENGINE_CONFIG = {"cpu_threads": "cpu_threads", "intra_op_num_threads": "cpu_threads"}
COMMON_KEYWORDS = ("device", "engine", "engine_config", "cpu_threads", *PADDLE_RUNTIME_KEYWORDS)
# What each single model takes beside the common keywords -> its option; "" where there is no option for it.
SINGLE_MODEL_KEYWORDS: dict[str, dict[str, str]] = {
    "text_detection": {
        name: f"text_det_{name}"
        for name in ("limit_side_len", "limit_type", "thresh", "box_thresh", "unclip_ratio", "input_shape")
    },
    "text_recognition": {"input_shape": "text_rec_input_shape"},
    "textline_orientation": {"topk": ""},
    "doc_orientation_classify": {"topk": ""},
    "doc_unwarping": {},
}
NO_OPTIONS = (*COMMON_KEYWORDS, "use_gpu", "page_num", "rec_char_dict_path", "paddlex_config")


@dataclass(frozen=True)
class TranslatedKeywords:
    """Keywords as options of the pipeline (with `lang` and `ocr_version`); notes: warnings as (category, sentence)."""

    options: dict[str, Any]
    notes: tuple[tuple[type[Warning], str], ...] = ()

    def warn(self) -> None:
        """Issue the notes as Python warnings, at the line of the user's call."""
        for category, text in self.notes:
            warner_outside()(text, category)


def signature(positional: Iterable[str], keywords: Iterable[str] = (), rest: str = "") -> Signature:
    """The signature of a method, `self` included, as `inspect` shows it: all None by default; rest: of **rest.

    A name beginning with `*` has no default.
    """
    kinds: dict[str, Any] = dict.fromkeys(("*self", *positional), Parameter.POSITIONAL_OR_KEYWORD)
    kinds |= dict.fromkeys(keywords, Parameter.KEYWORD_ONLY)
    shown = [Parameter(n.lstrip("*"), kind, default=Parameter.empty if n[0] == "*" else None) for n, kind in kinds.items()]
    return Signature([*shown, Parameter(rest, Parameter.VAR_KEYWORD)] if rest else shown)


Method = TypeVar("Method", bound=Callable[..., Any])


def shown_as(positional: Iterable[str], keywords: Iterable[str] = (), rest: str = "") -> Callable[[Method], Method]:
    """A decorator for a method that `inspect` shows as of `signature`, whatever it declares."""

    def decorate(method: Method) -> Method:
        method.__dict__["__signature__"] = signature(positional, keywords, rest)
        return method

    return decorate


def bind_arguments(positional: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Positional arguments of the constructor by name, with its keywords; TypeError as Python raises it."""
    if len(positional) > len(POSITIONAL_KEYWORDS):
        raise TypeError(f"PaddleOCR takes {len(POSITIONAL_KEYWORDS)} positional arguments, {len(positional)} were given")
    named = dict(zip(POSITIONAL_KEYWORDS, positional, strict=False))
    twice = named.keys() & keywords.keys()
    if twice:
        raise TypeError(f"PaddleOCR got two values for {sorted(twice)[0]!r}")
    return named | dict(keywords)


def translate_keywords(keywords: Mapping[str, Any], limit_type_known: bool = False) -> TranslatedKeywords:
    """PaddleOCR's keywords as options; None means not given. 0, False and "" are values like any other.

    `text_det_limit_side_len` alone means the shorter side, as in PaddleOCR 3.x; `det_limit_side_len` alone the longer
    one, as in 2.x; unless `limit_type_known`. UsageError for an unknown keyword, with the nearest known one, and for an
    old name beside its new one.
    """
    # What was given, under the current names.
    given = {name: value for name, value in keywords.items() if value is not None}
    given = current_names(OcrOptions, given, warn=True)
    check_known(given, (*flat_fields(OcrOptions), *POSITIONAL_KEYWORDS, *RENAMED_KEYWORDS, *IGNORED_KEYWORDS, *NO_OPTIONS))
    if "rec_char_dict_path" in given:
        raise UsageError(
            "rec_char_dict_path: put the dictionary beside the model, in the folder of text_recognition_model_dir, "
            "under the model's name and the ending .txt"
        )
    # Options of the engine, then everything else; an option of ours keeps its name.
    notes: Notes = []
    given = _device_2x(_pages_2x(given, notes), notes)
    options = _engine_options(given, notes)
    if not limit_type_known:
        options |= _limit_type(given)
    for name, value in given.items():
        if name in RENAMED_KEYWORDS:
            if RENAMED_KEYWORDS[name] in given:
                raise UsageError(f"{name} is the old name of {RENAMED_KEYWORDS[name]}: give only one of them")
            notes.append((DeprecationWarning, f"{name} is now {RENAMED_KEYWORDS[name]}"))
            options[RENAMED_KEYWORDS[name]] = value
        elif name in IGNORED_KEYWORDS:
            notes.append((DeprecationWarning, f"{name} has no effect: {IGNORED_KEYWORDS[name]}"))
        elif name not in NO_OPTIONS:
            options[name] = value
    return TranslatedKeywords(options, tuple(notes))


def _pages_2x(given: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """`page_num` of 2.x, the first pages of a PDF (0: all), as a range of pages."""
    out = dict(given)
    count = _whole_number("page_num", out.pop("page_num", 0))
    if count and "page_range" in out:
        raise UsageError("page_num is the old name of page_range: give only one of them")
    if count:
        out["page_range"] = f"1-{count}"
        notes.append((DeprecationWarning, f"page_num={count} is now page_range='1-{count}'"))
    return out


def _device_2x(given: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """`use_gpu` and `gpu_id` of 2.x as a device. As there, the CPU is used where there is no GPU to use, and this is told."""
    out = dict(given)
    if "use_gpu" not in out:
        return out
    use_gpu = out.pop("use_gpu")
    device = f"gpu:{_whole_number('gpu_id', out.pop('gpu_id', 0))}" if use_gpu else "cpu"
    if use_gpu and "device" not in out and not _has_gpu():
        reason = f"no GPU can be used here, so the CPU is, as in 2.x; device={device!r} is an error without one"
        notes.append((UserWarning, f"use_gpu=True: {reason}"))
        return {**out, "device": "cpu"}
    notes.append((DeprecationWarning, f"use_gpu={use_gpu} is now device={device!r}"))
    return {"device": device, **out}


def _has_gpu() -> bool:
    from inkline.runtime.onnxruntime import has_gpu

    return has_gpu()


def _whole_number(name: str, value: Any) -> int:
    try:
        return max(int(value), 0)
    except (TypeError, ValueError):
        raise UsageError(f"{name}={value!r}: must be a whole number") from None


def _limit_type(given: Mapping[str, Any]) -> dict[str, Any]:
    """Which side a length alone means: the shorter one in 3.x, the longer one in 2.x."""
    if "text_det_limit_type" in given or "det_limit_type" in given:
        return {}
    if "text_det_limit_side_len" in given:
        return {"text_det_limit_type": "min"}
    return {"text_det_limit_type": "max"} if {"det_limit_side_len", "det_max_side_len"} & given.keys() else {}


def check_known(given: Iterable[str], known: Iterable[str]) -> None:
    """UsageError for the first keyword that is not known, with the nearest."""
    known = tuple(known)
    for name in given:
        if name not in known:
            raise UsageError(f"unknown argument {name!r}{near(name, known)}")


def _engine_options(given: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Options of the engine; adds notes on what only Paddle's runtime would do."""
    options = {name: given[name] for name in flat_fields(EngineOptions) if name in given}
    for name, (quiet, reason) in PADDLE_RUNTIME_KEYWORDS.items():
        if name in given and given[name] not in quiet:
            notes.append((UserWarning, f"{name}={given[name]!r} has no effect: {reason}"))
    # Names of Paddle's engines mean the default one.
    if options.get("engine") in PADDLE_ENGINES:
        notes.append((UserWarning, f"engine={options.pop('engine')!r}: Inkline runs the same nets on ONNX Runtime"))
    config = given.get("engine_config") or {}
    if not isinstance(config, Mapping):
        raise UsageError(f"engine_config={config!r}: must be a dict, for instance {{'cpu_threads': 4}}")
    return _engine_config_options(config, notes) | options


def _engine_config_options(config: Mapping[str, Any], notes: Notes) -> dict[str, Any]:
    """Options that `engine_config` sets, under the name of the engine or directly."""
    options: dict[str, Any] = {}
    config = config.get("onnxruntime", config)  # PaddleX has a section per engine
    for name, value in config.items():
        if name in ENGINE_CONFIG:
            options.setdefault(ENGINE_CONFIG[name], value)
        elif name == "device_type":
            index = f":{config.get('device_id', 0)}" if value == "gpu" else ""
            options["device"] = f"{value}{index}"
        elif name != "device_id":
            notes.append((UserWarning, f"engine_config {name!r} has no effect; cpu_threads and device are set here"))
    return options


def dotted(config: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of a configuration in sections."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from dotted(value, f"{at}{key}.")
        else:
            yield f"{at}{key}", value
