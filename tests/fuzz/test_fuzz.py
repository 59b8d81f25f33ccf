"""A short turn of fuzzing with a fixed seed, and all that was found before. `make fuzz MINUTES=60` goes on for longer."""

import pytest

from tests.fuzz.run import apart
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_changed_files_are_read_or_refused_in_one_line(name):
    finding = apart(name, 1.0, 0)
    assert not finding, finding
