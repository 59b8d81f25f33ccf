"""Training weights of the reference: read without running code, complete or not at all."""

import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch
from nets_golden import OWN_NETS, deviations, golden, outputs_of, reference_arrays

from inkline.errors import ModelError, UsageError
from inkline.training.convert import convert, load_checkpoint
from inkline.training.convert.from_paddle import NAME_TABLE, read_pdparams
from inkline.training.nets.table import NETS

SMALL = "PP-LCNet_x0_25_textline_ori"


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def arrays_of(name):
    return reference_arrays(golden(name)[0])


@pytest.mark.parametrize("name", ["PP-OCRv4_mobile_det", "CRNN_MobileNetV3", SMALL])
def test_converted_weights_give_the_golden_outputs(tmp_path, name):
    source = write(tmp_path / "best_accuracy.pdparams", {**arrays_of(name), NAME_TABLE: {"a": "b"}})
    about = convert(source, name, tmp_path / "net.pt")
    assert (about.name, about.fused, about.partial, about.charset) == (name, False, False, ())
    net, loaded = load_checkpoint(tmp_path / "net.pt")
    assert loaded == about
    description, arrays = golden(name)
    assert max(deviations(description, arrays, outputs_of(net, description, arrays)).values()) <= 1


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_and_spelling_of_arrays(tmp_path, protocol):
    half = np.arange(6, dtype=np.float16).reshape(2, 3)
    content = OrderedDict(a=np.asfortranarray(half), b=("tensor name", np.ones((), np.float64)))
    found = read_pdparams(write(tmp_path / "x.pdparams", content, protocol))
    np.testing.assert_array_equal(found["a"], half)
    assert found["b"] == 1.0


def test_of_a_distillation_run_the_student_is_taken(tmp_path):
    arrays = arrays_of(SMALL)
    both = {f"Teacher.{k}": v * 0 for k, v in arrays.items()} | {f"Student.{k}": v for k, v in arrays.items()}
    convert(write(tmp_path / "x.pdparams", both), SMALL, tmp_path / "net.pt")
    net, _ = load_checkpoint(tmp_path / "net.pt")
    np.testing.assert_array_equal(net.head.fc.bias.detach(), arrays["fc.bias"])


