"""Models that Inkline trained itself and brings along in `inkline/weights`; recipes in `configs/own`, see docs/weights.md.

Each stands under the name of its net, with the script it was taught in front.
"""

from inkline.languages import codes_of
from inkline.zoo.card import Figure, ModelCard, Shipped
from inkline.zoo.recognizers import CTC

NOTE = "trained by Inkline on synthetic data"


def shipped(name: str) -> Shipped:
    """The file of a model that comes with Inkline."""
    return Shipped(f"weights/{name}.onnx")


OWN: tuple[ModelCard, ...] = (
    ModelCard(
        "cyrillic_PP-OCRv6_small_rec",
        "text_recognition",
        (shipped("cyrillic_PP-OCRv6_small_rec"),),
        6_210_063,
        languages=(*codes_of("eslav", "cyrillic"), "en"),
        figures=(Figure("characters wrong %", 1.4, "cyrillic-lines, 150 real lines of print"),),
        charset="284 characters and the space",
        input_height=48,
        classes=286,
        metadata=CTC,
        note=f"{NOTE}, from PP-OCRv6_small_rec",
    ),
    ModelCard(
        "greek_PP-OCRv6_small_rec",
        "text_recognition",
        (shipped("greek_PP-OCRv6_small_rec"),),
        6_247_012,
        languages=("el", "en"),
        figures=(Figure("characters wrong %", 3.0, "greek-latin-commentary-lines, 150 real lines of print"),),
        charset="434 characters and the space",
        input_height=48,
        classes=436,
        metadata=CTC,
        note=f"{NOTE}, from PP-OCRv6_small_rec",
    ),
)
