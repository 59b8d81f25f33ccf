"""All models the zoo knows, by name."""

from inkline.errors import UsageError, near
from inkline.registry.card import ModelCard
from inkline.registry.classic import CLASSIC
from inkline.registry.detectors import DETECTORS
from inkline.registry.others import OTHERS
from inkline.registry.own import OWN
from inkline.registry.recognizers import RECOGNIZERS

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
    "ch_PP-OCRv4_server_rec_doc": "PP-OCRv4_server_rec_doc",
    "korean_PP-OCRv4_rec": "korean_PP-OCRv4_mobile_rec",
    "japan_PP-OCRv4_rec": "japan_PP-OCRv4_mobile_rec",
    "arabic_PP-OCRv4_rec": "arabic_PP-OCRv4_mobile_rec",
    "devanagari_PP-OCRv4_rec": "devanagari_PP-OCRv4_mobile_rec",
    "ta_PP-OCRv4_rec": "ta_PP-OCRv4_mobile_rec",
    "te_PP-OCRv4_rec": "te_PP-OCRv4_mobile_rec",
    "ka_PP-OCRv4_rec": "ka_PP-OCRv4_mobile_rec",
    "korean_PP-OCRv3_rec": "korean_PP-OCRv3_mobile_rec",
    "japan_PP-OCRv3_rec": "japan_PP-OCRv3_mobile_rec",
    "chinese_cht_PP-OCRv3_rec": "chinese_cht_PP-OCRv3_mobile_rec",
    "te_PP-OCRv3_rec": "te_PP-OCRv3_mobile_rec",
    "ka_PP-OCRv3_rec": "ka_PP-OCRv3_mobile_rec",
    "ta_PP-OCRv3_rec": "ta_PP-OCRv3_mobile_rec",
    "latin_PP-OCRv3_rec": "latin_PP-OCRv3_mobile_rec",
    "arabic_PP-OCRv3_rec": "arabic_PP-OCRv3_mobile_rec",
    "cyrillic_PP-OCRv3_rec": "cyrillic_PP-OCRv3_mobile_rec",
    "devanagari_PP-OCRv3_rec": "devanagari_PP-OCRv3_mobile_rec",
}

# Names that PaddleOCR's documents give to a detector and a recogniser together.
SYSTEMS: dict[str, tuple[str, str]] = {
    "chinese_db_crnn_mobile": ("ch_det_mv3_db", "ch_rec_mv3_crnn"),
    "chinese_db_crnn_server": ("ch_det_r50_vd_db", "ch_rec_r34_vd_crnn"),
    "ch_PP-OCRv3_xx": ("PP-OCRv3_mobile_det", "PP-OCRv3_mobile_rec"),
    "en_PP-OCRv3_xx": ("en_PP-OCRv3_det", "en_PP-OCRv3_mobile_rec"),
    "ch_PP-OCRv2_xx": ("ch_PP-OCRv2_det", "ch_PP-OCRv2_rec"),
    "ch_ppocr_mobile_v2.0_xx": ("ch_ppocr_mobile_v2.0_det", "ch_ppocr_mobile_v2.0_rec"),
    "ch_ppocr_server_v2.0_xx": ("ch_ppocr_server_v2.0_det", "ch_ppocr_server_v2.0_rec"),
}


def find(name: str) -> ModelCard:
    """The card of the model called `name`; UsageError with the nearest names when there is none, or when it is a pair's."""
    if name in SYSTEMS:
        raise UsageError(f"{name!r} is a detector and a recogniser: {' and '.join(SYSTEMS[name])}")
    card = CARDS.get(OLD_NAMES.get(name, name))
    if card is None:
        raise UsageError(f"no model is called {name!r}{near(name, CARDS) or '; `inkline models list` lists all'}")
    return card
