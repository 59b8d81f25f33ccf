"""Taking a page's text out of the reach of readers without touching what can be seen.

Unseen text (render mode 3, the layer of another OCR) is removed. Visible text stays, but is marked as meaning a space:
poppler and PDFium, and viewers built on them, then take nothing else from it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pikepdf

_SHOW = ("Tj", "TJ", "'", '"')
MAX_FORM_DEPTH = 12


def silence(pdf: "pikepdf.Pdf", page: "pikepdf.Page") -> None:
    """Remove unseen text from a page and the forms it shows, and mark visible text as blank; other pages do not change."""
    from pikepdf import Dictionary, Name

    resources = page.resources
    forms = resources.get("/XObject")
    copies = Dictionary(dict(forms.items())) if forms is not None else Dictionary()
    data = _silenced(pdf, page.obj, copies, 0, 0)
    if data is None:
        return
    # Resources may be shared with other pages, whose forms stay as they are.
    own = Dictionary(dict(resources.items()))
    own[Name.XObject] = copies
    page.obj[Name.Resources] = own
    page.obj[Name.Contents] = pdf.make_stream(data)


def _silenced(pdf: "pikepdf.Pdf", holder: Any, forms: Any, mode: int, depth: int) -> bytes | None:
    """The content of a page or form, None when it has no text; forms with text are replaced in `forms`."""
    import pikepdf

    out: list[Any] = []
    block: list[Any] = []  # the open text object
    stack: list[int] = []
    modes: list[int] = []  # the render modes in which the open text object shows something
    in_text = changed = False
    for instruction in pikepdf.parse_content_stream(holder):
        name = str(instruction.operator)
        if name == "q":
            stack.append(mode)
        elif name == "Q" and stack:
            mode = stack.pop()
        elif name == "Tr" and instruction.operands:
            mode = int(instruction.operands[0])
        elif name == "BT":
            in_text, block, modes = True, [], []
        elif name == "Do" and depth < MAX_FORM_DEPTH:
            changed |= _silence_form(pdf, forms, instruction.operands, mode, depth)
        if name in _SHOW:
            modes.append(mode)
        (block if in_text else out).append(instruction)
        if name == "ET":
            out += _quiet(block, set(modes) == {3})
            changed |= bool(modes)
            in_text = False
    out += block if in_text else []
    return pikepdf.unparse_content_stream(out) if changed else None


def _quiet(block: list[Any], unseen: bool) -> list[Any]:
    """A text object without what it shows, or with all of it marked as a space: parts of one object rest on each other."""
    from pikepdf import ContentStreamInstruction, Dictionary, Name, Operator, String

    if unseen:
        return [i for i in block if str(i.operator) not in _SHOW]
    out = []
    blank = ContentStreamInstruction([Name.Span, Dictionary(ActualText=String(" "))], Operator("BDC"))
    for instruction in block:
        shows = str(instruction.operator) in _SHOW
        out += [blank, instruction, ContentStreamInstruction([], Operator("EMC"))] if shows else [instruction]
    return out


def _silence_form(pdf: "pikepdf.Pdf", forms: Any, operands: Any, mode: int, depth: int) -> bool:
    """Replace a form by a silenced copy; False when it has no text."""
    from pikepdf import Dictionary, Name, Stream

    form = forms.get(str(operands[0])) if operands else None
    if not isinstance(form, Stream) or form.get("/Subtype") != Name.Form:
        return False
    resources = form.get("/Resources")
    inner = resources.get("/XObject") if resources is not None else None
    copies = Dictionary(dict(inner.items())) if inner is not None else Dictionary()
    data = _silenced(pdf, form, copies, mode, depth + 1)
    if data is None:
        return False
    entries = {k: v for k, v in form.stream_dict.items() if k not in ("/Length", "/Filter", "/DecodeParms")}
    if resources is not None:
        own = Dictionary(dict(resources.items()))
        own[Name.XObject] = copies
        entries["/Resources"] = own
    forms[str(operands[0])] = pdf.make_indirect(Stream(pdf, data, entries))
    return True
