"""Which lines of a document are worth a look: as few as leave no more than a given share of wrong lines among the rest."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inkline.errors import UsageError
from inkline.formats.line_geometry import bounds
from inkline.types import Line, Page

MANY = 0.5  # share of the lines, from which a list is hardly worth it
SHORT = 0.1  # of the lines, for the list that is named in its place
CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")  # what would break a row
COLUMNS = ("source", "page", "line", "confidence", "x0", "y0", "x1", "y1", "text")


@dataclass(frozen=True, eq=False)
class Doubtful:
    """A line to look at: its page, and its number in `page.lines`, from 0."""

    page: Page
    number: int

    @property
    def line(self) -> Line:
        return self.page.lines[self.number]

    def to_dict(self) -> dict[str, Any]:
        """Where it is, how certain and what was read, as plain JSON values."""
        place = {"input_path": self.page.source, "page_index": self.page.page_index, "line": self.number + 1}
        box, line = list(bounds([self.line.quad])), self.line
        return {**place, "confidence": line.confidence, "box": box, "text": line.text, "unread": line.unread}

    def __str__(self) -> str:
        """`scan.pdf, page 2, line 7, 43 %: what was read`; what would break the row is a space."""
        page = "" if self.page.page_index is None else f", page {self.page.page_index + 1}"
        what = "not read" if self.line.unread else f"{100 * (self.line.confidence or 0):.0f} %: {self.line.text}"
        return CONTROL.sub(" ", f"{self.page.source or '-'}{page}, line {self.number + 1}, {what}")


@dataclass(frozen=True, eq=False)
class Review:
    """What is to be looked at of some pages.

    lines: the least certain first, those that could not be read among them. total: how many lines there are. share: of
    wrong lines among the others that was allowed, 0..1; expected: what is expected of these. note: what to know of a list
    that has all lines or most of them; empty for others.
    """

    lines: tuple[Doubtful, ...]
    total: int
    share: float
    expected: float
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; `line` counts from 1 as in CSV, boxes are x_min, y_min, x_max, y_max in whole source pixels."""
        facts = {"share": self.share, "expected": self.expected, "total": self.total, "note": self.note}
        return {"review": {**facts, "lines": [one.to_dict() for one in self.lines]}}

    def to_tsv(self) -> str:
        """`COLUMNS`, and a row for each line, the least certain first; what would break a row becomes a space."""
        rows = [COLUMNS]
        for one in self.lines:
            values = one.to_dict()
            number = "" if values["page_index"] is None else values["page_index"] + 1
            source, text = (CONTROL.sub(" ", values[key] or "") for key in ("input_path", "text"))
            rows.append((source, number, values["line"], f"{values['confidence']:.4f}", *values["box"], text))
        return "".join("\t".join(map(str, row)) + "\n" for row in rows)

    @property
    def summary(self) -> str:
        """How many lines there are to look at, what is expected of the others, and the note, if any, on a row of its own."""
        share = 100 * len(self.lines) / max(self.total, 1)
        looked_at = f"look at {len(self.lines)} of {self.total} lines ({share:.1f} %)" if self.lines else "no line to look at"
        others = self.total - len(self.lines)
        rest = f"of the other {others} {self.expected:.2%} are expected to be wrong" if others else "there are no others"
        return "\n".join([f"{looked_at}: {rest}", *filter(None, [self.note])])

    def __str__(self) -> str:
        """What a person is told: the summary, then each line on a row."""
        return "\n".join([self.summary, *map(str, self.lines)])


def review(pages: Iterable[Page], share: float) -> Review:
    """The shortest list of lines to look at, so that of the others at most `share` (0..1) are expected to be wrong.

    It is one list for all pages: of clean pages hardly a line is on it. UsageError for a share that is none, and for lines
    whose confidence is not known.
    """
    if not 0 <= share <= 1:
        raise UsageError(f"review={share}: must be a share of lines between 0 and 1, for instance 0.05")
    lines = [Doubtful(page, i) for page in pages for i in range(len(page.lines))]
    known = [one.line.confidence for one in lines if one.line.confidence is not None]
    if len(known) < len(lines):
        raise UsageError("these lines have no confidence: it comes with pages that were read here; read them again")
    chosen = to_review(known, share)
    rest = set(range(len(lines))) - set(chosen)
    expected = float(np.mean([1 - known[i] for i in rest])) if rest else 0.0
    return Review(tuple(lines[i] for i in chosen), len(lines), share, expected, _note(known, len(chosen), share))


def _note(confidences: Sequence[float], chosen: int, share: float) -> str:
    """What to know of a list of this many of the lines, where it has all of them or most."""
    total = len(confidences)
    if chosen < MANY * total or not chosen:
        return ""
    doubts = np.sort(1 - np.asarray(confidences))
    short = max(round(SHORT * total), 1)
    others = f"; a look at {short} of {total} leaves {doubts[: total - short].mean():.2%}" if total > short else ""
    if chosen < total:
        return f"most lines are on this list, as {share:.2%} is little for so doubtful a text{others}"
    return f"{share:.2%} cannot be promised without a look at every line: the surest may be wrong by {doubts[0]:.2%}{others}"


def to_review(confidences: Sequence[float], share: float) -> list[int]:
    """Indices of the least certain lines, least first, without which the mean doubt of the others is at most `share`."""
    surest = np.argsort(-np.asarray(confidences), kind="stable")
    doubt = np.cumsum(1 - np.asarray(confidences)[surest]) / np.arange(1, len(surest) + 1)
    kept = int((doubt <= share + 1e-12).sum())  # doubt grows along the list
    chosen: list[int] = surest[kept:][::-1].tolist()
    return chosen
