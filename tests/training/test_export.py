"""Weights out: every net as one ONNX file that gives torch's results, says what it is, and runs in the pipeline's models."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from nets_golden import OWN_NETS, distinct, filled_net

from inkline.detection.detector import Detector
from inkline.errors import ModelError, UsageError
from inkline.options import DetectOptions, EngineOptions, RecognizeOptions
from inkline.recognition.recognizer import Recognizer
from inkline.registry.card import all_cards
from inkline.registry.inspect import resolve_model
from inkline.registry.settings import Settings
from inkline.runtime import ENGINES, open_engine
from inkline.training import export as exporting
from inkline.training.convert import convert, load_checkpoint
from inkline.training.export import describe, export, input_shapes, random_input
from inkline.training.nets.table import NETS, build

torch.set_num_threads(1)

ENGINE = EngineOptions(engine="onnxruntime", cpu_threads=1)
HEAVY = ("ResNet", "server", "medium", "SVTR", "UVDoc")
LETTERS = tuple("0123456789abcdefghijklmnopqrstuvwxyz")


def weighed(name):
    return pytest.param(name, marks=pytest.mark.slow) if any(part in name for part in HEAVY) else name


# Nets that several tests need as files, with the charset that one of these reads with.
SEVERAL = {"RARE_MobileNetV3": LETTERS, "SRN_ResNet50_fpn": LETTERS, "EAST_MobileNetV3": ()}


def exported(name, folder):
    """(net with the golden weights, its file)."""
    net, path = filled_net(name, build(name)), folder / f"{name}.onnx"
    assert export(net, path, describe(name, charset=SEVERAL.get(name, ()))) < exporting.EXPORT_TOLERANCE
    assert [file.name for file in folder.iterdir()] == [path.name]
    return net, path


@pytest.fixture(scope="module")
def exported_once(tmp_path_factory):
    """`exported` for the nets of `SEVERAL`; the files of all would take gigabytes."""
    return cache(lambda name: exported(name, tmp_path_factory.mktemp("exported")))


@pytest.mark.slow
@pytest.mark.parametrize("name", [weighed(name) for name in distinct(sorted(NETS.keys() - OWN_NETS))])
def test_export(name, exported_once, tmp_path):
    """In every engine the file equals torch at a size that the export itself did not try, is described, and leads back."""
    net, path = exported_once(name) if name in SEVERAL else exported(name, tmp_path)
    interface = NETS[name].interface
    n, channels, height, width = input_shapes(interface)[0]
    wider = "W" in interface.free
    x = random_input((1 if wider else n + 1, channels, height, width + interface.multiple if wider else width), seed=3)
    wanted = outputs_of(net, x)
    for kind in ENGINES:
        engine = open_engine(path, replace(ENGINE, engine=kind))
        for ours, theirs in zip(engine(x.numpy()), wanted, strict=True):
            assert ours.shape == tuple(theirs.shape)
            # its float32 spline samples noise a little elsewhere (see test_spline.py): 4e-4 of these nets' outputs
            splined = kind == "openvino" and name.startswith(("STARNet", "RARE"))
            allowed = (2e-3 if splined else 1e-4) * max(1.0, float(theirs.abs().max()))
            np.testing.assert_allclose(ours, theirs, atol=allowed, err_msg=kind)
        assert engine.metadata["inkline.name"] == name
        assert engine.metadata["inkline.task"] == interface.task
        assert json.loads(engine.metadata["inkline.mean"]) == list(interface.mean)
        assert engine.metadata["inkline.licence"] == "Apache-2.0"
    if name in IN_USE:
        IN_USE[name](name, path, tmp_path)
    if name.startswith("SRN"):
        with pytest.raises(ModelError, match="cannot be read from ONNX; use their training weights"):
            convert(path, name, tmp_path / "net.pt")
        return
    assert convert(path, name, tmp_path / "net.pt").fused
    for ours, theirs in zip(outputs_of(load_checkpoint(tmp_path / "net.pt")[0], x), wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4 * max(1.0, float(theirs.abs().max())))


@torch.no_grad()
def outputs_of(net, x):
    y = net(x)
    return y if isinstance(y, tuple) else (y,)


@pytest.mark.parametrize("name", sorted(NETS.keys() & all_cards().keys()))
def test_files_say_what_the_cards_say(name):
    card, said = all_cards()[name], describe(name)
    expected = {"inkline.task": card.task, **card.metadata}
    if card.input_height:
        expected["inkline.input_height"] = str(card.input_height)
    if name == "UVDoc":  # the published file gives the page; ours its grid, which leads back to the file's pixels
        expected["inkline.output"] = "grid"
    assert {key: said.get(key) for key in expected} == expected


def test_the_zoo_reads_what_the_export_writes(tmp_path):
    path = tmp_path / "mine.onnx"
    metadata = describe("CRNN_MobileNetV3", charset=LETTERS, options={"text_rec_score_thresh": 0.4}, version="7")
    export(build("CRNN_MobileNetV3"), path, metadata)
    model = resolve_model("", path, Settings(tmp_path))
    assert (model.name, model.task, model.charset) == ("CRNN_MobileNetV3", "text_recognition", LETTERS)
    assert model.options == {"text_rec_score_thresh": 0.4}
    assert model.metadata["inkline.version"] == "7"


@pytest.mark.parametrize("classes", [38, 39])
def test_a_trailing_space_is_a_class_of_its_own(tmp_path, classes):
    """38 classes: blank, 36 characters, space; 39 do not fit."""
    net = build("CRNN_MobileNetV3", classes)
    metadata = describe("CRNN_MobileNetV3", charset=(*LETTERS, " "))
    assert metadata["character"].split("\n") == list(LETTERS)
    if classes == 38:
        export(net, tmp_path / "mine.onnx", metadata)
        assert resolve_model("", tmp_path / "mine.onnx", Settings(tmp_path)).charset == (*LETTERS, " ")
    else:
        with pytest.raises(ModelError, match="the net has 39 classes, but a charset of 36 characters fits 37 or 38"):
            export(net, tmp_path / "mine.onnx", metadata)
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "EXPORT_TOLERANCE", 1e-12)
    with pytest.raises(ModelError, match="differs from torch by"):
        export(build("Rosetta_MobileNetV3"), tmp_path / "mine.onnx", describe("Rosetta_MobileNetV3"))
    assert list(tmp_path.iterdir()) == []


def test_the_net_stays_as_it_is(tmp_path):
    net = build("ch_ppocr_mobile_v2.0_cls").train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    export(net, tmp_path / "cls.onnx", describe("ch_ppocr_mobile_v2.0_cls"))
    assert net.training
    after = net.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_wrong_names_and_places(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'CRNN_MobileNetV3'"):
        describe("CRNN_MobilNetV3")
    net, metadata = build("Rosetta_MobileNetV3"), describe("Rosetta_MobileNetV3")
    with pytest.raises(UsageError, match=r"something\.onnx"):
        export(net, tmp_path / "mine.pt", metadata)
    with pytest.raises(UsageError, match="does not exist"):
        export(net, tmp_path / "no" / "mine.onnx", metadata)
    with pytest.raises(ModelError, match="reads no text"):
        export(build("DB_MobileNetV3"), tmp_path / "a.onnx", {**describe("DB_MobileNetV3"), "character": "a"})


def test_attention_nets_read_through_the_ordinary_recogniser(exported_once, tmp_path):
    reads_letters("RARE_MobileNetV3", exported_once("RARE_MobileNetV3")[1], tmp_path)


def reads_letters(name, path, folder):
    """Assert that a file reads `LETTERS`, or those of them that are asked for, as any recogniser does."""
    model = resolve_model(name, path, Settings(folder))
    recognizer = Recognizer(open_engine(path, ENGINE), model.charset, model.metadata)
    shape = model.options.get("text_rec_input_shape")
    options = RecognizeOptions(input_shape=None if shape is None else tuple(shape))
    rng = np.random.default_rng(0)
    crops = [rng.integers(0, 256, (30, width, 3), np.uint8) for width in (40, 200, 90)]
    texts = recognizer(crops, options)
    assert len(texts) == 3
    assert len({text.text for text in texts}) > 1 and set("".join(text.text for text in texts)) <= set(LETTERS)
    for text in texts:
        assert len(text.text) <= 25 and text.char_spans.shape == (len(text.text), 2)
    digits = recognizer(crops, RecognizeOptions(input_shape=options.input_shape, charset="0123456789"))
    assert set("".join(text.text for text in digits)) <= set("0123456789")


def test_classic_detectors_run_through_the_ordinary_detector(exported_once, tmp_path):
    runs_as_detector("EAST_MobileNetV3", exported_once("EAST_MobileNetV3")[1], tmp_path)


def runs_as_detector(name, path, folder):
    """Assert that a file detects as any detector does.

    Random weights find no text; sizes, the multiple of 128 of SAST, outputs and options have to fit.
    """
    model = resolve_model(name, path, Settings(folder))
    detector = Detector(open_engine(path, ENGINE), model.metadata)
    thresholds = {key.removeprefix("text_det_"): value for key, value in model.options.items()}
    assert thresholds["thresh"] in (0.5, 0.8)
    image = np.random.default_rng(0).integers(0, 256, (100, 200, 3), np.uint8)
    for box_type in ("quad", "poly"):
        found = detector(image, DetectOptions(thresh=0.6, box_thresh=0.1, box_type=box_type))
        assert found.quads.shape == (len(found), 4, 2)
        assert (found.quads >= 0).all() and (found.quads <= [200, 100]).all()


@pytest.mark.slow
@pytest.mark.parametrize(("store", "room", "tolerance"), [("half", 0.6, 0.02), ("byte", 0.35, 0.1)])
def test_weights_kept_in_fewer_bits_take_less_room_and_compute_in_single(store, room, tolerance, tmp_path):
    """Every engine gives what torch gives with the rounded weights, and the file leads back to a net for fine-tuning."""
    name = "PP-OCRv6_tiny_rec"
    net = filled_net(name, build(name))
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    export(net, whole, describe(name))
    assert export(net, small, describe(name), store) < exporting.EXPORT_TOLERANCE
    assert small.stat().st_size < room * whole.stat().st_size
    x = random_input(input_shapes(NETS[name].interface)[0], seed=3).numpy()
    wanted = open_engine(whole, ENGINE)(x)
    for kind in ENGINES:
        for ours, full in zip(open_engine(small, replace(ENGINE, engine=kind))(x), wanted, strict=True):
            assert ours.dtype == np.float32
            np.testing.assert_allclose(ours, full, atol=tolerance * max(1.0, float(np.abs(full).max())), err_msg=kind)
    convert(small, name, tmp_path / "back.pt")
    again = load_checkpoint(tmp_path / "back.pt")[0].eval()
    with torch.no_grad():
        np.testing.assert_allclose(again(torch.from_numpy(x)).numpy(), open_engine(small, ENGINE)(x)[0], atol=1e-4)


# Large nets that are also tried in use, each with the file of `test_export`.
IN_USE = {"SRN_ResNet50_fpn": reads_letters, "SAST_ResNet50_vd": runs_as_detector}
