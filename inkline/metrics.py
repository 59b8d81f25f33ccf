"""How well boxes and texts were found: the measures of the PP-OCR family and of OCR at large, on plain arrays.

Counts add up: every measure of a set is the sum of the counts of its pages or lines, divided at the end.
Texts of pages are compared in NFKC, `case=False` also folds case. Edit distances come from rapidfuzz (extra `train`).
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkline.errors import UsageError
from inkline.layout.geometry import convex_hull, hull_iou, shared_area
from inkline.scripts import SCRIPTS, script_of

Pair = tuple[str, str]  # (truth, what was read)
LOWER_IS_BETTER = ("cer", "wer", "ece", "grid_error")  # of all measures here


@dataclass(frozen=True)
class _Sums:
    """Fields that add up one by one."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Counts(_Sums):
    """Things found rightly, things that are there, things that were found."""

    hit: int = 0
    truth: int = 0
    found: int = 0

    @property
    def precision(self) -> float:
        return self.hit / max(self.found, 1)

    @property
    def recall(self) -> float:
        return self.hit / max(self.truth, 1)

    def parts(self) -> dict[str, tuple[float, float]]:
        """A detector's measures as numerator and denominator, which add up over pages."""
        both = self.truth + self.found
        return {"hmean": (2 * self.hit, both), "precision": (self.hit, self.found), "recall": (self.hit, self.truth)}

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; detection calls it Hmean."""
        return 2 * self.hit / max(self.truth + self.found, 1)


# --- boxes ------------------------------------------------------------------------------------------------------------


def outside(found: Sequence[ArrayLike], ignore: Sequence[ArrayLike], limit: float = 0.5) -> list[int]:
    """Indices of the polygons of which no ignored region covers more than `limit` of the area."""
    regions = [convex_hull(g) for g in ignore]
    hulls = [convex_hull(p) for p in found]
    kept = []
    for i, hull in enumerate(hulls):
        area = max(cv2.contourArea(hull), 1e-6)
        if all(shared_area(hull, region) / area <= limit for region in regions):
            kept.append(i)
    return kept


def match(truth: Sequence[ArrayLike], found: Sequence[ArrayLike], limit: float = 0.5) -> list[tuple[int, int]]:
    """Pairs (truth, found), one to one: each true polygon takes the free one with the largest IoU above `limit`."""
    free = {i: convex_hull(polygon) for i, polygon in enumerate(found)}
    pairs: list[tuple[int, int]] = []
    for t, polygon in enumerate(truth):
        hull = convex_hull(polygon)
        overlap, minus_index = max(((hull_iou(hull, other), -i) for i, other in free.items()), default=(0.0, 0))
        if overlap > limit:  # of equal overlaps the first polygon's, hence the sign
            pairs.append((t, -minus_index))
            del free[-minus_index]
    return pairs


def detection(truth: Sequence[ArrayLike], found: Sequence[ArrayLike], ignore: Sequence[ArrayLike] = ()) -> Counts:
    """Boxes of one page, after leaving out those that lie in an ignored region (DetMetric of PaddleOCR)."""
    kept = [found[i] for i in outside(found, ignore)]
    return Counts(len(match(truth, kept)), len(truth), len(kept))


# --- texts, order-free ------------------------------------------------------------------------------------------------


def fold(text: str, case: bool = False) -> str:
    """NFKC, and case-folded unless case counts."""
    text = unicodedata.normalize("NFKC", text)
    return text if case else text.casefold()


def _bag(truth: Counter[str], found: Counter[str]) -> Counts:
    return Counts((truth & found).total(), truth.total(), found.total())


def tokens(truth: Iterable[str], found: Iterable[str], case: bool = False) -> Counts:
    """Runs of letters, digits and underscores, wherever they stand on the page."""
    return _bag(*(Counter(w for t in texts for w in re.findall(r"\w+", fold(t, case))) for texts in (truth, found)))


def characters(truth: Iterable[str], found: Iterable[str], case: bool = False) -> Counts:
    """Characters other than white space, wherever they stand on the page."""
    return _bag(*(Counter(c for t in texts for c in fold(t, case) if not c.isspace()) for texts in (truth, found)))


# --- texts, by alignment ----------------------------------------------------------------------------------------------


def levenshtein() -> Any:
    """Edit distances and paths; UsageError where the package that has them is missing."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ImportError:
        raise UsageError("edit distances need rapidfuzz: pip install 'inkline[train]'") from None
    return Levenshtein


