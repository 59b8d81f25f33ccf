"""Keywords: those of 3.x, older names, those of 2.x, and what nobody knows."""

import inspect
from typing import Any

import pytest

from inkline import PaddleOCR, TextRecognition
from inkline.errors import UsageError
from inkline.flat import flat_fields
from inkline.options import OcrOptions
from inkline.paddle.arguments import (
    IGNORED_KEYWORDS,
    PADDLE_RUNTIME_KEYWORDS,
    POSITIONAL_KEYWORDS,
    RENAMED_KEYWORDS,
    bind_arguments,
    translate_keywords,
)
from inkline.runtime import onnxruntime


def test_names_exist() -> None:
    known = flat_fields(OcrOptions)
    assert set(RENAMED_KEYWORDS.values()) <= known.keys()
    assert set(POSITIONAL_KEYWORDS) - {"lang", "ocr_version"} <= known.keys()
    assert not (set(RENAMED_KEYWORDS) | set(IGNORED_KEYWORDS) | set(PADDLE_RUNTIME_KEYWORDS)) & known.keys()


def test_the_constructor_shows_its_order() -> None:
    assert list(inspect.signature(PaddleOCR).parameters)[:26] == list(POSITIONAL_KEYWORDS)
    shown = inspect.signature(PaddleOCR.__init__).parameters
    assert list(shown)[:27] == ["self", *POSITIONAL_KEYWORDS] and shown["lang"].default is None
    assert list(inspect.signature(PaddleOCR.predict).parameters)[:3] == ["self", "input", "use_doc_orientation_classify"]
    assert "text_det_thresh" in inspect.signature(PaddleOCR(cpu_threads=1).predict).parameters
    assert list(inspect.signature(TextRecognition).parameters) == ["model_name", "model_dir", "input_shape", "keywords"]


def test_positional() -> None:
    assert bind_arguments((None, None, "UVDoc"), {"lang": "en"})["doc_unwarping_model_name"] == "UVDoc"
    with pytest.raises(TypeError, match="27 were given"):
        bind_arguments(tuple(range(27)), {})
    with pytest.raises(TypeError, match="two values for 'doc_orientation_classify_model_name'"):
        bind_arguments(("a",), {"doc_orientation_classify_model_name": "b"})


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYWORDS.items())
def test_renamed(old: str, new: str) -> None:
    asked = translate_keywords({old: 1}, limit_type_known=True)
    assert asked.options == {new: 1}
    assert asked.notes == ((DeprecationWarning, f"{old} is now {new}"),)
    with pytest.raises(UsageError, match=f"{old} is the old name of {new}"):
        translate_keywords({old: 1, new: 1})


@pytest.mark.parametrize("name", IGNORED_KEYWORDS)
def test_dropped(name: str) -> None:
    asked = translate_keywords({name: "x"})
    assert asked.options == {}
    ((category, text),) = asked.notes
    assert category is DeprecationWarning and text.startswith(f"{name} has no effect: ")


def test_paddle_only_is_quiet_when_it_asks_for_nothing_else() -> None:
    keywords: dict[str, Any] = {"enable_hpi": False, "use_tensorrt": False, "precision": "fp32", "enable_mkldnn": False}
    keywords |= {"mkldnn_cache_capacity": 10, "enable_cinn": False, "cpu_threads": 3}
    asked = translate_keywords(keywords)
    assert asked.notes == ()
    assert asked.options == {"cpu_threads": 3}
    ((category, text),) = translate_keywords({"precision": "fp16"}).notes
    assert category is UserWarning and "precision='fp16' has no effect" in text


def test_engines() -> None:
    assert translate_keywords({"engine": "onnxruntime"}).options == {"engine": "onnxruntime"}
    asked = translate_keywords({"engine": "paddle_static"})
    assert asked.options == {} and "ONNX Runtime" in asked.notes[0][1]
    config = {"onnxruntime": {"intra_op_num_threads": 2, "device_type": "gpu", "device_id": 1}}
    assert translate_keywords({"engine_config": config}).options == {"cpu_threads": 2, "device": "gpu:1"}
    assert translate_keywords({"engine_config": config, "cpu_threads": 1}).options == {
        "cpu_threads": 1,
        "device": "gpu:1",
    }


def test_use_gpu_is_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert translate_keywords({"use_gpu": False}).options == {"device": "cpu"}
    assert translate_keywords({"use_gpu": True, "device": "cpu"}).options == {"device": "cpu"}
    monkeypatch.setattr(onnxruntime, "has_gpu", lambda: True)
    assert translate_keywords({"use_gpu": True}).options == {"device": "gpu:0"}
    assert translate_keywords({"use_gpu": True, "gpu_id": 1}).options == {"device": "gpu:1"}
    assert translate_keywords({"use_gpu": True, "gpu_id": "2"}).options == {"device": "gpu:2"}
    with pytest.raises(UsageError, match="gpu_id='x': must be a whole number"):
        translate_keywords({"use_gpu": True, "gpu_id": "x"})


def test_programs_of_2x_that_ask_for_a_gpu_run_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "has_gpu", lambda: False)
    asked = translate_keywords({"use_gpu": True, "gpu_id": 0})
    assert asked.options == {"device": "cpu"}
    assert [text for _, text in asked.notes] == [
        "use_gpu=True: no GPU can be used here, so the CPU is, as in 2.x; device='gpu:0' is an error without one"
    ]


def test_the_first_pages_of_2x_are_a_range() -> None:
    assert translate_keywords({"page_num": 2}).options == {"page_range": "1-2"}
    assert translate_keywords({"page_num": "0"}).options == {}
    with pytest.raises(UsageError, match="page_num is the old name of page_range"):
        translate_keywords({"page_num": 2, "page_range": "3"})


@pytest.mark.parametrize(
    ("keywords", "limit_type"),
    [
        ({"text_det_limit_side_len": 736}, "min"),
        ({"det_limit_side_len": 960}, "max"),
        ({"det_max_side_len": 960}, "max"),
        ({"text_det_limit_side_len": 736, "text_det_limit_type": "max"}, "max"),
        ({"det_limit_side_len": 736, "det_limit_type": "min"}, "min"),
    ],
)
def test_side_length_alone(keywords: dict[str, Any], limit_type: str) -> None:
    assert translate_keywords(keywords).options["text_det_limit_type"] == limit_type


def test_none_says_nothing_and_zero_is_a_value() -> None:
    asked = translate_keywords({"text_det_thresh": 0, "text_rec_score_thresh": None, "pdf_dpi": 100, "lang": "en"})
    assert asked.options == {"text_det_thresh": 0, "pdf_dpi": 100, "lang": "en"}


def test_unknown_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown argument 'text_det_tresh'; did you mean 'text_det_thresh'"):
        translate_keywords({"text_det_tresh": 0.3})
    with pytest.raises(ValueError, match="unknown argument"):  # as in PaddleOCR, where it is a ValueError
        PaddleOCR(nonsense=1)


def test_a_dictionary_must_lie_beside_its_model() -> None:
    with pytest.raises(UsageError, match="beside the model"):
        translate_keywords({"rec_char_dict_path": "dict.txt"})
