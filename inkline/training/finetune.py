"""Fine-tuning that does not forget: from a published model or a checkpoint, with the old model evaluated beside the new.

The charset only grows at its end, so that every old character keeps its class; the head keeps the old rows. Old material
is mixed in (`replay`), and at the end both models are evaluated on the new data and on what the old one could do before.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inkline.errors import DataError, ModelError, UsageError
from inkline.training import config as configs
from inkline.training.config import Config
from inkline.training.convert import load_checkpoint
from inkline.training.convert.net_checkpoint import read_checkpoint
from inkline.training.data.labels import LoadOptions, load_labels
from inkline.training.distributed import distributed_env
from inkline.training.export import export
from inkline.training.loop import TrainResult, run_training
from inkline.training.run_state import read_run_checkpoint
from inkline.training.start_weights import StartWeights, load_start_weights
from inkline.training.synth.scripts import SCRIPTS
from inkline.training.tasks import TASKS
from inkline.training.torch_engine import description
from inkline.training.training_data import TrainingData, open_source

FINETUNE_RATE_SHARE = 0.1  # share of the recipe's learning rate; the weights are good already
FINETUNE_EPOCHS = 20
MIN_KNOWN_LETTERS_SHARE = 0.9  # a script counts as known to a model when its charset holds this share of its letters
SAMPLES_PER_KNOWN_SCRIPT = 200  # generated, to measure an old ability by, when no set is given


@dataclass(frozen=True)
class Change:
    """One set, and the task's metric of the old and of the new model on it. new_data: or what could be done before."""

    name: str
    new_data: bool
    metric: str
    old: float
    new: float
    details: tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class FinetuneResult:
    """How a fine-tuning ended; `lost`: abilities of before that fell by more than the bound."""

    result: TrainResult
    checkpoint: Path
    changes: tuple[Change, ...]
    lost: tuple[Change, ...]
    bound: float

    def require_kept(self) -> None:
        """ModelError when an old ability fell by more than the bound."""
        if self.lost:
            fell = ", ".join(f"{c.name} from {c.old:.4f} to {c.new:.4f}" for c in self.lost)
            raise ModelError(
                f"{self.checkpoint}: not exported, {self.lost[0].metric} fell on {fell}, by more than {self.bound}; "
                "mix in more old data (--replay), train shorter, or export all the same with --force"
            )

    def table(self) -> str:
        """The changes as Markdown."""
        rows = ["| set | kind | measure | old | new | change |", "|---|---|---|---|---|---|"]
        for c in self.changes:
            kind = "new" if c.new_data else "before"
            mark = " (lost)" if c in self.lost else ""
            rows.append(f"| {c.name} | {kind} | {c.metric} | {c.old:.4f} | {c.new:.4f} | {c.new - c.old:+.4f}{mark} |")
        return "\n".join(rows)


def recipe(model: str, data: Sequence[str], overrides: Sequence[str] = ()) -> tuple[Config, StartWeights]:
    """The configuration for fine-tuning a model, and its weights.

    Of a checkpoint it is the one it was trained with, of a published model the shipped one; with a tenth of its learning
    rate, half an epoch of warm-up and 20 epochs. overrides: `section.key=value`, applied last; `model.name` among
    them tells which net an ONNX file holds when the file does not.
    """
    named = {key.strip(): value.strip() for key, _, value in (text.partition("=") for text in overrides)}
    start_weights = load_start_weights(model, named.get("model.name", ""))
    tree = read_checkpoint(Path(model)).get("config") if model.endswith(".pt") else None
    tree = tree or configs.read_tree(configs.shipped(f"{start_weights.name}.yaml"))
    rate = configs.from_dict(tree).optimizer.learning_rate * FINETUNE_RATE_SHARE
    ours = {
        "model": {"start": model, "name": start_weights.name, "charset": "", "freeze": []},
        "data": {"train": list(data), "evaluate": [], "ratios": [], "replay": []},
        "optimizer": {"learning_rate": rate},
        "schedule": {"name": "cosine", "warmup_epochs": 0.5, "warmup_steps": 0},
        "evaluate": {"every": 1, "start": 0},
        "distill": {"teacher": "", "mutual": False},
        "run": {"epochs": FINETUNE_EPOCHS, "max_steps": 0, "output": f"runs/{start_weights.name}-finetuned"},
    }
    tree = configs.merge(tree, ours)
    for text in overrides:
        configs.override(tree, text)
    configs.override(tree, f"model.name={start_weights.name}")
    return configs.from_dict(tree, model), start_weights


