"""The text a PDF's pages already have: whether it says what was read, and how it is hidden from readers.

Hiding touches nothing that can be seen. Invisible text (render mode 3, the layer of another OCR) is removed; visible text
stays, but is marked as meaning a space, which poppler, PDFium and viewers built on them respect.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import pikepdf
from pikepdf import ContentStreamInstruction, Dictionary, Name, Operator, Stream, String

from inkline.errors import SourceError
from inkline.formats.pdf_word_spans import Affine
from inkline.io.pdf import PdfReader
from inkline.types import Floats, Line, Page

MIN_COVERED_SHARE = 0.3  # a line has text already when its box holds this share of as many characters
MIN_SIMILARITY = 0.5  # below it a page's text does not say what was read
MIN_COMPARED_CHARACTERS = 12  # fewer tell nothing
MAX_UNREADABLE_SHARE = 0.3  # with more characters that mean nothing a text layer is broken, whatever was read
MIN_CONFIDENCE_TO_REPLACE = 0.8  # mean score; what was read with less is no reason to replace what is there
SHOW_OPERATORS = ("Tj", "TJ", "'", '"')
INVISIBLE_MODE = 3
MAX_FORM_DEPTH = 12


def lines_to_add(
    pdf: pikepdf.Pdf, reader: PdfReader, index: int, page: Page, to_user: Affine, mode: str
) -> tuple[Sequence[Line], str]:
    """The lines to write onto page `index` of a PDF, and a warning or ""; its own text is hidden where `mode` says so.

    reader: the same PDF in PDFium. to_user: takes the source pixels of `page` to the user space of the PDF's page.
    mode: `PdfOptions.text_layer`.
    """
    target = pdf.pages[index]
    if mode == "replace":
        hide_text(pdf, target)
        return page.read_lines, ""
    text, warning = _page_text(reader, index, to_user), ""
    if mode in ("auto", "check"):
        difference, confidence = compare(page.read_lines, text)
        if difference and mode == "auto" and confidence >= MIN_CONFIDENCE_TO_REPLACE:
            hide_text(pdf, target)
            return page.read_lines, f"the text it has is not what was read ({difference}); replaced"
        if difference:
            warning = f"the text it has is not what was read ({difference}); kept"
    return [line for line in page.read_lines if not _is_covered(line, text.inside(line.quad))], warning


def _page_text(reader: PdfReader, index: int, to_user: Affine) -> "PageText":
    """The characters of a page, their centres taken from user space to source pixels."""
    try:
        text, points = reader.characters(index)
    except SourceError:  # a page that cannot be loaded has no text to respect
        return PageText("", np.zeros((0, 2), np.float32))
    centres = np.linalg.solve(to_user[:, :2], (points - to_user[:, 2]).T).T
    return PageText(text, np.asarray(centres, np.float32))


@dataclass(frozen=True, eq=False)
class PageText:
    """The visible characters of a page, in the page's own order. centres: (N, 2) float32, in source pixels."""

    text: str
    centres: Floats

    def inside(self, quad: Floats) -> str:
        """The characters whose centres lie in a quad of source pixels."""
        # A point lies inside when it is on the same side of all four edges.
        start = np.asarray(quad, np.float64)
        edge, to = (np.roll(start, -1, axis=0) - start)[:, None], self.centres[None] - start[:, None]
        side = edge[..., 0] * to[..., 1] - edge[..., 1] * to[..., 0]
        within = (side >= 0).all(axis=0) | (side <= 0).all(axis=0)
        return "".join(self.text[i] for i in np.flatnonzero(within).tolist())


def compare(lines: Sequence[Line], text: PageText) -> tuple[str, float]:
    """How the page's text differs from the lines that were read ("" where it does not), and how sure the reading is.

    The text differs when it has a broken encoding or is that of another page. The second value is the mean score, 0..1,
    of the lines that both have; 0 for none.
    """
    alike = scores = 0.0
    compared = 0
    for line in lines:
        inside = text.inside(line.quad)
        read, own = _letters(line.text), _letters(inside)
        if read and _is_covered(line, inside):
            # The order does not matter for right-to-left text, which PDFs store either way.
            forwards = SequenceMatcher(None, read, own, autojunk=False).ratio()
            alike += len(read) * max(forwards, SequenceMatcher(None, read, own[::-1]).ratio())
            scores += len(read) * line.score
            compared += len(read)
    similarity, confidence = alike / max(compared, 1), scores / max(compared, 1)
    # Characters that mean nothing: private use, replacement, control.
    meaningless = sum(unicodedata.category(c) in ("Cc", "Co", "Cn") or c == "\ufffd" for c in text.text)
    unreadable = meaningless / max(len(text.text), 1)
    differs = compared >= MIN_COMPARED_CHARACTERS and similarity < MIN_SIMILARITY
    if not differs and unreadable <= MAX_UNREADABLE_SHARE:
        return "", confidence
    return f"{similarity:.0%} alike over {compared} characters, {unreadable:.0%} unreadable", confidence


