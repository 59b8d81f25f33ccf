"""Every published net has a configuration, and each of them trains for a few steps."""

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

import drawn
import pytest
import torch
from nets_golden import OWN_NETS

from inkline.errors import UsageError
from inkline.training import config as configs
from inkline.training.config import Config
from inkline.training.loop import run_training
from inkline.training.nets.table import NETS

FOLDER = Path(__file__).resolve().parents[2] / "configs"
NAMES = sorted(p.stem for p in FOLDER.glob("*.yaml"))
OWN = sorted(f"own/{p.stem}" for p in FOLDER.glob("own/*.yaml"))  # recipes of the weights that come with Inkline
QUICK = ("PP-LCNet_x0_25_textline_ori", "CRNN_MobileNetV3", "PP-OCRv6_tiny_det")  # the rest only where slow tests run


def test_every_net_has_a_configuration() -> None:
    assert set(NETS) - OWN_NETS <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_configuration_names_its_net(name: str) -> None:
    config = configs.load_config(configs.find_config(name))
    assert config.model.name in NETS
    assert config.model.name == name or name.startswith("distill_")


@pytest.mark.parametrize("name", OWN)
def test_a_recipe_of_our_own_names_a_net(name: str) -> None:
    assert configs.load_config(configs.find_config(name)).model.name in NETS


def test_unknown_names_get_a_suggestion() -> None:
    with pytest.raises(UsageError, match="did you mean 'PP-OCRv4_mobile_det'"):
        configs.find_config("PP-OCR4_mobile_det")


def short(name: str, folder: Path, teachers: Callable[[str], Path] | None = None) -> Config:
    """The configuration with little data, small pages and two steps."""
    config = configs.load_config(configs.find_config(name))
    overrides = [
        "data.batch_size=2",
        "data.workers=0",
        "data.by_area=false",
        "run.epochs=1",
        "run.max_steps=2",
        "run.threads=1",
    ]
    overrides += ["run.tensorboard=false", f"run.output={folder / 'run'}", "run.log_steps=1", "evaluate.every=0"]
    overrides += ["evaluate.every_steps=0", "run.save_steps=0"]
    side = 128 if config.data.kind == "sast" else 64
    if config.task == "det":
        overrides += [f"data.train=[{drawn.pages(folder, 4)}]", f"augment.det.crop=[{side}, {side}]"]
    elif config.task == "rec":
        overrides += [
            f"data.train=[{drawn.lines(folder, 4)}]",
            "model.charset=charsets/alphanumeric.txt",
            "augment.rec.concat=0",
        ]
    elif config.task == "cls":
        overrides += [f"data.train=[{drawn.turned(folder, 4)}]"]
    else:
        overrides += ["data.train=['pages:english:4']", "data.evaluate=[]"]
    if config.distill.teacher:
        assert teachers is not None
        overrides.append(f"distill.teacher={teachers(Path(config.distill.teacher).parent.name)}")
    return configs.load_config(configs.find_config(name), overrides)


@pytest.fixture(scope="module")
def teachers(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A checkpoint of a teacher by the name of its configuration, trained for two steps when it is first asked for."""

    @cache
    def trained(name: str) -> Path:
        return run_training(short(name, tmp_path_factory.mktemp("teacher"))).output / "last.pt"

    return trained


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES + OWN])
def test_two_steps(name: str, tmp_path: Path, teachers: Callable[[str], Path]) -> None:
    config = short(name, tmp_path, teachers)
    result = run_training(config)
    assert result.steps == 2
    log = (result.output / "log.jsonl").read_text().splitlines()
    assert len(log) == 2 and "NaN" not in log[1]
    state = torch.load(result.output / "last.pt", weights_only=True)["model"]
    assert all(math.isfinite(v.float().sum().item()) for v in state.values())
    if config.distill.mutual:
        assert '"twin"' in log[0] and '"mutual"' in log[0]
    if config.distill.teacher:
        assert '"teacher_student"' in log[0]
