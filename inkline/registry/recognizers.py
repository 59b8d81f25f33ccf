"""Cards of the text recognisers; figures are the share of lines read without any fault, in per cent."""

from typing import Any

from inkline.languages import V6_GROUPS, V6_LACKS, Group, codes_of
from inkline.registry.card import Figure, ModelCard, Source, hub, legacy, mirror, official, trained, v4_wheel, v6_wheel
from inkline.registry.checksums import MIRROR_FILES

# Test sets of the publisher, none of them public; figures on different sets do not compare.
V6_SET = "PP-OCRv6 internal set"
V3X_SET = "PaddleOCR 3.x set, 11,000 Chinese lines"
BETA_SET = "PaddleX 3.0-beta set, 11,000 Chinese lines"
SCENES = "PP-OCRv5 internal set, weighted mean of 12 scenarios"

CTC = {
    "inkline.mean": "[0.5, 0.5, 0.5]",
    "inkline.std": "[0.5, 0.5, 0.5]",
    "inkline.channel_order": "BGR",
    "inkline.decoder": "ctc",
}
V6_CODES = tuple(code for code in codes_of(*sorted(V6_GROUPS)) if code not in V6_LACKS)
FOUR = ("ch", "chinese_cht", "en", "japan")
MB = 1_000_000


def _rec(
    name: str,
    size_bytes: int,
    sources: tuple[Source, ...],
    languages: tuple[str, ...],
    characters: int,
    figures: tuple[Figure, ...] = (),
    note: str = "",
    input_height: int = 48,
    **options: Any,
) -> ModelCard:
    """A CTC recogniser; characters: entries of its dictionary, 0 when not known; options: values it was tuned with."""
    return ModelCard(
        name,
        "text_recognition",
        sources,
        size_bytes,
        languages=languages,
        figures=figures,
        charset=f"{characters:,} characters and the space" if characters else "in the model's inference.yml",
        input_height=input_height,
        classes=characters + 2 if characters else 0,
        metadata=CTC,
        note=note,
        options=options,
    )


def _right(**by_set: float) -> tuple[Figure, ...]:
    sets = {"v6": V6_SET, "v3x": V3X_SET, "beta": BETA_SET, "scenes": SCENES}
    return tuple(Figure("lines right %", value, sets[key]) for key, value in by_set.items())


def _on(value: float, test_set: str) -> tuple[Figure, ...]:
    return (Figure("lines right %", value, test_set),)


CHINESE: tuple[ModelCard, ...] = (
    _rec(
        "PP-OCRv6_medium_rec",
        76_554_979,
        (mirror("PP-OCRv6/rec/PP-OCRv6_rec_medium.onnx"), hub("PP-OCRv6_medium_rec"), trained("PP-OCRv6_medium_rec")),
        V6_CODES,
        18_708,
        _right(v6=83.2),
        "PaddleOCR's default",
    ),
    _rec(
        "PP-OCRv6_small_rec",
        21_234_383,
        (
            v6_wheel("PP-OCRv6_rec_small.onnx"),
            mirror("PP-OCRv6/rec/PP-OCRv6_rec_small.onnx"),
            hub("PP-OCRv6_small_rec"),
            trained("PP-OCRv6_small_rec"),
        ),
        V6_CODES,
        18_708,
        _right(v6=81.3),
        "Inkline's default",
        text_rec_score_thresh=0.75,  # of the words in lines below, one in ten is right
        text_rec_width_scale=0.7,  # narrow lines cost less, and so fed lose nothing (docs/accuracy.md)
        text_rec_stroke_pitch=0.25,
    ),
    _rec(
        "PP-OCRv6_tiny_rec",
        4_462_639,
        (mirror("PP-OCRv6/rec/PP-OCRv6_rec_tiny.onnx"), hub("PP-OCRv6_tiny_rec"), trained("PP-OCRv6_tiny_rec")),
        tuple(code for code in V6_CODES if code != "japan"),
        6_904,
        _right(v6=73.5),
    ),
    _rec(
        "PP-OCRv5_server_rec",
        81 * MB,
        (
            mirror("PP-OCRv5/rec/ch_PP-OCRv5_rec_server.onnx"),
            hub("PP-OCRv5_server_rec"),
            trained("PP-OCRv5_server_rec"),
        ),
        FOUR,
        18_383,
        _right(v3x=86.38, v6=78.1, scenes=84.01),
    ),
    _rec(
        "PP-OCRv5_mobile_rec",
        16 * MB,
        (
            mirror("PP-OCRv5/rec/ch_PP-OCRv5_rec_mobile.onnx"),
            hub("PP-OCRv5_mobile_rec"),
            trained("PP-OCRv5_mobile_rec"),
        ),
        FOUR,
        18_383,
        _right(v3x=81.29, v6=73.7, scenes=80.15),
    ),
    _rec(
        "PP-OCRv4_server_rec_doc",
        91 * MB,
        (mirror("PP-OCRv4/rec/ch_doc_PP-OCRv4_rec_server.onnx"), *official("PP-OCRv4_server_rec_doc")),
        FOUR,
        15_629,
        _right(v3x=86.58, beta=81.53),
        "documents, rare and traditional characters",
    ),
    _rec(
        "PP-OCRv4_server_rec",
        87 * MB,
        (mirror("PP-OCRv4/rec/ch_PP-OCRv4_rec_server.onnx"), *official("PP-OCRv4_server_rec")),
        ("ch", "en"),
        6_623,
        _right(v3x=85.19, beta=80.61, scenes=57.35),
    ),
    _rec(
        "PP-OCRv4_mobile_rec",
        10_857_958,
        (
            v4_wheel("ch_PP-OCRv4_rec_infer.onnx"),
            mirror("PP-OCRv4/rec/ch_PP-OCRv4_rec_mobile.onnx"),
            *official("PP-OCRv4_mobile_rec"),
        ),
        ("ch", "en"),
        6_623,
        _right(v3x=83.28, beta=78.74, scenes=53.01),
    ),
    _rec(
        "PP-OCRv3_mobile_rec",
        11 * MB,
        (*official("PP-OCRv3_mobile_rec"), *legacy("PP-OCRv3/chinese/ch_PP-OCRv3_rec")),
        ("ch", "en"),
        6_623,
        _right(v3x=75.43),
    ),
    _rec(
        "ch_SVTRv2_rec",
        73_900_000,
        official("ch_SVTRv2_rec"),
        ("ch", "en"),
        6_623,
        _on(68.81, "PaddleOCR algorithm challenge, task 1, list A"),
        "by the OpenOCR team of Fudan University",
    ),
    _rec(
        "ch_RepSVTR_rec",
        22_100_000,
        official("ch_RepSVTR_rec"),
        ("ch", "en"),
        6_623,
        _on(65.07, "PaddleOCR algorithm challenge, task 1, list B"),
        "by the OpenOCR team of Fudan University",
    ),
)


