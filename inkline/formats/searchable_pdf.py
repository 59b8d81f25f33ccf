"""Searchable PDF: the source's pages as they are, under invisible text that stands where the words stand (extra `pdf`).

A PDF keeps its objects: page contents, forms, bookmarks, labels, metadata. An image keeps its compressed data where PDF
knows the format. pikepdf and fontTools are an extra and no base requirement: this format alone needs their 20 MB.
Without them importing this module is an OutputError that says what to install.
"""

import io
import logging
import os
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from warnings import filterwarnings

import numpy as np

import inkline
from inkline.errors import OutputError, PasswordError, SourceError
from inkline.files import atomic_path
from inkline.formats.write import EXTRA_PACKAGES
from inkline.io.images import content_kind
from inkline.io.pdf import PdfReader
from inkline.io.sources import file_kind, open_regular_file
from inkline.options import PdfOptions, ReadOptions
from inkline.types import Document, Image, Page

try:  # the extra `pdf`
    import pikepdf

    from inkline.formats.pdf_existing_text import lines_to_add
    from inkline.formats.pdf_image import PdfImage, add_image_page, image_of_array, image_of_file
    from inkline.formats.pdf_text_layer import TextOverlay, shown_box, user_affine
    from inkline.formats.pdfa import make_pdfa
except ImportError as error:
    raise OutputError(EXTRA_PACKAGES["pdf"][0]) from error

FONT_RESOURCE = "InklineText"

PdfSource = str | os.PathLike[str] | bytes | Sequence[str | os.PathLike[str] | bytes | Image]
PageOrigin = tuple[Path | bytes | Image, int]  # where a page's image is, and its number in a TIFF

log = logging.getLogger(__name__)


def render_pdf(document: Document, options: PdfOptions | None = None) -> bytes:
    """The PDF of a document whose pages know where they come from: their file, or the image in memory.

    Warnings are logged. Errors: OutputError when a page has no image or PDF/A is not possible.
    """
    out, options = io.BytesIO(), options or PdfOptions()
    # Pages that all come from one PDF are written over it; of anything else a new PDF is made.
    sources = {page.source for page in document.pages}
    source = sources.pop() if len(sources) == 1 else None
    if source is not None and file_kind(Path(source)) == "pdf":
        for warning in _write_over_pdf(document, Path(source), out, options):
            log.warning("%s: %s", document.source or "PDF", warning)
    else:
        _write_over_images(document, [_origin(page) for page in document.pages], out, options)
    return out.getvalue()


def write_searchable_pdf(
    document: Document, source: PdfSource, path: str | os.PathLike[str], options: PdfOptions | None = None
) -> tuple[str, ...]:
    """Write what was read over the pages it was read from; the file is replaced whole or not at all.

    source: a PDF (its path or bytes), an image or TIFF, or a list with one image per page: paths, bytes, BGR uint8
    arrays. A page of the document belongs to the source's page of its `page_index`, or of its place where that is None;
    pages of a PDF that were not read stay as they are.
    Returns warnings: text that is not what was read, pages that were left out. Errors: SourceError when the source cannot
    be opened, OutputError when the file cannot be written or PDF/A is not possible.
    """
    path, options = Path(path), options or PdfOptions()
    try:
        with atomic_path(path) as part, open(part, "xb") as file:
            if not isinstance(source, (str, os.PathLike, bytes)):
                origins = _listed_origins(document, source)
            else:
                single = source if isinstance(source, bytes) else Path(source)
                kind = content_kind(single) if isinstance(single, bytes) else file_kind(single)
                if kind == "pdf":
                    return tuple(_write_over_pdf(document, single, file, options))
                origins = [(single, page.page_index or 0) for page in document.pages]
            _write_over_images(document, origins, file, options)
            return ()
    except OSError as error:
        raise OutputError(f"{path}: cannot write this file: {error.strerror or error}") from error


def _write_over_pdf(document: Document, source: Path | bytes, file: Any, options: PdfOptions) -> list[str]:
    """Write a copy of a PDF with the document's text over its pages; gives warnings."""
    # What pikepdf has to say to programmers (a password that was not needed, annotations outside the form) is no user's matter.
    filterwarnings("ignore", category=UserWarning, module=r"inkline\.formats\.|pikepdf\.")
    warnings = []
    read_options = ReadOptions(pdf_password=options.password)
    with _open_pdf(source, options.password) as pdf, closing(PdfReader(source, read_options)) as reader:
        form = pdf.Root.get("/AcroForm")
        if form is not None and int(form.get("/SigFlags", 0)) & 1:
            warnings.append("its digital signatures hold for the original only")
        # Which page of the PDF each page of the document is.
        pages = [(page.page_index if page.page_index is not None else i, page) for i, page in enumerate(document.pages)]
        overlay = TextOverlay(pdf, _free_font_name(pdf, [i for i, _ in pages if i < len(pdf.pages)]))
        for index, page in pages:
            if index >= len(pdf.pages):
                warnings.append(f"page {index + 1}: the PDF has only {len(pdf.pages)} pages; its text is left out")
                continue
            # The text that the page lacks, at the place where a viewer shows it.
            target = pdf.pages[index]
            to_user = user_affine(shown_box(target), target.rotation, page.size)
            lines, warning = lines_to_add(pdf, reader, index, page, to_user, options.text_layer)
            if warning:
                warnings.append(f"page {index + 1}: {warning}")
            overlay.add(target, lines, to_user)
        overlay.finish()
        _save(pdf, file, options, _label(source))
    return warnings


