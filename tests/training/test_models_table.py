"""docs/models.md lists every net, each equal to its reference."""

from pathlib import Path

import pytest

from inkline.training.nets.ocr_net import TRAINING_ONLY
from inkline.training.nets.table import NETS, build

ROOT = Path(__file__).parents[2]


def rows():
    lines = (ROOT / "docs" / "models.md").read_text(encoding="utf-8").split("| net |")[1].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {row[0]: row[1:] for row in cells if row[0] != "net"}


def test_every_net_has_a_row():
    assert list(rows()) == list(NETS)


def test_every_net_equals_its_golden():
    ours = [name for name, entry in NETS.items() if entry.interface.task == "script"]  # nobody else has it
    assert [name for name, row in rows().items() if not row[-1].startswith("equal")] == ours


@pytest.mark.slow
@pytest.mark.parametrize("name", ["CRNN_MobileNetV3", "PP-OCRv6_tiny_det", "ch_ppocr_mobile_v2.0_cls"])
def test_rows_are_of_this_code(name):
    net = build(name).fuse()
    count = sum(p.numel() for key, p in net.named_parameters() if not key.startswith(TRAINING_ONLY))
    shape, parameters, *_ = rows()[name]
    assert shape == "x".join(map(str, NETS[name].interface.shape))
    assert float(parameters) == pytest.approx(count / 1e6, abs=0.02)