def _script(group: Group, version: str, size_mb: float, characters: int, figure: float, test_set: str) -> ModelCard:
    """The mobile recogniser of one script, of PP-OCRv3, v4 or v5; a figure of 0 was not published."""
    name = f"{group}_{version}_mobile_rec"
    groups: tuple[Group, ...] = ("cyrillic", "eslav") if group == "cyrillic" else (group,)
    languages = tuple(dict.fromkeys((*codes_of(*groups), "en")))
    file = {"PP-OCRv5": "PP-OCRv5/rec", "PP-OCRv4": "PP-OCRv4/rec", "PP-OCRv3": "PP-OCRv4/rec"}[version]
    path = f"{file}/{group}_{version}_rec_mobile.onnx"
    sources: tuple[Source, ...] = (mirror(path),) if path in MIRROR_FILES else ()
    sources += (hub(name), trained(name)) if version == "PP-OCRv5" else ()
    if version == "PP-OCRv3":
        folder = "english" if group == "en" else "multilingual"
        sources += (*official(name), *legacy(f"PP-OCRv3/{folder}/{group}_PP-OCRv3_rec"))
    elif name == "en_PP-OCRv4_mobile_rec":
        sources += official(name)
    figures = _on(figure, test_set) if figure else ()
    return _rec(name, round(size_mb * MB), sources, languages, characters, figures)


X_SET = "PaddleX multilingual set"
EN_SET = "PaddleX English set"

