"""Plans, data sets and loaders: contracts, determinism, resuming, and what happens to bad samples."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from inkline.errors import DataError
from inkline.training.config import AugmentConfig, Config, DataConfig, ModelConfig
from inkline.training.data.augment_crops import NO_CLS_AUGMENT as PLAIN_CLS
from inkline.training.data.augment_crops import NO_REC_AUGMENT as PLAIN
from inkline.training.data.augment_crops import ClsAugment, RecAugment, turned
from inkline.training.data.batches import BatchPlan, batches_of, collate, in_every_turn, loader, plan_batches
from inkline.training.data.datasets import (
    Classification,
    Detection,
    Recognition,
    Unwarping,
)
from inkline.training.data.encode import ENCODERS, Alphabet
from inkline.training.data.labels import Sample, load_labels
from inkline.training.data.sample_sources import Labelled, SampleIndex, SampleSource, SynthLines, SynthPages, mixed
from inkline.training.synth.synth_options import LineOptions, PageOptions

LETTERS = Alphabet(tuple("abcdefghijklmnopqrstuvwxyz"), 25)


def recognition(
    source: SampleSource,
    encoders: tuple[str, ...] = ("ctc",),
    alphabet: Alphabet = LETTERS,
    augment: RecAugment | None = None,
    **data: Any,
) -> Recognition:
    """Lines as wide as the widest of their batch, unless `data` (values of `DataConfig`) says something else."""
    config = Config(data=DataConfig(**{"width": 0, **data}), augment=AugmentConfig(rec=augment or RecAugment()))
    return Recognition(source, config, alphabet, encoders)


def cls_config(
    kind: str, size: tuple[int, int], labels: tuple[int, ...] = (0, 180), augment: ClsAugment | None = None
) -> Config:
    data = DataConfig(kind=kind, height=size[0], width=size[1])
    augmentation = AugmentConfig(cls=augment or ClsAugment())
    return Config("cls", model=ModelConfig(labels=labels), data=data, augment=augmentation)


def labelled(task: str, source: Path) -> Labelled:
    """The usable samples of a set."""
    return Labelled(tuple(load_labels(task, str(source))[0]))


def test_every_sample_is_in_exactly_one_batch() -> None:
    ratios = np.random.default_rng(0).uniform(1, 20, 103).astype(np.float32)
    for plan in (BatchPlan(8), BatchPlan(8, group=True), BatchPlan(8, heights=(32, 48, 64), by_area=True, group=True)):
        batches = plan_batches(ratios, plan, 3)
        assert sorted(d.number for b in batches for d in b) == list(range(103))
        assert batches == plan_batches(ratios, plan, 3) != plan_batches(ratios, plan, 4)
        assert all(len({d.height for d in b}) == 1 for b in batches)


def test_groups_hold_lines_of_like_width_and_areas_stay_alike() -> None:
    ratios = np.random.default_rng(0).uniform(1, 40, 4000).astype(np.float32)
    plan = BatchPlan(32, heights=(48,), base_width=320, by_area=True, group=True)
    batches = plan_batches(ratios, plan, 0)
    areas = [48 * 48 * max(ratios[d.number] for d in b) * len(b) for b in batches]
    assert max(areas) <= 1.05 * 32 * 48 * 320
    assert np.median(areas) > 0.6 * 32 * 48 * 320
    waste = [np.mean([ratios[d.number] for d in b]) / max(ratios[d.number] for d in b) for b in batches]
    assert np.median(waste) > 0.9


def test_lines_fed_wider_come_in_smaller_batches() -> None:
    ratios = np.full(400, 10, np.float32)
    plan = BatchPlan(32, heights=(48,), by_area=True, group=True, width_scale=1.25)
    assert {len(batch) for batch in plan_batches(ratios, plan, 0)[:-1]} >= {int(32 * 320 / (48 * 12.5))}


def test_processes_share_the_batches_evenly() -> None:
    ratios = np.ones(100, np.float32)
    parts = [plan_batches(ratios, BatchPlan(8, rank=r, world=3), 1) for r in range(3)]
    assert [len(p) for p in parts] == [4, 4, 4]
    seen = [d.number for part in parts for batch in part for d in batch]
    assert len(seen) == len(set(seen))
    with pytest.raises(DataError, match="fewer than 3 processes"):
        plan_batches(np.ones(4, np.float32), BatchPlan(8, world=3), 0)
    with pytest.raises(DataError, match="cannot be planned"):
        BatchPlan(0)


@pytest.mark.parametrize(
    ("kind", "shapes"),
    [
        ("db", dict.fromkeys(("shrink_map", "shrink_mask", "thresh_map", "thresh_mask"), (3, 640, 640))),
        ("east", {"score": (3, 1, 160, 160), "geo": (3, 9, 160, 160), "mask": (3, 1, 160, 160)}),
        (
            "sast",
            {"score": (3, 1, 160, 160), "border": (3, 5, 160, 160), "tvo": (3, 9, 160, 160), "tco": (3, 3, 160, 160)},
        ),
    ],
)
def test_detection_batches_keep_their_contract(kind: str, shapes: dict, page_set: Path) -> None:
    data = Detection(labelled("det", page_set), Config("det", data=DataConfig(kind=kind)))
    batch = collate([data[SampleIndex(0, i)] for i in range(3)])
    for name, shape in {"image": (3, 3, 640, 640), **shapes}.items():
        assert tuple(batch[name].shape) == shape and batch[name].dtype == torch.float32 and batch[name].is_contiguous()
    assert len(batch["key"]) == 3 and "labels.jsonl:" in batch["key"][0]


def test_recognition_batches_keep_their_contract(line_set: Path) -> None:
    data = recognition(labelled("rec", line_set / "rec.txt"), tuple(ENCODERS), augment=PLAIN)
    batch = collate([data[SampleIndex(0, i)] for i in range(6)], data.config.data.width)
    widest = batch["image"].shape[3]
    assert batch["image"].shape[:3] == (6, 3, 48) and widest % 8 == 0
    assert batch["text"] == ["one", "two", "three", "four", "five", "six"]
    assert batch["length"].tolist() == [3, 3, 5, 4, 4, 3] and batch["length"].dtype == torch.int64
    assert batch["ctc"].shape == (6, 5) and batch["ctc"][0].tolist() == [15, 14, 5, 0, 0]
    assert batch["nrtr"].shape == batch["sar"].shape == batch["attention"].shape == (6, 27) and batch["srn"].shape == (
        6,
        25,
    )
    for image, ratio in zip(batch["image"], batch["valid_ratio"], strict=True):
        covered = round(float(ratio) * widest)
        assert image[:, :, covered:].abs().sum() == 0 and image[:, :, covered - 1].abs().sum() > 0
    assert batch["image"].min() >= -1 and batch["image"].max() <= 1


def test_recognition_inputs_of_the_older_nets(line_set: Path) -> None:
    source = labelled("rec", line_set / "rec.txt")
    fixed = recognition(source, height=32, width=100, stride=4, augment=PLAIN)
    assert next(loader(fixed, BatchPlan(6), 0))["image"].shape == (6, 3, 32, 100)
    srn = recognition(source, ("srn",), height=64, width=256, stretch=True, augment=PLAIN)
    batch = next(loader(srn, BatchPlan(6), 0))
    assert batch["image"].shape == (6, 3, 64, 256) and batch["valid_ratio"].tolist() == [1.0] * 6


def test_lines_can_be_fed_wider_or_narrower_than_they_are(line_set: Path) -> None:
    source = labelled("rec", line_set / "rec.txt")
    plain, wide, narrow = (
        recognition(source, width_scale=share, augment=PLAIN)[SampleIndex(0, 0)] for share in (1.0, 1.5, 0.9)
    )
    width = plain["image"].shape[2]
    assert abs(wide["image"].shape[2] - 1.5 * width) <= 1 and abs(narrow["image"].shape[2] - 0.9 * width) <= 1


def test_a_short_image_gets_the_columns_its_label_needs(line_set: Path) -> None:
    data = recognition(labelled("rec", line_set / "rec.txt"), augment=PLAIN)
    image = data.input(np.zeros((48, 10, 3), np.uint8), "bookkeeper", 48)
    assert image.shape[2] == 8 * (10 + 3)


def test_joined_lines_stay_within_width_and_label(line_set: Path) -> None:
    alphabet = Alphabet(LETTERS.charset, 8)
    data = recognition(labelled("rec", line_set / "rec.txt"), alphabet=alphabet, augment=RecAugment(concat=1.0))
    texts = {data[SampleIndex(e, i)]["text"] for e in range(20) for i in range(6)}
    assert any(len(t) > 5 for t in texts) and all(len(t) <= 8 for t in texts)


def test_right_to_left_labels_reach_the_net_in_visual_order(line_set: Path) -> None:
    """Label files hold logical order, the order in which one types; a net sees the letters from the left."""
    rows = ["images/page0_crop_0.png\tאבג", "images/page1_crop_1.png\tabc"]
    (line_set / "rtl.txt").write_text("\n".join(rows), encoding="utf-8")
    data = recognition(labelled("rec", line_set / "rtl.txt"), alphabet=Alphabet(tuple("abcאבג")), augment=PLAIN)
    assert [data[SampleIndex(0, i)]["text"] for i in range(2)] == ["גבא", "abc"]


def test_classification_batches(line_set: Path, latin_font: str) -> None:
    (line_set / "cls.txt").write_text("images/page0_crop_0.png\t180\nimages/page1_crop_1.png\t0\n", encoding="utf-8")
    data = Classification(labelled("cls", line_set / "cls.txt"), cls_config("line", (80, 160), augment=PLAIN_CLS))
    batch = collate([data[SampleIndex(0, i)] for i in range(2)])
    assert batch["image"].shape == (2, 3, 80, 160) and batch["label"].tolist() == [1, 0]
    pages = PageOptions(LineOptions("english", fonts=(latin_font,)), width=(200, 250))
    turns = Classification(SynthPages(pages, 8), cls_config("page", (224, 224), (0, 90, 180, 270)))
    batch = next(loader(turns, BatchPlan(8), 0))
    assert batch["image"].shape == (8, 3, 224, 224) and len(set(batch["label"].tolist())) > 1
    angle = Classification(labelled("rec", line_set / "rec.txt"), cls_config("angle", (48, 192)))
    batch = next(loader(angle, BatchPlan(6), 0))
    assert batch["image"].shape == (6, 3, 48, 192) and batch["image"][0, :, :, -1].abs().sum() == 0


def test_unwarping_batches(latin_font: str) -> None:
    pages = PageOptions(LineOptions("english", fonts=(latin_font,)), width=(200, 250))
    batch = next(loader(Unwarping(pages, 2), BatchPlan(2), 0))
    assert batch["image"].shape == (2, 3, 712, 488) and batch["grid"].shape == (2, 2, 45, 31)
    assert batch["image"].min() >= 0 and batch["image"].max() <= 1 and batch["grid"].abs().max() < 1.2


def test_an_epoch_goes_on_where_it_stopped(line_set: Path) -> None:
    data = recognition(labelled("rec", line_set / "rec.txt"))
    plan = BatchPlan(2, group=True)
    whole = list(loader(data, plan, 5))
    assert len(whole) == len(batches_of(data, plan, 5)) == 3
    for start in range(3):
        for a, b in zip(whole[start:], loader(data, plan, 5, start), strict=True):
            assert a["key"] == b["key"] and torch.equal(a["image"], b["image"]) and torch.equal(a["ctc"], b["ctc"])
    orders = [[b["key"] for b in loader(data, plan, epoch)] for epoch in range(5)]
    assert any(order != orders[0] for order in orders)
    assert data[SampleIndex(5, 0)]["image"].shape != data[SampleIndex(6, 0)]["image"].shape or not np.array_equal(
        data[SampleIndex(5, 0)]["image"], data[SampleIndex(6, 0)]["image"]
    )


@pytest.mark.slow
def test_worker_processes_give_the_same_batches(page_set: Path) -> None:
    data = Detection(labelled("det", page_set), Config("det"))
    for a, b in zip(loader(data, BatchPlan(2), 1), loader(data, BatchPlan(2), 1, workers=2), strict=True):
        assert a["key"] == b["key"] and torch.equal(a["image"], b["image"]) and torch.equal(a["thresh_map"], b["thresh_map"])


def test_unreadable_images_are_replaced_or_fatal(line_set: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = labelled("rec", line_set / "rec.txt")
    Path(source.samples[2].paths[0]).write_bytes(b"torn")
    with caplog.at_level(logging.WARNING):
        sample = recognition(source, augment=PLAIN)[SampleIndex(0, 2)]
    assert sample["text"] == "four" and "page0_crop_2.png: not an image" in caplog.text
    with pytest.raises(DataError, match="not an image that can be decoded"):
        recognition(source, augment=PLAIN, strict=True)[SampleIndex(0, 2)]
    gone = Labelled((Sample(("/nowhere.png",), "x:1", "d", text="a"),))
    with pytest.raises(DataError, match="cannot be read; check the data set"):
        recognition(gone, augment=PLAIN)[SampleIndex(0, 0)]


def test_one_of_several_files_is_drawn_anew_each_epoch(line_set: Path) -> None:
    paths = tuple(str(line_set / f"images/page{i % 2}_crop_{i}.png") for i in (0, 2))
    source = Labelled((Sample(paths, "x:1", "d", text="a"),))
    assert {source.load(e, 0)[0].shape[1] for e in range(20)} == {56, 80}


def test_mixtures_take_their_shares_and_walk_through_everything(line_set: Path, latin_font: str) -> None:
    real = labelled("rec", line_set / "rec.txt")
    synthetic = SynthLines(LineOptions("english", fonts=(latin_font,)), 10)
    both = mixed([real, synthetic], [0.5, 2])
    assert len(both) == 3 + 20 and both.ratios(1).shape == (23,)
    keys = [[both.key(epoch, i) for i in range(23)] for epoch in range(2)]
    assert len(set(keys[0][:3] + keys[1][:3])) == 6  # half of the real lines, then the other half
    assert len(set(keys[0][3:] + keys[1][3:])) == 40  # synthetic lines never come twice
    image, text = both.load(1, 20)
    assert np.array_equal(image, synthetic.load(3, 7)[0]) and text
    assert mixed([real]) is real
    with pytest.raises(DataError, match="2 ratios for 1 data sets"):
        mixed([real], [1, 2])


def test_synthetic_lines_are_planned_by_width(latin_font: str) -> None:
    options = LineOptions("english", fonts=(latin_font,), tokens=0, scene=0, degrade=0)
    source = SynthLines(options, 60)
    expected = source.ratios(0)
    real = [source.load(0, i)[0].shape[1] / source.load(0, i)[0].shape[0] for i in range(60)]
    assert np.corrcoef(expected, real)[0, 1] > 0.8


def test_empty_sets_and_wrong_kinds_are_clear_errors(line_set: Path) -> None:
    with pytest.raises(DataError, match="the data set is empty"):
        loader(recognition(Labelled(())), BatchPlan(2), 0)
    with pytest.raises(DataError, match="db, east and sast"):
        Detection(Labelled(()), Config("det", data=DataConfig(kind="pse")))
    with pytest.raises(DataError, match="line, part, page, tile, angle and script"):
        Classification(Labelled(()), cls_config("film", (80, 160)))
    with pytest.raises(DataError, match="no label encoder"):
        recognition(Labelled(()), ("aster",))


def test_a_batch_holds_every_sample_in_every_turn():
    labels = ["0", "90", "180", "270"]
    upright = [np.random.default_rng(i).random((4, 4, 3), np.float32) for i in range(2)]
    shown = [turned(upright[0], "0"), turned(upright[1], "270")]
    images = torch.from_numpy(np.stack([image.transpose(2, 0, 1) for image in shown]))
    batch = in_every_turn({"image": images, "label": torch.tensor([0, 3]), "key": ["a", "b"]}, [0, 90, 180, 270])
    assert batch["label"].tolist() == [0, 1, 2, 3] * 2 and batch["key"] == ["a"] * 4 + ["b"] * 4
    for row, (image, label) in enumerate(zip(batch["image"], batch["label"].tolist(), strict=True)):
        assert np.array_equal(image.permute(1, 2, 0).numpy(), turned(upright[row // 4], labels[label]))
