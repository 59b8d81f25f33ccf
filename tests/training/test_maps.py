"""Target maps: values where one can say them, and text found again from them."""

import cv2
import numpy as np
import pytest

from inkline.training.data.target_maps import MapOptions, db_maps, east_maps, sast_maps, shrink_quad, shrunk, to_quad

BOX = np.array([[40, 40], [200, 40], [200, 80], [40, 80]], np.float32)
TILTED = np.array([[60, 120], [210, 150], [203, 185], [53, 155]], np.float32)


def test_db_maps_of_a_rectangle() -> None:
    maps = db_maps((256, 256), [BOX], [False], MapOptions())
    assert all(m.shape == (256, 256) and m.dtype == np.float32 for m in maps.values())
    distance = 160 * 40 * (1 - 0.4**2) / 400  # 13.44 pixels
    assert set(np.unique(maps["shrink_map"])) == {0, 1} and maps["shrink_mask"].min() == 1
    ys, xs = np.nonzero(maps["shrink_map"])
    assert abs(ys.min() - (40 + distance)) <= 1 and abs(ys.max() - (80 - distance)) <= 1
    assert abs(xs.min() - (40 + distance)) <= 1 and abs(xs.max() - (200 - distance)) <= 1
    border = maps["thresh_map"]
    assert border[40, 120] == pytest.approx(0.7) and border[60, 120] == pytest.approx(0.3, abs=0.01)
    assert border[33, 120] == pytest.approx(0.7 - 0.4 * 7 / distance, abs=0.02)
    assert border[200, 200] == pytest.approx(0.3) and border.max() <= 0.7 + 1e-6
    assert maps["thresh_mask"][40 - 12, 120] == 1 and maps["thresh_mask"][40 - 15, 120] == 0


def test_ignored_and_tiny_text_is_masked() -> None:
    tiny = np.array([[10, 10], [40, 10], [40, 15], [10, 15]], np.float32)
    maps = db_maps((128, 256), [BOX, tiny], [True, False], MapOptions())
    assert maps["shrink_map"].sum() == 0 and maps["thresh_mask"].sum() == 0
    assert maps["shrink_mask"][60, 100] == 0 and maps["shrink_mask"][12, 20] == 0 and maps["shrink_mask"][100, 100] == 1


def test_the_shrink_ratio_grows_with_the_training() -> None:
    start, end = (db_maps((128, 256), [BOX], [False], MapOptions(growing=True), p)["shrink_map"].sum() for p in (0, 1))
    fixed = db_maps((128, 256), [BOX], [False], MapOptions(), 1)["shrink_map"].sum()
    assert start == fixed < end


def test_polygons_reach_over_the_border_and_degenerate_ones_do_not_matter() -> None:
    wide = BOX + np.array([150, 0], np.float32)
    line = np.array([[5, 5], [60, 60], [5, 5], [60, 60]], np.float32)
    maps = db_maps((128, 256), [wide, line], [False, False], MapOptions())
    assert maps["shrink_map"].sum() > 0 and all(np.isfinite(m).all() for m in maps.values())
    assert shrunk(np.array([[0, 0], [4, 0], [2, 0]], float), 0.4) == []


@pytest.mark.parametrize("quad", [BOX, TILTED])
def test_east_cells_know_their_corners(quad: np.ndarray) -> None:
    maps = east_maps((256, 256), [quad], [False])
    score, geo, mask = maps["score"], maps["geo"], maps["mask"]
    assert score.shape == (1, 64, 64) and geo.shape == (9, 64, 64) and mask.shape == (1, 64, 64)
    ys, xs = np.nonzero(score[0])
    assert len(ys) > 20 and mask.min() == 1
    for corner in range(4):
        assert np.allclose(4 * xs - geo[2 * corner, ys, xs], quad[corner, 0])
        assert np.allclose(4 * ys - geo[2 * corner + 1, ys, xs], quad[corner, 1])
    short = min(np.linalg.norm(quad[1] - quad[2]), np.linalg.norm(quad[0] - quad[3]))
    assert np.allclose(geo[8, ys, xs], 1 / short) and geo[8].sum() == pytest.approx(len(ys) / short, rel=1e-4)
    inner = shrink_quad(quad)
    assert 0 < cv2.contourArea(inner.astype(np.float32)) < 0.5 * cv2.contourArea(quad)


def test_east_masks_what_it_must_not_learn() -> None:
    maps = east_maps((256, 256), [BOX, TILTED[[0, 3, 2, 1]]], [True, False])
    assert maps["mask"][0, 15, 30] == 0  # ignored
    assert maps["mask"][0, 38, 32] == 0  # listed counter-clockwise: mirrored text


def test_polygons_become_quads_that_start_where_the_text_starts() -> None:
    half = np.linspace(40, 200, 5)
    polygon = np.concatenate([np.stack([half, np.full(5, 40)], 1), np.stack([half[::-1], np.full(5, 80)], 1)])
    assert np.allclose(to_quad(polygon.astype(np.float32)), BOX, atol=0.5)


@pytest.mark.parametrize("quad", [BOX, TILTED])
def test_sast_cells_know_corners_centre_and_sides(quad: np.ndarray) -> None:
    maps = sast_maps((256, 256), [quad], [False])
    shapes = {"score": 1, "border": 5, "mask": 1, "tvo": 9, "tco": 3}
    assert {name: len(m) for name, m in maps.items()} == shapes
    ys, xs = np.nonzero(maps["score"][0])
    assert len(ys) > 20
    cells = np.stack([xs, ys], 1)
    for corner in range(4):
        assert np.allclose(cells - maps["tvo"][2 * corner : 2 * corner + 2, ys, xs].T, quad[corner] / 4, atol=1e-4)
    assert np.allclose(cells - maps["tco"][:2, ys, xs].T, quad.mean(axis=0) / 4, atol=1e-4)
    upper = cells + maps["border"][[1, 0]][:, ys, xs].T
    side = (quad[1] - quad[0]) / np.linalg.norm(quad[1] - quad[0])
    off = (upper - quad[0] / 4) @ np.array([-side[1], side[0]])
    assert np.abs(off).max() < 0.05
    lower = cells + maps["border"][[3, 2]][:, ys, xs].T
    assert np.abs((lower - quad[3] / 4) @ np.array([-side[1], side[0]])).max() < 0.05


def test_sast_curved_text_and_ignored_text() -> None:
    x = np.linspace(20, 230, 7)
    bend = 30 * np.sin(x / 60)
    curved = np.concatenate([np.stack([x, 100 + bend], 1), np.stack([x[::-1], 140 + bend[::-1]], 1)]).astype(np.float32)
    maps = sast_maps((256, 256), [curved, BOX - np.array([0, 20], np.float32)], [False, True])
    assert maps["score"].sum() > 100 and np.isfinite(maps["border"]).all()
    assert maps["mask"].min() == pytest.approx(0.15)
    ys, xs = np.nonzero(maps["score"][0])
    height = np.abs(maps["border"][2, ys, xs] - maps["border"][0, ys, xs])
    assert 7 < np.median(height) < 13  # 40 pixels are 10 cells
