"""The loop: learns, resumes exactly after a kill, runs in several processes, and stops for a reason it can name."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import drawn
import numpy as np
import pytest
import torch

from inkline.errors import DataError, EngineError, ModelError, OutputError, UsageError
from inkline.training import config as configs
from inkline.training import tasks
from inkline.training.config import Config, from_dict
from inkline.training.distributed import DistributedEnv, process_group
from inkline.training.evaluate import Scores
from inkline.training.loop import batch_losses, run_training, take_step, to_device
from inkline.training.run_state import TrainProgress, TrainRun, prepare_run, read_run_checkpoint

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("run_training.py")


def config_of(folder: Path, *overrides: str, count: int = 16) -> Config:
    """A classifier of turned words, small and quick."""
    data = drawn.turned(folder / "data", count)
    short = [
        f"data.train=[{data}]",
        f"data.evaluate=[{data}]",
        "data.batch_size=4",
        "data.workers=0",
        "optimizer.name=adam",
        "optimizer.learning_rate=1e-3",
        "run.epochs=2",
        "run.threads=1",
        "run.log_steps=1",
        "run.tensorboard=false",
        f"run.output={folder / 'run'}",
    ]
    return configs.load_config(configs.find_config("PP-LCNet_x0_25_textline_ori"), [*short, *overrides])


def log_of(output: Path, kind: str) -> list[dict[str, float]]:
    rows = map(json.loads, (output / "log.jsonl").read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["kind"] == kind]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return read_run_checkpoint(path)["model"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **more}


def test_a_run_leaves_what_it_should(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = run_training(config_of(tmp_path, "run.ema=0.9", "run.tensorboard=true", "evaluate.metric=acc"))
    output = result.output
    assert result.steps == 8 and result.reason == "all steps are done"
    assert [row["step"] for row in log_of(output, "train")] == list(range(1, 9))
    assert [row["step"] for row in log_of(output, "eval")] == [4, 8]
    assert any(p.name.startswith("events.out.tfevents") for p in output.iterdir())
    assert configs.load_config(output / "config.yaml") == configs.from_dict(read_run_checkpoint(output / "last.pt")["config"])
    last, best = read_run_checkpoint(output / "last.pt"), read_run_checkpoint(output / "best.pt")
    assert {"optimizer", "average", "progress"} <= last.keys() and "optimizer" not in best
    assert not same(last["average"], last["model"])
    lines = capsys.readouterr().err.splitlines()
    assert "0.24 M parameters, freshly initialised; 16 samples per epoch, 8 steps, cpu, float32" in lines[0]
    assert any("step 3/8 loss" in line and "/s left 0:00:" in line for line in lines)


@pytest.mark.slow
def test_it_learns(tmp_path: Path) -> None:
    """Upright or upside down, of sixteen words, is learned by heart, and read back through the inference code."""
    augment = [f"augment.cls.{name}=0" for name in ("crop", "tilt_share", "noise", "colour", "reverse", "blur")]
    result = run_training(config_of(tmp_path, "run.epochs=40", "evaluate.every=40", *augment))
    assert result.scores["acc"] >= 0.9
    losses = [row["loss"] for row in log_of(result.output, "train")]
    assert np.mean(losses[-8:]) < 0.5 * np.mean(losses[:8])


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    runs = [
        run_training(config_of(tmp_path / name, "run.max_steps=3", f"run.seed={s}"))
        for name, s in (("a", 0), ("b", 0), ("c", 1))
    ]
    a, b, c = (weights(run.output / "last.pt") for run in runs)
    assert same(a, b) and not same(a, c)


@pytest.mark.slow
def test_a_killed_run_ends_as_one_that_was_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL between two checkpoints; dropout, averaged weights, accumulation and worker processes included."""
    more = ("run.epochs=4", "run.save_steps=5", "run.accumulate=2", "run.ema=0.9", "data.workers=1", "evaluate.every=3")
    whole = run_training(config_of(tmp_path / "whole", *more))
    config = config_of(tmp_path / "killed", *more)
    (tmp_path / "killed.yaml").write_text("", encoding="utf-8")
    configs.save_config(config, tmp_path / "killed.yaml")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "killed.yaml")]
    log = Path(config.run.output) / "log.jsonl"
    done = subprocess.run([*command, "--kill-at", "7"], env=environment(), stderr=subprocess.DEVNULL, start_new_session=True)
    assert done.returncode == -signal.SIGKILL
    killed = read_run_checkpoint(log.parent / "last.pt")
    assert killed["progress"]["step"] == 6  # saved with the evaluation; step 7 was lost
    resumed = run_training(config, resume=True)
    assert "resuming from step" in capsys.readouterr().err and (resumed.steps, resumed.reason) == (8, "all steps are done")
    a, b = (read_run_checkpoint(folder / "last.pt") for folder in (whole.output, log.parent))
    assert same(a["model"], b["model"]) and same(a["average"], b["average"])
    assert a["progress"]["best"] == b["progress"]["best"] and a["progress"]["step"] == b["progress"]["step"]
    assert same(weights(whole.output / "best.pt"), weights(log.parent / "best.pt"))


