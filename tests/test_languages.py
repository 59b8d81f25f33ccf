"""Codes of languages, and the models they stand for."""

import pytest

from inkline.errors import UsageError
from inkline.languages import (
    GROUPS,
    LANGUAGES,
    ROUTES,
    SPELLINGS,
    canonical,
    codes_of,
    codes_under,
    is_read,
    language,
    missing_letters,
    route,
    versions_of,
)

# The groups as PaddleOCR 3.7 has them. `ku`, in two of them, goes to Latin; Russian, Belarusian and Ukrainian go to the
# East Slavic recogniser.
GROUP_CODES = {
    "latin": "af az bs cs cy da de es et fr ga hr hu id is it ku la lt lv mi ms mt nl no oc pi pl pt ro rs_latin sk sl sq "
    "sv sw tl tr uz vi french german fi eu gl lb rm ca qu",
    "arabic": "ar fa ug ur ps sd bal",
    "eslav": "ru be uk",
    "cyrillic": "rs_cyrillic bg mn abq ady kbd ava dar inh che lbe lez tab kk ky tg mk tt cv ba mhr mo udm kv os bua xal "
    "tyv sah kaa",
    "devanagari": "hi mr ne bh mai ang bho mah sck new gom sa bgc",
}
SMALL = ("PP-OCRv6_small_det", "PP-OCRv6_small_rec")
OURS = ("PP-OCRv6_small_det", "cyrillic_PP-OCRv6_small_rec")
V5_DET, V3_DET = "PP-OCRv5_mobile_det", "PP-OCRv3_mobile_det"


# What Inkline has beyond PaddleOCR's list.
MORE = {
    "latin": "eo br gd fo fy gv ha haw hsb dsb ht ig jv kl ln lg mg nds ny om rn rw se sm sn so st su tk tn to wo xh yo zu ee "
    "ak bm sc co fur wa ceb gn ay",
    "cyrillic": "ab",
    "arabic": "ckb",
}


def test_codes() -> None:
    for group, codes in GROUP_CODES.items():
        assert sorted(codes_of(group)) == sorted([*codes.split(), *MORE.get(group, "").split()])
        assert set(codes_under(group)) == set(codes_of(group))
    singles = {"ch", "en", "korean", "japan", "chinese_cht", "te", "ka", "ta", "th", "el", "he"}
    assert LANGUAGES.keys() >= singles | {c for codes in GROUP_CODES.values() for c in codes.split()}
    assert {c for c in LANGUAGES if LANGUAGES[c].direction == "rtl"} >= {*codes_of("arabic"), "he", "yi"}
    # 52 of PaddleOCR's codes for PP-OCRv6 name 50 languages: `french` and `german` are second spellings.
    assert sum("PP-OCRv6" in versions_of(code) for code in LANGUAGES if code not in MORE["latin"].split()) == 52
    assert all(canonical(known.tag) == code or known.tag in ("de", "fr", "ka") for code, known in LANGUAGES.items())
    assert set(SPELLINGS.values()) <= {*LANGUAGES, *GROUPS}


def test_letters() -> None:
    assert {"ş", "Ş", "ı", "İ", "a", "Z"} <= language("tr").letters and "ñ" not in language("tr").letters
    assert language("ru").letters == set("абвгдеёжзийклмнопрстуфхцчшщъыьэюя" + "АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯ")
    assert "ی" in language("fa").letters and not {"ي", "ك"} & language("fa").letters
    assert missing_letters("ro", "abcdefghijklmnopqrstuvwxyzĂÂÎȘȚăâîș") == "ABCDEFGHIJKLMNOPQRSTUVWXYZț"
    assert missing_letters("ch", "a") == ""  # not known


