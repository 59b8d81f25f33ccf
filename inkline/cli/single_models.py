"""The single models and the page pre-processing as commands: `inkline text_detection -i page.png`, ..."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from inkline.cli.ocr_command import Failures
from inkline.cli.options_help import Decorator, GroupedCommand, all_of, from_options, offline_flag, option_of
from inkline.cli.paddle_flags import engine_options, translated
from inkline.errors import UsageError
from inkline.options import OcrOptions
from inkline.paddle.arguments import POSITIONAL_KEYWORDS, SINGLE_MODEL_KEYWORDS

io_options = all_of(
    click.argument("inputs", nargs=-1, metavar="[INPUT]..."),
    click.option("-i", "--input", "more_inputs", multiple=True, help="an input, as PaddleOCR spells it"),
    click.option("--save_path", help="folder (or file) for the results"),
    click.option("--json", "as_json", is_flag=True, help="print one JSON line per result"),
    offline_flag(help="never use the network, not even to fetch a model"),
)


def model_options(task: str) -> Decorator:
    """Adds `--model_name`, `--model_dir` and what this model alone takes."""
    topk = click.option("--topk", type=click.IntRange(1), help="how many classes to give [1]")
    own = [option_of(f"--{name}", flat) if flat else topk for name, flat in SINGLE_MODEL_KEYWORDS[task].items()]
    return all_of(*(option_of(f"--{name}", f"{task}_{name}") for name in ("model_name", "model_dir")), *own)


def model_command(name: str, task: str, class_name: str, help: str, example: str) -> click.Command:
    """The command of one model."""

    @click.command(name, cls=GroupedCommand, help=help, epilog=f"\b\nExamples:\n  inkline {name} {example}")
    @io_options
    @model_options(task)
    @engine_options
    def command(**values: Any) -> None:
        predict_all(class_name, values)

    return command


text_detection = model_command(
    *("text_detection", "text_detection", "TextDetection"),
    "Find text: boxes and their scores.",
    "-i page.png --save_path out",
)
text_recognition = model_command(
    *("text_recognition", "text_recognition", "TextRecognition"),
    "Read images that each hold one line of text.",
    "-i line.png --model_name latin_PP-OCRv5_mobile_rec",
)
textline_orientation_classification = model_command(
    *("textline_orientation_classification", "textline_orientation", "TextLineOrientationClassification"),
    "Tell whether line images are upright (0_degree) or upside down (180_degree).",
    "-i line.png",
)
doc_img_orientation_classification = model_command(
    *("doc_img_orientation_classification", "doc_orientation_classify", "DocImgOrientationClassification"),
    "Tell by how many degrees pages must be turned counter-clockwise to be upright: 0, 90, 180 or 270.",
    "-i page.jpg",
)
text_image_unwarping = model_command(
    *("text_image_unwarping", "doc_unwarping", "TextImageUnwarping"),
    "Flatten photographs of bent pages.",
    "-i photo.jpg --save_path out",
)

DOC = (*POSITIONAL_KEYWORDS[:4], "use_doc_orientation_classify", "use_doc_unwarping")
DOC_THRESHOLDS = ("doc_orientation_thresh", "doc_unwarping_thresh")


@click.command(
    cls=GroupedCommand,
    epilog="\b\nExamples:\n  inkline doc_preprocessor -i photo.jpg --use_doc_unwarping false --save_path out",
)
@io_options
@click.option("--paddlex_config", help="a doc_preprocessor.yaml of PaddleX")
@from_options(OcrOptions, (*DOC, *DOC_THRESHOLDS))
@engine_options
def doc_preprocessor(**values: Any) -> None:
    """Turn pages upright and flatten them; both are on here unless switched off."""
    predict_all("DocPreprocessor", values)


CONFIG_EXAMPLES = """\b
Examples:
  inkline pipeline_config OCR --save_path my.yaml
  inkline --pipeline my.yaml --input page.png
"""


@click.command(epilog=CONFIG_EXAMPLES)
@click.argument("name", type=click.Choice(["OCR", "doc_preprocessor"]))
@click.option("--save_path", default=".", help="folder, or the file to write")
def pipeline_config(name: str, save_path: str) -> None:
    """Write the settings of a pipeline as the YAML that `--pipeline FILE` and `--paddlex_config` take."""
    from inkline.formats.write import make_folder
    from inkline.paddle.paddlex_yaml import to_config, write_config
    from inkline.registry import options_for

    path = Path(save_path)
    if path.suffix.lower() not in (".yaml", ".yml"):
        path = make_folder(path) / f"{name}.yaml"
    write_config(to_config(options_for(), name), path)
    click.echo(f"inkline: {path} written", err=True)


def predict_all(class_name: str, values: dict[str, Any]) -> None:
    """Open one of the classes of `inkline`, give it all inputs, print and save its results; exit 1 for a bad input."""
    sources = [*values.pop("inputs"), *values.pop("more_inputs")]
    save_path, as_json = values.pop("save_path"), values.pop("as_json")
    if not sources:
        raise UsageError("no input: give files, folders, URLs or - for standard input, for instance `-i page.png`")
    keywords = {name: value for name, value in values.items() if value is not None}
    if class_name == "DocPreprocessor":
        keywords = translated(keywords)
    opened = getattr(import_module("inkline"), class_name)(**keywords)
    failures = Failures()
    for result in opened.predict_iter(sources, on_error=failures):
        if as_json:
            click.echo(json.dumps(result.plain(), ensure_ascii=False))
        else:
            result.print()
        if save_path:
            result.save_all(save_path)
    failures.exit_if_any()