def test_a_finished_run_resumes_to_nothing(tmp_path: Path) -> None:
    config = config_of(tmp_path, "run.epochs=1")
    before = weights(run_training(config).output / "last.pt")
    again = run_training(config, resume=True)
    assert again.steps == 4 and same(before, weights(again.output / "last.pt"))


def test_an_old_run_is_not_overwritten(tmp_path: Path) -> None:
    config = config_of(tmp_path, "run.max_steps=1", "evaluate.every=0")
    run_training(config)
    with pytest.raises(UsageError, match="holds a run already; continue it with --resume"):
        run_training(config)
    with pytest.raises(UsageError, match="no run to resume"):
        run_training(configs.replace_in_section(config, "run", output=str(tmp_path / "other")), resume=True)
    with pytest.raises(UsageError, match="trains PP-LCNet_x0_25_textline_ori, not PP-LCNet_x1_0_textline_ori"):
        run_training(configs.replace_in_section(config, "model", name="PP-LCNet_x1_0_textline_ori"), resume=True)


@pytest.mark.slow
def test_two_processes(tmp_path: Path) -> None:
    """Two CPU processes under torchrun: each sees its half, both end with the weights of the one."""
    config = config_of(tmp_path, "run.epochs=2", "data.batch_size=2", "evaluate.every=1")
    configs.save_config(config, tmp_path / "two.yaml")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launcher, str(SCRIPT), str(tmp_path / "two.yaml")], env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "cpu x 2" in done.stderr
    rows = log_of(Path(config.run.output), "train")
    assert [row["step"] for row in rows] == list(range(1, 9))  # 16 samples / (2 processes x 2) = 4 steps an epoch
    progress = read_run_checkpoint(Path(config.run.output) / "last.pt")["progress"]
    assert progress["samples"] == 32
    assert done.stdout.count("8 all steps are done") == 2


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(tmp_path: Path) -> None:
    """Without batch statistics and dropout, two processes with half a batch each take the same step as one process."""
    more = ("run.max_steps=1", "evaluate.every=0", "model.freeze=[backbone]", "optimizer.name=momentum")
    alone = config_of(tmp_path / "one", *more, "data.batch_size=2", "run.accumulate=2")
    one = weights(run_training(alone).output / "last.pt")
    config = config_of(tmp_path / "two", *more, "data.batch_size=2")
    configs.save_config(config, tmp_path / "two.yaml")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    subprocess.run([*launcher, str(SCRIPT), str(tmp_path / "two.yaml")], env=environment(), check=True, capture_output=True)
    two = weights(Path(config.run.output) / "last.pt")
    start = weights(run_training(config_of(tmp_path / "none", *more, "optimizer.learning_rate=0")).output / "last.pt")
    moved_one, moved_two = one["head.fc.bias"] - start["head.fc.bias"], two["head.fc.bias"] - start["head.fc.bias"]
    assert moved_one.abs().sum() > 0
    assert torch.sign(moved_one).equal(torch.sign(moved_two))


