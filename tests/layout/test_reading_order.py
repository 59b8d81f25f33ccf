"""Reading order."""

import numpy as np

from inkline.layout import reading_order
from inkline.layout.reading_order import column_order, reference_order


def box(x, y, w, h=20):
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]


def quads(*boxes):
    return np.array([box(*b) for b in boxes], np.float32)


def test_reference_order_straightens_rows_by_ten_pixels():
    q = quads((200, 10, 50), (10, 15, 50), (10, 60, 50), (100, 52, 50))
    assert reference_order(q).tolist() == [1, 0, 2, 3]


def test_two_columns_under_a_title_are_read_one_after_the_other():
    title, footer = (100, 0, 600, 40), (150, 400, 500, 20)
    left = [(20, 60 + 30 * i, 350) for i in range(10)]
    right = [(420, 62 + 30 * i, 340) for i in range(10)]
    order = column_order(quads(title, *left, *right, footer))
    assert order.tolist() == list(range(22))


def test_rows_of_a_receipt_are_read_across():
    rows = [cell for i in range(8) for cell in ((10, 30 * i, 120), (400, 30 * i + 3, 60))]
    shuffled = np.random.default_rng(0).permutation(len(rows))
    order = column_order(quads(*[rows[i] for i in shuffled]))
    assert [int(shuffled[i]) for i in order] == list(range(len(rows)))


def test_slightly_turned_rows_hold_together():
    q = quads(*[(100 * i, 10 + 4 * i, 90) for i in range(8)], *[(100 * i, 40 + 4 * i, 90) for i in range(8)])
    assert column_order(q).tolist() == list(range(16))


def test_no_boxes():
    for order in (column_order, reference_order):
        assert order(np.zeros((0, 4, 2), np.float32)).tolist() == []


def test_rows_of_a_turned_page_hold_together_up_to_fifteen_degrees():
    q = quads(*[(300 * i, 40 * row, 90) for row in range(12) for i in range(3)])
    for degrees in (-15, -3, 1, 9, 15):
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turned = (q @ np.array([[c, s], [-s, c]]).T).astype(np.float32)
        assert column_order(turned).tolist() == list(range(36))


def test_a_picture_beside_the_gutter_hides_no_column():
    left = [(20, 60 + 30 * i, 350) for i in range(20)]
    middle = [(400, 60 + 30 * i, 350) for i in (*range(5), *range(14, 20))]
    right = [(780, 60 + 30 * i, 350) for i in range(20)]
    assert column_order(quads(*left, *middle, *right)).tolist() == list(range(51))


def test_a_footer_under_one_column_is_read_last():
    left = [(20, 60 + 30 * i, 350) for i in range(10)]
    right = [(420, 60 + 30 * i, 350) for i in range(8)]
    assert column_order(quads(*left, *right, (20, 600, 100))).tolist() == list(range(19))


def test_lines_that_reach_into_the_next_column_do_not_cut_the_other_columns():
    first, second = ([(x, 60 + 30 * i, 280) for i in range(20)] for x in (20, 330))
    third = [(640, 60 + 30 * i, 590 if i < 2 else 280) for i in range(20)]  # two lines of the fourth column in them
    fourth = [(950, 60 + 30 * i, 280) for i in range(2, 20)]
    assert column_order(quads(*first, *second, *third, *fourth)).tolist() == list(range(78))


def test_boxes_at_random_are_looked_at_for_gutters_a_limited_number_of_times(monkeypatch):
    """Those that may be worth most first, so that the gutter of a page in two columns is among the first."""
    rng, looked, limit = np.random.default_rng(7), [], 40
    low = rng.uniform(0, (6000, 6000), (400, 2))
    boxes = np.concatenate([low, low + rng.uniform((10, 10), (200, 40), (400, 2))], axis=1).astype(np.float32)
    parted = reading_order._parted
    monkeypatch.setattr(reading_order, "MAX_GUTTERS", limit)
    monkeypatch.setattr(reading_order, "_parted", lambda *given: looked.append([*parted(*given)]) or looked[-1])
    regions = reading_order.read_regions(boxes, np.full(400, 3, np.float32))
    assert sorted(i for region in regions for row in region for i in row) == list(range(400))
    assert max(map(len, looked)) == limit
    worth = [most for _, most, *_ in looked[0]]
    assert worth == sorted(worth, reverse=True)
    lines = [(x, y, x + 400, y + 20) for x in (50, 480) for y in range(50, 650, 30)]
    monkeypatch.setattr(reading_order, "MAX_GUTTERS", 2)
    (left, right) = reading_order.read_regions(np.array(lines, np.float32), np.full(40, 8, np.float32))
    assert [row[0] for row in left + right] == list(range(40))
