"""What reading and writing load, and when."""

import subprocess
import sys

from tests.conftest import ROOT

SCRIPT = """
import sys
from inkline.formats import write
from inkline.io import read
heavy = {"PIL", "pypdfium2", "httpx", "torch", "onnxruntime"} & set(sys.modules)
assert not heavy, heavy
import numpy as np
next(read.read(np.zeros((4, 4), np.uint8)))
heavy = {"PIL", "pypdfium2", "httpx"} & set(sys.modules)
assert not heavy, heavy
"""


def test_decoders_are_loaded_when_they_are_needed() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, check=True, timeout=60)
