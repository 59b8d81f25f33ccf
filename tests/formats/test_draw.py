"""Pictures of pages."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from inkline.errors import OutputError, UsageError
from inkline.formats import draw, fonts
from inkline.formats.draw import encode_image
from inkline.types import Line, Page, Transform


def quad(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def page(*lines: Line, grey: int = 180) -> Page:
    image = np.full((120, 200, 3), grey, np.uint8)
    image.flags.writeable = False
    return Page(lines, (200, 120), load_image=lambda: image)


def line(text: str, box: np.ndarray, angle: int = 0) -> Line:
    return Line(text, 0.9, box, box, angle=angle)


def ink(picture: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> float:
    """Share of black pixels within a box of the right-hand panel."""
    return float((picture[y0:y1, 200 + x0 : 200 + x1].max(axis=2) < 80).mean())


def test_boxes_on_the_left_text_on_the_right() -> None:
    picture = page(line("Hello", quad(20, 30, 120, 60))).plot()
    assert picture.shape == (120, 400, 3) and picture.dtype == np.uint8
    assert (picture[:25, :200] == 180).all() and (picture[40, 100] != 180).any()
    assert ink(picture, 22, 32, 118, 58) > 0.03 and ink(picture, 0, 70, 200, 120) == 0
    np.testing.assert_array_equal(picture, page(line("Hello", quad(20, 30, 120, 60))).plot())


def test_upright_columns_run_downwards() -> None:
    box = quad(20, 10, 40, 110)
    column = ink(page(line("一一一一", box, 90)).plot(), 20, 10, 40, 110)
    assert column > 0.02
    rows = page(line("一一一一", box, 90)).plot()[12:108, 222:238].max(axis=2).min(axis=1) < 128
    assert np.diff(rows.astype(int)).clip(0).sum() == 4, "four strokes, one below the other"


def test_text_follows_the_direction_of_its_line() -> None:
    down = page(line("WW", quad(20, 10, 40, 110), 90)).plot()
    up = page(line("WW", quad(20, 10, 40, 110), 270)).plot()
    head = page(line("WW", quad(20, 10, 120, 30), 180)).plot()
    assert ink(down, 22, 12, 38, 60) > 0.05 and ink(down, 22, 60, 38, 108) == 0
    assert ink(up, 22, 60, 38, 108) > 0.05 and ink(up, 22, 12, 38, 60) == 0
    assert ink(head, 70, 12, 118, 28) > 0.05 and ink(head, 22, 12, 70, 28) == 0


@pytest.mark.parametrize(
    "box",
    [
        quad(-50, -20, 60, 20),
        quad(150, 100, 400, 300),
        quad(5, 5, 5, 5),
        quad(300, 300, 400, 320),
        quad(-90, -90, -5, -5),
    ],
)
def test_boxes_outside_of_the_page_do_no_harm(box: np.ndarray) -> None:
    assert page(line("text", box)).plot().shape == (120, 400, 3)


@pytest.mark.parametrize("text", ["", " ", "\n", "a\nb", "\0", "😀", "\ud800", "مرحبا", "ก็", "x" * 5000])
def test_any_text_can_be_drawn(text: str) -> None:
    assert page(line(text, quad(20, 30, 120, 60))).plot().shape == (120, 400, 3)


def test_boxes_alone() -> None:
    image = np.full((50, 60, 3), 255, np.uint8)
    out = draw.draw_boxes(image, [quad(5, 5, 40, 30), np.array([[1, 1], [30, 2], [9, 40]], np.float32)])
    assert (image == 255).all() and (out != 255).any() and out.shape == image.shape


def test_no_picture_of_preprocessing_that_did_not_happen() -> None:
    assert draw.draw_preprocessing(page()) is None


def test_straightening_undoes_turns_and_bends() -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (8, 10, 3), dtype=np.uint8), (200, 160), interpolation=cv2.INTER_CUBIC)
    for angle in (0, 90, 180, 270):
        np.testing.assert_array_equal(draw.straighten(image, Transform((200, 160), angle)), np.rot90(image, angle // 90))
    rows, cols = np.mgrid[0:20, 0:30].astype(np.float32) / np.array([[[19]], [[29]]], np.float32)
    grid = np.stack([cols, rows], axis=-1)
    flat = draw.straighten(image, Transform((200, 160), 0, grid))
    assert np.abs(flat.astype(int) - image).max() <= 12, "a regular grid leaves the page as it is"
    shifted = draw.straighten(image, Transform((200, 160), 0, np.clip(grid + np.float32(0.1), 0, 1)))
    assert np.abs(shifted[10:100, 10:150].astype(int) - image[26:116, 30:170]).mean() < 4


def test_panels_of_preprocessing() -> None:
    turned = Page((), (200, 120), transform=Transform((200, 120), 90), load_image=page().load_image)
    picture = draw.draw_preprocessing(turned)
    assert picture is not None and picture.shape == (225, 200 + 120 + 120, 3)


def test_pictures_are_encoded_by_their_ending() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    assert encode_image(image, ".PNG").startswith(b"\x89PNG") and encode_image(image, ".jpeg").startswith(b"\xff\xd8")
    with pytest.raises(UsageError, match=r"\.gif"):
        encode_image(image, ".gif")
    with pytest.raises(OutputError, match="too large"):
        encode_image(np.zeros((2, 70_000, 3), np.uint8), ".jpg")


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    caches = (fonts.sized_font, fonts._font_for, fonts._system_fonts)
    for cache in caches:
        cache.cache_clear()
    monkeypatch.setattr(fonts, "_FOUND_BY_SEARCH", {})
    monkeypatch.setattr(fonts, "font_folders", lambda: [tmp_path])
    yield
    for cache in caches:
        cache.cache_clear()


@pytest.mark.usefixtures("no_fonts")
def test_a_system_without_fonts_draws_latin_and_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    assert ink(page(line("Hello", quad(20, 30, 120, 60))).plot(), 22, 32, 118, 58) > 0.03
    assert not caplog.records
    page(line("你好", quad(20, 30, 120, 60))).plot()
    page(line("世界", quad(20, 30, 120, 60))).plot()
    (record,) = caplog.records
    assert "CJK" in record.getMessage()


def test_the_sample_pages_are_small(fixtures: Path) -> None:
    for path in (fixtures / "receipt.png", fixtures.parent.parent / "examples/sample.png"):
        assert path.stat().st_size < 50_000
