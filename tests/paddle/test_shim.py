"""Programs written for PaddleOCR, out of the package index and unchanged, run on Inkline.

`make` installs them without what they require (PaddlePaddle), into a folder of their own: see `OTHERS` in the Makefile.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[2]
OTHERS = Path(sys.prefix) / "others"
RECEIPT = ROOT / "tests/fixtures/receipt.png"
# The lines of the specimen in ICAO's Doc 9303.
PASSPORT = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"

PROGRAM = """
import json, sys
import numpy as np
from PIL import Image

def without_inkline():
    try:
        import paddleocr
    except ImportError:
        return True

out = {"before": without_inkline()}
from inkline.paddle.shim import install
install()
install()

# ocr-locator, as its users call it
from ocr_locator import OCRLocator
out["located"] = OCRLocator().extract(sys.argv[1])

# The calls of unstructured's agent
import paddle
from unstructured_paddleocr import PaddleOCR
paddle.disable_signal_handler()
gpu = paddle.device.cuda.device_count() > 0
agent = PaddleOCR(use_angle_cls=True, use_gpu=gpu, lang="en", enable_mkldnn=True, show_log=False, rec_batch_num=1)
(page,) = agent.ocr(np.array(Image.open(sys.argv[1]).convert("RGB")), cls=True)
out["read"] = [line[1][0] for line in page]

# LlamaIndex's reader and omnimrz, without what these take for PDFs and for photographs of screens
import types
for name in ("fitz", "pdfplumber", "screenshot_scanner"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["screenshot_scanner"].ScreenshotScanner = object
from llama_index.readers.paddle_ocr import PDFPaddleOCRReader
with open(sys.argv[1], "rb") as file:
    out["reader"] = PDFPaddleOCRReader().extract_text_from_image(file.read())
from omnimrz import OmniMRZ
out["passport"] = OmniMRZ().get_details(np.array(Image.open(sys.argv[2])))

# Other places that names are imported from
from paddleocr._models.text_detection import TextDetection
from paddlex import create_pipeline
import paddleocr, inkline
out["same"] = paddleocr.TextDetection is TextDetection is inkline.TextDetection and create_pipeline is inkline.create_pipeline
out["version"] = paddleocr.__version__
try:
    from paddleocr import PPStructureV3
except ImportError as error:
    out["missing"] = str(error)
print(json.dumps(out))
"""


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{OTHERS}", "OMP_NUM_THREADS": "1"}


def test_programs_of_the_index_run_unchanged(tmp_path: Path) -> None:
    passport = Pillow.new("RGB", (1000, 400), "white")
    for i, line in enumerate(PASSPORT):
        ImageDraw.Draw(passport).text((40, 280 + 60 * i), line, "black", ImageFont.load_default(28))
    passport.save(tmp_path / "passport.png")
    command = [sys.executable, "-c", PROGRAM, str(RECEIPT), str(tmp_path / "passport.png")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout.splitlines()[-1])
    assert out["before"] and out["same"] and out["version"].startswith("3.")
    assert out["located"][0]["text"] == out["read"][0] == "CORNER BAKERY" and len(out["read"]) == 18
    left, top, right, bottom = out["located"][0]["box"]
    assert 80 < left < 105 and 35 < top < 50 and 290 < right < 320 and 60 < bottom < 80
    assert out["reader"].startswith("CORNER BAKERY 12 Mill Lane, Ashford ")
    assert (out["passport"]["line1"], out["passport"]["line2"]) == PASSPORT
    assert "PPStructureV3" in out["missing"]


@pytest.mark.slow
def test_a_plug_in_of_ocrmypdf_for_paddleocr_runs_unchanged(tmp_path: Path) -> None:
    Pillow.open(RECEIPT).convert("RGB").save(tmp_path / "scan.pdf", resolution=100)
    command = [sys.executable, "-m", "inkline.paddle.shim", "-m", "ocrmypdf", "--plugin", "ocrmypdf_paddleocr", "--output-type"]
    command += ["pdf", "--optimize", "0", "--deskew", "--sidecar", tmp_path / "out.txt", tmp_path / "scan.pdf"]
    done = subprocess.run(
        [*map(str, command), str(tmp_path / "out.pdf")], capture_output=True, text=True, env=environment(), timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.txt").read_text("utf-8").startswith("CORNER BAKERY\n12 Mill Lane, Ashford\n")
