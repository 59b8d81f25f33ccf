"""What learns from what: a net alone, with a teacher that stays as it is, or with a twin that learns along."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inkline.errors import UsageError
from inkline.training import losses
from inkline.training.config import DistillConfig
from inkline.training.nets.ocr_net import Net, OcrNet

Outputs = Mapping[str, Tensor]
TaskLoss = Callable[[Outputs, Mapping[str, Any]], dict[str, Tensor]]


class TrainingNet(nn.Module):
    """The nets of a run: `student` is the one that is evaluated and kept; the others may be None.

    before: the student as it was before the run; it answers for the lines that targets["old"] (N,) marks, if any.
    forward: image (N, C, H, W) and the targets that heads need -> answers of each net by its name.
    """

    def __init__(self, student: Net, twin: Net | None = None, teacher: Net | None = None, before: Net | None = None) -> None:
        super().__init__()
        self.student, self.twin, self.teacher, self.before = student, twin, teacher, before
        if (twin or teacher) and not all(isinstance(n, OcrNet) for n in (student, twin, teacher) if n is not None):
            raise UsageError("distill: only detectors, recognisers and classifiers can be distilled")
        for fixed in (teacher, before):
            if fixed is not None:
                fixed.requires_grad_(False)

    def train(self, mode: bool = True) -> "TrainingNet":
        super().train(mode)
        for fixed in (self.teacher, self.before):
            if fixed is not None:
                fixed.eval()
        return self

    def forward(self, image: Tensor, targets: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        alone = self.twin is None
        answers = {"student": answer(self.student, image, targets, not alone)}
        if self.twin is not None:
            answers["twin"] = answer(self.twin, image, targets, True)
        if self.teacher is not None:
            with torch.no_grad():
                answers["teacher"] = answer(self.teacher, image, targets, False)
        if self.before is not None and (old := targets["old"].bool()).any():
            with torch.no_grad():
                answers["before"] = {"ctc_logits": self.before.training_outputs(image[old], {})["ctc_logits"]}
        return answers


def answer(net: Net, image: Tensor, targets: Mapping[str, Tensor], features: bool) -> dict[str, Tensor]:
    """A net's outputs for the losses, by name; with `features` also what its head was given."""
    if not features or not isinstance(net, OcrNet):
        return net.training_outputs(image, targets)
    given = net.features(image)
    return {**net.head.training_outputs(given, targets), "features": given if isinstance(given, Tensor) else given[0]}


def training_loss(
    answers: Mapping[str, Outputs], batch: Mapping[str, Any], task_loss: TaskLoss, config: DistillConfig
) -> dict[str, Tensor]:
    """The task's losses of the student, and what it and its twin learn from each other and from the teacher."""
    parts = task_loss(answers["student"], batch)
    if len(answers) == 1:
        return parts
    student, extra = answers["student"], {}
    if "before" in answers:
        extra["kept"] = config.keep * kept_answers(student["ctc_logits"], answers["before"]["ctc_logits"], batch["old"])
    if "twin" in answers:
        twin = answers["twin"]
        extra["twin"] = task_loss(twin, batch)["loss"]
        extra["mutual"] = config.weight * mutual_losses(student, twin)
        if config.features:
            extra["features"] = config.features * losses.feature_loss(student["features"], twin["features"])
    if "teacher" in answers:
        check_teacher(student, answers["teacher"])
        for name in answers.keys() - {"teacher", "before"}:
            extra[f"teacher_{name}"] = config.weight * teacher_losses(answers[name], answers["teacher"], batch)
        if config.decoupled and "nrtr_logits" in student:
            extra["decoupled"] = config.decoupled * _decoupled(student, answers["teacher"], batch["nrtr"])
    return {**parts, **extra, "loss": torch.stack([parts["loss"], *extra.values()]).sum()}


def kept_answers(student: Tensor, before: Tensor, old: Tensor) -> Tensor:
    """How far the old lines of a batch are from what was answered before, summed over the steps, as a mean over all lines.

    student: CTC logits (N, T, C); before: those of the lines alone that `old` (N,) marks.
    """
    which = old.bool()
    return which.float().mean() * student.shape[1] * losses.kl_divergence(student[which], before)


def mutual_losses(one: Outputs, other: Outputs) -> Tensor:
    """Mutual learning over every answer that both nets give: class scores, or a detector's text map."""
    parts = [losses.mutual_loss(one[name], other[name]) for name in _scores(one)]
    if "shrink" in one:
        parts.append(losses.mutual_map_loss(one["shrink"], other["shrink"]))
    return torch.stack(parts).sum()


def teacher_losses(student: Outputs, teacher: Outputs, batch: Mapping[str, Any]) -> Tensor:
    """What the teacher's answers ask of a student: its text map as truth, or its class probabilities."""
    if "shrink" in student:
        shrink, binary, truth = (
            outputs[name][:, 0].float() for outputs, name in ((student, "shrink"), (student, "binary"), (teacher, "shrink"))
        )
        return losses.teacher_map_loss(shrink, binary, truth, batch["shrink_mask"])
    shared = [name for name in _scores(student) if name in teacher]
    return torch.stack([losses.kl_divergence(student[name], teacher[name].detach()) for name in shared]).sum()


def _scores(outputs: Outputs) -> list[str]:
    return [name for name in ("ctc_logits", "attention_logits", "srn_logits", "logits") if name in outputs]


def _decoupled(student: Outputs, teacher: Outputs, ids: Tensor) -> Tensor:
    truth = ids[:, 1 : 1 + student["nrtr_logits"].shape[1]]
    kept = truth != 0
    return losses.decoupled_loss(student["nrtr_logits"][kept], teacher["nrtr_logits"][kept], truth[kept])


def check_teacher(student: Outputs, teacher: Outputs) -> None:
    """UsageError when a teacher's answers do not fit the student's: another charset or another number of steps."""
    for name in _scores(student):
        if name in teacher and teacher[name].shape != student[name].shape:
            raise UsageError(
                f"distill.teacher answers {name} {tuple(teacher[name].shape)}, the student {tuple(student[name].shape)}: "
                "both need the same charset and input size"
            )
