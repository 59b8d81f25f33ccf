"""Results to files: the table of formats, files that appear whole or not at all, and the file names of PaddleOCR.

To add a format: a function `render_...(document: Document) -> str | bytes`, and a line in `WRITERS`.
"""

import importlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import cast

from inkline.errors import OutputError, UsageError, near
from inkline.files import atomic_write
from inkline.io.sources import PICTURE_SUFFIXES, document_stem, page_stem, picture_suffix
from inkline.options import PdfOptions
from inkline.types import Document, Image, Page

AnyPath = str | os.PathLike[str]

# format -> (the ending of its files, module:function that makes their content; text is written as UTF-8)
WRITERS: dict[str, tuple[str, str]] = {
    "json": (".json", "inkline.formats.records:render_json"),
    "txt": (".txt", "inkline.formats.text:render_txt"),
    "img": (".png", "inkline.formats.draw:render_img"),
    "layout": (".layout.txt", "inkline.formats.text:render_layout"),
    "md": (".md", "inkline.formats.text:render_md"),
    "tsv": (".tsv", "inkline.formats.records:render_tsv"),
    "csv": (".csv", "inkline.formats.records:render_csv"),
    "jsonl": (".jsonl", "inkline.formats.records:render_jsonl"),
    "hocr": (".hocr", "inkline.formats.xml:render_hocr"),
    "alto": (".alto.xml", "inkline.formats.xml:render_alto"),
    "page": (".page.xml", "inkline.formats.xml:render_page_xml"),
    "parquet": (".parquet", "inkline.formats.records:render_parquet"),
    "pdf": (".pdf", "inkline.formats.searchable_pdf:render_pdf"),
}

# Formats with one file per page, as in PaddleOCR or because they hold only one; the others have one file per document.
PER_PAGE = frozenset({"json", "img", "page"})


# format -> (what to install, the modules it needs)
EXTRA_PACKAGES = {
    "pdf": (
        "searchable PDF needs pikepdf and fontTools: pip install 'inkline[pdf]'",
        ("pikepdf", "fontTools.fontBuilder"),
    ),
    "parquet": ("Parquet needs pyarrow: install it with `pip install 'inkline[parquet]'`", ("pyarrow.parquet",)),
}


def check_packages(formats: Iterable[str]) -> None:
    """OutputError with the extra's name when what a format needs is not installed: better known before reading."""
    for name in formats:
        advice, modules = EXTRA_PACKAGES.get(name, ("", ()))
        try:
            for module in modules:
                importlib.import_module(module)
        except ImportError as error:
            raise OutputError(advice) from error


def check_formats(formats: str | Iterable[str]) -> tuple[str, ...]:
    """Format names from `"json,txt"` or a list of them, without repeats; UsageError for one that does not exist."""
    names = formats.split(",") if isinstance(formats, str) else list(formats)
    names = [name.strip().lower() for name in names if name.strip()]
    for name in names:
        if name not in WRITERS:
            raise UsageError(f"output format {name!r}: must be one of {', '.join(WRITERS)}{near(name, WRITERS)}")
    if not names:
        raise UsageError(f"no output format given: must be one or more of {', '.join(WRITERS)}")
    return tuple(dict.fromkeys(names))


def suffix_of(format: str) -> str:
    """The ending of this format's files, with its dot."""
    return WRITERS[check_formats(format)[0]][0]


def render(results: Document | Page, format: str, pdf: PdfOptions | None = None, suffix: str = ".png") -> str | bytes:
    """The content of a file of this format; a page counts as a document of one page.

    pdf: how PDFs are written. suffix: as which kind of file a picture (`img`) is encoded.
    """
    name = check_formats(format)[0]
    module, _, function = WRITERS[name][1].partition(":")
    how = {"pdf": (pdf,), "img": (suffix,)}.get(name, ())
    document = results if isinstance(results, Document) else Document((results,), results.source)
    return cast("str | bytes", getattr(importlib.import_module(module), function)(document, *how))


def write(results: Document | Page, path: AnyPath, format: str | None = None, pdf: PdfOptions | None = None) -> Path:
    """Write results to `path`, whole or not at all; the path's ending tells the format where none is given.

    A picture is encoded as the path's ending says; `pdf` says how PDFs are written. Errors: UsageError for a format that
    does not exist or cannot be told; OutputError when the file cannot be written.
    """
    path = Path(path)
    name = _format_of(path) if format is None else check_formats(format)[0]
    content = render(results, name, pdf, path.suffix)
    # A file name that is not UTF-8 comes as lone surrogates; backslashreplace makes of them what JSON calls an escape.
    replace_file(path, content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content)
    return path


