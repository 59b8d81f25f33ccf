"""Names that stand for the values of several options: the reference's rules, and the tiers of speed."""

from collections.abc import Mapping
from typing import Any, Literal

# The rules of PaddleOCR 3.x by flat name, which `rules="reference"` stands for (docs/reference_rules.md).
REFERENCE_RULES: Mapping[str, Any] = {
    "pdf_dpi": 144,
    "lang": "",
    "doc_orientation_rule": "net",
    "doc_orientation_look": False,
    "text_det_limit_side_len": 64,
    "text_det_limit_type": "min",
    "text_det_max_enlarge": 1000.0,
    "text_det_max_side_limit": 4000,
    "text_det_tile_side": 0,
    "text_det_small_text": 0.0,
    "text_det_sparse_side_len": 0,
    "text_det_thresh": 0.3,
    "text_det_box_thresh": 0.6,
    "text_det_unclip_ratio": 1.5,
    "text_det_max_candidates": 1000,
    "text_det_use_dilation": False,
    "text_det_score_mode": "fast",
    "text_rec_width_rule": "reference",
    "text_recognition_batch_size": 6,
    "text_rec_max_width": 3200,
    "text_rec_space_thresh": 1.0,
    "text_rec_accent_thresh": 1.0,
    "text_rec_score_thresh": 0.0,
    "text_crop_rule": "reference",
    "text_box_rule": "reference",
    "reading_order": "reference",
}

Tier = Literal["fast", "balanced", "accurate"]
# What a tier of speed stands for, by flat name; its models are in the place of the default ones (`inkline.registry`).
TIERS: Mapping[str, Mapping[str, Any]] = {
    "fast": {
        "text_detection_model_name": "PP-OCRv6_tiny_det",
        "text_recognition_model_name": "PP-OCRv6_tiny_rec",
        "text_det_small_text": 0.0,
        "text_rec_reread_thresh": 0.2,
    },
    "balanced": {},
    "accurate": {
        "text_detection_model_name": "PP-OCRv6_medium_det",
        "text_recognition_model_name": "PP-OCRv6_medium_rec",
        "text_det_limit_side_len": 1600,
    },
}
# Models of 60 MB and more that no wheel holds: a tier reads with them only where they were fetched, else with the default ones.
LARGE_MODELS = frozenset({"PP-OCRv6_medium_det", "PP-OCRv6_medium_rec"})
