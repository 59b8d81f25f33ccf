"""The plug-in under the real OCRmyPDF, beside its Tesseract engine on the same pages."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inkline.types import Document
from tests.fixtures.draw import LETTER, RECEIPT, letter, receipt
from tests.formats.pdf_readers import pdfium_text, poppler_text, poppler_words, render

pytest.importorskip("ocrmypdf")
pytest.importorskip("pikepdf")

from ocrmypdf._defaults import DEFAULT_ROTATE_PAGES_THRESHOLD
from ocrmypdf.exceptions import BadArgsError

from inkline.integrations import ocrmypdf as plugin
from inkline.languages import LANGUAGES, canonical

ROOT = Path(__file__).resolve().parents[2]
DPI = 150
TEXT = " ".join(" ".join(row) for row in RECEIPT) + " " + " ".join(LETTER)


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pages without text: a receipt and a letter."""
    path = tmp_path_factory.mktemp("scan") / "scan.pdf"
    receipt().convert("RGB").save(path, save_all=True, append_images=[letter()], resolution=DPI)
    return path


@pytest.fixture(scope="module")
def searchable(scan: Path) -> Path:
    """The same with Inkline's text layer, and the text beside it in a file of that name."""
    path = scan.with_name("searchable.pdf")
    done = with_inkline("--sidecar", path.with_suffix(".txt"), scan, path)
    assert done.returncode == 0, done.stderr
    return path


def ocrmypdf(*arguments: object, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run OCRmyPDF's command; `path` replaces the search path of programs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if path is not None:
        environment["PATH"] = path
    command = [
        sys.executable,
        "-m",
        "ocrmypdf",
        "--output-type",
        "pdf",
        "--optimize",
        "0",
        "--jobs",
        "1",
        *map(str, arguments),
    ]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)


def with_inkline(*arguments: object, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return ocrmypdf("--plugin", "inkline.ocrmypdf_plugin", *arguments, path=path)


def words_found(path: Path) -> float:
    """The share of the pages' words that PDFium reads."""
    found = re.findall(r"\w+", pdfium_text(path, 0) + " " + pdfium_text(path, 1))
    wanted = re.findall(r"\w+", TEXT)
    return sum(word in found for word in wanted) / len(wanted)


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["auto", "fpdf2"])
def test_pages_become_searchable_and_look_the_same(renderer: str, scan: Path, searchable: Path, tmp_path: Path) -> None:
    out = searchable
    if renderer != "auto":
        out = tmp_path / "out.pdf"
        done = with_inkline("--pdf-renderer", renderer, "--sidecar", tmp_path / "out.txt", scan, out)
        assert done.returncode == 0, done.stderr
    sidecar = out.with_suffix(".txt")
    assert words_found(out) > 0.95
    assert "CORNER BAKERY" in sidecar.read_text() and "Kind regards," in sidecar.read_text()
    for page in range(2):
        np.testing.assert_array_equal(render(out, page, 1.5), render(scan, page, 1.5))
    word = next(w for w in poppler_words(out) if w.text == "BAKERY")
    assert word.box[1] == pytest.approx(40 * 72 / DPI, abs=6)


@pytest.mark.slow
def test_as_good_as_its_tesseract_engine(scan: Path, searchable: Path, tmp_path: Path) -> None:
    """On the same pages: no fewer words, no larger files."""
    if shutil.which("tesseract") is None:
        pytest.skip("tesseract is not installed (tesseract-ocr)")
    theirs = tmp_path / "theirs.pdf"
    done = ocrmypdf(scan, theirs)
    assert done.returncode == 0, done.stderr
    assert words_found(searchable) >= words_found(theirs)
    assert searchable.stat().st_size <= theirs.stat().st_size


