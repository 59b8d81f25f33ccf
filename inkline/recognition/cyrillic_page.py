"""Signs of pages in Cyrillic that nets take for others, told by their ink and what is beside them: №, ₽, ООО."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.corrections import CYRILLIC, unify_script
from inkline.recognition.letter_case import with_letter_case
from inkline.recognition.lone import O_RATIO
from inkline.recognition.shapes import Pieces, pieces_of
from inkline.recognition.signs import Char, rebuilt, rows_of, with_chars
from inkline.recognition.words import ink_mask
from inkline.scripts import NO_LETTERS, script_of_char
from inkline.types import Image, Text

MIN_LETTERS, MIN_SHARE = 8, 0.6  # letters of a page in Cyrillic, and their share of all its letters
NUMBER_SIGN = re.compile(r"(?:(?<![^\W_])|(?<=N)|(?<=N[oоeе]))N(?=[oоeе]?N|(?![^\W\d_]{3}))")
SMALL_O = frozenset("oоeе:;•&@°º")  # what is read of the small o with its bar
NE = re.compile(r"N[eе](?=\s?(?:\d|п/п))")
ROUBLE = re.compile(r"(?<=\d)\s?[PР](?![^\W_])")
OOO = re.compile(r"(?<![\w.,])(?<!\d )[0OОoо]{3}(?![\w.,])")
LATIN_NAME = re.compile(r"(?<![^\W\d_])[A-Z]{2,}(?![^\W\d_])|(?<=°)[A-Z]|(?<=° )[A-Z]")
# 2024 г., 5 руб.; not Ду50 Ру6, which are a pipe's
AMOUNT = r"(?<![^\W_])\d[\d.,]* ?"
SHORT = ((r"\d (r)(?=\.)", "г"), (rf"{AMOUNT}ру(6)(?![^\W_])", "б"), (rf"{AMOUNT}РУ(6)(?![^\W_])", "Б"))
# КӀэ was КІэ: within a word in small letters no capital І stands
PALOCHKA = re.compile(r"(?<=[^\W\d_])І(?![А-ЯІЇЄЁ])")
QUOTES = '«"“„'

# In heights of an N
WIDE_SIGN = 1.25  # width of № where its halves touch
SIGN_APART = 0.35  # how far from the N its small o begins at most
SMALL = 0.15, 0.8  # height of what belongs to that o, a bar lying below it
SIGN_HEIGHT, SIGN_WIDTH = 0.4, 0.25  # of the o with its bar at least
RAISED = 0.08  # by which the foot of the o stands above that of the N, where no bar is seen

BAR_ROWS = 0.62, 0.88  # of a ₽, as shares of its height, between which its lower bar lies,
BAR_WIDTH = 0.55  # and the share of its width that this is at least; a Р has its stem alone there
SAME_HEIGHT = 0.15  # of a figure's height, by which a ₽ beside it differs at most
QUOTED_O_RATIO = 0.78  # width to height of a letter O before a quote; a zero is narrower


def with_cyrillic_signs(texts: Sequence[Text], crops: Sequence[Image]) -> list[Text]:
    """The texts of a page, with № for N, ₽ for Р, ООО for 000 and letters in the case of their height where the page is in
    Cyrillic and its ink says so."""
    if not _is_cyrillic("".join(text.text for text in texts)):
        return list(texts)
    return [with_letter_case(_with_signs(text, crop), crop) for text, crop in zip(texts, crops, strict=True)]


def _is_cyrillic(page: str) -> bool:
    """Whether the letters of a page's text are mostly Cyrillic."""
    if not any("\u0400" <= c <= "\u052f" for c in page):
        return False
    scripts = [script for c in page if (script := script_of_char(c)) != NO_LETTERS]
    return scripts.count("Cyrl") >= max(MIN_LETTERS, MIN_SHARE * len(scripts))


def _with_signs(text: Text, crop: Image) -> Text:
    """One line with these signs; words of letters that look alike are in the alphabet of most of it."""
    if "+" in text.reader:
        text = _in_one_alphabet(text)
    text = _with_short_words(text)
    found = [[*pattern.finditer(text.text)] for pattern in (NUMBER_SIGN, ROUBLE, OOO)]
    if not any(found):
        return text
    pieces, rows, centres = pieces_of(crop), rows_of(text), text.char_spans.mean(axis=1) * crop.shape[1]
    numbers, roubles, names = found
    for match in names:
        if _is_name(text.text, match, pieces, centres):
            rows[slice(*match.span())] = [("О", "О", *row[2:]) for row in rows[slice(*match.span())]]
    for match in roubles:
        at = match.end() - 1
        if _has_bar(ink_mask(crop), pieces, centres[match.start() - 1], centres[at]):
            rows[at] = ("₽", "₽", *rows[at][2:])
    # From the right, so that places before stay as they are.
    for match in reversed(numbers):
        if NE.match(text.text, match.start()):  # narrow type: N and the sign are as wide
            rows[match.start() : match.start() + 2] = [("№", "№", *rows[match.start()][2:])]
        else:
            _set_number_sign(rows, match.start(), pieces, centres)
    return rebuilt(text, rows)


