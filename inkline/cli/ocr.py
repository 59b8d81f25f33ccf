"""`inkline ocr`: read files, folders, URLs and PDFs."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from inkline.cli.grouped import Grouped
from inkline.cli.paddle_flags import engine_options, old_options, translated
from inkline.cli.parameters import from_options, given
from inkline.errors import InklineError, OutputError, UsageError
from inkline.flat import apply
from inkline.options import OcrOptions, PdfOptions
from inkline.progress import LogProgress, open_progress

if TYPE_CHECKING:
    from inkline.types import Page

Failed = Callable[[Any, InklineError], None]

EXAMPLES = """\b
Examples:
  inkline ocr page.png                            print the text
  inkline ocr scans/ --save_path out              <stem>_res.json and a picture for every page
  inkline ocr letter.pdf --save_path out --format txt,json
  inkline ocr scan.pdf --save_path out --format pdf --text_layer replace      a searchable PDF
  inkline ocr photo.jpg --lang fr --use_textline_orientation true
  curl -s https://example.org/a.png | inkline ocr -
"""


@click.command(cls=Grouped, epilog=EXAMPLES)
@click.argument("inputs", nargs=-1, metavar="[INPUT]...")
@click.option("-i", "--input", "more_inputs", multiple=True, help="another input, as PaddleOCR spells it")
@click.option("--save_path", help="folder for the results; without it the text goes to standard output")
@click.option(
    "--format", "formats", default="json,img", show_default=True, help="what to save, for instance json,txt,img"
)
@click.option("--json", "as_json", is_flag=True, help="print one JSON line a page instead of the text")
@click.option("--quiet", is_flag=True, help="no progress, no text; errors only")
@click.option("--lang", help="language or script of the text, see `inkline languages`")
@click.option("--ocr_version", help="PP-OCRv3, PP-OCRv4, PP-OCRv5 or PP-OCRv6")
@click.option("--offline", is_flag=True, help="never use the network, also not to fetch a model")
@click.option("--paddlex_config", help="an OCR.yaml of PaddleX, or of `inkline pipeline_config OCR`")
@click.option("--image_dir", hidden=True)
@from_options(OcrOptions, without=("engine", "device", "cpu_threads"))
@from_options(PdfOptions, without=("pdf_password",))
@engine_options
@old_options
def ocr(inputs: tuple[str, ...], more_inputs: tuple[str, ...], image_dir: str | None, **values: Any) -> None:
    """Find and read the text of images, PDFs, folders, globs, URLs or standard input (-).

    Exit status: 0 when all was read, 1 when some input could not be read (the rest is), 2 for wrong usage.
    """
    sources = [*inputs, *more_inputs]
    if image_dir is not None:  # PaddleOCR up to 2.x, which wrote its pictures to this folder
        sources.append(image_dir)
        values["save_path"] = values["save_path"] or "./inference_results"
    if not sources:
        raise UsageError(
            "no input: give files, folders, URLs or - for standard input, for instance `inkline ocr page.png`"
        )
    run(sources, **values)


def run(
    sources: list[str],
    *,
    save_path: str | None = None,
    formats: str = "json,img",
    as_json: bool = False,
    quiet: bool = False,
    offline: bool = False,
    **values: Any,
) -> None:
    """Read the sources and write or print what was read; exits with status 1 when some failed."""
    from inkline.formats.write import check_formats
    from inkline.pipeline import Ocr
    from inkline.registry import set_offline

    names = check_formats(formats)
    if offline:
        set_offline()
    written = given(PdfOptions, {name: values.pop(name, None) for name in ("text_layer", "pdfa", "pdf_image_dpi")})
    overrides = translated(values)
    failed: list[InklineError] = []
    pages = 0
    with Ocr(**overrides) as reader, LogProgress(None) if quiet else open_progress("pages") as shown:
        written["pdf_password"] = reader.options.read.pdf_password

        def on_error(_: Any, error: InklineError) -> None:
            failed.append(error)
            click.echo(f"inkline: {error}", err=True)

        saver = Saver(save_path, names, apply(PdfOptions(), **written), on_error) if save_path else None

        for page in reader.stream(sources, on_error=on_error):
            pages += 1
            shown.update(str(page.source or ""), pages)
            for warning in page.warnings:
                click.echo(f"inkline: {page.source or '-'}: {warning}", err=True)
            if saver:
                saver.add(page)
            if not quiet and (as_json or not saver):
                click.echo(json.dumps(page.to_dict(), ensure_ascii=False) if as_json else page.text)
        if saver:
            saver.finish()
    if saver and not quiet:
        click.echo(f"inkline: {pages} page{'s' * (pages != 1)} read, results in {save_path}", err=True)
    if failed:
        what = "read or written" if any(isinstance(error, OutputError) for error in failed) else "read"
        click.echo(f"inkline: {len(failed)} input{'s' * (len(failed) > 1)} could not be {what}", err=True)
        raise SystemExit(1)


class Saver:
    """Writes pages as they come: formats of one file a page at once, those of one file a document at its end."""

    def __init__(self, folder: str, formats: tuple[str, ...], pdf: PdfOptions, on_error: Failed) -> None:
        """on_error: takes what one document cannot be written as, with the document; the rest goes on."""
        from inkline.formats.write import PER_PAGE, make_folder

        make_folder(folder)
        self._folder, self._pdf, self._on_error = folder, pdf, on_error
        self._each = [name for name in formats if name in PER_PAGE]
        self._whole = [name for name in formats if name not in PER_PAGE]
        self._taken: dict[str, str] = {}
        self._pages: list[Page] = []

    def add(self, page: "Page") -> None:
        from inkline.formats.write import save

        if self._pages and (page.source != self._pages[0].source or not page.page_index):
            self.finish()
        if self._each:
            save(page, self._folder, self._each, self._taken)
        if self._whole:
            self._pages.append(page)

    def finish(self) -> None:
        from inkline.formats.write import save
        from inkline.types import Document

        if self._pages:
            document = Document(tuple(self._pages), self._pages[0].source)
            for name in self._whole:
                try:
                    save(document, self._folder, [name], self._taken, self._pdf)
                except OutputError as error:
                    if isinstance(error.__cause__, (OSError, ImportError)):  # the rest would fail the same way
                        raise
                    self._on_error(document, error)
            self._pages = []
