"""Which languages there are, by the codes PaddleOCR uses, and which pair of models reads each.

A code names one language; a group name (`latin`, `arabic`, ...) stands for all languages of one recogniser.
"""

from dataclasses import dataclass
from typing import Literal

from inkline.errors import UsageError, near

Group = Literal[
    "ch", "chinese_cht", "en", "japan", "korean", "th", "el", "te", "ta", "ka", "he",
    "latin", "arabic", "eslav", "cyrillic", "devanagari",
]  # fmt: skip
Direction = Literal["ltr", "rtl"]


@dataclass(frozen=True)
class Language:
    """A language: its English name, the group whose recogniser reads it, and the direction it is written in."""

    name: str
    group: Group
    direction: Direction = "ltr"


LANGUAGES: dict[str, Language] = {
    "ch": Language("Chinese, simplified", "ch"),
    "chinese_cht": Language("Chinese, traditional", "chinese_cht"),
    "en": Language("English", "en"),
    "japan": Language("Japanese", "japan"),
    "korean": Language("Korean", "korean"),
    "th": Language("Thai", "th"),
    "el": Language("Greek", "el"),
    "te": Language("Telugu", "te"),
    "ta": Language("Tamil", "ta"),
    "ka": Language("Kannada", "ka"),
    "he": Language("Hebrew", "he", "rtl"),
    "af": Language("Afrikaans", "latin"),
    "az": Language("Azerbaijani", "latin"),
    "bs": Language("Bosnian", "latin"),
    "ca": Language("Catalan", "latin"),
    "cs": Language("Czech", "latin"),
    "cy": Language("Welsh", "latin"),
    "da": Language("Danish", "latin"),
    "de": Language("German", "latin"),
    "german": Language("German", "latin"),
    "es": Language("Spanish", "latin"),
    "et": Language("Estonian", "latin"),
    "eu": Language("Basque", "latin"),
    "fi": Language("Finnish", "latin"),
    "fr": Language("French", "latin"),
    "french": Language("French", "latin"),
    "ga": Language("Irish", "latin"),
    "gl": Language("Galician", "latin"),
    "hr": Language("Croatian", "latin"),
    "hu": Language("Hungarian", "latin"),
    "id": Language("Indonesian", "latin"),
    "is": Language("Icelandic", "latin"),
    "it": Language("Italian", "latin"),
    "ku": Language("Kurdish", "latin"),
    "la": Language("Latin", "latin"),
    "lb": Language("Luxembourgish", "latin"),
    "lt": Language("Lithuanian", "latin"),
    "lv": Language("Latvian", "latin"),
    "mi": Language("Maori", "latin"),
    "ms": Language("Malay", "latin"),
    "mt": Language("Maltese", "latin"),
    "nl": Language("Dutch", "latin"),
    "no": Language("Norwegian", "latin"),
    "oc": Language("Occitan", "latin"),
    "pi": Language("Pali", "latin"),
    "pl": Language("Polish", "latin"),
    "pt": Language("Portuguese", "latin"),
    "qu": Language("Quechua", "latin"),
    "rm": Language("Romansh", "latin"),
    "ro": Language("Romanian", "latin"),
    "rs_latin": Language("Serbian, Latin script", "latin"),
    "sk": Language("Slovak", "latin"),
    "sl": Language("Slovenian", "latin"),
    "sq": Language("Albanian", "latin"),
    "sv": Language("Swedish", "latin"),
    "sw": Language("Swahili", "latin"),
    "tl": Language("Tagalog", "latin"),
    "tr": Language("Turkish", "latin"),
    "uz": Language("Uzbek", "latin"),
    "vi": Language("Vietnamese", "latin"),
    "ar": Language("Arabic", "arabic", "rtl"),
    "bal": Language("Balochi", "arabic", "rtl"),
    "fa": Language("Persian", "arabic", "rtl"),
    "ps": Language("Pashto", "arabic", "rtl"),
    "sd": Language("Sindhi", "arabic", "rtl"),
    "ug": Language("Uyghur", "arabic", "rtl"),
    "ur": Language("Urdu", "arabic", "rtl"),
    "be": Language("Belarusian", "eslav"),
    "ru": Language("Russian", "eslav"),
    "uk": Language("Ukrainian", "eslav"),
    "abq": Language("Abaza", "cyrillic"),
    "ady": Language("Adyghe", "cyrillic"),
    "ava": Language("Avar", "cyrillic"),
    "ba": Language("Bashkir", "cyrillic"),
    "bg": Language("Bulgarian", "cyrillic"),
    "bua": Language("Buryat", "cyrillic"),
    "che": Language("Chechen", "cyrillic"),
    "cv": Language("Chuvash", "cyrillic"),
    "dar": Language("Dargwa", "cyrillic"),
    "inh": Language("Ingush", "cyrillic"),
    "kaa": Language("Karakalpak", "cyrillic"),
    "kbd": Language("Kabardian", "cyrillic"),
    "kk": Language("Kazakh", "cyrillic"),
    "kv": Language("Komi", "cyrillic"),
    "ky": Language("Kyrgyz", "cyrillic"),
    "lbe": Language("Lak", "cyrillic"),
    "lez": Language("Lezgian", "cyrillic"),
    "mhr": Language("Meadow Mari", "cyrillic"),
    "mk": Language("Macedonian", "cyrillic"),
    "mn": Language("Mongolian", "cyrillic"),
    "mo": Language("Moldovan", "cyrillic"),
    "os": Language("Ossetian", "cyrillic"),
    "rs_cyrillic": Language("Serbian, Cyrillic script", "cyrillic"),
    "sah": Language("Yakut", "cyrillic"),
    "tab": Language("Tabasaran", "cyrillic"),
    "tg": Language("Tajik", "cyrillic"),
    "tt": Language("Tatar", "cyrillic"),
    "tyv": Language("Tuvan", "cyrillic"),
    "udm": Language("Udmurt", "cyrillic"),
    "xal": Language("Kalmyk", "cyrillic"),
    "ang": Language("Angika", "devanagari"),
    "bgc": Language("Haryanvi", "devanagari"),
    "bh": Language("Bihari", "devanagari"),
    "bho": Language("Bhojpuri", "devanagari"),
    "gom": Language("Goan Konkani", "devanagari"),
    "hi": Language("Hindi", "devanagari"),
    "mah": Language("Magahi", "devanagari"),
    "mai": Language("Maithili", "devanagari"),
    "mr": Language("Marathi", "devanagari"),
    "ne": Language("Nepali", "devanagari"),
    "new": Language("Newari", "devanagari"),
    "sa": Language("Sanskrit", "devanagari"),
    "sck": Language("Nagpuri", "devanagari"),
}

