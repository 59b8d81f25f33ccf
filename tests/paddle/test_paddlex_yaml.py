"""PaddleX's YAML to options and back."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from inkline.errors import UsageError
from inkline.flat import apply
from inkline.options import OcrOptions, ServeOptions
from inkline.paddle.paddlex_yaml import config_options, read_config, serving_options, to_config, write_config

# The structure of OCR.yaml in PaddleX 3.7.
OCR: dict[str, Any] = {
    "pipeline_name": "OCR",
    "text_type": "general",
    "use_doc_preprocessor": True,
    "use_textline_orientation": True,
    "SubPipelines": {
        "DocPreprocessor": {
            "pipeline_name": "doc_preprocessor",
            "use_doc_orientation_classify": True,
            "use_doc_unwarping": False,
            "SubModules": {
                "DocOrientationClassify": {
                    "module_name": "doc_text_orientation",
                    "model_name": "PP-LCNet_x1_0_doc_ori",
                    "model_dir": None,
                },
                "DocUnwarping": {"module_name": "image_unwarping", "model_name": "UVDoc", "model_dir": None},
            },
        }
    },
    "SubModules": {
        "TextDetection": {
            "module_name": "text_detection",
            "model_name": "PP-OCRv6_medium_det",
            "model_dir": None,
            "limit_side_len": 64,
            "limit_type": "min",
            "max_side_limit": 4000,
            "thresh": 0.3,
            "box_thresh": 0.6,
            "unclip_ratio": 1.5,
        },
        "TextLineOrientation": {
            "module_name": "textline_orientation",
            "model_name": "PP-LCNet_x1_0_textline_ori",
            "model_dir": None,
            "batch_size": 6,
        },
        "TextRecognition": {
            "module_name": "text_recognition",
            "model_name": "PP-OCRv6_medium_rec",
            "model_dir": None,
            "batch_size": 6,
            "score_thresh": 0.0,
        },
    },
}


def test_reads_ocr_yaml(tmp_path: Path) -> None:
    path = tmp_path / "OCR.yaml"
    path.write_text(yaml.safe_dump(OCR), encoding="utf-8")
    assert config_options(read_config(path)) == {
        "use_textline_orientation": True,
        "use_doc_orientation_classify": True,
        "use_doc_unwarping": False,
        "doc_orientation_classify_model_name": "PP-LCNet_x1_0_doc_ori",
        "doc_unwarping_model_name": "UVDoc",
        "text_detection_model_name": "PP-OCRv6_medium_det",
        "text_det_limit_side_len": 64,
        "text_det_limit_type": "min",
        "text_det_max_side_limit": 4000,
        "text_det_thresh": 0.3,
        "text_det_box_thresh": 0.6,
        "text_det_unclip_ratio": 1.5,
        "textline_orientation_model_name": "PP-LCNet_x1_0_textline_ori",
        "textline_orientation_batch_size": 6,
        "text_recognition_model_name": "PP-OCRv6_medium_rec",
        "text_recognition_batch_size": 6,
        "text_rec_score_thresh": 0.0,
    }


@pytest.mark.parametrize(
    ("whole", "part", "expected"),
    [
        (False, True, (False, False)),
        (True, None, (True, True)),
        (True, False, (False, True)),
        (None, True, (True, None)),
    ],
)
def test_use_doc_preprocessor(whole: bool | None, part: bool | None, expected: tuple[bool | None, bool | None]) -> None:
    said = {} if part is None else {"use_doc_orientation_classify": part}
    config: dict[str, Any] = {"SubPipelines": {"DocPreprocessor": said}}
    if whole is not None:
        config["use_doc_preprocessor"] = whole
    options = config_options(config)
    assert (options.get("use_doc_orientation_classify"), options.get("use_doc_unwarping")) == expected


def test_doc_preprocessor_yaml() -> None:
    options = config_options(OCR["SubPipelines"]["DocPreprocessor"])
    assert options["use_doc_orientation_classify"] is True and options["use_doc_unwarping"] is False


def test_there_and_back(tmp_path: Path) -> None:
    options = apply(OcrOptions(), text_det_thresh=0.0, use_doc_unwarping=True, text_rec_input_shape=[3, 48, 320])
    write_config(to_config(options), tmp_path / "x.yaml")
    again = apply(OcrOptions(), **config_options(read_config(tmp_path / "x.yaml")))
    assert again == options
    write_config(to_config(options, "doc_preprocessor"), tmp_path / "doc.yaml")
    assert config_options(read_config(tmp_path / "doc.yaml"))["use_doc_unwarping"] is True


def test_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"unknown key SubModules.TextDetection.tresh; did you mean 'thresh'"):
        config_options({"SubModules": {"TextDetection": {"tresh": 0.2}}})
    with pytest.raises(UsageError, match="pipeline 'seal_recognition' is not here"):
        config_options({"pipeline_name": "seal_recognition"})
    with pytest.raises(UsageError, match="only general text"):
        config_options({"text_type": "seal"})
    with pytest.raises(UsageError, match="cannot be read"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UsageError, match="not YAML"):
        read_config(tmp_path / "bad.yaml")


def test_the_service_obeys_its_section_or_says_that_it_does_not() -> None:
    section: dict[str, Any] = {"visualize": False, "extra": {"max_num_input_imgs": 3, "max_output_img_size": [1000, 800]}}
    assert serving_options({"Serving": section}) == {"visualize": False, "max_pages": 3, "max_output_side": 1000}
    assert serving_options({"Serving": {"extra": {"max_num_input_imgs": None}}}) == serving_options({}) == {}
    for wrong in ({"extra": {"file_storage": "bos"}}, {"return_urls": True}, 3):
        with pytest.raises(UsageError, match="is not known here"):
            serving_options({"Serving": wrong})
    assert apply(ServeOptions(), **serving_options({"Serving": section})).max_pages == 3
