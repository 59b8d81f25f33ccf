"""Safetensors files: under the names of transformers, and under ours."""

import gzip
import json
from pathlib import Path

import pytest
import torch
from nets_golden import filled_net, golden, make_input
from safetensors.torch import save_file

from inkline.errors import ModelError
from inkline.training.convert import convert, load_checkpoint
from inkline.training.convert.from_transformers import IN_SUMMED_FORM, SUMMED, factored
from inkline.training.convert.tensor_names import TRANSFORMERS_RULES, from_transformers_name
from inkline.training.nets.fuse import fuse
from inkline.training.nets.ocr_net import TRAINING_ONLY
from inkline.training.nets.table import build

# The tensor names of transformers 5.23, listed once from its classes.
LIST = Path(__file__).parents[1] / "golden" / "convert" / "transformers_names.json.gz"
HEAVY = ("server_det", "server_rec", "medium_det", "medium_rec", "small_rec", "mobile_rec")
NAMES = json.loads(gzip.decompress(LIST.read_bytes()))


def dense(net, part):
    """The 9x9 convolution that a depthwise and a 1x1 one make together, with its bias."""
    module = net.get_submodule(part)
    fuse(module)
    dw = module.dw if isinstance(module.dw, torch.nn.Conv2d) else module.dw.fused()
    weight = torch.einsum("oi,ihw->oihw", module.pw.weight[:, :, 0, 0], dw.weight[:, 0])
    return weight, module.pw.bias + module.pw.weight[:, :, 0, 0] @ dw.bias


def published(name):
    """(net with the golden weights, the tensors of its published file)."""
    net = filled_net(name, build(name))
    if name in IN_SUMMED_FORM:
        fuse(net, TRAINING_ONLY, SUMMED)
    state = net.state_dict()
    tensors = {}
    for theirs in NAMES[name]:
        ours = from_transformers_name(theirs, name)
        if ours not in state:  # PP-OCRv6 medium detector
            weight, bias = dense(net, ours.rpartition(".")[0])
            tensors[theirs] = (weight if ours.endswith("weight") else bias).detach().contiguous()
        else:
            tensors[theirs] = state[ours].clone()
    return net, tensors


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n.endswith(HEAVY) else ()) for n in sorted(NAMES)])
def test_published_files(tmp_path, name):
    net, tensors = published(name)
    save_file(tensors, tmp_path / "model.safetensors")
    about = convert(tmp_path / "model.safetensors", name, tmp_path / "net.pt")
    assert about.partial and about.fused == (name in IN_SUMMED_FORM)
    again, _ = load_checkpoint(tmp_path / "net.pt")
    x = make_input(golden(name)[0]["input"]["shape"])
    with torch.no_grad():
        before, after = net(x), again(x)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-4)


def test_every_listed_name_is_used_once():
    for name, theirs in NAMES.items():
        ours = [from_transformers_name(key, name) for key in theirs]
        assert len(set(ours)) == len(ours), name
    assert set(NAMES) <= set(TRANSFORMERS_RULES)


def test_a_dense_convolution_that_is_no_product():
    depthwise, pointwise = factored(torch.einsum("oi,ihw->oihw", torch.rand(4, 3), torch.rand(3, 9, 9)))
    assert depthwise.shape == (3, 1, 9, 9) and pointwise.shape == (4, 3, 1, 1)
    with pytest.raises(ValueError, match="no product"):
        factored(torch.rand(4, 3, 9, 9))


def test_our_own_names_whole_and_without_training_branches(tmp_path):
    name = "PP-OCRv4_mobile_det"
    state = filled_net(name, build(name)).state_dict()
    save_file(state, tmp_path / "whole.safetensors")
    assert not convert(tmp_path / "whole.safetensors", name, tmp_path / "net.pt").partial
    inference = {key: tensor for key, tensor in state.items() if not key.startswith(TRAINING_ONLY)}
    save_file(inference, tmp_path / "part.safetensors")
    assert convert(tmp_path / "part.safetensors", name, tmp_path / "net.pt").partial


def test_foreign_tensors(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"some.weight": torch.zeros(3)}, path)
    with pytest.raises(ModelError, match=r"not the weights of PP-OCRv5_mobile_det: .*is missing"):
        convert(path, "PP-OCRv5_mobile_det", tmp_path / "net.pt")
    with pytest.raises(ModelError, match="CRNN_MobileNetV3 is not published this way"):
        convert(path, "CRNN_MobileNetV3", tmp_path / "net.pt")
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="truncated or not a safetensors file"):
        convert(path, "PP-OCRv5_mobile_det", tmp_path / "net.pt")
