"""Configurations: read, overridden, saved, and every mistake named."""

from pathlib import Path

import pytest

from inkline.errors import UsageError
from inkline.training import config as configs
from inkline.training.config import Config


def write(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_values_and_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, "task: det\noptimizer:\n  learning_rate: 1e-3\nloss:\n  auxiliary: {p4: 0.2}\n")
    config = configs.load_config(path, ["optimizer.learning_rate=5e-4", "run.epochs=3", "model.labels=[0, 90]", "run.seed=7"])
    assert config.task == "det"
    assert config.optimizer.learning_rate == 5e-4
    assert config.loss.auxiliary == {"p4": 0.2}
    assert (config.run.epochs, config.run.seed, config.model.labels) == (3, 7, (0, 90))


def test_base_lies_below(tmp_path: Path) -> None:
    write(tmp_path, "task: det\nrun: {epochs: 5, seed: 3}\n", "base.yaml")
    config = configs.load_config(write(tmp_path, "base: base.yaml\nrun: {epochs: 9}\n"))
    assert (config.task, config.run.epochs, config.run.seed) == ("det", 9, 3)


def test_saved_reads_back(tmp_path: Path) -> None:
    config = configs.load_config(
        write(tmp_path, "task: cls\nmodel: {labels: [0, 90, 180, 270]}\nschedule: {name: piecewise}\n")
    )
    configs.save_config(config, tmp_path / "saved.yaml")
    assert configs.load_config(tmp_path / "saved.yaml") == config
    assert configs.from_dict(configs.to_dict(config)) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optimiser: {}", "unknown key 'optimiser'; did you mean 'optimizer'?"),
        ("optimizer: {learnig_rate: 1}", "did you mean 'optimizer.learning_rate'?"),
        ("optimizer: {ema: 0.9}", "did you mean 'run.ema'?"),
        ("qqqqq: 1", "sections: model"),
        ("task: foo", "task='foo': must be one of det, rec, cls, unwarp"),
        ("run: {epochs: many}", "run.epochs='many': must be a whole number"),
        ("run: {epochs: 1.5}", "must be a whole number"),
        ("run: {tensorboard: 1}", "must be true or false"),
        ("optimizer: {learning_rate: fast}", "must be a number"),
        ("optimizer: 3", "optimizer must be a section"),
        ("loss: {auxiliary: 3}", "must be a mapping"),
        ("- 1", "must hold `section:`"),
        ("a: [", "not YAML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        configs.load_config(write(tmp_path, text))
    assert message in str(error.value)
    assert "run.yaml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["epochs", "=3", "task.name=3"])
def test_overrides_must_name_a_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError):
        configs.load_config(write(tmp_path, "task: rec"), [text])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        configs.load_config(tmp_path / "none.yaml")


def test_defaults_read_back() -> None:
    assert configs.from_dict({}) == Config() == configs.from_dict(configs.to_dict(Config()))


def test_the_key_of_the_version_before_is_taken(tmp_path: Path) -> None:
    assert configs.load_config(write(tmp_path, "data: {squeeze: 1.25}\n")).data.width_scale == 1.25
    assert configs.load_config(write(tmp_path, "task: rec\n"), ["data.squeeze=1.2"]).data.width_scale == 1.2


def test_an_old_key_beside_its_new_name_is_refused(tmp_path: Path) -> None:
    """In one file; an override under either name wins over the file, as of any key."""
    with pytest.raises(UsageError, match=r"data\.squeeze is the old name of data\.width_scale: give only one"):
        configs.load_config(write(tmp_path, "data: {squeeze: 0.8, width_scale: 0.9}\n"))
    for key in ("squeeze", "width_scale"):
        path = write(tmp_path, "data: {squeeze: 0.8}\n")
        assert configs.load_config(path, [f"data.{key}=0.9"]).data.width_scale == 0.9


@pytest.mark.parametrize("key", ["optimizer.learning_rate=-1e-3", "optimizer.learning_rate=.inf", "data.batch_size=0"])
def test_numbers_that_train_nothing_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(UsageError, match=key.partition("=")[0]):
        configs.load_config(write(tmp_path, "task: rec\n"), [key])
