"""Which format a weights file has is told by its content; files that hold no weights are refused with advice."""

import pytest
import torch
import yaml
from nets_golden import filled_net
from safetensors.torch import save_file

from inkline.errors import ModelError, OutputError
from inkline.training.convert import Description, convert, load_checkpoint, save_checkpoint
from inkline.training.nets.ocr_net import TRAINING_ONLY
from inkline.training.nets.table import build

SMALL = "PP-LCNet_x0_25_textline_ori"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty; download it again"),
        (b"<!DOCTYPE html><html>404</html>", "a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "only a pointer to the weights"),
        (b"\0\0\0\0\0\0\0\0 parameters", "parameters of a Paddle inference model"),
        (b"some text", "unknown format; give .pdparams, .onnx, .safetensors"),
        (b"\x08\x07 not a graph", "not a readable ONNX file"),
        (b"PK\x03\x04 not an archive", "truncated, or more than weights"),
        (b'\x10\0\0\0\0\0\0\0{"a": broken', "truncated or not a safetensors file"),
        (b"\x80\x04broken", "truncated or not a .pdparams file"),
    ],
)
def test_foreign_files(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        convert(tmp_path / "x", SMALL, tmp_path / "net.pt")
    assert str(tmp_path / "x") in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "net.pt").exists()


def test_a_missing_file_and_an_empty_folder(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        convert(tmp_path / "x", SMALL, tmp_path / "net.pt")
    with pytest.raises(ModelError, match="holds no weights"):
        convert(tmp_path, SMALL, tmp_path / "net.pt")


def test_a_folder_with_one_file_of_weights_and_its_settings(tmp_path):
    """As publishers lay out a recogniser: `inference.yml` beside the weights has the charset."""
    name = "PP-OCRv6_tiny_rec"
    state = build(name, 4).state_dict()
    save_file({key: t for key, t in state.items() if not key.startswith(TRAINING_ONLY)}, tmp_path / "a.safetensors")
    settings = {"PostProcess": {"name": "CTCLabelDecode", "character_dict": ["a", "b"]}}
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(settings))
    about = convert(tmp_path, name, tmp_path / "net.pt")
    assert (about.classes, about.charset) == (4, ("a", "b", " "))
    assert convert(tmp_path, name, tmp_path / "net.pt", charset="xyz").charset == ("x", "y", "z")
    save_file({"a": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(ModelError, match="holds 2 files of weights; name the one"):
        convert(tmp_path, name, tmp_path / "net.pt")


def test_a_checkpoint_needs_no_conversion(tmp_path):
    save_checkpoint(tmp_path / "a.pt", build(SMALL), Description(SMALL, 2))
    with pytest.raises(ModelError, match="is a checkpoint of this program already"):
        convert(tmp_path / "a.pt", SMALL, tmp_path / "b.pt")


@pytest.mark.parametrize("fused", [False, True])
def test_checkpoints_bring_back_the_net(tmp_path, fused):
    net = filled_net(SMALL, build(SMALL))
    if fused:
        net.fuse()
    about = Description(SMALL, 2, ("a", "b"), fused)
    save_checkpoint(tmp_path / "new" / "a.pt", net, about)
    again, loaded = load_checkpoint(tmp_path / "new" / "a.pt")
    assert loaded == about
    x = torch.rand(2, 3, 80, 160)
    assert torch.equal(net(x), again(x))
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.pt"]


def test_a_partial_checkpoint_starts_the_training_branches_anew(tmp_path):
    net = filled_net("PP-OCRv6_tiny_det", build("PP-OCRv6_tiny_det"))
    save_checkpoint(tmp_path / "a.pt", net, Description("PP-OCRv6_tiny_det", partial=True))
    again, _ = load_checkpoint(tmp_path / "a.pt")
    x = torch.rand(1, 3, 64, 64)
    assert torch.equal(net(x), again(x))
    assert not torch.equal(net.head.thresh.conv1.weight, again.head.thresh.conv1.weight)
    assert set(again.training_outputs(x)) >= {"shrink", "thresh", "binary", "aux_shrink_p2"}


def test_damaged_and_foreign_checkpoints(tmp_path):
    path = tmp_path / "a.pt"
    with pytest.raises(ModelError, match="no such file"):
        load_checkpoint(path)
    save_checkpoint(path, build(SMALL), Description(SMALL, 2))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="not a checkpoint, or a truncated one"):
        load_checkpoint(path)
    for content, message in [
        ([1], "not a checkpoint of this program"),
        ({"format": 99, "model": {}}, "written by a newer version"),
        ({"format": 1, "model": {}, "charset": []}, "not one that `inkline convert` wrote"),
        ({"format": 1, "model": {}, "name": "x", "classes": 2, "fused": False, "partial": False, "charset": []}, "'x'"),
    ]:
        torch.save(content, path)
        with pytest.raises(ModelError, match=message):
            load_checkpoint(path)
    save_checkpoint(path, build("PP-LCNet_x1_0_textline_ori"), Description(SMALL, 2))
    with pytest.raises(ModelError, match=r"the weights do not fit the net: .* has shape"):
        load_checkpoint(path)


def test_an_output_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="not written"):
        save_checkpoint(tmp_path / "file" / "a.pt", build(SMALL), Description(SMALL, 2))
