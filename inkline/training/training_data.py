"""What a run learns from and is evaluated on: sources named in the configuration, as data sets of the task."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from inkline.errors import DataError, UsageError
from inkline.options import processor_count
from inkline.recognition.attention import class_count
from inkline.registry.card import all_cards
from inkline.training.config import Config, shipped
from inkline.training.data.batches import BatchPlan, batches_of, in_every_turn, loader
from inkline.training.data.datasets import Classification, Detection, Recognition, Unwarping, class_labels
from inkline.training.data.encode import ENCODERS, Alphabet
from inkline.training.data.labels import GENERATED, LoadOptions, LoadReport, kind_of_set, load_labels
from inkline.training.data.sample_sources import Labelled, Mixture, SampleSource, SynthLines, SynthPages, mixed
from inkline.training.evaluate import find_model
from inkline.training.nets.table import NETS
from inkline.training.start_weights import StartWeights, load_start_weights, read_charset
from inkline.training.synth.scripts import script_of
from inkline.training.synth.synth_options import LineOptions

HELD_OUT_SEED_OFFSET = 1_000_003  # added to the seed of generated text that a net is evaluated on
Batches = Callable[[int, int], Iterator[dict[str, Any]]]

DECODERS = ("ctc", "attention", "srn")  # heads that answer at inference, the first that trains


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A run's data: the batches of (epoch, start), how many an epoch has, and what the net is evaluated on.

    charset: of a recogniser, without special classes. classes: width of the net's last layer, None where it has none.
    start_weights: what the net starts from. evaluation: a source, or the data set of an unwarping net; None: no scores.
    """

    batches: Batches = field(repr=False)
    batches_per_epoch: int
    about: str
    evaluation: SampleSource | Dataset[Any] | None
    charset: tuple[str, ...] = ()
    classes: int | None = None
    start_weights: StartWeights | None = None

    @property
    def fused(self) -> bool:
        return self.start_weights is not None and self.start_weights.fused


def start_weights_of(config: Config) -> StartWeights | None:
    """The weights that `model.start` names, None when the net starts from nothing."""
    return load_start_weights(config.model.start, config.model.name) if config.model.start else None


def charset_of(config: Config, start_weights: StartWeights | None) -> tuple[str, ...]:
    """The characters a recogniser is to learn: those of `model.charset`, else those it starts with or was published with."""
    if config.model.charset:
        path = Path(config.model.charset)
        return read_charset(path if path.exists() else shipped(config.model.charset), config.model.space)
    if start_weights is not None and start_weights.charset:
        return start_weights.charset
    if start_weights is None and config.model.name in all_cards():
        return find_model(config.model.name).charset or ()
    raise UsageError("model.charset: give a file with one character per line, or model.start, whose charset is taken")


def decoder_of(config: Config) -> str:
    """The head that answers at inference: the first of CTC, attention and SRN that has a weight."""
    for name in DECODERS:
        if getattr(config.loss, name) > 0:
            return name
    raise UsageError("loss: a recogniser needs a weight above 0 for ctc, attention or srn")


def open_source(
    spec: str, config: Config, charset: Sequence[str], held_out: bool = False
) -> tuple[SampleSource, LoadReport | None]:
    """The source that an entry of `data.train`, `data.evaluate` or `data.replay` names, and what loading it found.

    Lines that hold characters outside the charset are not learned from, but the net is evaluated on them.
    """
    seed = config.run.seed + (HELD_OUT_SEED_OFFSET if held_out else 0)
    task, path = kind_of_set(spec, config.task)
    if task in GENERATED:
        return _generated(spec, config, charset, seed), None
    options = LoadOptions(config.data.root, labels=tuple(map(str, config.model.labels)), strict=config.data.strict)
    if not held_out:
        options = dataclasses.replace(options, **_learnable(task, config, charset))
    samples, report = load_labels(task, path, options)
    if held_out and config.evaluate.limit:
        samples = samples[: config.evaluate.limit]
    return Labelled(tuple(samples), seed), report


