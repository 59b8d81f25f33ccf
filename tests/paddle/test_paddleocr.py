"""`PaddleOCR`, `DocPreprocessor`, `create_pipeline` and their results, on the default weights."""

import io
import json
import pickle
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import inkline
from inkline import DocPreprocessor, PaddleOCR, create_pipeline
from inkline.errors import EngineError, SourceError, UsageError
from inkline.paddle.results import legacy_result
from inkline.registry import options_for

KEYS = [
    "input_path", "page_index", "model_settings", "dt_polys", "text_det_params", "text_type",
    "textline_orientation_angles", "text_rec_score_thresh", "return_word_box", "rec_texts", "rec_scores", "rec_polys",
    "rec_boxes",
]  # fmt: skip
FIRST = "CORNER BAKERY"


@pytest.fixture(scope="module")
def ocr() -> Iterator[PaddleOCR]:
    with PaddleOCR(cpu_threads=1) as opened:
        yield opened


@pytest.fixture(scope="module")
def receipt() -> Path:
    return Path(__file__).parent.parent / "fixtures/receipt.png"


def test_the_public_names_are_there() -> None:
    for name in inkline.__all__:
        assert getattr(inkline, name) is not None
    with pytest.raises(AttributeError):
        _ = inkline.Paddle


def test_keys_shapes_and_types(ocr: PaddleOCR, receipt: Path) -> None:
    (result,) = ocr.predict(str(receipt))
    assert isinstance(result, dict) and list(result.json["res"]) == KEYS
    assert list(result) == list(result.keys()) == list(dict(result))
    assert [key for key in result if key != "tables"] == [*KEYS, "vis_fonts", "doc_preprocessor_res"]  # tables are ours
    assert result["input_path"] == str(receipt) and result["page_index"] is None
    assert result["model_settings"] == {"use_doc_preprocessor": False, "use_textline_orientation": False}
    count = len(result["rec_texts"])
    assert result["rec_texts"][0] == FIRST and count == 18
    for key in ("dt_polys", "rec_polys"):
        assert isinstance(result[key], list) and len(result[key]) == count
        assert all(polygon.shape == (4, 2) and polygon.dtype == np.int16 for polygon in result[key])
    assert result["rec_boxes"].shape == (count, 4) and result["rec_boxes"].dtype == np.int16
    assert result["textline_orientation_angles"] == [-1] * count
    assert all(type(score) is float for score in result["rec_scores"])
    assert list(result["text_det_params"]) == [
        "limit_side_len", "limit_type", "thresh", "max_side_limit", "box_thresh", "unclip_ratio",
    ]  # fmt: skip
    json.dumps(result.json)
    assert result["doc_preprocessor_res"]["output_img"].shape == (560, 400, 3)
    with pytest.raises(KeyError):
        _ = result["nothing"]


def test_word_boxes(ocr: PaddleOCR, receipt: Path) -> None:
    (result,) = ocr.predict(receipt, return_word_box=True)
    assert list(result.json["res"]) == [*KEYS, "text_word_boxes", "text_word"]
    assert result["text_word"][0] == ["CORNER", " ", "BAKERY"]
    assert ["".join(words) for words in result["text_word"]] == result["rec_texts"]
    boxes = result["text_word_boxes"][0]
    assert boxes.shape == (3, 4) and boxes.dtype == np.int16
    assert boxes[0, 2] <= boxes[1, 0] + 1 and boxes[1, 2] <= boxes[2, 0] + 1  # the space lies between the words
    assert "text_word_region" in result and result["text_word_region"][0][0].shape == (4, 2)


