"""Rows of new characters that start from related ones, and weights between a start and a run."""

import pytest
import torch

from inkline.errors import UsageError
from inkline.training.head_init import CTC_BIAS, brahmic_sister, decompose, init_related_rows, syllable_parts
from inkline.training.interpolate import bias_amounts, interpolate, shift_biases

WIDTH = 16


def rows(charset, known):
    """A head for `charset` whose known characters have rows of their own; new ones have the mean."""
    torch.manual_seed(0)
    old = {c: (torch.randn(WIDTH), torch.randn(())) for c in known}
    weight, bias = torch.zeros(1 + len(charset), WIDTH), torch.zeros(1 + len(charset))
    for i, c in enumerate(charset, 1):
        if c in old:
            weight[i], bias[i] = old[c]
    return weight, bias, old


def test_a_letter_with_a_mark_starts_as_its_letter_plus_the_mark():
    charset = ["a", "á", "e", "é", "o", "ó", "„", "“"]
    weight, bias, old = rows(charset, ["a", "á", "e", "é", "o", "“"])
    assert init_related_rows(weight, bias, old, charset) == 2
    acute = (old["á"][0] - old["a"][0] + old["é"][0] - old["e"][0]) / 2
    torch.testing.assert_close(weight[6], old["o"][0] + acute)
    assert bias[6] == old["o"][1] - 1
    torch.testing.assert_close(weight[7], old["“"][0])
    torch.testing.assert_close(weight[1], old["a"][0])


def test_syllables_share_what_their_parts_share():
    charset = ["가", "각", "나", "x", "y"]
    weight, bias, old = rows(charset, ["x", "y"])
    assert init_related_rows(weight, bias, old, charset) == 3
    # 가 and 각 differ in the last consonant alone, 가 and 나 in the first.
    charset_2 = ["가", "각", "나", "낙", "x", "y"]
    weight, bias, old = rows(charset_2, ["x", "y"])
    init_related_rows(weight, bias, old, charset_2)
    torch.testing.assert_close(weight[2] - weight[1], weight[4] - weight[3])
    assert syllable_parts("각") == (("first", 0), ("vowel", 0), ("last", 1)) and syllable_parts("나")[0] == ("first", 2)
    assert syllable_parts("ሉ") == (("ethiopic", 1), ("order", 1)) and syllable_parts("a") == ()
    assert (weight[1] - weight[2]).norm() > 0


def test_a_brahmic_letter_starts_as_its_sister():
    charset = ["క", "x"]  # Telugu ka
    weight, bias, old = rows(charset, ["x"])
    old["ಕ"] = torch.full((WIDTH,), 3.0), torch.tensor(0.5)  # Kannada ka
    assert brahmic_sister("క", old) == "ಕ" and brahmic_sister("k", old) == ""
    assert init_related_rows(weight, bias, old, charset) == 1
    assert weight[1].tolist() == [3.0] * WIDTH and bias[1] == 0.5


def test_an_arabic_letter_with_other_dots_starts_as_the_letter_it_is_named_after():
    charset = ["ڊ", "د", "x"]  # dal with dot below
    weight, bias, old = rows(charset, ["د", "x"])
    assert init_related_rows(weight, bias, old, charset) == 1
    torch.testing.assert_close(weight[1], old["د"][0])


def test_unicode_takes_letters_apart():
    assert decompose("ấ") == ("a", ("\u0302", "\u0301")) and decompose("x") == ("x", ())


def checkpoint(value, charset=("a", "đ")):
    return {"charset": list(charset), "model": {CTC_BIAS: torch.full((3,), value), "steps": torch.tensor(int(value))}}


def test_weights_lie_between_start_and_run_and_biases_move():
    between = interpolate(checkpoint(0.0), checkpoint(2.0), 0.25)
    assert between["model"][CTC_BIAS].tolist() == [0.5] * 3 and between["model"]["steps"] == 2
    moved = shift_biases(between, bias_amounts(["a", "đ"], 0.0, "", ["đĐ=-2"]))
    assert moved["model"][CTC_BIAS].tolist() == [0.5, 0.5, -1.5]
    with pytest.raises(UsageError, match="different charsets"):
        interpolate(checkpoint(0.0, ("a",)), checkpoint(2.0), 0.5)
    with pytest.raises(UsageError, match="CHARACTERS=AMOUNT"):
        bias_amounts(["a"], 0.0, "", ["đ"])
