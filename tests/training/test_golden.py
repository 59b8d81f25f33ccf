"""Every published net against the reference: parameters, outputs, sensitivity, fused form."""

import copy
import zlib

import numpy as np
import pytest
import torch
from nets_golden import NAMES, OWN_NETS, deviations, filled_net, golden, make_input, outputs_of

from inkline.training.convert.tensor_names import from_paddle_name
from inkline.training.nets.ocr_net import TRAINING_ONLY
from inkline.training.nets.table import NETS, build

torch.set_num_threads(1)


@pytest.fixture(scope="module", params=NAMES)
def arch(request):
    """(name, description, arrays, net filled with the golden parameters), made once for all tests of a net."""
    name = request.param
    return name, *golden(name), filled_net(name, build(name))


def test_every_golden_has_a_builder_and_every_builder_a_golden():
    assert set(NETS) - OWN_NETS == set(NAMES)
    assert len(NAMES) == 47


def test_golden(arch):
    _, description, arrays, net = arch
    worst = deviations(description, arrays, outputs_of(net, description, arrays))
    assert len(worst) == len([o for o in description["outputs"] if not o["name"].startswith("in.")])
    assert {name: error for name, error in worst.items() if error > 1} == {}


def test_a_perturbed_parameter_is_noticed(arch):
    name, description, arrays, net = arch
    ignored = {*description["no_influence_params"]}
    keys = [p[0] for p in description["params"] if p[2] not in ("alias", "computed") and p[0] not in ignored]
    state = net.state_dict()
    parameter = state[from_paddle_name(keys[zlib.crc32(name.encode()) % len(keys)])]
    kept = parameter.clone()
    try:
        parameter.mul_(1.1).add_(0.05)
        worst = deviations(description, arrays, outputs_of(net, description, arrays))
    finally:
        parameter.copy_(kept)
    assert max(worst.values()) > 1


def test_parameters_are_the_references(arch):
    _, description, _, net = arch
    linear = {f"{n}.weight" for n, m in net.named_modules() if isinstance(m, torch.nn.Linear)}
    listed = {from_paddle_name(name): shape for name, shape, *_ in description["params"] if from_paddle_name(name) is not None}
    expected = {key: shape[::-1] if key in linear else shape for key, shape in listed.items()}
    ours = {k: list(v.shape) for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    assert ours == expected


def test_fused_form_gives_the_same(arch):
    _, description, _, net = arch
    x = make_input(description["input"]["shape"])
    fused = copy.deepcopy(net).fuse()
    with torch.no_grad():
        before, after = net(x), fused(x)
    for a, b in zip(*[v if isinstance(v, tuple) else (v,) for v in (before, after)], strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-3, atol=2e-4 * float(a.std() + a.abs().max()))
    waiting = [n for n, _ in net.named_parameters() if n.startswith(TRAINING_ONLY)]
    assert waiting == [n for n, _ in fused.named_parameters() if n.startswith(TRAINING_ONLY)]
    left = [n for n, m in fused.named_modules() if isinstance(m, torch.nn.BatchNorm2d) and n.startswith("backbone.")]
    assert left == []
