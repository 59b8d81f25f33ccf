"""Models that Inkline trained itself and brings along in `inkline/weights`; recipes in `configs/own`, see docs/weights.md.

Each stands under the name of its net, with the script it was taught in front.
"""

from inkline.languages import codes_of
from inkline.registry.card import Figure, ModelCard, Shipped
from inkline.registry.recognizers import CTC

NOTE = "trained by Inkline on synthetic data"

SUMS = {
    "PP-LCNet_x0_25_textline_ori": "0785ef741201dbe868a2f22849d7bcb3575c8fd75b3faa6666c026be6f27e2dd",
    "PP-LCNet_x1_0_doc_ori": "d84262851305bfea843f14139fa2c5c5bb43ef853a2cdea78df31e00e2a7f652",
    "arabic_PP-OCRv6_small_rec": "fe7c2f8d4fd3390277e9dee405f8876623ffb446e6346a4570de1f4e776d7541",
    "cyrillic_PP-OCRv6_small_rec": "857ecf367b58ca5f486d45924005eb32eed4801225f204e7613a4ac4240c8c0e",
    "devanagari_PP-OCRv6_small_rec": "13fa3485bbada6a5a0aef8d755566e179ce63fb4f3f41960d2e2a0f5f5af324f",
    "greek_PP-OCRv6_small_rec": "c5d14fd291f7d5fdeac276e3a3fd64e3552ed07bc705dfc198cec5aac7421965",
    "kannada_PP-OCRv6_small_rec": "122d7fa9d92c07ebe444049a4ede230f7c203356aebd463d6ed19249b1c86a11",
    "tamil_PP-OCRv6_small_rec": "53cd1a48035858c2890a8d2f11b1374f397c3301b3cc46eb016362030c120d2a",
}


def shipped(name: str) -> Shipped:
    """The file of a model that comes with Inkline."""
    return Shipped(f"weights/{name}.onnx", SUMS[name])


def reader(
    script: str, size_bytes: int, characters: int, languages: tuple[str, ...], figure: Figure, **options: float
) -> ModelCard:
    """The card of PP-OCRv6_small_rec taught a script: its last layer has `characters`, the blank and the space.

    options: those it was tuned with, by flat name, where they are not the default.
    """
    name = f"{script}_PP-OCRv6_small_rec"
    return ModelCard(
        name,
        "text_recognition",
        (shipped(name),),
        size_bytes,
        languages=(*languages, "en"),
        figures=(figure,),
        charset=f"{characters} characters and the space",
        input_height=48,
        classes=characters + 2,
        metadata=CTC,
        options=options,
        note=f"{NOTE}, from PP-OCRv6_small_rec",
    )


def wrong(percent: float, where: str) -> Figure:
    """The share of characters that were read wrong."""
    return Figure("characters wrong %", percent, where)


OWN: tuple[ModelCard, ...] = (
    reader(
        "arabic",
        3_255_099,
        187,
        ("ar", "fa"),
        wrong(5.1, "arabic-print-lines, 201 real lines of print, vowel marks left out"),
        text_rec_width_scale=1.2,
    ),
    reader(
        "cyrillic",
        3_267_618,
        284,
        codes_of("eslav", "cyrillic"),
        wrong(1.32, "cyrillic-lines, 150 real lines of print"),
        text_rec_width_scale=0.85,
    ),
    reader(
        "devanagari",
        3_255_319,
        188,
        codes_of("devanagari"),
        Figure("token F1", 0.919, "sanskrit-pages, 7 real pages of Sanskrit"),
        text_rec_width_scale=1.25,
    ),
    reader(
        "greek",
        3_287_167,
        434,
        ("el",),
        wrong(3.1, "greek-latin-commentary-lines, 150 real lines of print"),
        text_rec_width_scale=0.85,
    ),
    reader(
        "kannada",
        3_255_290,
        188,
        ("ka",),
        wrong(5.9, "kannada-books, 156 real lines of print"),
        text_det_unclip_ratio=2.1,  # letters hang below the line, where the detector cuts them off
    ),
    reader(
        "tamil",
        3_250_634,
        152,
        ("ta",),
        wrong(4.9, "tamil-book-lines, 24 real lines of print"),
        text_rec_width_scale=0.85,
    ),
)
