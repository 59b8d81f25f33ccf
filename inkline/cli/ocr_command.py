"""`inkline ocr`: read files, folders, URLs and PDFs."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkline.cli.ocr_inputs import may_be_several, tell_left_out, without_results
from inkline.cli.options_help import FORMATS, LongCommand, from_options, given, model_choice, say_damaged, strict_flag
from inkline.cli.paddle_flags import engine_options, old_options, translated
from inkline.errors import InklineError, OutputError, UsageError
from inkline.flat import apply, flat_fields
from inkline.options import EngineOptions, OcrOptions, PdfOptions
from inkline.progress import LogProgress, open_progress

if TYPE_CHECKING:
    from inkline.types import Document, Page


class Share(click.ParamType):  # type: ignore[type-arg]
    """A share of lines: 0.05 or 5%."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{value!r} is no share of lines; give for instance 5% or 0.05", param, ctx)
        return share


DEFAULT_FORMATS = ("json", "img")
NOT_TEXT = frozenset({"img", "pdf", "parquet"})  # formats that are no text, which a terminal cannot show
ONE_DOCUMENT = frozenset({"img", "pdf", "parquet", "hocr", "alto", "page"})  # formats of which two in a row are no file
NAMES_HEAD = ("input", "file")
NAMES_FILE = "names.tsv"  # which files belong to which input, where inputs have the same name
TABLES = frozenset({"csv", "tsv"})  # formats whose first row names the columns
EXAMPLES = """\b
Examples:
  inkline ocr page.png                            print the text
  inkline ocr scans/ --save_path out              <stem>_res.json and a picture for every page
  inkline ocr letter.pdf --save_path out --format txt,json
  inkline ocr letter.pdf --format md > letter.md
  inkline ocr scan.pdf --save_path out --format pdf --text_layer replace      a searchable PDF
  inkline ocr photo.jpg --lang fr --use_textline_orientation true
  inkline ocr scans/ --review 5% > text.txt       the text, and which lines to look at
  curl -s https://example.org/a.png | inkline ocr -
"""


