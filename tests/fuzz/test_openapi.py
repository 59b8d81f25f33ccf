"""The service against its own description: requests that it allows and some that it does not, made by Schemathesis."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVE = [sys.executable, "-m", "inkline", "serve", "--port", "0", "--tier", "fast", "--cpu_threads", "1"]
ALWAYS = ["--seed", "1", "--generation-database", "none", "--no-color", "--continue-on-failure", "--request-timeout", "60"]


@pytest.fixture(scope="module")
def address():
    with subprocess.Popen(SERVE, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stderr.readline()
            assert "serving on" in line, line
            yield line.split()[-1]
        finally:
            process.terminate()


@pytest.mark.skipif(not find_spec("schemathesis"), reason="Schemathesis is not installed: extra `test`")
@pytest.mark.parametrize(
    "phases",
    [
        ["--phases", "examples"],
        # A file of random letters is no file, which no description can say.
        ["--phases", "coverage", "--exclude-checks", "positive_data_acceptance"],
        # As many as are asked for on any machine. A wrong value may be a right one as the text of a form's field ("1", none).
        [
            "--phases",
            "fuzzing",
            "--max-examples",
            "200",
            "--exclude-checks",
            "positive_data_acceptance,negative_data_rejection",
        ],
    ],
    ids=["examples", "every rule kept and broken", "made up"],
)
def test_the_service_is_as_described(address, phases):
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]
    done = subprocess.run(
        [*command, f"{address}/openapi.json", *ALWAYS, *phases], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
