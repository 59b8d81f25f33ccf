"""PDF/A-2b (ISO 19005-2): the metadata, output intent and checks that make a searchable PDF fit for archives.

What Inkline makes from images conforms. A PDF from elsewhere may hold what PDF/A forbids and nobody can add: fonts that
are not embedded, encryption, scripts. It is then refused with the reasons, never given a false label.
"""

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, PdfError, Stream, String, parse_content_stream
from PIL import ImageCms

import inkline
from inkline.errors import OutputError

OUTPUT_CONDITION = "sRGB IEC61966-2.1"
FORBIDDEN_ACTIONS = (
    *("/Launch", "/Sound", "/Movie", "/ResetForm", "/ImportData", "/Hide", "/SetOCGState", "/Rendition"),
    *("/Trans", "/GoTo3DView", "/JavaScript"),
)
FORBIDDEN_ANNOTATIONS = ("/3D", "/Sound", "/Screen", "/Movie")
ANNOTATION_FLAGS, PRINTED_AND_SHOWN = 0b100111, 0b100  # the flags that matter, and what they must be
MAX_PROBLEMS_SHOWN = 5


def make_pdfa(pdf: pikepdf.Pdf, label: str) -> None:
    """Add what PDF/A-2b requires; OutputError, beginning with `label`, naming what the PDF holds that it forbids."""
    if "/OutputIntents" in pdf.Root:  # another condition would contradict ours; pages are looked at below
        del pdf.Root["/OutputIntents"]
    found = list(dict.fromkeys(problems(pdf)))
    if found:
        shown = "; ".join(found[:MAX_PROBLEMS_SHOWN])
        if len(found) > MAX_PROBLEMS_SHOWN:
            shown += f" (and {len(found) - MAX_PROBLEMS_SHOWN} more)"
        raise OutputError(f"{label}: cannot be PDF/A-2b: {shown}; leave pdfa off, or convert it first")
    intent = Dictionary(
        Type=Name.OutputIntent,
        S=Name("/GTS_PDFA1"),
        OutputConditionIdentifier=String(OUTPUT_CONDITION),
        Info=String(OUTPUT_CONDITION),
        DestOutputProfile=pdf.make_indirect(pdf.make_stream(srgb_profile(), N=3)),
    )
    pdf.Root[Name.OutputIntents] = Array([pdf.make_indirect(intent)])
    with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
        metadata.load_from_docinfo(pdf.docinfo, delete_missing=False)
        metadata["pdf:Producer"] = f"inkline {inkline.__version__}"
        metadata["pdfaid:part"] = "2"
        metadata["pdfaid:conformance"] = "B"


def srgb_profile() -> bytes:
    """An ICC profile of sRGB, made by littleCMS, with a fixed date so that equal input gives equal files."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 1 January 2000
    return bytes(profile)


def problems(pdf: pikepdf.Pdf) -> Iterator[str]:
    """What a PDF holds that PDF/A-2b forbids, as far as its structure tells: one short sentence each."""
    if pdf.is_encrypted:
        yield "it is encrypted"
    if float(pdf.pdf_version) > 1.7:
        yield f"it is a PDF {pdf.pdf_version}"
    yield from _catalog_problems(pdf.Root)
    for item in pdf.objects:
        for part in _parts(item):
            yield from _object_problems(part)
    for number, page in enumerate(pdf.pages, 1):
        for problem in (*_annotation_problems(page), *_content_problems(page)):
            yield f"page {number}: {problem}"


def _catalog_problems(root: Any) -> Iterator[str]:
    if "/AA" in root:
        yield "it runs actions by itself"
    names, form = root.get("/Names"), root.get("/AcroForm")
    if names is not None and "/JavaScript" in names:
        yield "it holds scripts"
    if names is not None and "/EmbeddedFiles" in names:
        yield "it holds attached files"
    if form is not None and ("/XFA" in form or form.get("/NeedAppearances", False)):
        yield "its form has no fixed appearance"


def _parts(item: Any) -> Iterator[Any]:
    """The dictionaries and streams in an object, itself included, up to references to others."""
    stack = [item]
    while stack:
        part = stack.pop()
        children: list[Any] = []
        if isinstance(part, (Dictionary, Stream)):
            yield part
            children = list(dict(part.items()).values())
        elif isinstance(part, Array):
            children = list(part)
        stack += [child for child in children if not getattr(child, "is_indirect", False)]


def _object_problems(item: Any) -> Iterator[str]:
    """Of one dictionary or stream, wherever it is used."""
    # A Type 3 font holds its glyphs itself, and the descendant of a Type 0 font is an object of its own.
    kind, action = str(item.get("/Type", "")), str(item.get("/S", ""))
    if kind == "/Font" and item.get("/Subtype") not in ("/Type3", "/Type0") and not _is_embedded(item):
        yield f"the font {str(item.get('/BaseFont', '?'))[1:]} is not embedded"
    if action in FORBIDDEN_ACTIONS and kind in ("", "/Action"):
        yield f"it holds a {action[1:]} action"
    if isinstance(item, Stream):
        yield from _stream_problems(item)
    if kind == "/ExtGState" and ("/TR" in item or str(item.get("/TR2", "/Default")) != "/Default"):
        yield "it holds transfer functions"


def _stream_problems(stream: Any) -> Iterator[str]:
    """Of one stream and its dictionary."""
    subtype, filters = str(stream.get("/Subtype", "")), str(stream.get("/Filter", ""))
    foreign = subtype == "/PS" or (subtype == "/Form" and ("/PS" in stream or "/Ref" in stream))
    found = {
        "it holds data packed in a forbidden way (LZW or Crypt)": "/LZWDecode" in filters or "/Crypt" in filters,
        "it refers to data outside of the file": "/F" in stream,
        "it holds PostScript or content of another file": foreign,
    }
    if subtype == "/Image":
        found["an image asks to be smoothed"] = bool(stream.get("/Interpolate", False))
        found["an image has alternates"] = "/Alternates" in stream or "/OPI" in stream
        found["an image has CMYK colours without a profile"] = stream.get("/ColorSpace") == "/DeviceCMYK"
    return (problem for problem, present in found.items() if present)


def _is_embedded(font: Any) -> bool:
    descriptor = font.get("/FontDescriptor")
    return descriptor is not None and any(name in descriptor for name in ("/FontFile", "/FontFile2", "/FontFile3"))


def _annotation_problems(page: pikepdf.Page) -> Iterator[str]:
    if "/AA" in page.obj:
        yield "it runs actions by itself"
    for note in page.obj.get("/Annots", ()):
        subtype = str(note.get("/Subtype", ""))
        x0, y0, x1, y1 = (float(v) for v in note.get("/Rect", (0, 0, 0, 0)))
        is_empty = x0 == x1 or y0 == y1
        if subtype in FORBIDDEN_ANNOTATIONS:
            yield f"a {subtype[1:]} annotation"
        if subtype not in ("/Popup", "/Link") and "/AP" not in note and not is_empty:
            yield f"a {subtype[1:]} annotation without an appearance"
        if subtype != "/Popup" and int(note.get("/F", 0)) & ANNOTATION_FLAGS != PRINTED_AND_SHOWN:
            yield f"a {subtype[1:]} annotation that is not printed or is hidden"


def _content_problems(page: pikepdf.Page) -> Iterator[str]:
    try:
        operators = {str(i.operator) for i in parse_content_stream(page, "k K")}
    except PdfError:
        yield "its contents are damaged"
        return
    if operators & {"k", "K"}:
        yield "CMYK colours without a profile"
