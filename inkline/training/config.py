"""What a training run is: frozen dataclasses, read from YAML, with single values overridden by `section.key=value`.

A file may name another one as its `base` (a path relative to itself); what the file says itself wins. The dataclasses
are the only home of the defaults. The resolved configuration is written beside the checkpoints and reads back as it is.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints

import yaml

from inkline.errors import UsageError, near
from inkline.flat import check_bounds, check_value
from inkline.options import DetectOptions
from inkline.training.data.augment_crops import ClsAugment, RecAugment
from inkline.training.data.augment_pages import DetAugment
from inkline.training.data.target_maps import MapOptions
from inkline.training.synth.synth_options import LineOptions, PageOptions


@dataclass(frozen=True)
class ModelConfig:
    """Which net, and from what it starts.

    name: a published net (`inkline.training.nets.table.NETS`). charset: file with one character per line, for recognisers,
    from the working folder or, if it is not there, beside the shipped configurations; empty: that of `start`.
    space: the charset ends with a space. labels: what a classifier's classes mean, in degrees.
    start: an ONNX file, a model of the zoo or a checkpoint whose weights are taken; empty: freshly initialised.
    freeze: parameters whose names begin with one of these do not change.
    """

    name: str = ""
    charset: str = ""
    space: bool = True
    labels: tuple[int, ...] = (0, 180)
    start: str = ""
    freeze: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataConfig:
    """What the net learns from and is evaluated on, and how it becomes the net's input.

    train, evaluate: label files, LMDB or folders with labels.jsonl, and generated text: `lines:SCRIPT:COUNT`,
    `pages:SCRIPT:COUNT` (COUNT samples per epoch). A classifier may also learn from upright lines or pages:
    `rec:FILE`, `det:FILE`, which are turned at random. ratios: share of each `train` entry that an epoch takes (0.3: a
    third each epoch, 2: everything twice); empty: 1 each. replay: more of the same, mixed in so that they make
    `replay_share` of an epoch. root: folder the image paths start from; empty: each label file's own. strict: any
    unusable sample is an error. workers: processes that prepare batches; 0: none beside the training itself, -1: one
    for each processor but one, shared by the processes of torchrun.
    kind: db, east or sast for detectors; line, part, page, tile or angle for classifiers. every_turn: a classifier sees each
    sample of a batch in every turn, so that batches are as many times larger (0/180, or square input).
    height, width: the net's input in pixels; width 0: lines are as wide as the widest of their batch, at most
    max_width. heights: line heights drawn from for each batch (multi-scale training). by_area: batches of wide lines
    hold fewer. group: lines of like width share a batch. stretch: lines are not kept in shape.
    width_scale: lines are fed at this share of their width, above 1 wider; to be read so, too (text_rec_width_scale).
    stride: pixels a column of a CTC net; lines get as many columns as their label needs; 0: no such rule.
    max_text_length: the longest label that fixed-length decoders hold; longer lines are left out. lower: labels are
    learned in lower case. label_order: of vowel signs that stand left of their letter; a net that was taught them as they are
    seen says so in its file (`inkline.recognition.vowel_order`).
    """

    train: tuple[str, ...] = ()
    ratios: tuple[float, ...] = ()
    evaluate: tuple[str, ...] = ()
    replay: tuple[str, ...] = ()
    replay_share: float = 0.5
    root: str = ""
    strict: bool = False
    workers: int = -1
    batch_size: int = 16
    kind: str = ""
    every_turn: bool = False
    height: int = 48
    width: int = 320
    max_width: int = 3200
    heights: tuple[int, ...] = ()
    by_area: bool = False
    group: bool = False
    stretch: bool = False
    width_scale: float = 1.0
    stride: int = 8
    max_text_length: int = 25
    lower: bool = False
    label_order: Literal["stored", "seen"] = "stored"


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentations by task; `maps` are the rules of a DB detector's target maps."""

    det: DetAugment = field(default_factory=DetAugment)
    maps: MapOptions = field(default_factory=MapOptions)
    rec: RecAugment = field(default_factory=RecAugment)
    cls: ClsAugment = field(default_factory=ClsAugment)


@dataclass(frozen=True)
class OptimizerConfig:
    """adam adds weight_decay * weight to the gradient (L2, as the reference does), adamw takes it from the weight.

    eps: of both; gradients far below it move nothing, so that rows of characters that are not in the data stay as they are.
    clip_norm: gradients are scaled down to this norm; 0: never. decay_norms: weight_decay also applies to biases and
    normalisation weights.
    """

    name: Literal["adam", "adamw", "momentum"] = "adam"
    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8
    momentum: float = 0.9
    weight_decay: float = 0.0
    decay_norms: bool = True
    clip_norm: float = 0.0


