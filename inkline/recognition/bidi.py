"""Order of characters in lines that run from right to left: as stored (logical) and as seen from the left (visual).

The Unicode bidirectional algorithm (UAX #9) for one line without explicit embeddings: rules W1 to W7, N1, N2, I1, I2, L1,
L2 and L4; bracket pairs are not matched up.
"""

import unicodedata
from dataclasses import replace
from typing import Literal

from inkline.types import Text

Direction = Literal["ltr", "rtl"]

STRONG_RIGHT = ("R", "AL")
MIRRORED = str.maketrans("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤")


def visual_order(text: str) -> str:
    """Return the characters of a line as they stand from left to right, brackets mirrored; in the direction of most letters.

    Recognisers read from the left, so this is what they are taught for Arabic and Hebrew; applied to what they read it
    gives the stored order back, except where a number stands next to a word of another direction, where the visual order
    alone does not tell.
    """
    if not has_rtl(text):
        return text
    levels = _levels(text, base_direction(text))
    return "".join(text[i].translate(MIRRORED) if levels[i] == 1 else text[i] for i in _reordered(levels))


def stored_order(seen: Text) -> Text:
    """What a recogniser saw from left to right, in the order in which text is stored; a place stays with its character."""
    if not has_rtl(seen.text):
        return seen
    order = visual_indices(seen.text, base_direction(seen.text))
    return replace(
        seen,
        text=visual_order(seen.text),
        char_scores=seen.char_scores[order],
        char_spans=seen.char_spans[order],
        plain=visual_order(seen.plain),
        evidence=seen.evidence[order],
    )


def visual_indices(text: str, base: Direction) -> list[int]:
    """Indices of the characters of a line of this base direction as they stand from left to right."""
    return _reordered(_levels(text, base)) if base == "rtl" or has_rtl(text) else list(range(len(text)))


def reads_right_to_left(text: str) -> bool:
    """Whether the first letter with a direction runs from right to left."""
    strong = (unicodedata.bidirectional(c) for c in text)
    return next((kind in STRONG_RIGHT for kind in strong if kind in ("L", *STRONG_RIGHT)), False)


def base_direction(text: str) -> Direction:
    """The direction of most letters, that of the first letter on a draw: of a line whose paragraph is not known."""
    strong = [kind in STRONG_RIGHT for c in text if (kind := unicodedata.bidirectional(c)) in ("L", *STRONG_RIGHT)]
    right, left = sum(strong), len(strong) - sum(strong)
    return "rtl" if right > left or (right == left and reads_right_to_left(text)) else "ltr"


def has_rtl(text: str) -> bool:
    """Whether any character runs, or makes its neighbours run, from right to left."""
    return not text.isascii() and any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for c in text)


def _reordered(levels: list[int]) -> list[int]:
    """Rule L2: from the highest level down, every run of at least that level is reversed."""
    order = list(range(len(levels)))
    for level in range(max(levels, default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and levels[order[end]] >= level:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = end + 1
    return order


def _levels(text: str, base: Direction) -> list[int]:
    """The embedding level of each character; 0 or 1 is the base."""
    level = 1 if base == "rtl" else 0
    outside = "R" if level else "L"
    types = [unicodedata.bidirectional(c) or "ON" for c in text]
    _resolve_weak(types, outside)
    _resolve_neutral(types, outside)
    levels = []
    for kind in types:
        if level == 0:
            levels.append({"R": 1, "AN": 2, "EN": 2}.get(kind, 0))
        else:
            levels.append(1 if kind == "R" else 2)
    for i in range(len(text) - 1, -1, -1):  # L1: spaces at the end take the base level
        if not text[i].isspace():
            break
        levels[i] = level
    return levels


def _resolve_weak(types: list[str], outside: str) -> None:
    """Rules W1 to W7, in place."""
    _resolve_marks_and_numbers(types, outside)
    # W3: letters of Arabic run as those of Hebrew do.
    types[:] = ["R" if kind == "AL" else kind for kind in types]
    _join_separators(types)
    _spread_terminators(types)
    # W6: separators and terminators left over are neutral. W7: a number behind Latin letters runs with them.
    strong = outside
    for i, kind in enumerate(types):
        if kind in ("ES", "CS", "ET"):
            types[i] = "ON"
        elif kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            types[i] = "L"


def _resolve_marks_and_numbers(types: list[str], outside: str) -> None:
    """Rules W1 and W2: marks take the type of what they stand on, numbers behind Arabic letters are Arabic numbers."""
    strong = previous = outside
    for i, kind in enumerate(types):
        if kind == "NSM":
            kind = previous
        if kind == "EN" and strong == "AL":
            kind = "AN"
        if kind in ("L", "R", "AL"):
            strong = kind
        types[i] = previous = kind


def _join_separators(types: list[str]) -> None:
    """Rule W4: one separator between two numbers of a kind belongs to them."""
    for i in range(1, len(types) - 1):
        before, kind, after = types[i - 1 : i + 2]
        joins = (kind == "ES" and before == "EN") or (kind == "CS" and before in ("EN", "AN"))
        if joins and before == after:
            types[i] = before


def _spread_terminators(types: list[str]) -> None:
    """Rule W5: signs such as % or a currency beside a number belong to it."""
    for indices in (range(len(types)), range(len(types) - 1, -1, -1)):
        previous = ""
        for i in indices:
            if types[i] == "ET" and previous == "EN":
                types[i] = "EN"
            previous = types[i]


def _resolve_neutral(types: list[str], outside: str) -> None:
    """Rules N1 and N2, in place: what stands between two of one direction takes it, all else the line's."""
    start = 0
    while start < len(types):
        if types[start] in ("L", "R", "EN", "AN"):
            start += 1
            continue
        # A run of neutrals, and the directions on both sides of it; numbers count as right to left.
        end = start
        while end < len(types) and types[end] not in ("L", "R", "EN", "AN"):
            end += 1
        before, after = _side(types[start - 1 : start], outside), _side(types[end : end + 1], outside)
        types[start:end] = [before if before == after else outside] * (end - start)
        start = end


def _side(neighbour: list[str], outside: str) -> str:
    """The direction of a neighbour, none at the end of the line."""
    if not neighbour:
        return outside
    return "L" if neighbour == ["L"] else "R"