def _learnable(task: str, config: Config, charset: Sequence[str]) -> dict[str, Any]:
    """Options of loading that leave out, or change, the labels that a net cannot learn."""
    return {
        "charset": tuple(charset) if task == config.task == "rec" else (),
        "max_text_length": config.data.max_text_length if fixed_length(config) else 0,
        "lower": config.data.lower,
    }


def fixed_length(config: Config) -> bool:
    """Whether some decoder of a recogniser holds `data.max_text_length` characters and no more."""
    return config.task == "rec" and any(getattr(config.loss, name) > 0 for name in ENCODERS if name != "ctc")


def _generated(spec: str, config: Config, charset: Sequence[str], seed: int) -> SampleSource:
    kind, script, count = (*spec.split(":"), "", "")[:3]
    if not script or not count.isdigit() or int(count) < 1:
        raise UsageError(f"{spec}: generated text is lines:SCRIPT:COUNT or pages:SCRIPT:COUNT, such as lines:latin:20000")
    script_of(script)  # an unknown one is refused here, not sample by sample
    base = config.lines if kind == "lines" else config.pages.line
    longest = min(base.max_chars, config.data.max_text_length) if fixed_length(config) else base.max_chars
    options: LineOptions = dataclasses.replace(
        base,
        script=script,
        seed=seed,
        charset=base.charset or tuple(charset),
        min_chars=min(base.min_chars, longest),
        max_chars=longest,
    )
    if kind == "lines":
        return SynthLines(options, int(count))
    return SynthPages(dataclasses.replace(config.pages, line=options), int(count))


def open_training_source(config: Config, charset: Sequence[str]) -> tuple[SampleSource, dict[str, LoadReport]]:
    """All of `data.train` and `data.replay` as one source, and what loading each label file found."""
    if not config.data.train:
        raise UsageError("data.train: give at least one label file, or generated text such as lines:latin:20000")
    reports: dict[str, LoadReport] = {}

    def opened(specs: Sequence[str]) -> list[SampleSource]:
        found = []
        for spec in specs:
            source, report = open_source(spec, config, charset)
            found.append(source)
            if report is not None:
                reports[spec] = report
        return found

    new = mixed(opened(config.data.train), config.data.ratios)
    if not config.data.replay:
        return new, reports
    share = config.data.replay_share
    if not 0 < share < 1:
        raise UsageError(f"data.replay_share={share}: must be between 0 and 1, the ends left out")
    old = opened(config.data.replay)
    ratio = len(new) * share / (1 - share) / sum(map(len, old))
    return Mixture(((new, 1.0), *((source, ratio) for source in old))), reports


def open_evaluation_source(config: Config, charset: Sequence[str]) -> SampleSource | None:
    """All of `data.evaluate` as one source, None when there is none."""
    if not config.data.evaluate:
        return None
    return mixed([open_source(spec, config, charset, held_out=True)[0] for spec in config.data.evaluate])


def dataset_of(config: Config, source: SampleSource, charset: Sequence[str]) -> Dataset[Any]:
    """The torch data set of the task over a source."""
    if config.task == "det":
        return Detection(source, config)
    if config.task == "cls":
        return Classification(source, config)
    encoders = tuple(name for name in ENCODERS if getattr(config.loss, name) > 0)
    longest = config.data.max_text_length if fixed_length(config) else 10_000
    old_from = source.ends[0] if keeps_answers(config) and isinstance(source, Mixture) else None
    return Recognition(source, config, Alphabet(tuple(charset), longest), encoders, old_from)


def keeps_answers(config: Config) -> bool:
    """Whether a recogniser is held to what it answered before on the lines that are replayed."""
    return config.task == "rec" and config.distill.keep > 0 and bool(config.data.replay)


