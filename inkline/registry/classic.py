"""Cards of the algorithms of the 2020 release: EAST, DB, Rosetta, CRNN, STAR-Net, RARE, and those it announced.

Their published files are of Paddle 1 and run nowhere today. Each net can be trained here; `inkline convert` takes the
published weights.
"""

from inkline.registry.card import OLD, Figure, ModelCard, Source, Weights
from inkline.registry.detectors import DB
from inkline.registry.recognizers import CTC

ICDAR15 = "ICDAR 2015"
DTRB = "mean over IIIT5K, SVT, IC03, IC13, IC15, SVTP, CUTE80, trained on MJSynth and SynthText"
EAST = {**DB, "inkline.postprocess": "east"}
ATTENTION = {**CTC, "inkline.decoder": "attention"}
# SRN looks at plain values 0..255
SRN = {
    **CTC,
    "inkline.mean": "[0.0, 0.0, 0.0]",
    "inkline.std": str([1 / 255] * 3),
    "inkline.decoder": "srn",
}
SMALL_CHARSET = "36 characters: digits and small letters"


def _detector(name: str, file: str, metadata: dict[str, str], *prh: float) -> ModelCard:
    """A detector; prh: precision, recall and Hmean in per cent."""
    metrics = ("precision %", "recall %", "Hmean %")
    figures = tuple(Figure(m, v, ICDAR15) for m, v in zip(metrics, prh, strict=True))
    return ModelCard(name, "text_detection", (Weights(f"{OLD}/{file}.tar"),), figures=figures, metadata=metadata)


def _recognizer(name: str, file: str, accuracy: float) -> ModelCard:
    """A recogniser of English words 32 px high and 100 px wide."""
    attention = file.endswith("attn")
    return ModelCard(
        name,
        "text_recognition",
        (Weights(f"{OLD}/{file}.tar"),),
        languages=("en",),
        figures=(Figure("words right %", accuracy, DTRB),),
        charset=SMALL_CHARSET,
        input_height=32,
        classes=38 if attention else 37,
        metadata=ATTENTION if attention else CTC,
    )


def _chinese(name: str, task: str, size_bytes: int, note: str) -> ModelCard:
    """A net of the Chinese systems of 2020."""
    sources: tuple[Source, ...] = (
        Weights(f"{OLD}/ch_models/{name}_infer.tar"),
        Weights(f"{OLD}/ch_models/{name}.tar"),
    )
    if task == "text_detection":
        return ModelCard(name, "text_detection", sources, size_bytes, metadata=DB, note=note)
    return ModelCard(
        name,
        "text_recognition",
        sources,
        size_bytes,
        languages=("ch", "en"),
        charset="6,623 characters and the space",
        input_height=32,
        classes=6_625,
        metadata=CTC,
        note=note,
    )


def _announced(name: str, task: str, metadata: dict[str, str]) -> ModelCard:
    note = "announced in 2020 without a file; the net is here to be trained"
    if task == "text_detection":
        return ModelCard(name, "text_detection", metadata=metadata, note=note)
    return ModelCard(name, "text_recognition", languages=("en",), charset=SMALL_CHARSET, metadata=metadata, note=note)


CLASSIC: tuple[ModelCard, ...] = (
    _detector("EAST_ResNet50_vd", "det_r50_vd_east", EAST, 88.18, 85.51, 86.82),
    _detector("EAST_MobileNetV3", "det_mv3_east", EAST, 81.67, 79.83, 80.74),
    _detector("DB_ResNet50_vd", "det_r50_vd_db", DB, 83.79, 80.65, 82.19),
    _detector("DB_MobileNetV3", "det_mv3_db", DB, 75.92, 73.18, 74.53),
    _recognizer("Rosetta_ResNet34_vd", "rec_r34_vd_none_none_ctc", 80.24),
    _recognizer("Rosetta_MobileNetV3", "rec_mv3_none_none_ctc", 78.16),
    _recognizer("CRNN_ResNet34_vd", "rec_r34_vd_none_bilstm_ctc", 82.20),
    _recognizer("CRNN_MobileNetV3", "rec_mv3_none_bilstm_ctc", 79.37),
    _recognizer("STARNet_ResNet34_vd", "rec_r34_vd_tps_bilstm_ctc", 83.93),
    _recognizer("STARNet_MobileNetV3", "rec_mv3_tps_bilstm_ctc", 81.56),
    _recognizer("RARE_ResNet34_vd", "rec_r34_vd_tps_bilstm_attn", 84.90),
    _recognizer("RARE_MobileNetV3", "rec_mv3_tps_bilstm_attn", 83.32),
    _chinese("ch_det_mv3_db", "text_detection", 4_100_000, "of the 8.6 MB Chinese system"),
    _chinese("ch_rec_mv3_crnn", "text_recognition", 4_500_000, "of the 8.6 MB Chinese system"),
    _chinese("ch_det_r50_vd_db", "text_detection", 0, "of the general Chinese system"),
    _chinese("ch_rec_r34_vd_crnn", "text_recognition", 0, "of the general Chinese system"),
    _announced("SAST_ResNet50_vd", "text_detection", {**DB, "inkline.postprocess": "sast"}),
    _announced("SRN_ResNet50_fpn", "text_recognition", SRN),
)