class Call:
    """Pickles to the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(marker):
    touch = f"open({str(marker)!r}, 'w')"
    yield "os.system", Call(os.system, f"touch {marker}")
    yield "eval", Call(eval, touch)
    yield "exec", Call(exec, touch)
    yield "open", Call(open, str(marker), "w")
    yield "getattr", Call(getattr, "text", "upper")
    yield "numpy.load", Call(np.load, str(marker))
    yield "a class of ours", UsageError("x")


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("kind", [name for name, _ in attacks("")])
def test_no_code_runs_from_a_file(tmp_path, kind, protocol):
    marker = tmp_path / "ran"
    attack = dict(attacks(marker))[kind]
    source = write(tmp_path / "x.pdparams", {"conv1.conv.weight": np.zeros(3, np.float32), "evil": attack}, protocol)
    with pytest.raises(ModelError, match=r"refused, the file wants to call .*\w"):
        convert(source, SMALL, tmp_path / "net.pt")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.pdparams"]


def test_an_array_of_objects_is_no_weight(tmp_path):
    with pytest.raises(ModelError, match=r"fc\.bias' is no array"):
        read_pdparams(write(tmp_path / "x.pdparams", {"fc.bias": np.array([{}, []], object)}))


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"a": "text"}, {3: np.zeros(2)}])
def test_pickles_without_weights(tmp_path, content):
    with pytest.raises(ModelError, match=r"give the \.pdparams file"):
        read_pdparams(write(tmp_path / "x.pdparams", content))


@pytest.mark.parametrize("part", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_a_truncated_file(tmp_path, part):
    whole = pickle.dumps(arrays_of(SMALL), 4)
    (tmp_path / "x.pdparams").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ModelError, match=r"truncated|empty"):
        convert(tmp_path / "x.pdparams", SMALL, tmp_path / "net.pt")
    assert not (tmp_path / "net.pt").exists()


def test_damaged_bytes_fail_cleanly_or_change_values_only(tmp_path):
    whole = pickle.dumps(arrays_of(SMALL), 4)
    draw = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(whole)
        for place in draw.integers(2, 4000, 3):
            damaged[place] = draw.integers(256)
        (tmp_path / "x.pdparams").write_bytes(damaged)
        try:
            read_pdparams(tmp_path / "x.pdparams")
        except ModelError as error:
            assert "\n" not in str(error)


def changed(arrays, kind):
    arrays = dict(arrays)
    if kind == "missing":
        del arrays["blocks6.0.se.conv1.bias"]
    elif kind == "extra":
        arrays["blocks7.0.weight"] = np.zeros(3, np.float32)
    else:
        arrays["blocks6.0.se.conv1.bias"] = np.zeros(3, np.float32)
    return arrays


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", r"backbone.blocks6.0.se.conv1.bias is missing"),
        ("extra", r"backbone.blocks7.0.weight is not part of the net"),
        ("shape", r"backbone.blocks6.0.se.conv1.bias has shape \[3\], the net needs \[16\]"),
    ],
)
def test_what_differs_is_named_and_nothing_written(tmp_path, kind, message):
    source = write(tmp_path / "x.pdparams", changed(arrays_of(SMALL), kind))
    with pytest.raises(ModelError, match=message):
        convert(source, SMALL, tmp_path / "net.pt")
    assert [p.name for p in tmp_path.iterdir()] == ["x.pdparams"]


def test_weights_of_another_net_are_refused(tmp_path):
    source = write(tmp_path / "x.pdparams", arrays_of(SMALL))
    with pytest.raises(ModelError, match=r"not the weights of PP-LCNet_x1_0_textline_ori: .* and \d+ more"):
        convert(source, "PP-LCNet_x1_0_textline_ori", tmp_path / "net.pt")
    with pytest.raises(ModelError, match=r"no tensor that tells the number of classes .*is it PP-OCRv4_mobile_rec"):
        convert(source, "PP-OCRv4_mobile_rec", tmp_path / "net.pt")
    with pytest.raises(UsageError, match=r"no net is called 'PP-OCRv4_mobile_red'; did you mean 'PP-OCRv4_mobile_rec'"):
        convert(source, "PP-OCRv4_mobile_red", tmp_path / "net.pt")


def with_classes(name, classes):
    """Weights of a recogniser with another charset."""
    published = golden(name)[0]["classes"]
    arrays = arrays_of(name)
    return {
        key: np.resize(a, [classes if n == published else n for n in a.shape]) if "fc" in key else a
        for key, a in arrays.items()
    }


def test_the_class_count_is_that_of_the_file(tmp_path):
    source = write(tmp_path / "x.pdparams", with_classes("CRNN_MobileNetV3", 12))
    about = convert(source, "CRNN_MobileNetV3", tmp_path / "net.pt", charset="abcdefghijk")
    assert (about.classes, about.charset) == (12, tuple("abcdefghijk"))
    about = convert(source, "CRNN_MobileNetV3", tmp_path / "net.pt", charset="abcdefghij")
    assert about.charset == tuple("abcdefghij ")
    net, _ = load_checkpoint(tmp_path / "net.pt")
    assert net(torch.zeros(1, 3, 32, 100)).shape == (1, 25, 12)


def test_a_charset_of_another_length(tmp_path):
    source = write(tmp_path / "x.pdparams", with_classes("CRNN_MobileNetV3", 12))
    with pytest.raises(ModelError, match=r"the charset has 8 characters, the weights have 12 classes, which fits 11"):
        convert(source, "CRNN_MobileNetV3", tmp_path / "net.pt", charset="abcdefgh")
    assert not (tmp_path / "net.pt").exists()


def test_attention_decoders_have_two_marks(tmp_path):
    source = write(tmp_path / "x.pdparams", arrays_of("RARE_MobileNetV3"))
    letters = "0123456789abcdefghijklmnopqrstuvwxyz"
    assert convert(source, "RARE_MobileNetV3", tmp_path / "net.pt", charset=letters).charset == tuple(letters)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(NETS.keys() - OWN_NETS))
def test_every_net_loads_from_its_reference_file(tmp_path, name):
    """Names, shapes and classes; `test_golden.py` puts the values in their places."""
    source, arrays = tmp_path / "x", reference_arrays(golden(name)[0], empty=True)
    if name == "UVDoc":
        torch.save({"model_state": {k: torch.from_numpy(a) for k, a in arrays.items()}}, source)
    else:
        write(source, arrays)
    about = convert(source, name, tmp_path / "net.pt")
    assert about.classes == golden(name)[0]["classes"] or about.classes in (None, 2, 4)
    net, _ = load_checkpoint(tmp_path / "net.pt")
    assert not net.training
