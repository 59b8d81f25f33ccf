"""Tiles, closer looks and the boxes of two looks."""

import numpy as np
import pytest

from inkline.detection.multiscale import OVERLAP, closer_size, glances, is_sparse, merge_looks, share, tiles, windows
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
            assert low - start >= OVERLAP // 2 or low == start == 0
            assert stop - high >= OVERLAP // 2 or high == stop == length
        seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


def test_windows_hold_all_that_a_small_look_saw_with_room_around_it():
    seen = np.zeros((360, 640), np.float32)
    seen[100:106, 200:230] = 0.01  # in a net input of twice the size at 200..212, 400..460
    seen[300, 620] = 0.9
    seen[:, :40] = 0.004
    found = windows(seen, (704, 1280), 1600)
    assert [tile.window == tile.kept for tile in found] == [True, True]
    (y0, y1, x0, x1), (v0, v1, u0, u1) = sorted(tile.window for tile in found)
    assert y0 <= 195 - 64 and y1 >= 206 + 64 and x0 <= 400 - 64 and x1 >= 460 + 64  # 200 and 212 px of 720 rows
    assert v0 <= 586 - 64 and v1 >= 587 + 64 and u0 <= 1240 - 64 and u1 == 1280  # as far as the input goes
    assert all(side % 32 == 0 for tile in found for side in tile.window)
    assert share(seen, (704, 1280)) == ((y1 - y0) * (x1 - x0) + (v1 - v0) * (u1 - u0)) / (704 * 1280)
    assert share(seen, (704, 1280), 0.2) < share(seen, (704, 1280)) < 0.2
    assert windows(np.zeros_like(seen), (704, 1280), 1600) == []


def test_windows_near_each_other_are_one_and_large_ones_become_tiles():
    seen = np.zeros((640, 640), np.float32)
    seen[100:110, [100, 140, 600]] = 0.5  # 80 px apart in the net, then 920
    assert len(windows(seen, (1280, 1280), 0)) == 2
    seen[:] = 0.5
    found = windows(seen, (3200, 3200), 1600)
    assert [(t.window, t.kept) for t in found] == [(t.window, t.kept) for t in tiles(3200, 3200, 1600)]


def test_a_glance_comes_first_where_it_can_save_something():
    (half, *_), (small, *_) = glances(720, (352, 640), (704, 1280))
    assert (half, small) == ((192, 320), (352, 640))
    assert glances(3000, (640, 448), (1280, 896)) == ()  # small text would vanish
    assert glances(720, (352, 640), (512, 928)) == ()  # it costs half of what it could save


def test_small_text_is_looked_at_larger_and_large_text_is_not():
    options = DetectOptions(small_text=14, max_enlarge=1.5)
    small = boxes(*((0, 40 * i, 200, 40 * i + 20) for i in range(9)))
    assert closer_size(small, 4000, 4000, (1280, 1280), options) == (4000, 4000)  # 6.4 px, to 20 px
    assert closer_size(small, 1280, 1280, (1280, 1280), options) == (1280, 1280)
    assert closer_size(small, 4000, 4000, (1280, 1280), DetectOptions(small_text=0.0)) == (1280, 1280)
    assert max(closer_size(small, 40_000, 30_000, (1280, 960), options)) < 7000  # bounded
    assert closer_size(boxes((0, 0, 99, 5)), 4000, 4000, (1280, 1280), options) == (1280, 1280)  # a speck


def test_a_page_shrunk_beyond_reading_that_shows_nothing_is_looked_at_again():
    nothing = Detections(empty_quads(), np.zeros(0, np.float32))
    assert max(closer_size(nothing, 9000, 6000, (1280, 864), DetectOptions())) > 4000
    assert closer_size(nothing, 3000, 2000, (1280, 864), DetectOptions()) == (1280, 864)


def test_few_words_leave_time_for_another_look():
    assert is_sparse(boxes((0, 0, 100, 30)), (1280, 720))
    assert is_sparse(Detections(empty_quads(), np.zeros(0, np.float32)), (1280, 720))
    assert not is_sparse(boxes(*((0, 40 * i, 800, 40 * i + 30) for i in range(40))), (1280, 960))


def test_the_second_look_adds_what_the_first_missed():
    first = boxes((0, 0, 100, 20), (300, 300, 340, 340), (460, 300, 500, 340))
    second = boxes((2, 1, 99, 21), (0, 100, 200, 160), (295, 295, 505, 345), (90, 0, 110, 200))
    merged = merge_looks(first, second)
    assert sorted(merged.quads[:, 0].tolist()) == [[0, 0], [0, 100], [295, 295]]
    assert len(merge_looks(first, boxes())) == 3 and len(merge_looks(boxes(), second)) >= 3


def test_polygons_come_along():
    first, second = boxes((0, 0, 100, 20)), boxes((0, 100, 100, 120))
    first, second = (Detections(d.quads, d.scores, tuple(d.quads)) for d in (first, second))
    merged = merge_looks(first, second)
    assert len(merged.polygons) == 2 and np.array_equal(merged.polygons[1], merged.quads[1])
