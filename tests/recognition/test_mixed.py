"""Words of a line by the recogniser of their script: what is believed, with given readings."""

import cv2
import numpy as np
import pytest

from inkline.recognition.line_words import Nets
from inkline.recognition.mixed import read_by_words
from inkline.recognition.router import Plan
from inkline.types import Text

SCRIPTS = {"base": ["Latn", "Hani"], "cyr": ["Cyrl"], "hebrew": ["Hebr"], "kannada": ["Knda"], "telugu": ["Telu"]}
SCRIPTS |= {"hindi": ["Deva"], "korean": ["Hang"], "greek": ["Grek"]}


def drawn(words):
    """A line with a black block for each word, as wide as its letters."""
    crop = np.full((20, 20 + sum(10 * len(word) + 15 for word in words), 3), 255, np.uint8)
    places, x = [], 10
    for word in words:
        crop[4:16, x : x + 10 * len(word) - 2] = 0
        places.append((x, x + 10 * len(word)))
        x += 10 * len(word) + 15
    return crop, places


def whole_line(words, places, width, scores, reader):
    """The reading of the line, None for words that are not read."""
    chars, spans, marks = [], [], []
    for word, (a, b), score in zip(words, places, scores, strict=True):
        for i, c in enumerate(word or ""):
            chars.append(c)
            spans.append([(a + (b - a) * i / len(word)) / width, (a + (b - a) * (i + 1) / len(word)) / width])
            marks.append(score)
    scores = np.array(marks, np.float32)
    mean = float(scores.mean()) if chars else 0.0
    return Text("".join(chars), mean, scores, np.array(spans, np.float32).reshape(-1, 2), reader=reader)


def alone(text, score, reader):
    spans = np.linspace([0, 1 / len(text)], [1 - 1 / len(text), 1], len(text)).astype(np.float32) if text else np.zeros((0, 2))
    return Text(text, score, np.full(len(text), score, np.float32), spans.astype(np.float32), reader=reader)


def read(words, own, readings, chances, expected=(), asked_for=None):
    """The line read by words. own: (word, score) of the line's reading; readings: recogniser -> (word, score) of each word.

    asked_for: a list that takes (word, recognisers) of what is read.
    """
    crop, places = drawn(words)
    width = crop.shape[1]
    reader = next(iter(readings))
    whole = whole_line([word for word, _ in own], places, width, [score for _, score in own], reader)

    def which(image):
        # A word is known by how wide its ink is.
        inked = np.flatnonzero((image < 128).any(axis=(0, 2)))
        return [10 * len(word) - 2 for word in words].index(int(np.ptp(inked)) + 1)

    def read_words(crops, asked):
        out = []
        for image, names in zip(crops, asked, strict=True):
            if names and asked_for is not None:
                asked_for.append((words[which(image)], list(names)))
            joint = cv2.connectedComponents((image[..., 0] < 128).astype(np.uint8))[0] > 2
            out.append([] if joint else [alone(*readings[name][which(image)], name) for name in names])
        return out

    nets = Nets(lambda crops: [np.zeros((1, 24), np.float32)] * len(crops), lambda parts: chances, read_words, SCRIPTS, "cyr")
    texts = [whole]
    plan = Plan({"base": 0.5, "cyr": 0.5} | chances, "Latn")
    read_by_words(nets, [crop], [np.ones((1, 24), np.float32)], [plan], texts, lambda plan, seen: set(), [set(expected)])
    return texts[0].text


def test_a_word_that_the_line_lacks_is_read_by_another_recogniser():
    words, own = ["Model", "Ласточка", "ES"], [("Model", 0.99), (None, 0.0), ("ES", 0.99)]
    readings = {"base": [("Model", 0.99), ("", 0.0), ("ES", 0.99)], "cyr": [("Модел", 0.5), ("Ласточка", 0.99), ("ЕЅ", 0.6)]}
    assert read(words, own, readings, {"cyr": 0.8, "base": 0.2}) == "Model Ласточка ES"


