"""Every hostile file of the bad-input set, each read in its own process under a time and a memory limit."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

SECONDS = 60
BYTES = 2 << 30

READER = """
import json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from inkline.errors import InklineError
from inkline.io.read import expand, read
from inkline.options import ReadOptions
pages, warnings, error, kind = [], [], None, None
try:
    for source in expand(sys.argv[1]):
        for sheet in read(source, ReadOptions(pdf_password=sys.argv[2])):
            image = sheet.image
            ink = image[::4, ::4].astype(int)
            pages.append([sheet.page_index, list(image.shape), str(image.dtype), float(ink.std()), float(ink.mean())])
            warnings += sheet.warnings
except InklineError as caught:
    error, kind = str(caught), type(caught).__name__
print(json.dumps(dict(pages=pages, warnings=warnings, error=error, kind=kind)))
"""

PAGE = [480, 640, 3]  # the page that most of the files are made from


def read_alone(path: Path | str, password: str = "") -> dict[str, Any]:
    """What `read` gives for one path, told by a process of its own."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", "-c", READER.format(limit=BYTES), str(path), password]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def cases() -> list[str]:
    """The file names of the manifest, so that each is a test of its own; a name for the skip where there is no data."""
    folder = Path(os.environ.get("INKLINE_SHARED", ROOT.parent / "shared"))
    manifest = folder / "data/bad-input/manifest.jsonl"
    if not manifest.exists():
        return ["the set is absent"]
    return [json.loads(line)["file"] for line in manifest.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("file", cases())
def test_a_file_is_read_or_refused(shared: Path, file: str) -> None:
    folder = shared / "data/bad-input"
    rows = map(json.loads, (folder / "manifest.jsonl").read_text("utf-8").splitlines())
    case = next(row for row in rows if row["file"] == file)
    answer = read_alone(folder / file)
    allowed = case["expect"].split("-or-")
    if answer["error"] is not None:
        assert "error" in allowed, answer["error"]
        assert answer["kind"] in ("SourceError", "TooLargeError")
        assert Path(file).name in answer["error"] and "\n" not in answer["error"]
        return
    assert case["expect"] != "error"
    assert len(answer["pages"]) == case["pages"]
    several = case["pages"] > 1 or file.endswith(".pdf")
    assert [page[0] for page in answer["pages"]] == (list(range(case["pages"])) if several else [None])
    assert all(page[2] == "uint8" for page in answer["pages"])
    if "text" in allowed and case["contains"] == ["quick", "brown", "dog", "jumped", "lazy", "fox"]:
        # Ink and paper are both there: neither all white nor all black, whatever the file's own kind of pixels.
        assert all(page[3] > 8 for page in answer["pages"]), answer["pages"]


def test_there_are_54_cases(shared: Path) -> None:
    assert len(cases()) == 54


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("zero_byte.png", "empty"),
        ("encrypted_user_pw.pdf", "needs a password"),
        ("bomb_declared_100000x100000.png", "max_image_pixels"),
        ("bomb_valid_30000x30000_1bit.png", "max_image_pixels"),
        ("directory.png", "holds no images"),
        ("does_not_exist.png", "no such file"),
        ("corrupt.pdf", "damaged"),
        ("text_renamed.pdf", "neither an image nor a PDF"),
    ],
)
def test_the_message_gives_the_reason(shared: Path, file: str, words: str) -> None:
    assert words in read_alone(shared / "data/bad-input/files" / file)["error"]


def test_a_password_opens_an_encrypted_pdf(shared: Path) -> None:
    file = shared / "data/bad-input/files/encrypted_user_pw.pdf"
    assert len(read_alone(file, "secret")["pages"]) == 1
    assert "wrong" in read_alone(file, "guess")["error"]


@pytest.mark.parametrize("turned", [3, 5, 6, 8])
def test_exif_turns_the_page_upright(shared: Path, turned: int) -> None:
    folder = shared / "data/bad-input/files"
    import numpy as np

    from inkline.io.read import read

    plain = next(read(folder / "bilevel.png")).image.astype(int)
    upright = next(read(folder / f"exif_orientation_{turned}.jpg")).image.astype(int)
    assert plain.shape == upright.shape
    assert np.abs(plain - upright).mean() < 12


@pytest.mark.parametrize("file", ["cmyk.jpg", "gray16.png", "gray16_low_range.png", "palette_alpha.png", "float32.tif"])
def test_paper_is_light_and_ink_dark(shared: Path, file: str) -> None:
    page = read_alone(shared / "data/bad-input/files" / file)["pages"][0]
    assert page[1] == PAGE and page[4] > 180


def test_cut_off_pictures_give_their_upper_part_and_a_warning(shared: Path) -> None:
    for name in ("truncated.jpg", "truncated.png"):
        answer = read_alone(shared / "data/bad-input/files" / name)
        assert answer["pages"][0][1] == PAGE
        assert "missing" in answer["warnings"][0]


def test_a_folder_with_bad_files_gives_the_good_ones(shared: Path) -> None:
    from inkline.errors import SourceError
    from inkline.io.read import ReadOptions, expand, read

    good, bad = set(), set()
    for source in expand(shared / "data/bad-input/files"):
        try:
            for _ in read(source, ReadOptions(pdf_dpi=20)):
                good.add(Path(source.label).name)
        except SourceError:
            bad.add(Path(source.label).name)
    assert {"noextension", "UPPER.PNG", "-rf.png", "multipage.tif", "twelve_pages.pdf"} <= good
    assert {"zero_byte.png", "corrupt.pdf", "random_bytes.jpg"} <= bad
