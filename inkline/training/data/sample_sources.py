"""Where samples come from: label files, the generators, and mixtures of them.

Every source is a pure function of (epoch, index).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from inkline.errors import DataError
from inkline.training.data.augment_pages import AnnotatedPage
from inkline.training.data.labels import Sample, read_image
from inkline.training.synth.compose import target_lengths
from inkline.training.synth.draw_line import draw_line
from inkline.training.synth.draw_page import draw_page
from inkline.training.synth.scripts import script_of
from inkline.training.synth.synth_options import LineOptions, PageOptions

LINE_MARGINS_RATIO = 0.9  # of a line, in line heights; measured, as the letters' widths below, on synthetic lines


class SampleIndex(NamedTuple):
    """Which sample is to be made: all that its making depends on beside the options. height: of a line, 0: the usual."""

    epoch: int
    number: int
    height: int = 0


class SampleSource(Protocol):
    """`load` returns (image, label): text, `AnnotatedPage` or class label, by what the source holds."""

    def __len__(self) -> int:
        """Samples per epoch."""

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        """Return sample `index` of an epoch: image BGR uint8 (H, W, 3) and its label.

        Raises DataError when it cannot be read.
        """

    def key(self, epoch: int, index: int) -> str:
        """Where the sample comes from, for messages."""

    def ratios(self, epoch: int) -> np.ndarray:
        """The expected width / height of every sample, float32, to put lines of like width into one batch."""


def letter_width(c: str) -> float:
    """The width of a letter in line heights: Han, Kana and Hangul; scripts whose signs stack or join; all others."""
    code = ord(c)
    if code >= 0x2E80:
        return 0.9
    return 0.3 if 0x590 <= code <= 0x10FF else 0.42


def text_ratio(text: str) -> float:
    """The width / height a line of this text is expected to have."""
    return LINE_MARGINS_RATIO + sum(map(letter_width, text))


def annotated(image: np.ndarray, regions: Sequence[tuple[np.ndarray, str, bool]]) -> AnnotatedPage:
    """A page with its regions: polygon, text, whether to ignore it."""
    polygons, texts, ignore = zip(*regions, strict=True) if regions else ((), (), ())
    return AnnotatedPage(image, polygons, texts, ignore)


@dataclass(frozen=True)
class Labelled:
    """Samples of label files: texts, pages or classes, whatever they carry."""

    samples: tuple[Sample, ...]
    seed: int = 0

    def __len__(self) -> int:
        return len(self.samples)

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        """One of the sample's files, drawn anew each epoch, and its label."""
        sample = self.samples[index]
        which = 0
        if len(sample.paths) > 1:
            which = int(np.random.default_rng((self.seed, epoch, index)).integers(len(sample.paths)))
        image = read_image(sample.paths[which])
        if sample.text:
            return image, sample.text
        if sample.label:
            return image, sample.label
        return image, annotated(image, [(r.points, r.text, r.ignore) for r in sample.regions])

    def key(self, epoch: int, index: int) -> str:
        """`label file:line (image)`."""
        return f"{self.samples[index].where} ({self.samples[index].paths[0]})"

    @cached_property
    def _ratios(self) -> np.ndarray:
        return np.array([text_ratio(sample.text) for sample in self.samples], np.float32)

    def ratios(self, epoch: int) -> np.ndarray:
        """From the lengths of the texts: no image is opened."""
        return self._ratios


@dataclass(frozen=True)
class SynthLines:
    """`count` synthetic lines per epoch, other ones each epoch."""

    options: LineOptions
    count: int

    def __len__(self) -> int:
        return self.count

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        """A line and its text."""
        return draw_line(self.options, epoch * self.count + index)

    def key(self, epoch: int, index: int) -> str:
        """`synth:<script>:<seed>:<index>`."""
        return f"synth:{self.options.script}:{self.options.seed}:{epoch * self.count + index}"

    def ratios(self, epoch: int) -> np.ndarray:
        """From the lengths the lines aim at: nothing is drawn."""
        each = letter_width(script_of(self.options.script).letters[0])
        indices = epoch * self.count + np.arange(self.count)
        return (LINE_MARGINS_RATIO + each * target_lengths(self.options, indices)).astype(np.float32)


@dataclass(frozen=True)
class SynthPages:
    """`count` synthetic pages per epoch, other ones each epoch."""

    options: PageOptions
    count: int

    def __len__(self) -> int:
        return self.count

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        """A page and its annotation."""
        image, lines = draw_page(self.options, epoch * self.count + index)
        return image, annotated(image, [(quad, text, False) for quad, text in lines])

    def key(self, epoch: int, index: int) -> str:
        """`synth:page:<script>:<seed>:<index>`."""
        return f"synth:page:{self.options.line.script}:{self.options.line.seed}:{epoch * self.count + index}"

    def ratios(self, epoch: int) -> np.ndarray:
        """Pages are cropped to one size, so their shape does not matter."""
        return np.ones(self.count, np.float32)


@dataclass(frozen=True)
class Mixture:
    """Several sources, each with the share of itself that an epoch takes (0.3: a third each epoch; 2: everything twice)."""

    parts: tuple[tuple[SampleSource, float], ...]

    def __post_init__(self) -> None:
        if not self.parts or any(ratio <= 0 for _, ratio in self.parts):
            raise DataError("a mixture needs at least one source, each with a ratio above 0")

    @cached_property
    def ends(self) -> np.ndarray:
        """Index behind the last sample of each part, in an epoch."""
        return np.cumsum([max(1, round(len(source) * ratio)) for source, ratio in self.parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def _find(self, epoch: int, index: int) -> tuple[SampleSource, int, int]:
        """The source of an index, and its own epoch and index there: it resumes where the last epoch stopped."""
        part = int(np.searchsorted(self.ends, index, side="right"))
        start = int(self.ends[part - 1]) if part else 0
        source, taken = self.parts[part][0], int(self.ends[part]) - start
        position = epoch * taken + (index - start)
        return source, position // len(source), position % len(source)

    def load(self, epoch: int, index: int) -> tuple[np.ndarray, Any]:
        """The sample of the source that holds it."""
        source, epoch, index = self._find(epoch, index)
        return source.load(epoch, index)

    def key(self, epoch: int, index: int) -> str:
        """The key in the source that holds it."""
        source, epoch, index = self._find(epoch, index)
        return source.key(epoch, index)

    def ratios(self, epoch: int) -> np.ndarray:
        """The ratios of the parts, one after the other."""
        found = []
        start = 0
        for (source, _), end in zip(self.parts, self.ends, strict=True):
            taken = int(end) - start
            first, last = epoch * taken, (epoch + 1) * taken
            epochs = range(first // len(source), (last - 1) // len(source) + 1)
            ratios = np.concatenate([source.ratios(e) for e in epochs])
            skipped = first - epochs.start * len(source)
            found.append(ratios[skipped : skipped + taken])
            start = int(end)
        return np.concatenate(found)


def mixed(sources: Sequence[SampleSource], ratios: Sequence[float] = ()) -> SampleSource:
    """One source of many; a single one with ratio 1 stays itself."""
    shares = list(ratios) if ratios else [1.0] * len(sources)
    if len(shares) != len(sources):
        raise DataError(f"{len(shares)} ratios for {len(sources)} data sets; give one each")
    return sources[0] if len(sources) == 1 and shares[0] == 1 else Mixture(tuple(zip(sources, shares, strict=True)))