# Other spellings users write: those PaddleOCR's documents print, and ISO codes where PaddleOCR has its own.
# `ka` stays Kannada, as PaddleOCR means it; ISO writes Kannada `kn` and Georgian, which no model reads, `ka`.
SPELLINGS: dict[str, str] = {
    **{"rslatin": "rs_latin", "rscyrillic": "rs_cyrillic", "sr": "rs_cyrillic"},
    **{"zh": "ch", "zh-cn": "ch", "zh-hans": "ch", "zh-tw": "chinese_cht", "zh-hant": "chinese_cht"},
    **{"ja": "japan", "ko": "korean", "kn": "ka", "ab": "abq", "av": "ava", "ce": "che", "lki": "lbe", "iw": "he"},
}

# Names of whole groups, which are taken wherever a code is.
GROUPS: dict[str, Language] = {
    "latin": Language("any in Latin script", "latin"),
    "arabic": Language("any in Arabic script", "arabic", "rtl"),
    "eslav": Language("any East Slavic", "eslav"),
    "cyrillic": Language("any in Cyrillic script", "cyrillic"),
    "devanagari": Language("any in Devanagari script", "devanagari"),
}

# What PP-OCRv6 reads: all groups here, but not Pali.
V6_GROUPS: frozenset[Group] = frozenset({"ch", "chinese_cht", "en", "japan", "latin"})
V6_LACKS: frozenset[str] = frozenset({"pi"})

V6_PAIR = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")

# Recognisers that come with Inkline, trained here, for groups and single languages that PP-OCRv6 as published does not read.
# They are what `lang` alone means; a version asks for the published ones.
OWN: dict[str, str] = {
    **dict.fromkeys(("eslav", "cyrillic"), "cyrillic_PP-OCRv6_small_rec"),
    "el": "greek_PP-OCRv6_small_rec",
    **dict.fromkeys(("ar", "fa"), "arabic_PP-OCRv6_small_rec"),
    "devanagari": "devanagari_PP-OCRv6_small_rec",
    "ka": "kannada_PP-OCRv6_small_rec",
    "ta": "tamil_PP-OCRv6_small_rec",
    "th": "thai_PP-OCRv6_small_rec",
    "te": "telugu_PP-OCRv6_small_rec",
    "korean": "korean_PP-OCRv6_small_rec",
    "he": "hebrew_PP-OCRv6_small_rec",
    "vi": "latin_PP-OCRv6_small_rec",  # other languages in Latin script are read better by PP-OCRv6 as published
}

