"""`inkline train` and `finetune`, `convert` and `export`: from data or published weights to an ONNX file."""

import json
import os
from pathlib import Path
from typing import Any, get_args

import click

from inkline.errors import OutputError, UsageError
from inkline.flat import apply, current_names
from inkline.options import OcrOptions
from inkline.registry import resolve
from inkline.types import Store

TRAIN_EXAMPLES = """\b
Examples:
  inkline train PP-OCRv4_mobile_det --data train.txt --eval val.txt
  inkline train my.yaml -o optimizer.learning_rate=5e-4 -o run.epochs=50
  inkline train PP-OCRv4_mobile_rec --data lines.txt --eval val.txt -o model.charset=charsets/latin.txt
  inkline train CRNN_MobileNetV3 --data lines:english:100000 --eval words.txt --output runs/crnn
  inkline train my.yaml --resume
  torchrun --nproc_per_node 4 -m inkline train my.yaml         four GPUs
"""

FINETUNE_EXAMPLES = """\b
Examples:
  inkline finetune --from PP-OCRv6_small_rec --data mine/train.txt --eval mine/val.txt --minutes 20 --export mine.onnx
  inkline finetune --from PP-OCRv6_small_rec --data corrections/ --minutes 10 --export better.onnx
  inkline finetune --from PP-OCRv6_small_rec --data lines:cyrillic:50000 --eval cyrillic.txt
  inkline finetune --from runs/a/best.pt --data new.txt --eval val.txt --replay old.txt --replay_share 0.5
  inkline finetune --from PP-OCRv4_mobile_det --data pages.txt --eval val.txt --keep receipts.txt
"""

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
  inkline export rec.pt -o rec.onnx --store byte        weights in one byte each: a quarter of the file size
  inkline ocr page.png --text_recognition_model_dir rec.onnx
