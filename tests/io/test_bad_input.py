"""Every hostile file of the bad-input set, read in a process apart under a time and a memory limit."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

SECONDS = 60
BYTES = 2 << 30

READER = f"""
import json, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, ({BYTES}, {BYTES}))
from inkline.errors import InklineError
from inkline.io.read import expand, read
from inkline.options import ReadOptions
for request in sys.stdin:
    path, password = json.loads(request)
    pages, warnings, error, kind = [], [], None, None
    signal.alarm({SECONDS})
    try:
        for source in expand(path):
            for page_image in read(source, ReadOptions(pdf_password=password)):
                image = page_image.image
                ink = image[::4, ::4].astype(int)
                seen = [list(image.shape), str(image.dtype), float(ink.std()), float(ink.mean())]
                pages.append([page_image.page_index, *seen])
                warnings += page_image.warnings
    except InklineError as caught:
        error, kind = str(caught), type(caught).__name__
    signal.alarm(0)
    print(json.dumps(dict(pages=pages, warnings=warnings, error=error, kind=kind)), flush=True)
"""

PAGE = [480, 640, 3]  # the page that most of the files are made from


class Apart:
    """`read` in a process apart, for one file after another; the file after one that ended the process gets a new one."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.process: subprocess.Popen[str] | None = None

    def __call__(self, path: Path | str, password: str = "") -> dict[str, Any]:
        """What `read` gives for one path."""
        if self.process is None or self.process.poll() is not None:
            self.close()
            env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            command = [sys.executable, "-W", "error", "-c", READER]
            pipe = subprocess.PIPE
            with open(self.log, "w") as log:
                self.process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=log, text=True)
        self.process.stdin.write(json.dumps([str(path), password]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.process.wait()
        said = self.log.read_text()[-2000:]
        assert answer and "Traceback" not in said, f"{path}: {said or 'the process ended'}"
        return json.loads(answer)

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            with self.process:  # closes its standard input, at which it ends
                pass


@pytest.fixture(scope="module")
def read_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    apart = Apart(tmp_path_factory.mktemp("apart") / "log")
    yield apart
    apart.close()


def cases() -> list[str]:
    """The file names of the manifest, so that each is a test of its own; a name for the skip where there is no data."""
    folder = Path(os.environ.get("INKLINE_SHARED", ROOT.parent / "shared"))
    manifest = folder / "data/bad-input/manifest.jsonl"
    if not manifest.exists():
        return ["the set is absent"]
    return [json.loads(line)["file"] for line in manifest.read_text("utf-8").splitlines()]


@pytest.mark.parametrize("file", cases())
def test_a_file_is_read_or_refused(shared: Path, file: str, read_apart: Apart) -> None:
    folder = shared / "data/bad-input"
    rows = map(json.loads, (folder / "manifest.jsonl").read_text("utf-8").splitlines())
    case = next(row for row in rows if row["file"] == file)
    answer = read_apart(folder / file)
    allowed = case["expect"].split("-or-")
    if answer["error"] is not None:
        assert "error" in allowed, answer["error"]
        assert answer["kind"] in ("SourceError", "MissingFileError", "TooLargeError", "PasswordError")
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
        ("does_not_exist.png", "no such file or folder"),
        ("corrupt.pdf", "damaged"),
        ("text_renamed.pdf", "neither an image nor a PDF"),
    ],
)
def test_the_message_gives_the_reason(shared: Path, file: str, words: str, read_apart: Apart) -> None:
    assert words in read_apart(shared / "data/bad-input/files" / file)["error"]


def test_a_password_opens_an_encrypted_pdf(shared: Path, read_apart: Apart) -> None:
    file = shared / "data/bad-input/files/encrypted_user_pw.pdf"
    assert len(read_apart(file, "secret")["pages"]) == 1
    assert "wrong" in read_apart(file, "guess")["error"]


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
def test_paper_is_light_and_ink_dark(shared: Path, file: str, read_apart: Apart) -> None:
    page = read_apart(shared / "data/bad-input/files" / file)["pages"][0]
    assert page[1] == PAGE and page[4] > 180


def test_cut_off_pictures_give_their_upper_part_and_a_warning(shared: Path, read_apart: Apart) -> None:
    for name in ("truncated.jpg", "truncated.png"):
        answer = read_apart(shared / "data/bad-input/files" / name)
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


def test_a_file_that_ends_the_process_costs_its_own_test_alone(shared: Path, read_apart: Apart) -> None:
    folder = shared / "data/bad-input/files"
    assert read_apart(folder / "bilevel.png")["pages"]
    read_apart.process.kill()
    read_apart.process.wait()
    assert read_apart(folder / "bilevel.png")["pages"]
