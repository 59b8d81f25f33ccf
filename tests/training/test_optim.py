"""Optimisers, learning rates, averaged weights, checkpoints."""

import subprocess
import sys
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from inkline.errors import ModelError, OutputError, UsageError
from inkline.training.config import OptimizerConfig, ScheduleConfig
from inkline.training.optim import AveragedWeights, build_optimizer, freeze, lr_schedule
from inkline.training.run_state import TrainProgress, read_run_checkpoint, write_checkpoint


def curve(config: ScheduleConfig, total: int = 100, epoch_steps: int = 10) -> list[float]:
    return [lr_schedule(step, total, epoch_steps, 1.0, config) for step in range(total)]


def test_cosine_with_warmup() -> None:
    rates = curve(ScheduleConfig(warmup_epochs=2.0))
    assert rates[:3] == pytest.approx([1 / 20, 2 / 20, 3 / 20])
    assert rates[19] == rates[20] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[-1] == pytest.approx(0, abs=1e-3)
    assert all(a >= b for a, b in pairwise(rates[20:]))


def test_cosine_ends_where_it_is_told() -> None:
    assert curve(ScheduleConfig(final=0.1))[-1] == pytest.approx(0.1, abs=1e-2)


def test_piecewise() -> None:
    rates = curve(ScheduleConfig("piecewise", milestones=(0.5, 0.8), factor=0.1))
    assert (rates[0], rates[49], rates[50], rates[80]) == pytest.approx((1, 1, 0.1, 0.01))


def test_warmup_never_takes_more_than_half_the_run() -> None:
    rates = curve(ScheduleConfig(warmup_steps=1000), total=10)
    assert rates[4] == 1.0 and max(rates) == 1.0


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("momentum", torch.optim.SGD)]
)
def test_optimizers(name: str, kind: type) -> None:
    config = OptimizerConfig(name, weight_decay=0.1, decay_norms=False)  # type: ignore[arg-type]
    optimizer = build_optimizer(small_net(), config)
    assert type(optimizer) is kind
    weights, plain = optimizer.param_groups
    assert (weights["weight_decay"], plain["weight_decay"]) == (0.1, 0.0)
    assert (len(weights["params"]), len(plain["params"])) == (2, 4)


def test_adam_decays_as_the_reference() -> None:
    """L2 regularisation: the decay is part of the gradient, so Adam's first step moves by the rate whatever its size."""
    net = nn.Linear(1, 1, bias=False)
    before = net.weight.item()
    optimizer = build_optimizer(net, OptimizerConfig(learning_rate=0.01, weight_decay=0.5))
    net.weight.grad = torch.zeros_like(net.weight)
    optimizer.step()
    assert abs(net.weight.item() - before) == pytest.approx(0.01, rel=1e-3)


def test_freeze() -> None:
    net = small_net()
    freeze(net, ["0."])
    assert [p.requires_grad for p in net.parameters()] == [False, False, True, True, True, True]
    with pytest.raises(UsageError, match="no parameter begins with 'backbone'"):
        freeze(net, ["backbone"])
    freeze(net, ["1", "2"])
    with pytest.raises(UsageError, match="no parameter to train"):
        build_optimizer(net, OptimizerConfig())


def test_average_follows_and_copies_buffers() -> None:
    net = small_net()
    average = AveragedWeights(net, 0.9)
    start = average.net[0].weight.clone()
    with torch.no_grad():
        net[0].weight += 1
        net[1].running_mean += 2
    average.update(net, step=0)
    assert torch.allclose(average.net[0].weight, start + 0.9)  # the first steps count for more
    average.update(net, step=10_000)
    assert torch.allclose(average.net[0].weight, start + 0.91)
    assert average.net[1].running_mean.tolist() == [2.0] * 3
    assert not any(p.requires_grad for p in average.net.parameters())


def test_checkpoint_reads_back(tmp_path: Path) -> None:
    progress = TrainProgress(epoch=2, batch=3, step=40, best=0.5)
    content = {"model": small_net().state_dict(), "config": {}, "progress": asdict(progress), "twin": None}
    write_checkpoint(tmp_path / "a" / "last.pt", content)
    back = read_run_checkpoint(tmp_path / "a" / "last.pt")
    assert TrainProgress(**back["progress"]) == progress
    assert torch.equal(back["model"]["0.weight"], content["model"]["0.weight"])
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["last.pt"]


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import torch
from inkline.errors import OutputError
from inkline.training.run_state import write_checkpoint
path = Path(sys.argv[1])
write_checkpoint(path, {"config": {}, "model": {"w": torch.ones(10)}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    write_checkpoint(path, {"model": {"w": torch.zeros(1_000_000)}})
except OutputError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    """Writing fails half-way, as on a full disk (here: a limit on the file size)."""
    path = tmp_path / "last.pt"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True)
    assert "checkpoint not written" in done.stdout and "the previous" in done.stdout
    assert read_run_checkpoint(path)["model"]["w"].tolist() == [1.0] * 10
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="no checkpoint was written yet"):
        write_checkpoint(tmp_path / "file" / "last.pt", {"model": {}})


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken"])
def test_damaged_checkpoints(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(ModelError, match=r"a\.pt: not a checkpoint"):
        read_run_checkpoint(tmp_path / "a.pt")
    with pytest.raises(ModelError, match="no such file"):
        read_run_checkpoint(tmp_path / "none.pt")


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("code ran",))


def test_no_code_runs_from_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"format": 1, "model": Evil()}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="not a checkpoint"):
        read_run_checkpoint(tmp_path / "a.pt")
    assert "code ran" not in capsys.readouterr().out


def test_newer_format(tmp_path: Path) -> None:
    torch.save({"format": 99, "model": {}, "config": {}}, tmp_path / "a.pt")
    with pytest.raises(ModelError, match="update inkline"):
        read_run_checkpoint(tmp_path / "a.pt")