def _is_covered(line: Line, inside: str) -> bool:
    return len(inside) >= max(1.0, MIN_COVERED_SHARE * len("".join(line.text.split())))


def _letters(text: str) -> str:
    """Letters and digits alone, without case, accents kept."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def hide_text(pdf: pikepdf.Pdf, page: pikepdf.Page) -> None:
    """Remove invisible text from a page and its forms, and mark visible text as blank; other pages do not change."""
    resources = page.resources
    forms = _copied_forms(resources)
    data = _TextHider(pdf, forms, 0, 0).hide(page.obj)
    if data is not None:
        page.obj[Name.Resources] = _with_forms(resources, forms)
        page.obj[Name.Contents] = pdf.make_stream(data)


class _TextHider:
    """Rewrites the operators of one page or form; forms that hold text are replaced in `forms`, a dictionary of copies."""

    def __init__(self, pdf: pikepdf.Pdf, forms: Any, mode: int, depth: int) -> None:
        """mode: the text render mode at the beginning. depth: how many forms hold this one."""
        self._pdf, self._forms, self._mode, self._depth = pdf, forms, mode, depth
        self._saved_modes: list[int] = []  # of the graphics states saved by `q`
        self._changed = False

    def hide(self, holder: Any) -> bytes | None:
        """The new content of a page or form, None when it has no text."""
        out: list[Any] = []
        text_object: list[Any] | None = None
        shown_modes: set[int] = set()  # the render modes in which the open text object shows something
        for instruction in pikepdf.parse_content_stream(holder):
            name = str(instruction.operator)
            self._follow(name, instruction.operands)
            if name == "BT":
                text_object, shown_modes = [], set()
            if name in SHOW_OPERATORS:
                shown_modes.add(self._mode)
            (out if text_object is None else text_object).append(instruction)
            if name == "ET" and text_object is not None:
                out += _hidden(text_object, shown_modes == {INVISIBLE_MODE})
                self._changed |= bool(shown_modes)
                text_object = None
        out += text_object or []
        return pikepdf.unparse_content_stream(out) if self._changed else None

    def _follow(self, name: str, operands: Any) -> None:
        """Keep the text render mode, and hide text in the forms that are shown."""
        if name == "q":
            self._saved_modes.append(self._mode)
        elif name == "Q" and self._saved_modes:
            self._mode = self._saved_modes.pop()
        elif name == "Tr" and operands:
            self._mode = int(operands[0])
        elif name == "Do" and operands and self._depth < MAX_FORM_DEPTH:
            self._hide_in_form(str(operands[0]))

    def _hide_in_form(self, name: str) -> None:
        """Replace a form that has text by a copy without."""
        form = self._forms.get(name)
        if not isinstance(form, Stream) or form.get("/Subtype") != Name.Form:
            return
        resources = form.get("/Resources")
        inner = _copied_forms(resources)
        data = _TextHider(self._pdf, inner, self._mode, self._depth + 1).hide(form)
        if data is None:
            return
        entries = {k: v for k, v in form.stream_dict.items() if k not in ("/Length", "/Filter", "/DecodeParms")}
        if resources is not None:
            entries["/Resources"] = _with_forms(resources, inner)
        self._forms[name] = self._pdf.make_indirect(Stream(self._pdf, data, entries))
        self._changed = True


def _hidden(text_object: list[Any], invisible: bool) -> list[Any]:
    """A text object without what it shows, or with all of it marked as a space.

    One that shows both kinds keeps all of it: the place of its later parts depends on the earlier ones.
    """
    if invisible:
        return [i for i in text_object if str(i.operator) not in SHOW_OPERATORS]
    blank = ContentStreamInstruction([Name.Span, Dictionary(ActualText=String(" "))], Operator("BDC"))
    end = ContentStreamInstruction([], Operator("EMC"))
    out = []
    for instruction in text_object:
        shows = str(instruction.operator) in SHOW_OPERATORS
        out += [blank, instruction, end] if shows else [instruction]
    return out


def _copied_forms(resources: Any) -> Any:
    """A copy of the dictionary of forms and images in resources that other pages may share."""
    forms = resources.get("/XObject") if resources is not None else None
    return Dictionary(dict(forms.items())) if forms is not None else Dictionary()


def _with_forms(resources: Any, forms: Any) -> Any:
    own = Dictionary(dict(resources.items()))
    own[Name.XObject] = forms
    return own
