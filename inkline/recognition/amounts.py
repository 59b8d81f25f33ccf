"""Signs of money beside figures that the first recogniser leaves out or takes for others: `₹500` was `500`, `₴500` was `2500`.

The recogniser of all Latin letters knows these signs; it is asked for words that may hold one.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inkline.recognition.pieces import word_spans
from inkline.recognition.shapes import piece_at, pieces_of
from inkline.recognition.signs import Char, rebuilt, rows_of
from inkline.recognition.words import holds_ink, ink_mask
from inkline.types import Image, Text

MONEY = frozenset("₴₦₹₩₺₫₪€£¥")
AMOUNT = re.compile(r"(\D?)(\d[\d.,]*)(\D?)")
KNOWN = frozenset("$%-+−–—()<>*.,:;'\"’/=~[]|&_•·°!?") | MONEY  # beside a figure, what no sign of money is taken for
TAKEN_FOR = frozenset("BPTtd")  # what ฿, ₽, ₺ and ₫ are taken for
DOUBTFUL = 0.95  # score of a figure at an end of an amount, below which it may be a sign
SURE = 0.6  # of a sign, from which it counts
CHAR_REACH_RATIO = 0.35  # of the line's height, up to which ink belongs to a character from its middle
MIN_INK_RATIO = 0.2  # of it, how wide ink without a character is at least where a sign is left out
MIN_EXTENT_RATIO = 0.45  # of it, how high
MIN_GAP_RATIO = 0.7  # of it, from the middle of a figure to that of the next character, for a sign to be between them
MAX_SIGN_RATIO = 1.3  # of it, how wide a sign apart from its amount is at most
BARRED = {"2": "₴", "W": "₩", "N": "₦"}  # what signs with bars are taken for before an amount
# W and N before figures are mostly what they look like, as in N95: not before those written as money is.
BARRED_AMOUNT = re.compile(r"(?<![^\s(])(?:2(?=((?!0\d)\d+)[\d.,]*(?!\w))|[WN](?=(\d{1,3}(?:,\d{3})+|\d+\.\d\d)(?![\w.,])))")
BARS = {"₴": 2, "₩": 1, "₦": 1}  # how many these have at least
BAR_ROWS = 0.25, 0.75  # of a sign's height, between which they lie,
BAR_SHARE = 0.88  # the share of its width that these have ink, a figure beside it none such,
BARS_HEIGHT = 0.25  # and how high they are together where no gap is seen between them
MIN_BARRED_PX = 9  # height of such a sign at least
MAX_ASKED = 60  # words of a page; more are a pattern

Read = Callable[[Sequence[Image]], Sequence[Text]]


@dataclass(frozen=True)
class Amount:
    """Where in a line an amount is that may have a sign: its line, its place in pixels, its characters (spaces too).

    unread: whether there is ink beside it that has no character.
    """

    line: int
    place: tuple[int, int]
    chars: tuple[int, int]
    unread: bool


def with_money(texts: Sequence[Text], crops: Sequence[Image], read: Read) -> list[Text]:
    """The texts of a page with signs of money as another recogniser reads them, where the figures beside them are the same.

    crops: uint8 (H, W, 3) BGR; read: reads words with that recogniser; none where it cannot be had.
    """
    found = [amount for i in range(len(texts)) for amount in _amounts(i, texts[i], crops[i])]
    out = list(texts)
    if not found or len(found) > MAX_ASKED:
        return out
    words = read([crops[one.line][:, slice(*one.place)] for one in found])
    # From the right, so that places before stay as they are.
    for one, word in reversed(list(zip(found, words, strict=False))):
        out[one.line] = _with_sign(out[one.line], one, word, crops[one.line].shape[1])
    return out


def with_barred_signs(text: Text, crop: Image) -> Text:
    """The text with ₴ for 2, ₩ for W and ₦ for N before an amount where bars cross that sign, and not the figures behind it.

    A 2 of a display has one bar, a ₴ two; what is struck through has one in all figures.
    """
    found = list(BARRED_AMOUNT.finditer(text.text))
    if not found:
        return text
    pieces, mask, rows = pieces_of(crop), ink_mask(crop), rows_of(text)
    for match in found:
        places = [i for i in range(match.start(), match.end() + len(match[1] or match[2])) if text.text[i] not in ",."]
        sign, *figures = (_bars(mask, piece_at(text, i, pieces, crop.shape[1])) for i in places)
        char = BARRED[match.group()]
        if sign >= BARS[char] and max(figures) < 2 and not all(figures):
            rows[match.start()] = (char, char, *rows[match.start()][2:])
    return rebuilt(text, rows)


def _bars(mask: NDArray[np.bool_], piece: NDArray[np.int64] | None) -> int:
    """How many bars cross a piece of ink (4,) between its head and its foot: 0, 1, or 2 and more."""
    if piece is None:
        return 0
    x0, y0, x1, y1 = piece.tolist()
    height = y1 - y0
    middle = mask[y0 + round(BAR_ROWS[0] * height) : y0 + round(BAR_ROWS[1] * height), x0:x1]
    crossed = middle.sum(axis=1) >= BAR_SHARE * (x1 - x0)
    if height < MIN_BARRED_PX or not crossed.any():
        return 0
    bars = int(np.diff(crossed, prepend=False).sum() + crossed[-1]) // 2
    return 2 if bars > 1 or crossed.sum() >= BARS_HEIGHT * height else 1


def _amounts(line: int, text: Text, crop: Image) -> list[Amount]:
    """The amounts of a line that may have a sign which was left out or taken for something else."""
    height, width = crop.shape[:2]
    centres = text.char_spans.mean(axis=1) * width
    if not _may_have_amounts(text, centres, height, width):
        return []
    inked, out = ink_mask(crop), list[Amount]()
    for place, chars in _places(text, crop, centres):
        taken = any(one.place[0] < place[1] and place[0] < one.place[1] for one in out)
        if taken or not _is_plain_amount(text, chars):
            continue
        unread = _leaves_ink(inked[:, slice(*place)], centres[chars] - place[0])
        if unread or _has_doubtful_end(text, chars):
            out.append(Amount(line, place, (chars[0], chars[-1] + 1), unread))
    return sorted(out, key=lambda one: one.chars)


def _places(text: Text, crop: Image, centres: NDArray[np.float32]) -> list[tuple[tuple[int, int], list[int]]]:
    """Where amounts may be in a line, each with its characters: two words one of which may be a sign, then single words."""
    words, least = word_spans(crop), MAX_SIGN_RATIO * crop.shape[0]
    held = [_chars_in(text, centres, *word) for word in words]
    narrow = [len(chars) < 2 and b - a <= least for chars, (a, b) in zip(held, words, strict=True)]
    pairs = [(k, k + 1) for k in range(len(words) - 1) if narrow[k] or narrow[k + 1]]
    which = [*pairs, *((k, k) for k in range(len(words)))]
    return [((words[a][0], words[b][1]), sorted({*held[a], *held[b]})) for a, b in which]


def _chars_in(text: Text, centres: NDArray[np.float32], start: int, end: int) -> list[int]:
    """Which characters, spaces left out, have their middle between two places in pixels."""
    return [i for i, c in enumerate(text.text) if start <= centres[i] < end and not c.isspace()]


def _may_have_amounts(text: Text, centres: NDArray[np.float32], height: int, width: int) -> bool:
    """Whether, by its characters alone, a line may have an amount with a sign: it is looked at only then."""
    kept = [i for i, c in enumerate(text.text) if not c.isspace()]
    figures = [k for k, i in enumerate(kept) if "0" <= text.text[i] <= "9"]
    at = [-CHAR_REACH_RATIO * height, *centres[kept].tolist(), width + CHAR_REACH_RATIO * height]
    return any(
        max(at[k + 1] - at[k], at[k + 2] - at[k + 1]) >= MIN_GAP_RATIO * height
        or text.char_scores[kept[k]] < DOUBTFUL
        or any(_may_be_sign(text.text[i]) for i in kept[max(k - 1, 0) : k + 2])
        for k in figures
    )


def _may_be_sign(char: str) -> bool:
    """Whether a character beside figures may be what a sign of money was taken for."""
    return not ("0" <= char <= "9" or char in KNOWN)


def _is_plain_amount(text: Text, chars: Sequence[int]) -> bool:
    """Whether characters are an amount without a sign, with at most one other character beside it."""
    match = AMOUNT.fullmatch("".join(text.text[i] for i in chars))
    return match is not None and KNOWN.isdisjoint(match.group(1) + match.group(3))


def _has_doubtful_end(text: Text, chars: Sequence[int]) -> bool:
    """Whether an amount begins or ends with a letter, or with a figure, beside others, that is not sure."""
    ends = [chars[0], chars[-1]]
    if any(_may_be_sign(text.text[i]) for i in ends):
        return True
    return len(chars) > 1 and bool(text.char_scores[ends].min() < DOUBTFUL)


def _leaves_ink(inked: NDArray[np.bool_], middles: NDArray[np.float32]) -> bool:
    """Whether a word (H, W) has ink of a sign's size before or behind its characters, whose middles are given in pixels."""
    height = len(inked)
    reach = CHAR_REACH_RATIO * height
    parts = inked[:, : max(round(middles.min() - reach), 0)], inked[:, round(middles.max() + reach) :]
    return any(holds_ink(part, MIN_INK_RATIO * height, MIN_EXTENT_RATIO * height) for part in parts)


