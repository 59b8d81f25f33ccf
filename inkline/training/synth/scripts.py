"""What a script needs to be drawn: which characters it has, its digits, punctuation, direction and word lists.

The scripts are data in `scripts.toml`.
"""

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from inkline.errors import DataError

Ranges = tuple[tuple[int, int], ...]  # of code points, ends included

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Script:
    """A writing system as the generator sees it.

    `letters` are drawn evenly for rare-character lines, `probe` must be in a font.
    """

    name: str
    letters: str
    probe: str
    languages: tuple[str, ...]
    ranges: Ranges
    digits: str = ""
    marks: str = ",.;:!?"
    quotes: tuple[str, ...] = tuple(_TABLE["quotes"]["common"])
    rtl: bool = False
    spaces: bool = True
    phrases: float = 0.0  # share of gaps between words that have a space where `spaces` is false
    cased: bool = False
    joined: bool = False
    avoid: tuple[str, ...] = ()  # fonts with these words in their name


@dataclass(frozen=True)
class Indic:
    """The parts of a syllable of a Brahmic script. virama joins the next consonant, killer stands alone at the end."""

    consonants: str
    vowels: str
    signs: str
    virama: str = ""
    finals: str = ""
    avagraha: str = ""
    ra: str = ""
    killer: str = ""


def _chars(*ranges: tuple[int, int], categories: str = "LNM") -> str:
    """Assigned characters of the code point ranges whose general category starts with one of `categories`."""
    found = (chr(c) for low, high in ranges for c in range(low, high + 1))
    return "".join(c for c in found if unicodedata.category(c)[0] in categories)


def _ranges(text: str) -> Ranges:
    """Read code point ranges such as `41-5A F1`."""
    ends = (part.split("-") for part in text.split())
    return tuple((int(end[0], 16), int(end[-1], 16)) for end in ends)


@cache
def indic(base: int) -> Indic:
    """The syllable parts of a Brahmic block laid out as Devanagari's (U+0900), from code point `base`; only assigned cells."""

    def block(low: int, high: int, category: str) -> str:
        return _chars((base + low, base + high), categories=category)

    return Indic(
        consonants=block(0x15, 0x39, "L"),
        vowels=block(0x05, 0x14, "L"),
        signs=block(0x3E, 0x4C, "M"),
        virama=chr(base + 0x4D),
        finals=block(0x02, 0x03, "M"),
        avagraha=block(0x3D, 0x3D, "L"),
        ra=chr(base + 0x30),
        killer=chr(base + 0x4D),
    )


INDIC = {name: int(entry["base"], 16) for name, entry in _TABLE["script"].items() if "base" in entry}
# The parts of syllables of every script that is written in them.
SYLLABLES: dict[str, Indic] = {name: indic(base) for name, base in INDIC.items()} | {
    name: Indic(**parts | {key: _chars(*_ranges(parts[key])) for key in ("consonants", "vowels", "signs")})
    for name, parts in _TABLE["syllables"].items()
}
# Scripts of one layout whose languages share learned words: a list of the second serves the first as well.
BORROWS = {"devanagari": "telugu", "kannada": "telugu", "gujarati": "devanagari", "gurmukhi": "devanagari"}


def _brahmic(base: int, danda: bool = False, **entry: Any) -> dict[str, Any]:
    """The entry of a Brahmic script with what follows from the first code point of its block."""
    parts = indic(base)
    found = {
        "letters": _chars((base + 1, base + 0x4D), (base + 0x60, base + 0x63), categories="LM"),
        "probe": parts.consonants[0] + parts.consonants[-4] + parts.vowels[0] + parts.signs[:3] + parts.virama,
        "ranges": f"{base:x}-{base + 0x7F:x} 200C-200D",
        "digits": _chars((base + 0x66, base + 0x6F), categories="N"),
        "marks": Script.marks + "।॥" * danda,
        "quotes": "brahmic",
        "joined": True,
    }
    return found | entry


def _script(name: str, entry: Mapping[str, Any]) -> Script:
    """The script of one table of `scripts.toml`."""
    fields = _brahmic(**{**entry, "base": INDIC[name]}) if name in INDIC else dict(entry)
    fields["ranges"] = _ranges(fields["ranges"])
    fields.setdefault("letters", _chars(*fields["ranges"]))
    fields["languages"] = tuple(fields.get("languages", "").split())
    fields["quotes"] = tuple(_TABLE["quotes"][fields.get("quotes", "common")])
    return Script(name, **fields | {"avoid": tuple(fields.get("avoid", ()))})


SCRIPTS: dict[str, Script] = {name: _script(name, entry) for name, entry in _TABLE["script"].items()}


def script_of(name: str) -> Script:
    """The script called `name`; raises DataError naming those that exist."""
    if name not in SCRIPTS:
        raise DataError(f"no script {name!r} to draw; there are {', '.join(sorted(SCRIPTS))}")
    return SCRIPTS[name]
