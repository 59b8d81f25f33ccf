"""What is fuzzed: for each target some whole files, and what reads them. All that is raised but `InklineError` is a finding."""

import io
import json
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from tests.io.hostile import nested_forms, packed_spaces, tiling_pattern


class Target(NamedTuple):
    """seeds: whole files to begin with. read: reads a file; name: what it is called. binary: bytes are changed, else lines."""

    seeds: Callable[[], Iterator[bytes]]
    read: Callable[[Path], Any]
    name: str
    binary: bool = True


def images() -> Iterator[bytes]:
    noise = np.random.default_rng(0).integers(0, 255, (24, 31, 3), np.uint8)
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        *(("RGB", kind, {}) for kind in ("PNG", "JPEG", "BMP", "PPM", "WEBP", "AVIF", "JPEG2000")),
        *(("RGB", "TIFF", {"compression": packed}) for packed in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
        *((mode, "PNG", {}) for mode in ("1", "L", "P", "RGBA")),
        *(("1", "TIFF", {"compression": "group4"}), ("P", "GIF", {}), ("L", "JPEG", {"progressive": True})),
    ]
    for mode, kind, options in kinds:
        out = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(out, kind, **options)
        yield out.getvalue()


def read_file(path: Path) -> None:
    from inkline.io.read import read
    from inkline.options import ReadOptions

    for page in read(path, ReadOptions(max_image_pixels=1_000_000, max_decode_bytes=50_000_000, pdf_dpi=36)):
        assert page.image.dtype == np.uint8 and page.image.ndim == 3


def pdfs() -> Iterator[bytes]:
    yield from (nested_forms(3), packed_spaces(1_000_000))
    yield tiling_pattern().replace(b"0.00001", b"9.00000")
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(out, "PDF", save_all=True, append_images=[Image.new("L", (20, 20))])
    yield out.getvalue()


def read_pdf(path: Path) -> None:
    from inkline.io.read import read
    from inkline.options import ReadOptions

    limits = ReadOptions(max_image_pixels=1_000_000, max_decode_bytes=200_000_000, pdf_dpi=36, isolate=True, page_timeout=3)
    for page in read(path, limits):
        assert page.image.ndim == 3


def models() -> Iterator[bytes]:
    from tests.registry.standins import onnx_bytes

    yield onnx_bytes({"out": (-1, -1, 5)}, {"character": "a\nb\nc", "inkline.task": "text_recognition"})
    yield onnx_bytes({"maps": (-1, 1, -1, -1)}, {"inkline.mean": "[0.5, 0.5, 0.5]", "inkline.options": '{"thresh": 1}'})


def read_model(path: Path) -> None:
    from inkline.registry.inspect import resolve_model
    from inkline.registry.settings import Settings

    resolve_model("", path, Settings(path.parent / "cache", offline=True))


def settings() -> Iterator[bytes]:
    yield b"""Global: {model_name: PP-OCRv5_mobile_rec}
PreProcess:
  transform_ops:
  - DecodeImage: {img_mode: BGR, channel_first: false}
  - NormalizeImage: {mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], scale: 1./255.}
  - RecResizeImg: {image_shape: [3, 48, 320]}
PostProcess:
  name: CTCLabelDecode
  thresh: 0.3
  Topk: {label_list: ['0', '180']}
  character_dict: [a, 'b', "\\u4e00", 1, null]
"""


def read_settings(path: Path) -> None:
    from inkline.registry.inspect import read_inference_yml

    read_inference_yml(path)


def labels() -> Iterator[bytes]:
    yield "a.png\thello\nb.png\twörld\n".encode()
    regions = json.dumps([{"transcription": "a", "points": [[0, 0], [9, 0], [9, 9], [0, 9]], "ignore": False}])
    yield f"a.png\t{regions}\n".encode()
    yield json.dumps({"image": "a.png", "text": "x", "regions": json.loads(regions)}).encode() + b"\n"


def read_labels(path: Path) -> None:
    from inkline.training.data.labels import load_labels

    for task in ("rec", "det"):
        load_labels(task, str(path))


def pdparams() -> Iterator[bytes]:
    arrays = {"conv.weight": np.zeros((2, 3), np.float32), "conv.bias": np.ones(2, np.float32)}
    for protocol in (2, 4):
        yield pickle.dumps({**arrays, "StructuredToParameterName@@": {"a": "b"}}, protocol)


def read_pdparams(path: Path) -> None:
    from inkline.training.convert.from_paddle import read_pdparams

    read_pdparams(path)


def safetensors() -> Iterator[bytes]:
    from safetensors.numpy import save

    yield save({"a.weight": np.zeros((2, 3), np.float32), "b": np.ones(2, np.float16)}, {"format": "pt"})


def read_safetensors(path: Path) -> None:
    from inkline.training.convert.published_weights import net_from_safetensors

    net_from_safetensors(path, "PP-LCNet_x0_25_textline_ori")


def ledgers() -> Iterator[bytes]:
    from inkline.batch.ledger import SCHEMA

    db = sqlite3.connect(":memory:")
    db.executescript(SCHEMA + "PRAGMA user_version=1;")
    row = ("a.png", "a", "a", "in/a.png", 1, "1:2", "c", "key", "done", 1, '["a_res.json"]')
    db.execute(f"INSERT INTO files VALUES ({','.join('?' * 15)})", (*row, "", 1, 0.5, 1.0))
    db.commit()
    yield db.serialize()


def read_ledger(path: Path) -> None:
    from inkline.batch.ledger import Ledger
    from inkline.batch.task import FileTask

    for journal in path.parent.glob(f"{path.name}-*"):
        journal.unlink()
    with Ledger(path.parent, "key") as ledger:
        ledger.new_scan()
        ledger.look_up(FileTask("a.png", "in/a.png", "in/a.png", "1:2"), lambda names: True)
        list(ledger.failures())


def bodies() -> Iterator[bytes]:
    yield b'{"file": "iVBORw0KGgo=", "fileType": 1, "logId": "x", "textDetThresh": 0.5, "visualize": false, "lang": ["en"]}'
    yield b'{"file": "iVBORw0KGgo=", "inferenceParams": {"maxLongSide": 960}, "stream": true, "outputs": ["md", "pdf"]}'
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    yield part % (b"file", b'; filename="a.png"', b"\x89PNG") + part % (b"textDetThresh", b"", b"0.5") + b"--b--\r\n"


def read_body(path: Path) -> None:
    from inkline.service.schemas import OcrRequest, PreprocessingRequest, parse_request

    body = path.read_bytes()
    kind = "multipart/form-data; boundary=b" if body.startswith(b"--") else "application/json"
    for model in (OcrRequest, PreprocessingRequest):
        parse_request(model, body, "log-id", kind)


TARGETS = {
    "images": Target(images, read_file, "page"),
    "pdf": Target(pdfs, read_pdf, "page.pdf"),
    "onnx": Target(models, read_model, "model.onnx"),
    "inference.yml": Target(settings, read_settings, "inference.yml", binary=False),
    "labels": Target(labels, read_labels, "labels.txt", binary=False),
    "pdparams": Target(pdparams, read_pdparams, "net.pdparams"),
    "safetensors": Target(safetensors, read_safetensors, "net.safetensors"),
    "ledger": Target(ledgers, read_ledger, "ledger.sqlite"),
    "bodies": Target(bodies, read_body, "body", binary=False),
}
