"""Who takes part, with which packages and settings: a line of the table is an entry of PEERS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORKERS = Path(__file__).resolve().parent / "workers"
CHECKOUT = "{checkout}"  # stands for this repository in a requirement
BASE, BASE_MOBILE = "inkline", "inkline-v4"
SMALL, TINY, MOBILE, OWN = "PP-OCRv6_small", "PP-OCRv6_tiny", "PP-OCRv4_mobile", "own"


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
    environment: str = ""

    def __post_init__(self) -> None:
        if not (WORKERS / self.worker).is_file():
            raise ValueError(f"{self.label}: {self.worker} is not in {WORKERS}")


def inkline(label: str, requirement: str, keywords: Mapping[str, str] | None = None, **more: Any) -> Peer:
    options = {"keywords": dict(keywords or {})}
    return Peer(label, "read_inkline.py", (requirement,), "from inkline import Ocr", options, **more)


def paddleocr(label: str, runtime: str, options: Mapping[str, Any], **more: Any) -> Peer:
    packages = ("paddleocr==3.7.0", runtime)
    return Peer(label, "read_paddleocr.py", packages, "from paddleocr import PaddleOCR", options, **more)


def rapidocr(label: str, engine: str, threads_key: str) -> Peer:
    return Peer(
        label,
        "read_rapidocr.py",
        ("rapidocr==3.10.0", engine),
        "from rapidocr import RapidOCR",
        {"engine": engine, "threads_key": threads_key},
    )


def faster_paddle(size: str, weights: str) -> Peer:
    """It brings its weights along, which are the published ones."""
    label, options = f"faster-paddle 1.0 {size}", {"size": size}
    return Peer(label, "read_faster_paddle.py", ("faster-paddle==1.0.4",), "import faster_paddle", options, weights,
                environment="faster-paddle")  # fmt: skip


def rapidocr5(package: str, version: str, size: str, weights: str) -> Peer:
    """An engine of its own in C++. RapidOCRLite's third size is left out: its weights' licence forbids rivals their use."""
    label, requirements = f"{package} {version} {size}", (f"{package}=={version}",)
    imports = "from rapidocr import RapidOCR"
    return Peer(label, "read_rapidocr5.py", requirements, imports, weights=weights, environment=package)


def turboocr(label: str, backend: str, device: str | None = None) -> Peer:
    package = f"turboocr-engine-{backend}==4.0.0a8"
    return Peer(
        label,
        "read_turboocr.py",
        (package,),
        "from turboocr_engine import OCR",
        {"backend": backend, "device": device},
        python=(3, 12),
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


ORT = {"engine": "onnxruntime", "threads_key": "intra_op_num_threads"}
PAIR_MOBILE: dict[str, Any] = {"weights": MOBILE, "base": BASE_MOBILE}
PADDLE = {"engine": "paddle", "threads_key": "cpu_threads"}

PEERS: dict[str, Peer] = {
    BASE: inkline("Inkline, ONNX Runtime", CHECKOUT),
    "inkline-openvino": inkline("Inkline, OpenVINO", f"{CHECKOUT}[openvino]"),
    "inkline-fast": inkline("Inkline, tier fast", CHECKOUT, {"tier": "fast"}, weights=TINY, environment=BASE),
    "inkline-accurate": inkline("Inkline, tier accurate", CHECKOUT, {"tier": "accurate"}, environment=BASE),
    "faster-paddle": faster_paddle("small", SMALL),
    "faster-paddle-tiny": faster_paddle("tiny", TINY),
    "rapidocr-ng": rapidocr5("rapidocr_ng", "5.0.0a5", "small", SMALL),
    "rapidocr-ng-tiny": rapidocr5("rapidocr_ng", "5.0.0a5", "tiny", TINY),
    "rapidocrlite": rapidocr5("RapidOCRLite", "5.0.0a15", "small", SMALL),
    "rapidocrlite-tiny": rapidocr5("RapidOCRLite", "5.0.0a15", "tiny", TINY),
    "paddleocr": paddleocr("PaddleOCR 3.7, ONNX Runtime", "onnxruntime", ORT),
    "rapidocr": rapidocr("RapidOCR 3.10, ONNX Runtime", "onnxruntime", "intra_op_num_threads"),
    "rapidocr-openvino": rapidocr("RapidOCR 3.10, OpenVINO", "openvino", "inference_num_threads"),
    "turboocr": turboocr("TurboOCR 4.0 alpha, ONNX Runtime", "cpu"),
    "turboocr-openvino": turboocr("TurboOCR 4.0 alpha, OpenVINO", "openvino", "CPU"),  # left alone, it looks for a GPU
    "tesseract": tesseract("Tesseract", 1_000),
    "tesseract-1-thread": tesseract("Tesseract, OMP_THREAD_LIMIT=1", 1),
    "onnxtr": Peer(
        "OnnxTR 0.9", "read_onnxtr.py", ("onnxtr[cpu]==0.9.0",), "from onnxtr.models import ocr_predictor", weights=OWN
    ),
    BASE_MOBILE: inkline(
        "PP-OCRv4 mobile: Inkline, ONNX Runtime",
        CHECKOUT,
        {"text_detection_model_name": f"{MOBILE}_det", "text_recognition_model_name": f"{MOBILE}_rec"},
        environment=BASE,
        **PAIR_MOBILE,
    ),
    "paddleocr-paddle": paddleocr("PP-OCRv4 mobile: PaddleOCR 3.7, Paddle", "paddlepaddle", PADDLE, **PAIR_MOBILE),
    "paddleocr-paddle-plain": paddleocr(
        "PP-OCRv4 mobile: PaddleOCR 3.7, Paddle without oneDNN",
        "paddlepaddle",
        {**PADDLE, "engine_config": {"run_mode": "paddle"}},
        environment="paddleocr-paddle",
        **PAIR_MOBILE,
    ),
}
DEFAULT = tuple(name for name, peer in PEERS.items() if peer.weights != MOBILE)
