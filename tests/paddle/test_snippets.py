"""The snippets of PaddleOCR's documents run as they stand, with only the names changed."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from snippets import PYTHON, SHELL

from inkline.cli import main
from inkline.registry.onnx_file import METADATA, protobuf_field

pytestmark = pytest.mark.slow

FOLDERS = ("ch_det_mv3_db", "ch_rec_mv3_crnn", "ch_det_r50_vd_db", "ch_rec_r34_vd_crnn")
PAGES = ("general_ocr_002.png", "general_ocr.png", "MDydp3KQQXvS3lTrNKVcc.png", "3ul2Rq4Sk5Cn-l69D695U.png")
LINE = "W_burWoWRF52gAT0sF13x.png"


@pytest.fixture
def place(
    tmp_path: Path, fixtures: Path, weights: dict[str, Path], named_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder with the files that the snippets name: pages, a line, model folders."""
    from PIL import Image

    for name in (*PAGES, "doc/imgs/11.jpg"):
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".jpg":
            Image.open(fixtures / "receipt.png").convert("RGB").save(target)
        else:
            shutil.copyfile(fixtures / "receipt.png", target)
    Image.open(fixtures / "receipt.png").crop((80, 66, 320, 106)).save(tmp_path / LINE)
    for name in FOLDERS:
        folder = tmp_path / "inference" / name
        folder.mkdir(parents=True)
        model = weights["det" if "_det_" in name else "rec"].read_bytes()
        # The nets of 2020 read lines 32 px high and say so by their names; this stand-in says that it reads 48 px.
        height = protobuf_field(1, b"inkline.input_height") + protobuf_field(2, b"48")
        (folder / f"{name}.onnx").write_bytes(model + protobuf_field(METADATA, height))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("name", "source", "command"), SHELL, ids=[row[0] for row in SHELL])
def test_shell_snippet(name: str, source: str, command: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "inkline"
    main(arguments)
    output = capsys.readouterr().out
    written = {path.name for path in place.rglob("*_res.json")}
    if arguments[0] == "text_recognition":
        assert "'rec_text': '12 Mill Lane, Ashford'" in output
        assert not written
    elif arguments[0] == "text_detection":
        assert output.startswith("{'res': {'input_path': '3ul2Rq4Sk5Cn-l69D695U.png', 'page_index': None, 'dt_polys':")
        assert not written
    else:
        folder = place / ("inference_results" if "2020" in name else "output")
        (result,) = folder.glob("*_res.json")
        assert "CORNER BAKERY" in json.loads(result.read_text(encoding="utf-8"))["rec_texts"]
        (picture,) = folder.glob("*_ocr_res_img.*")
        assert picture.stat().st_size > 1000


@pytest.mark.parametrize(("name", "source", "program"), PYTHON, ids=[row[0] for row in PYTHON])
def test_python_snippet(name: str, source: str, program: str, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(program, source, "exec"), {"__name__": "__main__"})
    output = capsys.readouterr().out
    assert output.startswith("{'res': {'input_path': ")
    written = {path.name for path in (place / "output").iterdir()}
    expected = {
        "rec-card-module": {"res.json", "W_burWoWRF52gAT0sF13x_res.png"},
        "det-card-module": {"res.json", "3ul2Rq4Sk5Cn-l69D695U_res.png"},
        "rec-card-pipeline": {"MDydp3KQQXvS3lTrNKVcc_res.json", "MDydp3KQQXvS3lTrNKVcc_ocr_res_img.png"},
        "det-card-pipeline": {"general_ocr_res.json", "general_ocr_ocr_res_img.png"},
        "paddlex-pipeline": {"general_ocr_002_res.json", "general_ocr_002_ocr_res_img.png"},
    }
    assert written == expected[name]
