"""Measures: by hand on small cases, and against the scorer that the reference answers come with."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

from inkline import metrics
from inkline.layout.geometry import iou
from inkline.metrics import Counts


def box(x: float, y: float, w: float = 10, h: float = 10) -> list[list[float]]:
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]


def test_half_overlap_is_no_hit() -> None:
    """IoU must exceed 0.5: two of three equal squares share exactly half."""
    assert metrics.match([box(0, 0, 20, 10)], [box(0, 0, 10, 10)]) == []
    assert metrics.match([box(0, 0, 20, 10)], [box(0, 0, 11, 10)]) == [(0, 0)]


def test_match_is_one_to_one_and_takes_the_best() -> None:
    assert metrics.match([box(0, 0), box(0, 1)], [box(0, 2), box(0, 0)]) == [(0, 1), (1, 0)]
    assert metrics.match([box(0, 0), box(0, 0)], [box(0, 0)]) == [(0, 0)]


def test_detection_drops_boxes_in_ignored_regions() -> None:
    found = [box(0, 0), box(100, 0), box(204, 0)]
    assert metrics.detection([box(0, 0)], found, [box(100, 0), box(200, 0, 9, 10)]) == Counts(1, 1, 2)
    assert Counts(1, 1, 2).f1 == pytest.approx(2 / 3)


def test_line_measures() -> None:
    score = metrics.recognition([("a b 12", "a b 12"), ("Total 3.50", "total3.80"), ("x", "")])
    named = score.summary()
    assert named["lines"] == 3
    assert named["acc"] == named["acc_with_spaces"] == pytest.approx(1 / 3)
    assert named["cer"] == pytest.approx((0 + 3 + 1) / 17)
    assert named["wer"] == pytest.approx((0 + 2 + 1) / 6)
    assert named["norm_edit_dis"] == pytest.approx((1 + (1 - 2 / 9) + 0) / 3)
    assert named["digit_acc"] == pytest.approx(4 / 5)
    assert score.spaces == Counts(2, 3, 2)


@pytest.mark.parametrize(
    ("truth", "found", "field"),
    [
        ("a b", "ab", "exact_spaceless"),
        ("a b", "A B", "exact_caseless"),
        ("A-1!", "a1", "exact_alnum"),
        ("é", "e\u0301", "exact"),
    ],
)
def test_one_leniency_at_a_time(truth: str, found: str, field: str) -> None:
    score = metrics.line(truth, found)
    assert getattr(score, field) == 1
    if field != "exact":
        assert score.exact == 0


@pytest.mark.parametrize(
    ("truth", "found", "expected"),
    [
        ("ab cd", "ab cd", Counts(1, 1, 1)),
        ("ab cd", "abcd", Counts(0, 1, 0)),
        ("abcd", "ab cd", Counts(0, 0, 1)),
        ("ab cd ef", "ab xd ef", Counts(2, 2, 2)),
        ("ab cd", "a bcd", Counts(0, 1, 1)),
        ("ab cd", "ab d", Counts(1, 1, 1)),
        ("", "", Counts()),
        ("a b", "", Counts(0, 1, 0)),
    ],
)
def test_spaces(truth: str, found: str, expected: Counts) -> None:
    assert metrics.spaces(truth, found) == expected


def test_by_script_splits_lines() -> None:
    scores = metrics.by_script([("abc", "abc"), ("где", "где"), ("abd", "abc")])
    assert list(scores) == ["Latin", "Cyrillic"]
    assert scores["Latin"].exact == 1 and scores["Latin"].lines == 2
    assert list(metrics.by_script([("日本語の", ""), ("12.50 €", "")])) == ["Chinese", "digits and signs"]


def test_calibration() -> None:
    error, bins = metrics.calibration([0.95, 0.95, 0.55, 0.0], [True, False, True, False])
    assert error == pytest.approx((2 * abs(0.95 - 0.5) + 0.45 + 0) / 4)
    assert [b.count for b in bins] == [1, 1, 2]
    assert metrics.calibration([], []) == (0, ())


def test_top1() -> None:
    assert metrics.top1([0, 1, 1, 0], [0, 1, 0, 0]) == 0.75
    assert metrics.top1([], []) == 0


def test_order() -> None:
    assert metrics.order([0, 1, 2]).recall == 1
    assert metrics.order([2, 1, 0]).recall == 0
    assert metrics.order([0, 2, 1]) == Counts(2, 3, 3)
    assert metrics.order([]) == Counts()


def test_page_scores_matched_lines_and_their_order() -> None:
    labels = [
        {"text": "one", "points": box(0, 0)},
        {"text": "two", "points": box(0, 20)},
        {"text": "###", "points": box(0, 40), "ignore": True},
    ]
    score = metrics.page(labels, [box(0, 20), box(0, 0), box(0, 41)], ["Twx", "one", "junk"])
    named = score.summary()
    assert named["det_h"] == 1
    assert named["cer"] == pytest.approx(1 / 6)
    assert named["tok_f1"] == pytest.approx(0.5)
    assert named["order"] == 0
    assert metrics.page([], [box(0, 0)], ["x"]).detection == Counts()
    texts_alone = metrics.page([{"text": "one", "points": None}], [box(0, 0)], ["one"]).summary()
    assert texts_alone == {"pages": 1, "tok_p": 1, "tok_r": 1, "tok_f1": 1, "char_f1": 1}


def load_scorer(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("score", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_random_pages_agree_with_a_plain_greedy_count() -> None:
    """Overlapping turned boxes: one-to-one matching agrees with an independent, slower formulation."""
    rng = np.random.default_rng(0)

    def turned(n: int) -> list[np.ndarray]:
        places = zip(*rng.uniform(0, 60, (2, n)), rng.uniform(0, 90, n), strict=True)
        return [cv2.boxPoints(((x, y), (30, 12), angle)) for x, y, angle in places]

    for _ in range(20):
        truth, found = turned(12), turned(12)
        table = np.array([[iou(t, f) for f in found] for t in truth])
        free, pairs = set(range(12)), []
        for t in range(12):
            best = max(free, key=lambda f: table[t, f])
            if table[t, best] > 0.5:
                pairs.append((t, best))
                free.discard(best)
        assert metrics.match(truth, found) == pairs


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the scorer leaves its files to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("pair", ["PP-OCRv6_small", "PP-OCRv4_mobile"])
def test_agrees_with_the_scorer_on_the_reference_answers(shared: Path, tmp_path: Path, pair: str) -> None:
    scorer = load_scorer(shared / "score.py")
    for folder in sorted((shared / "reference" / pair).iterdir()):
        rows = [
            row
            for row in map(json.loads, (shared / "data" / folder.name / "dev/labels.jsonl").open(encoding="utf-8"))
            if (folder / f"{Path(row['image']).name}.json").exists()
        ]
        labels = tmp_path / f"{folder.name}.jsonl"
        labels.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for case in (False, True):
            expected = scorer.score(str(labels), str(folder), case)
            total = metrics.PageScore()
            for row in rows:
                answer = json.loads((folder / f"{Path(row['image']).name}.json").read_text(encoding="utf-8"))
                total += metrics.page(row.get("lines", []), answer["rec_polys"], answer["rec_texts"], case)
            assert expected.pop("missing") == 0
            ours = total.summary()
            # the scorer writes 0 where a set has no boxes to be found, Inkline nothing
            assert {k: ours.get(k, 0.0) for k in expected} == pytest.approx(expected), folder.name
