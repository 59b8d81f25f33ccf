"""The command line, as a user types it."""

import errno
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from inkline import cli
from inkline.cli.ocr_command import Failures, ResultWriter
from inkline.options import PdfOptions
from inkline.types import Page

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = str(ROOT / "examples/sample.png")
ALONE = ("--engine", "onnxruntime", "--cpu_threads", "1")  # OpenVINO would compile its nets for each size of picture
RECEIPT = str(ROOT / "tests/fixtures/receipt.png")  # a smaller page


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit status and what it printed."""

    returncode: int
    output: bytes
    stderr: str

    @property
    def stdout(self):
        return self.output.decode()


@pytest.fixture
def run(capfdbinary, monkeypatch):
    """The command line in this process, whose start `test_text_goes_to_standard_output_and_nothing_else` tests."""
    monkeypatch.chdir(ROOT)

    def call(*arguments):
        capfdbinary.readouterr()
        try:
            cli.main(list(map(str, arguments)))
            status = 0
        except SystemExit as end:
            status = end.code or 0
        output, errors = capfdbinary.readouterr()
        return Ended(status, output, errors.decode())

    return call


def test_text_goes_to_standard_output_and_nothing_else():
    command = [sys.executable, "-m", "inkline", "ocr", RECEIPT]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0 and done.stderr == ""
    assert "CORNER BAKERY" in done.stdout


@pytest.mark.slow
def test_files_have_the_names_of_the_field(tmp_path, run):
    done = run("ocr", RECEIPT, "--save-path", tmp_path / "out", "--format", "json,txt,img")
    assert done.returncode == 0 and done.stdout == ""
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "receipt_res.json",
        "receipt_res.txt",
        "receipt_ocr_res_img.png",
    }
    result = json.loads((tmp_path / "out/receipt_res.json").read_text("utf-8"))
    assert result["input_path"] == RECEIPT and len(result["rec_texts"]) == len(result["rec_polys"]) > 10


@pytest.mark.slow
def test_json_lines_standard_input_and_options(tmp_path):
    command = [
        sys.executable,
        "-m",
        "inkline",
        "ocr",
        "-",
        "--json",
        "--text-det-thresh",
        "0.2",
        "--return_word_box",
        "true",
    ]
    with open(RECEIPT, "rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, cwd=ROOT, timeout=120)
    (line,) = done.stdout.decode().splitlines()
    page = json.loads(line)
    assert page["text_det_params"]["thresh"] == 0.2 and page["return_word_box"] and page["text_word"]


def test_a_format_without_a_folder_goes_to_standard_output(tmp_path, run, monkeypatch):
    done = run("ocr", RECEIPT, "--format", "jsonl", "--quiet")
    assert "CORNER BAKERY" in json.loads(done.stdout)["rec_texts"] and not done.stderr
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    shown = run("ocr", RECEIPT, "--format", "pdf")
    assert shown.returncode == 2 and "no text for a terminal; give --save_path" in shown.stderr and not shown.output
    monkeypatch.undo()
    refused = run("ocr", RECEIPT, "--format", "json,md")
    assert refused.returncode == 2 and "several formats need a folder; give --save_path" in refused.stderr
    other = tmp_path / "other.png"
    other.write_bytes(Path(RECEIPT).read_bytes())
    named = run("ocr", RECEIPT, other).stdout.splitlines()
    assert named[0] == f"==> {RECEIPT} <==" and named[named.index(f"==> {other} <==") - 1 :][:1] == [""]
    assert sum(line.startswith("CORNER") for line in named) == 2
    both = run("ocr", RECEIPT, other, "--format", "md", "--quiet")
    assert both.stdout.count("\n\nCORNER") == 1  # an empty line between two documents
    pictures = run("ocr", RECEIPT, other, "--format", "img")
    assert pictures.returncode == 2 and "more than one does not go to standard output" in pictures.stderr
    assert pictures.output.startswith(b"\x89PNG")


def test_a_folder_with_bad_files_is_read_to_its_end(tmp_path, run):
    scans = tmp_path / "scans"
    scans.mkdir()
    cv2.imwrite(str(scans / "a.png"), np.full((60, 80, 3), 255, np.uint8))
    (scans / "b.png").write_bytes(b"nothing")
    cv2.imwrite(str(scans / "c.png"), np.full((60, 80, 3), 255, np.uint8))
    done = run("ocr", scans, "--save_path", tmp_path / "out", "--format", "json")
    assert done.returncode == 1
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"a_res.json", "c_res.json"}
    assert "b.png" in done.stderr and "1 input could not be read" in done.stderr and "Traceback" not in done.stderr
    # The same folder for the results: the next command does not read those.
    (scans / "b.png").unlink()
    for named in ("", "a_ocr_res_img.png, a_res.pdf, c_ocr_res_img.png"):
        done = run("ocr", scans, "--save_path", scans, "--format", "img,pdf")
        assert done.returncode == 0 and "2 pages read" in done.stderr and len(list(scans.iterdir())) == 6
        assert f"results of an earlier command in {scans} not read ({named}" in done.stderr or not named
    # A file that only is called like one, of which nothing else is there, is read.
    (scans / "exam_ocr_res_img.png").write_bytes((scans / "c.png").read_bytes())
    assert "3 pages read" in run("ocr", scans, "--save_path", scans, "--format", "txt").stderr
    assert "1 page read" in run("ocr", scans / "c_ocr_res_img.png", "--save_path", scans, "--format", "txt").stderr


def test_files_of_the_same_name_are_listed(tmp_path, capsys):
    def page(source):
        return Page((), (9, 9), source=source)

    writer = ResultWriter(str(tmp_path), ("json", "txt"), PdfOptions(), Failures())
    assert len(list(writer.written(map(page, ["a/x.png", "b/y.png"])))) == 2
    writer.tell_names()
    assert not (tmp_path / "names.tsv").exists() and capsys.readouterr().err == ""
    writer = ResultWriter(str(tmp_path), ("json", "txt"), PdfOptions(), Failures())
    assert len(list(writer.written(map(page, ["a/x.png", "b/x.png", "b/x.jpg"])))) == 3
    writer.tell_names()
    told = capsys.readouterr().err
    assert "some inputs have the same name" in told and "names.tsv" in told and "(b/x.png: x.png_res.txt)" in told
    rows = [row.split("\t") for row in (tmp_path / "names.tsv").read_text().splitlines()]
    assert rows[0] == ["input", "file"] and ["b/x.jpg", "x.jpg_res.json"] in rows and len(rows) == 7
    assert all((tmp_path / name).exists() for _, name in rows[1:])
    # A later command writes one of them anew.
    writer = ResultWriter(str(tmp_path), ("txt",), PdfOptions(), Failures())
    assert len(list(writer.written(map(page, ["c/x.png"])))) == 1
    later = [row.split("\t") for row in (tmp_path / "names.tsv").read_text().splitlines()]
    assert ["c/x.png", "x_res.txt"] in later and ["a/x.png", "x_res.txt"] not in later and len(later) == 7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ocr"], "no input"),
        (["orc", SAMPLE], "did you mean 'ocr'"),
        (["ocr", SAMPLE, "--text_det_tresh", "0.3"], "--text_det_thresh"),
        (["ocr", SAMPLE, "--text_det_thresh", "2"], "must be from 0 to 1"),
        (["ocr", SAMPLE, "--use_textline_orientation", "maybe"], "neither true nor false"),
        (["ocr", SAMPLE, "--lang", "klingon"], "klingon"),
        (["ocr", SAMPLE, "--format", "jsn", "--save_path", "x"], "did you mean 'json'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(arguments, message, run):
    done = run(*arguments)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_a_device_that_is_not_there_is_an_error(run):
    done = run("ocr", SAMPLE, "--device", "gpu:0")
    assert done.returncode == 1 and "gpu:0" in done.stderr and "Traceback" not in done.stderr


def test_help_is_there_with_examples(run):
    assert "ocr" in run("--help").stdout
    help = run("ocr", "--help").stdout
    assert "Examples:" in help and "--help-all shows all options" in help and "inkline ocr scans/" in help
    assert run("--version").stdout.startswith("inkline")
    assert run().returncode == 2


@pytest.mark.slow
def test_every_bad_input_is_answered_as_the_manifest_asks(shared, tmp_path):
    """One process over all cases: no traceback, no hang, the expected texts found, the bad ones named."""
    folder = shared / "data/bad-input"
    cases = [json.loads(row) for row in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    paths = [str(folder / case["file"]) for case in cases]
    command = [sys.executable, "-m", "inkline", "ocr", "--json", "--tier", "fast", *ALONE, "--", *paths]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=280)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    texts: dict[str, list[str]] = {}
    for row in done.stdout.splitlines():
        page = json.loads(row)
        texts.setdefault(page["input_path"], []).append(" ".join(page["rec_texts"]).casefold())
    for case, path in zip(cases, paths, strict=True):
        expect, read = case["expect"], texts.get(path)
        if expect == "error":
            assert read is None and path in done.stderr, path
        if expect == "text":
            assert read is not None and len(read) == max(case["pages"], 1), path
            found = [word for word in case["contains"] if word in read[0]]
            assert len(found) >= 0.6 * len(case["contains"]), (path, read)
        if expect == "empty":
            assert read == [""], (path, read)
        if expect == "empty-ish":
            assert read is not None and len(read[0]) < 30, (path, read)
        assert read is not None or path in done.stderr, f"{path}: silence"


@pytest.mark.slow
def test_a_searchable_pdf_of_an_image(tmp_path, run):
    import pypdfium2

    done = run("ocr", RECEIPT, "--save_path", tmp_path, "--format", "pdf", "--pdfa", "true")
    assert done.returncode == 0, done.stderr
    with pypdfium2.PdfDocument(tmp_path / "receipt_res.pdf") as pdf:
        assert "CORNER BAKERY" in pdf[0].get_textpage().get_text_bounded()
    assert b"pdfaid" in (tmp_path / "receipt_res.pdf").read_bytes()


@pytest.mark.parametrize(
    "error, lacking",
    [
        (MemoryError(), "MemoryError"),
        (ImportError("libaom.so.3: failed to map segment from shared object"), "failed to map segment"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (OSError(errno.EAGAIN, "Resource temporarily unavailable", "file"), "Resource temporarily unavailable"),
    ],
)
def test_limits_of_the_system_are_one_line(error, lacking, monkeypatch, capsys):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(cli.inkline, "main", broken)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["doctor"])
    err = capsys.readouterr().err
    assert stopped.value.code == 1 and err.count("\n") == 1 and lacking in err and "ulimit" in err
    # Mistakes of ours are not hidden.
    error = ImportError("no name 'x'")
    with pytest.raises(ImportError):
        cli.main(["doctor"])
