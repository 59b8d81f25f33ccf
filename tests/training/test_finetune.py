"""Fine-tuning: the recipe, the growing charset, the report of old against new, and the refusal to export a loss."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import drawn
import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner

from inkline.cli.evaluate_commands import eval_cls, eval_rec
from inkline.cli.train_commands import finetune as finetune_command
from inkline.cli.train_commands import train as train_command
from inkline.errors import DataError, ModelError, OutputError, UsageError
from inkline.training import config as configs
from inkline.training.abilities import Change, Held, MeasuredSet, change_of, known_abilities, known_scripts
from inkline.training.config import Config
from inkline.training.convert import Description, load_checkpoint, save_checkpoint
from inkline.training.convert.net_checkpoint import read_checkpoint
from inkline.training.data.labels import load_labels
from inkline.training.evaluate import evaluate_set, open_model
from inkline.training.finetune import (
    FinetuneResult,
    blended,
    characters,
    compared,
    export_finetuned,
    extended,
    finetune,
    fitted,
    recipe,
    settle,
    with_held_out,
)
from inkline.training.loop import run_training
from inkline.training.nets.table import build
from inkline.training.run_state import write_checkpoint
from inkline.training.start_weights import init_from, load_start_weights
from inkline.training.synth.scripts import SCRIPTS, Script
from inkline.training.tasks import evaluate_unwarper
from inkline.training.training_data import TrainingData

QUICK = ["data.workers=0", "data.batch_size=4", "run.threads=1", "run.tensorboard=false", "run.log_steps=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a CRNN for 0-9 and a-z after two steps."""
    folder = tmp_path_factory.mktemp("trained")
    data = drawn.lines(folder / "data", 8)
    overrides = [f"data.train=[{data}]", "evaluate.every=0", "run.epochs=1", f"run.output={folder / 'run'}", *QUICK]
    return run_training(configs.load_config(configs.find_config("CRNN_MobileNetV3"), overrides)).output / "best.pt"


def test_characters_of_a_set_that_names_its_task(trained: Path, tmp_path: Path) -> None:
    """`rec:FILE` is a set of a recogniser as FILE alone is: its characters are learned, too."""
    labels = drawn.lines(tmp_path / "data", 4)
    plain, named = (recipe(str(trained), [spec], [])[0] for spec in (str(labels), f"rec:{labels}"))
    assert characters(plain) and characters(named) == characters(plain)


def test_recipe_of_a_checkpoint(trained: Path) -> None:
    config, origin = recipe(str(trained), ["new.txt"], ["run.epochs=3", "loss.ctc_focal=true"])
    assert (config.model.start, config.model.name) == (str(trained), "CRNN_MobileNetV3")
    assert (config.run.epochs, config.loss.ctc_focal, config.data.train) == (3, True, ("new.txt",))
    assert config.data.replay == ("auto",) and config.model.freeze
    assert set(origin.charset) == set(drawn.CHARSET) and config.model.charset == ""
    with pytest.raises(ModelError, match="holds CRNN_MobileNetV3, not PP-OCRv4_mobile_rec"):
        recipe(str(trained), ["new.txt"], ["model.name=PP-OCRv4_mobile_rec"])


def test_a_net_that_was_taught_signs_where_they_are_seen_is_taught_so_again() -> None:
    for name, order in (("rare_PP-OCRv6_small_rec", "seen"), ("tamil_PP-OCRv6_small_rec", "stored")):
        assert recipe(name, ["new.txt"], ["model.name=PP-OCRv6_small_rec"])[0].data.label_order == order


def test_batch_and_epochs_fit_the_data(trained: Path, tmp_path: Path) -> None:
    data = drawn.lines(tmp_path / "data", 12)
    given = [f"data.evaluate=[{data}]", "run.device=cpu"]
    few, _ = recipe(str(trained), [str(data)], given)
    few = fitted(few, given)
    assert (few.data.batch_size, few.run.epochs, few.data.ratios) == (3, 2, (25.0,))  # 40 times, in epochs worth a start
    assert few.distill.keep == 3.0 and few.optimizer.learning_rate == pytest.approx(7e-5)  # few are learned with care
    many = fitted(configs.replace_in_section(few, "data", train=("lines:english:2000",), batch_size=128), given)
    assert (many.data.batch_size, many.run.epochs) == (8, 5)
    given += ["data.batch_size=9", "run.minutes=20", "run.epochs=7", "distill.keep=2.0"]
    mine = fitted(recipe(str(trained), [str(data)], given)[0], given)
    assert (mine.data.batch_size, mine.run.epochs, mine.data.ratios, mine.run.minutes) == (9, 7, (), 15)
    assert mine.distill.keep == 2.0


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
    assert outcome is not None
    net, about = load_checkpoint(outcome.checkpoint)
    origin = load_checkpoint(trained)[1]
    assert about.charset == (*origin.charset, "-", "é")
    sets = {(Path(c.name).parent.name, c.new_data) for c in outcome.changes}
    assert sets == {("new", True), ("old", False)} and not outcome.lost
    assert {c.measure for c in outcome.changes} == {"cer", "digit_acc", "acc", "acc_no_case"}  # no spaces in these lines
    assert all(c.interval[0] <= c.new - c.old <= c.interval[1] for c in outcome.changes)
    # the same command with force reads the report, and trains nothing
    again = finetune(str(trained), [str(new)], overrides, [str(old)], bound=0.5, force=True)
    assert again == dataclasses.replace(outcome, bound=0.5)
    with pytest.raises(UsageError, match="holds a run already"):
        finetune(str(trained), [str(old)], overrides, [str(old)], force=True)
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


