"""RapidOCR 3's call and result."""

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline import RapidOCR
from inkline.errors import UsageError


def test_a_page_is_read_as_rapidocr_gives_it(fixtures, tmp_path) -> None:
    with pytest.warns(UserWarning, match=r"without effect here: Det\.engine_type"):
        engine = RapidOCR(
            params={"Global.text_score": 0.6, "Det.engine_type": "x", "EngineConfig.onnxruntime.intra_op_num_threads": 1}
        )
    result = engine(str(fixtures / "receipt.png"), return_word_box=True)
    assert len(result) == 18 and result.txts[0] == "CORNER BAKERY" and 0.9 < result.scores[0] <= 1
    assert result.boxes.shape == (18, 4, 2) and result.img.shape == (560, 400, 3) and result.elapse > 0
    assert [word[0] for word in result.word_results[0]] == ["CORNER", "BAKERY"]
    assert np.shape(result.word_results[0][0][2]) == (4, 2)
    first = result.to_json()[0]
    assert first["txt"] == "CORNER BAKERY" and np.allclose(first["box"], result.boxes[0])
    assert "CORNER BAKERY" in result.to_markdown()
    picture = result.vis(str(tmp_path / "sub/vis.png"))
    assert picture.shape == (560, 800, 3) and (tmp_path / "sub/vis.png").stat().st_size > 1000
    # Single steps, and nothing.
    line = Pillow.open(fixtures / "receipt.png").crop((80, 66, 320, 106))
    assert engine(line, use_det=False).txts == ("12 Mill Lane, Ashford",)
    found = engine(fixtures / "receipt.png", use_rec=False)
    assert found.boxes.shape == (18, 4, 2) and len(found) == 18
    with pytest.raises(TypeError, match=r"write `result = engine\(image\)`, then result\.boxes"):
        _boxes, _elapse = found
    upside_down = line.transpose(Pillow.Transpose.ROTATE_180)
    turned = engine(upside_down, use_det=False, use_rec=False)
    assert turned.cls_res[0][0] == "180" and len(turned) == 1
    empty = engine(np.full((200, 300, 3), 255, np.uint8))
    assert len(empty) == 0 and empty.boxes is empty.txts is empty.to_json() is empty.vis() is None
    assert empty.to_markdown() == ""
    with pytest.raises(UsageError, match=r"return_single_char_box=True is not known here"):
        engine(line, return_single_char_box=True)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Det.box_tresh", "Det.box_thresh"),
        ("Rec.lang_typ", "Rec.lang_type"),
        ("Global.txt_score", "Global.text_score"),
        ("EngineConfig.onnxruntime.use_cuda_", "EngineConfig.onnxruntime.use_cuda"),
        ("EngineConfig.onxruntime.use_cuda", "EngineConfig.onnxruntime.use_cuda"),
    ],
)
def test_a_misspelled_parameter_is_an_error(name: str, meant: str, tmp_path) -> None:
    with pytest.raises(UsageError, match=f"{name!r} is not known; did you mean '{meant}'"):
        RapidOCR(params={name: 0.5})
    section, _, rest = name.partition(".")
    (tmp_path / "config.yaml").write_text(f"{section}: {{{rest}: 0.5}}\n", "utf-8")
    with pytest.raises(UsageError, match="did you mean"):
        RapidOCR(str(tmp_path / "config.yaml"))


def test_parameters(tmp_path) -> None:
    with pytest.warns(UserWarning, match=r"without effect here: EngineConfig\.onnxruntime\.cuda_ep_cfg\.device_id"):
        engine = RapidOCR(params={"EngineConfig.onnxruntime.cuda_ep_cfg.device_id": 1})
    with pytest.raises(UsageError, match="text_scor=0 is not known here; did you mean 'text_score'"):
        engine("page.png", text_scor=0)
    with pytest.raises(UsageError, match="'text_score' is not known; did you mean 'Global"):
        RapidOCR(params={"text_score": 0.5})
    config = "Global: {text_score: 0.4, log_level: info}\nRec: {lang_type: ru}\nEngineConfig: {paddlepaddle: {gpu_id: 0}}\n"
    (tmp_path / "config.yaml").write_text(config, "utf-8")
    made = RapidOCR(str(tmp_path / "config.yaml"))
    assert made._ocr.options.recognize.score_thresh == 0.4 and made._ocr.options.lang == "ru"