def test_results_are_whole_mappings(ocr: PaddleOCR, receipt: Path) -> None:
    (result,) = ocr.predict(receipt)
    step = result.get("doc_preprocessor_res")
    assert "output_img" in step and step.get("output_img").shape == dict(step)["output_img"].shape == (560, 400, 3)
    assert {**result}.keys() == set(result.keys()) == dict(result.items()).keys() and len(result) == len(list(result))
    assert result["vis_fonts"][0].path and result.get("nothing", 1) == 1
    again = pickle.loads(pickle.dumps(result))
    assert again.json == result.json and list(again) == list(result) and type(again) is type(result)
    assert np.array_equal(again.img["ocr_res_img"], result.img["ocr_res_img"])
    result["mine"] = 1
    del result["vis_fonts"]
    assert "mine" in result.copy() and "vis_fonts" not in result and "mine" not in again
    assert pickle.loads(pickle.dumps(result))["mine"] == 1


def test_each_text_stands_beside_its_box(receipt: Path) -> None:
    # A page whose second line is a mirror image, which is found and cannot be read.
    page = np.asarray(Pillow.open(receipt).convert("RGB"))[:, :, ::-1].copy()
    page[66:106] = page[66:106, ::-1].copy()
    with PaddleOCR(cpu_threads=1) as made:
        (result,) = made.predict(page)
        (asked,) = made.predict(page, text_rec_score_thresh=result["text_rec_score_thresh"])
    count = len(result["rec_texts"])
    assert result["unread"] and count < len(asked["dt_polys"]) == count + len(result["unread"])
    equal = ("dt_polys", "rec_polys", "rec_scores", "rec_boxes", "textline_orientation_angles")
    assert [len(result[key]) for key in equal] == [count] * 5
    for found, read in zip(result["dt_polys"], result["rec_polys"], strict=True):
        assert np.linalg.norm(found.mean(axis=0) - read.mean(axis=0)) < 15
    # Who sets the threshold gets all boxes, as in PaddleOCR.
    assert asked["rec_texts"] == result["rec_texts"] and "unread" not in asked
    assert result.json["res"]["unread"][0].keys() == {"poly", "script"}


def test_a_page_without_text(ocr: PaddleOCR) -> None:
    (result,) = ocr.predict(np.full((200, 300, 3), 255, np.uint8))
    assert list(result.json["res"]) == [key for key in KEYS if key != "textline_orientation_angles"]
    assert result["rec_texts"] == [] and result["rec_boxes"].shape == (0, 4)
    assert result.json["res"]["rec_boxes"] == []
    assert "'rec_texts': []" in result.str
    assert legacy_result([result]) == [None]


@pytest.mark.slow
def test_every_kind_of_input(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    image = Pillow.open(receipt)
    content = receipt.read_bytes()
    array = np.asarray(image.convert("RGB"))[:, :, ::-1]
    image.convert("RGB").save(tmp_path / "a.pdf", save_all=True, append_images=[image.convert("RGB")])
    image.save(tmp_path / "b.png")
    inputs = [receipt, str(receipt), array, content, image, io.BytesIO(content), str(tmp_path)]
    results = ocr.predict(inputs)
    assert [r["rec_texts"][0] for r in results] == [FIRST] * 9
    assert [r["page_index"] for r in results] == [None] * 6 + [0, 1, None]
    assert [r["input_path"] for r in results[2:5]] == [None] * 3
    names = {r.save_to_json(tmp_path / "out").name for r in results[6:]}
    assert names == {"a_0_res.json", "a_1_res.json", "b_res.json"}


def test_one_bad_of_many_is_left_out_with_a_warning(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="left out: .*bad.png") as warned:
        assert len(ocr.predict([tmp_path / "bad.png", receipt])) == 1
    assert [one.filename for one in warned] == [__file__]
    with pytest.raises(SourceError, match=r"bad\.png"):
        ocr.predict(tmp_path / "bad.png")
    with pytest.raises(FileNotFoundError, match=r"none\.png: no such file"):
        ocr.predict(tmp_path / "none.png")


def test_predict_iter_and_several_threads(ocr: PaddleOCR, receipt: Path) -> None:
    expected = ocr.predict(receipt)[0].json
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.extend(r.json for r in ocr.predict_iter(receipt))) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


