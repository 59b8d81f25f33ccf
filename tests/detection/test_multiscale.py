"""Tiles, coarse and finer passes, and how the boxes of two passes are merged."""

import numpy as np
import pytest

from inkline.detection.multiscale import (
    TILE_OVERLAP_PX,
    CoarsePass,
    coarse_passes,
    detect_size,
    finer_size,
    has_little_text,
    merge_passes,
    pad_tiny,
    text_windows,
    tiles,
    windows_share,
)
from inkline.options import DetectOptions
from inkline.types import Detections, empty_quads


def boxes(*xyxy):
    quads = [[[x0, y0], [x1, y0], [x1, y1], [x0, y1]] for x0, y0, x1, y1 in xyxy]
    return Detections(np.array(quads, np.float32).reshape(-1, 4, 2), np.full(len(quads), 0.9, np.float32))


@pytest.mark.parametrize("size", [(1600, 1600), (10656, 416), (3200, 4800), (640, 1632)])
def test_tiles_cover_everything_once_and_see_around_what_they_keep(size):
    seen = np.zeros(size, np.uint8)
    for tile in tiles(*size, 1600):
        (y0, y1, x0, x1), (top, bottom, left, right) = tile.window, tile.kept
        assert (y1 - y0, x1 - x0) == tuple(min(side, 1600) for side in size)
        for start, low, high, stop, length in ((y0, top, bottom, y1, size[0]), (x0, left, right, x1, size[1])):
            assert low - start >= TILE_OVERLAP_PX // 2 or low == start == 0
            assert stop - high >= TILE_OVERLAP_PX // 2 or high == stop == length
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


def test_windows_hold_all_that_a_coarse_pass_saw_with_room_around_it():
    seen = np.zeros((360, 640), np.float32)
    seen[100:106, 200:230] = 0.01  # in a net input of twice the size at 200..212, 400..460
    seen[300, 620] = 0.9
    seen[:, :40] = 0.004
    found = text_windows(seen, (704, 1280), 1600)
    assert [tile.window == tile.kept for tile in found] == [True, True]
    (y0, y1, x0, x1), (v0, v1, u0, u1) = sorted(tile.window for tile in found)
    assert y0 <= 195 - 64 and y1 >= 206 + 64 and x0 <= 400 - 64 and x1 >= 460 + 64  # 200 and 212 px of 720 rows
    assert v0 <= 586 - 64 and v1 >= 587 + 64 and u0 <= 1240 - 64 and u1 == 1280  # as far as the input goes
    assert all(side % 32 == 0 for tile in found for side in tile.window)
    assert windows_share(seen, (704, 1280)) == ((y1 - y0) * (x1 - x0) + (v1 - v0) * (u1 - u0)) / (704 * 1280)
    assert windows_share(seen, (704, 1280), 0.2) < windows_share(seen, (704, 1280)) < 0.2
    assert text_windows(np.zeros_like(seen), (704, 1280), 1600) == []


def test_windows_near_each_other_are_one_and_large_ones_become_tiles():
    seen = np.zeros((640, 640), np.float32)
    seen[100:110, [100, 140, 600]] = 0.5  # 80 px apart in the net, then 920
    assert len(text_windows(seen, (1280, 1280), 0)) == 2
    seen[:] = 0.5
    found = text_windows(seen, (3200, 3200), 1600)
    assert [(t.window, t.kept) for t in found] == [(t.window, t.kept) for t in tiles(3200, 3200, 1600)]


def test_a_coarse_pass_comes_first_where_it_can_save_something():
    passes = coarse_passes(720, (352, 640), (704, 1280))
    assert passes == (CoarsePass((192, 320), 0.2, 0.5), CoarsePass((352, 640), 0.005, 0.7))
    assert coarse_passes(3000, (640, 448), (1280, 896)) == ()  # small text would vanish
    assert coarse_passes(720, (352, 640), (512, 928)) == ()  # it costs half of what it could save


def test_small_text_is_looked_at_larger_and_large_text_is_not():
    options = DetectOptions(small_text=14, max_enlarge=1.5)
    small = boxes(*((0, 40 * i, 200, 40 * i + 20) for i in range(9)))
    assert finer_size(small, 4000, 4000, (1280, 1280), options) == (4000, 4000)  # 6.4 px, to 20 px
    assert finer_size(small, 1280, 1280, (1280, 1280), options) == (1280, 1280)
    assert finer_size(small, 4000, 4000, (1280, 1280), DetectOptions(small_text=0.0)) == (1280, 1280)
    assert max(finer_size(small, 40_000, 30_000, (1280, 960), options)) < 7000  # bounded
    assert finer_size(boxes((0, 0, 99, 5)), 4000, 4000, (1280, 1280), options) == (1280, 1280)  # a speck


