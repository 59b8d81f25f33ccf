"""Who takes part, with which packages and settings: a line of the table is an entry of PEERS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKERS = Path(__file__).resolve().parent / "workers"
CHECKOUT = "{checkout}"  # stands for this repository in a requirement
BASE, BASE_MOBILE = "inkline", "inkline-v4"
SMALL, MOBILE, OWN = "PP-OCRv6_small", "PP-OCRv4_mobile", "own"


@dataclass(frozen=True)
class Peer:
    """A system in one configuration.

    worker: its script in `workers`, given `options` besides `threads` and `weights`. requirements: what pip installs for
    it; a peer without any is a `program` on the PATH, of the Debian `packages`. imports: the statement after which a
    user's program can call it. python: the oldest that its packages run on.
    """

    label: str
    worker: str
    requirements: tuple[str, ...] = ()
    imports: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str = SMALL
    python: tuple[int, int] = (3, 11)
    program: str = ""
    packages: tuple[str, ...] = ()
    base: str = BASE

    def __post_init__(self) -> None:
        if not (WORKERS / self.worker).is_file():
            raise ValueError(f"{self.label}: {self.worker} is not in {WORKERS}")


def inkline(label: str, requirement: str, weights: str = SMALL) -> Peer:
    names = {f"text_{task}_model_name": f"{weights}_{short}" for task, short in
             (("detection", "det"), ("recognition", "rec"))}  # fmt: skip
    keywords = {} if weights == SMALL else names  # the default pair needs no naming
    return Peer(label, "read_inkline.py", (requirement,), "from inkline import Ocr", {"keywords": keywords}, weights)


def paddleocr(label: str, runtime: str, options: Mapping[str, Any], weights: str = SMALL) -> Peer:
    return Peer(
        label,
        "read_paddleocr.py",
        ("paddleocr==3.7.0", runtime),
        "from paddleocr import PaddleOCR",
        options,
        weights,
    )


def rapidocr(label: str, engine: str, threads_key: str) -> Peer:
    return Peer(
        label,
        "read_rapidocr.py",
        ("rapidocr==3.10.0", engine),
        "from rapidocr import RapidOCR",
        {"engine": engine, "threads_key": threads_key},
    )


def tesseract(label: str, most_threads: int) -> Peer:
    return Peer(
        label,
        "read_tesseract.py",
        options={"most_threads": most_threads},
        weights=OWN,
        program="tesseract",
        packages=("tesseract-ocr", "libtesseract5", "liblept5"),
    )


ORT = {"engine": "onnxruntime", "threads_key": "intra_op_num_threads", "format": "onnx"}
PADDLE = {"engine": "paddle", "threads_key": "cpu_threads", "format": "paddle"}

PEERS: dict[str, Peer] = {
    BASE: inkline("Inkline, ONNX Runtime", CHECKOUT),
    "inkline-openvino": inkline("Inkline, OpenVINO", f"{CHECKOUT}[openvino]"),
    "paddleocr": paddleocr("PaddleOCR 3.7, ONNX Runtime", "onnxruntime", ORT),
    "paddleocr-paddle": paddleocr("PaddleOCR 3.7, Paddle", "paddlepaddle", PADDLE),
    "rapidocr": rapidocr("RapidOCR 3.10, ONNX Runtime", "onnxruntime", "intra_op_num_threads"),
    "rapidocr-openvino": rapidocr("RapidOCR 3.10, OpenVINO", "openvino", "inference_num_threads"),
    "turboocr": Peer(
        "TurboOCR 4.0 alpha",
        "read_turboocr.py",
        ("turboocr-engine-cpu==4.0.0a8",),
        "from turboocr_engine import OCR",
        python=(3, 12),
    ),
    "tesseract": tesseract("Tesseract", 1_000),
    "tesseract-1-thread": tesseract("Tesseract, OMP_THREAD_LIMIT=1", 1),
    "onnxtr": Peer(
        "OnnxTR 0.9",
        "read_onnxtr.py",
        ("onnxtr[cpu]==0.9.0",),
        "from onnxtr.models import ocr_predictor",
        weights=OWN,
    ),
}
