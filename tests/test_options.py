"""One home per default, checked values, flat names."""

import json
from pathlib import Path

import pytest

from inkline.cli.convert import setting
from inkline.errors import UsageError
from inkline.flat import apply, current_names, flat_fields, to_flat
from inkline.options import REFERENCE_RULES, DetectOptions, OcrOptions
from inkline.paddle.names import translate
from inkline.registry import options_for
from inkline.registry.inspect import ModelFile


def test_flat_names_are_unique_and_reach_every_field():
    flat = to_flat(OcrOptions())
    assert set(flat) == set(flat_fields(OcrOptions))
    changed = apply(
        OcrOptions(), text_det_thresh=0.2, return_word_box=True, cpu_threads=3, text_det_input_shape=[3, 64, 64]
    )
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
        ("text_det_thresh", float("nan"), "must be from 0 to 1"),
        ("text_det_thresh", "0.3", "must be a number"),
        ("text_det_limit_side_len", 0, "must be at least 1"),
        ("text_det_limit_side_len", 9.5, "of type int"),
        ("text_det_limit_type", "mx", "did you mean 'max'"),
        ("use_textline_orientation", "yes", "of type bool"),
        ("text_det_input_shape", (640, 640), "three whole numbers"),
        ("device", "cuda", "must be cpu, gpu or gpu:N"),
        ("engine", "tensorrt", "must be one of auto, onnxruntime, openvino"),
    ],
)
def test_wrong_values_name_themselves_and_what_is_allowed(name, value, message):
    with pytest.raises(UsageError, match=message):
        apply(OcrOptions(), **{name: value})


def test_reference_rules_are_flat_names():
    assert apply(OcrOptions(), **REFERENCE_RULES).detect == DetectOptions(
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
    with pytest.warns(DeprecationWarning, match=said) as seen:
        assert apply(OcrOptions(), text_rec_squeeze=0.9).recognize.width_scale == 0.9
    assert seen[0].filename == __file__
    with pytest.warns(DeprecationWarning, match=said):
        assert options_for(text_rec_squeeze=0.9).recognize.width_scale == 0.9
    with pytest.warns(DeprecationWarning, match=said):
        assert translate({"text_rec_squeeze": 0.9}).options == {"text_rec_width_scale": 0.9}
    with pytest.warns(DeprecationWarning, match=said):
        assert setting("text_rec_squeeze=0.9") == ("text_rec_width_scale", 0.9)
    assert current_names(OcrOptions, {"text_rec_squeeze": 0.9}) == {"text_rec_width_scale": 0.9}
    file = ModelFile(Path("a.onnx"), "a", "rec", {"inkline.options": json.dumps({"text_rec_squeeze": 0.9})})
    assert file.options == {"text_rec_width_scale": 0.9}