def changes_of(before: list[int], after: list[int], new_data: bool = False) -> Change:
    """The share of right lines, from 0 and 1 for each."""
    parts = [np.array([(right, 1.0) for right in of]) for of in (before, after)]
    return change_of("old.txt", new_data, "acc", *parts)


def test_a_fall_counts_when_it_is_more_than_chance(trained: Path, tmp_path: Path) -> None:
    """A clear one is lost, one line of a hundred may be chance; new data are no old ability."""
    right = [1] * 90 + [0] * 10
    clear, chance = changes_of(right, [0] * 20 + right[20:]), changes_of(right, [0] * 2 + right[2:])
    assert (clear.old, clear.new, clear.is_lost(0.01)) == (0.9, 0.7, True)
    few = Change("drawn", False, "space_f1", 0.8, 0.6, (-0.3, -0.1), 37)
    assert not few.is_lost(0.01) and "(37 cases)" in few.row(0.01)
    assert dataclasses.replace(few, cases=200).is_lost(0.01)
    assert chance.fall > 0.01 and not chance.is_lost(0.01) and "(may be chance)" in chance.row(0.01)
    assert not dataclasses.replace(clear, new_data=True).is_lost(0.01)
    risen = dataclasses.replace(clear, measure="cer", old=0.1, new=0.2, interval=(0.05, 0.15))
    assert risen.fall == pytest.approx(0.1) and risen.is_lost(0.01) and not risen.is_lost(0.1001)
    lost = FinetuneResult(trained, (clear, risen, chance), 0.01)
    with pytest.raises(
        ModelError, match=r"not exported.* acc on old\.txt from 0\.9000 to 0\.7000, cer on old\.txt from .* --force"
    ):
        export_finetuned(lost, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists() and lost.table().count("(lost)") == 2
    export_finetuned(lost, tmp_path / "a.onnx", force=True)
    export_finetuned(FinetuneResult(trained, (chance,), 0.01), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").exists() and (tmp_path / "b.onnx").exists()


def test_weights_between_the_old_and_the_trained(trained: Path) -> None:
    """Every weight moves by its share; the row of a character that is new stays as trained."""
    start = load_start_weights(str(trained))
    charset = [*start.charset, "é"]
    net, _ = init_from(build(start.name, len(charset) + 1), start, charset)
    state = {name: value + 1.0 if value.is_floating_point() else value for name, value in net.state_dict().items()}
    between = blended(start, {"charset": charset, "model": state}, 0.25)
    for name, value in between.items():
        if name == "head.fc.weight":
            assert torch.equal(value[-1], state[name][-1])
            assert torch.allclose(value[:-1], start.state[name] + 0.25)
        elif value.is_floating_point() and value.shape == start.state[name].shape:
            assert torch.allclose(value, start.state[name] + 0.25, atol=1e-5), name


def test_where_something_was_lost_less_of_the_way_is_gone(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sets that lost something are read first; the others only where these no longer do."""
    checkpoint = tmp_path / "best.pt"
    write_checkpoint(checkpoint, read_checkpoint(trained))
    sets = [MeasuredSet(name, name == "new", Held(()), {}) for name in ("new", "greek", "thai")]
    asked: list[str] = []

    def changes(some: list[MeasuredSet], *_: object) -> tuple[Change, ...]:
        asked.append(" ".join(each.name for each in some))
        fallen = len(asked) < 3
        return tuple(
            Change(s.name, s.new_data, "cer", 0.2, *((0.1, (-0.2, -0.05)) if s.new_data or not fallen else (0.3, (0.05, 0.2))))
            for s in some
            if s.name != "thai" or len(asked) > 1
        )

    monkeypatch.setattr("inkline.training.finetune.measured_sets", lambda *_: sets)
    monkeypatch.setattr("inkline.training.finetune.settle", lambda *_: None)
    monkeypatch.setattr("inkline.training.finetune.changes_on", changes)
    config = configs.from_dict(read_checkpoint(trained)["config"])
    outcome = compared(config, load_start_weights(str(trained)), checkpoint, ["greek", "thai"], 0.01)
    assert asked == ["new greek thai", "new greek", "new greek", "thai"]
    assert outcome.share == 0.6 and not outcome.lost and (tmp_path / "trained.pt").exists()


@pytest.mark.parametrize(("late", "taken"), [(0.2, "end"), (0.9, "best")])
def test_the_end_of_a_run_counts_unless_it_is_surely_worse(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: float, taken: str
) -> None:
    content = read_checkpoint(trained)
    average = {name: value + 1 if value.is_floating_point() else value for name, value in content["model"].items()}
    best, last = tmp_path / "best.pt", tmp_path / "last.pt"
    write_checkpoint(best, content)
    write_checkpoint(last, {**content, "average": average})
    wrong = iter([np.array([[0.3, 1.0]] * 20), np.array([[late, 1.0]] * 20)])
    monkeypatch.setattr("inkline.training.finetune.measure_parts", lambda *_: {"cer": next(wrong)})
    net, about = load_checkpoint(trained)
    lines = [MeasuredSet("new", True, Held(()), {})]
    settle(best, lines, net, configs.from_dict(content["config"]), about.charset, torch.device("cpu"))
    expected = average if taken == "end" else content["model"]
    for weights in (read_checkpoint(best)["model"], net.state_dict()):
        assert all(torch.equal(weights[name], value) for name, value in expected.items() if value.is_floating_point())


def test_what_a_model_knows_is_asked_by_the_letters_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a script counts, a handful of letters or a part of another script does not; what has no font is told."""

    def families(_: object, script: Script) -> None:
        if script.name == "greek":
            raise DataError("no font")

    monkeypatch.setattr("inkline.training.abilities.families", families)
    han, greek = (SCRIPTS[name].letters for name in ("chinese", "greek"))
    charset = [*SCRIPTS["english"].letters, *"äöüßéè", *han[:6000], *greek[:30], *"0123456789 "]
    assert known_scripts(Config(), charset) == (["english", "chinese"], ["greek"])
    assert known_abilities(Config(), charset) == ("lines:english:300", "lines:chinese:300")
    turned = (
        configs.from_dict({"task": "cls", "data": {"kind": "line"}}),
        configs.from_dict({"task": "cls", "data": {"kind": "page"}}),
    )
    assert [known_abilities(config, ()) for config in turned] == [("lines:english:300",), ("pages:latin:30",)]
    hurried = configs.replace_in_section(Config(), "run", minutes=4.0)
    assert known_abilities(hurried, charset) == ("lines:english:60", "lines:chinese:60")


def test_an_unwarping_net_is_judged_page_by_page() -> None:
    """Its report has a row, so that a worse one is seen."""
    pages = [{"image": np.full((3, 2, 2), i, np.float32), "grid": np.zeros((3, 2, 2), np.float32), "key": ""} for i in (1, 3)]
    source: Any = type("Pages", (), {"__len__": lambda _: 2, "__getitem__": lambda _, at: pages[at.number]})()
    data = TrainingData(lambda epoch, start: iter(()), 0, "", source)
    scores = evaluate_unwarper(torch.nn.Identity(), Config(task="unwarp"), data, torch.device("cpu"))
    assert scores.parts["grid_error"].tolist() == [[1.0, 1.0], [3.0, 1.0]] and scores.values["grid_error"] == 2.0
    worse = change_of("pages", False, "grid_error", scores.parts["grid_error"], scores.parts["grid_error"] + [0.5, 0.0])
    assert worse.fall == pytest.approx(0.5) and worse.is_lost(0.01)


def test_fine_tuning_needs_something_to_judge_by(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give --eval FILE"):
        finetune(str(trained), ["lines:english:10"])
    labels = drawn.lines(tmp_path, 26)
    labels.write_text("".join(f"0.png\t{text}\n" for text in drawn.texts(26)), encoding="utf-8")
    output = f"run.output={tmp_path / 'run'}"
    with pytest.raises(DataError, match="one document cannot be learned from and evaluated on; give --eval FILE"):
        finetune(str(trained), [str(labels)], [output])
    with pytest.raises(UsageError, match="bound=nan: must be from 0 to 1"):
        finetune(str(trained), ["new.txt"], bound=float("nan"))


def test_a_fifth_of_the_data_is_held_out_where_nothing_else_is_given(tmp_path: Path) -> None:
    """Drawn text is learned from whole; of label files that are not short some documents are only evaluated on."""
    labels = drawn.lines(tmp_path, 30)
    ours = configs.replace_in_section(Config(), "run", output=str(tmp_path / "run"))
    (tmp_path / "rec.held.txt").write_text("of somebody else")
    config = configs.replace_in_section(ours, "data", train=("lines:english:10", str(labels)))
    data = with_held_out(config).data
    assert data.train == ("lines:english:10", f"rec:{tmp_path / 'run/parts/rec.learn.txt'}") and len(data.evaluate) == 1
    learned, held = (load_labels("rec", spec.removeprefix("rec:"))[0] for spec in (data.train[1], data.evaluate[0]))
    assert (len(learned), len(held)) == (24, 6) and {s.text for s in (*learned, *held)} == set(drawn.texts(30))
    assert (tmp_path / "rec.held.txt").read_text() == "of somebody else"
    few = str(drawn.lines(tmp_path / "few", 10))
    data = with_held_out(configs.replace_in_section(ours, "data", train=(few,))).data
    assert data.train == (few,) and data.evaluate == (f"rec:{few}",)


def test_a_fifth_of_all_files_together_is_held_out(tmp_path: Path) -> None:
    """Files of one document each are parted between them, by document, and each keeps its ratio."""
    files = []
    for i in range(3):
        folder = tmp_path / str(i)
        texts = drawn.lines(folder, 10, seed=i).read_text().splitlines()
        rows = [dict(zip(("image", "text"), row.split("\t"), strict=True)) | {"doc": "letter"} for row in texts]
        files.append(folder / "labels.jsonl")
        files[-1].write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = configs.replace_in_section(Config(), "data", train=tuple(map(str, files)), ratios=(1.0, 2.0, 3.0))
    data = with_held_out(configs.replace_in_section(config, "run", output=str(tmp_path / "run"))).data
    (held,) = data.evaluate
    number = int(held.removesuffix(".held.jsonl")[-1])
    assert data.ratios == tuple(r for r in (1.0, 2.0, 3.0) if r != number) and len(data.train) == 2
    learned = [load_labels("rec", spec.removeprefix("rec:"))[0] for spec in data.train]
    assert {s.paths[0].split("/")[-2] for samples in learned for s in samples} == {"0", "1", "2"} - {str(number - 1)}
    assert {s.text for s in load_labels("rec", held.removeprefix("rec:"))[0]} == set(drawn.texts(10, number - 1))


def test_a_branch_that_nothing_trains_is_not_made(tmp_path: Path) -> None:
    """From weights without the guide of training: neither in memory nor in the checkpoint, and its loss is off."""
    torch.manual_seed(0)
    start = tmp_path / "start.pt"
    save_checkpoint(
        start,
        build("PP-OCRv4_mobile_rec", 40),
        Description("PP-OCRv4_mobile_rec", 40, (*drawn.CHARSET, "-", "é", " "), partial=True),
    )
    data = drawn.lines(tmp_path / "data", 4)
    overrides = [f"data.evaluate=[{data}]", "data.replay=[]", "run.max_steps=1", f"run.output={tmp_path / 'run'}", *QUICK]
    config, weights = recipe(str(start), [str(data)], overrides)
    assert (config.loss.ctc, config.loss.nrtr) == (1.0, 0.0)
    run_training(config)
    state = read_checkpoint(tmp_path / "run" / "best.pt")["model"]
    assert not any(name.startswith("head.gtc_head") for name in state)
    moved = (
        state["backbone.blocks6.0.pw_conv.conv_kxk.0.conv.weight"]
        != weights.state["backbone.blocks6.0.pw_conv.conv_kxk.0.conv.weight"]
    )
    assert moved.any()  # where there is no guide, CTC trains the backbone
    load_checkpoint(tmp_path / "run" / "best.pt")


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
        "--replay",
        "none",
        "--output",
        tmp_path / "tuned",
        "--export",
        tmp_path / "a.onnx",
    )
    shown = call(finetune_command, "--from", tmp_path / "run/best.pt", *files, "--epochs", 1, "--bound", 1, *quick)
    assert "| set | kind | measure | old | new | change | 95 % |" in shown and "exported to" in shown
    shown = call(eval_rec, tmp_path / "a.onnx", data, "--worst", tmp_path / "worst.png", "--text_recognition_batch_size", 4)
    assert "cer" in shown and "scripts:" in shown and (tmp_path / "worst.png").exists()
    row = json.loads(call(eval_rec, tmp_path / "tuned/best.pt", data, "--json", "--limit", 3))
    assert row["lines"] == 3 and row["model"] == "CRNN_MobileNetV3"
    with pytest.raises(OutputError, match="cannot write this file"):
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
    assert outcome.changes[0].old == published["acc"]
    assert load_checkpoint(outcome.checkpoint)[1].fused
    export_finetuned(outcome, tmp_path / "a.onnx", force=True)
    again = evaluate_set("cls", open_model("cls", str(tmp_path / "a.onnx")), str(data)).scores.values
    assert again["acc"] == outcome.changes[0].new
