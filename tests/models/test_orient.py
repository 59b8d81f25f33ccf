"""How images become the input of an orientation net."""

import numpy as np
import pytest

from inkline.models.orient import Classifier
from inkline.ops.image import LINE_PART, middle_part

META = {"inkline.labels": '["0", "180"]', "inkline.input_height": "8", "inkline.input_width": "16"}
PLAIN = {"inkline.mean": "[0.0, 0.0, 0.0]", "inkline.std": "[1.0, 1.0, 1.0]"}


class Recorder:
    """An engine that keeps what it was given."""

    streams = 1
    metadata: dict[str, str] = {}  # noqa: RUF012

    def __call__(self, x):
        self.seen = x
        return [np.tile(np.float32([0.9, 0.1]), (len(x), 1))]


@pytest.mark.parametrize(("rule", "first", "last"), [("stretch", 0.0, 1.0), ("middle", 0.5, 0.5)])
def test_of_long_lines_the_middle_is_looked_at(rule, first, last):
    engine = Recorder()
    line = np.full((10, 400, 3), 127, np.uint8)
    line[:, :100], line[:, 300:] = 0, 255  # the middle, six heights wide, is grey
    assert Classifier(engine, META | PLAIN | {"inkline.resize": rule})([line])[0].angle == 0
    assert engine.seen[0, 0, 4, 0] == pytest.approx(first, abs=0.01)
    assert engine.seen[0, 0, 4, -1] == pytest.approx(last, abs=0.01)


def test_a_page_is_brought_to_the_size_of_its_net():
    engine = Recorder()
    meta = META | PLAIN | {"inkline.resize": "center_crop", "inkline.input_height": "56", "inkline.input_width": "56"}
    page = np.zeros((200, 100, 3), np.uint8)
    page[60:140, 20:80] = 255  # of 64 x 128 pixels, the middle 56 x 56 show 12 to 52 and 38 to 90
    Classifier(engine, meta)([page])
    shown = engine.seen[0, 0]
    assert shown.shape == (56, 56) and shown[28, 28] == 1 and shown[0, 28] == 0 and shown[28, 0] == 0


def test_middle_part():
    short = np.zeros((10, 60, 3), np.uint8)
    assert middle_part(short).shape == short.shape
    assert middle_part(np.zeros((10, 400, 3), np.uint8)).shape == (10, round(10 * LINE_PART), 3)
    assert middle_part(np.zeros((40, 1, 3), np.uint8)).shape == (40, 1, 3)
