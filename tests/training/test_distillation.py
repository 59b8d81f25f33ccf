"""What nets learn from each other: which losses are added, and teachers that do not fit."""

from pathlib import Path

import drawn
import pytest
import torch
from torch import Tensor

from inkline.errors import UsageError
from inkline.training import config as configs
from inkline.training.config import DistillConfig
from inkline.training.distillation import TrainingNet, training_loss
from inkline.training.loop import run_training
from inkline.training.nets.table import build


def plain(outputs, batch) -> dict[str, Tensor]:  # type: ignore[no-untyped-def]
    return {"loss": outputs["ctc_logits"].sum() * 0 + 1.0}


def logits(seed: int, classes: int = 7) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "ctc_logits": torch.randn(2, 5, classes, generator=generator),
        "nrtr_logits": torch.randn(2, 4, classes + 4, generator=generator),
        "features": torch.randn(2, 3, generator=generator),
    }


BATCH = {"nrtr": torch.tensor([[2, 4, 5, 3, 0], [2, 6, 3, 0, 0]])}


def test_alone_nothing_is_added() -> None:
    assert training_loss({"student": logits(0)}, BATCH, plain, DistillConfig()).keys() == {"loss"}


def test_twins_learn_from_each_other() -> None:
    answers = {"student": logits(0), "twin": logits(1)}
    parts = training_loss(answers, BATCH, plain, DistillConfig(mutual=True, weight=0.5, features=2.0))
    assert parts.keys() == {"loss", "twin", "mutual", "features"}
    assert parts["loss"].item() == pytest.approx(sum(v.item() for k, v in parts.items() if k != "loss") + 1)
    same = training_loss({"student": logits(0), "twin": logits(0)}, BATCH, plain, DistillConfig(features=1.0))
    assert same["mutual"].item() == pytest.approx(0, abs=1e-6) and same["features"].item() == 0


def test_a_teacher_is_followed_by_both_twins() -> None:
    answers = {"student": logits(0), "twin": logits(1), "teacher": logits(2)}
    parts = training_loss(answers, BATCH, plain, DistillConfig(decoupled=1.0))
    assert {"teacher_student", "teacher_twin", "mutual", "decoupled"} <= parts.keys()


def test_old_lines_keep_their_answers() -> None:
    """What is learned beside the labels: old lines are to be answered as before; new ones have no part in it."""
    student = torch.stack([logits(0)["ctc_logits"][0], logits(1)["ctc_logits"][0]]).requires_grad_()
    same, moved = student.detach()[1:], logits(2)["ctc_logits"][:1]
    batch = {"old": torch.tensor([0, 1])}
    answers = {"student": {"ctc_logits": student}, "before": {"ctc_logits": same}}
    parts = training_loss(answers, batch, plain, DistillConfig(keep=1.0))
    assert parts["loss"].item() == pytest.approx(1) and parts["kept"].item() == pytest.approx(0, abs=1e-6)
    parts = training_loss({**answers, "before": {"ctc_logits": moved}}, batch, plain, DistillConfig(keep=2.0))
    ours, theirs = (x.log_softmax(dim=-1) for x in (same, moved))
    distance = (theirs.exp() * (theirs - ours)).sum().item()
    assert parts["kept"].item() == pytest.approx(2 * distance / 2, rel=1e-5)
    assert parts["loss"].item() == pytest.approx(1 + parts["kept"].item())
    parts["kept"].backward()
    assert student.grad is not None and student.grad[0].abs().sum() == 0 and student.grad[1].abs().sum() > 0


def test_a_teacher_with_other_classes_is_refused() -> None:
    answers = {"student": logits(0), "teacher": logits(1, classes=9)}
    with pytest.raises(UsageError, match="both need the same charset and input size"):
        training_loss(answers, BATCH, plain, DistillConfig())


def test_the_teacher_stays_as_it_is() -> None:
    course = TrainingNet(build("CRNN_MobileNetV3", 7), teacher=build("CRNN_MobileNetV3", 7)).train()
    assert course.student.training and not course.teacher.training
    answers = course(torch.rand(2, 3, 32, 64), {})
    assert answers.keys() == {"student", "teacher"} and not answers["teacher"]["ctc_logits"].requires_grad
    with pytest.raises(UsageError, match="only detectors, recognisers and classifiers"):
        TrainingNet(build("UVDoc"), twin=build("UVDoc"))


def test_teachers_that_cannot_teach(tmp_path: Path) -> None:
    data = drawn.lines(tmp_path / "data", 4)
    quick = [f"data.train=[{data}]", "data.workers=0", "data.batch_size=2", "evaluate.every=0", "run.max_steps=1"]
    quick += ["run.threads=1", "run.tensorboard=false"]
    recipe = configs.find_config("CRNN_MobileNetV3")
    teacher = run_training(configs.load_config(recipe, [*quick, f"run.output={tmp_path / 'teacher'}"])).output / "best.pt"
    taught = [*quick, f"distill.teacher={teacher}", f"run.output={tmp_path / 'run'}"]
    with pytest.raises(UsageError, match="has no NRTR branch"):
        run_training(configs.load_config(recipe, [*taught, "distill.decoupled=1"]))
    chars = tmp_path / "chars.txt"
    chars.write_text("".join(f"{c}\n" for c in (*drawn.CHARSET, "é")))
    with pytest.raises(UsageError, match=r"does not know 1 characters of the student \(é\)"):
        run_training(configs.load_config(recipe, [*taught, f"model.charset={chars}", "model.space=false"]))
    # one that knows them in another order can
    chars.write_text("".join(f"{c}\n" for c in reversed(drawn.CHARSET)))
    assert run_training(configs.load_config(recipe, [*taught, f"model.charset={chars}", "model.space=false"])).steps == 1
