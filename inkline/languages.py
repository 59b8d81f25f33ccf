"""Which languages there are, by which names, and which pair of models reads each; the table is `languages.toml`.

A code names one language, PaddleOCR's where it has one; a group name (`latin`, `arabic`, ...) stands for all languages of one
recogniser.
"""

import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inkline.errors import UsageError, near, nearest

RTL_SCRIPTS = frozenset({"Arab", "Hebr", "Nkoo", "Syrc", "Thaa"})
LATIN_LETTERS = "abcdefghijklmnopqrstuvwxyz"
PLAIN_LETTERS = frozenset(LATIN_LETTERS + LATIN_LETTERS.upper())


# What pages in Latin script use: their letters, those that Azerbaijani and languages of Africa share with phonetic spelling,
# signs, dingbats, and the Greek of formulas, without letters that look Latin.
LATIN_PHONETIC = frozenset("ɓɔɖɗəɛɣɲʋ")
LATIN_RANGES = (("\0", "\u024f"), ("\u1e00", "\u1eff"), ("\u2000", "\u215f"), ("\u2180", "\u2dff"), ("\u0393", "\u03ff"))
LATIN_TWINS = frozenset("ΕΖΗΙΚΜΝΟΡΤΥΧνο")


def is_latin(char: str) -> bool:
    """Whether a character is one that pages in Latin script use: a letter, a digit or a sign."""
    in_ranges = any(first <= char <= last for first, last in LATIN_RANGES)
    return char in LATIN_PHONETIC or (in_ranges and char not in LATIN_TWINS)


MARKS = ("over", "bare", "beside", "instead")  # the fields of `Marks` that are tables


@dataclass(frozen=True)
class Marks:
    """Letters as a net reads them without seeing their marks, and what they are.

    over: with ink over capitals' height; bare: without any ink over them; beside: with a tick at their head; instead: whatever
    their ink, as the language does not have them; inner: of what they are, what no word begins with.
    """

    over: Mapping[str, str]
    bare: Mapping[str, str]
    beside: Mapping[str, str]
    instead: Mapping[str, str]
    inner: frozenset[str] = frozenset()

    @property
    def sources(self) -> frozenset[str]:
        """The letters that may be others."""
        return frozenset(self.over).union(self.bare, self.beside, self.instead)


@dataclass(frozen=True)
class Language:
    """A language or a group of them; the fields are those of `languages.toml`.

    group: the languages whose recognisers read it. letters: in both cases, empty where not known. elsewhere: the language
    that others mean by the same code. wrong: characters wrong in percent, None where not measured.
    """

    name: str
    group: str
    script: str
    tag: str
    also: tuple[str, ...] = ()
    letters: frozenset[str] = frozenset()
    elsewhere: str = ""
    wrong: float | None = None
    twins: tuple[str, ...] = ()
    marks: Marks | None = None

    @property
    def direction(self) -> str:
        return "rtl" if self.script in RTL_SCRIPTS else "ltr"


def _language(code: str, entry: Mapping[str, Any]) -> Language:
    letters = _letters(entry.get("letters", ""))
    if entry["script"] == "Latn":
        letters += LATIN_LETTERS
    # Georgian has capitals for headings alone.
    cased = frozenset(letters) | {c.upper() for c in letters if len(c.upper()) == 1 and entry["script"] != "Geor"}
    also, group, tag = tuple(entry.get("also", "").split()), entry.get("group", code), entry.get("tag", code)
    rest = entry.get("elsewhere", ""), entry.get("wrong"), tuple(entry.get("twins", "").split()), _marks(entry)
    return Language(entry["name"], group, entry["script"], tag, also, cased, *rest)


def _marks(entry: Mapping[str, Any]) -> Marks | None:
    """The marks of a language that nets do not see; None where it has none."""
    over, bare, beside, instead = ({pair[0]: pair[1] for pair in entry.get(name, "").split()} for name in MARKS)
    inner = frozenset(entry.get("inner", ""))
    return Marks(over, bare, beside, instead, inner) if over or bare or beside or instead else None


def _letters(spelt: str) -> str:
    """The letters that a range notation as `а-яё` means."""
    head, *ranges = spelt.split("-")
    for part in ranges:
        head += "".join(map(chr, range(ord(head[-1]) + 1, ord(part[0])))) + part
    return head


