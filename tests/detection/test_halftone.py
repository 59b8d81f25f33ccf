"""Fields of printed dots: made even, text on them kept; pages without them stay as they are."""

import tracemalloc

import cv2
import numpy as np
import pytest

from inkline.detection import halftone
from inkline.detection.halftone import without_halftone
from inkline.detection.search import find_all
from inkline.types import Detections

NOTHING = Detections(np.zeros((0, 4, 2), np.float32), np.zeros(0, np.float32))


def write(image, text, at, grey, scale=0.9, thick=3):
    cv2.putText(image, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, (grey,) * 3, thick)


def page(dark, pitch=4):
    """A page with a row of dots, pale with dark letters or dark with light ones, and a line of text below it."""
    image = np.full((160, 640, 3), 255, np.uint8)
    y, x = np.mgrid[40:84, 20:620]
    dots = (y % pitch < pitch // 2) & ((x + y // pitch % 2 * 2) % pitch < pitch // 2)
    image[40:84, 20:620][~dots if dark else dots] = 0
    write(image, "FY2012 FY2013", (60, 74), 255 if dark else 0)
    write(image, "Revenue 7230 8382", (60, 124), 0)
    return image


@pytest.mark.parametrize("dark", [False, True])
def test_a_field_of_dots_becomes_even_and_its_text_stays(dark):
    image = page(dark)
    before = image.copy()
    out = without_halftone(image)
    assert np.array_equal(image, before)
    assert np.array_equal(out[96:], image[96:])  # the text below
    paper, letters = out[50:76, 400:600].astype(int), out[48:76, 60:300]
    assert abs(np.median(paper) - (0 if dark else 255)) < 3 and paper.std() < 30
    share = float((letters > 128).mean() if dark else (letters < 128).mean())
    assert 0.1 < share < 0.4
    # It is read so if more is found on it, and as it is otherwise.
    line = Detections(np.array([[[50, 45], [300, 45], [300, 78], [50, 78]]], np.float32), np.ones(1, np.float32))
    found = find_all(image, lambda seen: NOTHING, lambda seen: line)
    assert np.array_equal(found.image, out) and len(found.lines) == 1
    found = find_all(image, lambda seen: line, lambda seen: NOTHING)
    assert np.array_equal(found.image, image) and len(found.lines) == 1


def test_a_page_without_dots_is_looked_at_once_in_one_direction(monkeypatch):
    looks = []
    shares = halftone._shares
    monkeypatch.setattr(halftone, "_shares", lambda image, *asked: looks.append(asked) or shares(image, *asked))
    image = np.full((640, 640, 3), 255, np.uint8)
    write(image, "Revenue 7230 8382", (60, 124), 0)
    assert without_halftone(image) is image and looks == [(halftone.SOFT_STEP, "down")]


@pytest.mark.parametrize("height", [5, 16, 17, 23, 24, 40, 160])
@pytest.mark.parametrize("direction", ["across", "down"])
def test_bands_of_a_page_are_seen_as_the_whole_and_take_less_memory(height, direction, monkeypatch):
    image = np.random.default_rng(0).integers(0, 256, (height, 83, 3), np.uint8)
    whole = halftone._shares(image, 64, direction)
    monkeypatch.setattr(halftone, "BAND_PX", 16)
    assert np.array_equal(halftone._shares(image, 64, direction), whole) and whole.shape == (-(-height // 8), 11)
    monkeypatch.undo()
    blank = np.full((height * 20, 4000, 3), 255, np.uint8)
    tracemalloc.start()
    without_halftone(blank)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 14 << 20


@pytest.mark.parametrize(("font", "scale"), [(cv2.FONT_HERSHEY_SIMPLEX, 0.9), (cv2.FONT_HERSHEY_COMPLEX, 1.2)])
@pytest.mark.parametrize("pitch", [5, 6.3, 7])
def test_dots_that_a_scan_has_blurred_are_taken_away_and_signs_stay(font, scale, pitch):
    # Dots drawn four times as large, in rows that are shifted by half a step; letters on them, and a line of text below.
    image = np.full((640, 1600, 3), 255, np.uint8)
    y, x = np.mgrid[40:400, 80:1520]
    dots = np.cos(np.pi * x / (2 * pitch)) * np.cos(np.pi * y / (2 * pitch)) > 0.3
    image[40:400, 80:1520][dots] = 0
    for at in ((140, 200), (140, 560)):
        cv2.putText(image, "-2% 0.6 -5%", at, font, 4 * scale, (0, 0, 0), 12)
    image = cv2.GaussianBlur(cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA), (0, 0), 0.15 * pitch)
    out = without_halftone(image)
    assert np.array_equal(out[110:], image[110:])
    paper = out[64:92, 100:360].astype(int)
    assert paper.mean() > 235 and paper.std() < 15, (paper.mean(), paper.std())
    # What is ink in the line below is ink on the field, too, and little else is.
    ink, drawn = (part[15:60, 30:250, 0] < 110 for part in (out, np.roll(image, -90, axis=0)))
    assert (ink & drawn).sum() > 0.5 * drawn.sum() and (ink & ~drawn).sum() < 0.3 * drawn.sum()


@pytest.mark.parametrize("period", [6, 7, 8])
@pytest.mark.parametrize("wave", [0, 6])
@pytest.mark.parametrize("blur", [0.6, 0.8])
def test_fine_lines_across_each_other_are_no_dots(period, wave, blur):
    """Waves and grids, as on cheques and squared paper, were smoothed in part, and with them the letters on them."""
    y, x = np.mgrid[0:240, 0:640].astype(float)
    lines = ((y + wave * np.sin(x / 20)) % period < 1.2) | ((x + wave * np.sin(y / 20)) % period < 1.2)
    image = np.where(lines, 115, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    for bottom in range(30, 230, 34):
        write(image, "Amount 1,250.00 EUR IBAN DE12", (40, bottom), 0, thick=1)
    image = cv2.GaussianBlur(image, (0, 0), blur)
    assert without_halftone(image) is image


def test_a_field_is_even_up_to_the_edge_of_the_page():
    out = without_halftone(page(False)[:77, :605])
    assert out.shape == (77, 605, 3) and out[50:, 400:].astype(int).std() < 30


def test_text_and_a_few_dots_are_no_field():
    image = np.full((400, 640, 3), 255, np.uint8)
    for y in range(20, 300, 14):
        write(image, "MOST OF THIS MAY BE READ BY NOBODY ELSE " * 2, (10, y), 0, 0.4, 1)
    image[340:356, 40:60:2] = 0
    assert without_halftone(image) is image
    assert without_halftone(image[:5, :5]).shape == (5, 5, 3)