def test_a_loss_that_is_no_number_names_the_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, "evaluate.every=0", "run.save_steps=1")
    whole = tasks.TASKS["cls"].loss

    def broken(outputs, batch, config, material):  # type: ignore[no-untyped-def]
        parts = whole(outputs, batch, config, material)
        bad = any("cls.txt:6 " in key for key in batch["key"])
        return {**parts, "loss": parts["loss"] * (float("nan") if bad else 1.0)}

    monkeypatch.setitem(tasks.TASKS, "cls", tasks.Task("acc", (), tasks.prepare, broken, tasks.evaluate_net))
    with pytest.raises(DataError, match=r"loss=nan at step \d, from sample \S*cls\.txt:6 \(\S*5\.png\); look at it"):
        run_training(config)
    assert all(torch.isfinite(v.float()).all() for v in weights(Path(config.run.output) / "last.pt").values())


def test_weights_that_explode_stop_the_run(tmp_path: Path) -> None:
    config = config_of(tmp_path, "evaluate.every=0", "optimizer.learning_rate=1e30", "optimizer.name=momentum", "run.epochs=9")
    with pytest.raises(DataError, match=r"(loss|gradient)=(nan|inf) at step \d+, from one of the samples"):
        run_training(config)


def scripted(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """Let the evaluations give these values."""
    left = iter(values)
    task = tasks.TASKS["cls"]
    scored = tasks.Task("acc", (), task.prepare, task.loss, lambda *_: Scores({"acc": next(left)}))
    monkeypatch.setitem(tasks.TASKS, "cls", scored)


def test_early_stop_and_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1, 0.3, 0.2, 0.3, 0.9])
    result = run_training(config_of(tmp_path, "run.epochs=9", "evaluate.patience=2", "run.save_steps=4"))
    assert result.reason == "no better score in 2 evaluations" and result.steps == 16 and result.best == 0.3
    best = read_run_checkpoint(result.output / "best.pt")
    assert best["progress"]["step"] == 8
    assert [row["best"] for row in log_of(result.output, "eval")] == [True, True, False, False]


def test_evaluation_by_steps_and_from_an_epoch_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, [0.1] * 9)
    result = run_training(config_of(tmp_path / "a", "evaluate.every_steps=3"))
    assert [row["step"] for row in log_of(result.output, "eval")] == [3, 6, 8]
    result = run_training(config_of(tmp_path / "b", "run.epochs=4", "evaluate.start=2"))
    assert [row["step"] for row in log_of(result.output, "eval")] == [12, 16]


def test_minutes_end_a_run(tmp_path: Path) -> None:
    """The first step that is over time is the last one; the pace tells how many steps there will be."""
    result = run_training(config_of(tmp_path, "run.minutes=1e-6", "evaluate.every=0", "evaluate.times=3"))
    assert result.steps == 1 and len(log_of(result.output, "eval")) == 1
    run = SimpleNamespace(config=from_dict({"run": {"minutes": 10}}), total_steps=1000)
    run.share_done = lambda progress: TrainRun.share_done(run, progress)
    for step, elapsed, share, expected in (
        (0, 0.0, 0.0, 1000),
        (10, 60.0, 0.1, 100),
        (500, 60.0, 0.5, 1000),
        (20, 900.0, 1.0, 20),
    ):
        progress = TrainProgress(step=step, elapsed=elapsed)
        assert (run.share_done(progress), TrainRun.expected_steps(run, progress)) == (share, expected)


