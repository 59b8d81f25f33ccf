"""Recognition with a fake engine: a function."""

from dataclasses import replace

import numpy as np
import pytest

from inkline.errors import ModelError
from inkline.options import RecognizeOptions
from inkline.recognition.batching import make_batches
from inkline.recognition.recognizer import Recognizer

CHARSET = ("a", "b", "c", " ")


class FakeEngine:
    """Says class 1 + (row's mean brightness bucket) at the first step, blank elsewhere; remembers what it was fed."""

    streams = 1

    def __init__(self, classes=5):
        self.metadata, self.fed, self.classes = {}, [], classes

    def __call__(self, x):
        self.fed.append(x.shape)
        out = np.zeros((len(x), x.shape[3] // 8, self.classes), np.float32)
        out[..., 0] = 0.9
        for row, image in enumerate(x):
            out[row, 0] = 0
            out[row, 0, 1 + int((image[:, :, 0].mean() + 1) * 1.49)] = 0.8
        return [out]


def crop(height, width, value):
    return np.full((height, width, 3), value, np.uint8)


def test_texts_come_back_in_order_whatever_their_widths():
    crops = [crop(48, 300, 0), crop(24, 20, 255), crop(48, 100, 128), crop(96, 600, 255), crop(48, 310, 128)]
    for options in (
        RecognizeOptions(),
        RecognizeOptions(batch_size=4),
        RecognizeOptions(width_rule="reference", batch_size=2),
    ):
        texts = Recognizer(FakeEngine(), CHARSET, {})(crops, options)
        assert [t.text for t in texts] == ["a", "c", "b", "c", "b"]
        assert all(t.score == pytest.approx(0.8) for t in texts)


def test_of_two_spaces_the_last_is_the_one_that_is_restored():
    """Dictionaries that list the space get it twice; nets were trained with the last of both."""

    def engine(x):
        out = np.zeros((1, 5, 5), np.float32)
        out[0] = np.eye(5)[[1, 0, 0, 0, 2]]
        out[0, 2] = (0.6, 0, 0, 0, 0.4)
        return [out]

    (text,) = Recognizer(engine, ("a", "b", " ", " "), {})([crop(48, 40, 0)], RecognizeOptions())
    assert text.text == "a b"


def test_what_runs_from_right_to_left_comes_in_stored_order():
    """The net sees letters from the left; the text begins with the one on the right."""

    def engine(x):
        out = np.zeros((len(x), x.shape[3] // 8, 5), np.float32)
        out[..., 0] = 0.9
        for step, letter in enumerate((3, 2, 4, 1)):  # "גב א" from the left
            out[:, 2 * step] = np.eye(5)[letter]
        return [out]

    text = Recognizer(engine, ("א", "ב", "ג", " "), {})([crop(48, 96, 0)], RecognizeOptions())[0]
    assert text.text == text.plain == "א בג"
    assert text.char_spans[:, 0].tolist() == sorted(text.char_spans[:, 0], reverse=True)


def test_own_width_never_depends_on_company():
    crops = [crop(48, w, 0) for w in (10, 33, 64, 320, 5000)]
    for scale, widths in (
        (1.0, (32, 48, 64, 320, 3200)),
        (0.85, (32, 48, 64, 272, 3200)),
        (1.2, (32, 48, 80, 384, 3200)),
    ):
        options = RecognizeOptions(batch_size=8, width_scale=scale)
        together = {i: b.width for b in make_batches(crops, 48, options) for i in b.indices}
        alone = {i: make_batches([c], 48, replace(options, batch_size=1))[0].width for i, c in enumerate(crops)}
        assert together == alone == dict(enumerate(widths))


def test_lines_are_squeezed_as_far_as_their_strokes_allow():
    def bars(step):
        image = crop(48, 800, 255)
        image[12:36, ::step] = image[12:36, 1::step] = 0
        return image

    options = RecognizeOptions(width_scale=0.7, stroke_pitch=0.25)  # 12 px of 48
    assert [make_batches([bars(step)], 48, options)[0].widths[0] for step in (8, 16, 40)] == [800, 600, 560]
    assert make_batches([bars(40)[:, :144]], 48, options)[0].widths == (144,)
    assert make_batches([bars(8)], 48, replace(options, stroke_pitch=0.0))[0].widths == (560,)


def test_a_long_doubtful_line_is_read_again_at_its_own_width():
    fed = []

    def engine(x):
        fed.append(x.shape[3])
        out = np.zeros((len(x), x.shape[3] // 8, 5), np.float32)
        out[:, 0, 1 if x.shape[3] < 480 else 2] = 0.8 if x.shape[3] < 480 else 0.95
        return [out]

    read, options = Recognizer(engine, CHARSET, {}), RecognizeOptions(width_scale=0.7)
    long, short = read([crop(48, 480, 0), crop(48, 300, 0)], options)
    assert fed == [336, 224, 480] and (long.text, short.text) == ("b", "a")
    fed.clear()
    assert read([crop(48, 480, 0)], replace(options, width_scale=1.0))[0].text == "b" and fed == [480]
    fed.clear()
    assert read([crop(48, 400, 0)], replace(options, width_rule="reference"))[0].text == "a" and fed == [400]


def test_the_widest_lines_are_read_first():
    crops = [crop(48, w, 0) for w in (100, 900, 50, 400)]
    assert [b.width for b in make_batches(crops, 48, RecognizeOptions())] == [912, 400, 112, 64]
    assert [b.width for b in make_batches(crops, 48, RecognizeOptions(width_scale=0.85))] == [768, 352, 112, 64]


def test_reference_pads_to_320_and_to_the_widest_of_the_batch():
    crops = [crop(48, w, 0) for w in (900, 100, 50, 400)]
    batches = make_batches(crops, 48, RecognizeOptions(width_rule="reference", batch_size=2))
    assert [(b.indices, b.width) for b in batches] == [((2, 1), 320), ((3, 0), 900)]
    assert batches[0].widths == (50, 100)


def test_allow_list_restricts_what_is_read():
    texts = Recognizer(FakeEngine(), CHARSET, {})([crop(48, 100, 255)], RecognizeOptions(charset="ab"))
    assert texts[0].text in ("", "a", "b")
    with pytest.raises(ModelError, match="cannot read 'é'"):
        Recognizer(FakeEngine(), CHARSET, {})([crop(48, 100, 255)], RecognizeOptions(charset="aé"))


def test_a_charset_that_does_not_fit_the_net_is_named():
    with pytest.raises(ModelError, match="7 classes, its charset 4 characters"):
        Recognizer(FakeEngine(classes=7), CHARSET, {})([crop(48, 100, 0)], RecognizeOptions())


def test_no_crops():
    assert Recognizer(FakeEngine(), CHARSET, {})([], RecognizeOptions()) == []


def test_fixed_input_shape():
    engine = FakeEngine()
    Recognizer(engine, CHARSET, {})([crop(48, 100, 0)], RecognizeOptions(input_shape=(3, 32, 160)))
    assert engine.fed == [(1, 3, 32, 160)]
