"""`inkline eval`: score models and the whole pipeline against ground truth."""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkline.cli.options_help import from_options, given
from inkline.errors import DataError
from inkline.options import OcrOptions

if TYPE_CHECKING:
    from inkline.pipeline import Ocr

Rows = Iterable[dict[str, Any]]
PageResults = Iterator[tuple[list[Any], list[str]]]  # polygons and texts, per page

COLUMNS = (
    *("pages", "det_p", "det_r", "det_h", "tok_p", "tok_r", "tok_f1", "char_f1"),
    *("cer", "space_f1", "digit_acc", "order"),
)

ENGINE_OPTIONS = ("engine", "device", "cpu_threads")
DETECT_OPTIONS = (
    *("rules", "text_det_limit_side_len", "text_det_limit_type", "text_det_max_side_limit"),
    *("text_det_thresh", "text_det_box_thresh", "text_det_unclip_ratio", "text_det_box_type"),
)
RECOGNIZE_OPTIONS = (
    *("rules", "text_recognition_batch_size", "text_rec_width_rule", "text_rec_width_scale"),
    *("text_rec_stroke_pitch", "text_rec_max_width", "text_rec_charset"),
)

OCR_EXAMPLES = """\b
Examples:
  inkline eval ocr data/receipts/dev              a folder with labels.jsonl
  inkline eval ocr data/*/dev --json
  inkline eval ocr data/books/dev --lang hi
  inkline eval ocr data/forms/dev --rules reference --save_path results
  inkline eval ocr data/forms/dev --results results      score results written before
"""


MODEL_EXAMPLES = """\b
Examples:
  inkline eval rec PP-OCRv6_small_rec words.txt --worst worst.png
  inkline eval rec mine.onnx val/rec.txt --fit_confidence      lines that it was not trained with
  inkline eval det runs/det/best.pt pages/labels.jsonl --text_det_box_thresh 0.5
  inkline eval cls PP-LCNet_x0_25_textline_ori lines.txt --json
"""


@click.group("eval", epilog=OCR_EXAMPLES)
def evaluate() -> None:
    """Score the pipeline or a model against ground truth."""


@evaluate.command("ocr", epilog=OCR_EXAMPLES)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option("--results", type=click.Path(exists=True, file_okay=False), help="score <stem>_res.json files, read nothing")
@click.option("--save_path", help="also write each page's <stem>_res.json here")
@click.option("--case", is_flag=True, help="capital letters count")
@click.option("--limit", type=click.IntRange(1), help="only the first pages of each set")
@click.option("--json", "as_json", is_flag=True, help="one JSON line per set")
@from_options(OcrOptions)
def ocr(datasets: tuple[str, ...], results: str | None, save_path: str | None, **values: Any) -> None:
    """Detection precision, recall and Hmean (IoU > 0.5, ignored regions are not scored), order-free token and
    character F1; of the matched lines character error rate, F1 of the spaces, share of digits right, and order.

    A data set is a labels.jsonl or its folder, with a line per page: {"image", "lines": [{"points", "text", "ignore"}]}.
    """
    from inkline.metrics import PageScore, levenshtein, page
    from inkline.pipeline import Ocr

    levenshtein()  # where it is missing, that is said before anything is read
    case, limit, as_json = (values.pop(name) for name in ("case", "limit", "as_json"))
    ocr = partial(Ocr, **given(OcrOptions, values))
    read = partial(from_files, Path(results)) if results else partial(read_pages, ocr(), save_path)
    if not as_json:
        click.echo(f"{'set':<24}" + "".join(f"{name:>10}" for name in COLUMNS))
    for name in datasets:
        rows = list(labels(name))[:limit]
        total = PageScore()
        for row, (polygons, texts) in zip(rows, read(rows), strict=True):
            total += page(row.get("lines", ()), polygons, texts, case)
        summary = total.summary()
        if as_json:
            click.echo(json.dumps({"set": name, **{k: round(v, 4) for k, v in summary.items()}}))
        else:
            short = "/".join(Path(name).parts[-2:])[-23:]
            click.echo(f"{short:<24}" + "".join(_cell(summary, column) for column in COLUMNS))


def _cell(summary: Mapping[str, float], column: str) -> str:
    """A measure in its column; a dash where the set does not have it."""
    if column not in summary:
        return f"{'-':>10}"
    return f"{summary[column]:>10.0f}" if column == "pages" else f"{summary[column]:>10.4f}"


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
                what = f"not a label row with an image ({error}); correct or remove it"
                raise DataError(f"{path}:{number}: {what}") from error


def read_pages(ocr: "Ocr", save_path: str | None, rows: Rows) -> PageResults:
    """Reads the images of rows: each page's polygons and texts; `save_path` takes its <stem>_res.json."""
    from inkline.formats.write import save

    for page in ocr.stream(row["image"] for row in rows):
        if save_path:
            save(page, save_path, "json")
        yield [line.quad for line in page.read_lines], [line.text for line in page.read_lines]


