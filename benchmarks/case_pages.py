"""Small pages of each kind of trouble that people report, drawn in a font and a size, with the rows that stand on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
PROPORTIONAL = ("DejaVuSans", "DejaVuSerif", "NotoSans-Regular", "NotoSerif-Regular", "LiberationSans-Regular")
MONOSPACED = ("DejaVuSansMono", "DejaVuSansMono-Bold", "LiberationMono-Regular")
SIZES_PX = (18, 24, 32, 44)  # of the letters' em
INK, RULE, PALE = (20, 20, 20), (120, 120, 120), (215, 215, 215)


@dataclass(frozen=True, eq=False)
class Case:
    """A page and what is on it.

    image: uint8 (H, W, 3) BGR, or (H, W, 4) BGRA. rows: from the top, cells apart by tabs.
    """

    kind: str
    name: str
    image: np.ndarray
    rows: tuple[str, ...]


def font_paths(stems: Sequence[str]) -> dict[str, Path]:
    """Those of the fonts that this system has, by their file's stem."""
    files = [file for folder in FOLDERS for file in Path(folder).expanduser().rglob("*.ttf") if file.stem in stems]
    here = {file.stem: file for file in files}
    return {stem: here[stem] for stem in stems if stem in here}


def table(font: FreeTypeFont, rows: Sequence[str], widths: Sequence[float], rules: bool = False, align: str = "") -> np.ndarray:
    """A table, RGB; cells apart by tabs. widths: of the columns in ems; align: per column l, r or m, all l if empty."""
    em, pitch = font.size, round(1.9 * font.size)
    lefts = np.cumsum([1.0, *widths]) * em
    page = Image.new("RGB", (round(lefts[-1] + em), pitch * len(rows) + 2 * round(em)), "white")
    draw = ImageDraw.Draw(page)
    for i, row in enumerate(rows):
        middle = em + pitch * i + pitch / 2
        for j, cell in enumerate(row.split("\t")):
            side = align[j] if align else "l"
            x = {"l": lefts[j] + 0.4 * em, "r": lefts[j + 1] - 0.4 * em, "m": (lefts[j] + lefts[j + 1]) / 2}[side]
            draw.text((x, middle + 0.35 * em), cell, fill=INK, font=font, anchor=f"{side}s")
        if rules:
            draw.line((lefts[0], middle + pitch / 2, lefts[-1], middle + pitch / 2), fill=RULE, width=max(round(em) // 16, 1))
    if rules:
        for x in lefts:
            draw.line((x, em, x, em + pitch * len(rows)), fill=RULE, width=max(round(em) // 16, 1))
    return np.asarray(page)


def lines(font: FreeTypeFont, rows: Sequence[str], pitch: float = 1.7) -> np.ndarray:
    """Lines of text, RGB."""
    em = font.size
    width = max(font.getlength(row) for row in rows) + 2 * em
    page = Image.new("RGB", (round(width), round(pitch * em * len(rows) + 1.5 * em)), "white")
    draw = ImageDraw.Draw(page)
    for i, row in enumerate(rows):
        draw.text((em, em * (1.4 + pitch * i)), row, fill=INK, font=font, anchor="ls")
    return np.asarray(page)


RESULTS: tuple[str, ...] = (
    "Test\tResult\tRef\tUnit",
    "Glucose\t-\t-\tmmol/L",
    "Protein\t+\t-\tg/L",
    "Ketones\t-\t+\tmmol/L",
    "pH\t6.5\t4.5-8.0\t",
)
RESULTS += ("Delta\t-7\t0\t%", "Nitrite\t+\t+\t/µL")
SALES: tuple[str, ...] = ("Item\tQty\tPrice\tAmount", "Widget A\t2\t10.00\t20.00")
SALES += ("Widget B\t1\t7.50\t7.50", "Cable 2 m\t10\t1.25\t12.50")
SALES += ("Screw\t7\t0\t0", "Washer\t4\t0\t0", "Nut, steel\t5\t3\t15", "Total\t\t\t40.00")
TITLES: tuple[str, ...] = (
    "Introduction\t1",
    "1.1 Background\t3",
    "1.2 Purpose of the study\t7",
    "2 Methods\t12",
    "2.1 Sampling and analysis\t15",
)
TITLES += ("Conclusions\t148", "References\t151")
LEADERS = (".", ". ", " . ", "·")  # dots as they are set
LEASE: tuple[str, ...] = ("The tenant shall pay the rent on the first day", "of each month without deduction or set-off,")
LEASE += ("and shall keep the premises in good repair.", "Either party may terminate this agreement by")
LEASE += ("giving three months notice in writing.", "Any dispute shall be settled by arbitration.")
SIGNS = (
    "25.0 ± 0.5 °C",
    "10 µm to 50 µm",
    "ΔT = 3 K",
    "Price ¥1200 or ¥ 980",
    "Tolerance 0.02 mm, 90°",
    "Boil at 100 °C, 212 °F",
)
LETTERS = ("Œuvre complète", "Ærø and Æon", "L’ŒIL", "„Guten Tag“ sagte er", "Er las „Die Zeit“ gern", "das ‚Wort‘ allein")
RAISED = ("6.02 × 10²³ mol", "as said before¹² and later³.", "Area 120 m² or 3 cm³", "from 10⁻¹⁹ to 10⁶ m")
ZEROS = ("0000", "1000000", "8888 7777 6666", "5500 0000 0000 0004", "00", "IBAN DE89 3704 0044 0000 00", "0.00")
ALONE = ("Name of the owner", "O", "Street and number", "0", "Town", "7", "Country", "X")


def signs_in_cells(font: FreeTypeFont, rules: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    return table(font, RESULTS, (7, 6, 7, 6), rules, "lmml" if rules else ""), RESULTS


def one_sign(font: FreeTypeFont, sign: str) -> tuple[np.ndarray, tuple[str, ...]]:
    rows = tuple(f"Sample {i}\t{sign}" for i in range(1, 9))
    return table(font, rows, (8, 4)), rows


def digits_in_cells(font: FreeTypeFont, rules: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    return table(font, SALES, (8, 4, 6, 6), rules, "lrrr"), SALES


def leaders(font: FreeTypeFont, dots: str) -> tuple[np.ndarray, tuple[str, ...]]:
    em, width = font.size, round(26 * font.size)
    page = Image.new("RGB", (width, round(1.8 * em * len(TITLES) + em)), "white")
    draw = ImageDraw.Draw(page)
    for i, row in enumerate(TITLES):
        (title, number), y = row.split("\t"), em * (1.4 + 1.8 * i)
        start, end = em * 1.2 + font.getlength(title + " "), width - 1.2 * em - font.getlength(" " + number)
        draw.text((em, y), title, fill=INK, font=font, anchor="ls")
        draw.text((end, y), dots * int((end - start) / font.getlength(dots)), fill=INK, font=font, anchor="rs")
        draw.text((width - em, y), number, fill=INK, font=font, anchor="rs")
    return np.asarray(page), TITLES


def watermark(font: FreeTypeFont, over: bool, grey: int = 215) -> tuple[np.ndarray, tuple[str, ...]]:
    page = Image.fromarray(lines(font, LEASE))
    mark = Image.new("L", page.size, 255)
    middle = page.width / 2, page.height / 2
    ImageDraw.Draw(mark).text(middle, "CONFIDENTIAL", fill=grey, font=font.font_variant(size=page.width // 8), anchor="mm")
    mark = mark.rotate(18, Image.Resampling.BICUBIC, fillcolor=255)
    both = np.asarray(page).astype(np.float32), np.asarray(mark)[:, :, None].astype(np.float32)
    mixed = np.minimum(*both) if not over else np.where(both[1] < 250, 0.4 * both[0] + 0.6 * both[1], both[0])
    return np.broadcast_to(mixed, both[0].shape).astype(np.uint8), LEASE


def stamp(font: FreeTypeFont) -> tuple[np.ndarray, tuple[str, ...]]:
    page = lines(font, LEASE).astype(np.float32)
    mark = Image.new("RGB", (page.shape[1], page.shape[0]), "white")
    draw, em, (w, h) = ImageDraw.Draw(mark), font.size, (page.shape[1], page.shape[0])
    draw.rounded_rectangle((w * 0.3, h * 0.25, w * 0.8, h * 0.75), em, outline=(240, 150, 150), width=max(round(em) // 4, 2))
    draw.text((w * 0.55, h / 2), "PAID", fill=(240, 150, 150), font=font.font_variant(size=round(h * 0.35)), anchor="mm")
    mark = mark.rotate(9, Image.Resampling.BICUBIC, fillcolor="white")
    return (page * np.asarray(mark) / 255).astype(np.uint8), LEASE


def text_lines(font: FreeTypeFont, rows: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    return lines(font, rows, 2.0), rows


def alone(font: FreeTypeFont) -> tuple[np.ndarray, tuple[str, ...]]:
    rows = tuple(f"{ALONE[i]}\t{ALONE[i + 1]}" for i in range(0, len(ALONE), 2))
    return table(font, rows, (12, 4)), rows


def blanks(font: FreeTypeFont) -> tuple[np.ndarray, tuple[str, ...]]:
    rows = (
        "Name: ________________ Date: ________",
        "Signature: ____________",
        "user_name = get_user_id(db)",
        "snake_case_2_final.txt",
    )
    return lines(font, rows, 2.0), rows


def three_inks(font: FreeTypeFont) -> tuple[np.ndarray, tuple[str, ...]]:
    em, rows = font.size, ("Black first line", "White second line", "Grey third line")
    page = Image.new("RGBA", (round(14 * em), round(7 * em)), (0, 0, 0, 0))
    for i, (row, ink) in enumerate(zip(rows, (0, 255, 128), strict=True)):
        ImageDraw.Draw(page).text((em, em * (1.6 + 2 * i)), row, fill=(ink, ink, ink, 255), font=font, anchor="ls")
    return np.asarray(page), rows


Draw = Callable[[FreeTypeFont], tuple[np.ndarray, tuple[str, ...]]]

# kind -> its drawings by name
KINDS: dict[str, dict[str, Draw]] = {
    "one sign in cells": {sign: partial(one_sign, sign=sign) for sign in "-+/="},
    "signs in a table": {name: partial(signs_in_cells, rules=name == "ruled") for name in ("plain", "ruled")},
    "digits in a table": {name: partial(digits_in_cells, rules=name == "ruled") for name in ("plain", "ruled")},
    "a letter or digit alone": {"": alone},
    "dot leaders": {repr(dots): partial(leaders, dots=dots) for dots in LEADERS},
    "watermark": {"under": partial(watermark, over=False), "over": partial(watermark, over=True), "stamp": stamp},
    "signs": {"": partial(text_lines, rows=SIGNS)},
    "letters and quotes": {"": partial(text_lines, rows=LETTERS)},
    "raised figures": {"": partial(text_lines, rows=RAISED)},
    "zeros": {"": partial(text_lines, rows=ZEROS)},
    "blanks": {"": blanks},
    "inks on transparent": {"": three_inks},
}
IN_MONOSPACE = ("zeros",)


def cases(kinds: Sequence[str] = tuple(KINDS), fonts: int = 9, sizes: Sequence[int] = SIZES_PX) -> Iterator[Case]:
    """The pages of some kinds, each in at most `fonts` of the fonts of this system and in all sizes (px of an em)."""
    for kind in kinds:
        stems = MONOSPACED if kind in IN_MONOSPACE else PROPORTIONAL
        for stem, path in list(font_paths(stems).items())[:fonts]:
            for size in sizes:
                font = ImageFont.truetype(path, size)
                for name, draw in KINDS[kind].items():
                    image, rows = draw(font)
                    order = [2, 1, 0, 3][: image.shape[2]]
                    yield Case(kind, f"{name} {stem} {size} px".strip(), np.ascontiguousarray(image[:, :, order]), rows)
