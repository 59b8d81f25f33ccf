"""The single models on the default weights, and on nets made for the test where none are at hand."""

import json
import pickle
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from unwarp_net import curl, write_unwarp_net

from inkline import TextDetection, TextImageUnwarping, TextLineOrientationClassification, TextRecognition, create_model
from inkline.errors import ModelError, UsageError
from inkline.types import Image


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("line") / "line.png"
    Pillow.open(Path(__file__).parent.parent / "fixtures/receipt.png").crop((80, 66, 320, 106)).save(path)
    return path


def test_detection(fixtures: Path, tmp_path: Path) -> None:
    model = TextDetection(cpu_threads=1)
    (result,) = model.predict(input=str(fixtures / "receipt.png"), batch_size=1)
    assert list(result.json["res"]) == ["input_path", "page_index", "dt_polys", "dt_scores"]
    assert result["dt_polys"].shape == (18, 4, 2) and result["dt_polys"].dtype == np.int16
    assert len(result["dt_scores"]) == 18 and all(type(score) is float for score in result["dt_scores"])
    result.save_to_img(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["receipt_res.png"]
    strict = model.predict(str(fixtures / "receipt.png"), box_thresh=0.9, limit_side_len=640, limit_type="max")[0]
    assert 0 < len(strict["dt_scores"]) < 18
    assert model.predict(np.full((100, 100, 3), 255, np.uint8))[0]["dt_polys"].shape == (0, 4, 2)
    with pytest.raises(UsageError, match="unknown argument 'box_tresh'; did you mean 'box_thresh'"):
        model.predict(str(fixtures / "receipt.png"), box_tresh=0.9)
    with pytest.raises(UsageError, match="batch_size=0"):
        model.predict(str(fixtures / "receipt.png"), batch_size=0)


def test_recognition(line: Path) -> None:
    model = TextRecognition(cpu_threads=1)
    results = model.predict([line, line, str(line)], batch_size=2)
    assert [list(r.json["res"]) for r in results] == [["input_path", "page_index", "rec_text", "rec_score"]] * 3
    assert {r["rec_text"] for r in results} == {"12 Mill Lane, Ashford"}
    assert type(results[0]["rec_score"]) is float and 0.9 < results[0]["rec_score"] <= 1
    (result,) = model.predict(line, return_word_box=True)
    assert result["rec_text"] == "12 Mill Lane, Ashford"
    assert result["text_word"] == ["12", " ", "Mill", " ", "Lane,", " ", "Ashford"]
    assert result["text_word_boxes"].shape == (7, 4)
    assert result.img["res"].size == (240, 65) and result["input_img"].shape == (40, 240, 3)
    assert pickle.loads(pickle.dumps(result)).img["res"].size == (240, 65) and "vis_font" in result
    with pytest.raises(UsageError, match="input_shape=3 32 320: PP-OCRv6_small_rec takes 3 48 W"):
        TextRecognition(input_shape=[3, 32, 320])
    TextRecognition(min_subgraph_size=3, cpu_threads=1)


def test_line_orientation(line: Path) -> None:
    model = TextLineOrientationClassification(topk=2, cpu_threads=1)
    image = Pillow.open(line)
    upright, turned = model.predict([image, image.transpose(Pillow.Transpose.ROTATE_180)], batch_size=8)
    assert list(upright.json["res"]) == ["input_path", "page_index", "class_ids", "scores", "label_names"]
    assert upright["label_names"] == ["0_degree", "180_degree"] and turned["label_names"][0] == "180_degree"
    assert upright["class_ids"].dtype == np.int32 and upright["class_ids"].tolist() == [0, 1]
    assert np.array_equal(upright["scores"], np.round(upright["scores"], 5))
    assert len(model.predict(line, topk=1)[0]["scores"]) == 1
    with pytest.raises(UsageError, match="topk=0"):
        model.predict(line, topk=0)


def test_unwarping(tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path / "cache"))
    net = write_unwarp_net(tmp_path / "UVDoc.onnx", curl(0.1))
    (result,) = TextImageUnwarping(model_dir=net, cpu_threads=1).predict(fixtures / "receipt.png")
    assert list(result.json["res"]) == ["input_path", "page_index", "doctr_img"]
    assert result["doctr_img"].shape == (560, 400, 3) and result["doctr_img"].dtype == np.uint8
    assert result.str.endswith("'doctr_img': '...'}}")
    assert np.shape(result.json["res"]["doctr_img"]) == (560, 400, 3)
    assert list(result.img) == ["res"]
    # In the file the page is a PNG, not a row of text per value of a pixel.
    written = json.loads(result.save_to_json(tmp_path).read_text("utf-8"))["doctr_img"]
    shown = np.asarray(Pillow.open(BytesIO(b64decode(written.removeprefix("data:image/png;base64,")))))
    assert np.array_equal(shown, result["doctr_img"])


def test_create_model(line: Path) -> None:
    model = create_model("PP-OCRv6_small_rec", batch_size=4, cpu_threads=1)
    assert next(model.predict(str(line)))["rec_text"] == "12 Mill Lane, Ashford"
    with pytest.raises(UsageError, match="no model is called 'PP-OCRv6_smal_rec'; did you mean 'PP-OCRv6_small_rec'"):
        create_model("PP-OCRv6_smal_rec")


def test_wrong_models(weights: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="not for text_detection"):
        TextDetection(model_dir=weights["rec"])
    with pytest.raises(UsageError, match="is a model for text_detection"):
        TextRecognition(model_name="PP-OCRv6_small_det")
    with pytest.raises(UsageError, match="unknown argument 'batchsize'"):
        TextRecognition(batchsize=3)


def test_images_are_not_changed(line: Path) -> None:
    image: Image = np.asarray(Pillow.open(line).convert("RGB")).copy()
    before = image.copy()
    TextRecognition(cpu_threads=1).predict(image)
    assert np.array_equal(image, before)
