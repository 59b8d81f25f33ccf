"""What differs between the tasks: the data, the net's targets, the loss, and how a net is evaluated."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from inkline import metrics
from inkline.errors import UsageError
from inkline.training import losses
from inkline.training.config import Config
from inkline.training.data.batches import collate
from inkline.training.data.sample_sources import SampleIndex
from inkline.training.distillation import TrainingNet
from inkline.training.evaluate import Scores, score_model
from inkline.training.nets.ocr_net import Net
from inkline.training.nets.table import build
from inkline.training.start_weights import init_from, load_start_weights
from inkline.training.torch_engine import evaluated_model
from inkline.training.training_data import TrainingData, keeps_answers, prepare, prepare_unwarp, require_evaluation_data

# parts of a recogniser's head that only guide its training -> the loss that trains them
GUIDES = {"gtc_head": "nrtr", "before_gtc": "nrtr", "sar_head": "sar"}

Outputs = Mapping[str, Tensor]
Batch = Mapping[str, Any]


@dataclass(frozen=True)
class Task:
    """One kind of net. targets: entries of a batch that the net itself is given; metric: highest is best."""

    metric: str
    targets: tuple[str, ...]
    prepare: Callable[[Config, int, int], TrainingData]
    loss: Callable[[Outputs, Batch, Config, TrainingData], dict[str, Tensor]]
    evaluate: Callable[[nn.Module, Config, TrainingData, torch.device], Scores]


def build_training_net(config: Config, data: TrainingData) -> tuple[TrainingNet, str]:
    """The net to train, with its twin, its teacher and itself before the run; and a sentence on what it starts from."""
    student, said = _student(config, data)
    twin = _student(config, data)[0] if config.distill.mutual else None
    teacher = None
    if config.distill.teacher:
        weights = load_start_weights(config.distill.teacher, config.distill.teacher_name)
        if missing := sorted(set(data.charset) - set(weights.charset)):
            raise UsageError(
                f"distill.teacher {config.distill.teacher} does not know {len(missing)} characters of the student "
                f"({' '.join(missing[:8])}); give model.charset without them, or a teacher that knows them"
            )
        if config.distill.decoupled and not any(name.startswith("head.gtc_head.") for name in weights.state):
            raise UsageError(f"distill.decoupled: {config.distill.teacher} has no NRTR branch; give a training checkpoint")
        teacher, _ = init_from(build(weights.name, data.classes), weights, data.charset)
        said += f"; taught by {weights.name}"
    before = None
    if keeps_answers(config):
        if data.start_weights is None or not config.loss.ctc:
            raise UsageError("distill.keep: only for a recogniser with a CTC head that starts from weights (model.start)")
        before = copy.deepcopy(student)
    return TrainingNet(student, twin, teacher, before), said


def has_guide(state: Mapping[str, Any], parts: Iterable[str] = GUIDES) -> bool:
    """Whether weights hold a branch that only guides a recogniser's training."""
    return any(key.startswith(f"head.{part}.") for part in parts for key in state)


def _student(config: Config, data: TrainingData) -> tuple[Net, str]:
    try:
        net = build(config.model.name, data.classes)
    except ValueError as error:
        raise UsageError(f"model.name: {error}") from None
    # a guide that is neither trained nor there already would only take memory
    given = data.start_weights.state if data.start_weights else {}
    for part, weight in GUIDES.items():
        if config.task == "rec" and not getattr(config.loss, weight) and not has_guide(given, (part,)):
            net.get_submodule("head")._modules.pop(part, None)
    return init_from(net, data.start_weights, data.charset) if data.start_weights else (net, "freshly initialised")