def edits(truth: Sequence[Any], found: Sequence[Any]) -> int:
    """Levenshtein distance of two texts or two lists of words."""
    return int(levenshtein().distance(truth, found))


def aligned(truth: str, found: str) -> list[tuple[int, int]]:
    """Positions (in truth, in found) that a shortest edit path pairs, kept or replaced, increasing in both."""
    pairs: list[tuple[int, int]] = []
    for op in levenshtein().opcodes(truth, found):
        if op.tag in ("equal", "replace"):
            pairs += zip(range(op.src_start, op.src_end), range(op.dest_start, op.dest_end), strict=True)
    return pairs


def spaces(truth: str, found: str) -> Counts:
    """Gaps between words: a hit stands between the same two letters, as the alignment without spaces pairs them."""
    (t_text, t_gaps), (f_text, f_gaps) = _gaps(truth), _gaps(found)
    pairs = aligned(t_text, f_text)
    place = {f: t for t, f in pairs}
    hits = {place[g] for g in f_gaps if g in place} | {place[g - 1] + 1 for g in f_gaps if g - 1 in place}
    return Counts(min(len(hits & t_gaps), len(f_gaps)), len(t_gaps), len(f_gaps))


def _gaps(text: str) -> tuple[str, set[int]]:
    """The text without white space, and before which of its letters (not the first) white space stood."""
    words = text.split()
    ends = np.cumsum([len(w) for w in words])
    return "".join(words), set(ends[:-1].tolist())


def digits(truth: str, found: str) -> Counts:
    """Decimal digits of any script that were read as themselves, at their place."""
    hit = sum(truth[t] == found[f] and truth[t].isdecimal() for t, f in aligned(truth, found))
    return Counts(hit, sum(c.isdecimal() for c in truth), sum(c.isdecimal() for c in found))


@dataclass(frozen=True)
class LineScore(_Sums):
    """Counts over recognised lines; add them up and read the measures.

    exact: lines read without any error; exact_spaceless, exact_caseless: with white space removed, with case folded;
    exact_alnum: only letters and digits compared, case folded (RecMetric `is_filter`).
    near: sum of 1 - distance / longer length, spaces removed (RecMetric's `norm_edit_dis`).
    """

    lines: int = 0
    exact: int = 0
    exact_spaceless: int = 0
    exact_caseless: int = 0
    exact_alnum: int = 0
    near: float = 0.0
    char_edits: int = 0
    chars: int = 0
    word_edits: int = 0
    words: int = 0
    spaces: Counts = field(default_factory=Counts)
    digits: Counts = field(default_factory=Counts)

    def summary(self) -> dict[str, float]:
        """Every measure by name, all 0..1 save `cer` and `wer`, which exceed 1 when more was read than is there.

        `space_f1` and `digit_acc` are left out where the lines hold no spaces or digits.
        """
        n = max(self.lines, 1)
        measured = {
            "space_f1": (self.spaces.f1, self.spaces.truth + self.spaces.found),
            "digit_acc": (self.digits.recall, self.digits.truth),
        }
        return {
            "lines": self.lines,
            "acc": self.exact_spaceless / n,
            "acc_with_spaces": self.exact / n,
            "acc_no_case": self.exact_caseless / n,
            "acc_alnum": self.exact_alnum / n,
            "norm_edit_dis": self.near / n,
            "cer": self.char_edits / max(self.chars, 1),
            "wer": self.word_edits / max(self.words, 1),
            **{name: value for name, (value, count) in measured.items() if count},
        }

    def parts(self) -> dict[str, tuple[float, float]]:
        """The main measures of `summary` as numerator and denominator, which add up over lines."""
        return {
            "cer": (self.char_edits, self.chars),
            "space_f1": (2 * self.spaces.hit, self.spaces.truth + self.spaces.found),
            "digit_acc": (self.digits.hit, self.digits.truth),
            "acc": (self.exact_spaceless, self.lines),
            "acc_no_case": (self.exact_caseless, self.lines),
        }


