"""`inkline data`: look at training data before a run; `inkline synth`: make it."""

import sys
from pathlib import Path
from typing import Any

import click

from inkline.cli.options_help import Decorator, all_of, examples_of
from inkline.errors import DataError, UsageError

DATA_EXAMPLES = """\b
Examples:
  inkline data check rec train.txt --charset charset.txt
  inkline data split det pages/labels.jsonl --part train=0.9 --part val=0.1
  inkline data stats rec lines.lmdb
  inkline data show det train.txt -o augmented.png
  inkline data crop pages/labels.jsonl lines/     a recognition set from annotated pages
"""

SYNTH_EXAMPLES = """\b
Examples:
  inkline synth lines out --script cyrillic --count 10000 --words words/ru.txt
  inkline synth pages out --script latin --count 500 --seed 7 --workers 8
  inkline synth lines --script tamil --sheet tamil.png      a contact sheet to look at, nothing else
  inkline synth scripts                                     what --script takes, and whether there are fonts for it
"""


@click.group(epilog=DATA_EXAMPLES)
def data() -> None:
    """Look at training data: label files of the field (det, rec, cls), LMDB, or labels.jsonl."""


labels = click.argument("labels", metavar="LABELS")
# How a set is read, the same for every command of `inkline data`.
reading = all_of(
    click.option("--root", default="", help="folder the image paths start from  [default: the label file's]"),
    click.option("--charset", help="text file with the characters labels may hold, one per line"),
    click.option("--strict", is_flag=True, help="the first problem is an error"),
)
labelled_set = all_of(click.argument("task", type=click.Choice(["det", "rec", "cls"])), labels, reading)


def load_options(root: str, charset: str | None, strict: bool) -> Any:
    from inkline.training.data.labels import LoadOptions
    from inkline.training.start_weights import read_charset

    return LoadOptions(root=root, charset=read_charset(Path(charset), space=False) if charset else (), strict=strict)


@data.command("check", epilog=examples_of("data check", DATA_EXAMPLES))
@labelled_set
@click.option("--json", "as_json", is_flag=True, help="the whole report as JSON")
def check(task: str, labels: str, as_json: bool, **how: Any) -> None:
    """Read a whole set, decode every image, and list what is wrong. Exit status 1 when anything is."""
    from inkline.training.data import survey

    report = survey.check_set(task, labels, load_options(**how))
    click.echo(survey.report_json(report) if as_json else "\n".join(report.lines()))
    if report.problems:
        sys.exit(1)


@data.command("split", epilog=examples_of("data split", DATA_EXAMPLES))
@labelled_set
@click.option("--part", "parts", multiple=True, required=True, metavar="NAME=SHARE", help="for instance val=0.1")
@click.option("--seed", default=0, show_default=True)
def split(task: str, labels: str, parts: tuple[str, ...], seed: int, **how: Any) -> None:
    """Write a label file for each part, whole documents in one part, beside the label file."""
    from inkline.training.data import survey

    shares = dict(share(part) for part in parts)
    for name, path in survey.split_set(task, labels, shares, seed, load_options(**how)).items():
        click.echo(f"{name}: {path}")


def share(text: str) -> tuple[str, float]:
    """A NAME=SHARE of a split."""
    name, _, value = text.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise UsageError(f"--part {text!r}: must be NAME=SHARE, for instance val=0.1") from None


@data.command("stats", epilog=examples_of("data stats", DATA_EXAMPLES))
@labelled_set
def stats(task: str, labels: str, **how: Any) -> None:
    """Sizes, lengths, labels and the rarest characters of a set."""
    from inkline.training.data import survey
    from inkline.training.data.labels import load_labels

    samples, report = load_labels(task, labels, load_options(**how))
    click.echo("\n".join(survey.set_stats(task, samples).lines()))
    if report.problems:
        click.echo(f"{report.skipped} skipped; see `inkline data check`", err=True)


@data.command("show", epilog=examples_of("data show", DATA_EXAMPLES))
@labelled_set
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False), help="the picture to write")
@click.option("--count", default=24, show_default=True, type=click.IntRange(1))
@click.option("--seed", default=0, show_default=True)
def show(task: str, labels: str, out: str, count: int, seed: int, **how: Any) -> None:
    """A contact sheet of samples as training sees them, after augmentation."""
    from inkline.training.data import survey
    from inkline.training.data.augment_crops import ClsAugment, RecAugment
    from inkline.training.data.augment_pages import DetAugment
    from inkline.training.data.labels import load_labels

    recipe: Any = {"det": DetAugment, "rec": RecAugment, "cls": ClsAugment}[task]()
    samples, _ = load_labels(task, labels, load_options(**how))
    save_png(survey.augmented_sheet(samples, recipe, count, seed), out)


