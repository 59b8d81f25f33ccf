"""Vertical Chinese and Japanese, with real weights: columns from the right, and what is not seen in a column lying down."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from inkline import Ocr
from inkline.layout.reading_order import is_vertical

FONTS = ("NotoSerifCJK-Regular.ttc", "NotoSansCJK-Regular.ttc", "DroidSansFallbackFull.ttf")
COLUMNS = ("コーヒーを、ちょっと飲んだ。", "今日はとても寒いですね。", "ニューヨークのホテルで。")


def font():
    for name in FONTS:
        try:
            return ImageFont.truetype(name, 36)
        except OSError:
            continue
    pytest.skip("no font with kana and Han here")


def square(char: str, letters: ImageFont.FreeTypeFont) -> Image.Image:
    """A character as vertical writing has it: ー stands upright, marks and small kana go to the top right."""
    out = Image.new("L", (40, 40), 255)
    ImageDraw.Draw(out).text((2, -6), char, font=letters, fill=0)
    if char == "ー":
        return out.rotate(90)
    shift = {"。": (24, -24), "、": (24, -24), "ょ": (4, -4), "ュ": (4, -4), "っ": (4, -4)}.get(char, (0, 0))
    return (
        Image.eval(out, lambda v: 255 - v)
        .transform(out.size, Image.Transform.AFFINE, (1, 0, -shift[0], 0, 1, -shift[1]))
        .point(lambda v: 255 - v)
    )


def test_columns_are_read_from_the_right_with_bars_marks_and_small_kana() -> None:
    letters = font()
    page = Image.new("RGB", (420, 700), "white")
    for number, column in enumerate(COLUMNS):
        for row, char in enumerate(column):
            page.paste(square(char, letters).convert("RGB"), (320 - 110 * number, 40 + 42 * row))
    with Ocr(lang="ja", cpu_threads=1) as ocr:
        assert [line.text for line in ocr(page).lines] == list(COLUMNS)


def test_vertical_pages_are_told_by_their_characters() -> None:
    assert is_vertical([90, 0], ["吾輩は猫である", "12"]) and not is_vertical([90], ["Figure 3"]) and not is_vertical([], [])