def _with_sign(text: Text, amount: Amount, word: Text, width: int) -> Text:
    """The text with the sign that another reading of an amount has, if its figures are the same; doubted where it has none."""
    chars = _inked_chars(text, *amount.chars)
    sign, first, figures = _sign_of(word)
    shown = "".join(text.text[i] for i in chars)
    if not sign:
        return _doubted(text, chars) if amount.unread or _is_disputed(shown, word) else text
    at = word.text.index(sign)
    middle = (amount.place[0] + float(word.char_spans[at].mean()) * (amount.place[1] - amount.place[0])) / width
    new: Char = (sign, sign, float(word.char_scores[at]), np.array([middle, middle], np.float32), word.evidence[at])
    # Where nothing was read, or in the place of what it was taken for.
    rows, end = rows_of(text), chars[0 if first else -1]
    if shown == figures:
        before = int((text.char_spans.mean(axis=1) < middle).sum())
        rows.insert(min(before, end) if first else max(before, end + 1), new)
        return rebuilt(text, rows)
    if (shown[1:] if first else shown[:-1]) != figures or not _is_doubtful(rows[end]):
        return _doubted(text, chars)
    rows[end] = new
    return rebuilt(text, rows)


def _inked_chars(text: Text, start: int, end: int) -> list[int]:
    """The characters of a part of a text, spaces left out."""
    return [i for i in range(start, end) if not text.text[i].isspace()]