@dataclass(frozen=True)
class ScheduleConfig:
    """Learning rate by step: a linear rise over the warm-up, then the named curve.

    cosine: down to `final` times the rate at the last step. piecewise: times `factor` at each of the `milestones`,
    given as shares of the run, 0..1. warmup_steps count when above zero, else warmup_epochs.
    """

    name: Literal["cosine", "piecewise", "constant"] = "cosine"
    warmup_epochs: float = 0.0
    warmup_steps: int = 0
    milestones: tuple[float, ...] = (0.7, 0.9)
    factor: float = 0.1
    final: float = 0.0


@dataclass(frozen=True)
class LossConfig:
    """Weights and kinds of the losses; each task reads its own.

    maps: loss of a DB detector's text maps; auxiliary: weights of the extra heads of PP-OCRv6 (p4, p3, p2).
    ctc, nrtr, sar, attention, srn: weight of each head of a recogniser; 0: not trained. ctc_focal: focal CTC.
    nrtr_smoothing, label_smoothing: label smoothing of the NRTR branch and of classifiers.
    image: weight of the unwarped page beside its grid.
    """

    maps: Literal["dice", "dice_focal", "bce", "l1"] = "dice"
    auxiliary: Mapping[str, float] = field(default_factory=dict)
    ctc: float = 0.0
    nrtr: float = 0.0
    sar: float = 0.0
    attention: float = 0.0
    srn: float = 0.0
    ctc_focal: bool = False
    nrtr_smoothing: float = 0.1
    label_smoothing: float = 0.0
    image: float = 1.0


@dataclass(frozen=True)
class DistillConfig:
    """Learning from other nets beside the labels.

    teacher: checkpoint, ONNX file or zoo model that does not change; teacher_name: its net, when the file does not say.
    mutual: a second student of the same net learns along, each from the other (DML; with a teacher for detectors: CML).
    weight: of the teacher's or twin's answers; features: of equal features between the twins (U-DML);
    decoupled: the teacher's NRTR branch is followed by decoupled distillation (DKD) with this weight.
    keep: on replayed lines a CTC net learns, with this weight, to answer as it did before the run, beside their labels
    ("Learning without forgetting", Li and Hoiem 2016); 0: their labels alone.
    """

    teacher: str = ""
    teacher_name: str = ""
    mutual: bool = False
    weight: float = 1.0
    features: float = 0.0
    decoupled: float = 0.0
    keep: float = 0.0


@dataclass(frozen=True)
class EvalConfig:
    """When the net is scored on the evaluation data. metric: empty takes the task's own (hmean, acc, score).

    every: epochs between two evaluations; every_steps counts instead when above zero, and times before both: so many
    evaluations, evenly spread over the run. start: no evaluation before this
    epoch. patience: the run stops after this many evaluations without a better one; 0: never. limit: at most this many
    samples; 0: all. detect: how a detector in training finds text.
    """

    every: int = 1
    every_steps: int = 0
    times: int = 0
    start: int = 0
    metric: str = ""
    patience: int = 0
    batch_size: int = 16
    limit: int = 0
    detect: DetectOptions = field(default_factory=DetectOptions)


@dataclass(frozen=True)
class RunConfig:
    """How long, on what and where.

    epochs, and max_steps and minutes when above zero: the run ends at whichever comes first; minutes count all but the
    start, and end the curve of the learning rate, too. accumulate: batches whose gradients
    add up to one step. precision auto: bf16 on a GPU that has it, else fp32. ema: decay of the averaged weights that
    are evaluated and kept as the best; 0: none. save_steps: steps between two checkpoints, beside those at the end of
    each epoch; 0: none. threads: CPU threads of the net; 0: as torch decides.
    """

    output: str = "runs/train"
    epochs: int = 10
    max_steps: int = 0
    minutes: float = 0.0
    accumulate: int = 1
    seed: int = 0
    device: str = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    ema: float = 0.0
    save_steps: int = 0
    log_steps: int = 20
    tensorboard: bool = True
    threads: int = 0


def sections() -> dict[str, type]:
    """Name of a section of a configuration -> its dataclass."""
    return {name: hint for name, hint in get_type_hints(Config).items() if isinstance(hint, type) and is_dataclass(hint)}


@dataclass(frozen=True)
class Config:
    """A whole run. lines, pages: how generated text looks; script, charset and seed are set by the run itself."""

    task: Literal["det", "rec", "cls", "unwarp"] = "rec"
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    lines: LineOptions = field(default_factory=LineOptions)
    pages: PageOptions = field(default_factory=PageOptions)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)
    evaluate: EvalConfig = field(default_factory=EvalConfig)
    run: RunConfig = field(default_factory=RunConfig)


def load_config(path: Path, overrides: Iterable[str] = ()) -> Config:
    """The configuration in a YAML file, with `section.key=value` overrides; UsageError names an unknown key's nearest."""
    tree = read_tree(path)
    for text in overrides:
        override(tree, text)
    return from_dict(tree, str(path))


