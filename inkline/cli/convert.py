"""`inkline convert` and `inkline export`: published weights in, self-describing ONNX files out."""

import json
from pathlib import Path
from typing import Any, get_args

import click

from inkline.errors import UsageError
from inkline.types import Store

CONVERT_EXAMPLES = """\b
Examples:
  inkline convert PP-OCRv6_small_rec_pretrained.pdparams --name PP-OCRv6_small_rec -o rec.pt
  inkline convert zoo --name PP-OCRv6_small_det -o det.pt        the zoo's own ONNX file, to fine-tune from
  inkline convert model.safetensors --name PP-OCRv5_server_det -o det.pt
"""

EXPORT_EXAMPLES = """\b
Examples:
  inkline export rec.pt -o rec.onnx
  inkline export rec.pt -o rec.onnx --charset charset.txt --set text_rec_space_thresh=0.2
  inkline export rec.pt -o rec.onnx --store byte        weights in one byte each: a file of a quarter of the size
  inkline ocr page.png --text_recognition_model_dir rec.onnx
"""


@click.command(epilog=CONVERT_EXAMPLES)
@click.argument("source")
@click.option("--name", required=True, help="the net the weights belong to, see `inkline models list`")
@click.option("-o", "--out", required=True, help="the checkpoint to write")
@click.option("--charset", help="a text file with the charset, one character a line, where the weights do not bring it")
def convert(source: str, name: str, out: str, charset: str | None) -> None:
    """Read published weights (.pdparams, ONNX, Paddle folder, safetensors, or `zoo`) into a checkpoint of our net.

    Nothing is left over and nothing missing, or nothing is written. No code is run from a pickle.
    """
    from inkline.registry import resolve
    from inkline.training.convert import convert as run
    from inkline.training.start_weights import read_charset

    path = resolve(name).path if source == "zoo" else Path(source)
    about = run(path, name, Path(out), read_charset(Path(charset), space=False) if charset else None)
    form = "fused form" if about.fused else "training form"
    classes = f", {about.classes} classes" if about.classes else ""
    click.echo(f"{out}: {about.name} in {form}{classes}", err=True)


@click.command(epilog=EXPORT_EXAMPLES)
@click.argument("checkpoint")
@click.option("-o", "--out", required=True, help="the .onnx file to write")
@click.option("--charset", help="a text file with the charset, one character a line; default: the checkpoint's")
@click.option("--version", "version_", default="1", show_default=True, help="version of the weights")
@click.option("--licence", default="Apache-2.0", show_default=True, help="licence of the weights, an SPDX identifier")
@click.option("--name", default="", help="what the model is called  [default: as its net]")
@click.option(
    "--store",
    type=click.Choice(get_args(Store)),
    default="single",
    show_default=True,
    help="how weights are kept in the file: in 4 bytes, in 2 or in 1; they are computed with in 4",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="an option value the model was tuned with")
def export(
    checkpoint: str, out: str, charset: str | None, version_: str, licence: str, name: str, store: Store,
    settings: tuple[str, ...],
) -> None:  # fmt: skip
    """Write a checkpoint as one self-describing ONNX file, fused, with dynamic sizes, compared with torch."""
    from inkline.training.config import from_dict
    from inkline.training.convert import load_checkpoint
    from inkline.training.convert.net_checkpoint import read_checkpoint
    from inkline.training.export import describe
    from inkline.training.export import export as run
    from inkline.training.start_weights import read_charset
    from inkline.training.torch_engine import description

    net, about = load_checkpoint(Path(checkpoint))
    characters = read_charset(Path(charset), space=False) if charset else about.charset
    options = dict(setting(text) for text in settings)
    said: Any = {"options": options, "version": version_, "licence": licence, "called": name}
    # a run's own labels and sizes may be others than the published net's
    trained = read_checkpoint(Path(checkpoint)).get("config")
    if trained is None:
        metadata = describe(about.name, charset=characters, **said)
    else:
        metadata = description(from_dict(trained, checkpoint), characters, **said)
    deviation = run(net, Path(out), metadata, store)
    click.echo(
        f"{out}: {about.name}, {Path(out).stat().st_size / 1e6:.1f} MB, within {deviation:.1e} of torch", err=True
    )


def setting(text: str) -> tuple[str, Any]:
    """A NAME=VALUE of an option, checked against the options there are."""
    from inkline.flat import apply, current_names
    from inkline.options import OcrOptions

    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: must be NAME=VALUE, for instance text_det_thresh=0.25")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    apply(OcrOptions(), **{name: parsed})
    return next(iter(current_names(OcrOptions, {name: parsed}).items()))
