"""What PaddleOCR's package has beside its classes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline import benchmark, draw_ocr, logger
from inkline.paddle.tools import Benchmark


def test_draw_ocr_draws_the_boxes_and_the_texts(fixtures: Path) -> None:
    image = Pillow.open(fixtures / "receipt.png").convert("RGB")
    box = [[80, 66], [320, 66], [320, 106], [80, 106]]
    boxed = draw_ocr(image, [box])
    assert boxed.shape == (560, 400, 3) and np.array_equal(boxed, draw_ocr(np.asarray(image), [box]))
    changed = (boxed != np.asarray(image)).any(axis=2)
    assert changed[66, 90:310].all() and not changed[120:].any()
    both = draw_ocr(image, [box, box], ["12 Mill Lane", "no"], [0.9, 0.1])
    assert both.shape == (560, 800, 3)
    dark = (both[:, 400:] < 128).all(axis=2)
    assert dark[66:106].any() and not dark[120:].any()


def test_benchmark_counts_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    taken = Benchmark()
    assert list(taken.timed("Off", iter([1]))) == [1] and not taken.rows
    monkeypatch.setenv("PADDLE_PDX_PIPELINE_BENCHMARK", "True")
    taken.start_warmup()
    list(taken.timed("Cold", iter([1])))
    taken.stop_warmup()
    assert list(taken.timed("PaddleOCR", iter([1, 2]))) == [1, 2]
    taken.print_pipeline_data()
    assert capsys.readouterr().out.startswith("class,pages,mean seconds\nPaddleOCR,2,")
    taken.save_pipeline_data(tmp_path / "times")
    assert len((tmp_path / "times/detail.csv").read_text("utf-8").splitlines()) == 3
    taken.reset()
    assert not taken.rows and not benchmark.rows and logger.name == "inkline"
