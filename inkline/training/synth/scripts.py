"""What a script needs to be drawn: which characters it has, its digits, punctuation, direction and word lists."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any

from inkline.errors import DataError


@dataclass(frozen=True)
class Script:
    """A writing system as the generator sees it.

    `letters` are drawn evenly for rare-character lines, `probe` must be in a font.
    """

    name: str
    letters: str
    probe: str
    languages: tuple[str, ...]
    ranges: tuple[tuple[int, int], ...]
    digits: str = ""
    marks: str = ",.;:!?"
    quotes: tuple[str, ...] = ('""', "''", "()", "[]", "«»", "“”", "„“", "‘’")
    rtl: bool = False
    spaces: bool = True
    phrases: float = 0.0  # share of gaps between words that have a space where `spaces` is false
    cased: bool = False
    joined: bool = False
    avoid: tuple[str, ...] = ()


def _chars(*ranges: tuple[int, int], categories: str = "LNM") -> str:
    """Assigned characters of the code point ranges (ends included) whose general category starts with one of `categories`."""
    found = (chr(c) for low, high in ranges for c in range(low, high + 1))
    return "".join(c for c in found if unicodedata.category(c)[0] in categories)


def _ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Read code point ranges such as `41-5A F1`."""
    ends = (part.split("-") for part in text.split())
    return tuple((int(end[0], 16), int(end[-1], 16)) for end in ends)


LATIN = _ranges("41-5A 61-7A C0-D6 D8-F6 F8-17F 1A0-1A1 1AF-1B0 218-21B 1E80-1E85 1E9E 1EA0-1EF9")
VIETNAMESE = (
    "AĂÂBCDĐEÊGHIKLMNOÔƠPQRSTUƯVXYaăâbcdđeêghiklmnoôơpqrstuưvxy"
    + "".join(map(chr, range(0x1EA0, 0x1EFA)))
    + "ÀÁÃÈÉÌÍÒÓÕÙÚÝàáãèéìíòóõùúýĨĩŨũ"
)
# Letters of romanised Sanskrit, Arabic, Hebrew, Chinese and Cyrillic, of Hausa, Ewe, Welsh and old Irish.
ROMANISED = (
    "abcdefghijklmnopqrstuvwxyzaeiourstnlmkdhbABDEGHIKLMNRSTUZāēīōūĀĒĪŌŪḍḏḥḫḳḵḷḹḻṁṃṅṇṉṛṝṟṣśšṡṭṯẏẓẕżžġḡğĝčćċñẖḃḋḟṗṫẁẃẅŵŷ"
    "ḌḎḤḪḲḴḶḺṀṂṄṆṈṚṞṢŚŠṠṬṮẎẒẔŻŽĠḠĞČĆĊÑḂḊḞṖṪẀẂẄŴŶǎǐǒǔǖǘǚǜǍǏǑǓĭŭĕŏăêôâîûëïəƏɓɗƙƴɛɔŋƒƁƊƘƳƐƆŊʻʼʾʿʹʺ"
)
CYRILLIC = _ranges(
    "400-45F 462-463 472-475 490-493 496-49B 4A0-4A5 4AA-4AB 4AE-4B3 4B6-4B7 4BA-4BB 4C0 4CF-4D1 4D6-4D9 4DC-4DF 4E2-4E9"
    " 4EE-4F1 4F4-4F5 4F8-4F9"
)
PREREFORM = _ranges("406 410-44F 456 462-463 472-475")
GREEK = _ranges("386-3CE")
POLYTONIC = _ranges("386-3CE 1F00-1FFF")
HAN = _ranges("4E00-9FFF")
KANA = _ranges("3041-3096 30A1-30FA 30FC")
# Letters and vowel marks of running Arabic, Persian, Urdu, Pashto, Sindhi, Uyghur and Kurdish; the signs of Koranic recitation
# are left out.
ARABIC = _ranges(
    "621-63A 641-652 670-671 679-67F 680 681 683-689 68A 68C-68F 691 693 695-696 698-69A 6A4 6A6 6A9-6AB 6AD 6AF 6B1 6B3 6B5"
    " 6BA-6BC 6BE 6C0-6C3 6C6-6C8 6CB-6CE 6D0 6D2-6D3 6D5 6FD-6FE"
)
HEBREW = _ranges("5D0-5EA")
HANGUL = _ranges("AC00-D7A3 3131-3163")
THAI = _ranges("E01-E3A E40-E4E")
GEORGIAN = _ranges("10D0-10F6")
ARMENIAN = _ranges("531-556 561-587")
ETHIOPIC = _ranges("1200-1357")
SINHALA = _ranges("D82-D96 D9A-DC6 DCA-DDE")
KHMER = _ranges("1780-17A2 17A5-17A7 17A9-17B3 17B6-17D2")
LAO = _ranges("E81-EBD EC0-ECD")
MYANMAR = _ranges("1000-102A 102B-103E")


