"""What each net takes and what becomes of its output: the facts that an exported file states about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Interface:
    """One kind of net.

    task: as in `inkline.registry.card.Task`. shape: the standard input (channels, height, width), at which cost is counted;
    channels in `order`, each (value / 255 - mean) / std. free: which of height and width may vary. multiple: sides that
    vary are multiples of this. outputs: names of the net's outputs, with the names of their sides, None where fixed.
    facts: further metadata, by key without "inkline."; text, or what becomes JSON.
    """

    task: str
    shape: tuple[int, int, int]
    free: str
    multiple: int
    outputs: Mapping[str, tuple[str | None, ...]]
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    order: str = "BGR"
    facts: Mapping[str, object] = field(default_factory=dict)


IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
MAP = ("batch", None, "rows", "columns")
LINE = ("batch", "steps", None)


def _detector(postprocess: str, multiple: int, outputs: tuple[str, ...], options: Mapping[str, object]) -> Interface:
    facts = {"postprocess": postprocess, "input_multiple": multiple, "options": options}
    return Interface(
        "text_detection", (3, 640, 640), "HW", multiple, dict.fromkeys(outputs, MAP), **IMAGENET, facts=facts
    )


def _recognizer(height: int, width: int, decoder: str = "ctc") -> Interface:
    facts = {"input_height": height, "decoder": decoder}
    return Interface("text_recognition", (3, height, width), "W", 32, {"probabilities": LINE}, facts=facts)


def _classifier(task: str, size: tuple[int, int], rule: str, labels: tuple[str, ...]) -> Interface:
    facts = {"input_height": size[0], "input_width": size[1], "resize": rule, "labels": labels}
    # the text-line classifier of 2020 was trained on plain BGR, PP-LCNet on ImageNet's RGB
    plain = rule == "pad"
    colours = {} if plain else {**IMAGENET, "order": "RGB"}
    return Interface(task, (3, *size), "", 1, {"probabilities": ("batch", None)}, **colours, facts=facts)


DB = _detector("db", 32, ("probability",), {})
EAST = _detector("east", 32, ("score", "geometry"), {"text_det_thresh": 0.8, "text_det_box_thresh": 0.1})
SAST = _detector(
    "sast", 128, ("score", "border", "corners", "centre"), {"text_det_thresh": 0.5, "text_det_box_thresh": 0.1}
)
WORD = _recognizer(32, 100)
WORD_ATTENTION = _recognizer(32, 100, "attention")
LINE_32 = _recognizer(32, 320)
LINE_48 = _recognizer(48, 320)
# SRN looks at grey values 0..255 of one size, the only one its learned positions know
SRN = Interface(
    "text_recognition",
    (3, 64, 256),
    "",
    1,
    {"probabilities": ("batch", None, None)},
    mean=(0.0, 0.0, 0.0),
    std=(1 / 255, 1 / 255, 1 / 255),
    facts={"input_height": 64, "decoder": "srn", "options": {"text_rec_input_shape": (3, 64, 256)}},
)
LINE_TURN_2020 = _classifier("textline_orientation", (48, 192), "pad", ("0", "180"))
LINE_TURN = _classifier("textline_orientation", (80, 160), "stretch", ("0_degree", "180_degree"))
PAGE_TURN = _classifier("doc_orientation_classify", (224, 224), "center_crop", ("0", "90", "180", "270"))
UNWARP = Interface(
    "doc_unwarping",
    (3, 712, 488),
    "",
    1,
    {"grid": ("batch", None, None, None)},
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    facts={"output": "grid"},
)

INTERFACES: dict[str, Interface] = {
    "DB_ResNet50_vd": DB,
    "DB_MobileNetV3": DB,
    "EAST_ResNet50_vd": EAST,
    "EAST_MobileNetV3": EAST,
    "SAST_ResNet50_vd": SAST,
    "ch_ppocr_mobile_v2.0_det": DB,
    "ch_ppocr_server_v2.0_det": DB,
    "PP-OCRv3_mobile_det": DB,
    "PP-OCRv3_server_det": DB,
    "PP-OCRv4_mobile_det": DB,
    "PP-OCRv4_server_det": DB,
    "PP-OCRv5_mobile_det": DB,
    "PP-OCRv5_server_det": DB,
    "PP-OCRv6_tiny_det": DB,
    "PP-OCRv6_small_det": DB,
    "PP-OCRv6_medium_det": DB,
    "RepSVTR_det": DB,
    "Rosetta_ResNet34_vd": WORD,
    "Rosetta_MobileNetV3": WORD,
    "CRNN_ResNet34_vd": WORD,
    "CRNN_MobileNetV3": WORD,
    "STARNet_ResNet34_vd": WORD,
    "STARNet_MobileNetV3": WORD,
    "RARE_ResNet34_vd": WORD_ATTENTION,
    "RARE_MobileNetV3": WORD_ATTENTION,
    "SRN_ResNet50_fpn": SRN,
    "ch_ppocr_mobile_v2.0_rec": LINE_32,
    "ch_ppocr_server_v2.0_rec": LINE_32,
    "ch_PP-OCRv2_rec": LINE_32,
    "PP-OCRv3_mobile_rec": LINE_48,
    "PP-OCRv4_mobile_rec": LINE_48,
    "PP-OCRv4_server_rec": LINE_48,
    "PP-OCRv5_mobile_rec": LINE_48,
    "PP-OCRv5_server_rec": LINE_48,
    "en_PP-OCRv4_mobile_rec": LINE_48,
    "latin_PP-OCRv5_mobile_rec": LINE_48,
    "ch_SVTRv2_rec": LINE_48,
    "ch_RepSVTR_rec": LINE_48,
    "PP-OCRv6_tiny_rec": LINE_48,
    "PP-OCRv6_small_rec": LINE_48,
    "PP-OCRv6_medium_rec": LINE_48,
    "ch_ppocr_mobile_v2.0_cls": LINE_TURN_2020,
    "PP-LCNet_x0_25_textline_ori": LINE_TURN,
    "PP-LCNet_x1_0_textline_ori": LINE_TURN,
    "PP-LCNet_x1_0_doc_ori": PAGE_TURN,
    "PP-LCNet_x1_0_doc_ori_nolastconv": PAGE_TURN,
    "UVDoc": UNWARP,
}