def line(truth: str, found: str) -> LineScore:
    """Score of one line that was read; both texts are brought to NFC, outer white space falls.

    Not to NFKC: as in the reference, a full-width letter read as a plain one is an error.
    """
    truth, found = (unicodedata.normalize("NFC", s).strip() for s in (truth, found))
    bare_t, bare_f = "".join(truth.split()), "".join(found.split())
    alnum_t, alnum_f = (re.sub(r"[\W_]", "", s.casefold()) for s in (truth, found))
    longer = max(len(bare_t), len(bare_f))
    return LineScore(
        lines=1,
        exact=int(truth == found),
        exact_spaceless=int(bare_t == bare_f),
        exact_caseless=int(bare_t.casefold() == bare_f.casefold()),
        exact_alnum=int(alnum_t == alnum_f),
        near=1 - edits(bare_t, bare_f) / longer if longer else 1.0,
        char_edits=edits(truth, found),
        chars=len(truth),
        word_edits=edits(truth.split(), found.split()),
        words=len(truth.split()),
        spaces=spaces(truth, found),
        digits=digits(truth, found),
    )


def recognition(pairs: Iterable[Pair]) -> LineScore:
    """Score of all lines (truth, found) together."""
    return sum((line(t, f) for t, f in pairs), LineScore())


def by_script(pairs: Iterable[Pair]) -> dict[str, LineScore]:
    """The same for the lines of each script apart, most frequent script first."""
    groups: dict[str, LineScore] = {}
    for truth, found in pairs:
        script = SCRIPTS[script_of(truth)]
        groups[script] = groups.get(script, LineScore()) + line(truth, found)
    return dict(sorted(groups.items(), key=lambda item: -item[1].lines))


Parts = dict[str, NDArray[np.float64]]  # measure -> (samples, 2): numerator and denominator of each


def stacked(each: Sequence[Mapping[str, tuple[float, float]]]) -> Parts:
    """The `parts` of all samples; measures that no sample has anything of are left out."""
    found = {name: np.array([sample[name] for sample in each], np.float64) for name in (each[0] if each else ())}
    return {name: values for name, values in found.items() if values[:, 1].any()}


def change_interval(old: NDArray[np.float64], new: NDArray[np.float64], resamples: int = 2000) -> tuple[float, float]:
    """Within what the change of a measure from `old` to `new` lies with a probability of 95 %: paired bootstrap.

    old, new: (samples, 2), numerator and denominator of the same samples read by two models. The samples are drawn anew, with
    repetition, from a fixed seed (Efron 1979; Koehn 2004 for pairs of systems).
    """
    count = len(old)
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), resamples)
    values = [(weights @ of[:, 0]) / np.maximum(weights @ of[:, 1], 1e-9) for of in (old, new)]
    low, high = np.percentile(values[1] - values[0], (2.5, 97.5))
    return float(low), float(high)


# --- classes and confidence -------------------------------------------------------------------------------------------


def top1(truth: ArrayLike, found: ArrayLike) -> float:
    """Share of equal entries of two sequences of labels (ClsMetric), 0.0 when there are none."""
    equal = np.asarray(truth) == np.asarray(found)
    return float(equal.mean()) if equal.size else 0.0