def finetune(
    model: str,
    data: Sequence[str],
    overrides: Sequence[str] = (),
    general: Sequence[str] = (),
    bound: float = 0.01,
    resume: bool = False,
) -> FinetuneResult | None:
    """Fine-tune `model` (a zoo name, ONNX file or folder, or checkpoint) on `data`, and evaluate old and new model.

    data: label files or generated text, as `data.train`; set `data.evaluate` and `data.replay` by overrides. general:
    sets of what the model could do before; empty: generated text of the scripts it knows. A recogniser's charset is
    extended by the labels' new characters, unless `model.charset` is overridden. The report is written to the output
    folder as report.md and report.json. Under torchrun only rank 0 evaluates; the others get None.
    """
    config, start_weights = recipe(model, data, overrides)
    if not config.data.evaluate:
        raise UsageError(
            "fine-tuning needs data to evaluate on: give --eval FILE (data.evaluate), apart from the training data"
        )
    output = Path(config.run.output)
    general = tuple(general) or known_abilities(config, start_weights)
    if config.data.replay == ("auto",):
        config = configs.replace_in_section(config, "data", replay=known_abilities(config, start_weights))
    if config.task == "rec" and not config.model.charset:
        output.mkdir(parents=True, exist_ok=True)
        charset = extended(start_weights.charset, characters(config))
        (output / "charset.txt").write_text("".join(c + "\n" for c in charset), encoding="utf-8")
        config = configs.replace_in_section(config, "model", charset=str(output / "charset.txt"), space=False)
    result = run_training(config, resume)
    env = distributed_env(config.run.device)
    return compare_models(config, start_weights, result, general, bound, env.device) if env.is_main else None


def characters(config: Config) -> set[str]:
    """Every character of the training labels; of generated text, the letters, digits and marks of its script."""
    found: set[str] = set()
    for spec in config.data.train:
        kind, _, rest = spec.partition(":")
        if kind == "lines":
            script = SCRIPTS.get(rest.partition(":")[0])
            found.update(config.lines.charset or (script.letters + script.digits + script.marks if script else ""))
            continue
        samples, _ = load_labels("rec", spec, LoadOptions(config.data.root, lower=config.data.lower))
        found.update(c for sample in samples for c in sample.text)
    return found


def extended(old: Sequence[str], found: set[str]) -> tuple[str, ...]:
    """The old charset with the new characters behind it, in code point order: no old class moves.

    But where the space is listed twice, one class is left for it; its weights are those of the one that was trained.
    """
    return (*dict.fromkeys(old), *sorted(found - set(old)))


def known_abilities(config: Config, start_weights: StartWeights) -> tuple[str, ...]:
    """Generated sets of what a model could do before: for recognisers, lines of each script its charset covers."""
    if config.task == "det":
        return (f"pages:latin:{SAMPLES_PER_KNOWN_SCRIPT // 10}",)
    if config.task != "rec":
        return (f"lines:latin:{SAMPLES_PER_KNOWN_SCRIPT}",)
    have = set(start_weights.charset)
    known = [s.name for s in SCRIPTS.values() if have.issuperset(s.probe) and share(s.letters, have) >= MIN_KNOWN_LETTERS_SHARE]
    return tuple(f"lines:{name}:{SAMPLES_PER_KNOWN_SCRIPT}" for name in known or ["english"])


def share(letters: str, have: set[str]) -> float:
    return sum(c in have for c in letters) / max(len(letters), 1)


def compare_models(
    config: Config,
    start_weights: StartWeights,
    result: TrainResult,
    general: Sequence[str],
    bound: float,
    device: torch.device,
) -> FinetuneResult:
    """Evaluate the old and the new model on every set, and write the report."""
    path = result.output / "best.pt"
    old = start_weights.net()
    new, about = load_checkpoint(path)
    changes = []
    for spec, is_new in [*((s, True) for s in config.data.evaluate), *((s, False) for s in general)]:
        before = model_scores(old, config, start_weights.charset, spec, device)
        after = model_scores(new, config, about.charset, spec, device)
        if before is None or after is None:
            continue
        metric = config.evaluate.metric or TASKS[config.task].metric
        changes.append(Change(spec, is_new, metric, before[metric], after[metric], (before, after)))
    lost = tuple(c for c in changes if not c.new_data and c.new < c.old - bound)
    outcome = FinetuneResult(result, path, tuple(changes), lost, bound)
    (result.output / "report.md").write_text(outcome.table() + "\n", encoding="utf-8")
    rows = [dataclasses.asdict(c) for c in changes]
    (result.output / "report.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    return outcome


def model_scores(
    net: nn.Module, config: Config, charset: Sequence[str], spec: str, device: torch.device
) -> dict[str, Any] | None:
    """The measures of a net on one set; None for generated text that no font here draws."""
    net = net.to(device).eval()
    task = TASKS[config.task]
    if spec.startswith("lines:"):  # only what both models could know is asked, so the text is drawn from any character
        config = dataclasses.replace(config, lines=dataclasses.replace(config.lines, charset=()))
    try:
        source, _ = open_source(spec, config, (), held_out=True)
        source.load(0, 0)
    except DataError:
        if spec.startswith(("lines:", "pages:")):
            return None
        raise
    data = TrainingData(lambda epoch, start: iter(()), 0, "", source, tuple(charset))
    return task.evaluate(net, config, data, device).values


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