def test_the_last_step_is_scored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores every 4 of 8 steps: the last ones are not taken a second time, so patience 2 is not used up by them."""
    scripted(monkeypatch, [0.3, 0.2, 0.1])
    result = run_training(config_of(tmp_path, "evaluate.every_steps=4", "evaluate.patience=2"))
    assert [row["step"] for row in log_of(result.output, "eval")] == [4, 8]
    assert result.reason == "all steps are done"
    assert read_run_checkpoint(result.output / "last.pt")["progress"]["stale"] == 1


def test_a_run_killed_in_its_last_evaluation_is_evaluated_when_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, "run.save_steps=2")
    scripted(monkeypatch, [0.1])  # the second evaluation, after the last step, finds no value and ends the run
    with pytest.raises((StopIteration, RuntimeError)):
        run_training(config)
    output = Path(config.run.output)
    assert read_run_checkpoint(output / "last.pt")["progress"]["step"] == 8
    scripted(monkeypatch, [0.7])
    result = run_training(config, resume=True)
    assert result.scores == {"acc": 0.7} and result.best == 0.7
    assert read_run_checkpoint(output / "best.pt")["progress"]["step"] == 8
    assert run_training(config, resume=True).steps == 8  # and not once more


def test_gradients_are_exchanged_once_per_step(tmp_path: Path) -> None:
    """Two batches that add up to a step cost as many exchanges between processes as one."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        run, _, _ = prepare_run(config_of(tmp_path, "run.accumulate=2"), DistributedEnv(0, 1, torch.device("cpu")), None)
        parallel = torch.nn.parallel.DistributedDataParallel(run.net, find_unused_parameters=True)
        run.model = parallel
        exchanged = 0

        def count(state: None, bucket: torch.distributed.GradBucket) -> torch.futures.Future[torch.Tensor]:
            nonlocal exchanged
            exchanged += 1
            done: torch.futures.Future[torch.Tensor] = torch.futures.Future()
            done.set_result(bucket.buffer())
            return done

        parallel.register_comm_hook(None, count)
        first, second = list(run.data.batches(0, 0))[:2]
        take_step(run, [first], TrainProgress())
        for_one_batch, exchanged = exchanged, 0
        take_step(run, [first, second], TrainProgress(step=1))
        assert exchanged == for_one_batch > 0
    finally:
        torch.distributed.destroy_process_group()


def test_every_sample_of_a_step_counts_alike(tmp_path: Path) -> None:
    """In large batches and in small ones: three samples and one are four, not two halves."""
    run, _, _ = prepare_run(config_of(tmp_path), DistributedEnv(0, 1, torch.device("cpu")), None)
    whole = next(run.data.batches(0, 0))
    few, one = ({name: values[part] for name, values in whole.items()} for part in (slice(0, 3), slice(3, 4)))
    run.model.train()
    torch.manual_seed(run.config.run.seed * 1_000_003)  # as the step does, for its dropout
    with torch.no_grad():
        losses = [batch_losses(run, run.model, to_device(batch, run.env.device))["loss"].item() for batch in (few, one)]
    means, samples, _ = take_step(run, [few, one], TrainProgress())
    assert samples == 4 and means["loss"] == pytest.approx((3 * losses[0] + losses[1]) / 4, rel=1e-4)


def test_processes_wait_for_a_long_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait in a broadcast while rank 0 evaluates; torch's own limit is 10 to 30 minutes."""
    asked: dict[str, object] = {}
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(torch.distributed, "init_process_group", lambda backend, **more: asked.update(more))
    monkeypatch.setattr(torch.distributed, "destroy_process_group", lambda: None)
    with process_group("cpu"):
        pass
    assert asked["timeout"] >= timedelta(hours=6)  # type: ignore[operator]


def test_bf16_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_training(config_of(tmp_path, "run.max_steps=2", "run.precision=bf16", "evaluate.every=0", "optimizer.clip_norm=1"))
    assert "bfloat16" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("run.precision=fp16", UsageError, "needs a GPU"),
        ("run.device=tpu", UsageError, "must be auto, cpu, gpu or gpu:N"),
        ("model.name=PP-LCNet_x0_25_text_ori", UsageError, "did you mean 'PP-LCNet_x0_25_textline_ori'"),
        ("data.train=[]", UsageError, "data.train: give at least one"),
        ("data.train=['lines:latin']", UsageError, "generated text is lines:SCRIPT:COUNT"),
        ("data.train=['lines:latni:3']", DataError, "no script 'latni' to draw"),
        ("data.train=[nowhere.txt]", DataError, "nowhere.txt: no such label file"),
        ("data.evaluate=[]", DataError, "data.evaluate: give a label file"),
        ("evaluate.metric=accc", UsageError, "evaluate.metric='accc': not measured here; did you mean 'acc'"),
        ("data.kind=foo", DataError, "no classifier input of the kind 'foo'"),
        ("model.freeze=[foo]", UsageError, "no parameter begins with 'foo'"),
        ("distill.teacher=none.pt", ModelError, "no such file"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, override: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message.replace(".", r"\.")):
        run_training(config_of(tmp_path, override))


