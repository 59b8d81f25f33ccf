"""The text a PDF's pages already have: where its characters stand, and whether they say what was read."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from inkline.errors import SourceError
from inkline.formats.pdf_page import inverse
from inkline.formats.pdf_silence import silence
from inkline.formats.pdf_text_layer import Affine
from inkline.io.pdf import Pdf
from inkline.options import ReadOptions
from inkline.types import Floats, Line, Page

if TYPE_CHECKING:
    import pikepdf

MIN_COVER = 0.3  # a line has text already when its box holds this share of as many characters
MIN_AGREEMENT = 0.5  # below this similarity a page's text does not say what was read
MIN_COMPARED = 12  # characters; fewer tell nothing
MAX_UNREADABLE = 0.3  # a layer with a larger share of characters that mean nothing is broken whatever was read
MIN_CONFIDENCE = 0.8  # what was read with a lower mean score is no reason to replace what is there


class OldText:
    """The text of an open PDF, read through PDFium. Close it when done (`with`)."""

    def __init__(self, source: Path | bytes, password: str) -> None:
        """SourceError when PDFium cannot open the file."""
        self._pdf = Pdf(source, ReadOptions(pdf_password=password))

    def __enter__(self) -> "OldText":
        return self

    def __exit__(self, *_: object) -> None:
        self._pdf.close()

    def lines_to_add(
        self,
        pdf: "pikepdf.Pdf",
        target: "pikepdf.Page",
        index: int,
        page: Page,
        to_user: Affine,
        mode: Literal["auto", "keep", "replace", "check"],
    ) -> tuple[Sequence[Line], str]:
        """The lines to write onto a page, whose own text is silenced where `mode` says so, and a warning or "".

        `to_user` takes the source pixels of `page` to the user space of `target`, page `index` of `pdf`.
        """
        if mode == "replace":
            silence(pdf, target)
            return page.lines, ""
        text = self._page_text(index, inverse(to_user))
        warning = ""
        if mode in ("auto", "check"):
            verdict = compare(page.lines, text)
            if verdict.disagrees:
                warning = f"the text it has is not what was read ({verdict})"
                if mode == "auto" and verdict.confidence >= MIN_CONFIDENCE:
                    silence(pdf, target)
                    return page.lines, f"{warning}; replaced"
                warning += "; kept"
        return uncovered(page.lines, text), warning

    def _page_text(self, index: int, to_source: Affine) -> "PageText":
        """The characters of a page, their centres taken from user space to source pixels."""
        try:
            text, points = self._pdf.characters(index)
        except SourceError:  # a page that cannot be loaded has no text to respect
            return PageText("", np.zeros((0, 2), np.float32))
        centres = points @ to_source[:, :2].T + to_source[:, 2]
        return PageText(text, np.asarray(centres, np.float32))


@dataclass(frozen=True, eq=False)
class PageText:
    """The visible characters of a page, in the page's own order. centres: (N, 2) float32, in source pixels."""

    text: str
    centres: Floats

    def inside(self, quad: Floats) -> str:
        """The characters whose centres lie in a quad of source pixels."""
        if not self.text:
            return ""
        a, b = np.asarray(quad, np.float64), np.roll(np.asarray(quad, np.float64), -1, axis=0)
        edge, to = (b - a)[:, None], self.centres[None] - a[:, None]
        side = edge[..., 0] * to[..., 1] - edge[..., 1] * to[..., 0]
        within = (side >= 0).all(axis=0) | (side <= 0).all(axis=0)
        return "".join(self.text[i] for i in np.flatnonzero(within).tolist())


@dataclass(frozen=True)
class Verdict:
    """How a page's text compares with what was read.

    agreement: 0..1, the similarity of lines that both have; compared: how many read characters that rests on;
    confidence: 0..1, the mean score of the lines compared, 0 for none; unreadable: share 0..1 of the page's characters
    that mean nothing (private use, replacement, control).
    """

    agreement: float
    compared: int
    confidence: float
    unreadable: float

    @property
    def disagrees(self) -> bool:
        """Whether the text is not that of the page: a broken encoding, or the text of another page."""
        return self.unreadable > MAX_UNREADABLE or (self.compared >= MIN_COMPARED and self.agreement < MIN_AGREEMENT)

    def __str__(self) -> str:
        return f"{self.agreement:.0%} alike over {self.compared} characters, {self.unreadable:.0%} unreadable"


def uncovered(lines: Sequence[Line], text: PageText) -> list[Line]:
    """The lines that the page has no text for."""
    return [line for line in lines if not _is_covered(line, text.inside(line.quad))]


def compare(lines: Sequence[Line], text: PageText) -> Verdict:
    """How the page's text compares with the lines that were read."""
    alike = scores = 0.0
    compared = 0
    for line in lines:
        inside = text.inside(line.quad)
        if not _is_covered(line, inside):
            continue
        read, own = _plain(line.text), _plain(inside)
        if read:
            alike += len(read) * _similarity(read, own)
            scores += len(read) * line.score
            compared += len(read)
    meaningless = sum(unicodedata.category(c) in ("Cc", "Co", "Cn") or c == "\ufffd" for c in text.text)
    unreadable = meaningless / len(text.text) if text.text else 0.0
    return Verdict(alike / max(compared, 1), compared, scores / max(compared, 1), unreadable)


def _is_covered(line: Line, inside: str) -> bool:
    return len(inside) >= max(1.0, MIN_COVER * len("".join(line.text.split())))


def _plain(text: str) -> str:
    """Letters and digits alone, without case, accents kept."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _similarity(read: str, own: str) -> float:
    """0..1; the order of the page's characters does not matter for right-to-left text, which PDFs store either way."""
    return max(SequenceMatcher(None, read, own, autojunk=False).ratio(), SequenceMatcher(None, read, own[::-1]).ratio())