SCRIPTS: tuple[ModelCard, ...] = (
    _script("en", "PP-OCRv5", 7.5, 436, 85.25, "PP-OCRv5 English set, 6,530 lines"),
    _script("korean", "PP-OCRv5", 14, 0, 88.0, "PP-OCRv5 Korean set, 5,007 lines"),
    _script("latin", "PP-OCRv5", 14, 0, 84.7, "PP-OCRv5 Latin set, 3,111 lines"),
    _script("eslav", "PP-OCRv5", 14, 0, 81.6, "PP-OCRv5 East Slavic set, 7,031 lines"),
    _script("cyrillic", "PP-OCRv5", 8, 0, 80.27, "PP-OCRv5 Cyrillic set, 7,600 lines"),
    _script("arabic", "PP-OCRv5", 7.6, 747, 81.27, "PP-OCRv5 Arabic set, 2,676 lines"),
    _script("devanagari", "PP-OCRv5", 7.6, 568, 84.96, "PP-OCRv5 Devanagari set, 3,611 lines"),
    _script("th", "PP-OCRv5", 7.6, 0, 82.68, "PP-OCRv5 Thai set, 4,261 lines"),
    _script("el", "PP-OCRv5", 7.6, 0, 89.28, "PP-OCRv5 Greek set, 2,799 lines"),
    _script("ta", "PP-OCRv5", 7.6, 0, 94.2, "PP-OCRv5 Tamil set, 2,121 lines"),
    _script("te", "PP-OCRv5", 7.6, 0, 87.65, "PP-OCRv5 Telugu set, 2,478 lines"),
    _script("en", "PP-OCRv4", 7.3, 95, 70.39, EN_SET),
    _script("korean", "PP-OCRv4", 0, 3_688, 0, ""),
    _script("japan", "PP-OCRv4", 0, 4_399, 0, ""),
    _script("arabic", "PP-OCRv4", 0, 161, 0, ""),
    _script("devanagari", "PP-OCRv4", 0, 167, 0, ""),
    _script("ta", "PP-OCRv4", 0, 128, 0, ""),
    _script("te", "PP-OCRv4", 0, 151, 0, ""),
    _script("ka", "PP-OCRv4", 0, 153, 0, ""),
    _script("en", "PP-OCRv3", 7.8, 95, 70.69, EN_SET),
    _script("korean", "PP-OCRv3", 8.6, 3_688, 60.21, X_SET),
    _script("japan", "PP-OCRv3", 8.8, 4_399, 45.69, X_SET),
    _script("chinese_cht", "PP-OCRv3", 9.7, 8_421, 82.06, X_SET),
    _script("te", "PP-OCRv3", 7.8, 151, 95.88, X_SET),
    _script("ka", "PP-OCRv3", 8.0, 153, 96.96, X_SET),
    _script("ta", "PP-OCRv3", 8.0, 128, 76.83, X_SET),
    _script("latin", "PP-OCRv3", 7.8, 185, 76.93, X_SET),
    _script("arabic", "PP-OCRv3", 7.8, 161, 73.55, X_SET),
    _script("cyrillic", "PP-OCRv3", 7.9, 163, 94.28, X_SET),
    _script("devanagari", "PP-OCRv3", 7.9, 167, 96.44, X_SET),
)


def _v2(name: str, path: str, size_mb: float, characters: int, *languages: str) -> ModelCard:
    """A recogniser of PP-OCR 2, which reads lines 32 px high."""
    return _rec(name, round(size_mb * MB), legacy(path), languages, characters, input_height=32)


MULTI = "dygraph_v2.0/multilingual"

V2: tuple[ModelCard, ...] = (
    _v2("ch_PP-OCRv2_rec", "PP-OCRv2/chinese/ch_PP-OCRv2_rec", 8.5, 6_623, "ch", "en"),
    _v2("ch_ppocr_mobile_v2.0_rec", "dygraph_v2.0/ch/ch_ppocr_mobile_v2.0_rec", 5, 6_623, "ch", "en"),
    _v2("ch_ppocr_server_v2.0_rec", "dygraph_v2.0/ch/ch_ppocr_server_v2.0_rec", 94.9, 6_623, "ch", "en"),
    _v2("en_number_mobile_v2.0_rec", f"{MULTI}/en_number_mobile_v2.0_rec", 2.6, 95, "en"),
    _v2("french_mobile_v2.0_rec", f"{MULTI}/french_mobile_v2.0_rec", 2.65, 0, "fr", "french"),
    _v2("german_mobile_v2.0_rec", f"{MULTI}/german_mobile_v2.0_rec", 2.65, 0, "de", "german"),
    _v2("korean_mobile_v2.0_rec", f"{MULTI}/korean_mobile_v2.0_rec", 3.9, 3_688, "korean"),
    _v2("japan_mobile_v2.0_rec", f"{MULTI}/japan_mobile_v2.0_rec", 4.23, 4_399, "japan"),
    _v2("chinese_cht_mobile_v2.0_rec", f"{MULTI}/chinese_cht_mobile_v2.0_rec", 5.63, 8_421, "chinese_cht"),
    _v2("te_mobile_v2.0_rec", f"{MULTI}/te_mobile_v2.0_rec", 2.63, 151, "te"),
    _v2("ka_mobile_v2.0_rec", f"{MULTI}/ka_mobile_v2.0_rec", 2.63, 153, "ka"),
    _v2("ta_mobile_v2.0_rec", f"{MULTI}/ta_mobile_v2.0_rec", 2.63, 128, "ta"),
    _v2("latin_mobile_v2.0_rec", f"{MULTI}/latin_ppocr_mobile_v2.0_rec", 2.6, 185, *codes_of("latin")),
    _v2("arabic_mobile_v2.0_rec", f"{MULTI}/arabic_ppocr_mobile_v2.0_rec", 2.6, 161, *codes_of("arabic")),
    _v2(
        "cyrillic_mobile_v2.0_rec", f"{MULTI}/cyrillic_ppocr_mobile_v2.0_rec", 2.6, 163, *codes_of("cyrillic", "eslav")
    ),
    _v2("devanagari_mobile_v2.0_rec", f"{MULTI}/devanagari_ppocr_mobile_v2.0_rec", 2.6, 167, *codes_of("devanagari")),
)

RECOGNIZERS: tuple[ModelCard, ...] = (*CHINESE, *SCRIPTS, *V2)
