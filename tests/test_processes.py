"""Pages and pipelines in other processes: pickled, copied, forked."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inkline import Ocr
from inkline.errors import UsageError
from inkline.types import Page

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "examples/sample.png"


def test_a_page_is_pickled_with_its_image_or_with_the_place_of_its_file(ocr: Ocr, fixtures: Path) -> None:
    image = np.asarray(cv2.imread(str(SAMPLE)))[:150]
    for source in (image, fixtures / "receipt.png"):
        page = ocr(source)
        again: Page = pickle.loads(pickle.dumps(page))
        assert again.text == page.text != "" and len(again.lines) == len(page.lines)
        np.testing.assert_array_equal(again.image, page.image)
    assert len(pickle.dumps(page)) < 100_000  # a file's page without its pixels


def test_a_pipeline_is_pickled_and_copied_by_its_options() -> None:
    image = np.asarray(cv2.imread(str(SAMPLE)))[:150]
    with Ocr(engine="onnxruntime", cpu_threads=1, text_rec_score_thresh=0.3) as first:
        expected = first(image).text
        for again in (pickle.loads(pickle.dumps(first)), copy.deepcopy(first)):
            with again:
                assert again.options == first.options and again(image).text == expected != ""


def test_a_closed_pipeline_says_so() -> None:
    image = np.full((40, 60, 3), 255, np.uint8)
    with Ocr(engine="onnxruntime", cpu_threads=1) as closed:
        begun = closed.stream([image] * 50)
        next(begun)
    for use in (
        lambda: closed(image),
        lambda: closed.read(image),
        lambda: list(closed.stream([image])),
        lambda: list(begun),
    ):
        with pytest.raises(UsageError, match="closed"):
            use()


FORKED = """
import multiprocessing, os, sys, threading, time
import cv2
from inkline import Ocr
from inkline.io.pdf import PDFIUM_LOCK

image = cv2.imread(sys.argv[2])[:150]
pdf = sys.argv[3]
ocr = Ocr(engine=sys.argv[1], cpu_threads=2, text_recognition_batch_size=6)
expected = ocr(image).text
assert expected


def read(how):
    return ocr(image).text if how == "call" else next(iter(ocr.stream([image]))).text


# The threads of the parent are at work, one of them in PDFium, when the children are made.
def draw():
    while not done:
        with PDFIUM_LOCK:
            time.sleep(0.01)


done = False
busy = [threading.Thread(target=draw), threading.Thread(target=lambda: list(ocr.stream([image] * 4)))]
for thread in busy:
    thread.start()
time.sleep(0.2)
child = os.fork()
if child == 0:
    same = all(read(how) == expected for how in ("call", "stream")) and ocr.read(pdf).pages
    os._exit(0 if same else 1)
assert os.waitpid(child, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(read, ["call", "stream"]) == [expected] * 2
done = True
for thread in busy:
    thread.join()
assert ocr(image).text == expected
ocr.close()
print("ok")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked on POSIX systems alone")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_forked_children_read_as_their_parent(engine: str, tmp_path: Path) -> None:
    from PIL import Image

    pdf = tmp_path / "one.pdf"
    Image.open(SAMPLE).crop((0, 0, 300, 100)).convert("RGB").save(pdf)
    command = [sys.executable, "-W", "ignore", "-c", FORKED, engine, str(SAMPLE), str(pdf)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


AFTER_CLOSING = """
import os, sys
import cv2
from inkline import Ocr
from inkline.errors import EngineError

image = cv2.imread(sys.argv[2])[:150]
ocr = Ocr(engine=sys.argv[1], cpu_threads=1)
Ocr(engine=sys.argv[1], cpu_threads=1).close()
child = os.fork()
if child == 0:
    try:
        assert ocr(image).text
    except EngineError as error:  # OpenVINO would hang
        assert "spawn" in str(error)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="children are forked on POSIX systems alone")
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_child_forked_after_another_was_closed_reads_or_says_why_not(engine: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", AFTER_CLOSING, engine, str(SAMPLE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
