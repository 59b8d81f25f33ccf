"""How images become the input of an orientation net."""

import numpy as np
import pytest

from inkline.orientation.classifier import (
    LINE_PART_HEIGHTS,
    MAX_LINE_PARTS,
    Classifier,
    full_contrast,
    line_parts,
    page_tiles,
)

META = {"inkline.labels": '["0", "180"]', "inkline.input_height": "8", "inkline.input_width": "16"}
PLAIN = {"inkline.mean": "[0.0, 0.0, 0.0]", "inkline.std": "[1.0, 1.0, 1.0]"}


class Recorder:
    """An engine that keeps what it was given."""

    streams = 1
    metadata: dict[str, str] = {}  # noqa: RUF012

    def __call__(self, x):
        self.seen = x
        return [np.tile(np.float32([0.9, 0.1]), (len(x), 1))]


def dark_above(x):
    """A net for which what is darker above than below is upright."""
    upright = 0.5 + (x[:, 0, 4:].mean(axis=(1, 2)) - x[:, 0, :4].mean(axis=(1, 2))) / 2
    return [np.stack([upright, 1 - upright], axis=1)]


@pytest.mark.parametrize(("rule", "shown"), [("stretch", [0.5]), ("parts", [0.0, 0.5, 0.5, 0.5, 1.0, 0.0, 0.5, 0.5, 0.5, 1.0])])
def test_of_long_lines_several_parts_are_looked_at(rule, shown):
    engine = Recorder()
    line = np.full((10, 400, 3), 127, np.uint8)
    line[:, :100], line[:, 300:] = 0, 255
    line[:2], line[-2:] = 0, 255  # every part has black and white, so none is changed
    assert Classifier(engine, META | PLAIN | {"inkline.resize": rule})([line], batch_size=16)[0].angle == 0
    assert engine.seen[:, 0, 4, 8].tolist() == pytest.approx(shown, abs=0.01)


def test_parts_speak_together_and_each_image_for_itself():
    mixed = np.zeros((10, 400, 3), np.uint8)
    mixed[5:, 100:], mixed[:5, :100] = 255, 255  # a foot under three parts of five, a hat over one, both in one
    short = np.zeros((10, 20, 3), np.uint8)
    short[5:] = 255
    images = [mixed, short, mixed[::-1, ::-1]]
    seen = Classifier(dark_above, META | PLAIN | {"inkline.resize": "parts"})(images, batch_size=2)
    assert [o.angle for o in seen] == [0, 0, 180]
    assert all(sum(o.scores) == pytest.approx(1) and min(o.scores) >= 0 for o in seen)
    assert 0.98 < seen[0].score < 1
    assert seen[2].scores == pytest.approx(seen[0].scores[::-1])


def test_a_net_that_says_the_same_of_both_turns_says_nothing():
    for rule, score in (("stretch", 0.9), ("parts", 0.5)):
        seen = Classifier(Recorder(), META | PLAIN | {"inkline.resize": rule})([np.zeros((10, 90, 3), np.uint8)])
        assert seen[0].score == pytest.approx(score)


def test_parts_are_shown_at_full_contrast():
    engine = Recorder()
    faint = np.full((10, 30, 3), 100, np.uint8)
    faint[5:] = 140
    Classifier(engine, META | PLAIN | {"inkline.resize": "parts"})([faint])
    assert engine.seen[0, 0, :, 3].tolist() == pytest.approx([0, 0, 0, 0, 1, 1, 1, 1], abs=0.01)


def test_a_page_is_brought_to_the_size_of_its_net():
    engine = Recorder()
    meta = META | PLAIN | {"inkline.resize": "center_crop", "inkline.input_height": "56", "inkline.input_width": "56"}
    page = np.zeros((200, 100, 3), np.uint8)
    page[60:140, 20:80] = 255  # of 64 x 128 pixels, the middle 56 x 56 show 12 to 52 and 38 to 90
    Classifier(engine, meta)([page])
    shown = engine.seen[0, 0]
    assert shown.shape == (56, 56) and shown[28, 28] == 1 and shown[0, 28] == 0 and shown[28, 0] == 0


def test_line_parts():
    short = np.zeros((10, 40, 3), np.uint8)
    assert [part.shape for part in line_parts(short)] == [short.shape]
    line = np.arange(400, dtype=np.uint16)[None, :, None].repeat(10, 0).repeat(3, 2)
    parts = line_parts(line)
    assert [part.shape for part in parts] == [(10, round(10 * LINE_PART_HEIGHTS), 3)] * MAX_LINE_PARTS
    assert [int(part[0, 0, 0]) for part in parts] == [0, 90, 180, 270, 360]
    assert [part.shape for part in line_parts(np.zeros((40, 1, 3), np.uint8))] == [(40, 1, 3)]


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(300, 300, 1 + 4), (640, 480, 2 + 6), (480, 640, 2 + 6), (3000, 300, 6 + 12), (10, 10, 1 + 4), (1, 900, 6 + 6)],
)
def test_page_tiles_cover_a_page(height, width, count):
    tiles = page_tiles(np.full((height, width, 3), 9, np.uint8), 224)
    assert len(tiles) == count and all(tile.shape == (224, 224, 3) and tile.min() == 9 for tile in tiles)


def test_full_contrast_takes_percentiles_of_all_values():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        image = rng.integers(rng.integers(0, 120), rng.integers(130, 256), (*rng.integers(1, 30, 2), 3)).astype(np.uint8)
        low, high = np.percentile(image, (2, 98))
        spread = (image.astype(np.float32) - (low + high) / 2) * (255 / max(float(high - low), 32.0)) + 127.5
        assert np.array_equal(full_contrast(image), np.clip(spread, 0, 255).astype(np.uint8))


def test_full_contrast_spreads_what_is_there_and_leaves_grain_alone():
    faint = np.tile(np.uint8([100, 110, 140]), (20, 1))[..., None].repeat(3, 2)
    assert [int(v) for v in full_contrast(faint)[0, :, 0]] == [0, 63, 255]
    assert full_contrast(faint)[..., 0].tolist() == full_contrast(faint + 40)[..., 0].tolist()
    print_ = np.uint8([[0, 128, 255]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.array_equal(full_contrast(print_), print_)
    grain = np.uint8([[200, 203]]).repeat(20, 0)[..., None].repeat(3, 2)
    assert np.ptp(full_contrast(grain)) < 32 and full_contrast(grain).mean() == pytest.approx(127.5, abs=1)