def _with_short_words(text: Text) -> Text:
    """One line with the letters of `г.` and `руб.` behind figures that are taken for a Latin one or a figure, and the Ӏ of
    languages of the Caucasus."""
    found = {match.start(1): char for pattern, char in SHORT for match in re.finditer(pattern, text.text)}
    mixed = [word.span() for word in re.finditer(r"[^\W\d_]+", text.text) if not word.group().isupper()]
    found |= {match.start(): "Ӏ" for span in mixed for match in PALOCHKA.finditer(text.text, *span)}
    return with_chars(text, found)


def _in_one_alphabet(text: Text) -> Text:
    """A line of several recognisers with words of letters that look alike in the alphabet of most of it.

    Not so names in capitals, as HP, and units, as °C: whoever read them in Latin letters may have had a reason.
    """
    rows = rows_of(text)
    kept = {i for word in LATIN_NAME.finditer(text.text) for i in range(*word.span())}
    chars, plain = (unify_script(shown, CYRILLIC) for shown in (text.text, text.plain or text.text))
    changed = [(*pair, *row[2:]) for *pair, row in zip(chars, plain, rows, strict=True)]
    return rebuilt(text, [rows[i] if i in kept else row for i, row in enumerate(changed)])


def _set_number_sign(rows: list[Char], at: int, pieces: Pieces, centres: NDArray[np.float32]) -> None:
    """Change an N, and what was read of the small o beside it, to № where one stands."""
    end = _end_of_number_sign(pieces, float(centres[at]))
    if end is None:
        return
    last = at + 1
    while last < len(centres) and not rows[last][0].isspace() and (centres[last] <= end or rows[last][0] in SMALL_O):
        last += 1
    # A figure counts as the o only where another number follows.
    lost = "".join(row[0] for row in rows[at + 1 : last])
    follows = "".join(row[0] for row in rows[last : last + 2]).strip()[:1]
    if "°" not in lost and (follows.isdigit() or not any(map(str.isdigit, lost))):
        rows[at:last] = [("№", "№", *rows[at][2:])]


def _end_of_number_sign(pieces: Pieces, middle: float) -> float | None:
    """Where the № ends that an N (`middle`: of its character, in pixels) belongs to; None where that is an N alone."""
    heights = pieces[:, 3] - pieces[:, 1]
    if not len(pieces):
        return None
    tall = pieces[(heights >= 0.8 * np.quantile(heights, 0.9)) & (pieces[:, 0] <= middle)]
    if not len(tall):
        return None
    x0, y0, x1, y1 = tall[-1].tolist()
    height = y1 - y0
    if x1 - x0 >= WIDE_SIGN * height and x1 - x0 <= 2 * height:
        return float(x1)
    # The o and the bar below it, beside each other's middle, between the N and the next tall piece.
    after = pieces[(pieces[:, 0] >= x1 - 1) & (pieces[:, 0] <= x1 + SIGN_APART * height)]
    small = after[(after[:, 3] - after[:, 1]) <= SMALL[1] * height]
    if len(small) != len(after) or not len(small):
        return None
    top, left, bottom, right = small[:, 1].min(), small[:, 0].min(), small[:, 3].max(), small[:, 2].max()
    is_o = bottom - top >= SIGN_HEIGHT * height and SIGN_WIDTH * height <= right - left <= height
    widest = small[int((small[:, 3] - small[:, 1]).argmax())]
    has_bar = ((small[:, 1] >= widest[3] - 1) & (small[:, 2] - small[:, 0] >= SIGN_WIDTH * height)).any()
    return float(right) if is_o and (has_bar or y1 - bottom >= RAISED * height) else None


def _has_bar(mask: NDArray[np.bool_], pieces: Pieces, figure: float, sign: float) -> bool:
    """Whether a sign behind a figure, at these places in pixels, is as high as that and has a bar below its bowl."""
    at = [_piece_at(pieces, place) for place in (figure, sign)]
    if at[0] is None or at[1] is None:
        return False
    (_, y0, _, y1), (x0, top, x1, bottom) = (piece.tolist() for piece in at if piece is not None)
    height = bottom - top
    if max(abs(top - y0), abs(bottom - y1)) > max(SAME_HEIGHT * (y1 - y0), 1):
        return False
    rows = mask[top + round(BAR_ROWS[0] * height) : top + round(BAR_ROWS[1] * height), x0:x1]
    return bool(rows.any() and rows.sum(axis=1).max() >= BAR_WIDTH * (x1 - x0))


def _piece_at(pieces: Pieces, place: float) -> NDArray[np.int64] | None:
    """The highest piece of ink (4,) around a place in pixels, or the nearest one."""
    if not len(pieces):
        return None
    apart = np.maximum(np.maximum(pieces[:, 0] - place, place - pieces[:, 2]), 0)
    near = pieces[apart <= apart.min()]
    return np.asarray(near[int((near[:, 3] - near[:, 1]).argmax())])


def _is_name(shown: str, match: re.Match[str], pieces: Pieces, centres: NDArray[np.float32]) -> bool:
    """Whether three zeros or letters O are the letters ООО: by their shape, or as some were read as letters.

    Where a quote follows, as it does in names, they may be a little narrower, but not as zeros are.
    """
    if any(map(str.isalpha, match.group())):
        return True
    signs = [_piece_at(pieces, float(centres[i])) for i in range(*match.span())]
    least = QUOTED_O_RATIO if shown[match.end() :].lstrip()[:1] in [*QUOTES] else O_RATIO
    return all(sign is not None and sign[2] - sign[0] >= least * (sign[3] - sign[1]) for sign in signs)
