"""The training form of every net: outputs for the losses, and a gradient for every parameter that does anything."""

import pytest
import torch
from nets_golden import OWN_NETS, distinct, filled_net, golden, make_input

from inkline.training.convert.tensor_names import from_paddle_name
from inkline.training.nets.table import NETS, build

torch.set_num_threads(1)

HEAVY = ("ResNet", "server", "medium", "SVTR", "UVDoc", "_rec")


def weighed(name):
    return pytest.param(name, marks=pytest.mark.slow) if any(part in name for part in HEAVY) else name


# A shift of all attention scores, which their softmax cancels: its gradient is rounding noise, or nothing.
CANCELLED = {"head.sar_head.decoder.conv1x1_2.bias"}


def targets(batch):
    """Token ids for every kind of decoder, and the share of the width that is text."""
    return {
        "nrtr": torch.tensor([[2, 5, 6, 7, 3, 0]] * batch),
        "sar": torch.tensor([[4, 5, 6, 7]] * batch),
        "attention": torch.tensor([[0, 5, 6, 7] + [37] * 22] * batch),
        "valid_ratio": torch.full((batch,), 0.5),
    }


@pytest.mark.parametrize("name", [weighed(name) for name in distinct(sorted(NETS.keys() - OWN_NETS))])
def test_every_parameter_learns(name):
    description, _ = golden(name)
    net = filled_net(name, build(name))
    x = make_input(description["input"]["shape"])
    torch.manual_seed(0)
    # with the running statistics: batch statistics cancel shifts in front of them
    outputs = net.training_outputs(x, targets(len(x)))
    sum((value.float() * torch.randn_like(value)).sum() for value in outputs.values()).backward()
    idle = {key for key, p in net.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())}
    assert idle <= {from_paddle_name(key) for key in description["no_influence_params"]} | CANCELLED
    with torch.no_grad():
        outputs = net.train().training_outputs(x, targets(len(x)))
    assert all(torch.isfinite(value).all() for value in outputs.values())