_TABLE: dict[str, Any] = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
LANGUAGES: dict[str, Language] = {code: _language(code, entry) for code, entry in _TABLE["languages"].items()}
GROUPS: dict[str, Language] = {code: _language(code, entry) for code, entry in _TABLE["groups"].items()}
# Languages whose texts have Chinese characters.
HAN_LANGUAGES = frozenset(code for code, known in LANGUAGES.items() if known.script in ("Hans", "Hant", "Jpan", "Kore"))
# Group or code -> the recogniser of our own that reads it.
OWN: dict[str, str] = _TABLE["own"]
# version -> detector, and the recogniser of each group
ROUTES: dict[str, tuple[str, dict[str, str]]] = {
    version: (entry["detector"], entry["readers"]) for version, entry in _TABLE["versions"].items()
}
V6_DETECTOR = ROUTES["PP-OCRv6"][0]


def _spelling(name: str) -> str:
    """A name as it is looked up: BCP-47's dashes for underscores and spaces, in small letters."""
    return unicodedata.normalize("NFC", name).strip().lower().replace("_", "-").replace(" ", "-")


def _spellings() -> dict[str, str]:
    """Every name of a language or group -> its code; a code goes before a tag, a tag before other names."""
    known = LANGUAGES | GROUPS
    out = {_spelling(code): code for code in known}
    for names_of in (lambda one: (one.tag,), lambda one: one.also, lambda one: (one.name,)):
        for code, one in known.items():
            for name in names_of(one):
                out.setdefault(_spelling(name), code)
    return out


SPELLINGS = _spellings()


def codes_of(*groups: str) -> tuple[str, ...]:
    """The language codes of these groups, in the order of the table."""
    return tuple(code for code, known in LANGUAGES.items() if known.group in groups)


def canonical(lang: str) -> str:
    """The code or group name meant by `lang`: a code, a BCP-47 tag, an ISO 639 code or an English name, in any case.

    Of a tag the region and variants count only where the table knows them (`zh-TW`); a script that is not the usual one of
    its language means the group of that script (`az-Cyrl`). UsageError that lists what is near.
    """
    if not isinstance(lang, str) or "+" in lang:
        raise UsageError(f"lang={lang!r:.80}: must be one code, for instance en; `inkline languages` lists all")
    wanted = _spelling(lang)
    if wanted in SPELLINGS:
        return SPELLINGS[wanted]
    code = _of_tag(wanted)
    if code is None:
        raise UsageError(f"lang={lang!r:.80} is not known{_near_codes(wanted)} (`inkline languages` lists all)")
    return code


def _near_codes(name: str) -> str:
    """What `near` says, of any spelling of a language, with its code and name; a code alone says little."""
    codes = dict.fromkeys(SPELLINGS[found] for found in nearest(name, SPELLINGS))
    return f"; did you mean {' or '.join(f'{code!r} ({language(code).name})' for code in codes)}?" if codes else ""


def _of_tag(tag: str) -> str | None:
    """The code or group that a BCP-47 tag in small letters means; None where its language or script is not known."""
    primary, *rest = tag.split("-")
    script = next((part for part in rest if len(part) == 4 and part.isalpha()), "")
    exact = SPELLINGS.get(f"{primary}-{script}") or SPELLINGS.get("-".join([primary, *rest[-1:]]))
    code = SPELLINGS.get(primary) if len(primary) <= 3 else None
    if exact or code is None or any(len(part) > 8 for part in rest):
        return exact
    return code if script in ("", language(code).script.lower()) else SPELLINGS.get(script)


def language(lang: str) -> Language:
    """What a canonical code or group name stands for."""
    return LANGUAGES[lang] if lang in LANGUAGES else GROUPS[lang]


def codes_under(lang: str) -> tuple[str, ...]:
    """The code itself, or all codes of a group name."""
    return (lang,) if lang in LANGUAGES else codes_of(GROUPS[lang].group)


def versions_of(lang: str) -> list[str]:
    """The versions with a recogniser for a canonical code or group name, newest first."""
    group = language(lang).group
    versions = _TABLE["versions"].items()
    return [version for version, entry in versions if group in entry["readers"] and lang not in entry.get("without", ())]