def test_a_page_shrunk_beyond_reading_that_shows_nothing_is_looked_at_again():
    nothing = Detections(empty_quads(), np.zeros(0, np.float32))
    assert max(finer_size(nothing, 9000, 6000, (1280, 864), DetectOptions())) > 4000
    assert finer_size(nothing, 3000, 2000, (1280, 864), DetectOptions()) == (1280, 864)


def test_few_words_leave_time_for_another_pass():
    assert has_little_text(boxes((0, 0, 100, 30)), (1280, 720))
    assert has_little_text(Detections(empty_quads(), np.zeros(0, np.float32)), (1280, 720))
    assert not has_little_text(boxes(*((0, 40 * i, 800, 40 * i + 30) for i in range(40))), (1280, 960))


def test_the_second_pass_adds_what_the_first_missed():
    first = boxes((0, 0, 100, 20), (300, 300, 340, 340), (460, 300, 500, 340))
    second = boxes((2, 1, 99, 21), (0, 100, 200, 160), (295, 295, 505, 345), (90, 0, 110, 200))
    merged = merge_passes(first, second)
    assert sorted(merged.quads[:, 0].tolist()) == [[0, 0], [0, 100], [295, 295]]
    assert len(merge_passes(first, boxes())) == 3 and len(merge_passes(boxes(), second)) >= 3


def test_polygons_come_along():
    first, second = boxes((0, 0, 100, 20)), boxes((0, 100, 100, 120))
    first, second = (Detections(d.quads, d.scores, tuple(d.quads)) for d in (first, second))
    merged = merge_passes(first, second)
    assert len(merged.polygons) == 2 and np.array_equal(merged.polygons[1], merged.quads[1])


@pytest.mark.parametrize(
    ("limit_type", "limit", "size", "expected"),
    [
        ("max", 960, (2000, 1000), (960, 480)),
        ("max", 960, (500, 300), (512, 288)),  # 500/32 = 15.6 -> 16, 300/32 = 9.4 -> 9
        ("min", 736, (368, 500), (736, 992)),
        ("min", 64, (4000, 3000), (4000, 3008)),
        ("resize_long", 960, (100, 200), (480, 960)),
        ("min", 64, (80, 48), (96, 64)),  # 106.67 -> 106, 106/32 = 3.3
        ("max", 960, (10, 20000), (32, 960)),
    ],
)
def test_detect_size_follows_the_rules_of_the_reference(limit_type, limit, size, expected):
    options = DetectOptions(limit_type=limit_type, limit_side_len=limit, max_enlarge=1000)
    assert detect_size(*size, options) == expected


def test_halves_round_to_even():
    options = DetectOptions(limit_type="min", limit_side_len=64, max_enlarge=1000)
    assert detect_size(80, 112, options) == (64, 128)  # 2.5 -> 2, 3.5 -> 4


def test_cap_and_enlarging_limit():
    assert detect_size(9000, 1000, DetectOptions(limit_type="min", limit_side_len=64)) == (4000, 448)
    assert detect_size(100, 200, DetectOptions(limit_type="resize_long", limit_side_len=960, max_enlarge=2)) == (
        192,
        384,
    )


def test_fixed_input_shape():
    assert detect_size(10, 20, DetectOptions(input_shape=(3, 640, 320))) == (640, 320)


def test_pad_tiny_keeps_larger_images():
    assert pad_tiny(np.zeros((10, 20, 3), np.uint8)).shape == (32, 32, 3)
    assert pad_tiny(np.zeros((2, 61, 3), np.uint8)).shape == (32, 61, 3)
    image = np.zeros((10, 60, 3), np.uint8)
    assert pad_tiny(image) is image


def test_a_long_strip_keeps_its_width_legible():
    options = DetectOptions(limit_type="resize_long", limit_side_len=1280)
    assert detect_size(15000, 600, options) == (10656, 416)
    assert detect_size(15000, 600, DetectOptions(limit_type="resize_long", limit_side_len=1280, tile_side=0)) == (
        1280,
        64,
    )
    height, width = detect_size(10, 2_000_000, options)
    assert height == 32 and height * width <= 1.5 * 32 * 2_000_000
    height, width = detect_size(600, 600_000, options)
    assert height * width < 1.1 * 32_000_000
