"""All models the zoo knows, by name."""

from inkline.errors import UsageError, near
from inkline.zoo.card import ModelCard
from inkline.zoo.classic import CLASSIC
from inkline.zoo.detectors import DETECTORS
from inkline.zoo.others import OTHERS
from inkline.zoo.own import OWN
from inkline.zoo.recognizers import RECOGNIZERS

CARDS: dict[str, ModelCard] = {card.name: card for card in (*DETECTORS, *RECOGNIZERS, *OTHERS, *OWN, *CLASSIC)}

# Names of PaddleOCR 2.x for models that have another name since.
OLD_NAMES: dict[str, str] = {
    "ch_PP-OCRv4_det": "PP-OCRv4_mobile_det",
    "ch_PP-OCRv4_server_det": "PP-OCRv4_server_det",
    "ch_PP-OCRv4_rec": "PP-OCRv4_mobile_rec",
    "ch_PP-OCRv4_server_rec": "PP-OCRv4_server_rec",
    "ch_PP-OCRv3_det": "PP-OCRv3_mobile_det",
    "ch_PP-OCRv3_rec": "PP-OCRv3_mobile_rec",
    "en_PP-OCRv4_rec": "en_PP-OCRv4_mobile_rec",
    "en_PP-OCRv3_rec": "en_PP-OCRv3_mobile_rec",
}


def find(name: str) -> ModelCard:
    """The card of the model called `name`; UsageError with the nearest names when there is none."""
    card = CARDS.get(OLD_NAMES.get(name, name))
    if card is None:
        raise UsageError(f"no model is called {name!r}{near(name, CARDS) or '; `inkline models list` lists all'}")
    return card