@click.command(cls=LongCommand, epilog=EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("-i", "--input", "more_inputs", multiple=True, help="another input, as PaddleOCR spells it")
@click.option("--save_path", help="folder for the results; without it the text goes to standard output")
@click.option(
    "--format",
    "formats",
    help=f"comma-separated formats out of {FORMATS}; with --save_path json,img; without it one, to standard output",
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON line per page instead of the text")
@click.option("--quiet", is_flag=True, help="no progress, no text; warnings and errors only")
@click.option(
    "--review",
    type=Share(),
    metavar="SHARE",
    help="also list the fewest lines to look at, so that of the others at most this share (5% or 0.05) is expected to be "
    "wrong; on standard error, or in --save_path as review.tsv; with --json as its last line",
)
@strict_flag
@click.option("--print_results", is_flag=True, hidden=True, help="print each page as PaddleX does")
@click.option("--image_dir", hidden=True)
@model_choice
@from_options(OcrOptions, without=flat_fields(EngineOptions))
@from_options(PdfOptions, without=("pdf_password",))
@engine_options
@old_options
def ocr(inputs: tuple[str, ...], more_inputs: tuple[str, ...], image_dir: str | None, **values: Any) -> None:
    """Find and read the text of images, PDFs, folders, globs, URLs or standard input (-).

    Exit status: 0 when all was read, 1 when some input could not be read (the rest is) or, with --strict, was damaged and
    read in part, 2 for wrong usage. Lines to look at (--review) do not change it.
    """
    sources = [*inputs, *more_inputs]
    if image_dir is not None:  # PaddleOCR up to 2.x, which wrote its pictures to this folder
        sources.append(image_dir)
        values["save_path"] = values["save_path"] or "./inference_results"
    if not sources:
        raise UsageError("no input: give files, folders, URLs or - for standard input, for instance `inkline ocr page.png`")
    save_path, formats, as_json, quiet = (values.pop(name) for name in ("save_path", "formats", "as_json", "quiet"))
    read_all(sources, save_path, formats, as_json, quiet, values)


def read_all(
    sources: list[str], save_path: str | None, formats: str | None, as_json: bool, quiet: bool, values: dict[str, Any]
) -> None:
    """Read the sources and write or print what was read; exits with status 1 when some failed.

    formats: what is written to `save_path`; without a folder the one format that is printed, None: the text.
    """
    from inkline.formats.write import check_packages
    from inkline.paddle.devices import open_on_devices, stream_on

    names, strict = _chosen_formats(formats, save_path, as_json), values.pop("strict", False)
    as_results = values.pop("print_results", False)
    show = _as_printed(as_json, as_results, values, several=len(sources) > 1 or may_be_several(sources[0]))
    check_packages(names)
    password = values.get("pdf_password")  # for reading PDFs and for writing them
    pdf_options = apply(PdfOptions(), **given(PdfOptions, values))
    review = ReviewList(values.pop("review", None))
    options = translated(values | {"pdf_password": password})
    failures, damaged = Failures(), set[str | None]()  # sources
    left_out: list[str] = []
    with ExitStack() as opened:
        readers = [opened.enter_context(ocr) for ocr in open_on_devices(**options)]
        display = opened.enter_context(LogProgress(None) if quiet else open_progress("pages"))
        prints = not quiet and (as_json or as_results or not names)
        inputs = without_results(sources, save_path, left_out)
        pages = _shown(stream_on(readers, inputs, failures), display, damaged, show if prints else None)
        if save_path:
            writer = ResultWriter(save_path, names, pdf_options, failures)
            written = writer.written(pages)
        else:
            written = _printed(pages, names, pdf_options, failures)
        count = sum(1 for _ in review.collected(written))
    if save_path and not quiet:
        click.echo(f"inkline: {count} page{'s' * (count != 1)} read, results in {save_path}", err=True)
        writer.tell_names()
        tell_left_out(left_out, save_path)
    review.tell(save_path, as_json, quiet)
    _end(failures, len(damaged), strict)


def _as_printed(as_json: bool, as_results: bool, values: dict[str, Any], several: bool) -> Callable[["Page"], str]:
    """How a page is printed: as PaddleX prints a result, as JSON, or as text, of several inputs below their names."""
    if as_results:
        return _as_result(all_boxes=values.get("text_rec_score_thresh") is not None)
    if as_json:
        return _json_line
    return _named_text() if several else lambda page: page.text


def _end(failures: "Failures", damaged: int, strict: bool) -> None:
    """Say what was damaged, and exit with status 1 where something failed; with `strict` also where something was damaged."""
    say_damaged(damaged)
    failures.exit_if_any()
    if damaged and strict:
        raise SystemExit(1)


class ReviewList:
    """Which lines of all pages to look at, where a share of wrong lines is given; else nothing."""

    def __init__(self, share: float | None) -> None:
        self._share = share
        self._pages: list[Page] = []

    def collected(self, pages: Iterable["Page"]) -> Iterator["Page"]:
        """The pages as they pass; they are kept without their images."""
        for page in pages:
            if self._share is not None:
                self._pages.append(replace(page, load_image=None))
            yield page

    def tell(self, save_path: str | None, as_json: bool, quiet: bool) -> None:
        """Say which lines: in the folder as a table, without one on standard error; as a last line of JSON."""
        from inkline.formats.review import review
        from inkline.formats.write import replace_file

        if self._share is None:
            return
        found = review(self._pages, self._share)
        table = None if save_path is None else Path(save_path) / "review.tsv"
        if table is not None:
            replace_file(table, found.to_tsv().encode("utf-8", "backslashreplace"))
        if as_json and not quiet:
            click.echo(json.dumps(found.to_dict(), ensure_ascii=False).encode("utf-8", "backslashreplace").decode())
        elif not quiet:
            listed = f"{found.summary}\nlisted in {table}, the least certain first" if table and found.lines else found
            click.echo(f"inkline: {listed}", err=True)


def _chosen_formats(formats: str | None, save_path: str | None, as_json: bool) -> tuple[str, ...]:
    """What is written to the folder, or the one format that goes to standard output; none: the text does."""
    from inkline.formats.write import check_formats

    if formats is None:
        return DEFAULT_FORMATS if save_path else ()
    names = check_formats(formats)
    if len(names) > 1 and not save_path:
        raise UsageError(f"--format {formats}: several formats need a folder; give --save_path, or one format")
    if as_json and not save_path:
        raise UsageError(f"--json and --format {formats} both write to standard output: give one of them, or --save_path")
    if names[0] in NOT_TEXT and not save_path and sys.stdout.isatty():
        raise UsageError(f"--format {names[0]}: this is no text for a terminal; give --save_path, or a file: > FILE")
    return names


def _shown(
    pages: Iterable["Page"], display: LogProgress, damaged: set[str | None], show: Callable[["Page"], str] | None
) -> Iterator["Page"]:
    """The pages as they pass: the display follows them, warnings are told, what `show` makes of them is printed.

    damaged: gets the sources of pages that could only be read in part.
    """
    for count, page in enumerate(pages, 1):
        display.update(str(page.source or ""), count)
        if page.damage:
            damaged.add(page.source)
        for warning in page.warnings:
            place = page.source or "-" if page.page_index is None else f"{page.source or '-'}, page {page.page_index + 1}"
            click.echo(f"inkline: {place}: {warning}", err=True)
        if show is not None:
            click.echo(show(page))
        yield page


def _printed(pages: Iterable["Page"], names: tuple[str, ...], pdf: PdfOptions, failures: "Failures") -> Iterator["Page"]:
    """The pages as they pass, in the one format of `names`, if any, on standard output.

    Of each document, or of each page where a file of the format holds one page. UsageError for more than one where nobody
    could take them apart.
    """
    from inkline.formats.write import PER_PAGE, render
    from inkline.types import Document

    if not names:
        yield from pages
        return
    documents = groupby(pages, key=lambda page: (page.source, page.page_index if names[0] in PER_PAGE else None))
    for count, ((source, _), group) in enumerate(documents):
        document = Document(tuple(group), source)
        yield from document.pages
        try:
            content = render(document, names[0], pdf)
        except OutputError as error:
            failures(document, error)
            continue
        if count and names[0] in ONE_DOCUMENT:
            raise UsageError(f"--format {names[0]}: more than one does not go to standard output; give --save_path")
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        if count and names[0] in TABLES:  # one heading for all
            data = data.partition(b"\n")[2]
        # In Markdown a paragraph goes on until an empty line, so documents need one between them.
        click.echo(b"\n" + data if count and names[0] == "md" else data, nl=False)


def _named_text() -> Callable[["Page"], str]:
    """A page's text, that of each input's first page below a line with the input's name, as `head` prints it."""
    from inkline.io.sources import storable

    last: list[str | None] = []  # the source of the page before

    def text(page: "Page") -> str:
        if last and page.source == last[0] and page.page_index:
            return page.text
        empty_line = "\n" if last else ""
        last[:] = [page.source]
        return f"{empty_line}==> {' '.join(storable(page.source or '-').splitlines())} <==\n{page.text}"

    return text


def _as_result(all_boxes: bool) -> Callable[["Page"], str]:
    """The page as PaddleX prints it; all_boxes as in `OCRResult`."""
    from inkline.paddle.results import OCRResult

    return lambda page: OCRResult(page, all_boxes=all_boxes).str


def _json_line(page: "Page") -> str:
    """A page as a line of JSON; a byte of a file name that is not UTF-8 is JSON's escape of a lone surrogate."""
    return json.dumps(page.to_dict(), ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


class Failures:
    """The errors of single inputs, told as they come; call it with the input and its error."""

    def __init__(self) -> None:
        self._errors: list[InklineError] = []

    def __call__(self, _: Any, error: InklineError) -> None:
        self._errors.append(error)
        click.echo(f"inkline: {error}", err=True)

    def exit_if_any(self) -> None:
        """Say how many inputs failed, and exit with status 1 if any did."""
        if self._errors:
            count, any_output = len(self._errors), any(isinstance(error, OutputError) for error in self._errors)
            what = "read or written" if any_output else "read"
            click.echo(f"inkline: {count} input{'s' * (count > 1)} could not be {what}", err=True)
            raise SystemExit(1)


def _listed_names(path: Path) -> list[list[str]]:
    """The rows of an earlier command's list of inputs and their files; none where the file is missing or is another one."""
    text = path.read_bytes().decode("utf-8", "backslashreplace") if path.is_file() else ""
    head, _, rows = text.partition("\n")
    if head.rstrip("\r") != "\t".join(NAMES_HEAD):
        return []
    try:
        return [row for row in csv.reader(StringIO(rows), "excel-tab") if row]
    except csv.Error:  # damaged: a quote that does not end
        return []


class ResultWriter:
    """Writes pages as they come: formats of one file per page at once, those of one file per document at its end."""

    def __init__(self, folder: str, formats: tuple[str, ...], pdf: PdfOptions, failures: Failures) -> None:
        """failures: takes what one document cannot be written as, with the document; the rest is written."""
        from inkline.formats.write import PER_PAGE, make_folder

        make_folder(folder)
        self._folder, self._pdf, self._failures = folder, pdf, failures
        self._each = [name for name in formats if name in PER_PAGE]
        self._whole = [name for name in formats if name not in PER_PAGE]
        self._taken: dict[str, str] = {}
        self._files: list[tuple[str, str]] = []  # (source, file name), as written
        self._renamed = ""  # the first source whose files have not the names of its own stem, as another has them
        self._pages: list[Page] = []

    def written(self, pages: Iterable["Page"]) -> Iterator["Page"]:
        """The pages as they pass, each written; those of a document come in a row."""
        try:
            for page in pages:
                if self._pages and (page.source != self._pages[0].source or not page.page_index):
                    self._finish_document()
                if self._each:
                    self._save(page, self._each)
                if self._whole:
                    self._pages.append(page)
                yield page
            self._finish_document()
        finally:
            self._write_names()

    def tell_names(self) -> None:
        """Say that inputs have the same name, and where their files are listed."""
        if self._renamed:
            example = dict(self._files)[self._renamed]
            say = f"some inputs have the same name; {self._folder}/{NAMES_FILE} lists whose files are whose"
            click.echo(f"inkline: {say} ({self._renamed}: {example})", err=True)

    def _save(self, results: "Page | Document", formats: list[str], pdf: PdfOptions | None = None) -> None:
        """Write the files, and note which they are and whether another input has their plain names."""
        from inkline.formats.write import has_plain_names, save

        source = results.source or "-"
        paths = save(results, self._folder, formats, self._taken, pdf)
        self._files += [(source, path.name) for path in paths]
        if not self._renamed and results.source and not has_plain_names(results, self._taken):
            self._renamed = source

    def _write_names(self) -> None:
        """The list of inputs and their files, where some of these are not called as their input is.

        One of an earlier command is kept, but for the files that this command wrote anew.
        """
        from inkline.formats.write import replace_file

        path, written = Path(self._folder) / NAMES_FILE, {name for _, name in self._files}
        listed = _listed_names(path)
        earlier = [row for row in listed if row[-1] not in written]
        if self._renamed or len(earlier) < len(listed):
            file = StringIO()
            csv.writer(file, "excel-tab", lineterminator="\n").writerows([NAMES_HEAD, *earlier, *self._files])
            replace_file(path, file.getvalue().encode("utf-8", "backslashreplace"))

    def _finish_document(self) -> None:
        from inkline.types import Document

        if self._pages:
            document = Document(tuple(self._pages), self._pages[0].source)
            for name in self._whole:
                try:
                    self._save(document, [name], self._pdf)
                except OutputError as error:
                    if isinstance(error.__cause__, (OSError, ImportError)):  # the rest would fail the same way
                        raise
                    self._failures(document, error)
            self._pages = []
