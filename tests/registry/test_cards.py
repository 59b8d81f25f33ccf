"""The cards: complete, true to the published list, and consistent with the options and languages."""

import json
import tomllib
from importlib import resources
from pathlib import Path
from typing import get_args

import pytest

from inkline.errors import UsageError
from inkline.flat import apply, flat_fields
from inkline.languages import LANGUAGES, ROUTES
from inkline.languages import OWN as OWN_ROUTES
from inkline.options import OcrOptions
from inkline.registry.card import Archive, ModelCard, Task, Url, WheelFile, all_cards, current_name, find_card

CARDS = all_cards()
TABLE = tomllib.loads(resources.files("inkline").joinpath("registry/models.toml").read_text(encoding="utf-8"))
OLD_NAMES, SYSTEMS = TABLE["old_names"], TABLE["systems"]
MIRRORED = {
    source.url.partition("/onnx/")[2]: source.sha256
    for card in CARDS.values()
    for source in card.sources
    if isinstance(source, Url) and "/RapidOCR/" in source.url
}


@pytest.mark.parametrize("card", CARDS.values(), ids=list(CARDS))
def test_card_is_complete(card: ModelCard) -> None:
    assert card.task in get_args(Task) and card.licence
    assert set(card.languages) <= set(LANGUAGES)
    assert bool(card.languages) == (card.task == "text_recognition")
    assert card.sources or "trained" in card.note
    assert all(f.test_set and f.value > 0 for f in card.figures)
    assert set(card.metadata) >= {"inkline.mean", "inkline.std", "inkline.channel_order"}
    assert apply(OcrOptions(), **card.options)
    if card.task == "text_recognition":
        assert card.charset and card.metadata["inkline.decoder"]
        assert card.input_height in (32, 48) or not card.sources
    if card.task.endswith(("orientation", "classify")):
        assert len(json.loads(card.metadata["inkline.labels"])) == card.classes
        assert card.input_height and card.metadata["inkline.input_width"] and card.metadata["inkline.resize"]
    for source in card.sources:
        if isinstance(source, Url | Archive):
            assert source.url.startswith("https://")


def test_names_are_unique() -> None:
    assert len(CARDS) == len(TABLE["model"]) == 113
    assert not OLD_NAMES.keys() & CARDS.keys() and all(name in CARDS for name in OLD_NAMES.values())
    assert all(current_name(old) == new for old, new in OLD_NAMES.items()) and current_name("none") == "none"
    for name, (detector, recognizer) in SYSTEMS.items():
        assert name not in CARDS and name not in OLD_NAMES
        assert CARDS[detector].task == "text_detection" and CARDS[recognizer].task == "text_recognition"


def test_options_and_routes_name_models_with_a_card() -> None:
    for name, (_, field, _) in flat_fields(OcrOptions).items():
        if name.endswith("_model_name"):
            assert CARDS[field.default].task == name.removesuffix("_model_name")
    for detector, recognizers in (*ROUTES.values(), ("PP-OCRv6_small_det", OWN_ROUTES)):
        assert CARDS[detector].task == "text_detection"
        for group, name in recognizers.items():
            codes = {code for code, language in LANGUAGES.items() if group in (code, language.group)}
            codes -= {"pi", *(recognizers.keys() - {group})}  # a language's own goes before that of its group
            assert codes <= set(CARDS[name].languages), (name, group)


@pytest.mark.parametrize(
    "name",
    [
        "PP-OCRv6_small_det",
        "PP-OCRv6_small_rec",
        "ch_ppocr_mobile_v2.0_cls",
        "PP-OCRv4_mobile_det",
        "PP-OCRv4_mobile_rec",
        "PP-OCRv6_tiny_det",
        "PP-OCRv6_tiny_rec",
        "PP-OCRv5_mobile_det",
        "PP-OCRv5_mobile_rec",
        "PP-OCRv3_mobile_det",
        "en_PP-OCRv3_det",
        "Multilingual_PP-OCRv3_det",
        "PP-OCRv3_mobile_rec",
        "en_PP-OCRv3_mobile_rec",
        "japan_PP-OCRv3_mobile_rec",
        "chinese_cht_PP-OCRv3_mobile_rec",
        "en_PP-OCRv4_mobile_rec",
        "PP-LCNet_x1_0_doc_ori",
        "UVDoc",
    ],
)
def test_models_that_the_package_index_holds(name: str) -> None:
    assert isinstance(find_card(name).sources[0], WheelFile) and find_card(name).size_bytes


def test_find_card() -> None:
    assert find_card("ch_PP-OCRv4_rec").name == "PP-OCRv4_mobile_rec"
    with pytest.raises(UsageError, match=r"no model is called 'latin_rec'; did you mean .*latin_"):
        find_card("latin_rec")
    with pytest.raises(UsageError, match="inkline models list"):
        find_card("§")
    with pytest.raises(UsageError, match="is a detector and a recogniser: ch_det_mv3_db and ch_rec_mv3_crnn"):
        find_card("chinese_db_crnn_mobile")


def test_sums_are_those_published(shared: Path) -> None:
    published = json.loads((shared / "model_sources.json").read_text(encoding="utf-8"))
    assert {entry["url"].partition("/onnx/")[2]: entry["sha256"] for entry in published["onnx"]} == MIRRORED
    in_wheels = [source for card in CARDS.values() for source in card.sources if isinstance(source, WheelFile)]
    for wheel in published["wheels"]:
        ours = [s for s in in_wheels if (s.distribution, s.version) == (wheel["distribution"], wheel["version"])]
        files = {s.path: s.sha256 for s in ours} | {s.companion: s.companion_sha256 for s in ours if s.companion}
        assert files.items() <= {file["path"]: file.get("sha256") for file in wheel["files"]}.items()


def test_no_table_is_left_unused() -> None:
    assert {entry["kind"] for entry in TABLE["model"]} == TABLE["kind"].keys()
    named = [figure[2] for entry in TABLE["model"] for figure in entry.get("figures", ())]
    assert all(named.count(name) > 1 for name in TABLE["test_sets"])


def test_models_named_in_the_source_documents_have_a_card(shared: Path) -> None:
    import re

    text = "".join(path.read_text(encoding="utf-8") for path in sorted((shared / "source").glob("*.md")))
    text += (shared / "FACTS.md").read_text(encoding="utf-8").partition("## 5.")[2].partition("## 6.")[0]
    found = set(re.findall(r"\b(?:\w+_)?PP-OCRv\d_(?:\w+_)?(?:det|rec)(?:_doc)?\b", text))
    found |= set(re.findall(r"\b(?:PP-LCNet_\w+_(?:textline|doc)_ori|UVDoc|ch_\w*SVTR\w*_rec)\b", text))
    found |= set(re.findall(r"official_pretrained_model/([\w.-]+)_pretrained", text))
    systems = set(re.findall(r"\b(?:chinese_db_crnn_\w+|(?:\w+_)?(?:PP-OCRv\d|ppocr_\w+_v2\.0)_xx)\b", text))
    assert len(systems) > 5 and systems <= SYSTEMS.keys()
    known = CARDS.keys() | OLD_NAMES.keys()
    vague = {"PP-OCRv4_det", "PP-OCRv5_rec", "PP-OCRv3_rec"}  # a whole series
    assert len(found) > 25
    assert {name for name in found if name not in known and name not in vague} == set()
