"""Visual order of right-to-left lines. Expected values agree with python-bidi 0.6.6, given the base direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkline.recognition.bidi import reads_right_to_left, stored_order, visual_order
from inkline.types import Text


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        ("אבג", "גבא"),
        ("אבגד cat 12", "cat 12 דגבא"),
        ("the cat אב 12", "the cat 12 בא"),
        ("12 cat", "12 cat"),
        ("אב 1,250.50 (גד)", "(דג) 1,250.50 בא"),
        ("טל 356 48 01", "01 48 356 לט"),
        ("على 10-12-2020 م", "م 2020-12-10 ىلع"),
        ("\u0661\u0662 \u0663\u0664 \u0647\u0644", "\u0644\u0647 \u0663\u0664 \u0661\u0662"),
        ("«كلمة» x", "x «ةملك»"),
        ("5% א", "א 5%"),
        ("", ""),
    ],
)
def test_visual_order(stored: str, seen: str) -> None:
    assert visual_order(stored) == seen


@given(st.text(alphabet="אבגדהוזח ،.!?()", max_size=30))
def test_text_of_one_direction_turns_back(text: str) -> None:
    assert visual_order(visual_order(text)) == text


@given(st.text(max_size=40))
def test_no_character_is_lost(text: str) -> None:
    assert len(visual_order(text)) == len(text)


def test_what_was_seen_is_stored_with_its_places() -> None:
    steps = np.arange(6, dtype=np.float32)
    seen = Text("12 (בא", 0.5, steps / 10, np.stack([steps, steps + 1], axis=1) / 6, "12 (בא")
    stored = stored_order(seen)
    assert stored.text == stored.plain == "אב) 12" and stored.score == 0.5
    assert stored.char_scores.tolist() == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.0, 0.1])
    assert (stored.char_spans[:, 0] * 6).tolist() == pytest.approx([5, 4, 3, 2, 0, 1])
    latin = Text("12 ab", 0.5, steps[:5], np.zeros((5, 2), np.float32))
    assert stored_order(latin) is latin


def test_direction_of_a_text() -> None:
    assert reads_right_to_left("12 אב cd") and not reads_right_to_left("ab אב") and not reads_right_to_left("12")