SCRIPTS: tuple[Group, ...] = ("latin", "arabic", "eslav", "cyrillic", "devanagari")


def _named(pattern: str, *groups: Group) -> dict[Group, str]:
    """Each group's recogniser, called after the group."""
    return {group: pattern.format(group) for group in groups}


# version -> detector, and the recogniser of each group
ROUTES: dict[str, tuple[str, dict[Group, str]]] = {
    "PP-OCRv6": (V6_PAIR[0], dict.fromkeys(V6_GROUPS, V6_PAIR[1])),
    "PP-OCRv5": (
        "PP-OCRv5_server_det",
        {
            **dict.fromkeys(("ch", "chinese_cht", "japan"), "PP-OCRv5_server_rec"),
            **_named("{}_PP-OCRv5_mobile_rec", "en", "korean", "th", "el", "te", "ta", *SCRIPTS),
        },
    ),
    "PP-OCRv4": ("PP-OCRv4_mobile_det", {"ch": "PP-OCRv4_mobile_rec", "en": "en_PP-OCRv4_mobile_rec"}),
    "PP-OCRv3": (
        "PP-OCRv3_mobile_det",
        {
            "ch": "PP-OCRv3_mobile_rec",
            **_named("{}_PP-OCRv3_mobile_rec", "chinese_cht", "en", "japan", "korean", "te", "ta", "ka", *SCRIPTS),
            "eslav": "cyrillic_PP-OCRv3_mobile_rec",
        },
    ),
}


def codes_of(*groups: Group) -> tuple[str, ...]:
    """The language codes of these groups, in the order of the table."""
    return tuple(code for code, known in LANGUAGES.items() if known.group in groups)


def canonical(lang: str) -> str:
    """The code or group name meant by `lang`, whatever its case and spelling; UsageError that lists what is near."""
    if not isinstance(lang, str):
        raise UsageError(f"lang={lang!r}: must be one code, for instance en; `inkline languages` lists all")
    wanted = lang.strip().lower().replace("_", "-")
    codes = {name.replace("_", "-"): name for name in (*LANGUAGES, *GROUPS)}
    wanted = SPELLINGS.get(wanted, wanted).replace("_", "-")
    if wanted in codes:
        return codes[wanted]
    names = {known.name.lower(): code for code, known in LANGUAGES.items()}
    if wanted in names:
        raise UsageError(f"lang={lang!r}: languages go by their codes; did you mean {names[wanted]!r}?")
    hint = near(wanted, [*LANGUAGES, *GROUPS, *SPELLINGS])
    raise UsageError(f"lang={lang!r} is not known{hint or '; `inkline languages` lists all'}")


def language(lang: str) -> Language:
    """What a canonical code or group name stands for."""
    return LANGUAGES[lang] if lang in LANGUAGES else GROUPS[lang]


def codes_under(lang: str) -> tuple[str, ...]:
    """The code itself, or all codes of a group name."""
    return (lang,) if lang in LANGUAGES else codes_of(GROUPS[lang].group)


def versions_of(lang: str) -> list[str]:
    """The versions with a recogniser for a canonical code or group name, newest first."""
    group = language(lang).group
    return [v for v, (_, groups) in ROUTES.items() if group in groups and not (v == "PP-OCRv6" and lang in V6_LACKS)]


def route(lang: str = "", ocr_version: str = "") -> tuple[str, str]:
    """Names of the detector and the recogniser for a language and a PP-OCR version, as PaddleOCR 3.7 chooses them.

    Empty means not said: the newest version that reads the language; Chinese when only a version is given. Two rules are
    ours: PP-OCRv6 means its small pair, which runs well on a processor, and a language alone means the recogniser in
    `OWN`, where there is one. UsageError for an unknown code or version, or a pair that has no model, with what is near.
    """
    if ocr_version and ocr_version not in ROUTES:
        raise UsageError(f"ocr_version={ocr_version!r}: must be one of {', '.join(ROUTES)}{near(ocr_version, ROUTES)}")
    code = canonical(lang) if lang else "ch"
    versions = versions_of(code)
    group = language(code).group
    own = OWN.get(code) or OWN.get(group)
    if ocr_version and ocr_version not in versions:
        readers = " and ".join(versions) or f"{own}, which lang alone means"
        raise UsageError(f"{ocr_version} has no model for lang={lang!r}; it is read by {readers}")
    if own and not ocr_version:
        return V6_PAIR[0], own
    detector, recognisers = ROUTES[ocr_version or versions[0]]
    return detector, recognisers[group]
