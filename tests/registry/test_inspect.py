"""What a model's file or folder is, and whether it is the one asked for."""

import json
from pathlib import Path

import pytest

from inkline.errors import ModelError, UsageError
from inkline.registry import options_for
from inkline.registry.inspect import read_inference_yml, resolve_model
from inkline.registry.settings import Settings
from tests.registry.standins import onnx_bytes

DET = onnx_bytes({"maps": (-1, 1, -1, -1)})


def rec(classes: int, metadata: dict[str, str] | None = None) -> bytes:
    return onnx_bytes({"y": (-1, -1, classes)}, metadata)


def put(folder: Path, **files: bytes | str) -> Path:
    """Files by name, a double underscore standing for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name.replace("__", ".")).write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def test_our_own_file_describes_itself(tmp_path: Path, settings: Settings) -> None:
    metadata = {
        "inkline.task": "text_recognition",
        "inkline.name": "mine",
        "character": "a\nb\n ",
        "inkline.input_height": "32",
        "inkline.options": '{"text_rec_score_thresh": 0.3}',
    }
    path = put(tmp_path / "m", net__onnx=rec(4, metadata)) / "net.onnx"
    for place in (path, path.parent, str(path)):
        model = resolve_model("mine", place, settings, "text_recognition")
        assert (model.path, model.name, model.task, model.card) == (path, "mine", "text_recognition", None)
        assert model.charset == ("a", "b", " ")
        assert model.metadata["inkline.input_height"] == "32"
        assert model.options == {"text_rec_score_thresh": 0.3}


@pytest.mark.parametrize(
    ("characters", "classes", "charset"),
    [
        ("a\nb", 4, ("a", "b", " ")),
        ("a\nb", 3, ("a", "b")),
        ("a\nb", -1, ("a", "b", " ")),
        ("a\n ", -1, ("a", " ")),
        ("a\n ", 4, ("a", " ", " ")),  # the dictionary's own space, and the reference's
        ("a\nb", 5, ("a", "b", " ", " ")),  # where the dictionary lost its own
    ],
)
def test_space_is_where_the_net_has_a_class_for_it(
    tmp_path: Path, settings: Settings, characters: str, classes: int, charset: tuple[str, ...]
) -> None:
    folder = put(tmp_path / "m", net__onnx=rec(classes, {"character": characters}))
    assert resolve_model("", folder, settings).charset == charset


def test_a_dictionary_beside_the_file_counts_where_the_files_own_charset_is_broken(tmp_path: Path, settings: Settings) -> None:
    web_page = rec(5, {"character": "<html>\n<head>\n</head>\n</html>\n\n\n"})
    files = {
        "net__onnx": web_page,
        "other__onnx": DET,
        "LICENSE__txt": b"\xff\xfe",
        "large__txt": "a\nb\nc\nd\ne",
        "small__txt": "x\ny\nz",
    }
    folder = put(tmp_path / "m", **files)
    assert resolve_model("", folder / "net.onnx", settings).charset == ("x", "y", "z", " ")
    put(folder, net__txt="p\nq\nr\ns")
    assert resolve_model("", folder / "net.onnx", settings).charset == ("p", "q", "r", "s")
    put(folder, net__txt="p", another__txt="k\nl\nm")  # two would fit: neither is taken
    with pytest.raises(ModelError, match="has 7 characters, but the net has 5 classes"):
        resolve_model("", folder / "net.onnx", settings)


def test_sizes_that_the_file_fixes_are_known(tmp_path: Path, settings: Settings) -> None:
    det = put(tmp_path / "det", net__onnx=onnx_bytes({"maps": (-1, 1, 960, 960)}, sides=(960, 960)))
    metadata = resolve_model("", det, settings).metadata
    assert (metadata["inkline.input_height"], metadata["inkline.input_width"]) == ("960", "960")
    line = put(tmp_path / "rec", net__onnx=onnx_bytes({"y": (-1, 40, 4)}, {"character": "a\nb"}, sides=(32, 320)))
    assert resolve_model("", line, settings).options == {"text_rec_input_shape": [3, 32, 320]}
    free = put(tmp_path / "free", net__onnx=rec(4, {"character": "a\nb"}))
    assert resolve_model("", free, settings).options == {}


def test_classifiers_are_told_apart_by_their_graph(tmp_path: Path, settings: Settings) -> None:
    page = onnx_bytes({"y": (-1, 4)}, {"character": "0\n90\n180\n270"}, sides=(224, 224), convolutions=32)
    line = onnx_bytes({"y": (-1, 2)}, sides=(-1, -1), convolutions=53)
    folder = put(tmp_path / "m", page__onnx=page, line__onnx=line)
    model = resolve_model("", folder / "page.onnx", settings, "doc_orientation_classify")
    assert (model.name, model.metadata["inkline.labels"]) == ("PP-LCNet_x1_0_doc_ori", '["0", "90", "180", "270"]')
    assert resolve_model("mine", folder / "page.onnx", settings).metadata["inkline.resize"] == "center_crop"
    assert resolve_model("", folder / "line.onnx", settings).name == "ch_ppocr_mobile_v2.0_cls"


def test_charset_that_does_not_fit(tmp_path: Path, settings: Settings) -> None:
    folder = put(tmp_path / "m", net__onnx=rec(9), net__txt="a\nb\n")
    with pytest.raises(ModelError, match="has 2 characters, but the net has 9 classes, which fits a charset of 7 or"):
        resolve_model("", folder, settings)
    attention = {"character": "a\nb\nc", "inkline.decoder": "attention"}
    assert resolve_model("", put(tmp_path / "a", net__onnx=rec(5, attention)), settings).charset == ("a", "b", "c")
    with pytest.raises(ModelError, match="3 characters, the net only 2 classes"):
        resolve_model("", put(tmp_path / "b", net__onnx=rec(2, attention)), settings)


def test_charset_of_metadata_before_yml_before_txt(tmp_path: Path, settings: Settings) -> None:
    yml = "PostProcess: {name: CTCLabelDecode, character_dict: [x, y]}"
    assert resolve_model("", put(tmp_path / "1", net__onnx=rec(4), keys__txt="p\r\nq\r\n"), settings).charset == (
        "p",
        "q",
        " ",
    )
    folder = put(tmp_path / "2", inference__onnx=rec(4), inference__yml=yml, inference__txt="p\nq")
    assert resolve_model("", folder, settings).charset == ("x", "y", " ")
    folder = put(tmp_path / "3", inference__onnx=rec(4, {"character": "m\nn"}), inference__yml=yml)
    assert resolve_model("", folder, settings).charset == ("m", "n", " ")
    with pytest.raises(ModelError, match=r"no charset; put its dictionary into it as a \.txt file"):
        resolve_model("", put(tmp_path / "4", net__onnx=rec(4)), settings)


def test_lines_of_a_charset_end_only_at_newlines(tmp_path: Path, settings: Settings) -> None:
    odd = "\u2028\n\x85\n\x0b\n\u3000"
    assert resolve_model("", put(tmp_path / "m", net__onnx=rec(6), net__txt=odd), settings).charset == (
        *odd.split("\n"),
        " ",
    )


OFFICIAL = """
Global: {model_name: PP-OCRv5_mobile_det}
PreProcess:
  transform_ops:
  - DecodeImage: {channel_first: false, img_mode: BGR}
  - DetLabelEncode: null
  - DetResizeForTest: {resize_long: 960}
  - NormalizeImage: {mean: [0.4, 0.5, 0.6], std: [0.1, 0.2, 0.3], scale: 1./255., order: hwc}
  - ToCHWImage: null