def shipped(name: str) -> Path:
    """A file of the folder `configs`, in a checkout or beside the installed package."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package.parent / "configs", package / "configs"):
        if (folder / name).is_file():
            return folder / name
    known = sorted(p.stem for folder in (package.parent, package) for p in (folder / "configs").glob("*.yaml"))
    raise UsageError(f"no configuration {name!r}{near(Path(name).stem, known)}; give a YAML file or a model's name")


def find_config(name: str) -> Path:
    """The YAML file that `name` means: a path, or the name of a shipped configuration."""
    return Path(name) if name.endswith((".yaml", ".yml")) else shipped(f"{name}.yaml")


def read_tree(path: Path) -> dict[str, Any]:
    """A YAML file as nested dicts, laid over its `base` when it names one."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); give the path of a configuration file") from error
    try:
        tree = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{path}: not YAML ({' '.join(str(error).split())})") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{path}: must hold `section:` with `key: value` below, found {type(tree).__name__}")
    tree = with_current_keys(tree, str(path))
    base = tree.pop("base", None)
    return merge(read_tree(path.parent / str(base)), tree) if base else tree


def merge(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `under`, section by section."""
    out = dict(under)
    for key, value in over.items():
        below = out.get(key)
        out[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, Mapping) else value
    return out


def override(tree: dict[str, Any], text: str) -> None:
    """Put `section.key=value` (the value in YAML) into nested dicts, in place."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"override {text!r}: must be section.key=value, for instance optimizer.learning_rate=1e-4")
    *path, last = name.strip().split(".")
    last = OLD_KEYS.get((".".join(path), last), last)
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise UsageError(f"override {text!r}: {part} is a value, not a section")
    tree[last] = yaml.safe_load(value)


def from_dict(tree: Mapping[str, Any], where: str = "configuration") -> Config:
    """A configuration from nested dicts; `where` begins the error messages."""
    config: Config = _build(Config, with_current_keys(tree, where), where, "")
    return config


def to_dict(config: Any) -> dict[str, Any]:
    """Nested dicts of plain values that `from_dict` reads back."""
    out = {}
    for f in fields(config):
        value = getattr(config, f.name)
        out[f.name] = to_dict(value) if is_dataclass(value) else _plain(value)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


# (section, key of the version before, which saved configurations still hold) -> key
OLD_KEYS = {("data", "squeeze"): "width_scale"}

# key -> inclusive bounds, where a number outside of them would train nothing, or for ever
LIMITS: dict[str, tuple[float | None, float | None]] = {
    "optimizer.learning_rate": (0, 1e30),
    "optimizer.weight_decay": (0, 10),
    "optimizer.eps": (1e-12, 1),
    "optimizer.clip_norm": (0, 1e9),
    "data.batch_size": (1, None),
    "data.replay_share": (0, 1),
    "data.width_scale": (0.05, 20),
    "evaluate.batch_size": (1, None),
    "run.epochs": (1, None),
    "run.max_steps": (0, None),
    "run.minutes": (0, 1e6),
    "evaluate.times": (0, None),
    "run.accumulate": (1, None),
    "run.ema": (0, 1),
}


def with_current_keys(tree: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Nested dicts with old keys under their present names; UsageError when both are given."""
    out = dict(tree)
    for (section, old), new in OLD_KEYS.items():
        values = out.get(section)
        if isinstance(values, Mapping) and old in values:
            if new in values:
                raise UsageError(f"{where}: {section}.{old} is the old name of {section}.{new}: give only one of them")
            out[section] = {new if key == old else key: value for key, value in values.items()}
    return out


def _build(cls: type, tree: Any, where: str, prefix: str) -> Any:
    if not isinstance(tree, Mapping):
        raise UsageError(f"{where}: {prefix or 'the file'} must be a section with `key: value` lines, found {tree!r}")
    hints = get_type_hints(cls)
    values = {}
    for key, value in tree.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if key not in hints:
            here = [f"{prefix}.{k}" if prefix else k for k in hints]
            known = f"; sections: {', '.join(sections())}"
            raise UsageError(f"{where}: unknown key {name!r}{_elsewhere(str(key)) or near(name, here, 1) or known}")
        values[key] = _value(hints[key], value, where, name)
    return cls(**values)


def _elsewhere(key: str) -> str:
    """A hint for a key that stands in the wrong section, or an empty string."""
    homes = [f"{section}.{key}" for section, cls in sections().items() if key in {f.name for f in fields(cls)}]
    return f"; did you mean {' or '.join(map(repr, homes))}?" if homes else ""


def _value(hint: Any, value: Any, where: str, name: str) -> Any:
    """A YAML value as the type that the field is declared with."""
    if isinstance(hint, type) and is_dataclass(hint):
        return _build(hint, {} if value is None else value, where, name)
    value = check_value(hint, value, f"{where}: {name}", parse_numbers=True)
    check_bounds(value, f"{where}: {name}", *LIMITS.get(name, (None, None)))
    return value


def save_config(config: Config, path: Path) -> None:
    """Write the resolved configuration as YAML."""
    path.write_text(yaml.safe_dump(to_dict(config), sort_keys=False, allow_unicode=True), encoding="utf-8")


def replace_in_section(config: Config, section: str, **values: Any) -> Config:
    """A copy with values of one section changed."""
    return dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **values)})