def _is_disputed(amount: str, word: Text) -> bool:
    """Whether what may be a sign at an end of an amount, that neither recogniser knows, is no such to the other: `512 ฿`."""
    read, figures = "".join(word.text.split()), re.sub(r"\D", "", amount)
    is_sign = any(char in TAKEN_FOR or (char.isalpha() and not char.isascii()) for char in (amount[0], amount[-1]))
    return is_sign and read != amount and figures in re.sub(r"\D", "", read)


def _sign_of(word: Text) -> tuple[str, bool, str]:
    """The sign of money at one end of a reading, whether that is its beginning, and the rest of it; empty if none is sure."""
    shown = "".join(word.text.split())
    signs = [c for c in shown if c in MONEY]
    if len(signs) != 1 or signs[0] not in (shown[0], shown[-1]) or word.char_scores[word.text.index(signs[0])] < SURE:
        return "", False, ""
    return signs[0], shown[0] == signs[0], shown.replace(signs[0], "")


def _doubted(text: Text, chars: Sequence[int]) -> Text:
    """The text with the evidence (see `Text`) of the first and the last of some characters as doubtful as it can be."""
    evidence = text.evidence.copy()
    at = [chars[0], chars[-1]]
    evidence[at] = np.stack([np.minimum(evidence[at, 0], 0.5), *np.maximum(evidence[at, 1:], 0.5).T], axis=1)
    return replace(text, evidence=evidence)


def _is_doubtful(row: Char) -> bool:
    """Whether a character may be a sign: a letter, or a figure that is not sure."""
    return not str(row[0]).isdigit() or float(row[2]) < DOUBTFUL
