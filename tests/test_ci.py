"""CI has everything that tests need, so a test that is skipped there hides something."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

SKIPPED = 'import pytest\n\n\ndef test_one():\n    pytest.skip("no tool")\n\n\ndef test_two():\n    pass\n'
NOT_COLLECTED = 'import pytest\n\npytest.importorskip("no_such_module_here")\n'


@pytest.mark.parametrize(("ci", "outcome"), [("true", "1 failed, 1 passed, 1 error in"), ("", "1 passed, 2 skipped in")])
def test_what_is_skipped_fails_in_ci_alone(tmp_path, ci, outcome):
    (tmp_path / "test_skipped.py").write_text(SKIPPED)
    (tmp_path / "test_not_collected.py").write_text(NOT_COLLECTED)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.conftest", "-c", os.devnull]
    command += ["--rootdir", str(tmp_path), "--continue-on-collection-errors", str(tmp_path)]
    environment = {**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert outcome in done.stdout
    assert ("no tool; in CI no test may be skipped" in done.stdout) == (ci == "true")