@pytest.mark.slow
def test_tesseract_need_not_be_installed(scan: Path, tmp_path: Path) -> None:
    done = with_inkline("--pages", "1", scan, tmp_path / "out.pdf", path=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "BAKERY" in pdfium_text(tmp_path / "out.pdf")


@pytest.mark.slow
def test_skewed_pages_are_set_straight(tmp_path: Path) -> None:
    turned = letter().rotate(3, Image.Resampling.BICUBIC, expand=True, fillcolor="white")
    turned.save(tmp_path / "in.pdf", resolution=DPI)
    done = with_inkline("--deskew", tmp_path / "in.pdf", tmp_path / "out.pdf")
    assert done.returncode == 0, done.stderr
    words = [w for w in poppler_words(tmp_path / "out.pdf") if w.text in ("Dear", "Whitfield,")]
    assert len(words) == 2
    assert words[0].box[3] == pytest.approx(words[1].box[3], abs=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("renderer", "draw", "in_order"),
    [
        ("auto", letter, ("Dear Ms Whitfield", "Jonas Hartmann")),
        ("fpdf2", receipt, ("CORNER BAKERY", "Cinnamon roll", "Thank you!")),
    ],
)
def test_turned_pages_come_out_upright(
    renderer: str, draw: Callable[[], Image.Image], in_order: tuple[str, ...], tmp_path: Path
) -> None:
    """A page at four turns: each is shown as it was drawn, and its text is found in order and with its spaces."""
    wanted = draw().convert("RGB")
    turned = [wanted.rotate(-clockwise, expand=True) for clockwise in (0, 90, 180, 270)]
    turned[0].save(tmp_path / "in.pdf", save_all=True, append_images=turned[1:], resolution=DPI, quality=95)
    done = with_inkline("--rotate-pages", "--pdf-renderer", renderer, "--jobs", "2", tmp_path / "in.pdf", tmp_path / "out.pdf")
    assert done.returncode == 0, done.stderr
    texts = poppler_text(tmp_path / "out.pdf").split("\f")
    for number in range(4):
        shown = Image.fromarray(render(tmp_path / "out.pdf", number, DPI / 72)[:, :, ::-1]).convert("L")
        assert abs(shown.width - wanted.width) <= 1 and abs(shown.height - wanted.height) <= 1
        difference = np.asarray(shown.resize(wanted.size), float) - np.asarray(wanted.convert("L"), float)
        assert np.abs(difference).mean() < 4, number
        found, at = " ".join(texts[number].split()), -1
        for text in in_order:
            at = found.index(text, at + 1)


@pytest.mark.slow
def test_text_that_was_there_is_read_anew(searchable: Path, tmp_path: Path) -> None:
    done = with_inkline("--redo-ocr", searchable, tmp_path / "twice.pdf")
    assert done.returncode == 0, done.stderr
    assert words_found(tmp_path / "twice.pdf") > 0.95
    assert pdfium_text(tmp_path / "twice.pdf").count("BAKERY") == 1


@pytest.mark.slow
def test_cleaned_pages_are_read(scan: Path, tmp_path: Path) -> None:
    if shutil.which("unpaper") is None:
        pytest.skip("unpaper is not installed")
    done = with_inkline("--clean", "--deskew", "--rotate-pages", scan, tmp_path / "out.pdf")
    assert done.returncode == 0, done.stderr
    assert words_found(tmp_path / "out.pdf") > 0.95


WRONG_OPTIONS = {
    ("--inkline-option", "text_det_tresh=0.2"): "text_det_thresh",
    ("--inkline-option", "text_det_thresh"): "NAME=VALUE",
    ("--inkline-option", "text_det_thresh=2"): "from 0 to 1",
    ("-l", "rus+ara"): "no recogniser of Inkline reads all of these",
}
RUN_EACH = """
import json, sys
from ocrmypdf.__main__ import run
for arguments in json.loads(sys.argv[1]):
    print(f"exit {int(run(arguments))}", file=sys.stderr, flush=True)
"""


def test_wrong_options_are_told_in_a_line(scan: Path, tmp_path: Path) -> None:
    """All in one process, as OCRmyPDF takes long to start."""
    plug = ["--plugin", "inkline.ocrmypdf_plugin"]
    each = [[*plug, *wrong, str(scan), str(tmp_path / "out.pdf")] for wrong in WRONG_OPTIONS]
    command = [sys.executable, "-c", RUN_EACH, json.dumps(each)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280)
    said = done.stderr.split("exit 1\n")
    assert len(said) == len(WRONG_OPTIONS) + 1 and "Traceback" not in done.stderr, done.stderr
    for wrong, lines in zip(WRONG_OPTIONS, said, strict=False):
        assert WRONG_OPTIONS[wrong] in lines, (wrong, lines)


def test_every_code_of_tesseract_means_a_language() -> None:
    codes = (  # noqa: SIM905
        "eng deu fra spa por ita nld pol ces slk slv hrv bos hun ron dan swe nor fin isl est lav lit sqi tur aze uzb ind msa "
        "fil tgl vie swa afr cym gle mlt oci lat mri cat eus glg ltz que kmr chi_sim chi_tra jpn kor tha ell tel tam kan rus "
        "bel ukr bul srp srp_latn mkd mon kaz kir tgk tat ara fas uig urd pus snd hin mar nep san heb epo bre yid "
        "sin khm lao mya amh tir"
    ).split()
    known = plugin.InklineEngine.languages(None)
    assert known.issuperset(codes) and not known & {"ori", "bod"}
    assert [canonical(code) for code in ("jpn", "chi_tra", "srp_latn")] == ["japan", "chinese_cht", "rs_latin"]


@pytest.mark.parametrize(
    ("codes", "lang"),
    [
        (["eng"], "en"),
        (["deu", "fra"], "de"),
        (["eng", "chi_sim"], "ch"),
        (["jpn_vert"], "japan"),
        (["ara", "eng", "fra"], "ar"),
        (["de"], "de"),
        (["deu_frak"], "de"),
    ],
)
def test_languages_choose_a_recogniser(codes: list[str], lang: str) -> None:
    found = plugin.language_of(codes)
    assert LANGUAGES[canonical(found)].group == LANGUAGES[lang].group


@pytest.mark.parametrize("codes", [["rus", "ara"], ["xyz"]])
def test_languages_without_a_recogniser_are_refused(codes: list[str]) -> None:
    with pytest.raises(BadArgsError):
        plugin.language_of(codes)


@pytest.mark.parametrize("degrees", [-4.0, 0.0, 2.5])
def test_skew_is_that_of_the_long_lines(degrees: float) -> None:
    from tests.io.sample import turned

    quads = [turned(50, 100 + 40 * i, 600, 24, degrees) for i in range(9)] + [turned(50, 500, 30, 24, 30)]
    assert plugin.skew(np.stack(quads)) == pytest.approx(degrees, abs=0.01)
    assert plugin.skew(np.zeros((0, 4, 2), np.float32)) == 0


def options(**values: Any) -> Any:
    """What of OCRmyPDF's options the engine looks at."""
    given = {"languages": ["eng"], "ocr_engine": "auto", "rotate_pages": True, "extra_attrs": {}}
    return SimpleNamespace(inkline=plugin.InklineOptions(threads=1), **(given | values))


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
@pytest.mark.parametrize("page", [receipt, letter])
def test_orientation_is_how_far_a_page_is_turned_clockwise(page: Any, clockwise: int, tmp_path: Path) -> None:
    page().rotate(-clockwise, expand=True).save(tmp_path / "page.png")
    found = plugin.InklineEngine.get_orientation(tmp_path / "page.png", options())
    assert found.angle == clockwise and found.confidence >= DEFAULT_ROTATE_PAGES_THRESHOLD


def test_threads_share_one_ocr() -> None:
    with ThreadPoolExecutor(8) as pool:
        opened = set(pool.map(lambda _: plugin._shared_ocr(options()), range(8)))
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("jobs", "use_threads", "granted"), [(None, True, 4), (3, True, 3), (None, False, 2), (1, True, 1), (9, True, 4)]
)
def test_jobs_are_shared_not_multiplied(
    jobs: int | None, use_threads: bool, granted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pages on four processors: worker threads share one `Ocr`, processes have one each."""
    monkeypatch.setattr(plugin, "OcrOptions", lambda: SimpleNamespace(engine=SimpleNamespace(cpu_threads=4)))
    chosen = options(jobs=jobs, use_threads=use_threads)
    plugin.validate([1, 2], chosen)
    assert chosen.inkline.threads == chosen.extra_attrs["inkline_threads"] == granted


def test_hocr_and_elements_hold_the_same_words(ocr: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of handing a page to OCRmyPDF, and the engine itself, give one text."""
    from ocrmypdf.hocrtransform.hocr_parser import HocrParser

    receipt().save(tmp_path / "page.png", dpi=(DPI, DPI))
    page = ocr(tmp_path / "page.png", return_word_box=True)
    monkeypatch.setattr(plugin, "_read", lambda image, options: page)
    engine = plugin.InklineEngine()
    engine.generate_hocr(tmp_path / "page.png", tmp_path / "page.hocr", tmp_path / "page.txt", options())
    parsed = HocrParser(tmp_path / "page.hocr").parse()
    tree, text = engine.generate_ocr(tmp_path / "page.png", options(), 4)
    words = [word.text for word in tree.iter_by_class("ocrx_word")]
    assert words == [word.text for word in parsed.iter_by_class("ocrx_word")] == text.split()
    assert text == (tmp_path / "page.txt").read_text() == Document((page,)).text
    assert (tree.dpi, tree.page_number, tree.bbox.right) == (pytest.approx(DPI, abs=0.1), 4, page.size[0])
    assert all(line.bbox.left <= word.bbox.left + 1 for line in tree.iter_by_class("ocr_line") for word in line.children)


def test_engine_steps_back_for_another_choice() -> None:
    assert plugin.get_ocr_engine(SimpleNamespace(ocr_engine="tesseract")) is None
    assert isinstance(plugin.get_ocr_engine(None), plugin.InklineEngine)
