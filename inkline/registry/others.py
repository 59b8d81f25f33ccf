"""Cards of the models that turn and flatten: line orientation, page orientation, unwarping."""

from inkline.registry.card import Figure, ModelCard, Source, hub, legacy, mirror, trained, v6_wheel
from inkline.registry.own import NOTE, shipped

IMAGENET = {"inkline.mean": "[0.485, 0.456, 0.406]", "inkline.std": "[0.229, 0.224, 0.225]"}


OURS = f"{NOTE}; for the published weights give their file or folder"


def _textline(
    name: str, size_bytes: int, sources: tuple[Source, ...], figures: tuple[Figure, ...], note: str = ""
) -> ModelCard:
    """A PP-LCNet that tells lines upright from lines on their head."""
    metadata = IMAGENET | {
        "inkline.channel_order": "RGB",
        "inkline.labels": '["0_degree", "180_degree"]',
        "inkline.input_width": "160",
        "inkline.resize": "stretch",
    }
    return ModelCard(
        name,
        "textline_orientation",
        sources,
        size_bytes,
        figures=figures,
        input_height=80,
        classes=2,
        metadata=metadata,
        note=note,
    )


def _top1(value: float, test_set: str) -> Figure:
    return Figure("top-1 %", value, test_set)


LINES = "PaddleX set, 1,000 line images"

OTHERS: tuple[ModelCard, ...] = (
    ModelCard(
        "ch_ppocr_mobile_v2.0_cls",
        "textline_orientation",
        (
            v6_wheel("ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            mirror("PP-OCRv4/cls/ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            *legacy("dygraph_v2.0/ch/ch_ppocr_mobile_v2.0_cls"),
        ),
        585_532,
        input_height=48,
        classes=2,
        metadata={
            "inkline.mean": "[0.5, 0.5, 0.5]",
            "inkline.std": "[0.5, 0.5, 0.5]",
            "inkline.channel_order": "BGR",
            "inkline.labels": '["0", "180"]',
            "inkline.input_width": "192",
            "inkline.resize": "pad",
        },
    ),
    _textline(
        "PP-LCNet_x0_25_textline_ori",
        509_962,
        (
            shipped("PP-LCNet_x0_25_textline_ori"),
            mirror("PP-OCRv5/cls/ch_PP-LCNet_x0_25_textline_ori_cls_mobile.onnx"),  # as published; ours comes first
            trained("PP-LCNet_x0_25_textline_ori"),
        ),
        (_top1(98.2, "1,089 real lines of 15 development sets, either way up"),),
        OURS,
    ),
    _textline(
        "PP-LCNet_x1_0_textline_ori",
        6_500_000,
        (
            mirror("PP-OCRv5/cls/ch_PP-LCNet_x1_0_textline_ori_cls_server.onnx"),
            hub("PP-LCNet_x1_0_textline_ori"),
            trained("PP-LCNet_x1_0_textline_ori"),
        ),
        (_top1(99.42, LINES),),
    ),
    ModelCard(
        "PP-LCNet_x1_0_doc_ori",
        "doc_orientation_classify",
        (shipped("PP-LCNet_x1_0_doc_ori"), trained("PP-LCNet_x1_0_doc_ori")),
        3_370_383,
        figures=(_top1(98.0, "50 real pages of the development sets, turned"),),
        input_height=224,
        classes=4,
        metadata=IMAGENET
        | {
            "inkline.channel_order": "RGB",
            "inkline.labels": '["0", "90", "180", "270"]',
            "inkline.input_width": "224",
            "inkline.resize": "center_crop",
        },
        note=OURS,
    ),
    ModelCard(
        "UVDoc",
        "doc_unwarping",
        (hub("UVDoc"), trained("UVDoc")),
        30_300_000,
        figures=(Figure("CER", 0.179, "DocUNet benchmark"),),
        metadata={
            "inkline.mean": "[0.0, 0.0, 0.0]",
            "inkline.std": "[1.0, 1.0, 1.0]",
            "inkline.channel_order": "BGR",
            "inkline.output": "image",
        },
        note="the published ONNX file gives the flat image alone; `inkline convert` and `export` make one with its grid",
    ),
)