"""

override = click.option("-o", "--override", "overrides", multiple=True, metavar="SECTION.KEY=VALUE",
                        help="change a value of the configuration; may be given many times")  # fmt: skip


def as_overrides(**values: Any) -> list[str]:
    """Options that were given, as `section.key=value` with the value in YAML; `a__b` stands for a.b."""
    return [
        f"{name.replace('__', '.')}={json.dumps(list(v) if isinstance(v, tuple) else v)}"
        for name, v in values.items()
        if v not in (None, ())
    ]


def check_output(path: str) -> None:
    """UsageError or OutputError for an ONNX file that could not be written in the end."""
    folder = Path(path).parent
    if not path.endswith(".onnx"):
        raise UsageError(f"{path}: an exported model must be called something.onnx")
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(path).is_dir():
        raise OutputError(f"{path}: cannot be written there; give a file in a folder that exists and can be written to")


@click.command("train", epilog=TRAIN_EXAMPLES)
@click.argument("config")
@click.option("--data", multiple=True, help="label file, LMDB, or generated text such as lines:latin:20000 (data.train)")
@click.option("--eval", "evaluation", multiple=True, help="label file to evaluate on (data.evaluate)")
@click.option("--output", help="folder for checkpoints and log (run.output)")
@click.option("--device", help="auto, cpu, gpu or gpu:N (run.device)")
@click.option("--minutes", type=float, help="end after so many minutes (run.minutes)")
@click.option("--resume", is_flag=True, help="resume from the last checkpoint in the output folder")
@override
def train(config: str, resume: bool, overrides: tuple[str, ...], **values: Any) -> None:
    """Train a net: CONFIG is a YAML file, or the name of a published net, whose recipe is taken."""
    from inkline.training import config as configs
    from inkline.training.data.labels import require_sources

    given_here = as_overrides(
        data__train=values["data"],
        data__evaluate=values["evaluation"],
        run__output=values["output"],
        run__device=values["device"],
        run__minutes=values["minutes"],
    )
    settings = configs.load_config(configs.find_config(config), [*given_here, *overrides])
    require_sources([*settings.data.train, *settings.data.evaluate, *settings.data.replay])
    from inkline.training.loop import run_training  # torch: only now

    result = run_training(settings, resume)
    click.echo(f"{result.reason}; best {result.best:.4f}; {result.output}")


@click.command("finetune", epilog=FINETUNE_EXAMPLES)
@click.option("--from", "model", required=True, help="zoo name, ONNX file or folder, or checkpoint (.pt)")
@click.option("--data", multiple=True, required=True, help="label file, LMDB, or generated text (data.train)")
@click.option(
    "--eval",
    "evaluation",
    multiple=True,
    help="label file to evaluate on, apart from --data  [default: a fifth of --data, which is then not learned from]",
)
@click.option(
    "--replay",
    multiple=True,
    help="old data to mix in against forgetting; auto: text drawn in each script that the "
    "model knows; none: nothing  [default: auto for recognisers, else none]",
)
@click.option("--replay_share", type=float, help="share of an epoch that is old data  [default: 0.5]")
@click.option("--keep", multiple=True, help="label file of what must not be lost  [default: generated text]")
@click.option("--bound", type=float, default=0.01, show_default=True, help="how far a measure may fall on --keep")
@click.option("--charset", help="file with the characters to learn  [default: the old ones and those of the labels]")
@click.option("--epochs", type=click.IntRange(1), help="passes over the data  [default: 5 to 40, the fewer data the more]")
@click.option("--minutes", type=float, help="end, report included, after about so many minutes; 0: no limit")
@click.option("--output", help="folder for checkpoints, log and report")
@click.option("--device", help="auto, cpu, gpu or gpu:N")
@click.option("--export", "path", type=click.Path(dir_okay=False), help="write the new model as this .onnx file")
@click.option("--force", is_flag=True, help="export even when an old ability was lost; a finished run is not trained anew")
@click.option("--resume", is_flag=True, help="resume from the last checkpoint in the output folder")
@override
def finetune(model: str, data: tuple[str, ...], keep: tuple[str, ...], bound: float, **values: Any) -> None:
    """Fine-tune a model on new data, and report what it gained and what it lost."""
    from inkline.training.data.labels import require_sources

    # what can be wrong is looked at before torch is loaded and anything trained
    replay = [spec for spec in values["replay"] if spec != "none"]
    require_sources([*data, *values["evaluation"], *replay, *keep])
    if values["path"]:
        check_output(values["path"])
    from inkline.training.finetune import export_finetuned
    from inkline.training.finetune import finetune as run

    overrides = as_overrides(
        data__evaluate=values["evaluation"],
        data__replay=replay if values["replay"] else None,
        data__replay_share=values["replay_share"],
        model__charset=values["charset"],
        run__epochs=values["epochs"],
        run__minutes=values["minutes"],
        run__output=values["output"],
        run__device=values["device"],
    )
    outcome = run(model, data, [*overrides, *values["overrides"]], keep, bound, values["resume"], values["force"])
    if outcome is None:  # another process of torchrun reports
        return
    click.echo(outcome.table())
    if values["path"]:
        export_finetuned(outcome, Path(values["path"]), values["force"])
        click.echo(f"exported to {values['path']}")


@click.command(epilog=CONVERT_EXAMPLES)
@click.argument("source")
@click.option("--name", required=True, help="the net the weights belong to, see `inkline models list`")
@click.option("-o", "--out", required=True, help="the checkpoint to write")
@click.option("--charset", help="a text file with the charset, one character per line, where the weights have none")
def convert(source: str, name: str, out: str, charset: str | None) -> None:
    """Read published weights (.pdparams, ONNX, Paddle folder, safetensors, or `zoo`) into a checkpoint of our net.

    Every weight must find its place and every place its weight, or nothing is written. No code is run from a pickle.
    """
    from inkline.training.convert import convert as run
    from inkline.training.start_weights import read_charset

    path, characters = Path(source), None
    if source == "zoo":
        found = resolve(name)
        path, characters = found.path, found.charset
    if charset:
        characters = read_charset(Path(charset), space=False)
    about = run(path, name, Path(out), characters)
    form = "fused form" if about.fused else "training form"
    classes = f", {about.classes} classes" if about.classes else ""
    click.echo(f"{out}: {about.name} in {form}{classes}", err=True)


@click.command(epilog=EXPORT_EXAMPLES)
@click.argument("checkpoint")
@click.option("-o", "--out", required=True, help="the .onnx file to write")
@click.option("--charset", help="a text file with the charset, one character per line; default: the checkpoint's")
@click.option("--version", "version_", default="1", show_default=True, help="version of the weights")
@click.option("--licence", default="Apache-2.0", show_default=True, help="licence of the weights, an SPDX identifier")
@click.option("--name", default="", help="what the model is called  [default: as its net]")
@click.option(
    "--store",
    type=click.Choice(get_args(Store)),
    default="single",
    show_default=True,
    help="how weights are stored: in 4, 2 or 1 bytes; the net computes with 4",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="an option value the model was tuned with")
def export(
    checkpoint: str, out: str, charset: str | None, version_: str, licence: str, name: str, store: Store,
    settings: tuple[str, ...],
) -> None:  # fmt: skip
    """Write a checkpoint as one self-describing ONNX file, fused, with dynamic sizes, compared with torch."""
    check_output(out)
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
    click.echo(f"{out}: {about.name}, {Path(out).stat().st_size / 1e6:.1f} MB, within {deviation:.1e} of torch", err=True)


def setting(text: str) -> tuple[str, Any]:
    """A NAME=VALUE of an option, checked against the options there are."""
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r}: must be NAME=VALUE, for instance text_det_thresh=0.25")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = value
    apply(OcrOptions(), **{name: parsed})
    return next(iter(current_names(OcrOptions, {name: parsed}).items()))
