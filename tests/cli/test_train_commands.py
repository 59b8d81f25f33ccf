"""From published weights to a checkpoint, to ONNX, to a page that is read."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from inkline.cli import inkline
from inkline.cli.train_commands import setting
from inkline.errors import InklineError, ModelError, UsageError
from inkline.registry.onnx_file import read_onnx_header


@pytest.mark.slow
def test_a_published_pair_goes_through_torch_and_reads_the_same(fixtures, tmp_path):
    from inkline import Ocr

    names, files = {}, {}
    for part, stage in (("det", "text_detection"), ("rec", "text_recognition")):
        name = f"PP-OCRv6_tiny_{part}"
        for arguments in (
            ["convert", "zoo", "--name", name, "-o", str(tmp_path / f"{part}.pt")],
            ["export", str(tmp_path / f"{part}.pt"), "-o", str(tmp_path / f"{part}.onnx")],
        ):
            done = CliRunner().invoke(inkline, arguments)
            assert done.exit_code == 0, done.output
        names[f"{stage}_model_name"] = name
        files[f"{stage}_model_dir"] = str(tmp_path / f"{part}.onnx")
    page = fixtures / "receipt.png"
    with Ocr(engine="onnxruntime", cpu_threads=1, **names) as published:
        expected = published(page).text
    with Ocr(engine="onnxruntime", cpu_threads=1, **names, **files) as reader:
        assert reader(page).text == expected != ""


def test_the_checkpoint_of_a_run_keeps_what_it_was_trained_for(tmp_path):
    """Its own labels, not those of the published net, and what is said on the command line."""
    from inkline.training import config as configs
    from inkline.training.convert import Description, save_checkpoint
    from inkline.training.convert.net_checkpoint import read_checkpoint
    from inkline.training.nets.table import build
    from inkline.training.run_state import write_checkpoint

    name, path = "ch_ppocr_mobile_v2.0_cls", tmp_path / "best.pt"
    save_checkpoint(path, build(name), Description(name, 2))
    config = configs.load_config(configs.find_config(name), ["model.labels=[90, 270]"])
    write_checkpoint(path, {**read_checkpoint(path), "config": configs.to_dict(config)})
    done = CliRunner().invoke(inkline, ["export", str(path), "-o", str(tmp_path / "mine.onnx"), "--version", "3"])
    assert done.exit_code == 0, done.output
    metadata = read_onnx_header(tmp_path / "mine.onnx").metadata
    assert (metadata["inkline.labels"], metadata["inkline.version"]) == ('["90", "270"]', "3")


def test_foreign_files_are_refused(tmp_path):
    foreign = tmp_path / "x.pdparams"
    foreign.write_bytes(b"hello")
    done = CliRunner().invoke(inkline, ["convert", str(foreign), "--name", "PP-OCRv6_small_det", "-o", str(tmp_path / "x.pt")])
    assert isinstance(done.exception, InklineError) and "x.pdparams" in str(done.exception)
    assert not (tmp_path / "x.pt").exists()


def test_settings():
    assert setting("text_det_thresh=0.25") == ("text_det_thresh", 0.25)
    assert setting("text_det_limit_type=max") == ("text_det_limit_type", "max")
    with pytest.raises(UsageError, match="unknown option"):
        setting("text_det_tresh=0.25")
    with pytest.raises(UsageError, match="NAME=VALUE"):
        setting("text_det_thresh")


def test_without_torch_every_command_names_the_extra(tmp_path):
    """One line and the status of wrong usage; label files that are missing are told first, without torch."""
    labels = tmp_path / "rec.txt"
    labels.write_text("a.png\tword\n", encoding="utf-8")
    (tmp_path / "a.pt").write_bytes(b"PK")
    rec, out = "PP-OCRv6_small_rec", str(tmp_path / "x.onnx")
    calls = [
        ["train", rec, "--data", str(labels), "--eval", str(labels)],
        ["finetune", "--from", rec, "--data", str(labels), "--eval", str(labels)],
        ["convert", "zoo", "--name", rec, "-o", str(tmp_path / "x.pt")],
        ["export", str(tmp_path / "a.pt"), "-o", out],
        ["eval", "rec", str(tmp_path / "a.pt"), str(labels)],
        ["finetune", "--from", rec, "--data", "nowhere.txt", "--eval", str(labels)],
        ["train", rec, "--data", str(labels), "--eval", "nowhere.txt"],
        ["finetune", "--from", rec, "--data", str(labels), "--eval", str(labels), "--export", "nowhere/x.onnx"],
        ["finetune", "--from", rec, "--data", str(labels), "--eval", str(labels), "--export", "x.pt"],
        ["train", rec, "--data", str(labels), "--eval", str(labels), "-o", "optimizer.learning_rate=-1"],
    ]
    program = (
        "import sys, json; sys.modules['torch'] = None\n"
        "from inkline.cli import main\n"
        "for call in json.loads(sys.argv[1]):\n"
        "    try: main(call)\n"
        "    except SystemExit as end: print('status', end.code, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, json.dumps(calls)], capture_output=True, text=True)
    lines = done.stderr.splitlines()
    assert len(lines) == 2 * len(calls), done.stderr
    needs = "inkline: this command needs torch, which is not installed: pip install 'inkline[train]'"
    assert lines[: 2 * 5] == [needs, "status 2"] * 5
    said = [
        "nowhere.txt: no such",
        "nowhere.txt: no such",
        "nowhere/x.onnx: cannot be written",
        "something.onnx",
        "from 0 to 1e+30",
    ]
    assert all(text in line for text, line in zip(said, lines[10::2], strict=True)), done.stderr


def test_a_text_file_is_no_checkpoint(tmp_path):
    from inkline.training.convert.net_checkpoint import read_checkpoint

    (tmp_path / "notes.pt").write_text("hello text\n", encoding="utf-8")
    with pytest.raises(ModelError, match="not a checkpoint, or a truncated one"):
        read_checkpoint(tmp_path / "notes.pt")
