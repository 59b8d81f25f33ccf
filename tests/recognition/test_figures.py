"""Ones that were typed or read as letters, and code letters behind amounts, told by their neighbours."""

import numpy as np
import pytest

from inkline.recognition.figures import told_by_neighbours
from inkline.types import Text


def text(shown):
    steps = np.linspace(0, 1, len(shown) + 1, dtype=np.float32)
    return Text(shown, 0.9, np.full(len(shown), 0.9, np.float32), np.stack([steps[:-1], steps[1:]], axis=1))


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("Dne 7. 10. l944 ve 13 hodin", "Dne 7. 10. 1944 ve 13 hodin"),
        ("im Jahre I938 und 19l4", "im Jahre 1938 und 1914"),
        ("(l945)", "(1945)"),
        ("12I4,50", "1214,50"),
        # No figures: litres, isotopes, codes, names of norms and numbers of sections
        *((same, same) for same in ("5l Milch", "I131", "AI4l7", "l2", "I5", "II", "Il 944", "al944", "l944a", "3l5x")),
    ],
)
def test_a_letter_in_a_number_is_a_one(read, written):
    (out,) = told_by_neighbours([text(read)])
    assert out.text == written and len(out.char_scores) == len(written)


@pytest.mark.parametrize(("letter", "expected"), [("s", "s"), ("S", "S"), ("T", "≤")])
def test_a_code_behind_an_amount_is_that_of_other_lines(letter, expected):
    lines = [f"RM18.80 {letter}", f"RM26.50 {letter}", "RM40.95 ≤", "x ≤"]
    assert [out.text for out in told_by_neighbours([text(line) for line in lines])][2:] == [f"RM40.95 {expected}", "x ≤"]
    assert told_by_neighbours([text("RM40.95 ≤")])[0].text == "RM40.95 ≤"


def test_a_zero_before_a_price_is_the_at_that_other_prices_of_the_page_have():
    lines = ["RICE @19.50", "@7.90", "FITTLET 6KG 063.00", "0.45", "00.50 x 2", "No 0123"]
    expected = ["FITTLET 6KG @63.00", "0.45", "@0.50 x 2", "No 0123"]
    assert [out.text for out in told_by_neighbours([text(line) for line in lines])][2:] == expected
    assert told_by_neighbours([text("RICE @19.50"), text("063.00")])[1].text == "063.00"
