"""Nets built by `inkline.training.nets` and exported, untrained: what no weights are at hand for runs all the same."""

from pathlib import Path

import numpy as np
import pytest

from inkline import DocImgOrientationClassification, DocPreprocessor, TextImageUnwarping
from inkline.io.read import read

pytest.importorskip("torch")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    import torch

    from inkline.training.export import describe, export
    from inkline.training.nets.table import build

    folder = tmp_path_factory.mktemp("nets")
    paths = {}
    for name in ("PP-LCNet_x1_0_doc_ori", "UVDoc"):
        torch.manual_seed(0)
        paths[name] = folder / name / f"{name}.onnx"
        paths[name].parent.mkdir()
        export(build(name), paths[name], describe(name))
    return paths


@pytest.fixture(scope="module")
def page() -> Path:
    return Path(__file__).parent.parent / "fixtures/receipt.png"


def test_page_orientation(nets: dict[str, Path], page: Path) -> None:
    model = DocImgOrientationClassification(model_dir=nets["PP-LCNet_x1_0_doc_ori"].parent, topk=4, cpu_threads=1)
    (result,) = model.predict(page)
    assert set(result["label_names"]) == {"0", "90", "180", "270"}
    assert result["scores"].sum() == pytest.approx(1, abs=1e-4)
    assert (np.diff(result["scores"]) <= 0).all()


def test_unwarping(nets: dict[str, Path], page: Path) -> None:
    (result,) = TextImageUnwarping(model_dir=nets["UVDoc"].parent, cpu_threads=1).predict(page)
    assert result["doctr_img"].shape == (560, 400, 3)


def test_page_preprocessing(nets: dict[str, Path], page: Path, tmp_path: Path) -> None:
    model = DocPreprocessor(
        doc_orientation_classify_model_dir=nets["PP-LCNet_x1_0_doc_ori"].parent.as_posix(),
        doc_unwarping_model_dir=nets["UVDoc"].parent.as_posix(),
        doc_orientation_thresh=0.0,
        cpu_threads=1,
    )
    (result,) = model.predict(page)
    assert list(result.json["res"]) == ["input_path", "page_index", "model_settings", "angle"]
    assert result["model_settings"] == {"use_doc_orientation_classify": True, "use_doc_unwarping": True}
    assert result["angle"] in (0, 90, 180, 270)
    assert np.array_equal(result["input_img"], next(read(page)).image)
    assert result["rot_img"].shape == ((560, 400, 3) if result["angle"] in (0, 180) else (400, 560, 3))
    assert result["output_img"].shape == result["rot_img"].shape
    result.save_all(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"receipt_res.json", "receipt_preprocessed_img.png"}
    (result,) = model.predict(page, use_doc_orientation_classify=False, use_doc_unwarping=False)
    assert result["angle"] == -1 and np.array_equal(result["output_img"], result["input_img"])