def test_a_word_is_read_by_others_only_where_they_may_be_right():
    """Not words that cannot be bettered, nor those too short to be believed, which else cost a third of a page's time."""
    chances = {"base": 0.9, "cyr": 0.0, "hebrew": 0.06}
    readings = {"base": [("OTHER", 0.99), ("$", 0.6)], "cyr": [("", 0.0)] * 2, "hebrew": [("אבגדה", 0.99), ("א", 0.99)]}
    asked: list = []
    assert read(["OTHER", "□"], [("OTHER", 0.99), ("$", 0.6)], readings, chances, (), asked) == "OTHER$" and asked == []
    read(["OTHER", "□"], [("OTHER", 0.99), ("$", 0.6)], readings, chances, ["Hebr"], asked)
    assert asked == [("□", ["base"]), ("□", ["hebrew"])]
    asked.clear()
    readings["base"][0], readings["hebrew"][0] = ("OTHER", 0.8), ("אבגדה", 0.5)
    read(["OTHER", "□"], [("OTHER", 0.8), ("$", 0.99)], readings, chances, (), asked)
    assert asked == [("OTHER", ["base"]), ("OTHER", ["hebrew"])]


@pytest.mark.parametrize(("expected", "text"), [((), "OTHER□"), (("Hebr",), "OTHER ם")])
def test_one_letter_of_a_script_counts_where_the_script_is_on_the_page(expected, text):
    words, own = ["OTHER", "□□"], [("OTHER", 0.99), ("□", 0.6)]
    readings = {"base": [("OTHER", 0.99), ("□", 0.6)], "hebrew": [("", 0.0), ("םם" if expected else "ם", 0.98)]}
    found = read(words, own, readings, {"hebrew": 0.4, "base": 0.4}, expected)
    assert found.replace("םם", "ם") == text


def test_telugu_words_need_a_page_with_telugu():
    words, own = ["ಗೂಲ", "ವಾರ್ಧಿಕ"], [("ಗೂಲ", 0.95), ("ವಾರ್ಧಿಕ", 0.7)]
    readings = {"kannada": [("ಗೂಲ", 0.95), ("ವಾರ್ಧಿಕ", 0.75)], "telugu": [("గూల", 0.5), ("వాధికకక", 0.93)]}
    assert read(words, own, readings, {"telugu": 0.45, "kannada": 0.4}) == "ಗೂಲವಾರ್ಧಿಕ"
    assert read(words, own, readings, {"telugu": 0.45, "kannada": 0.4}, ["Telu"]) == "ಗೂಲ వాధికకక"


def test_words_of_letters_that_look_alike_go_with_most_of_the_line():
    words, own = ["Курсы", "USD", "на", "завтра"], [("Kypcы", 0.95), ("USD", 0.99), ("Ha", 0.97), (None, 0.0)]
    readings = {
        "base": [("Kypcb", 0.95), ("USD", 0.99), ("Ha", 0.97), ("", 0.0)],
        "cyr": [("Курсы", 0.97), ("ЏЅD", 0.4), ("на", 0.97), ("завтра", 0.99)],
    }
    assert read(words, own, readings, {"cyr": 0.4, "base": 0.3}) == "Курсы USD на завтра"


@pytest.mark.parametrize(("name", "word", "score"), [("hindi", "दूध", 0.97), ("korean", "출구", 0.96), ("hindi", "दूध", 0.92)])
def test_a_short_word_in_a_script_of_its_own_is_kept_where_its_recogniser_is_sure(name, word, score):
    words, own = ["Bottle", word + " " * (4 - len(word)), "20"], [("Bottle", 0.99), (None, 0.0), ("20", 0.99)]
    readings = {"base": [("Bottle", 0.99), ("", 0.0), ("20", 0.99)], name: [("Mik", 0.4), (word, score), ("20", 0.9)]}
    assert read(words, own, readings, {name: 0.7, "base": 0.1}) == f"Bottle {word} 20"
    assert read(words, own, readings, {name: 0.1, "base": 0.7}) == "Bottle20"


def test_letters_that_look_alike_stay_in_the_alphabet_of_their_line():
    words, own = ["14", "BCE"], [("14", 0.99), ("BCE", 0.7)]
    assert read(words, own, {"cyr": [("14", 0.99), ("ВСЕ", 0.99)]}, {"cyr": 0.9}) == "14BCE"


GUESTS = [("hebrew", "חלומות", "сожалею חלומות"), ("greek", "διαφωνώ", "сожалеюШчмапиа")]


@pytest.mark.parametrize(("name", "word", "text"), GUESTS)
def test_words_of_another_script_are_read_in_cyrillic_lines_but_for_letters_that_look_alike(name, word, text):
    words, own = ["сожалею", word], [("сожалею", 0.99), ("Шчмапиа"[: len(word)], 0.5)]
    readings = {"cyr": [("сожалею", 0.99), ("Шчмапиа"[: len(word)], 0.5)], name: [("o", 0.3), (word, 0.97)]}
    assert read(words, own, readings, {"cyr": 0.4, name: 0.6}) == text