def detection_loss(outputs: Outputs, batch: Batch, config: Config, data: TrainingData) -> dict[str, Tensor]:
    """The loss of DB, EAST or SAST, whichever the net is."""
    kind = config.data.kind or "db"
    if kind == "db":
        if "cbn" in outputs:  # as the reference wires the heads of the large detectors of v4 and v5
            outputs = {**outputs, "shrink": outputs["cbn"], "cbn": outputs["binary"]}
        return losses.db_loss(outputs, batch, config.loss.maps, config.loss.auxiliary)
    return {"east": losses.east_loss, "sast": losses.sast_loss}[kind](outputs, batch)


def recognition_loss(outputs: Outputs, batch: Batch, config: Config, data: TrainingData) -> dict[str, Tensor]:
    """The weighted losses of all heads that train (multi-head: CTC beside NRTR or SAR)."""
    loss, parts = config.loss, {}
    if loss.ctc:
        parts["ctc"] = loss.ctc * losses.ctc_loss(outputs["ctc_logits"], batch["ctc"], batch["length"], loss.ctc_focal)
    if loss.nrtr:
        parts["nrtr"] = loss.nrtr * losses.nrtr_loss(outputs["nrtr_logits"], batch["nrtr"], loss.nrtr_smoothing)
    if loss.sar:
        padding = len(data.charset) + 2
        parts["sar"] = loss.sar * losses.sar_loss(outputs["sar_logits"], batch["sar"], padding)
    if loss.attention:
        truth = batch["attention"][:, 1:]
        parts["attention"] = loss.attention * losses.attention_loss(outputs["attention_logits"], truth)
    if loss.srn:
        final, word, context = (outputs[name].flatten(0, 1) for name in ("srn_logits", "word_logits", "gsrm_logits"))
        parts["srn"] = loss.srn * losses.srn_loss(final, word, context, batch["srn"])["loss"]
    return losses.total(parts)


def classification_loss(outputs: Outputs, batch: Batch, config: Config, data: TrainingData) -> dict[str, Tensor]:
    """Cross entropy."""
    return {"loss": losses.class_loss(outputs["logits"], batch["label"], config.loss.label_smoothing)}


def unwarping_loss(outputs: Outputs, batch: Batch, config: Config, data: TrainingData) -> dict[str, Tensor]:
    """Distance of the grid and of the flattened page."""
    return losses.unwarp_loss(outputs["points2d"], batch["image"], batch["grid"], config.loss.image)


def evaluate_net(net: nn.Module, config: Config, data: TrainingData, device: torch.device) -> Scores:
    """Hmean on whole pages, accuracy on whole lines, or top-1 accuracy, through the code that inference uses."""
    source = require_evaluation_data(data, TASKS[config.task].metric)
    model = evaluated_model(net, config, data.charset, device)
    return score_model(config.task, model, source, config.evaluate.batch_size)


@torch.no_grad()
def evaluate_unwarper(net: nn.Module, config: Config, data: TrainingData, device: torch.device) -> Scores:
    """Mean distance of the found grid from the true one; `score` is its negative, as higher is to be better."""
    pages = require_evaluation_data(data, "score")
    indices: Any = [SampleIndex(0, number) for number in range(len(pages))]
    errors: list[float] = []
    for batch in DataLoader(pages, config.evaluate.batch_size, sampler=indices, collate_fn=collate):
        found = net(batch["image"].to(device)).float().cpu()
        errors += (found - batch["grid"]).abs().mean(dim=(1, 2, 3)).tolist()
    mean = sum(errors) / len(errors)
    return Scores({"grid_error": mean, "score": -mean}, parts=metrics.stacked([{"grid_error": (e, 1.0)} for e in errors]))


TASKS = {
    "det": Task("hmean", (), prepare, detection_loss, evaluate_net),
    "rec": Task("acc", ("nrtr", "sar", "attention", "valid_ratio", "old"), prepare, recognition_loss, evaluate_net),
    "cls": Task("acc", (), prepare, classification_loss, evaluate_net),
    "unwarp": Task("score", (), prepare_unwarp, unwarping_loss, evaluate_unwarper),
}
