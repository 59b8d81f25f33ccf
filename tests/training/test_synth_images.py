"""Drawn lines and pages: exact labels, determinism, shaping, fonts."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest

from inkline.errors import DataError
from inkline.training.synth.contact_sheet import contact_sheet, line_sheet, page_sheet
from inkline.training.synth.draw_line import choose_face, draw_line, draw_noted, draw_text
from inkline.training.synth.draw_page import draw_page, draw_warp, warped_page
from inkline.training.synth.font_faces import families, font_files, scan
from inkline.training.synth.page_layouts import LAYOUTS, Area
from inkline.training.synth.scripts import script_of
from inkline.training.synth.synth_options import LineOptions, PageOptions


@pytest.fixture
def options(latin_font: str) -> LineOptions:
    """Lines in the font that Pillow brings."""
    return LineOptions(script="english", fonts=(latin_font,), seed=4)


def test_a_line_depends_on_seed_and_index_alone(options: LineOptions) -> None:
    first = [draw_line(options, i) for i in range(12)]
    for i in (11, 3, 7):
        image, text = draw_line(options, i)
        assert text == first[i][1]
        assert np.array_equal(image, first[i][0])
    other = draw_line(replace(options, seed=5), 3)
    assert other[1] != first[3][1] or other[0].shape != first[3][0].shape


def test_lines_are_bgr_uint8_of_the_height_asked_for(options: LineOptions) -> None:
    for i in range(60):
        image, text = draw_line(replace(options, height=(30, 40)), i)
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
        assert 30 <= image.shape[0] <= 40 and image.shape[1] >= 4
        assert 1 <= len(text) <= 60
        assert int(image.max()) - int(image.min()) > 20, text  # something is written


def test_clean_lines_show_all_of_their_text(options: LineOptions) -> None:
    clean = replace(options, degrade=0, scene=0, tokens=0, min_chars=20, max_chars=30, height=(40, 40), punctuation=0)
    widths = []
    for i in range(20):
        image, text = draw_line(clean, i)
        widths.append(image.shape[1] / len(text))
        edge = np.concatenate([image[0], image[-1]]).astype(int).max(axis=-1)
        assert edge.max() - edge.min() < 160  # no glyph is cut by the upper or lower edge
    assert 10 < np.median(widths) < 30


def test_the_number_of_a_note_is_small_raised_and_at_the_end(options: LineOptions) -> None:
    noted = [draw_line(replace(options, notes=1.0), i)[1] for i in range(6)]
    assert all(re.search(r"\S\([1-9]\)$", text) for text in noted)
    script = script_of("english")
    face = families(options.fonts, script)[0][0]
    plain, with_note = draw_text(face, "xxx", 40, script), draw_noted(face, "xxx", "(3)", 40, script, 0.4)
    assert plain is not None and with_note is not None
    note = with_note.mask[:, plain.mask.shape[1] :]
    rows = np.flatnonzero(note.any(axis=1))
    assert rows[-1] < with_note.baseline - 5 and 10 < rows[-1] - rows[0] < 34


def test_a_missing_font_is_one_clear_error(latin_font: str, tmp_path) -> None:
    with pytest.raises(DataError, match=r"no font in .* draws devanagari"):
        draw_line(LineOptions(script="devanagari", fonts=(latin_font,)), 0)
    with pytest.raises(DataError, match="no such font file or folder"):
        font_files((str(tmp_path / "none"),))
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"not a font")
    assert scan((str(broken),)) == ()


def test_only_faces_with_every_character_are_chosen(latin_font: str) -> None:
    script = script_of("english")
    rng = np.random.default_rng(0)
    assert choose_face(rng, (latin_font,), script, "plain") is not None
    assert choose_face(rng, (latin_font,), script, "plain क") is None


def test_arabic_letters_join_and_run_to_the_left(needs_script) -> None:
    needs_script("arabic")
    script = script_of("arabic")
    face = next(f for g in families((), script) for f in g if "Naskh" in f.family or "DejaVu Sans" in f.family)
    joined, apart = draw_text(face, "ببب", 64, script), draw_text(face, "ب ب ب", 64, script)
    assert joined is not None and apart is not None
    assert joined.mask.shape[1] < 0.8 * apart.mask.shape[1]
    mixed = draw_text(face, "ا........", 64, script)  # the stroke of the alif must stand on the right
    assert mixed is not None
    columns = np.flatnonzero((mixed.mask > 128).sum(axis=0) > 0.6 * mixed.mask.shape[0])
    assert columns.min() > mixed.mask.shape[1] * 0.8


def test_devanagari_vowel_sign_i_stands_before_its_consonant(needs_script) -> None:
    needs_script("devanagari")
    script = script_of("devanagari")
    face = next(f for g in families((), script) for f in g if "Noto Sans Devanagari" in f.family)
    conjunct, apart = draw_text(face, "क्ष", 64, script), draw_text(face, "कष", 64, script)
    assert conjunct is not None and apart is not None
    assert conjunct.mask.shape[1] < 0.8 * apart.mask.shape[1]  # क्ष is one sign, not two letters and a virama


@pytest.mark.parametrize("script", ["cyrillic", "polytonic", "arabic", "devanagari", "tamil", "kannada", "chinese"])
def test_scripts_of_the_world_are_drawn(script: str, needs_script) -> None:
    needs_script(script)
    for i in range(8):
        image, text = draw_line(LineOptions(script=script, max_chars=24), i)
        assert image.std() > 2 and text


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_stay_on_the_page_and_do_not_overlap(name: str) -> None:
    for seed in range(10):
        layout = LAYOUTS[name](np.random.default_rng(seed), Area(50, 60, 700, 900), 20)
        boxes = []
        for slot in layout.slots:
            assert slot.x >= 40 and slot.x + slot.width <= 770, slot
            assert 55 <= slot.baseline <= 1000 and slot.em > 0
            if not slot.angle:
                boxes.append((slot.x, slot.baseline - 0.7 * slot.em, slot.x + slot.width, slot.baseline))
        for i, a in enumerate(boxes):
            for b in boxes[i + 1 :]:
                assert not (a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1), (a, b)


def test_quads_hold_all_the_ink_of_a_flat_page(options: LineOptions) -> None:
    flat = PageOptions(replace(options, degrade=0), width=(500, 600), camera=0, layouts=("paragraphs",), font=(18, 24))
    for i in range(6):
        image, found = draw_page(flat, i)
        assert found
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        dark = cv2.absdiff(gray, cv2.medianBlur(gray, 61)) > 60  # or light, on a dark page
        inside = np.zeros(dark.shape, np.uint8)
        for quad, text in found:
            assert quad.shape == (4, 2) and quad.dtype == np.float32 and text
            cv2.fillPoly(inside, [np.round(quad).astype(np.int32)], 1)
        rules = dark & (cv2.morphologyEx(dark.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, 60), np.uint8)) > 0)
        assert (dark & (inside == 0) & ~rules).sum() <= 0.002 * dark.sum()
        assert all(dark[int(q[0, 1]) : int(q[2, 1]) + 1, int(q[0, 0]) : int(q[2, 0]) + 1].any() for q, _ in found)


def test_pages_are_deterministic_and_quads_lie_on_them(options: LineOptions) -> None:
    settings = PageOptions(options, width=(300, 400), camera=1.0)
    for i in range(6):
        image, found = draw_page(settings, i)
        again, found_again = draw_page(settings, i)
        assert np.array_equal(image, again) and [t for _, t in found] == [t for _, t in found_again]
        for quad, _ in found:
            assert (quad >= 0).all() and (quad <= [image.shape[1], image.shape[0]]).all()


def test_unknown_layouts_and_sizes_are_refused() -> None:
    with pytest.raises(DataError, match="no layout spiral"):
        PageOptions(layouts=("spiral",))
    with pytest.raises(DataError, match="cannot be drawn"):
        PageOptions(width=(10, 20))


def test_points_and_pixels_warp_alike() -> None:
    for seed in range(8):
        warp = draw_warp(np.random.default_rng(seed), (200, 300), 1.0)
        flat = np.zeros((300, 200, 3), np.uint8)
        spots = np.array([[40, 50], [150, 60], [100, 250], [60, 200]], np.float32)
        for x, y in spots:
            cv2.circle(flat, (int(x), int(y)), 6, (255, 255, 255), -1)
        seen = warp.apply(flat, np.zeros((warp.target[1], warp.target[0], 3), np.uint8))
        for x, y in warp.forward(spots):
            assert seen[round(float(y)), round(float(x))].min() > 128


def test_the_mesh_flattens_the_photograph(options: LineOptions) -> None:
    settings = PageOptions(replace(options, degrade=0), width=(400, 400), layouts=("paragraphs",), font=(30, 30))
    seen, flat, grid = warped_page(settings, 1, (45, 31))
    assert grid.shape == (45, 31, 2) and grid.dtype == np.float32
    h, w = flat.shape[:2]
    dense = cv2.resize(grid, (w, h), interpolation=cv2.INTER_LINEAR)
    # cv2.resize keeps pixel centres; nodes lie on the page's corners, so stretch by hand
    xs, ys = np.linspace(0, 30, w, dtype=np.float32), np.linspace(0, 44, h, dtype=np.float32)
    mx, my = np.meshgrid(xs, ys)
    dense = cv2.remap(grid, mx, my, cv2.INTER_LINEAR)
    at = (dense + 1) / 2 * (np.array([seen.shape[1], seen.shape[0]], np.float32) - 1)
    back = cv2.remap(seen, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    a, b = (
        cv2.GaussianBlur(cv2.cvtColor(i, cv2.COLOR_BGR2GRAY), (0, 0), 3).astype(float)[20:-20, 20:-20] for i in (back, flat)
    )
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.8


def test_contact_sheets(options: LineOptions) -> None:
    assert line_sheet(options, 6).shape == (3 * 84, 1240, 3)
    assert page_sheet(PageOptions(options, width=(200, 250)), 2, (200, 200)).shape == (220, 800, 3)
    assert contact_sheet([]).dtype == np.uint8


def test_captions_of_every_script_get_a_face_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One face for a sheet of several scripts would show boxes for letters."""
    from inkline.training.synth import contact_sheet

    asked: list[str] = []
    own = contact_sheet.sized_font

    def sized_font(text: str, size: int) -> object:
        asked.append(text)
        return own("", size)

    monkeypatch.setattr(contact_sheet, "sized_font", sized_font)
    image = np.full((20, 60, 3), 255, np.uint8)
    contact_sheet.contact_sheet([(image, text) for text in ("one", "два", "two")])
    assert asked == ["onetwo", "два"]
