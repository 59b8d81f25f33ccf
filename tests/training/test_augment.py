"""Augmentations: deterministic, inputs untouched, polygons stay on their text."""

import cv2
import numpy as np
import pytest

from inkline.training.data.augment_crops import (
    NO_REC_AUGMENT,
    ClsAugment,
    RecAugment,
    augment_line,
    augment_turned,
    concatenate,
    distort,
    perspective,
    stretch,
    turned,
)
from inkline.training.data.augment_pages import (
    AnnotatedPage,
    DetAugment,
    augment_page,
    copy_paste,
    flip,
    random_crop,
    turn,
)
from tests.training.conftest import page_image

# as in the recipes of PP-OCRv6
V6_AUGMENT = DetAugment(rotate=45.0, rotate_share=0.5, fit=True, resize=(0.1, 2.0), perspective=0.3, colour=0.5)


def annotated(seed: int = 0) -> AnnotatedPage:
    """A page of black bars."""
    image, quads = page_image(seed)
    return AnnotatedPage(image, tuple(quads), ("a", "b", "c"), (False, False, True))


def darkness(page: AnnotatedPage) -> float:
    """The mean over polygons of the share of black pixels in their middle, for those on the page."""
    shares = []
    for polygon in page.polygons:
        centre = polygon.mean(axis=0)
        mask = np.zeros(page.image.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(centre + (polygon - centre) * 0.8).astype(np.int32)], 1)
        if mask.sum() > 20:
            shares.append((page.image[mask > 0].mean(axis=-1) < 128).mean())
    return float(np.mean(shares)) if shares else 1.0


@pytest.mark.parametrize("recipe", [DetAugment(), V6_AUGMENT, DetAugment(turns=1.0), DetAugment(crop=(320, 480))])
def test_pages_are_cropped_to_size_and_polygons_follow(recipe: DetAugment) -> None:
    page, other = annotated(), annotated(1)
    before = page.image.copy()
    for seed in range(25):
        done = augment_page(np.random.default_rng(seed), page, other, recipe)
        again = augment_page(np.random.default_rng(seed), page, other, recipe)
        assert done.image.shape == (*recipe.crop, 3) and done.image.dtype == np.uint8
        assert np.array_equal(done.image, again.image)
        assert len(done.polygons) == len(done.texts) == len(done.ignore)
        assert all(p.dtype == np.float32 for p in done.polygons)
        assert darkness(done) > 0.9, seed
    assert np.array_equal(page.image, before)


def test_flip_keeps_the_first_corner_at_the_top_left() -> None:
    done = flip(annotated())
    for polygon in done.polygons:
        assert np.argmin(polygon.sum(axis=1)) == 0
        assert cv2.contourArea(polygon, oriented=True) > 0
    assert darkness(done) == 1.0
    twice = flip(done)
    assert all(np.allclose(a, b) for a, b in zip(twice.polygons, annotated().polygons, strict=True))


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_turns_move_pixels_and_points_alike(quarters: int) -> None:
    done = turn(annotated(), quarters)
    assert darkness(done) == 1.0
    assert np.array_equal(done.image, np.rot90(annotated().image, quarters))


def test_pasted_regions_cover_no_other_text() -> None:
    page = annotated()
    for seed in range(20):
        done = copy_paste(np.random.default_rng(seed), page, annotated(3))
        assert done.polygons[:3] == page.polygons
        for pasted in done.polygons[3:]:
            mask = np.zeros(page.image.shape[:2], np.uint8)
            cv2.fillPoly(mask, [pasted.astype(np.int32)], 1)
            for polygon in page.polygons:
                inner = np.zeros_like(mask)
                cv2.fillPoly(inner, [polygon.astype(np.int32)], 1)
                assert not (mask & inner).any()
        assert darkness(done) > 0.9


def test_crops_cut_no_text_where_rows_and_columns_are_free() -> None:
    page = annotated()
    for seed in range(30):
        done = random_crop(np.random.default_rng(seed), page, DetAugment(crop=(200, 200)))
        for polygon, skip in zip(done.polygons, done.ignore, strict=True):
            if not skip:
                assert polygon.min() > -1 and polygon.max() < 201


def test_a_page_without_text_still_makes_a_crop() -> None:
    empty = AnnotatedPage(np.full((50, 80, 3), 9, np.uint8), (), (), ())
    done = augment_page(np.random.default_rng(0), empty, empty, DetAugment())
    assert done.image.shape == (640, 640, 3) and done.polygons == ()


def text_line(width: int = 160) -> np.ndarray:
    """A line image with some structure."""
    image = np.full((40, width, 3), 230, np.uint8)
    cv2.putText(image, "Inkline 42", (6, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 30, 40), 2)
    return image


@pytest.mark.parametrize("warp", [distort, stretch, perspective])
def test_tia_keeps_size_and_ink(warp) -> None:
    image = text_line()
    for seed in range(10):
        done = warp(np.random.default_rng(seed), image, 4)
        assert done.shape == image.shape and done.dtype == np.uint8
        ink, before = (done < 128).mean(), (image < 128).mean()
        assert 0.6 * before < ink < 1.6 * before
        assert not np.array_equal(done, image)


def test_line_augmentation_is_deterministic_and_leaves_its_input() -> None:
    image = text_line()
    before = image.copy()
    everything = RecAugment(1, 1, 1, 1, 1, 1, 1, 1, 1)
    for recipe in (RecAugment(), everything):
        for seed in range(15):
            a, b = (augment_line(np.random.default_rng(seed), image, recipe) for _ in range(2))
            assert np.array_equal(a, b) and a.dtype == np.uint8 and a.shape[0] >= 36
    assert np.array_equal(image, before)
    assert np.array_equal(augment_line(np.random.default_rng(0), image, NO_REC_AUGMENT), image)


def test_tiny_lines_survive_every_step() -> None:
    everything = RecAugment(1, 1, 1, 1, 1, 1, 1, 1, 1)
    for shape in ((1, 1, 3), (2, 30, 3), (30, 2, 3)):
        done = augment_line(np.random.default_rng(0), np.full(shape, 7, np.uint8), everything)
        assert done.shape[0] >= 1 and done.shape[1] >= 1


def test_joined_lines_read_on_in_their_direction() -> None:
    a, b = text_line(100), text_line(60)[:20]
    image, text = concatenate([a, b], ["one ", "two"])
    assert image.shape == (40, 220, 3) and text == "one two"
    assert concatenate([a, b], ["אב", "גד"], rtl=True)[1] == "גדאב"


@pytest.mark.parametrize("label", ["0", "90", "180", "270"])
def test_turning_back_by_the_label_makes_the_page_upright(label: str) -> None:
    image = text_line()
    shown = turned(image, label)
    assert np.array_equal(np.rot90(shown, int(label) // 90), image)


def test_classifier_augmentation_is_deterministic() -> None:
    image = text_line()
    for seed in range(10):
        a, b = (augment_turned(np.random.default_rng(seed), image, ClsAugment()) for _ in range(2))
        assert np.array_equal(a, b) and a.dtype == np.uint8