def from_files(folder: Path, rows: Rows) -> PageResults:
    """The same from results written before: `<stem>_res.json` or `<image name>.json` in `folder`; none counts as empty."""
    for row in rows:
        image = Path(row["image"])
        file = folder / f"{image.stem}_res.json"
        file = file if file.exists() else folder / f"{image.name}.json"
        result = json.loads(file.read_text("utf-8")) if file.exists() else {"rec_polys": [], "rec_texts": []}
        result = result.get("res", result)
        yield result["rec_polys"], result["rec_texts"]


def evaluate_model(task: str, model: str, datasets: tuple[str, ...], values: dict[str, Any]) -> None:
    """Evaluate a model on sets, print the measures, and draw the worst cases."""
    from inkline.formats.write import write_picture
    from inkline.training.evaluate import evaluate_set, folding, open_model, worst_cases_sheet

    limit, root, worst, as_json = (values.pop(name) for name in ("limit", "root", "worst", "as_json"))
    fold = folding(not values.pop("no_case"), not values.pop("no_marks"))
    fits = values.pop("fit_confidence")
    opened = open_model(task, model, list(given(OcrOptions, values).items()))
    for number, dataset in enumerate(datasets):
        evaluation = evaluate_set(task, opened, dataset, limit or 0, root or "", fold)
        scores = evaluation.scores
        if evaluation.report.problems:
            click.echo(f"{dataset}: {evaluation.report.lines()[0]}; see `inkline data check`", err=True)
        if as_json:
            click.echo(json.dumps({"set": dataset, "model": opened.name, **scores.values}, ensure_ascii=False))
        else:
            click.echo("\n".join(readable(dataset, scores.values)))
        if fits:
            click.echo(fit_confidence(Path(model), opened.run, evaluation.source, fold), err=True)
        if worst:
            path = Path(worst) if number == 0 else Path(worst).with_stem(f"{Path(worst).stem}-{number + 1}")
            write_picture(path, worst_cases_sheet(evaluation.source, scores.worst, task, opened.labels))


def fit_confidence(model: Path, read: Any, source: Any, fold: Any) -> str:
    """Fit a recogniser's confidence to a set, write it into the model's file, and say so."""
    from inkline.training.calibrate import fit_own, write_fit

    own = fit_own(read, source, fold)
    write_fit(model, own.fit)
    return f"{model}: confidence fitted to {own.lines} lines, calibration error {own.before:.3f} before, {own.after:.3f} now"


def readable(dataset: str, values: dict[str, Any]) -> list[str]:
    """Measures as lines of text: plain numbers first, then the tables."""
    lines = [dataset]
    lines += [f"  {name:<16}{shown(v)}" for name, v in values.items() if not isinstance(v, (dict, list))]
    for name, table in values.items():
        if isinstance(table, dict):
            lines.append(f"  {name}:")
            lines += [f"    {key:<14}{_measures(row)}" for key, row in table.items()]
        elif isinstance(table, list):
            lines.append(f"  {name} (confidence from, to, answers, mean confidence, right):")
            lines += ["    " + " ".join(shown(v) for v in row) for row in table]
    return lines


def _measures(row: Any) -> str:
    facts = row if isinstance(row, dict) else {"acc": row}
    return " ".join(f"{name} {shown(value)}" for name, value in facts.items())


def shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def eval_command(task: str, what: str, names: tuple[str, ...]) -> click.Command:
    """`inkline eval det`, `rec` or `cls`; names: the options of inference that it takes."""

    @click.command(task, epilog=MODEL_EXAMPLES, help=f"{what}\n\nMODEL: a zoo name, an ONNX file or folder, or a checkpoint.")
    @click.argument("model")
    @click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
    @click.option("--worst", help="draw the worst cases onto one picture and write it here")
    @click.option("--limit", type=click.IntRange(1), help="only the first samples of each set")
    @click.option("--root", help="folder the image paths start from  [default: the label file's own]")
    @click.option("--no_case", is_flag=True, hidden=task != "rec", help="capital letters do not count")
    @click.option("--no_marks", is_flag=True, hidden=task != "rec", help="vowel marks and kashidas do not count; ٣ is 3")
    @click.option(
        "--fit_confidence",
        is_flag=True,
        hidden=task != "rec",
        help="write into MODEL, an .onnx file, how far it can be trusted by this set (docs/confidence.md)",
    )
    @click.option("--json", "as_json", is_flag=True, help="one JSON line per set, tables included")
    @from_options(OcrOptions, (*names, *ENGINE_OPTIONS))
    def command(model: str, datasets: tuple[str, ...], **values: Any) -> None:
        evaluate_model(task, model, datasets, values)

    return command


eval_det = eval_command(
    "det",
    "Precision, recall and Hmean of a text detector (IoU > 0.5, ignored regions are not scored).",
    DETECT_OPTIONS,
)
eval_rec = eval_command(
    "rec",
    "Accuracy, edit distance, CER, WER, spaces, digits, scripts and calibration of a text recogniser.",
    RECOGNIZE_OPTIONS,
)
eval_cls = eval_command("cls", "Top-1 accuracy of an orientation classifier.", ("textline_orientation_batch_size",))
for of_model in (eval_det, eval_rec, eval_cls):
    evaluate.add_command(of_model)