@dataclass(frozen=True)
class Indic:
    """The parts of a syllable of a Brahmic script. virama joins the next consonant, killer stands alone at the end."""

    consonants: str
    vowels: str
    signs: str
    virama: str
    finals: str
    avagraha: str
    ra: str
    killer: str


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


INDIC = {
    "devanagari": 0x900,
    "bengali": 0x980,
    "gurmukhi": 0xA00,
    "gujarati": 0xA80,
    "tamil": 0xB80,
    "telugu": 0xC00,
    "kannada": 0xC80,
    "malayalam": 0xD00,
}
# The parts of syllables of every script that is written in them; Lao vowels of the first kind stand before their consonant.
SYLLABLES: dict[str, Indic] = {
    **{name: indic(base) for name, base in INDIC.items()},
    "sinhala": Indic(
        _chars((0xD9A, 0xDC6)),
        _chars((0xD85, 0xD96)),
        _chars((0xDCF, 0xDDE)),
        "\u0dca\u200d",
        "\u0d82\u0d83",
        "",
        "ර",
        "\u0dca",
    ),
    "khmer": Indic(
        _chars((0x1780, 0x17A2)),
        _chars((0x17A5, 0x17A7), (0x17A9, 0x17B3)),
        _chars((0x17B6, 0x17C5)),
        "\u17d2",
        "ំះ់",
        "",
        "រ",
        "់",
    ),
    "lao": Indic(_chars((0xE81, 0xEAE)), "ເແໂໃໄ", _chars((0xEB0, 0xEBC)), "", _chars((0xEC8, 0xECD)), "", "ຣ", ""),
    "myanmar": Indic(
        _chars((0x1000, 0x1021)),
        _chars((0x1023, 0x102A)),
        _chars((0x102B, 0x1032), (0x103B, 0x103E)),
        "\u1039",
        "ံ့း",
        "",
        "ရ",
        "်",
    ),
}
INDIC_LANGUAGES = {
    "devanagari": "hi mr ne sa",
    "bengali": "bn",
    "gujarati": "gu",
    "gurmukhi": "pa",
    "tamil": "ta",
    "telugu": "te",
    "kannada": "kn",
    "malayalam": "ml",
}
# Scripts of one layout whose languages share learned words: a list of the second serves the first as well.
BORROWS = {"devanagari": "telugu", "kannada": "telugu", "gujarati": "devanagari", "gurmukhi": "devanagari"}
CJK_MARKS = ",.，。、；：！？"
CJK_QUOTES = ("()", "（）", "“”", "《》", "【】", "「」")
_LATIN_CODES = "en de fr es it pt pt_br nl pl cs sk hu ro hr sl bs sv da no fi et lv lt tr vi ca is sq eu id ms af gl br eo tl"
LATIN_LANGUAGES = tuple(_LATIN_CODES.split())


def _brahmic(name: str) -> Script:
    base = INDIC[name]
    parts = indic(base)
    digits = "" if name == "tamil" else _chars((base + 0x66, base + 0x6F), categories="N")  # Tamil's are out of use
    danda = "।॥" if name in ("devanagari", "kannada", "bengali", "telugu") else ""
    letters = _chars((base + 1, base + 0x4D), (base + 0x60, base + 0x63), categories="LM")
    probe = parts.consonants[0] + parts.consonants[-4] + parts.vowels[0] + parts.signs[:3] + parts.virama
    ranges = ((base, base + 0x7F), (0x200C, 0x200D))
    return Script(
        name,
        letters,
        probe,
        tuple(INDIC_LANGUAGES.get(name, "").split()),
        ranges,
        digits,
        ",.;:!?" + danda,
        ('""', "''", "()", "“”", "‘’", "“”"),
        joined=True,
    )


