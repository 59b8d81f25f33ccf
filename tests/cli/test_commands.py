"""The command line: PaddleOCR's commands and flags, PaddleX's way of calling, help, exit codes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image, ImageDraw

from inkline.cli import COMMANDS, inkline, main
from inkline.cli.options_help import FORMATS, SECTIONS, section_of
from inkline.cli.paddle_flags import paddlex_style
from inkline.errors import UsageError
from inkline.flat import current_options
from inkline.formats.fonts import sized_font
from inkline.formats.write import WRITERS
from inkline.options import OcrOptions

NAMES = list(COMMANDS)

# Flags of each command of PaddleOCR 3.7, beside those of all.
COMMON = ["input", "save_path", "device", "engine", "enable_hpi", "use_tensorrt", "precision", "enable_mkldnn",
          "mkldnn_cache_capacity", "cpu_threads", "enable_cinn"]  # fmt: skip
DOC = ["doc_orientation_classify_model_name", "doc_orientation_classify_model_dir", "doc_unwarping_model_name",
       "doc_unwarping_model_dir", "use_doc_orientation_classify", "use_doc_unwarping", "paddlex_config"]  # fmt: skip
MODULE = ["model_name", "model_dir"]
FLAGS = {
    "ocr": [
        *DOC, "text_detection_model_name", "text_detection_model_dir", "textline_orientation_model_name",
        "textline_orientation_model_dir", "textline_orientation_batch_size", "text_recognition_model_name",
        "text_recognition_model_dir", "text_recognition_batch_size", "use_textline_orientation",
        "text_det_limit_side_len", "text_det_limit_type", "text_det_thresh", "text_det_box_thresh",
        "text_det_unclip_ratio", "text_det_input_shape", "text_rec_input_shape", "text_rec_score_thresh",
        "return_word_box", "lang", "ocr_version", "det_model_dir", "det_limit_side_len", "det_limit_type",
        "det_db_thresh", "det_db_box_thresh", "det_db_unclip_ratio", "rec_model_dir", "rec_batch_num", "use_angle_cls",
        "cls_model_dir", "cls_batch_num",
    ],
    "doc_preprocessor": DOC,
    "text_detection": [*MODULE, "limit_side_len", "limit_type", "thresh", "box_thresh", "unclip_ratio", "input_shape"],
    "text_recognition": [*MODULE, "input_shape"],
    "textline_orientation_classification": [*MODULE, "topk"],
    "doc_img_orientation_classification": [*MODULE, "topk"],
    "text_image_unwarping": MODULE,
}  # fmt: skip


def load(name: str) -> "object":
    return inkline.get_command(click.Context(inkline), name)


@pytest.mark.parametrize("name", FLAGS)
def test_every_flag_is_there(name: str) -> None:
    taken = {option.lstrip("-") for param in load(name).params for option in param.opts}  # type: ignore[attr-defined]
    assert set(COMMON) | set(FLAGS[name]) <= taken


@pytest.mark.parametrize("name", FLAGS)
def test_help_shows_examples_before_options(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help-all" if name == "ocr" else "-h"])
    text = capsys.readouterr().out
    assert text.index("Examples:") < text.index("Output:") < text.index("Running:") < text.index("Without effect")
    assert "det_db_thresh" not in text


@pytest.mark.parametrize("name", ["ocr", "run", "serve", "mcp"])
def test_help_shows_the_usual_options_and_help_all_the_rest(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help"])
    usual = capsys.readouterr().out
    main([name, "--help-all"])
    everything = capsys.readouterr().out
    assert "--use_doc_unwarping" in usual and f"inkline {name} --help-all shows all options" in usual
    for flag in ("--text_det_limit_side_len", "--ocr_version", "--text_detection_model_dir"):
        assert flag not in usual and flag in everything
    assert len(usual) < 0.6 * len(everything)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_shows_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main([name, "--help"])
    text = capsys.readouterr().out
    assert f"inkline {name} " in text.partition("Examples:")[2] or f"inkline {name}\n" in text.partition("Examples:")[2]


def test_every_option_has_a_section() -> None:
    assert list(SECTIONS)[-1] == "Other"
    for name in current_options(OcrOptions):
        assert section_of(name) != "Other", name


@pytest.mark.parametrize("name", ["data", "eval", "models", "synth"])
def test_each_command_of_a_group_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    group = inkline.get_command(click.Context(inkline), name)
    assert isinstance(group, click.Group)
    for command in group.commands:
        main([name, command, "--help"])
        examples = capsys.readouterr().out.partition("Examples:")[2]
        assert f"inkline {name} {command}" in examples, command


def test_help_names_the_formats_that_exist() -> None:
    assert ", ".join(WRITERS) == FORMATS


def test_an_option_of_a_single_model_is_shown_in_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    main(["text_detection", "-h"])
    finding = capsys.readouterr().out.partition("Finding text:")[2]
    assert "--input_shape" in finding.partition("\n\n")[0]


def test_paddlex_style() -> None:
    assert paddlex_style(["--pipeline", "OCR", "--input", "a.png"], NAMES) == ["ocr", "--print_results", "--input", "a.png"]
    assert paddlex_style(["--input=a.png", "--pipeline=OCR", "--use_hpip"], NAMES) == [
        "ocr",
        "--print_results",
        "--input",
        "a.png",
        "--use_hpip",
    ]
    style = paddlex_style(["--verbose", "--pipeline", "doc_preprocessor", "--use-doc-unwarping", "None"], NAMES)
    assert style == ["--verbose", "doc_preprocessor"]
    assert paddlex_style(["--serve", "--pipeline", "OCR", "--port", "80"], NAMES) == ["serve", "--port", "80"]
    untouched = ["ocr", "a.png", "--pipeline", "OCR"]
    assert paddlex_style(untouched, NAMES) == untouched
    with pytest.raises(UsageError, match="pipeline 'ocr' is not here: OCR and doc_preprocessor are; did you mean 'OCR'"):
        paddlex_style(["--pipeline", "ocr"], NAMES)
    with pytest.raises(UsageError, match="--pipeline needs a name"):
        paddlex_style(["--pipeline"], NAMES)


def test_pipeline_configuration(tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--get_pipeline_config", "OCR", "--save_path", str(tmp_path)])
    assert "OCR.yaml written" in capsys.readouterr().err
    main(["--pipeline", str(tmp_path / "OCR.yaml"), "--input", str(fixtures / "receipt.png"), "--cpu_threads", "1"])
    assert capsys.readouterr().out.startswith("{'res': {'input_path': '")  # as PaddleX prints


def test_calls_of_paddleocr_2x(
    tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(fixtures / "receipt.png", "a.png")
    old = ["--lang", "en", "--rec_char_type", "en", "--det-max-side-len", "1200", "--use_pdserving", "False"]
    main(["--image_dir=a.png", *old, "--det_east_score_thresh", "0.8", "--det", "true", "--cpu_threads", "1"])
    shown = capsys.readouterr()
    assert shown.out.startswith("CORNER BAKERY\n") and "`inkline serve` is the service" in shown.err
    main(["tools/infer/predict_system.py", "--image_dir", "a.png", "--use_gpu", "False", "--cpu_threads", "1"])
    assert (tmp_path / "inference_results/a_res.json").is_file()
    with pytest.raises(SystemExit):
        main(["--image_dir", "a.png", "--rec", "False"])
    assert "--rec false: `inkline text_detection -i FILE`" in capsys.readouterr().err


def test_results_go_into_the_file_that_is_named(fixtures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["text_detection", "-i", str(fixtures / "receipt.png"), "--save_path", str(tmp_path / "out/my.json")])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["my.json"]


def test_old_flags_are_remarked_upon(
    tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copyfile(fixtures / "receipt.png", "a.png")
    main(["ocr", "--image-dir", "a.png", "--det-db-thresh", "0.2", "--use_gpu=False", "--engine", "paddle",
          "--enable_hpi", "true", "--cpu_threads", "1"])  # fmt: skip
    said = capsys.readouterr().err
    assert "det_db_thresh is now text_det_thresh" in said
    assert "use_gpu=False is now device='cpu'" in said
    assert "enable_hpi=True has no effect" in said
    assert "engine='paddle': Inkline runs the same nets on ONNX Runtime" in said
    saved = json.loads((tmp_path / "inference_results/a_res.json").read_text("utf-8"))
    assert saved["text_det_params"]["thresh"] == 0.2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ocr"], "no input"),
        (["text_detection"], "no input"),
        (["ocr", "-i", "a.png", "--use_doc_unwarping", "maybe"], "neither true nor false"),
        (["ocr", "-i", "a.png", "--det_db_thresh", "0.2", "--text_det_thresh", "0.3"], "give only one of them"),
        (["ocr", "-i", "a.png", "--text_det_tresh", "0.2"], "--text_det_thresh"),
        (["text_detection", "-i", "a.png", "--thresh", "2"], "text_det_thresh=2.0: must be from 0 to 1"),
        (["text_recognition", "-i", "a.png", "--device", "gpu:x"], "device 'gpu:x'"),
        (["textline_orientation_classification", "-i", "a.png", "--topk", "0"], "topk"),
        (["--pipeline", "seal", "--input", "a.png"], "pipeline 'seal' is not here"),
        (["form.png"], "to read form.png: inkline ocr form.png"),
        (["read", "a.png"], "`inkline ocr FILE` reads images"),
        (["text_recognition", "-i", "a.png", "--model_name", "PP-OCRv6_smal_rec"], "did you mean 'PP-OCRv6_small_rec'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    said = capsys.readouterr().err
    assert stopped.value.code == 2 and message in said and said.count("\n") == 1


def test_suggestions_are_of_the_same_kind(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["ocr", "a.png", "--text_recognition_model_name", "PP-OCRv5_server"])
    assert "_rec'" in (said := capsys.readouterr().err) and "_det'" not in said


@pytest.mark.parametrize("arguments", [["ocr", "SAMPLE", "--format", "md", "--tier", "fast"], ["models", "list"]])
def test_an_output_that_cannot_be_written_is_an_error(arguments: list[str], fixtures: Path) -> None:
    words = " ".join(arguments).replace("SAMPLE", str(fixtures / "receipt.png"))
    for output in ("> /dev/full", ">&-"):
        command = f"{sys.executable} -m inkline {words} {output}"
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
        assert done.returncode == 1 and "standard output cannot be written" in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_tables_of_several_documents_have_one_heading(fixtures: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    receipt = str(fixtures / "receipt.png")
    main(["ocr", receipt, receipt, "--format", "csv", "--quiet", "--cpu_threads", "1"])
    rows = capfdbinary.readouterr().out.splitlines()
    assert len(rows) == 37 and sum(row.startswith(b"source,page") for row in rows) == 1


def test_a_bad_input_does_not_stop_the_others(tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.png").write_bytes(b"x")
    shutil.copyfile(fixtures / "receipt.png", tmp_path / "good.png")
    with pytest.raises(SystemExit) as stopped:
        main(["text_detection", "-i", str(tmp_path), "--save_path", str(tmp_path / "out"), "--json"])
    shown = capsys.readouterr()
    assert stopped.value.code == 1 and "bad.png" in shown.err
    assert len(json.loads(shown.out)["dt_scores"]) == 18
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"good_res.json", "good_res.png"}


def test_a_document_that_a_format_cannot_hold_does_not_stop_the_others(
    tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pikepdf

    with pikepdf.new() as pdf:
        pdf.add_blank_page(page_size=(60, 60)).obj.AA = pikepdf.Dictionary(
            O=pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="1")
        )
        pdf.save(tmp_path / "script.pdf")
    inputs = [str(tmp_path / "script.pdf"), str(fixtures / "receipt.png")]
    with pytest.raises(SystemExit) as ended:
        main(["ocr", *inputs, "--save_path", str(tmp_path / "out"), "--format", "pdf,md", "--pdfa", "true"])
    said = capsys.readouterr().err
    assert ended.value.code == 1 and "1 input could not be read or written" in said
    assert "script.pdf: cannot be PDF/A-2b: it holds a JavaScript action" in said
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"script_res.md", "receipt_res.pdf", "receipt_res.md"}


def test_gpu_that_is_not_there(fixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine's ONNX Runtime has CUDA")
    for command in ("ocr", "text_detection"):
        with pytest.raises(SystemExit) as stopped:
            main([command, "-i", str(fixtures / "receipt.png"), "--device", "gpu:0", "--engine", "onnxruntime"])
        assert stopped.value.code == 1 and "device 'gpu:0'" in capsys.readouterr().err


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from inkline.cli import main\n"
        "for c in ('ocr', 'text_detection', 'doc_preprocessor'): main([c, '-h'])\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'numpy', 'cv2', 'onnxruntime', 'openvino', 'torch'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_set_in_another_script_is_scored_with_its_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "Счёт от пятого мая"
    image = Image.new("RGB", (640, 120), "white")
    ImageDraw.Draw(image).text((30, 30), text, font=sized_font(text, 40), fill="black")
    image.save(tmp_path / "page.png")
    row = {"image": "page.png", "lines": [{"text": text, "points": None}]}
    (tmp_path / "labels.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert main(["eval", "ocr", str(tmp_path), "--lang", "ru", "--json", "--cpu_threads", "1"]) in (0, None)
    scores = json.loads(capsys.readouterr().out)
    assert scores["tok_f1"] == 1.0 and "det_h" not in scores


def test_scoring_without_its_package_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("rapidfuzz", "rapidfuzz.distance"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit) as ended:
        main(["eval", "ocr", str(tmp_path / "missing")])
    err = capsys.readouterr().err
    assert ended.value.code == 2 and "need rapidfuzz: pip install" in err and "labels" not in err
