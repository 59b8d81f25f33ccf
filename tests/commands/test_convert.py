"""From published weights to a checkpoint, to ONNX, to a page that is read."""

import pytest
from click.testing import CliRunner

from inkline.cli import inkline
from inkline.commands.convert import setting
from inkline.errors import InklineError, UsageError


@pytest.mark.slow
def test_the_default_pair_goes_through_torch_and_reads_the_same(ocr, tmp_path):
    from inkline import Ocr

    options = {}
    for part, stage in (("det", "text_detection"), ("rec", "text_recognition")):
        name = f"PP-OCRv6_small_{part}"
        for arguments in (
            ["convert", "zoo", "--name", name, "-o", str(tmp_path / f"{part}.pt")],
            ["export", str(tmp_path / f"{part}.pt"), "-o", str(tmp_path / f"{part}.onnx")],
        ):
            done = CliRunner().invoke(inkline, arguments)
            assert done.exit_code == 0, done.output
        options |= {f"{stage}_model_name": name, f"{stage}_model_dir": str(tmp_path / f"{part}.onnx")}
    with Ocr(engine="onnxruntime", **options) as reader:
        assert reader("examples/sample.png").text == ocr("examples/sample.png").text


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "x.pdparams"
    foreign.write_bytes(b"hello")
    done = CliRunner().invoke(
        inkline, ["convert", str(foreign), "--name", "PP-OCRv6_small_det", "-o", str(tmp_path / "x.pt")]
    )
    assert isinstance(done.exception, InklineError) and "x.pdparams" in str(done.exception)
    assert not (tmp_path / "x.pt").exists()


def test_settings():
    assert setting("text_det_thresh=0.25") == ("text_det_thresh", 0.25)
    assert setting("text_det_limit_type=max") == ("text_det_limit_type", "max")
    with pytest.raises(UsageError, match="unknown option"):
        setting("text_det_tresh=0.25")
    with pytest.raises(UsageError, match="NAME=VALUE"):
        setting("text_det_thresh")