CYRILLIC_LANGUAGES = ("ru", "uk", "bg", "sr", "mk", "kk")
ARABIC_DIGITS, THAI_DIGITS = "٠١٢٣٤٥٦٧٨٩", "๐๑๒๓๔๕๖๗๘๙"
KHMER_DIGITS, LAO_DIGITS, MYANMAR_DIGITS = "០១២៣៤៥៦៧៨៩", "໐໑໒໓໔໕໖໗໘໙", "၀၁၂၃၄၅၆၇၈၉"
ARABIC_QUOTES = ('""', "()", "«»")
CHINESE_PROBE, JAPANESE_PROBE = "的一是不了在人有我他這这", "のはをアイウ日本語国"
LATIN_QUOTES = (*('""', "''", "()", "[]", "«»", "“”", "„“", "‘’", "„”", "‚‘", "”“", "‹›", "»«", "{}", "¡!", "¿?", "¡!", "¿?"),)
KOREAN_QUOTES = ('""', "''", "()", "[]", "“”", "‘’", "「」", "『』", "《》", "〈〉", "【】")
HEBREW_QUOTES = ('""', "''", "()", "[]", "”“", "״״", "„“")
_UNSPACED: dict[str, Any] = {"marks": CJK_MARKS, "quotes": CJK_QUOTES, "spaces": False}
_SCRIPTS = (
    Script("english", _chars(*LATIN[:2]), "AZaz", ("en",), LATIN[:2], cased=True),
    Script("latin", _chars(*LATIN), "AZazéü", LATIN_LANGUAGES, LATIN, quotes=LATIN_QUOTES, cased=True),
    Script("vietnamese", VIETNAMESE, "AZazạảấộữựơưđ", ("vi",), LATIN, quotes=LATIN_QUOTES, cased=True),
    Script("romanised", ROMANISED, "AZazāḥṭṇś", (), (*LATIN, (0x180, 0x2FF), (0x1E00, 0x1EFF)), quotes=LATIN_QUOTES),
    Script("cyrillic", _chars(*CYRILLIC), "АЯаяыё", CYRILLIC_LANGUAGES, CYRILLIC, cased=True),
    Script("prereform", _chars(*PREREFORM), "АЯаяѣіѳ", ("ru",), PREREFORM, cased=True),
    Script("greek", _chars(*GREEK), "ΑΩαωάώς", ("el",), GREEK, marks=",.;:!·", cased=True),
    Script("polytonic", _chars(*POLYTONIC), "ΑΩαωἀἁᾶῇὦᾧὺ", ("el",), POLYTONIC, marks=",.;:·’", cased=True),
    Script(
        "arabic",
        _chars(*ARABIC),
        "ابتثجيىةء",
        ("ar", "fa", "ur", "ps", "sd", "ug", "ckb"),
        ARABIC,
        ARABIC_DIGITS,
        "،.؛:!؟",
        ARABIC_QUOTES,
        rtl=True,
        joined=True,
    ),
    Script("hebrew", _chars(*HEBREW), "אבגדת", ("he",), HEBREW, marks=",.;:!?־", quotes=HEBREW_QUOTES, rtl=True),
    Script("thai", _chars(*THAI), "กขฮาิ", ("th",), THAI, THAI_DIGITS, spaces=False, phrases=0.25, joined=True),
    Script("chinese", _chars(*HAN), CHINESE_PROBE, ("zh_cn", "zh"), HAN, avoid=(" JP", " KR", "IPA", "Nanum"), **_UNSPACED),
    Script(
        "japanese",
        _chars(*KANA, *HAN),
        JAPANESE_PROBE,
        ("ja",),
        (*KANA, *HAN),
        avoid=(" SC", " TC", " HK", " KR"),
        **_UNSPACED,
    ),
    Script(
        "korean",
        _chars(*HANGUL),
        "가각힣이의를",
        ("ko",),
        HANGUL,
        marks=",.,.;:!?~·…",
        quotes=KOREAN_QUOTES,
        avoid=(" SC", " TC", " HK", " JP"),
    ),
    *map(_brahmic, INDIC),
    Script("georgian", _chars(*GEORGIAN), "აბგდჰ", ("ka",), GEORGIAN),
    Script("armenian", _chars(*ARMENIAN), "ԱՖաֆև", ("hy",), ARMENIAN, marks=",.։՝՞՜", cased=True),
    Script("ethiopic", _chars(*ETHIOPIC), "ሀለሐመፐ", ("am",), ETHIOPIC, marks="።፣፤፥.!?"),
    Script("sinhala", _chars(*SINHALA), "කවඅා්", ("si",), (*SINHALA, (0x200C, 0x200D)), joined=True),
    Script("khmer", _chars(*KHMER), "កអា្ំ", ("km",), KHMER, KHMER_DIGITS, "។៖,.!?", spaces=False, phrases=0.25, joined=True),
    Script("lao", _chars(*LAO), "ກຮາເ່", ("lo",), LAO, LAO_DIGITS, spaces=False, phrases=0.25, joined=True),
    Script("myanmar", _chars(*MYANMAR), "ကအာ္်", ("my",), MYANMAR, MYANMAR_DIGITS, "။၊", spaces=False, phrases=0.4, joined=True),
)
SCRIPTS: dict[str, Script] = {script.name: script for script in _SCRIPTS}


def script_of(name: str) -> Script:
    """The script called `name`; raises DataError naming those that exist."""
    if name not in SCRIPTS:
        raise DataError(f"no script {name!r} to draw; there are {', '.join(sorted(SCRIPTS))}")
    return SCRIPTS[name]
