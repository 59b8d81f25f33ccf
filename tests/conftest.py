"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data sets and reference results beside the repository, or where INKLINE_SHARED says.

    A test that needs it is skipped where there is none; in CI its absence is a failure.
    """
    folder = Path(os.environ.get("INKLINE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        message = f"{folder} with the data sets is not here (INKLINE_SHARED tells another place)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of pages drawn by `tests/fixtures/draw.py`."""
    return ROOT / "tests/fixtures"


@pytest.fixture(scope="session")
def ocr():
    """One `Ocr` with the default models on ONNX Runtime, shared by all tests: it never changes."""
    from inkline import Ocr

    with Ocr(engine="onnxruntime", cpu_threads=2) as reader:
        yield reader