@pytest.mark.parametrize(
    ("lang", "version", "pair"),
    [
        ("", "", SMALL),
        ("ch", "", SMALL),
        ("", "PP-OCRv4", ("PP-OCRv4_mobile_det", "PP-OCRv4_mobile_rec")),
        ("", "PP-OCRv5", (V5_DET, "PP-OCRv5_mobile_rec")),
        ("german", "", SMALL),
        ("ku", "", SMALL),
        ("rs_latin", "", SMALL),
        ("pi", "", ("PP-OCRv6_small_det", "latin_PP-OCRv6_small_rec")),
        ("ka", "", ("PP-OCRv6_small_det", "kannada_PP-OCRv6_small_rec")),
        ("kn", "PP-OCRv3", (V3_DET, "ka_PP-OCRv3_mobile_rec")),
        ("ta", "", ("PP-OCRv6_small_det", "tamil_PP-OCRv6_small_rec")),
        ("sa", "", ("PP-OCRv6_small_det", "devanagari_PP-OCRv6_small_rec")),
        ("en", "PP-OCRv4", ("PP-OCRv4_mobile_det", "en_PP-OCRv4_mobile_rec")),
        ("japan", "PP-OCRv5", (V5_DET, "PP-OCRv5_mobile_rec")),
        ("en", "PP-OCRv5", (V5_DET, "en_PP-OCRv5_mobile_rec")),
        ("fr", "PP-OCRv5", (V5_DET, "latin_PP-OCRv5_mobile_rec")),
        ("ru", "", OURS),
        ("ru", "PP-OCRv5", (V5_DET, "eslav_PP-OCRv5_mobile_rec")),
        ("ru", "PP-OCRv3", (V3_DET, "cyrillic_PP-OCRv3_mobile_rec")),
        ("bg", "", OURS),
        ("bg", "PP-OCRv5", (V5_DET, "cyrillic_PP-OCRv5_mobile_rec")),
        ("el", "", ("PP-OCRv6_small_det", "greek_PP-OCRv6_small_rec")),
        ("el", "PP-OCRv5", (V5_DET, "el_PP-OCRv5_mobile_rec")),
        ("ar", "", ("PP-OCRv6_small_det", "arabic_PP-OCRv6_small_rec")),
        ("fa", "PP-OCRv5", (V5_DET, "arabic_PP-OCRv5_mobile_rec")),
        ("ug", "", ("PP-OCRv6_small_det", "perso_arabic_PP-OCRv6_small_rec")),
        ("hi", "PP-OCRv3", (V3_DET, "devanagari_PP-OCRv3_mobile_rec")),
        ("chinese_cht", "PP-OCRv3", (V3_DET, "chinese_cht_PP-OCRv3_mobile_rec")),
        ("latin", "", SMALL),
        ("latin", "PP-OCRv3", (V3_DET, "latin_PP-OCRv3_mobile_rec")),
        ("arabic", "", ("PP-OCRv6_small_det", "arabic_PP-OCRv6_small_rec")),
        ("eslav", "", OURS),
        ("cyrillic", "", OURS),
        ("devanagari", "", ("PP-OCRv6_small_det", "devanagari_PP-OCRv6_small_rec")),
        ("devanagari", "PP-OCRv5", (V5_DET, "devanagari_PP-OCRv5_mobile_rec")),
        ("ta", "PP-OCRv5", (V5_DET, "ta_PP-OCRv5_mobile_rec")),
        ("ko", "", ("PP-OCRv6_small_det", "korean_PP-OCRv6_small_rec")),
        ("korean", "PP-OCRv5", (V5_DET, "korean_PP-OCRv5_mobile_rec")),
        ("he", "", ("PP-OCRv6_small_det", "hebrew_PP-OCRv6_small_rec")),
        ("vi", "", ("PP-OCRv6_small_det", "latin_PP-OCRv6_small_rec")),
        ("vi", "PP-OCRv6", SMALL),
        ("th", "", ("PP-OCRv6_small_det", "thai_PP-OCRv6_small_rec")),
        ("te", "", ("PP-OCRv6_small_det", "telugu_PP-OCRv6_small_rec")),
        ("th", "PP-OCRv5", (V5_DET, "th_PP-OCRv5_mobile_rec")),
    ],
)
def test_route(lang: str, version: str, pair: tuple[str, str]) -> None:
    assert route(lang, version) == pair


def test_a_version_reads_a_language_or_says_who_does() -> None:
    for lang in (*LANGUAGES, *GROUPS):
        if not is_read(lang):
            with pytest.raises(UsageError, match=f"lang='{lang}': {language(lang).name} is not read by any model here"):
                route(lang)
            continue
        assert route(lang)[0] == "PP-OCRv6_small_det"  # only what is missing is asked for
        for version in ROUTES:
            if version in versions_of(lang):
                detector, recognizer = route(lang, version)
                assert version in detector and version in recognizer
            else:
                with pytest.raises(UsageError, match=f"{version} has no model for lang='{lang}'; it is read by "):
                    route(lang, version)


@pytest.mark.parametrize(
    ("spelling", "code"),
    [
        ("rslatin", "rs_latin"),
        ("RS-Latin", "rs_latin"),
        (" EN ", "en"),
        ("zh", "ch"),
        ("zh_TW", "chinese_cht"),
        ("sr", "rs_cyrillic"),
        *(
            ("sr-Latn", "rs_latin"),
            ("sr-Cyrl-RS", "rs_cyrillic"),
            ("en-US", "en"),
            ("pt-BR", "pt"),
            ("nb", "no"),
            ("nno", "no"),
        ),
        *(
            ("eng", "en"),
            ("ger", "de"),
            ("deu", "de"),
            ("Hebrew", "he"),
            ("Simplified Chinese", "ch"),
            ("zh-Hant-HK", "chinese_cht"),
        ),
        *(("ka", "ka"), ("kn", "ka"), ("ka-GE", "kat"), ("Georgian", "kat"), ("khm", "km"), ("ab", "ab"), ("Cyrl", "cyrillic")),
        *(("az-Cyrl", "cyrillic"), ("ja-Latn", "latin"), ("el-polyton", "el"), ("Serbian", "rs_cyrillic"), ("chi_sim", "ch")),
    ],
)
def test_spellings(spelling: str, code: str) -> None:
    assert canonical(spelling) == code


@pytest.mark.parametrize(
    ("lang", "version", "reason"),
    [
        ("koraen", "", "lang='koraen' is not known; did you mean 'ko"),
        ("cyrilic", "", "did you mean 'cyrillic'"),
        ("germna", "", r"'de' \(German\)"),
        ("gr", "", r"'el' \(Greek\)"),
        ("Tibetan", "", "lang='Tibetan': Tibetan is not read by any model here; `inkline languages` lists what is"),
        ("mn-Mong", "", "Mongolian in its old script is not read by any model here"),
        ("fr-Xsux", "", "lang='fr-Xsux' is not known"),
        (["en", "ru"], "", r"lang=\['en', 'ru'\]: must be one code"),
        ("en+ru", "", "must be one code"),
        ("xyzzy", "", "`inkline languages` lists all"),
        ("en", "PP-OCRv7", "must be one of PP-OCRv6, PP-OCRv5, PP-OCRv4, PP-OCRv3"),
        ("ka", "PP-OCRv5", "it is read by PP-OCRv3"),
        ("fr", "PP-OCRv4", "it is read by PP-OCRv6 and PP-OCRv5 and PP-OCRv3"),
    ],
)
def test_wrong_ones(lang: str, version: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        route(lang, version)
