"""What confidence is fitted with, and a model's own fit, written into its file."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

import inkline
from inkline import Ocr
from inkline.cli import main
from inkline.errors import DataError
from inkline.training.calibrate import auroc, fit_own, logistic, slope_and_offset, words_right

WEIGHTS = Path(inkline.__file__).parent / "weights" / "cyrillic_PP-OCRv6_small_rec.onnx"


def drawn(count: int = 4000):
    """Features, and whether lines with them are right, by log odds of 2 a - b + 0.5."""
    random = np.random.default_rng(3)
    x = random.normal(size=(count, 2)) * [1.0, 3.0]
    odds = 2 * x[:, 0] - x[:, 1] + 0.5
    return x, odds, random.random(count) < 1 / (1 + np.exp(-odds))


def test_a_logistic_model_is_found_again_and_weights_count():
    x, _, right = drawn()
    np.testing.assert_allclose(logistic(x, right, np.ones(len(x))), [2, -1, 0.5], atol=0.15)
    twice = logistic(np.concatenate([x, x[:500]]), np.append(right, right[:500]), np.ones(len(x) + 500), 0.0)
    np.testing.assert_allclose(logistic(x, right, 1.0 + (np.arange(len(x)) < 500), 0.0), twice, atol=1e-6)


def test_few_lines_leave_a_recogniser_near_the_general_numbers():
    _, odds, right = drawn()
    wrong_way = odds / 2 + 1
    np.testing.assert_allclose(slope_and_offset(wrong_way, right, np.ones(len(odds))), [2, -2], atol=0.3)
    few = slope_and_offset(wrong_way[:10], right[:10], np.ones(10))
    assert abs(few[0] - 1) < 0.3 and abs(few[1]) < 1
    assert slope_and_offset([], [], []) == (1.0, 0.0)


def test_auroc_counts_pairs_in_the_right_order():
    assert auroc([0.9, 0.8, 0.7, 0.1], [True, False, True, False]) == 0.75
    assert auroc([0.5, 0.5], [True, False]) == 0.5 and np.isnan(auroc([0.5], [True]))


@pytest.mark.parametrize(
    ("truth", "read", "right"),
    [
        ("one two three", ["one", "two", "three"], [True, True, True]),
        ("one two three", ["one", "twa", "three"], [True, False, True]),
        ("one two three", ["onetwo", "three"], [True, True]),
        ("one two three", ["one", "wo", "three"], [False, False, True]),
        ("one two", ["one", "two", "x"], [True, True, False]),
        ("", ["x"], [False]),
    ],
)
def test_words_are_right_where_all_their_characters_are(truth, read, right):
    assert words_right(truth, read) == right


def lines(folder: Path, count: int) -> Path:
    """Clear lines of digits, nine of ten with a label that says something else."""
    rows = []
    for i in range(count):
        text = f"{1000 + 7 * i} {i:02d}"
        image = np.full((48, 220, 3), 255, np.uint8)
        cv2.putText(image, text, (8, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (0, 0, 0), 2, cv2.LINE_AA)
        cv2.imwrite(str(folder / f"{i}.png"), image)
        rows.append(f"{i}.png\t{'5555 5' if i % 10 else text}\n")
    (folder / "rec.txt").write_text("".join(rows), "utf-8")
    return folder / "rec.txt"


def test_a_model_of_one_s_own_is_fitted_and_says_so_in_its_file(tmp_path, capsys):
    model = tmp_path / "mine.onnx"
    shutil.copy(WEIGHTS, model)
    labels = lines(tmp_path, 45)
    main(["eval", "rec", str(model), str(labels), "--fit_confidence"])
    assert "confidence fitted to 45 lines" in capsys.readouterr().err
    page = cv2.copyMakeBorder(cv2.imread(str(tmp_path / "0.png")), 40, 40, 40, 40, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    options = {"text_recognition_model_name": WEIGHTS.stem, "cpu_threads": 1}
    with Ocr(text_recognition_model_dir=str(model), **options) as ocr:
        line = ocr(page).lines[0]
    assert line.text == "1000 00" and line.score > 0.9 and line.confidence < 0.5


def test_too_few_lines_and_a_model_by_name_are_refused(tmp_path, capsys):
    with pytest.raises(DataError, match="40 at least"):
        fit_own(lambda crops: [], [], str)
    with pytest.raises(SystemExit, match="2"):
        main(["eval", "rec", WEIGHTS.stem, str(lines(tmp_path, 40)), "--fit_confidence"])
    assert "give that" in capsys.readouterr().err