def _write_over_images(document: Document, origins: list[PageOrigin], file: Any, options: PdfOptions) -> None:
    """Write a new PDF with one page per image."""
    with pikepdf.new() as pdf:
        overlay = TextOverlay(pdf, FONT_RESOURCE)
        for page, origin in zip(document.pages, origins, strict=True):
            target = add_image_page(pdf, _page_image(pdf, page, origin), options.image_dpi)
            overlay.add(target, page.read_lines, user_affine(shown_box(target), 0, page.size))
        overlay.finish()
        pdf.docinfo["/Producer"] = f"inkline {inkline.__version__}"
        _save(pdf, file, options, document.source or next((p.source for p in document.pages if p.source), "the pages"))


def _save(pdf: pikepdf.Pdf, file: Any, options: PdfOptions, label: str) -> None:
    """Save as PDF or PDF/A; an encrypted source stays encrypted with its own passwords and permissions.

    label: what errors call the source.
    """
    if options.pdfa:
        make_pdfa(pdf, label)
    try:
        pdf.save(
            file,
            min_version="1.7" if options.pdfa else "1.5",
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            encryption=pdf.is_encrypted,
            deterministic_id=not pdf.is_encrypted,
        )
    except pikepdf.PdfError as error:
        raise OutputError(f"{label}: cannot write this PDF again ({error}); repair it first, as with qpdf") from error


def _page_image(pdf: pikepdf.Pdf, page: Page, origin: PageOrigin) -> PdfImage:
    """The page's image as it is in its file, or its decoded pixels where PDF cannot hold those of the file."""
    data, index = origin
    if isinstance(data, np.ndarray):
        return image_of_array(pdf, data)
    try:
        return image_of_file(pdf, _content(data), index)
    except OutputError:
        if page.load_image is None:
            raise
        return image_of_array(pdf, page.image)


def _listed_origins(document: Document, images: Sequence[Any]) -> list[PageOrigin]:
    """One origin per page, from a list of images."""
    if len(images) != len(document.pages):
        raise OutputError(f"{len(images)} images for {len(document.pages)} pages: give one for each")
    return [(one if isinstance(one, (bytes, np.ndarray)) else Path(one), 0) for one in images]


def _origin(page: Page) -> PageOrigin:
    """The page's image file when it is still there and shows the page as it is, else its pixels."""
    if page.source is not None and file_kind(Path(page.source)) not in (None, "pdf"):
        return Path(page.source), page.page_index or 0
    if page.load_image is None:
        name = page.source or "a page"
        raise OutputError(f"{name}: made without an image, so there is nothing to put under the text; read it again")
    return page.image, 0


def _content(source: Path | bytes) -> bytes:
    """Bytes as they are, or the content of a file; SourceError when it cannot be read."""
    if isinstance(source, bytes):
        return source
    try:
        with open_regular_file(source) as file:
            return file.read()
    except (SourceError, OSError) as error:
        raise SourceError(f"{source}: cannot be read: {error}") from error


def _free_font_name(pdf: pikepdf.Pdf, indices: Sequence[int]) -> str:
    """A name for our fonts: no other font of the pages has one that begins so."""
    taken: set[str] = set()
    for index in indices:
        fonts = pdf.pages[index].resources.get("/Font")
        taken.update(fonts.keys() if fonts is not None else ())
    names = (f"{FONT_RESOURCE}{i}" if i else FONT_RESOURCE for i in count())
    return next(name for name in names if not any(other.startswith(f"/{name}") for other in taken))


def _open_pdf(source: Path | bytes, password: str) -> pikepdf.Pdf:
    """An open PDF; SourceError when it is damaged or its password is missing."""
    try:
        return pikepdf.open(io.BytesIO(source) if isinstance(source, bytes) else source, password=password)
    except pikepdf.PasswordError as error:
        why = "pdf_password is wrong for this PDF" if password else "this PDF needs a password; give it as pdf_password"
        raise PasswordError(f"{_label(source)}: {why}") from error
    except pikepdf.PdfError as error:
        raise SourceError(f"{_label(source)}: the PDF is damaged ({error}); repair it, for instance with qpdf") from error


def _label(source: Path | bytes) -> str:
    return "the given bytes" if isinstance(source, bytes) else str(source)