@data.command("crop", epilog=examples_of("data crop", DATA_EXAMPLES))
@labels
@click.argument("folder")
@reading
def crop(labels: str, folder: str, **how: Any) -> None:
    """Crop the labelled lines of pages into FOLDER: images and rec.txt, to train or evaluate a recogniser on."""
    from inkline.training.data.labels import load_labels
    from inkline.training.data.survey import write_lines

    pages, report = load_labels("det", labels, load_options(**how))
    written, left_out = write_lines(pages, Path(folder))
    click.echo(f"{folder}/rec.txt: {written} lines, {left_out} without a text or to be ignored left out")
    if report.problems:
        click.echo(f"{report.skipped} pages skipped; see `inkline data check det {labels}`", err=True)


@click.group(epilog=SYNTH_EXAMPLES)
def synth() -> None:
    """Make text lines and pages with exact labels, for any script, from words and the fonts of this system."""


# Options that lines and pages share.
drawing = all_of(
    click.option("--script", default="latin", show_default=True, help="see `inkline synth scripts`"),
    click.option("--count", default=1000, show_default=True, type=click.IntRange(1), help="how many to draw"),
    click.option("--words", multiple=True, help="word list, or folder of <language>.txt; none: invented words"),
    click.option("--fonts", multiple=True, help="font file or folder; none: the fonts of this system"),
    click.option("--charset", help="text file with the characters a label may hold beside the space, one per line"),
    click.option("--seed", default=0, show_default=True, help="the same seed gives the same samples"),
    click.option("--workers", default=1, show_default=True, type=click.IntRange(1), help="processes"),
    click.option("--jpeg", "quality", type=click.IntRange(1, 100), default=None, help="JPEG quality instead of PNG"),
    click.option("--sheet", type=click.Path(dir_okay=False), help="only write this contact sheet"),
)


def share_option(flag: str, default: float, about: str) -> Decorator:
    """An option between 0 and 1."""
    return click.option(flag, type=click.FloatRange(0, 1), default=default, show_default=True, help=about)


def line_options(script: str, words: tuple[str, ...], fonts: tuple[str, ...], charset: str | None, seed: int) -> Any:
    from inkline.training.start_weights import read_charset
    from inkline.training.synth.synth_options import LineOptions

    characters = read_charset(Path(charset), space=True) if charset else ()
    return LineOptions(script, words, charset=characters, fonts=fonts, seed=seed)


def draw(options: Any, sheet_of: Any, folder: str | None, **how: Any) -> None:
    """Write the contact sheet or the set."""
    from inkline.training.synth import generate

    if how["sheet"]:
        save_png(sheet_of(options), how["sheet"])
    elif not folder:
        raise UsageError("give a folder for the samples, or --sheet picture.png to look at some")
    else:
        path = generate.write_set(options, how["count"], Path(folder), how["workers"], how["quality"] or 0)
        click.echo(f"{how['count']} samples, {path}")


@synth.command("lines", epilog=examples_of("synth lines", SYNTH_EXAMPLES))
@click.argument("folder", required=False)
@drawing
@click.option("--max_chars", default=60, show_default=True, type=click.IntRange(1))
@share_option("--scene", 0.25, "share that looks like signs")
@share_option("--capitals", 0.12, "share of lines in capitals")
@share_option("--tokens", 0.25, "share of numbers, dates, prices, codes")
def lines(folder: str | None, max_chars: int, scene: float, capitals: float, tokens: float, **how: Any) -> None:
    """Single lines: images and labels.jsonl, and rec.txt as PaddleOCR reads it."""
    from dataclasses import replace

    from inkline.training.synth.contact_sheet import line_sheet

    options = line_options(*(how.pop(name) for name in ("script", "words", "fonts", "charset", "seed")))
    options = replace(options, max_chars=max_chars, scene=scene, capitals=capitals, tokens=tokens)
    draw(options, line_sheet, folder, **how)


@synth.command("pages", epilog=examples_of("synth pages", SYNTH_EXAMPLES))
@click.argument("folder", required=False)
@drawing
@click.option("--layout", "layouts", multiple=True, help="paragraphs, columns, table, form, receipt, scattered  [default: all]")
@share_option("--camera", 0.3, "share that looks photographed")
def pages(folder: str | None, layouts: tuple[str, ...], camera: float, **how: Any) -> None:
    """Whole pages: images and labels.jsonl with a quad per line, and det.txt as PaddleOCR reads it."""
    from inkline.training.synth.contact_sheet import page_sheet
    from inkline.training.synth.page_layouts import LAYOUTS
    from inkline.training.synth.synth_options import PageOptions

    line = line_options(*(how.pop(name) for name in ("script", "words", "fonts", "charset", "seed")))
    draw(PageOptions(line, layouts=layouts or tuple(LAYOUTS), camera=camera), page_sheet, folder, **how)


@synth.command("scripts", epilog=examples_of("synth scripts", SYNTH_EXAMPLES))
def scripts() -> None:
    """The scripts that can be drawn, and whether this system has fonts for them."""
    from inkline.training.synth.font_faces import families
    from inkline.training.synth.scripts import SCRIPTS

    for script in SCRIPTS.values():
        try:
            count = len(families((), script))
        except DataError:
            count = 0
        click.echo(f"{script.name:<14}{count:>6} font families")


def save_png(picture: Any, path: str) -> None:
    from inkline.formats.write import write_picture

    write_picture(Path(path), picture)
    click.echo(path)
