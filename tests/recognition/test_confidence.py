"""Confidence: what is known of each character, and the chance that lines and words are right."""

import json

import cv2
import numpy as np
import pytest

from inkline import Ocr
from inkline.errors import ModelError
from inkline.recognition.confidence import FEATURES, METADATA, confidences, fit_for, numbers, own_fit
from inkline.recognition.ctc import CtcPath, ctc_decode, join_paths, probability_of_others
from inkline.registry.card import all_cards
from inkline.types import Text

MODEL = "PP-OCRv6_small_rec"
# Classes: blank, a, b, c. Steps: a, a, blank, blank where c may be, b that may be c.
SEEN = np.array(
    [[0.1, 0.6, 0.2, 0.1], [0.0, 0.9, 0.05, 0.05], [0.9, 0.1, 0.0, 0.0], [0.6, 0.0, 0.1, 0.3], [0.0, 0.0, 0.7, 0.3]], np.float32
)
BEST = SEEN.argmax(axis=1)


def path():
    return CtcPath(BEST, SEEN.max(axis=1), BEST, 40, 1.0, probability_of_others(BEST, SEEN))


def test_what_else_may_be_is_known_of_each_step():
    np.testing.assert_allclose(path().others, [0.3, 0.1, 0, 0.3, 0.3], atol=1e-6)


def test_each_character_has_its_best_probability_that_of_another_and_that_of_one_missing():
    text = ctc_decode(path(), "abc")
    assert text.text == "ab"
    np.testing.assert_allclose(text.evidence, [[0.9, 0.3, 0.3], [0.7, 0.3, 0]], atol=1e-6)


def test_windows_of_a_long_line_keep_it():
    two = join_paths([(0, path()), (40, path())])
    np.testing.assert_allclose(two.others, np.tile(path().others, 2), atol=1e-6)


def read(text: str, probability: float = 0.999, worst: float | None = None, reader: str = "") -> Text:
    scores = np.full(len(text), probability, np.float32)
    scores[len(text) // 2] = probability if worst is None else worst
    return Text(text, float(scores.mean()), scores, np.zeros((len(text), 2), np.float32), reader=reader)


def of(*texts: Text, **how) -> list:
    return confidences(texts, [(32, 12 * len(text.text) + 1) for text in texts], MODEL, **how)


def test_one_doubtful_letter_makes_a_line_doubtful_and_its_word_more_than_the_others():
    sure, doubtful = of(read("a line of words here"), read("a line of words here", worst=0.5))
    assert 0.8 < sure.line < 1 and doubtful.line < sure.line - 0.3
    assert len(doubtful.words) == 5 and int(np.argmin(doubtful.words)) == 3
    assert all(word >= doubtful.line for word in doubtful.words)


def test_a_line_does_not_depend_on_the_others_and_one_of_spaces_has_none():
    texts = [read("first line", 0.9), read("   "), read("Второй", 0.8), read("三", 0.7)]
    assert of(*texts) == [of(text)[0] for text in texts]
    assert of(texts[1])[0].line == 0 and of() == []


def test_marks_that_stand_for_other_ink_are_as_doubtful_as_their_score():
    honest = Text("- .", 0.98, np.full(3, 0.98, np.float32), np.zeros((3, 2), np.float32))
    caught = Text("- .", 0.098, honest.char_scores, honest.char_spans)
    whole, part = of(honest, caught)
    assert part.line == pytest.approx(whole.line / 10, rel=0.01)


def test_each_recogniser_has_its_fit_and_a_file_may_bring_its_own():
    known = numbers()["models"]
    assert {name.split("/")[0] for name in known} <= set(all_cards())
    assert fit_for("unheard of", "Latn") == {"line": (1.0, 0.0), "word": (1.0, 0.0)} != fit_for(MODEL, "Latn")
    assert len(numbers()["general"]["line"]) == len(FEATURES) + 1
    own = own_fit({METADATA: json.dumps({"line": [1, -30], "word": [1, -30]})})
    assert of(read("plain"), own=own)[0].line < 1e-6
    assert of(read("plain", reader="another"), own=own) == of(read("plain", reader="another"))
    assert own_fit({}) is None
    with pytest.raises(ModelError, match="slope and offset"):
        own_fit({METADATA: '{"line": [1]}'})


@pytest.fixture(scope="module")
def ocr():
    with Ocr(cpu_threads=1, return_word_box=True) as reader:
        yield reader


def page(text: str, blur: float = 0.0) -> np.ndarray:
    image = np.full((90, 700, 3), 255, np.uint8)
    cv2.putText(image, text, (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2, cv2.LINE_AA)
    return cv2.GaussianBlur(image, (0, 0), blur) if blur else image


def test_pages_say_it_of_lines_and_words_and_a_blurred_one_says_less(ocr):
    clear, blurred = (ocr(page("Paid 1,250.00 on 3 May", blur)).lines[0] for blur in (0.0, 6.0))
    assert clear.text == "Paid 1,250.00 on 3 May" and clear.confidence > 0.8
    assert [0 <= word.confidence <= 1 for word in clear.words] == [True] * 5
    assert blurred.score > 0.95 and blurred.confidence < clear.confidence / 2
