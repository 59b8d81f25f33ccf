"""`inkline eval`: score models and the whole pipeline against ground truth."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from inkline.cli.parameters import from_options, given
from inkline.cli.train import eval_cls, eval_det, eval_rec
from inkline.errors import DataError
from inkline.options import OcrOptions

COLUMNS = (
    "pages",
    "det_p",
    "det_r",
    "det_h",
    "tok_p",
    "tok_r",
    "tok_f1",
    "char_f1",
    "cer",
    "space_f1",
    "digit_acc",
    "order",
)

EXAMPLES = """\b
Examples:
  inkline eval ocr data/receipts/dev              a folder with labels.jsonl
  inkline eval ocr data/*/dev --json
  inkline eval ocr data/books/dev --lang hi
  inkline eval ocr data/forms/dev --rules reference --save_path results
  inkline eval ocr data/forms/dev --results results      score results written before
"""


@click.group("eval", epilog=EXAMPLES)
def evaluate() -> None:
    """Score the pipeline or a model against ground truth."""


for command in (eval_det, eval_rec, eval_cls):
    evaluate.add_command(command)


@evaluate.command("ocr", epilog=EXAMPLES)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option(
    "--results", type=click.Path(exists=True, file_okay=False), help="score <stem>_res.json files, read nothing"
)
@click.option("--save_path", help="also write each page's <stem>_res.json here")
@click.option("--case", is_flag=True, help="capital letters count")
@click.option("--limit", type=click.IntRange(1), help="only the first pages of each set")
@click.option("--json", "as_json", is_flag=True, help="one JSON line a set")
@click.option("--lang", help="language or script of the text, see `inkline languages`")
@from_options(OcrOptions)
def ocr(datasets: tuple[str, ...], results: str | None, save_path: str | None, **values: Any) -> None:
    """Detection precision, recall and Hmean (IoU > 0.5, ignored regions count neither way), order-free token and
    character F1; of the matched lines character error rate, F1 of the spaces, share of digits right, and order.

    A data set is a labels.jsonl or its folder: a line a page, {"image", "lines": [{"points", "text", "ignore"}]}.
    """
    from inkline.metrics import PageScore, page

    case, limit, as_json, lang = (values.pop(name) for name in ("case", "limit", "as_json", "lang"))
    overrides = given(OcrOptions, values) | ({"lang": lang} if lang else {})
    read = from_files(Path(results)) if results else Reader(overrides, save_path)
    if not as_json:
        click.echo(f"{'set':<24}" + "".join(f"{name:>10}" for name in COLUMNS))
    for name, rows in ((name, list(labels(name))[:limit]) for name in datasets):
        total = PageScore()
        for row, (polygons, texts) in zip(rows, read(rows), strict=True):
            total += page(row.get("lines", ()), polygons, texts, case)
        summary = total.summary()
        if as_json:
            click.echo(json.dumps({"set": name, **{k: round(v, 4) for k, v in summary.items()}}))
        else:
            shown = (
                f"{summary[k]:>10.0f}" if k == "pages" else f"{summary[k]:>10.4f}" if k in summary else f"{'-':>10}"
                for k in COLUMNS
            )
            click.echo(f"{_short(name):<24}" + "".join(shown))


def labels(dataset: str) -> Iterator[dict[str, Any]]:
    """Rows of a labels.jsonl, `image` made a full path; DataError for what is not one."""
    path = Path(dataset)
    path = path / "labels.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise DataError(f"{dataset}: no labels.jsonl here; give the folder that holds one, or the file")
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                row = json.loads(text)
                yield {**row, "image": str(path.parent / row["image"])}
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{path}:{number}: not a label row with an image ({error}); mend or remove it"
                ) from error


class Reader:
    """Reads the images of rows with one `Ocr`, and gives each page's polygons and texts."""

    def __init__(self, overrides: Mapping[str, Any], save_path: str | None) -> None:
        from inkline.pipeline import Ocr

        self._ocr = Ocr(**overrides)
        self._save_path = save_path

    def __call__(self, rows: list[dict[str, Any]]) -> Iterator[tuple[list[Any], list[str]]]:
        from inkline.formats.write import save

        for page in self._ocr.stream(row["image"] for row in rows):
            if self._save_path:
                save(page, self._save_path, "json")
            yield [line.quad for line in page.lines], [line.text for line in page.lines]


def from_files(folder: Path) -> Any:
    """A reader of results written before: `<stem>_res.json` or `<image name>.json` in `folder`; none counts as empty."""

    def read(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[list[Any], list[str]]]:
        for row in rows:
            image = Path(row["image"])
            file = folder / f"{image.stem}_res.json"
            file = file if file.exists() else folder / f"{image.name}.json"
            result = json.loads(file.read_text("utf-8")) if file.exists() else {"rec_polys": [], "rec_texts": []}
            result = result.get("res", result)
            yield result["rec_polys"], result["rec_texts"]

    return read


def _short(name: str) -> str:
    parts = Path(name).parts
    return "/".join(parts[-2:])[-23:]
