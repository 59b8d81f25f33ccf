"""What a model could do before it was fine-tuned, whether it still can, and how sure that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from inkline import metrics
from inkline.errors import DataError
from inkline.metrics import LOWER_IS_BETTER
from inkline.progress import LogProgress
from inkline.training import config as configs
from inkline.training.config import Config
from inkline.training.data.sample_sources import SampleSource
from inkline.training.start_weights import StartWeights
from inkline.training.synth.font_faces import families
from inkline.training.synth.scripts import SCRIPTS
from inkline.training.tasks import TASKS
from inkline.training.training_data import TrainingData, open_source, warped_pages

LINES_PER_SCRIPT = 300  # drawn, to measure an old ability by: the interval of a share of wrong characters is about 0.005 wide
LINES_PER_MINUTE, MIN_LINES_PER_SCRIPT = 15, 40  # of a run with a limit of time
PAGES_DRAWN = 30
MIN_CASES = 100  # spaces or digits that a measure of them rests on, below which its fall refuses nothing
SPARSE = ("space_f1", "digit_acc")  # measures of what a script's lines may hardly hold, as Chinese ones spaces
MIN_LETTERS = 20  # that a net must know of a script, beside those of the scripts before it, for the script to count


@dataclass(frozen=True)
class Change:
    """A measure of the old and of the new model on one set.

    new_data: or what could be done before. interval: what the change lies within, with a probability of 95 %. cases: what the
    measure rests on: characters, spaces, digits, lines, pages.
    """

    name: str
    new_data: bool
    measure: str
    old: float
    new: float
    interval: tuple[float, float]
    cases: int = MIN_CASES

    @property
    def fall(self) -> float:
        """By how much the new model is worse."""
        return self.new - self.old if self.measure in LOWER_IS_BETTER else self.old - self.new

    @property
    def is_sure(self) -> bool:
        """Whether the change is more than chance, on enough cases."""
        low, high = self.interval
        return (low > 0 or high < 0) and not self.is_sparse

    @property
    def is_sparse(self) -> bool:
        """Whether there are too few cases to say anything."""
        return self.measure in SPARSE and self.cases < MIN_CASES

    def is_lost(self, bound: float) -> bool:
        """Whether this is an old ability that surely fell, by more than the bound."""
        return not self.new_data and self.fall > bound and self.is_sure

    def row(self, bound: float) -> str:
        """A row of the report, in Markdown."""
        mark = ""
        if self.is_lost(bound):
            mark = " (lost)"
        elif not self.new_data and self.fall > bound:
            mark = f" ({self.cases} cases)" if self.is_sparse else " (may be chance)"
        low, high = self.interval
        return (
            f"| {self.name} | {'new' if self.new_data else 'before'} | {self.measure} | {self.old:.4f} | {self.new:.4f} | "
            f"{self.new - self.old:+.4f}{mark} | {low:+.4f} to {high:+.4f} |"
        )


TABLE_HEAD = "| set | kind | measure | old | new | change | 95 % |\n|---|---|---|---|---|---|---|"


def known_scripts(config: Config, charset: Sequence[str]) -> tuple[list[str], list[str]]:
    """The scripts of the generator that a charset has letters of, and those among them that no font here draws.

    A script whose letters are nearly all in scripts before it, as Vietnamese in Latin, is left to these.
    """
    drawn: list[str] = []
    without_font: list[str] = []
    left = set(charset)
    for script in SCRIPTS.values():
        letters = left & set(script.letters)
        if len(letters) < MIN_LETTERS:
            continue
        left -= letters
        try:
            families(config.lines.fonts, script)
            drawn.append(script.name)
        except DataError:
            without_font.append(script.name)
    return drawn, without_font


def known_abilities(config: Config, charset: Sequence[str], say: bool = False) -> tuple[str, ...]:
    """Generated sets of what a model could do before: for recognisers, lines of each script by the letters it knows.

    Those of a classifier are turned in each of its ways; for one of scripts there are none.
    say: tell which of these scripts cannot be drawn here, so that forgetting them would go unnoticed.
    """
    if config.task == "cls" and config.data.kind == "script":
        return ()
    if config.task == "cls" and config.data.kind in ("line", "part", "angle"):
        return (f"lines:english:{LINES_PER_SCRIPT}",)
    if config.task != "rec":
        return (f"pages:latin:{PAGES_DRAWN}",)
    drawn, without_font = known_scripts(config, charset)
    if without_font and say:
        names = ", ".join(without_font)
        LogProgress().say(
            f"no font here draws {names}, which the model knows: not replayed, not checked; install fonts or give --keep"
        )
    # In a run of few minutes the report is made of fewer lines, and its intervals are wider.
    minutes = config.run.minutes or LINES_PER_SCRIPT
    count = min(max(round(LINES_PER_MINUTE * minutes), MIN_LINES_PER_SCRIPT), LINES_PER_SCRIPT)
    return tuple(f"lines:{name}:{count}" for name in drawn)


@dataclass(frozen=True)
class Held:
    """Samples kept in memory, so that two models see the very same."""

    samples: tuple[tuple[np.ndarray, Any], ...]

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        return self.samples[index]

    def key(self, epoch: int, index: int) -> str:
        return f"#{index}"

    def ratios(self, epoch: int) -> np.ndarray:
        return np.ones(len(self), np.float32)


def held(source: SampleSource) -> Held:
    return Held(tuple(source.load(0, index) for index in range(len(source))))


@dataclass(frozen=True)
class MeasuredSet:
    """A set, and what each of its samples adds to the measures of the old model."""

    name: str
    new_data: bool
    source: SampleSource
    old: metrics.Parts


def measured_sets(
    config: Config, start_weights: StartWeights, charset: Sequence[str], general: Sequence[str], device: torch.device
) -> list[MeasuredSet]:
    """`data.evaluate` and what could be done before, read by the old model; charset: of the new one."""
    net = start_weights.net()
    plain = configs.replace_in_section(config, "lines", charset=())
    # of what was known before, only the characters that were known are asked
    sets = [(spec, True, charset) for spec in config.data.evaluate] + [(spec, False, start_weights.charset) for spec in general]
    found = []
    for spec, is_new, may_hold in sets:
        source: Any
        if config.task == "unwarp":
            source = warped_pages((spec,), plain, held_out=True)
        else:
            source = held(open_source(spec, plain, may_hold, held_out=True)[0])
        old = measure_parts(net, config, start_weights.charset, source, device)
        LogProgress().say(f"{spec}: {len(source)} samples read by the old model")
        found.append(MeasuredSet(spec, is_new, source, old))
    return found


def changes_on(
    sets: Sequence[MeasuredSet], net: nn.Module, config: Config, charset: Sequence[str], device: torch.device
) -> tuple[Change, ...]:
    """What a net does better or worse than the old one, measure by measure."""
    changes = []
    for each in sets:
        new = measure_parts(net, config, charset, each.source, device)
        LogProgress().say(f"{each.name}: {len(each.source)} samples read by the new model")
        changes += [change_of(each.name, each.new_data, name, each.old[name], new[name]) for name in each.old if name in new]
    return tuple(changes)


def measure_parts(
    net: nn.Module, config: Config, charset: Sequence[str], source: SampleSource, device: torch.device
) -> metrics.Parts:
    """What each sample of a set adds to the measures of a net."""
    data = TrainingData(lambda epoch, start: iter(()), 0, "", source, tuple(charset))
    return TASKS[config.task].evaluate(net.to(device).eval(), config, data, device).parts


def change_of(spec: str, is_new: bool, measure: str, before: Any, after: Any) -> Change:
    """A measure on a set, of both models."""
    old, new = (float(of[:, 0].sum() / max(of[:, 1].sum(), 1e-9)) for of in (before, after))
    cases = round(min(float(of[:, 1].sum()) for of in (before, after)))
    return Change(spec, is_new, measure, old, new, metrics.change_interval(before, after), cases)