def prepare(config: Config, rank: int, world: int) -> TrainingData:
    """Everything a run of a detector, recogniser or classifier learns from, for process `rank` of `world`."""
    start_weights = start_weights_of(config)
    charset = charset_of(config, start_weights) if config.task == "rec" else ()
    source, reports = open_training_source(config, charset)
    dataset = dataset_of(config, source, charset)
    evaluation = open_evaluation_source(config, charset) if rank == 0 else None
    classes = class_count(decoder_of(config), len(charset)) if config.task == "rec" else None
    if config.task == "cls":
        classes = len(class_labels(config))
    about = f"{len(source)} samples per epoch" + _skipped(reports)
    batches, steps = _batches(config, dataset, rank, world)
    return TrainingData(batches, steps, about, evaluation, charset, classes, start_weights)


def prepare_unwarp(config: Config, rank: int, world: int) -> TrainingData:
    """The photographed pages an unwarping net learns from."""
    dataset = warped_pages(config.data.train, config)
    evaluation = warped_pages(config.data.evaluate, config, held_out=True) if config.data.evaluate else None
    about = f"{len(dataset)} generated pages per epoch"
    batches, steps = _batches(config, dataset, rank, world)
    return TrainingData(batches, steps, about, evaluation, start_weights=start_weights_of(config))


def warped_pages(specs: Sequence[str], config: Config, held_out: bool = False) -> Unwarping:
    """Photographed pages with their grids; only generated ones can be had with an exact answer, so UsageError for others."""
    if len(specs) != 1 or not specs[0].startswith("pages:"):
        raise UsageError(f"an unwarping net learns from one entry pages:SCRIPT:COUNT, not {', '.join(specs) or '(none)'}")
    pages = _generated(specs[0], config, (), config.run.seed + (HELD_OUT_SEED_OFFSET if held_out else 0))
    assert isinstance(pages, SynthPages)
    return Unwarping(pages.options, pages.count)


def _batches(config: Config, dataset: Dataset[Any], rank: int, world: int) -> tuple[Batches, int]:
    """The batches of this process by (epoch, start), and how many an epoch has."""
    data, rec = config.data, config.task == "rec"
    plan = BatchPlan(
        data.batch_size,
        config.run.seed,
        heights=(data.heights or (data.height,)) if rec else (0,),
        base_width=data.width or 320,
        by_area=data.by_area,
        group=data.group,
        width_scale=data.width_scale,
        max_ratio=data.max_width / data.height,
        rank=rank,
        world=world,
    )
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    workers = max((processor_count() - 1) // here, 0) if data.workers < 0 else data.workers
    net = NETS.get(config.model.name)
    plain = rec and net is not None and net.interface.std[0] == 1 / 255  # SRN takes values 0..255

    def batches(epoch: int, start: int) -> Iterator[dict[str, Any]]:
        for batch in plainly(loader(dataset, plan, epoch, start, workers)):
            if plain:
                batch["image"] = batch["image"] * 127.5 + 127.5
            yield in_every_turn(batch, config.model.labels) if data.every_turn else batch

    return batches, len(batches_of(dataset, plan, 0))


def plainly(batches: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The batches; an error of ours in a worker process comes without the trace that torch wraps around it."""
    try:
        yield from batches
    except DataError as error:
        last = str(error).strip().splitlines()[-1]
        raise DataError(last.removeprefix("inkline.errors.DataError: ")) from None


def _skipped(reports: Mapping[str, LoadReport]) -> str:
    """What loading left out, in words; nothing when it took everything."""
    total: Counter[str] = Counter()
    for report in reports.values():
        total.update(report.counts)
    skipped = sum(report.skipped for report in reports.values())
    kinds = ", ".join(f"{count} {kind}" for kind, count in total.most_common(4))
    return f" ({skipped} skipped: {kinds}; see `inkline data check`)" if total else ""


def require_evaluation_data(data: TrainingData, metric: str) -> Any:
    """The source or data set that the net is evaluated on; DataError when there is none."""
    if data.evaluation is None:
        raise DataError(f"data.evaluate: give a label file to compute {metric} on, or set evaluate.every to 0")
    return data.evaluation
