"""Fine-tuning: the recipe, the growing charset, the report of old against new, and the refusal to export a loss."""

import dataclasses
import json
from pathlib import Path

import drawn
import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from inkline.cli.evaluate_commands import eval_cls, eval_rec
from inkline.cli.train_commands import finetune as finetune_command
from inkline.cli.train_commands import train as train_command
from inkline.errors import ModelError, OutputError, UsageError
from inkline.training import config as configs
from inkline.training.convert import load_checkpoint
from inkline.training.evaluate import evaluate_set, open_model
from inkline.training.finetune import Change, FinetuneResult, export_finetuned, extended, finetune, recipe
from inkline.training.loop import TrainResult, run_training

QUICK = ["data.workers=0", "data.batch_size=4", "run.threads=1", "run.tensorboard=false", "run.log_steps=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a CRNN for 0-9 and a-z after two steps."""
    folder = tmp_path_factory.mktemp("trained")
    data = drawn.lines(folder / "data", 8)
    overrides = [f"data.train=[{data}]", "evaluate.every=0", "run.epochs=1", f"run.output={folder / 'run'}", *QUICK]
    return run_training(configs.load_config(configs.find_config("CRNN_MobileNetV3"), overrides)).output / "best.pt"


def test_recipe_of_a_checkpoint(trained: Path) -> None:
    config, origin = recipe(str(trained), ["new.txt"], ["run.epochs=3", "loss.ctc_focal=true"])
    assert (config.model.start, config.model.name) == (str(trained), "CRNN_MobileNetV3")
    assert config.optimizer.learning_rate == pytest.approx(5e-5)
    assert (config.run.epochs, config.loss.ctc_focal, config.data.train) == (3, True, ("new.txt",))
    assert set(origin.charset) == set(drawn.CHARSET) and config.model.charset == ""
    with pytest.raises(ModelError, match="holds CRNN_MobileNetV3, not PP-OCRv4_mobile_rec"):
        recipe(str(trained), ["new.txt"], ["model.name=PP-OCRv4_mobile_rec"])


def test_charsets_grow_at_their_end() -> None:
    assert extended(("b", "a", " "), {"a", "z", "c"}) == ("b", "a", " ", "c", "z")


def test_report_and_export(trained: Path, tmp_path: Path) -> None:
    """New characters are learned behind the old ones; both models are judged on new and old data; the file runs."""
    new = drawn.lines(tmp_path / "new", 6, seed=1)
    rows = new.read_text(encoding="utf-8").replace("\n", "é\n", 2)
    new.write_text(rows.replace("\n", "-\n", 1), encoding="utf-8")
    old = drawn.lines(tmp_path / "old", 4, seed=2)
    overrides = [
        f"data.evaluate=[{new}]",
        f"data.replay=[{old}]",
        "run.epochs=2",
        f"run.output={tmp_path / 'run'}",
        *QUICK,
    ]
    outcome = finetune(str(trained), [str(new)], overrides, [str(old)], bound=1.0)
    net, about = load_checkpoint(outcome.checkpoint)
    origin = load_checkpoint(trained)[1]
    assert about.charset == (*origin.charset, "-", "é")
    assert [(Path(c.name).parent.name, c.new_data) for c in outcome.changes] == [("new", True), ("old", False)]
    assert not outcome.lost
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert [set(row["details"][0]) >= {"cer", "acc", "ece"} for row in report] == [True, True]
    assert outcome.table() in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[0]["kind"] == "train"
    export_finetuned(outcome, tmp_path / "new.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "new.onnx", providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    assert tuple(metadata["character"].split("\n")) == about.charset and metadata["inkline.name"] == "CRNN_MobileNetV3"
    image = torch.rand(1, 3, 32, 96)
    with torch.no_grad():
        ours = net(image)
    assert torch.allclose(ours, torch.from_numpy(session.run(None, {"x": image.numpy()})[0]), atol=1e-4)
    by_engine = evaluate_set("rec", open_model("rec", str(tmp_path / "new.onnx")), str(new)).scores.values
    by_torch = evaluate_set("rec", open_model("rec", str(outcome.checkpoint)), str(new)).scores.values
    assert by_engine["cer"] == by_torch["cer"]


def outcome_of(path: Path, lost: bool) -> FinetuneResult:
    change = Change("old.txt", False, "acc", 0.9, 0.7 if lost else 0.9, ({}, {}))
    result = TrainResult(path.parent, 1, {}, 0.9, "all steps are done")
    return FinetuneResult(result, path, (change,), (change,) if lost else (), 0.01)


def test_a_lost_ability_refuses_export_without_force(trained: Path, tmp_path: Path) -> None:
    lost = outcome_of(trained, lost=True)
    with pytest.raises(ModelError, match=r"not exported, acc fell on old\.txt from 0\.9000 to 0\.7000, by more than 0\.01"):
        export_finetuned(lost, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists() and "(lost)" in lost.table()
    export_finetuned(lost, tmp_path / "a.onnx", force=True)
    export_finetuned(outcome_of(trained, lost=False), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").exists() and (tmp_path / "b.onnx").exists()


def test_forgetting_is_seen(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fall beyond the bound is listed as lost, one within it is not."""
    values = iter([0.9, 0.95, 0.8, 0.75, 0.8, 0.795])
    monkeypatch.setattr("inkline.training.finetune.model_scores", lambda *_: {"acc": next(values), "acc_alnum": 0.0})
    new, a, b = (drawn.lines(tmp_path / name, 4) for name in ("new", "a", "b"))
    overrides = [
        f"data.evaluate=[{new}]",
        "evaluate.metric=acc",
        "run.epochs=1",
        f"run.output={tmp_path / 'run'}",
        *QUICK,
    ]
    outcome = finetune(str(trained), [str(new)], overrides, [str(a), str(b)], bound=0.01)
    assert [Path(c.name).parent.name for c in outcome.lost] == ["a"]
    with pytest.raises(ModelError, match="--replay"):
        outcome.require_kept()


def test_fine_tuning_needs_something_to_judge_by(trained: Path) -> None:
    with pytest.raises(UsageError, match="give --eval FILE"):
        finetune(str(trained), ["new.txt"])


def test_replay_makes_its_share(trained: Path, tmp_path: Path) -> None:
    from inkline.training.training_data import open_training_source

    new, old = drawn.lines(tmp_path / "new", 6), drawn.lines(tmp_path / "old", 30)
    config, _ = recipe(str(trained), [str(new)], [f"data.replay=[{old}]", "data.replay_share=0.25"])
    source, _ = open_training_source(config, drawn.CHARSET)
    keys = [source.key(epoch, i) for epoch in (0, 1) for i in range(len(source))]
    assert len(source) == 8
    assert sum("old" in key for key in keys) == 4 and len({key for key in keys if "old" in key}) == 4
    with pytest.raises(UsageError, match="between 0 and 1"):
        open_training_source(
            dataclasses.replace(config, data=dataclasses.replace(config.data, replay_share=1.0)), drawn.CHARSET
        )


@pytest.mark.slow
def test_commands_from_training_to_evaluation(tmp_path: Path) -> None:
    """`train`, `finetune --export` and `eval rec --worst`, as a user types them."""
    data = drawn.lines(tmp_path / "data", 8)
    quick = [part for text in QUICK for part in ("-o", text)]
    run = CliRunner()

    def call(command, *arguments: object) -> str:  # type: ignore[no-untyped-def]
        done = run.invoke(command, [str(a) for a in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    shown = call(
        train_command,
        "CRNN_MobileNetV3",
        "--data",
        data,
        "--eval",
        data,
        "--output",
        tmp_path / "run",
        "-o",
        "run.max_steps=2",
        *quick,
    )
    assert "all steps are done" in shown
    files = (
        "--data",
        data,
        "--eval",
        data,
        "--keep",
        data,
        "--output",
        tmp_path / "tuned",
        "--export",
        tmp_path / "a.onnx",
    )
    shown = call(finetune_command, "--from", tmp_path / "run/best.pt", *files, "--epochs", 1, "--bound", 1, *quick)
    assert "| set | kind | measure | old | new | change |" in shown and "exported to" in shown
    shown = call(eval_rec, tmp_path / "a.onnx", data, "--worst", tmp_path / "worst.png", "--text_recognition_batch_size", 4)
    assert "cer" in shown and "scripts:" in shown and (tmp_path / "worst.png").exists()
    row = json.loads(call(eval_rec, tmp_path / "tuned/best.pt", data, "--json", "--limit", 3))
    assert row["lines"] == 3 and row["model"] == "CRNN_MobileNetV3"
    with pytest.raises(OutputError, match="not written"):
        run.invoke(
            eval_rec,
            [str(tmp_path / "a.onnx"), str(data), "--worst", str(tmp_path / "no/w.png")],
            catch_exceptions=False,
        )
    with pytest.raises(ModelError, match="checkpoint for rec, not for cls"):
        run.invoke(eval_cls, [str(tmp_path / "run/best.pt"), str(data)], catch_exceptions=False)


@pytest.mark.slow
def test_a_published_model_learns_on(tmp_path: Path) -> None:
    """The angle classifier of PP-OCR v2, from its ONNX file: fused, judged before and after, and exported again."""
    data = drawn.turned(tmp_path / "data", 8)
    overrides = [f"data.evaluate=[{data}]", "run.epochs=1", f"run.output={tmp_path / 'run'}", *QUICK]
    outcome = finetune("ch_ppocr_mobile_v2.0_cls", [str(data)], overrides, [str(data)], bound=1.0)
    published = evaluate_set("cls", open_model("cls", "ch_ppocr_mobile_v2.0_cls"), str(data)).scores.values
    assert outcome.changes[0].details[0]["acc"] == published["acc"]
    assert load_checkpoint(outcome.checkpoint)[1].fused
    export_finetuned(outcome, tmp_path / "a.onnx", force=True)
    again = evaluate_set("cls", open_model("cls", str(tmp_path / "a.onnx")), str(data)).scores.values
    assert again["acc"] == outcome.changes[0].new
