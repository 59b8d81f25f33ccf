"""One home per default, checked values, flat names."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Literal, get_args, get_origin

import numpy as np
import pytest

from benchmarks.options_table import document
from inkline.cli.train_commands import setting
from inkline.errors import UsageError
from inkline.flat import Shape, apply, current_names, current_options, flat_fields, to_flat
from inkline.options import DetectOptions, OcrOptions, PdfOptions, RunOptions, ServeOptions
from inkline.paddle.arguments import translate_keywords
from inkline.registry import options_for
from inkline.registry.inspect import ModelFile


def test_flat_names_are_unique_and_reach_every_field():
    flat = to_flat(OcrOptions())
    assert set(flat) == set(flat_fields(OcrOptions)) - {"pdf_password"}  # which no result may show
    changed = apply(OcrOptions(), text_det_thresh=0.2, return_word_box=True, cpu_threads=3, text_det_input_shape=[3, 64, 64])
    assert (changed.detect.thresh, changed.recognize.return_word_box, changed.engine.cpu_threads) == (0.2, True, 3)
    assert changed.detect.input_shape == (3, 64, 64)
    assert OcrOptions() == OcrOptions() and apply(OcrOptions()) == OcrOptions()


def test_zero_is_a_value():
    assert apply(OcrOptions(), text_det_box_thresh=0).detect.box_thresh == 0


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("text_det_tresh", 0.3, "did you mean 'text_det_thresh'"),
        ("text_det_thresh", 1.5, "must be from 0 to 1"),
        ("text_det_thresh", float("nan"), "must be a number"),
        ("text_det_thresh", "0.3", "must be a number"),
        ("text_det_limit_side_len", 0, "must be at least 1"),
        ("text_det_limit_side_len", 9.5, "a whole number"),
        ("text_det_limit_type", "mx", "did you mean 'max'"),
        ("use_textline_orientation", "yes", "true or false"),
        ("text_det_input_shape", (640, 640), "three whole numbers"),
        ("device", "cuda", "must be cpu, gpu or gpu:N"),
        ("device", "cpu:1", "must be cpu, gpu or gpu:N"),
        ("device", "gpu:0,1", "only PaddleOCR and `inkline ocr` take several: start a process for each"),
        ("engine", "tensorrt", "must be one of auto, onnxruntime, openvino"),
    ],
)
def test_wrong_values_name_themselves_and_what_is_allowed(name, value, message):
    with pytest.raises(UsageError, match=message):
        apply(OcrOptions(), **{name: value})


def test_the_first_cpu_is_the_cpu():
    assert apply(OcrOptions(), device="CPU:0").engine.device == "cpu"


def test_reference_rules_are_flat_names():
    assert apply(OcrOptions(), rules="reference").detect == DetectOptions(
        limit_side_len=64,
        limit_type="min",
        max_enlarge=1000.0,
        max_candidates=1000,
        tile_side=0,
        small_text=0.0,
        sparse_side_len=0,
    )


def test_an_old_name_still_works_and_warns_but_files_keep_quiet():
    said = "text_rec_squeeze is now text_rec_width_scale"
    with pytest.warns(FutureWarning, match=said) as seen:
        assert apply(OcrOptions(), text_rec_squeeze=0.9).recognize.width_scale == 0.9
    assert seen[0].filename == __file__
    with pytest.warns(FutureWarning, match=said):
        assert options_for(text_rec_squeeze=0.9).recognize.width_scale == 0.9
    with pytest.warns(FutureWarning, match=said):
        assert translate_keywords({"text_rec_squeeze": 0.9}).options == {"text_rec_width_scale": 0.9}
    with pytest.warns(FutureWarning, match=said):
        assert setting("text_rec_squeeze=0.9") == ("text_rec_width_scale", 0.9)
    assert current_names(OcrOptions, {"text_rec_squeeze": 0.9}) == {"text_rec_width_scale": 0.9}
    file = ModelFile(Path("a.onnx"), "a", "rec", {"inkline.options": json.dumps({"text_rec_squeeze": 0.9})})
    assert file.options == {"text_rec_width_scale": 0.9}


def test_values_come_as_users_have_them_and_become_plain():
    options = apply(
        OcrOptions(),
        text_detection_model_dir=Path("models/det"),
        text_det_limit_side_len=np.int64(960),
        text_det_thresh=np.float32(0.25),
        text_det_box_thresh=Fraction(1, 2),
        text_rec_score_thresh=0,
        use_textline_orientation=np.bool_(True),
        text_det_input_shape=np.array([3, 64, 96]),
    )
    found = to_flat(options)
    assert json.loads(json.dumps(found)) == found
    assert (found["text_detection_model_dir"], found["text_det_limit_side_len"]) == (str(Path("models/det")), 960)
    assert (found["text_det_thresh"], found["text_det_box_thresh"]) == (0.25, 0.5)
    assert found["use_textline_orientation"] is True and found["text_det_input_shape"] == [3, 64, 96]
    assert options.detect == DetectOptions(thresh=0.25, box_thresh=0.5, limit_side_len=960, input_shape=(3, 64, 96))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            {"text_det_input_shape": (3, 641, 640)},
            "text_det_input_shape=3 641 640: height and width must be multiples of 32",
        ),
        ({"text_det_input_shape": (1, 640, 640)}, "text_det_input_shape=1 640 640: nets take 3 channels"),
        ({"text_rec_input_shape": (1, 48, 320)}, "text_rec_input_shape=1 48 320: nets take 3 channels"),
    ],
)
def test_input_shapes_no_net_takes_are_refused(value, message):
    with pytest.raises(UsageError, match=message):
        apply(OcrOptions(), **value)


def test_rules_are_a_preset_that_gives_way_to_what_is_named():
    options = options_for(rules="reference", text_det_box_thresh=0.4, reading_order="columns")
    assert (options.rules, options.recognize.width_rule, options.box_rule) == ("reference", "reference", "reference")
    assert (options.detect.limit_side_len, options.detect.box_thresh, options.reading_order) == (64, 0.4, "columns")
    assert apply(options, rules="reference", text_det_thresh=0.2).detect.box_thresh == 0.4  # in force already
    assert options_for(rules="own") == options_for()
    with pytest.raises(UsageError, match="rules='own'"):
        apply(options, rules="own")
    with pytest.raises(UsageError, match="stands for many options"):
        OcrOptions(rules="reference")
    with pytest.raises(UsageError, match="did you mean 'reference'"):
        options_for(rules="refernce")


@pytest.mark.parametrize("name", ["text_rec_width_rule", "text_crop_rule", "text_box_rule"])
def test_the_rules_of_the_version_before_still_work_alone(name):
    with pytest.warns(FutureWarning, match=f"{name} is now part of rules"):
        assert to_flat(apply(OcrOptions(), **{name: "reference"})) == to_flat(OcrOptions()) | {name: "reference"}


def test_reading_is_a_group_of_options_like_any_other():
    options = options_for(pdf_dpi=200, page_range="1-3", pdf_password="secret")
    assert (options.read.pdf_dpi, options.read.page_range, options.read.pdf_password) == (200, "1-3", "secret")
    assert "secret" not in repr(options) + str(to_flat(options))
    with pytest.raises(UsageError, match="page_range"):
        apply(options, page_range="x")


CLASSES = (OcrOptions, RunOptions, ServeOptions, PdfOptions)
ROOT = Path(__file__).resolve().parent.parent

# Values of options that take not every text or number.
OTHER = {"device": "gpu:1", "page_range": "2-3", "on_request": "use_doc_unwarping", "text_det_tile_side": 640}


def other_value(name, default, hint, low, high):
    """A value that is allowed and not the default."""
    if name in OTHER:
        return OTHER[name]
    if hint is bool:
        return not default
    if get_origin(hint) is Literal:
        return next(value for value in get_args(hint) if value != default)
    if hint == Shape | None:
        return (3, 64, 320)
    if hint is str:
        return "other"
    if high is None:
        return default + 32
    return hint((low + default) / 2) if default > low else high


@pytest.mark.parametrize(("cls", "name"), [(cls, name) for cls in CLASSES for name in current_options(cls)])
def test_every_option_can_be_set_by_name(cls, name):
    group, f, hint = flat_fields(cls)[name]
    value = other_value(name, f.default, hint, f.metadata["low"], f.metadata["high"])
    assert value != f.default
    options = apply(cls(), **{name: value})
    assert getattr(getattr(options, group) if group else options, f.name) == value
    plain = list(value) if isinstance(value, tuple) else value
    assert to_flat(options).get(name, plain) == plain


@pytest.mark.parametrize("cls", CLASSES)
def test_every_option_is_told_in_a_document(cls):
    documents = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = " ".join(path.read_text("utf-8") for path in documents)
    assert [name for name in flat_fields(cls) if f"`{name}`" not in text] == []


def test_the_table_of_options_is_current():
    assert (ROOT / "docs/options.md").read_text("utf-8") == document(), "python -m benchmarks.options_table > docs/options.md"


@pytest.mark.parametrize(
    ("name", "value"),
    [("rules", ["reference"]), ("text_det_limit_type", ["max"]), ("text_det_thresh", 10**400), ("text_det_limit_type", {})],
)
def test_values_of_an_odd_kind_are_told_in_one_line(name, value):
    with pytest.raises(UsageError, match=name):
        apply(OcrOptions(), **{name: value})


def test_a_tier_is_a_table_of_values_that_gives_way_to_what_is_named():
    fast = options_for(tier="fast", text_det_small_text=9)
    assert (fast.text_detection_model_name, fast.text_recognition_model_name) == ("PP-OCRv6_tiny_det", "PP-OCRv6_tiny_rec")
    assert (fast.tier, fast.detect.small_text, fast.lang) == ("fast", 9, "auto")
    assert options_for(tier="fast").detect.small_text == 0
    assert options_for(tier="balanced") == options_for()
    with pytest.raises(UsageError, match="did you mean 'fast'"):
        options_for(tier="fsat")
    named = options_for(tier="fast", text_recognition_model_name="PP-OCRv6_small_rec")
    assert (named.text_recognition_model_name, named.recognize.width_scale) == ("PP-OCRv6_small_rec", 0.7)


@pytest.mark.parametrize(
    ("asked", "detector", "recogniser"),
    [
        ({"lang": "en"}, "PP-OCRv6_tiny_det", "PP-OCRv6_tiny_rec"),
        ({"lang": "japan"}, "PP-OCRv6_tiny_det", "PP-OCRv6_small_rec"),  # the tiny one has no kana
        ({"lang": "ru"}, "PP-OCRv6_tiny_det", "cyrillic_PP-OCRv6_small_rec"),
        ({"ocr_version": "PP-OCRv5"}, "PP-OCRv5_mobile_det", "PP-OCRv5_mobile_rec"),
        ({"rules": "reference"}, "PP-OCRv6_tiny_det", "PP-OCRv6_tiny_rec"),
    ],
)
def test_the_models_of_a_tier_stand_where_a_language_means_the_default_ones(asked, detector, recogniser):
    options = options_for(tier="fast", **asked)
    assert (options.text_detection_model_name, options.text_recognition_model_name) == (detector, recogniser)


def test_the_accurate_tier_takes_large_models_where_they_are_and_says_so_where_not(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    options = options_for(tier="accurate")
    assert options.text_recognition_model_name == "PP-OCRv6_small_rec"
    assert (options.detect.limit_side_len, options.recognize.width_scale) == (1600, 0.7)
    (told,) = caplog.records
    assert "inkline models pull PP-OCRv6_medium_det PP-OCRv6_medium_rec" in told.message
    assert options_for(tier="accurate", lang="ar").recognize.width_scale == 1.2  # what others were tuned with stays
    for name in ("PP-OCRv6_medium_det", "PP-OCRv6_medium_rec"):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / f"{name}.onnx").write_bytes(b"")
    assert options_for(tier="accurate").text_detection_model_name == "PP-OCRv6_medium_det"


def test_sides_that_no_memory_holds_and_endless_numbers_are_refused():
    with pytest.raises(UsageError, match="text_det_input_shape=3 100000 100000: takes more than 1 GiB"):
        apply(OcrOptions(), text_det_input_shape=(3, 100_000, 100_000))
    with pytest.raises(UsageError, match="text_det_limit_side_len: a number of so many digits"):
        apply(OcrOptions(), text_det_limit_side_len=10**400)
