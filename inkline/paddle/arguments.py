"""The arguments of PaddleOCR's classes as Inkline's options: those of 3.x, the older names it still takes, those of 2.x.

All tables are by keyword. Nothing is accepted silently that would do something else than its user expects.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, TypeVar
from warnings import warn

from inkline.errors import UsageError, near
from inkline.flat import current_names, flat_fields
from inkline.options import EngineOptions, OcrOptions

Notes = list[tuple[type[Warning], str]]

# The constructor's order in PaddleOCR 3.7.
POSITIONAL_KEYWORDS = (
    "doc_orientation_classify_model_name", "doc_orientation_classify_model_dir",
    "doc_unwarping_model_name", "doc_unwarping_model_dir",
    "text_detection_model_name", "text_detection_model_dir",
    "textline_orientation_model_name", "textline_orientation_model_dir", "textline_orientation_batch_size",
    "text_recognition_model_name", "text_recognition_model_dir", "text_recognition_batch_size",
    "use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation",
    "text_det_limit_side_len", "text_det_limit_type", "text_det_thresh", "text_det_box_thresh",
    "text_det_unclip_ratio", "text_det_input_shape", "text_rec_score_thresh", "return_word_box",
    "text_rec_input_shape", "lang", "ocr_version",
)  # fmt: skip

# What `PaddleOCR.predict` takes besides its input.
PREDICT_KEYWORDS = (
    "use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation", "text_det_limit_side_len",
    "text_det_limit_type", "text_det_thresh", "text_det_box_thresh", "text_det_unclip_ratio", "text_rec_score_thresh",
    "return_word_box",
)  # fmt: skip

# PaddleOCR 2.x and 2020 -> the option that does the same
RENAMED_KEYWORDS = {
    "det_model_dir": "text_detection_model_dir",
    "det_limit_side_len": "text_det_limit_side_len",
    "det_max_side_len": "text_det_limit_side_len",
    "det_limit_type": "text_det_limit_type",
    "det_db_thresh": "text_det_thresh",
    "det_db_box_thresh": "text_det_box_thresh",
    "det_db_unclip_ratio": "text_det_unclip_ratio",
    "det_db_score_mode": "text_det_score_mode",
    "det_box_type": "text_det_box_type",
    "use_dilation": "text_det_use_dilation",
    "rec_model_dir": "text_recognition_model_dir",
    "rec_batch_num": "text_recognition_batch_size",
    "drop_score": "text_rec_score_thresh",
    "use_angle_cls": "use_textline_orientation",
    "cls_model_dir": "textline_orientation_model_dir",
    "cls_batch_num": "textline_orientation_batch_size",
    "cls_thresh": "textline_orientation_thresh",
}

_MODEL_KNOWS = "the model's file says that itself"
_ONE_PROCESS = "one object uses all processors it is granted (cpu_threads)"
_EAST = "EAST's and SAST's thresholds are text_det_thresh and text_det_box_thresh here"
_LOGGING = "Inkline logs through Python's logging and prints nothing by default"

# PaddleOCR 2.x keywords that have no effect here -> why
IGNORED_KEYWORDS = {
    "show_log": _LOGGING,
    "save_log_path": _LOGGING,
    "benchmark": "see benchmarks/ of the project",
    "warmup": "the first call is as good as any other",
    "gpu_id": "write device='gpu:N'",
    "gpu_mem": "ONNX Runtime takes the memory it needs",
    **dict.fromkeys(("use_xpu", "use_npu", "use_mlu", "use_gcu"), "devices are cpu and gpu:N; leave it out, or use device"),
    **dict.fromkeys(("ir_optim", "use_zero_copy_run"), "it sets up Paddle's runtime, and Inkline runs without Paddle"),
    **dict.fromkeys(("use_onnx", "onnx_providers", "onnx_sess_options"), "ONNX Runtime is what runs here anyway"),
    **dict.fromkeys(("use_mp", "total_process_num", "process_id", "max_batch_size"), _ONE_PROCESS),
    **dict.fromkeys(
        ("det_algorithm", "rec_algorithm", "rec_image_shape", "rec_image_inverse", "max_text_length"), _MODEL_KNOWS
    ),
    **dict.fromkeys(("use_space_char", "cls_image_shape", "label_list"), _MODEL_KNOWS),
    "vis_font_path": "pictures are drawn with the fonts of the system",
    **dict.fromkeys(
        ("save_crop_res", "crop_res_save_dir", "draw_img_save_dir", "savefile", "output"),
        "results are written by save_to_img and save_to_json, or --save_path",
    ),
    "page_num": "write page_range='1-N'",
    "type": "only type='ocr' is supported",
    "rec_char_type": f"{_MODEL_KNOWS}; lang chooses the model of a language",
    "use_pdserving": "`inkline serve` is the service",
    **dict.fromkeys(("det_east_score_thresh", "det_east_cover_thresh", "det_east_nms_thresh"), _EAST),
    **dict.fromkeys(("det_sast_score_thresh", "det_sast_nms_thresh", "det_sast_polygon"), _EAST),
}

# PaddleOCR 3.x keywords about Paddle's own runtime -> values that change nothing, and why others have no effect
PADDLE_RUNTIME_KEYWORDS: dict[str, tuple[tuple[Any, ...], str]] = {
    **dict.fromkeys(
        ("enable_hpi", "use_hpip"),
        ((None, False), "the high-performance plug-in belongs to Paddle; `engine='openvino'` is the fast one"),
    ),
    "hpi_config": ((None,), "it sets up Paddle's high-performance plug-in"),
    "pp_option": ((None,), "it sets up Paddle's runtime, and Inkline runs without Paddle"),
    "use_tensorrt": ((None, False), "TensorRT is used by Paddle's runtime only"),
    "min_subgraph_size": ((None, *range(1000)), "it sets up TensorRT in Paddle's runtime"),
    "precision": ((None, "fp32"), "nets run with the precision of their file"),
    "enable_mkldnn": ((None, True, False), "ONNX Runtime has its own kernels for processors"),
    "mkldnn_cache_capacity": ((None, *range(10_000)), "ONNX Runtime has its own kernels for processors"),
    "enable_cinn": ((None, False), "CINN is a compiler of Paddle's"),
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
NO_OPTIONS = (*COMMON_KEYWORDS, "use_gpu", "rec_char_dict_path", "paddlex_config")


@dataclass(frozen=True)
class TranslatedKeywords:
    """Keywords as options of the pipeline (with `lang` and `ocr_version`); notes: warnings as (category, sentence)."""

    options: dict[str, Any]
    notes: tuple[tuple[type[Warning], str], ...] = ()

    def warn(self, stacklevel: int = 3) -> None:
        """Issue the notes as Python warnings, at the line of the user's call: 3 when the user called our caller."""
        for category, text in self.notes:
            warn(text, category, stacklevel=stacklevel)


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
    if "use_gpu" in given:
        device = "gpu:0" if given["use_gpu"] else "cpu"
        notes.append((DeprecationWarning, f"use_gpu={given['use_gpu']} is now device={device!r}"))
        options.setdefault("device", device)
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