@dataclass(frozen=True)
class Bin:
    """Answers with a confidence in (low, high]: how many, their mean confidence, the share that was right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def calibration(confidence: ArrayLike, right: ArrayLike, bins: int = 10) -> tuple[float, tuple[Bin, ...]]:
    """Expected calibration error 0..1 and its bins of equal width (Guo et al. 2017, "On calibration of modern nets").

    confidence: (N,) 0..1; right: (N,) bool. Empty bins are left out; no answers give an error of 0.
    """
    conf, hit = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    index = np.clip(np.ceil(conf * bins).astype(int) - 1, 0, bins - 1)
    out = tuple(
        Bin(b / bins, (b + 1) / bins, int(m.sum()), float(conf[m].mean()), float(hit[m].mean()))
        for b in range(bins)
        if (m := index == b).any()
    )
    return sum(b.count * abs(b.confidence - b.accuracy) for b in out) / max(len(conf), 1), out


# --- pages ------------------------------------------------------------------------------------------------------------


def order(places: Sequence[int]) -> Counts:
    """Pairs of lines in the right order: `places` are the true places of the lines, in the order they were read.

    recall is (1 + Kendall's tau) / 2: 1.0 in order, 0.5 at random, 0.0 backwards.
    """
    at = np.asarray(places)
    hit = int(np.triu(at[:, None] < at[None, :], k=1).sum()) if len(at) else 0
    pairs = len(at) * (len(at) - 1) // 2
    return Counts(hit, pairs, pairs)


@dataclass(frozen=True)
class PageScore(_Sums):
    """Counts over pages; add them up and read the measures. matched: lines whose boxes matched; flow: their order."""

    pages: int = 0
    detection: Counts = field(default_factory=Counts)
    tokens: Counts = field(default_factory=Counts)
    characters: Counts = field(default_factory=Counts)
    matched: LineScore = field(default_factory=LineScore)
    flow: Counts = field(default_factory=Counts)

    def summary(self) -> dict[str, float]:
        """Every measure by name; those from `matched` on are of the lines whose boxes matched a true line.

        Left out are `space_f1` and `digit_acc` where these lines hold no spaces or digits, and all that needs boxes where
        the truth has none.
        """
        tokens = {"tok_p": self.tokens.precision, "tok_r": self.tokens.recall, "tok_f1": self.tokens.f1}
        texts = tokens | {"char_f1": self.characters.f1}
        if self.detection == Counts():
            return {"pages": self.pages} | texts
        boxes = {"det_p": self.detection.precision, "det_r": self.detection.recall, "det_h": self.detection.f1}
        lines = self.matched.summary()
        matched = {"matched": lines["lines"]} | {n: lines[n] for n in ("cer", "acc", "space_f1", "digit_acc") if n in lines}
        return {"pages": self.pages} | boxes | texts | matched | {"order": self.flow.recall}


def page(
    labels: Sequence[Mapping[str, Any]], polygons: Sequence[ArrayLike], texts: Sequence[str], case: bool = False
) -> PageScore:
    """Score of one page against the `lines` of its row in a labels.jsonl.

    labels: mappings with `text`, `points` (None where only the text is known) and maybe `ignore`; polygons: (P, 2)
    each, in the same pixels; texts: what was read there, in reading order. What lies in an ignored region counts
    neither way. Boxes are scored on pages where every true line has points. Without `case`, matched lines are folded.
    """
    # What counts: true lines that are not ignored, found boxes outside of the ignored regions.
    lines, ignored = _by_ignore(labels)
    kept = outside(polygons, [row["points"] for row in ignored if row.get("points")])
    boxes, read = [polygons[i] for i in kept], [texts[i] for i in kept]
    truth = [str(row.get("text", "")) for row in lines]
    # Texts are compared wherever they stand; boxes, their lines and their order where the truth has boxes.
    score = PageScore(1, tokens=tokens(truth, read, case), characters=characters(truth, read, case))
    if not lines or not all(row.get("points") for row in lines):
        return score
    pairs = match([row["points"] for row in lines], boxes)
    return replace(
        score,
        detection=Counts(len(pairs), len(lines), len(boxes)),
        matched=recognition((fold(truth[t], case), fold(read[f], case)) for t, f in pairs),
        flow=order([t for t, _ in sorted(pairs, key=lambda pair: pair[1])]),
    )


def _by_ignore(labels: Sequence[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The rows that count, and those to be ignored."""
    return [row for row in labels if not row.get("ignore")], [row for row in labels if row.get("ignore")]
