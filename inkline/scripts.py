"""Scripts by their ISO 15924 codes: what the letters of a text are written in, and which scripts the router tells apart."""

import unicodedata
from collections import Counter
from functools import cache

NO_LETTERS = "Zyyy"  # ISO 15924 for what no script owns: digits, marks, signs

# Code -> English name, which is also how the names of recognisers of that script begin. Order of the router's classes.
SCRIPTS: dict[str, str] = {
    NO_LETTERS: "digits and signs",
    "Latn": "Latin",
    "Hani": "Chinese",
    "Hang": "Korean",
    "Cyrl": "Cyrillic",
    "Grek": "Greek",
    "Arab": "Arabic",
    "Hebr": "Hebrew",
    "Deva": "Devanagari",
    "Beng": "Bengali",
    "Guru": "Gurmukhi",
    "Gujr": "Gujarati",
    "Taml": "Tamil",
    "Telu": "Telugu",
    "Knda": "Kannada",
    "Mlym": "Malayalam",
    "Thai": "Thai",
    "Laoo": "Lao",
    "Khmr": "Khmer",
    "Mymr": "Myanmar",
    "Sinh": "Sinhala",
    "Geor": "Georgian",
    "Armn": "Armenian",
    "Ethi": "Ethiopic",
}

# First word of a character's Unicode name -> code, where it is not the script's English name.
_FIRST_WORDS: dict[str, str] = {
    **{name.upper(): code for code, name in SCRIPTS.items()},
    **dict.fromkeys(("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HALFWIDTH"), "Hani"),
    **{"HANGUL": "Hang", "FULLWIDTH": "Latn", "ARABIC-INDIC": "Arab", "EXTENDED": "Arab"},
}


@cache
def script_of_char(char: str) -> str:
    """The code of the script of a letter, vowel sign or digit; `Zyyy` for those of none, such as 0 to 9, and for scripts not
    in the table."""
    owned = char.isalpha() or char.isdecimal() or unicodedata.category(char)[0] == "M"
    if not owned or "0" <= char <= "9":
        return NO_LETTERS
    return _FIRST_WORDS.get(first_word(char), NO_LETTERS)


def first_word(char: str) -> str:
    """The first word of a character's Unicode name, which is mostly its script's: LATIN, CJK, DIGIT, ...; empty without one."""
    return unicodedata.name(char, "").split(" ")[0]


def script_of(text: str) -> str:
    """The code of the script that most letters of a text belong to, `Zyyy` without any; kana count as Han."""
    seen = Counter(script_of_char(char) for char in text)
    del seen[NO_LETTERS]
    return max(seen, key=lambda code: seen[code], default=NO_LETTERS)
