"""What the zoo knows about one published model: where its file can be had, what it is for, what was measured on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from inkline.registry.checksums import MIRROR, MIRROR_FILES, WHEEL_FILES

# What the options of a model begin with: `<task>_model_name`, `<task>_model_dir`.
Task = Literal[
    "text_detection", "text_recognition", "textline_orientation", "doc_orientation_classify", "doc_unwarping"
]


@dataclass(frozen=True)
class Url:
    """An ONNX file behind an https address, with the `inference.yml` beside it where the file needs one.

    sha256 is empty where the publisher states none: such a file is taken on trust, with a warning.
    """

    url: str
    sha256: str = ""
    config_url: str = ""

    @property
    def place(self) -> str:
        return self.url


@dataclass(frozen=True)
class WheelFile:
    """An ONNX file inside a wheel of the package index: of exactly this version, at this path, never imported."""

    distribution: str
    version: str
    path: str
    sha256: str

    @property
    def place(self) -> str:
        return f"wheel {self.distribution} {self.version}"


@dataclass(frozen=True)
class Shipped:
    """An ONNX file that comes with Inkline; `path` is relative to the package folder."""

    path: str
    sha256: str = ""

    @property
    def place(self) -> str:
        return f"inkline/{self.path}"


@dataclass(frozen=True)
class Archive:
    """A tar file with a Paddle inference folder, converted when it has come (extra `paddle`).

    program: the file of its net, `inference.json` of Paddle 3 (which takes Paddle to convert) or `inference.pdmodel`.
    No publisher states a sha256 of these.
    """

    url: str
    program: Literal["inference.json", "inference.pdmodel"]
    sha256: str = ""

    @property
    def place(self) -> str:
        return self.url


@dataclass(frozen=True)
class Weights:
    """Training weights, or a net in a form that nothing here runs: `inkline convert` makes a model of them."""

    url: str

    @property
    def place(self) -> str:
        return self.url


Source = Url | WheelFile | Shipped | Archive | Weights


@dataclass(frozen=True)
class Figure:
    """One published figure and the test set it was measured on; figures of different sets do not compare."""

    metric: str
    value: float
    test_set: str


@dataclass(frozen=True)
class ModelCard:
    """One model.

    sources: in the order they are tried. size_bytes: of the file to expect, 0 when not known. languages: codes of
    `inkline.languages`, empty when the model does not depend on the language. input_height: in pixels, where the net has
    a fixed one, else 0. classes: width of the last layer of a recogniser or classifier, 0 when not known.
    options: tuned values by flat option name. metadata: what the file would say of itself, for files that do not
    (keys `inkline.*`).
    """

    name: str
    task: Task
    sources: tuple[Source, ...] = ()
    size_bytes: int = 0
    licence: str = "Apache-2.0"
    languages: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    charset: str = ""
    input_height: int = 0
    classes: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def fetchable(self) -> bool:
        """Whether some source gives a file that runs, be it after a conversion that needs no one's hand."""
        return any(not isinstance(source, Weights) for source in self.sources)


HUB = "https://huggingface.co/PaddlePaddle"
BOS = "https://paddle-model-ecology.bj.bcebos.com/paddlex"
OLD = "https://paddleocr.bj.bcebos.com"


def mirror(path: str) -> Url:
    """A file that RapidAI converted to ONNX, on ModelScope."""
    return Url(f"{MIRROR}/{path}", MIRROR_FILES[path])


def hub(name: str) -> Url:
    """The official ONNX file on Hugging Face, with the description that holds its charset and thresholds."""
    folder = f"{HUB}/{name}_onnx/resolve/main"
    return Url(f"{folder}/inference.onnx", config_url=f"{folder}/inference.yml")


def official(name: str) -> tuple[Archive, Weights]:
    """The official inference archive of Paddle 3, and the training weights, of a model that has no ONNX file."""
    archive = Archive(f"{BOS}/official_inference_model/paddle3.0.0/{name}_infer.tar", "inference.json")
    return archive, trained(name)


def legacy(path: str, training: str = "train") -> tuple[Archive, Weights]:
    """The inference archive of Paddle 2, and the training weights, of a model before the 3.x line."""
    return Archive(f"{OLD}/{path}_infer.tar", "inference.pdmodel"), Weights(f"{OLD}/{path}_{training}.tar")


def trained(name: str) -> Weights:
    """The official training weights."""
    return Weights(f"{BOS}/official_pretrained_model/{name}_pretrained.pdparams")


def v6_wheel(file: str) -> WheelFile:
    """A file in the wheel of RapidOCR that carries PP-OCRv6."""
    return _wheel("rapidocr", "3.10.0", f"rapidocr/models/{file}")


def v4_wheel(file: str) -> WheelFile:
    """A file in the wheel of RapidOCR that carries PP-OCRv4."""
    return _wheel("rapidocr-onnxruntime", "1.4.4", f"rapidocr_onnxruntime/models/{file}")


def _wheel(distribution: str, version: str, path: str) -> WheelFile:
    return WheelFile(distribution, version, path, WHEEL_FILES[distribution, version][path])