def test_options_of_one_call_do_not_outlive_it(ocr: PaddleOCR, receipt: Path) -> None:
    few = ocr.predict(receipt, text_rec_score_thresh=0.999)[0]
    assert 0 < len(few["rec_texts"]) < len(few["dt_polys"]) == 18
    assert few["text_rec_score_thresh"] == 0.999
    side = ocr.predict(receipt, text_det_limit_side_len=320)[0]["text_det_params"]
    assert (side["limit_side_len"], side["limit_type"]) == (320, "min")
    again = ocr.predict(receipt)[0]
    assert len(again["rec_texts"]) == 18
    assert again["text_rec_score_thresh"] == options_for().recognize.score_thresh
    assert ocr.predict(receipt, text_det_thresh=0)[0]["text_det_params"]["thresh"] == 0  # 0 is no "default"


def test_a_stage_that_was_not_opened_is_an_error(ocr: PaddleOCR, receipt: Path) -> None:
    with pytest.raises(UsageError, match="use_doc_unwarping=True: this object was opened without that model"):
        ocr.predict(receipt, use_doc_unwarping=True)
    with pytest.raises(UsageError, match="use_textline_orientation=True"):
        ocr.predict(receipt, use_textline_orientation=True)
    with pytest.raises(UsageError, match="unknown argument 'use_textline_orientaton'"):
        ocr.predict(receipt, use_textline_orientaton=True)


