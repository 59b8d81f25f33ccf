"""Models that Inkline trained itself and brings along in `inkline/weights`; recipes in `configs/own`, see docs/weights.md.

Each stands under the name of its net, with the script it was taught in front.
"""

from inkline.languages import codes_of
from inkline.zoo.card import Figure, ModelCard, Shipped
from inkline.zoo.recognizers import CTC

NOTE = "trained by Inkline on synthetic data"

SUMS = {
    "PP-LCNet_x0_25_textline_ori": "33f16f9b13d1c58a40176aae6664ae4ecbf86aceeff44f5d9de7a912969a2999",
    "PP-LCNet_x1_0_doc_ori": "d84262851305bfea843f14139fa2c5c5bb43ef853a2cdea78df31e00e2a7f652",
    "arabic_PP-OCRv6_small_rec": "b76aafcc1c447b767a954c18b29a30d53311be773e46800488c8e75400dd14dd",
    "cyrillic_PP-OCRv6_small_rec": "857ecf367b58ca5f486d45924005eb32eed4801225f204e7613a4ac4240c8c0e",
    "greek_PP-OCRv6_small_rec": "c5d14fd291f7d5fdeac276e3a3fd64e3552ed07bc705dfc198cec5aac7421965",
}


def shipped(name: str) -> Shipped:
    """The file of a model that comes with Inkline."""
    return Shipped(f"weights/{name}.onnx", SUMS[name])


def reader(
    script: str, size_bytes: int, characters: int, languages: tuple[str, ...], figure: Figure, squeeze: float = 1.0
) -> ModelCard:
    """The card of PP-OCRv6_small_rec taught a script: its last layer has `characters`, the blank and the space."""
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
        options={"text_rec_squeeze": squeeze} if squeeze < 1 else {},
        note=f"{NOTE}, from PP-OCRv6_small_rec",
    )


def wrong(percent: float, where: str) -> Figure:
    """The share of characters that were read wrong."""
    return Figure("characters wrong %", percent, where)


OWN: tuple[ModelCard, ...] = (
    reader(
        "arabic",
        3_255_074,
        187,
        ("ar", "fa"),
        wrong(8.8, "arabic-print-lines, 201 real lines of print, vowel marks left out"),
    ),
    reader(
        "cyrillic",
        3_267_618,
        284,
        codes_of("eslav", "cyrillic"),
        wrong(1.35, "cyrillic-lines, 150 real lines of print"),
        squeeze=0.85,
    ),
    reader(
        "greek",
        3_287_167,
        434,
        ("el",),
        wrong(3.0, "greek-latin-commentary-lines, 150 real lines of print"),
        squeeze=0.85,
    ),
)