def save(
    results: Document | Page,
    folder: AnyPath,
    formats: str | Iterable[str],
    taken: dict[str, str] | None = None,
    pdf: PdfOptions | None = None,
) -> list[Path]:
    """Write every format into `folder` (made when missing) under PaddleOCR's names, and give the paths written.

    Names are `<stem>_res.json`, `<stem>_ocr_res_img.<the input's ending, or png>`, `<stem>_res.<ending>` for the
    others, and `<stem>_<page>_...` for what holds one page of several. `taken` is a dict that the caller keeps over
    several calls: it holds the stems given out, so that `a/x.png` and `b/x.png` do not overwrite each other.
    """
    names = check_formats(formats)
    folder = make_folder(folder)
    stem = document_stem(results.source, taken)
    paths = []
    for name in names:
        parts: Iterable[Document | Page] = (results,)
        if name in PER_PAGE and isinstance(results, Document):
            parts = results.pages
        for part in parts:
            part_stem = page_stem(stem, results.source, _page_index(part), taken)
            if name == "img":
                paths += _save_pictures(cast(Page, part), folder, part_stem)
            else:
                paths.append(write(part, folder / f"{part_stem}_res{suffix_of(name)}", name, pdf))
    return paths


def stem_of_result(name: str) -> str | None:
    """The stem of the source that a picture or PDF is called after, if it is called as `save` calls those that it writes."""
    path = PurePath(name)
    pictures = ("_ocr_res_img", "_preprocessed_img") if path.suffix.lower() in PICTURE_SUFFIXES else ()
    ends = ("_res",) if path.suffix.lower() == ".pdf" else pictures
    page = next((path.stem.removesuffix(end) for end in ends if path.stem.endswith(end)), None)
    return None if page is None else re.sub(r"_\d+$", "", page)


def has_plain_names(results: Document | Page, taken: dict[str, str]) -> bool:
    """Whether `save` gave these results the names of their own source, which no source before it had."""
    source, page_index = results.source, _page_index(results)
    given, plain = document_stem(source, taken), document_stem(source)
    return page_stem(given, source, page_index, taken) == page_stem(plain, source, page_index)


def _page_index(results: Document | Page) -> int | None:
    return results.page_index if isinstance(results, Page) else None


def make_folder(folder: AnyPath) -> Path:
    """The folder, made with its parents when missing; OutputError when it cannot be."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make this folder: {error.strerror or error}; choose another") from error
    return Path(folder)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; devices and pipes (`/dev/stdout`) are written to as they are.

    Errors: OutputError (disk full, no permission, ...).
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            path.write_bytes(content)
        else:
            atomic_write(path, content)
    except OSError as error:
        raise OutputError(f"{path}: cannot write this file: {error.strerror or error}; choose another path") from error


def write_picture(path: Path, image: Image) -> None:
    """Write a picture in the kind of file that the name's ending tells, PNG without one.

    Errors: UsageError for an ending that pictures cannot have, OutputError as `replace_file`.
    """
    from inkline.formats.draw import encode_image

    replace_file(path, encode_image(image, path.suffix or ".png"))


def _format_of(path: Path) -> str:
    """The format whose files end like `path`; UsageError when there is none."""
    # The longest ending wins: `a.layout.txt` is not a plain `.txt`.
    known = {suffix_of(name): name for name in WRITERS}
    for suffix in sorted(known, key=len, reverse=True):
        if path.name.lower().endswith(suffix):
            return known[suffix]
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return "img"
    raise UsageError(f"{path}: cannot tell the format from this ending; give one of {', '.join(WRITERS)}")


def _save_pictures(page: Page, folder: Path, stem: str) -> list[Path]:
    """The page's picture, and that of the turning and unwarping where these stages ran."""
    from inkline.formats.draw import draw_preprocessing

    ending = picture_suffix(page.source)
    paths = [write(page, folder / f"{stem}_ocr_res_img{ending}", "img")]
    steps = draw_preprocessing(page)
    if steps is not None:
        paths.append(folder / f"{stem}_preprocessed_img{ending}")
        write_picture(paths[-1], steps)
    return paths
