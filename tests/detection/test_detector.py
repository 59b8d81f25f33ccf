"""Passes over a page, with the detector's real weights."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from inkline.detection.detector import Detector
from inkline.errors import ModelError
from inkline.options import DetectOptions
from inkline.presets import REFERENCE_RULES


class Watched:
    """An engine that notes the sizes it is called with."""

    def __init__(self, engine):
        self.engine, self.sizes = engine, []

    def __call__(self, x):
        self.sizes.append(x.shape[2:])
        return self.engine(x)


@pytest.fixture
def detector(ocr):
    watched = Watched(ocr._detect_one._engine)
    return Detector(watched, watched.engine.metadata), watched.sizes


def sign(*words, size=(720, 1280)):
    """A grey scene with small words at places."""
    image = np.full((*size, 3), 140, np.uint8)
    cv2.rectangle(image, (700, 0), (1279, 719), (90, 110, 70), -1)
    for text, x, y in words:
        cv2.putText(image, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (250, 250, 250), 1, cv2.LINE_AA)
    return image


WORDS = (("EXIT", 100, 120), ("Platform 3", 900, 600), ("Tickets", 520, 330))


def test_an_almost_empty_page_is_looked_at_where_its_text_is(detector):
    detect, sizes = detector
    options = DetectOptions()
    found = detect(sign(*WORDS), options)
    windows, seen = sum(h * w for h, w in sizes), list(sizes)
    sizes.clear()
    whole = detect(sign(*WORDS), replace(options, sparse_side_len=0))
    assert sizes == [(704, 1280)] and seen[:2] == [(192, 320), (352, 640)]
    assert windows < 0.6 * 704 * 1280
    assert len(found) == len(whole) == 3
    found, whole = (d.quads[np.argsort(d.quads[:, 0, 0])] for d in (found, whole))
    assert np.abs(found - whole).max() <= 6  # px


def test_a_net_of_one_size_sees_tiles_of_it(detector):
    """A page that is larger, and one that is smaller: as with the net that takes any size."""
    detect, sizes = detector
    of_one_size = Detector(detect._engine, {"inkline.input_height": "640", "inkline.input_width": "768"})
    for size in ((720, 1280), (400, 700)):
        words = [(text, x % (size[1] - 120), y % size[0]) for text, x, y in WORDS]
        image = sign(*words, size=size)
        wanted = detect(image, DetectOptions())
        sizes.clear()
        found = of_one_size(image, DetectOptions())
        assert set(sizes) == {(640, 768)} and len(found) == len(wanted) == 3
        found, wanted = (d.quads[np.argsort(d.quads[:, 0, 0])] for d in (found, wanted))
        assert np.abs(found - wanted).max() <= 6  # px
    with pytest.raises(ModelError, match="takes 320 x 320 px alone"):
        Detector(detect._engine, {"inkline.input_height": "320", "inkline.input_width": "320"})


def test_a_written_page_costs_one_glance_more(detector):
    detect, sizes = detector
    page = np.full((1280, 960, 3), 255, np.uint8)
    for y in range(40, 1260, 50):
        cv2.putText(page, "All work and no play makes Jack a dull boy", (30, y), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 0, 2)
    assert len(detect(page, DetectOptions())) > 20
    assert sizes == [(320, 256), (1280, 960)]


def test_a_white_page_costs_two_coarse_passes(detector):
    detect, sizes = detector
    assert len(detect(np.full((720, 1280, 3), 255, np.uint8), DetectOptions())) == 0
    assert sizes == [(192, 320), (352, 640)]


def test_the_references_rules_take_one_look(detector):
    detect, sizes = detector
    rules = {name.removeprefix("text_det_"): value for name, value in REFERENCE_RULES.items() if "text_det_" in name}
    detect(sign(*WORDS), DetectOptions(**rules))
    assert len(sizes) == 1