def test_a_gpu_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EngineError, match="torch sees no GPU"):
        run_training(config_of(tmp_path, "run.device=gpu"))


def test_an_empty_data_set(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match=r"empty\.txt: no usable cls sample \(it is empty\)"):
        run_training(config_of(tmp_path, f"data.train=[{tmp_path / 'empty.txt'}]"))


def test_a_charset_that_lacks_half_the_labels(tmp_path: Path) -> None:
    data = drawn.lines(tmp_path / "data", 8)
    (tmp_path / "chars.txt").write_text("a\nb\nc\n")
    overrides = [f"data.train=[{data}]", f"model.charset={tmp_path / 'chars.txt'}", f"run.output={tmp_path / 'run'}"]
    with pytest.raises(DataError, match="the charset lacks characters of 8 of 8 labels"):
        run_training(configs.load_config(configs.find_config("CRNN_MobileNetV3"), overrides))


def test_a_full_disk_stops_the_run_and_keeps_the_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = config_of(tmp_path, "run.save_steps=1", "evaluate.every=0")
    save, count = torch.save, 0

    def full(content, file):  # type: ignore[no-untyped-def]
        nonlocal count
        count += 1
        if count > 2:
            Path(file).write_bytes(b"half of it")
            raise OSError(28, "No space left on device")
        save(content, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OutputError, match=r"last\.pt: checkpoint not written \(No space left on device\).*is intact"):
        run_training(config)
    assert read_run_checkpoint(Path(config.run.output) / "last.pt")["progress"]["step"] == 2


def test_unreadable_images_are_skipped_or_fatal(tmp_path: Path) -> None:
    config = config_of(tmp_path, "run.epochs=1", "evaluate.every=0")
    (tmp_path / "data" / "3.png").write_bytes(b"not an image")
    assert run_training(config).steps == 4
    for workers in (0, 1):
        strict = configs.replace_in_section(config, "data", strict=True, workers=workers)
        with pytest.raises(DataError, match=r"^\S*3\.png: not an image.*$") as error:
            run_training(configs.replace_in_section(strict, "run", output=str(tmp_path / f"strict{workers}")))
        assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_recogniser_learns_by_heart(tmp_path: Path) -> None:
    """CRNN from nothing reads four words, through the recogniser that inference uses.

    The words are on paper of one width, so that none is padded: the padding of its one batch would be learned by heart as
    well, and inference has none.
    """
    data = drawn.lines(tmp_path / "data", 4, width=128)
    overrides = [
        f"data.train=[{data}]",
        f"data.evaluate=[{data}]",
        "data.batch_size=4",
        "data.workers=0",
        "run.epochs=110",
        "evaluate.every=110",
        "schedule.name=cosine",
        "optimizer.learning_rate=1e-2",
        "optimizer.clip_norm=5",
        "run.threads=1",
        f"run.output={tmp_path / 'run'}",
    ]
    result = run_training(configs.load_config(configs.find_config("CRNN_MobileNetV3"), overrides))
    assert result.scores["cer"] < 0.25


@pytest.mark.slow
def test_a_detector_learns_by_heart(tmp_path: Path) -> None:
    data = drawn.pages(tmp_path / "data", 2)
    overrides = [
        f"data.train=[{data}]",
        f"data.evaluate=[{data}]",
        "data.batch_size=2",
        "data.workers=0",
        "augment.det={paste: 0, flip: 0, rotate_share: 0, resize: [1, 1], crop: [160, 160], min_crop_side: 0.9}",
        "run.epochs=80",
        "evaluate.every=80",
        "evaluate.detect.limit_type=max",
        "optimizer.learning_rate=1e-2",
        "run.threads=1",
        f"run.output={tmp_path / 'run'}",
    ]
    result = run_training(configs.load_config(configs.find_config("PP-OCRv3_mobile_det"), overrides))
    assert result.scores["hmean"] >= 0.8
