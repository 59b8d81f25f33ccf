"""What a recogniser's text and its label are compared as."""

import pytest

from inkline.training.evaluate import folding


@pytest.mark.parametrize(
    ("case", "marks", "text", "compared"),
    [
        (True, True, "Ab مُصْـعب ٣", "Ab مُصْـعب ٣"),
        (False, True, "Ab ÉΣ", "ab éσ"),
        (True, False, "Ab مُصْـعب (٣) ۵", "Ab مصعب (3) 5"),
        (False, False, "Ab שָׁלוֹם é 12²", "ab שלום é 12²"),
    ],
)
def test_folding(case: bool, marks: bool, text: str, compared: str) -> None:
    assert folding(case, marks)(text) == compared