def test_printing(ocr: PaddleOCR, receipt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (result,) = ocr.predict(receipt)
    before = np.get_printoptions()
    result.print()
    printed = capsys.readouterr().out
    assert printed.startswith(f"{{'res': {{'input_path': '{receipt}', 'page_index': None, 'model_settings': ")
    assert "'dt_polys': array([[[" in printed and "..." in printed and "'rec_texts': ['CORNER BAKERY'," in printed
    assert printed == result.str + "\n" and np.get_printoptions() == before
    result.print(json_format=True)
    assert json.loads(capsys.readouterr().out) == result.json
    result.print(format_json=True, indent=1, ensure_ascii=True)
    assert json.loads(capsys.readouterr().out) == result.json


def test_saving(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    (result,) = ocr.predict(receipt)
    result.save_all(tmp_path / "all")
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"receipt_res.json", "receipt_ocr_res_img.png"}
    assert json.loads((tmp_path / "all/receipt_res.json").read_text("utf-8")) == result.json["res"]
    result.save_to_json(save_path=tmp_path / "sub/my.json", indent=1, ensure_ascii=True)
    result.save_to_img(save_path=str(tmp_path / "sub/my.jpg"))
    with Pillow.open(tmp_path / "sub/my.jpg") as picture:
        assert picture.size == (800, 560)
    assert list(result.img) == ["ocr_res_img"] and result.img["ocr_res_img"].size == (800, 560)
    with pytest.raises(UsageError, match="save_path"):
        result.save_to_json()


def test_same_stems_do_not_overwrite_each_other(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.png").write_bytes(receipt.read_bytes())
    for result in ocr.predict([tmp_path / "a", tmp_path / "b"]):
        result.save_to_json(tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_arrays_are_named_by_the_time(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    (result,) = ocr.predict(np.asarray(Pillow.open(receipt)))
    result.save_all(tmp_path)
    one, two = sorted(p.name for p in tmp_path.iterdir())
    assert one.removesuffix("_ocr_res_img.png") == two.removesuffix("_res.json") == result.stem


def test_old_calls(receipt: Path) -> None:
    with pytest.warns(DeprecationWarning) as told:
        old = PaddleOCR(use_angle_cls=True, show_log=False, use_gpu=False, cpu_threads=1)
    assert [str(w.message).split()[0] for w in told] == ["use_gpu=False", "use_angle_cls", "show_log"]
    assert all(w.filename == __file__ for w in told)
    with pytest.warns(DeprecationWarning, match="is now predict"):
        results = old.ocr(str(receipt))
    assert results[0]["model_settings"]["use_textline_orientation"] is True
    assert results[0]["textline_orientation_angles"] == [0] * 18
    (page,) = legacy_result(results)
    assert page is not None
    box, (text, score) = page[0]
    assert np.shape(box) == (4, 2) and text == FIRST and 0.9 < score <= 1
    # With the keywords of 2.x its results, too.
    assert old.ocr(str(receipt), cls=True) == old.ocr(str(receipt), True, True) == [page]
    (boxes,) = old.ocr(str(receipt), rec=False)
    assert np.shape(boxes) == (18, 4, 2)
    blank = np.full((200, 300, 3), 255, np.uint8)
    assert old.ocr(blank, cls=False) == old.ocr(blank, rec=False) == [None]
    with pytest.warns(DeprecationWarning, match="det_db_thresh is now") as told:
        old.ocr(blank, rec=False, det_db_thresh=0.3)
    assert [w.filename for w in told] == [__file__]  # the line of the user's call, or Python hides the warning
    line = Pillow.open(receipt).crop((80, 66, 320, 106))
    lines = [line, line.transpose(Pillow.Transpose.ROTATE_180)]
    ((one,),) = old.ocr(line, det=False)
    assert one[0] == "12 Mill Lane, Ashford" and 0.9 < one[1] <= 1
    assert [text for text, _ in old.ocr(lines, det=False, cls=True)[0]] == [one[0]] * 2
    assert [label for label, _ in old.ocr(lines, det=False, rec=False)[0]] == ["0", "180"]
    old.close()


def test_devices() -> None:
    PaddleOCR(device="CPU", cpu_threads=1).close()
    with pytest.raises(UsageError, match="device 'tpu'"):
        PaddleOCR(device="tpu")
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(EngineError, match="no CUDA provider"):
            PaddleOCR(device="gpu:0", engine="onnxruntime")


@pytest.mark.slow
def test_configuration_goes_out_and_in(ocr: PaddleOCR, receipt: Path, tmp_path: Path) -> None:
    path = tmp_path / "OCR.yaml"
    with PaddleOCR(text_det_box_thresh=0.5, cpu_threads=1) as made:
        made.export_paddlex_config_to_yaml(path)
        expected = made.predict(receipt)[0].json
    with PaddleOCR(paddlex_config=str(path), cpu_threads=1) as made:
        assert made.predict(receipt)[0].json == expected
    pipeline = create_pipeline(str(path), cpu_threads=1)
    results = pipeline.predict(str(receipt))
    assert next(results).json == expected
    pipeline.close()


def test_create_pipeline_names() -> None:
    with pytest.raises(UsageError, match="'OCRR' is not here: OCR and doc_preprocessor are; did you mean 'OCR'"):
        create_pipeline("OCRR")
    with pytest.raises(UsageError, match="do not go together"):
        create_pipeline("OCR", config={"pipeline_name": "doc_preprocessor"})
    with pytest.raises(UsageError, match=r"no\.yaml: cannot be read"):
        create_pipeline(config="no.yaml")
    with pytest.raises(UsageError, match=r"SubModules\.TextDetection\.model_name=\['a'\]: must be text"):
        create_pipeline(config={"SubModules": {"TextDetection": {"model_name": ["a"]}}})
    with pytest.raises(UsageError, match="engine_config='x': must be a dict"):
        PaddleOCR(engine_config="x")


def test_pages_are_turned_as_their_lines_say(receipt: Path) -> None:
    page = Pillow.open(receipt).convert("RGB")
    turned = [page, *(page.transpose(way) for way in (Pillow.Transpose.ROTATE_270, Pillow.Transpose.ROTATE_180))]
    made = DocPreprocessor(
        use_doc_unwarping=False, doc_orientation_classify_model_name="inkline_PP-LCNet_x1_0_doc_ori", cpu_threads=1
    )
    assert [result["angle"] for result in made.predict(turned)] == [0, 90, 180]
    with pytest.raises(UsageError, match="use_doc_unwarping=True"):
        made.predict([page, page], use_doc_unwarping=True)
    made.close()


def test_no_warning_without_a_reason(receipt: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with PaddleOCR(None, None, device="cpu", enable_mkldnn=False, cpu_threads=1) as made:
            made.predict(receipt)
