"""Fine-tuning that does not forget: from a published model or a checkpoint, with the old model evaluated beside the new.

The charset only grows at its end, so that every old character keeps its class; the head keeps the old rows. Old material
is mixed in (`replay`), and at the end both models are evaluated on the new data and on what the old one could do before.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from inkline import metrics
from inkline.errors import ModelError, UsageError
from inkline.files import made_folder
from inkline.progress import LogProgress
from inkline.training import config as configs
from inkline.training.abilities import (
    TABLE_HEAD,
    Change,
    MeasuredSet,
    changes_on,
    known_abilities,
    measure_parts,
    measured_sets,
)
from inkline.training.config import Config
from inkline.training.convert import load_checkpoint
from inkline.training.convert.net_checkpoint import load_tensors, read_checkpoint
from inkline.training.data.labels import GENERATED, LoadOptions, kind_of_set, load_labels
from inkline.training.data.survey import hold_out
from inkline.training.distributed import distributed_env
from inkline.training.export import export
from inkline.training.loop import run_training
from inkline.training.nets.ocr_net import TRAINING_ONLY
from inkline.training.run_state import read_run_checkpoint, write_checkpoint
from inkline.training.start_weights import StartWeights, head_surgery, load_start_weights
from inkline.training.synth.scripts import SCRIPTS
from inkline.training.tasks import GUIDES, has_guide
from inkline.training.torch_engine import description

FINETUNE_RATE_SHARE = 0.1  # share of the recipe's learning rate; the weights are good already
SAMPLES_TO_SEE = 4000  # new ones, over all epochs, where the data are few; a recogniser has learned most of them by then
EPOCHS = (5, 40)  # at least and at most
CPU_BATCH = {"rec": 8, "det": 4, "cls": 64}  # samples; larger ones only take memory there
EVALUATIONS = 8  # of a run
REPORT_SHARE = 0.25  # of the minutes of a run, which the report takes
BLENDS = (0.8, 0.6, 0.35)  # shares of the way from the old weights that are tried when the whole way loses something
WARMUP_STEPS = 100  # Adam's first steps move every weight by the whole rate; fewer steps of warm-up spoil what was there
EPOCH_SAMPLES = 300  # new ones, at least: workers that draw and load begin anew each epoch, which takes seconds
MAX_FALLS_NAMED = 4
PARTS_FOLDER = "parts"  # of the output folder: what is learned from and what is held out
MIN_TO_PART = 25  # samples, below which all are learned from, and a recogniser learns more carefully:
FEW_RATE_SHARE, FEW_KEEP = 0.35, 3.0  # of the learning rate, and weight of the answers that it gave before
RECOGNISER = Path(__file__).with_name("finetune_recogniser.yaml")


@dataclass(frozen=True)
class FinetuneResult:
    """How a fine-tuning ended; bound: by how much a measure may fall on what the model could do before."""

    checkpoint: Path
    changes: tuple[Change, ...]
    bound: float
    share: float = 1.0  # of the way from the old weights to the trained ones that the checkpoint went

    @property
    def lost(self) -> tuple[Change, ...]:
        """What surely fell by more than the bound."""
        return tuple(c for c in self.changes if c.is_lost(self.bound))

    @property
    def has_gained(self) -> bool:
        """Whether some measure of the new data rose, and none surely fell."""
        new = [c for c in self.changes if c.new_data]
        return any(c.fall < 0 for c in new) and not any(c.fall > 0 and c.is_sure for c in new)

    def require_kept(self) -> None:
        """ModelError when an old ability fell by more than the bound."""
        if self.lost:
            raise ModelError(
                f"{self.checkpoint}: not exported, worse than before by more than {self.bound}: {self.falls()}; "
                "mix in more old data (--replay_share), train shorter, or export it all the same: this command with --force"
            )

    def falls(self) -> str:
        """The first few of what was lost, in words."""
        named = [f"{c.measure} on {c.name} from {c.old:.4f} to {c.new:.4f}" for c in self.lost[:MAX_FALLS_NAMED]]
        more = f" and {len(self.lost) - MAX_FALLS_NAMED} more" if len(self.lost) > MAX_FALLS_NAMED else ""
        return ", ".join(named) + more

    def table(self) -> str:
        """The changes as Markdown."""
        way = [f"\nThe weights lie at {self.share:g} of the way from the old to the trained ones, which lost less."] * (
            self.share < 1
        )
        return "\n".join([TABLE_HEAD, *(c.row(self.bound) for c in self.changes), *way])


def recipe(model: str, data: Sequence[str], overrides: Sequence[str] = ()) -> tuple[Config, StartWeights]:
    """The configuration for fine-tuning a model, and its weights.

    Of a checkpoint it is the one it was trained with, of a published model the shipped one; with a tenth of its learning
    rate or, for recognisers, what `finetune_recogniser.yaml` says, and without the guides of training that the weights
    lack. overrides: `section.key=value`, applied last; `model.name` among them tells which net an ONNX file holds when the
    file does not.
    """
    named = {key.strip(): value.strip() for key, _, value in (text.partition("=") for text in overrides)}
    start_weights = load_start_weights(model, named.get("model.name", ""))
    tree = read_checkpoint(Path(model)).get("config") if model.endswith(".pt") else None
    tree = tree or configs.read_tree(configs.shipped(f"{start_weights.name}.yaml"))
    before = configs.from_dict(tree, model)
    ours = {
        "model": {"start": model, "name": start_weights.name, "charset": "", "freeze": []},
        "data": {"train": list(data), "evaluate": [], "ratios": [], "replay": []},
        "optimizer": {"learning_rate": before.optimizer.learning_rate * FINETUNE_RATE_SHARE},
        "schedule": {"name": "cosine", "warmup_epochs": 0.0, "warmup_steps": WARMUP_STEPS},
        "evaluate": {"every": 0, "every_steps": 0, "times": EVALUATIONS, "start": 0},
        "distill": {"teacher": "", "mutual": False},
        "run": {"max_steps": 0, "minutes": 0, "output": f"runs/{start_weights.name}-finetuned"},
    }
    tree = configs.merge(tree, ours)
    if before.task == "rec":
        tree = configs.merge(tree, configs.read_tree(RECOGNISER))
        tree["data"]["replay"] = ["auto"]
        tree["data"].setdefault("label_order", start_weights.label_order)
        tree["model"]["freeze"] = lower_half(start_weights)
        if not before.loss.ctc:
            tree["distill"]["keep"] = 0.0
        untrained = {loss: 0.0 for part, loss in GUIDES.items() if not has_guide(start_weights.state, (part,))}
        tree = configs.merge(tree, {"loss": untrained if before.loss.ctc else {}})
    for text in overrides:
        configs.override(tree, text)
    configs.override(tree, f"model.name={start_weights.name}")
    return configs.from_dict(tree, model), start_weights


def with_held_out(config: Config) -> Config:
    """The configuration with a fifth of the documents of all label files to evaluate on, in place of learning from them.

    The parts are written into the output folder. Of a few samples a fifth would tell nothing: all are learned from, and
    evaluated on though the net has seen them.
    """
    options = _load_options(config)
    sets = {spec: kind_of_set(spec, config.task) for spec in config.data.train if kind_of_set(spec)[0] not in GENERATED}
    if not sets:
        raise UsageError(
            "fine-tuning needs data to evaluate on: give --eval FILE (data.evaluate), apart from the training data"
        )
    count = sum(len(load_labels(kind, file, options)[0]) for kind, file in sets.values())
    if count < MIN_TO_PART:
        LogProgress().say(f"no --eval, and {count} samples are too few to part: the report is on what was learned from")
        return configs.replace_in_section(config, "data", evaluate=tuple(f"{kind}:{file}" for kind, file in sets.values()))
    files = hold_out(list(sets.values()), Path(config.run.output) / PARTS_FOLDER, options)
    parts = {
        spec: {name: f"{kind}:{path}" for name, path in of_set.items()}
        for (spec, (kind, _)), of_set in zip(sets.items(), files, strict=True)
    }
    held = tuple(part["held"] for part in parts.values() if "held" in part)
    LogProgress().say(f"no --eval: a fifth is not learned from, but evaluated on: {', '.join(held)}")
    return configs.replace_in_section(_learning_from(config, parts), "data", evaluate=held)


def _learning_from(config: Config, parts: Mapping[str, Mapping[str, str]]) -> Config:
    """The configuration with the part `learn` of each set that was parted, in its place and with its ratio.

    A set of which all was held out is left out.
    """
    learned = [parts[spec].get("learn", "") if spec in parts else spec for spec in config.data.train]
    ratios = config.data.ratios
    if len(ratios) == len(learned):
        ratios = tuple(compress(ratios, learned))
    return configs.replace_in_section(config, "data", train=tuple(filter(None, learned)), ratios=ratios)


def lower_half(start_weights: StartWeights) -> list[str]:
    """Names of the first half of a backbone's blocks: strokes look alike in all scripts, and half the work is spared."""
    blocks = dict.fromkeys(".".join(name.split(".")[:3]) + "." for name in start_weights.state if name.startswith("backbone."))
    return list(blocks)[: len(blocks) // 2]


def fitted(config: Config, overrides: Sequence[str]) -> Config:
    """The configuration with a batch and epochs that fit the data and the machine, where the overrides say nothing of them."""
    count = sample_count(config)
    largest = CPU_BATCH.get(config.task, config.data.batch_size)
    on_cpu = distributed_env(config.run.device).device.type == "cpu"
    batch = min(config.data.batch_size, max(2, count // 4), largest if on_cpu else config.data.batch_size)
    epochs = max(EPOCHS[0], min(EPOCHS[1], SAMPLES_TO_SEE // count))
    if config.run.minutes:  # the report has to fit, too; and the time ends the run, not the data
        minutes = config.run.minutes * (1 - REPORT_SHARE)
        config = configs.replace_in_section(config, "run", minutes=minutes)
    given = [text.partition("=")[0].strip() for text in overrides]
    values: list[tuple[str, str, Any]] = [("data", "batch_size", batch)]
    if count < MIN_TO_PART and config.distill.keep:  # the few would be learned by heart, and more forgotten
        values += [
            ("optimizer", "learning_rate", config.optimizer.learning_rate * FEW_RATE_SHARE),
            ("distill", "keep", FEW_KEEP),
        ]
    if "run.epochs" not in given:
        repeats = 1 if "data.ratios" in given else -(-min(EPOCH_SAMPLES, count * epochs) // count)
        values += [("run", "epochs", -(-epochs // repeats))]
        values += [("data", "ratios", (float(repeats),) * len(config.data.train))] * (repeats > 1)
    for section, key, value in values:
        if f"{section}.{key}" not in given:
            config = configs.replace_in_section(config, section, **{key: value})
    return config


def sample_count(config: Config) -> int:
    """How many samples an epoch takes of the new data."""
    total = 0
    for spec in config.data.train:
        kind, rest = kind_of_set(spec, config.task)
        if kind in GENERATED:
            count = rest.rpartition(":")[2]
            total += int(count) if count.isdigit() else 0
        else:
            total += len(load_labels(kind, rest, _load_options(config))[0])
    return max(total, 1)


def _load_options(config: Config) -> LoadOptions:
    """How the label files of a configuration are read before its charset is known: any character may be in them."""
    return LoadOptions(config.data.root, labels=tuple(map(str, config.model.labels)))


def finetune(
    model: str,
    data: Sequence[str],
    overrides: Sequence[str] = (),
    general: Sequence[str] = (),
    bound: float = 0.01,
    resume: bool = False,
    force: bool = False,
) -> FinetuneResult | None:
    """Fine-tune `model` (a zoo name, ONNX file or folder, or checkpoint) on `data`, and evaluate old and new model.

    data: label files or generated text, as `data.train`; set `data.evaluate` and `data.replay` by overrides; without the
    former a fifth of the documents is held out. general: sets of what the model could do before; empty: generated text of
    the scripts it knows. A recogniser's charset is extended by the labels' new characters, unless `model.charset` is
    overridden. The report is written to the output folder as report.md and report.json. force: a run that is finished
    already is reported as it is. Under torchrun only rank 0 evaluates; the others get None.
    """
    if not 0 <= bound <= 1:
        raise UsageError(f"bound={bound}: must be from 0 to 1")
    config, start_weights = recipe(model, data, overrides)
    if not config.data.evaluate:
        config = with_held_out(config)
    output = Path(config.run.output)
    if force and (done := finished(config, bound)):
        return done
    env = distributed_env(config.run.device)
    general = tuple(general) or known_abilities(config, start_weights.charset, say=env.is_main)
    config = with_replay_and_charset(fitted(config, overrides), start_weights)
    result = run_training(config, resume)
    if not env.is_main:
        return None
    outcome = compared(config, start_weights, result.output / "best.pt", general, bound)
    (output / "report.md").write_text(outcome.table() + "\n", encoding="utf-8")
    report = {"share": outcome.share, "changes": [dataclasses.asdict(c) for c in outcome.changes]}
    (output / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")
    return outcome


def compared(
    config: Config, start_weights: StartWeights, checkpoint: Path, general: Sequence[str], bound: float
) -> FinetuneResult:
    """The old and the new model side by side; where the new one lost something, weights between the two that did not, if any.

    Between the weights of a model and those fine-tuned from it lie some that keep most of what both can (Wortsman et al. 2022,
    "Robust fine-tuning of zero-shot models"). They replace the checkpoint; the trained ones are kept beside it as trained.pt.
    """
    device = distributed_env(config.run.device).device
    LogProgress().say(f"comparing the old and the new model on {len(config.data.evaluate) + len(general)} sets")
    net, about = load_checkpoint(checkpoint)
    sets = measured_sets(config, start_weights, about.charset, general, device)
    if config.task == "rec":
        settle(checkpoint, [each for each in sets if each.new_data], net, config, about.charset, device)
    whole = FinetuneResult(checkpoint, changes_on(sets, net, config, about.charset, device), bound)
    if not whole.lost or config.task != "rec":
        return whole
    return between_weights(start_weights, whole, sets, lambda some: changes_on(some, net, config, about.charset, device), net)


def between_weights(
    start_weights: StartWeights,
    whole: FinetuneResult,
    sets: Sequence[MeasuredSet],
    measure: Callable[[Sequence[MeasuredSet]], tuple[Change, ...]],
    net: nn.Module,
) -> FinetuneResult:
    """The first of the weights between the old and the trained ones that lose nothing, as the checkpoint; else `whole`.

    measure: what a set of `sets` says of the weights that are in `net`.
    """
    checkpoint = whole.checkpoint
    trained, latest = read_checkpoint(checkpoint), whole
    # Where something was lost comes first: the other sets need not be read when it still is.
    doubtful = {change.name for change in whole.changes if change.new_data}
    for share in BLENDS:
        LogProgress().say(f"lost: {latest.falls()}; trying weights at {share} of the way from the old ones")
        content = {**trained, "model": blended(start_weights, trained, share)}
        load_tensors(net, content["model"], TRAINING_ONLY)
        doubtful |= {change.name for change in latest.lost}
        latest = FinetuneResult(checkpoint, measure([each for each in sets if each.name in doubtful]), whole.bound, share)
        if latest.lost:
            continue
        others = measure([each for each in sets if each.name not in doubtful])
        latest = dataclasses.replace(latest, changes=latest.changes + others)
        if latest.lost:
            continue
        if not latest.has_gained:
            break
        write_checkpoint(checkpoint.with_name("trained.pt"), trained)
        write_checkpoint(checkpoint, content)
        return latest
    return whole


def settle(
    checkpoint: Path, sets: Sequence[MeasuredSet], net: nn.Module, config: Config, charset: Sequence[str], device: torch.device
) -> None:
    """Give net and checkpoint the weights of the run's end, unless earlier ones read the new data surely better.

    Of several evaluations on few lines the best is best by chance; at the end the learning rate is down and less is forgotten.
    """
    last = read_checkpoint(checkpoint.with_name("last.pt"))
    if not last.get("average"):
        return

    def wrong() -> np.ndarray:
        return np.concatenate([measure_parts(net, config, charset, each.source, device)["cer"] for each in sets])

    best, before = read_checkpoint(checkpoint), wrong()
    load_tensors(net, last["average"], TRAINING_ONLY)
    if metrics.change_interval(before, wrong())[0] > 0:
        load_tensors(net, best["model"], TRAINING_ONLY)
    else:
        write_checkpoint(checkpoint, {**best, "model": last["average"], "progress": last["progress"]})


def blended(start_weights: StartWeights, trained: Mapping[str, Any], share: float) -> dict[str, Tensor]:
    """The weights at `share` of the way from the old ones to those of a checkpoint; rows of new characters as trained."""
    charset, weights = trained["charset"], dict(trained["model"])
    old = head_surgery(start_weights.state, weights, start_weights.charset, charset, between=False)
    for name, weight in weights.items():
        start = old.get(name, start_weights.state.get(name))
        if start is not None and weight.is_floating_point():
            weights[name] = start.lerp(weight, share)
    return weights


def with_replay_and_charset(config: Config, start_weights: StartWeights) -> Config:
    """The configuration with drawn text to replay where that is `auto`, and the charset that the labels extend."""
    if config.data.replay == ("auto",):
        config = configs.replace_in_section(config, "data", replay=known_abilities(config, start_weights.charset))
    if config.task != "rec" or config.model.charset:
        return config
    path = made_folder(Path(config.run.output)) / "charset.txt"
    path.write_text("".join(c + "\n" for c in extended(start_weights.charset, characters(config))), encoding="utf-8")
    return configs.replace_in_section(config, "model", charset=str(path), space=False)


def finished(config: Config, bound: float) -> FinetuneResult | None:
    """The outcome of a run of the same model and data that lies in the output folder, None where there is none."""
    output = Path(config.run.output)
    if not all((output / name).is_file() for name in ("report.json", "best.pt", "config.yaml")):
        return None
    then = configs.load_config(output / "config.yaml")
    if (then.model.start, then.data.train, then.data.evaluate) != (config.model.start, config.data.train, config.data.evaluate):
        return None
    report: dict[str, Any] = json.loads((output / "report.json").read_text(encoding="utf-8"))
    changes = tuple(Change(**row | {"interval": tuple(row["interval"])}) for row in report["changes"])
    return FinetuneResult(output / "best.pt", changes, bound, report["share"])


def characters(config: Config) -> set[str]:
    """Every character of the training labels; of generated text, the letters, digits and marks of its script."""
    found: set[str] = set()
    for spec in config.data.train:
        kind, rest = kind_of_set(spec, "rec")
        if kind == "lines":
            script = SCRIPTS.get(rest.partition(":")[0])
            found.update(config.lines.charset or (script.letters + script.digits + script.marks if script else ""))
            continue
        samples, _ = load_labels("rec", rest, LoadOptions(config.data.root, lower=config.data.lower))
        found.update(c for sample in samples for c in sample.text)
    return found


def extended(old: Sequence[str], found: set[str]) -> tuple[str, ...]:
    """The old charset with the new characters behind it, in code point order: no old class moves.

    But where the space is listed twice, one class is left for it; its weights are those of the one that was trained.
    """
    return (*dict.fromkeys(old), *sorted(found - set(old)))


def export_finetuned(outcome: FinetuneResult, path: Path, force: bool = False) -> None:
    """Write the new model as one ONNX file; ModelError when an old ability was lost, unless forced."""
    if not force:
        outcome.require_kept()
    export_checkpoint(outcome.checkpoint, path)


def export_checkpoint(source: Path, path: Path) -> float:
    """Write the net of a checkpoint as one self-describing ONNX file; returns its deviation from torch."""
    config = configs.from_dict(read_run_checkpoint(source)["config"], str(source))
    net, about = load_checkpoint(source)
    return export(net, path, description(config, about.charset))
