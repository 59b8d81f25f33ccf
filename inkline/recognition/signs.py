"""One form of each sign: a net knows several characters of one shape and takes now this one, now that."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from inkline.scripts import NO_LETTERS, script_of, script_of_char
from inkline.types import Floats, Text

MICRO, MU = "\N{MICRO SIGN}", "\N{GREEK SMALL LETTER MU}"
ONE_FORM = {"\N{INCREMENT}": "\N{GREEK CAPITAL LETTER DELTA}", "\N{OHM SIGN}": "\N{GREEK CAPITAL LETTER OMEGA}"}
ONE_FORM |= {"\N{ANGSTROM SIGN}": "Å", "\N{KELVIN SIGN}": "K"}
# Texts in languages of the Caucasus have this letter for both of its cases, which look alike.
ONE_FORM |= {"\N{CYRILLIC SMALL LETTER PALOCHKA}": "\N{CYRILLIC LETTER PALOCHKA}"}
# Characters that stand only in Chinese, Japanese and Korean lines, and what they are elsewhere.
FULL_WIDTH = {chr(c + 0xFEE0): chr(c) for c in range(0x21, 0x7F)} | {"￥": "¥", "￡": "£", "￠": "¢", "\u3000": " "}
DEGREES = {"℃": "C", "℉": "F"}
EAST_ASIAN = ("Hani", "Hang")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
RAISED_DIGITS = frozenset("⁰¹²³⁴⁵⁶⁷⁸⁹")
RAISED_SIGNS = frozenset("⁺⁻")
NEXT_STEPS = 1.5  # steps of the net between two readings of one character
# A zero with a dot or a stroke in it, in a word of such zeros and digits.
ZEROS = re.compile(r"(?<!\S)(?=\S*[0®日])[0-9®•日回◎⊙]{2,}(?!\S)")
ZERO_TWINS = frozenset("®•日回◎⊙")
ZERO_SCORE = 0.75  # of a zero that was taken for something else, at least
# Chinese characters of a sign's shape; what some of these signs are where they are all of a line.
HAN_SIGNS = {"十": "+", "二": "=", "ニ": "=", "三": "=", "一": "—", "ー": "—", "口": "□", "〇": "○", "丨": "|"}
ALONE = {"—": "-", "○": "0"}

Char = tuple[Any, ...]  # the character, the one without its doubtful accent, score, span, evidence


def one_form(texts: Sequence[Text], chinese: bool = False) -> list[Text]:
    """The texts of one page with one form of each sign, raised digits together, and zeros that are zeros.

    Full-width forms stay in lines of Chinese, Japanese and Korean; what looks like a sign or a zero stays a Chinese character
    where the page has others, or nothing else at all. chinese: whether the user says that the page is in such a language.
    """
    if all(text.text.isascii() for text in texts):
        return list(texts)
    east_asian = any(script_of(text.text) in EAST_ASIAN for text in texts if not _may_be_signs(text.text))
    signs = not chinese and _has_other_letters("".join(text.text for text in texts))
    return [text if text.text.isascii() else _in_one_form(text, east_asian, signs) for text in texts]


def _has_other_letters(page: str) -> bool:
    """Whether a page has letters, and none of them Chinese, Japanese or Korean but such as look like signs."""
    scripts = {script_of_char(c) for c in page if c not in HAN_SIGNS} - {NO_LETTERS}
    return bool(scripts) and scripts.isdisjoint(EAST_ASIAN)


def _may_be_signs(text: str) -> bool:
    """Whether a text has no letters but those that signs and zeros are taken for."""
    return not any(c.isalpha() and c not in HAN_SIGNS and c not in ZERO_TWINS for c in text)


def _in_one_form(text: Text, east_asian: bool, signs: bool) -> Text:
    """A text of a page in one form of each sign.

    east_asian: whether the page is in part Chinese, Japanese or Korean; signs: whether characters of a sign's shape are signs.
    """
    shown = text.text
    zeros = set() if east_asian else _taken_for_others(shown)
    signed, plain_signed = shown, text.plain or shown
    if signs or (not east_asian and shown.strip() in HAN_SIGNS):
        signed, plain_signed = (_with_signs(read) for read in (signed, plain_signed))
    rows: list[Char] = list(zip(signed, plain_signed, text.char_scores.tolist(), text.char_spans, text.evidence, strict=True))
    for i in zeros:
        rows[i] = ("0", "0", max(rows[i][2], ZERO_SCORE), *rows[i][3:])
    if script_of(shown) not in EAST_ASIAN or zeros:
        rows = _half_width(rows)
    rows = _raised(_signs(rows))
    out = rebuilt(text, rows)
    return replace(out, score=float(out.char_scores.mean())) if zeros else out


def rows_of(text: Text) -> list[Char]:
    """The characters of a text, each with what is known of it."""
    return list(zip(text.text, text.plain or text.text, text.char_scores.tolist(), text.char_spans, text.evidence, strict=True))


def rebuilt(text: Text, rows: list[Char]) -> Text:
    """The text with other characters; itself if they are the same."""
    if [row[0] for row in rows] == list(text.text):
        return text
    chars, plain, scores, spans, evidence = zip(*rows, strict=True)
    return replace(
        text,
        text="".join(chars),
        plain="".join(plain),
        char_scores=np.array(scores, np.float32),
        char_spans=np.array(spans, np.float32),
        evidence=np.array(evidence, np.float32),
    )


def with_chars(text: Text, chars: Mapping[int, str]) -> Text:
    """The text with other characters at some places."""
    if not chars:
        return text
    return rebuilt(text, [(chars[i], chars[i], *row[2:]) if i in chars else row for i, row in enumerate(rows_of(text))])


def _with_signs(line: str) -> str:
    """A line with the signs that its characters look like, of the same length."""
    signs = "".join(HAN_SIGNS.get(char, char) for char in line)
    return signs.replace(signs.strip(), ALONE.get(signs.strip(), signs.strip()))


def _taken_for_others(shown: str) -> set[int]:
    """Where in a text the zeros are that were taken for other characters."""
    return {i for m in ZEROS.finditer(shown) for i in range(*m.span()) if shown[i] in ZERO_TWINS}


def _half_width(rows: list[Char]) -> list[Char]:
    """The characters without full-width forms; a degree sign with its letter is two."""
    out: list[Char] = []
    for char, plain, *seen in rows:
        if char in DEGREES:
            if not out or out[-1][0] != "°":
                out.append(("°", "°", *seen))
            char = plain = DEGREES[char]
        out.append((FULL_WIDTH.get(char, char), FULL_WIDTH.get(plain, plain), *seen))
    return out


def _signs(rows: list[Char]) -> list[Char]:
    """The characters in one form: µ is the sign of a unit but beside Greek letters, °℃ one sign and not two."""
    out: list[Char] = []
    for i, (char, plain, *seen) in enumerate(rows):
        char, plain = ONE_FORM.get(char, char), ONE_FORM.get(plain, plain)
        if char in (MICRO, MU):
            around = [rows[j][0] for j in (i - 1, i + 1) if 0 <= j < len(rows)]
            is_greek = any(script_of_char(c) == "Grek" for c in around if c not in (MICRO, MU))
            char = plain = MU if is_greek else MICRO
        if char in DEGREES and out and out[-1][0] == "°":
            out.pop()
        out.append((char, plain, *seen))
    return out


def _raised(rows: list[Char]) -> list[Char]:
    """The characters with raised digits whole: none is read twice, and those beside a raised one are raised, too.

    A digit counts as raised between a letter and a raised digit, and behind a raised digit or sign.
    """
    if not any(row[0] in RAISED_DIGITS or row[0] in RAISED_SIGNS for row in rows):
        return rows
    once = _read_once(rows)
    # From the left, so that a digit behind one that is now raised is raised, too.
    for i, (char, _, *seen) in enumerate(once):
        before, after = once[i - 1][0] if i else " ", once[i + 1][0] if i + 1 < len(once) else " "
        if "0" <= char <= "9" and _is_raised_between(before, after):
            raised = char.translate(RAISED)
            once[i] = (raised, raised, *seen)
    return once


def _read_once(rows: list[Char]) -> list[Char]:
    """The characters without digits whose raised form is read in the very next step: the two are one character."""
    once: list[Char] = []
    for row in rows:
        if once and row[0] in RAISED_DIGITS and once[-1][0].translate(RAISED) == row[0] and _next_to(once[-1][3], row[3]):
            once.pop()
        once.append(row)
    return once


def _is_raised_between(before: str, after: str) -> bool:
    """Whether a digit between these two characters is a raised one."""
    return before in RAISED_DIGITS or before in RAISED_SIGNS or (before.isalpha() and after in RAISED_DIGITS)


def _next_to(first: Floats, second: Floats) -> bool:
    return bool(second[0] - first[0] <= NEXT_STEPS * (first[1] - first[0]))