def own_reader(lang: str) -> str:
    """The recogniser of our own for a canonical code or group name, or an empty string."""
    return OWN.get(lang) or OWN.get(language(lang).group, "")


def _named(lang: str) -> list[Language]:
    """The languages that a code, or codes joined by +, name; those that are none left out."""
    return [language(canonical(code)) for code in lang.split("+") if _spelling(code) in SPELLINGS]


def twins_of(lang: str) -> tuple[str, ...]:
    """The twins of a language, or of codes joined by + but for those whose letter another one has; none where none is known."""
    known = _named(lang)
    letters: frozenset[str] = frozenset().union(*(one.letters for one in known))
    return tuple(dict.fromkeys(twin for one in known for twin in one.twins if twin[0] not in letters))


def alphabet_of(lang: str) -> frozenset[str]:
    """The letters of a language, or of codes joined by +; empty where they are not known of one of these."""
    known = _named(lang)
    is_known = bool(known) and all(one.letters and (one.letters != PLAIN_LETTERS or one.tag == "en") for one in known)
    return frozenset[str]().union(*(one.letters for one in known)) if is_known else frozenset()


def marks_of(lang: str) -> Marks | None:
    """The marks of a language, or of codes joined by +, that nets do not see; None where there are none.

    Of several, letters that one of them has with their accents stay.
    """
    known = _named(lang)
    found = [(one.marks, _letters_of(other for other in known if other is not one)) for one in known if one.marks]
    if not found:
        return None
    over, bare, beside, instead = ([(getattr(marks, name), others) for marks, others in found] for name in MARKS)
    inner = frozenset[str]().union(*(marks.inner for marks, _ in found))
    return Marks(_joined(over), _joined(bare), _joined(beside), _joined(instead), inner)


def _joined(tables: Iterable[tuple[Mapping[str, str], frozenset[str]]]) -> dict[str, str]:
    """Tables as one, each without some letters."""
    return {read: meant for table, without in tables for read, meant in table.items() if read not in without}


def _letters_of(languages: Iterable[Language]) -> frozenset[str]:
    """The letters of some languages that are not those of all."""
    return frozenset[str]().union(*(one.letters for one in languages)).difference(PLAIN_LETTERS)


def is_read(lang: str) -> bool:
    """Whether any model reads a canonical code or group name."""
    return bool(own_reader(lang) or versions_of(lang))


def missing_letters(lang: str, charset: Iterable[str]) -> str:
    """The letters of a canonical code that a charset lacks, in order; a small letter stands for its capital."""
    have = set("".join(charset))
    missing = sorted(language(lang).letters - have)
    return "".join(c for c in missing if c.lower() == c or c.lower() not in missing)


def check_version(ocr_version: str) -> None:
    """UsageError with what is near, unless this is one of the versions, or empty."""
    if ocr_version and ocr_version not in ROUTES:
        raise UsageError(f"ocr_version={ocr_version!r}: must be one of {', '.join(ROUTES)}{near(ocr_version, ROUTES)}")


def route(lang: str = "", ocr_version: str = "") -> tuple[str, str]:
    """Names of the detector and the recogniser for a language and a PP-OCR version, as PaddleOCR 3.7 chooses them.

    Empty means not said: the newest version that reads the language; Chinese when only a version is given. Three rules are
    ours: PP-OCRv6 means its small pair and PP-OCRv5 its mobile one, which run well on a processor; a language alone means
    the recogniser in [own], where there is one; and with any recogniser the detector of PP-OCRv6, which finds lines of all
    scripts. UsageError for an unknown code or version, or a pair that has no model, with what is near.
    """
    check_version(ocr_version)
    code = canonical(lang) if lang else "ch"
    versions, own, known = versions_of(code), own_reader(code), language(code)
    if not (versions or own):
        raise UsageError(f"lang={lang!r}: {known.name} is not read by any model here; `inkline languages` lists what is")
    if ocr_version and ocr_version not in versions:
        readers = " and ".join(versions) or f"{own}, which lang alone means"
        raise UsageError(f"{ocr_version} has no model for lang={lang!r}; it is read by {readers}")
    if ocr_version:
        detector, recognisers = ROUTES[ocr_version]
        return detector, recognisers[known.group]
    return V6_DETECTOR, own or ROUTES[versions[0]][1][known.group]
