"""What all tests share."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")


def no_skip(report: Any) -> Any:
    """The report of a test or a file; one that was skipped has failed where CI=true, as CI has all that tests need."""
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        file, line, reason = report.longrepr
        report.outcome, report.longrepr = "failed", f"{file}:{line}: {reason}; in CI no test may be skipped"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return no_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return no_skip((yield))


@pytest.fixture(scope="session", autouse=True)
def engine_of_the_base_install() -> Generator[None, None, None]:
    """`auto` is ONNX Runtime in this process, on every processor: OpenVINO compiles a net anew for each size of input, which
    takes as long as reading a page. What tests OpenVINO names it, and programs that tests start choose for themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inkline.runtime.instructions", lambda: frozenset({"avx2"}))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data sets and reference results beside the repository, or where INKLINE_SHARED says."""
    folder = Path(os.environ.get("INKLINE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"{folder} with the data sets is not here (INKLINE_SHARED tells another place)")
    return folder


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of pages drawn by `tests/fixtures/draw.py`."""
    return ROOT / "tests/fixtures"


@pytest.fixture(scope="session")
def ocr():
    """One `Ocr` with the default models on ONNX Runtime, shared by all tests: it never changes. One thread, as another test
    process has the other core."""
    from inkline import Ocr

    with Ocr(engine="onnxruntime", cpu_threads=1) as reader:
        yield reader