PostProcess: {name: DBPostProcess, thresh: 0.2, box_thresh: 0.45, max_candidates: 3000, unclip_ratio: 1.4}
"""


def test_official_folder(tmp_path: Path, settings: Settings) -> None:
    folder = put(tmp_path / "any", inference__onnx=DET, inference__yml=OFFICIAL)
    model = resolve_model("PP-OCRv5_mobile_det", folder, settings, "text_detection")
    assert model.card is not None and model.card.name == "PP-OCRv5_mobile_det" and model.charset is None
    assert model.metadata["inkline.mean"] == "[0.4, 0.5, 0.6]" and model.metadata["inkline.postprocess"] == "db"
    assert json.loads(model.metadata["inkline.official_options"])["text_det_box_thresh"] == 0.45
    assert resolve_model("", folder, settings).name == "PP-OCRv5_mobile_det"
    assert resolve_model("", folder / "inference.onnx", settings).metadata == model.metadata
    with pytest.raises(ModelError, match="holds the model 'PP-OCRv5_mobile_det', not 'PP-OCRv6_small_det'"):
        resolve_model("PP-OCRv6_small_det", folder, settings)


def test_official_classifier_and_recogniser(tmp_path: Path, settings: Settings) -> None:
    yml = "Global: {model_name: PP-LCNet_x1_0_doc_ori}\nPostProcess: {Topk: {topk: 1, label_list: ['0', '90', '180', '270']}}"
    folder = put(tmp_path / "ori", inference__onnx=onnx_bytes({"y": (-1, 4)}, sides=(224, 224)), inference__yml=yml)
    model = resolve_model("", folder, settings, "doc_orientation_classify")
    assert json.loads(model.metadata["inkline.labels"]) == ["0", "90", "180", "270"]
    assert (model.metadata["inkline.resize"], model.metadata["inkline.input_height"]) == ("center_crop", "224")
    yml = (
        "PreProcess: {transform_ops: [{RecResizeImg: {image_shape: [3, 32, 320]}}]}\n"
        "PostProcess: {name: CTCLabelDecode, character_dict: ['1', 2, 'é', '\u3000']}"
    )
    model = resolve_model("", put(tmp_path / "rec", inference__onnx=rec(6), inference__yml=yml), settings)
    assert model.charset == ("1", "2", "é", "\u3000", " ") and model.metadata["inkline.input_height"] == "32"


@pytest.mark.parametrize(
    ("yml", "reason"),
    [
        ("a: [", "not readable as YAML"),
        ("- 1", "holds no settings"),
        ("PostProcess: {character_dict: [y, true, n]}", "character_dict holds entries that are no text"),
    ],
)
def test_broken_yml(tmp_path: Path, settings: Settings, yml: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        resolve_model("", put(tmp_path / "m", inference__onnx=rec(5), inference__yml=yml), settings)


def test_wrong_folders(tmp_path: Path, settings: Settings) -> None:
    with pytest.raises(ModelError, match="does not exist"):
        resolve_model("", tmp_path / "nowhere", settings)
    with pytest.raises(ModelError, match="holds no model"):
        resolve_model("", put(tmp_path / "empty"), settings)
    with pytest.raises(ModelError, match=r"holds 2 \.onnx files"):
        resolve_model("", put(tmp_path / "two", a__onnx=DET, b__onnx=DET), settings)
    with pytest.raises(ModelError, match=r"is not an \.onnx file"):
        resolve_model("", put(tmp_path / "x", a__pdparams=b"") / "a.pdparams", settings)
    with pytest.raises(ModelError, match="not an ONNX file"):
        resolve_model("", put(tmp_path / "y", a__onnx=b"damaged"), settings)
    with pytest.raises(ModelError, match=r"holds inference\.pdmodel but no inference\.pdiparams"):
        resolve_model("", put(tmp_path / "p", inference__pdmodel=b""), settings)


def test_model_of_another_task(tmp_path: Path, settings: Settings) -> None:
    det, two = put(tmp_path / "d", a__onnx=DET), put(tmp_path / "c", a__onnx=onnx_bytes({"y": (-1, 2)}))
    with pytest.raises(ModelError, match="holds a model for text_detection, not for text_recognition"):
        resolve_model("", det, settings, "text_recognition")
    with pytest.raises(ModelError, match="holds a model for textline_orientation, not for text_detection"):
        resolve_model("PP-OCRv6_small_det", two, settings)
    with pytest.raises(UsageError, match=r"is a model for text_detection, not for text_recognition; did you mean"):
        resolve_model("PP-OCRv6_small_det", "", settings, "text_recognition")
    with pytest.raises(UsageError, match="did you mean 'PP-OCRv6_small_det'"):
        resolve_model("PP-OCRv6_smal_det", "", settings)


def test_options_lie_in_layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    tuned = {
        "inkline.name": "mine",
        "inkline.task": "text_detection",
        "inkline.options": '{"text_det_thresh": 0.11, "text_det_box_thresh": 0.22}',
    }
    folder = str(put(tmp_path / "m", net__onnx=onnx_bytes({"y": (-1, 1, -1, -1)}, tuned)))
    options = options_for(text_detection_model_dir=folder, text_det_box_thresh=0.33)
    assert (options.detect.thresh, options.detect.box_thresh, options.detect.unclip_ratio) == (0.11, 0.33, 1.5)
    assert (options.text_detection_model_name, options.text_detection_model_dir) == ("mine", folder)
    assert options.text_recognition_model_name == "PP-OCRv6_small_rec"


def test_options_of_a_later_version_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    for text in ('{"text_det_thresh": 0.11, "text_det_magic": 1}', "{broken"):
        put(tmp_path / "m", net__onnx=onnx_bytes({"y": (-1, 1, -1, -1)}, {"inkline.options": text}))
        if text == "{broken":
            with pytest.raises(ModelError, match=r"inkline\.options is no JSON object"):
                options_for(text_detection_model_dir=str(tmp_path / "m"))
        else:
            assert options_for(text_detection_model_dir=str(tmp_path / "m")).detect.thresh == 0.11
            assert "text_det_magic" in caplog.text


def test_options_for_a_nameless_folder_take_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    folder = put(tmp_path / "my_det", net__onnx=DET)
    assert options_for(text_detection_model_dir=str(folder)).text_detection_model_name == "my_det"
    assert options_for(text_detection_model_dir=str(folder / "net.onnx")).text_detection_model_name == "net"


def test_options_for_a_language(caplog: pytest.LogCaptureFixture) -> None:
    options = options_for(lang="bal")
    assert options.text_detection_model_name == "PP-OCRv6_small_det"
    assert options.text_recognition_model_name == "perso_arabic_PP-OCRv6_small_rec"
    options = options_for(lang="bal", text_detection_model_name="ch_PP-OCRv4_det")
    assert options.text_detection_model_name == "PP-OCRv4_mobile_det"
    assert options.text_recognition_model_name == "perso_arabic_PP-OCRv6_small_rec"
    assert not caplog.text
    options_for(ocr_version="PP-OCRv3", text_detection_model_name="UVDoc", text_recognition_model_name="PP-OCRv4_mobile_rec")
    assert "choose nothing" in caplog.text
    with pytest.raises(UsageError, match="unknown option 'text_det_tresh'; did you mean 'text_det_thresh'"):
        options_for(text_det_tresh=0.1)
    with pytest.raises(UsageError, match="no model is called"):
        options_for(text_detection_model_name="PP-OCRv9_det")


def test_classifier_that_does_not_say_what_its_classes_are(tmp_path: Path, settings: Settings) -> None:
    folder = put(tmp_path / "m", inference__onnx=onnx_bytes({"y": (-1, 2)}))
    with pytest.raises(ModelError, match=r"m does not say what its classes are .* PP-LCNet_x0_25_textline_ori"):
        resolve_model("", folder, settings, "textline_orientation")
    named = resolve_model("PP-LCNet_x0_25_textline_ori", folder, settings, "textline_orientation")
    assert named.metadata["inkline.input_width"] == "160"


@pytest.mark.parametrize(
    "text, says",
    [
        ("RecResizeImg: {image_shape: []}", "image_shape: [] must be 3 or more numbers"),
        ("RecResizeImg: {image_shape: [3, wide, 320]}", "image_shape"),
        ("NormalizeImage: {mean: [2026-01-01, 0.5, 0.5]}", "mean"),
        ("NormalizeImage: {mean: [0.5], std: [[1], 2]}", "std"),
    ],
)
def test_odd_values_in_an_inference_yml_are_one_line(tmp_path, text, says):
    path = tmp_path / "inference.yml"
    path.write_text(f"PreProcess: {{transform_ops: [{{{text}}}]}}")
    with pytest.raises(ModelError) as caught:
        read_inference_yml(path)
    assert says in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "lead, options, says",
    [
        ((-1, 1), {}, "takes images of 1 channels"),
        ((-1, 4), {}, "takes images of 4 channels"),
        ((6, 3), {}, "takes 6 images at once"),
        ((1, 3), {"text_recognition_batch_size": 4}, "takes one image at once"),
    ],
)
def test_nets_of_other_inputs_are_refused_when_they_are_opened(tmp_path, lead, options, says):
    from inkline import Ocr

    path = tmp_path / "rec.onnx"
    path.write_bytes(onnx_bytes({"out": (-1, -1, 5)}, {"character": "a\nb\nc"}, lead=lead))
    with pytest.raises(ModelError, match=says) as caught:
        Ocr(text_recognition_model_dir=str(path), **options)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
