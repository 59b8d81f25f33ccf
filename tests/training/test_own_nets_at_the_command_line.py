"""Every kind of net, exported, goes through the commands of a user: `inkline text_recognition --model_dir mine.onnx`, ..."""

import json

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from inkline.cli import inkline
from inkline.recognition.attention import class_count
from inkline.runtime import ENGINES
from inkline.training.export import describe, export
from inkline.training.nets.table import NETS, build

torch.set_num_threads(1)

LETTERS = tuple("0123456789abcdefghijklmnopqrstuvwxyz")
SLOW = ("SAST_ResNet50_vd", "SRN_ResNet50_fpn", "UVDoc")
# the lightest net of every interface, and both that rectify first
CHOSEN_NETS = (
    "PP-OCRv6_tiny_det",
    "EAST_MobileNetV3",
    "SAST_ResNet50_vd",
    "CRNN_MobileNetV3",
    "STARNet_MobileNetV3",
    "RARE_MobileNetV3",
    "ch_PP-OCRv2_rec",
    "PP-OCRv6_tiny_rec",
    "SRN_ResNet50_fpn",
    "ch_ppocr_mobile_v2.0_cls",
    "PP-LCNet_x0_25_textline_ori",
    "PP-LCNet_x1_0_doc_ori",
    "UVDoc",
)
COMMANDS = {  # task -> command, the key of its JSON result that the net fills
    "text_detection": ("text_detection", "dt_polys"),
    "text_recognition": ("text_recognition", "rec_text"),
    "textline_orientation": ("textline_orientation_classification", "label_names"),
    "doc_orientation_classify": ("doc_img_orientation_classification", "label_names"),
    "doc_unwarping": ("text_image_unwarping", "input_path"),
}


def weighed(name):
    return pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


def test_every_interface_is_among_the_nets():
    with_a_command = [entry.interface for entry in NETS.values() if entry.interface.task in COMMANDS]
    assert {id(NETS[name].interface) for name in CHOSEN_NETS} == {id(interface) for interface in with_a_command}


@pytest.mark.slow
@pytest.mark.parametrize("name", [weighed(name) for name in CHOSEN_NETS])
def test_a_net_of_ones_own_runs_at_the_command_line(name, tmp_path):
    """Both engines give the same; a recogniser reads in `inkline ocr` as well, named by its file alone."""
    task, decoder = NETS[name].interface.task, NETS[name].interface.decoder
    torch.manual_seed(0)
    net = build(name, class_count(decoder, len(LETTERS)) if decoder else None)
    path, picture = tmp_path / "mine.onnx", tmp_path / "line.png"
    export(net, path, describe(name, charset=LETTERS if decoder else ()))
    image = np.full((48, 200, 3), 255, np.uint8)
    cv2.putText(image, "Inkline 1", (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2)
    cv2.imwrite(str(picture), image)
    command, key = COMMANDS[task]
    answers = []
    for engine in ENGINES:
        done = CliRunner().invoke(
            inkline, [command, "-i", str(picture), "--model_dir", str(path), "--engine", engine, "--json"]
        )
        assert done.exit_code == 0, done.output
        answers.append(json.loads(done.output)[key])
    assert answers[0] == answers[1]
    if task == "text_recognition":
        done = CliRunner().invoke(inkline, ["ocr", str(picture), "--text_recognition_model_dir", str(path), "--json"])
        assert done.exit_code == 0, done.output
        assert len(json.loads(done.stdout)["rec_texts"]) <= 1
