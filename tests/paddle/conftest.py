"""Models under the names that documents use, without a network."""

from pathlib import Path

import pytest

from inkline.registry import resolve

DETECTORS = ("PP-OCRv6_small_det", "PP-OCRv4_server_det")
RECOGNIZERS = ("PP-OCRv6_small_rec", "PP-OCRv4_server_rec", "latin_PP-OCRv5_mobile_rec")
CLASSIFIER = "ch_ppocr_mobile_v2.0_cls"


@pytest.fixture(scope="session")
def weights() -> dict[str, Path]:
    """The default detector, recogniser and line classifier as files."""
    names = {"det": DETECTORS[0], "rec": RECOGNIZERS[0], "cls": CLASSIFIER}
    return {kind: resolve(name).path for kind, name in names.items()}


@pytest.fixture
def named_models(weights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which the models that documents name are there: the default weights under those names."""
    folder = tmp_path / "cache" / "models"
    folder.mkdir(parents=True)
    for kind, names in (("det", DETECTORS), ("rec", RECOGNIZERS), ("cls", (CLASSIFIER,))):
        for name in names:
            (folder / f"{name}.onnx").symlink_to(weights[kind])
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INKLINE_OFFLINE", "1")
    return folder
