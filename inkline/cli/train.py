"""`inkline train`, `inkline finetune`, and `inkline eval det | rec | cls`."""

import json
from pathlib import Path
from typing import Any

import click

from inkline.cli.parameters import from_options, given
from inkline.errors import OutputError
from inkline.options import OcrOptions

TRAIN_EXAMPLES = """\b
Examples:
  inkline train PP-OCRv4_mobile_det --data train.txt --eval val.txt
  inkline train my.yaml -o optimizer.learning_rate=5e-4 -o run.epochs=50
  inkline train CRNN_MobileNetV3 --data lines:english:100000 --eval words.txt --output runs/crnn
  inkline train my.yaml --resume
  torchrun --nproc_per_node 4 -m inkline train my.yaml         four GPUs
"""

FINETUNE_EXAMPLES = """\b
Examples:
  inkline finetune --from PP-OCRv6_small_rec --data mine/train.txt --eval mine/val.txt --export mine.onnx
  inkline finetune --from PP-OCRv6_small_rec --data lines:cyrillic:50000 --eval cyrillic.txt --replay auto
  inkline finetune --from runs/a/best.pt --data new.txt --eval val.txt --replay old.txt --replay_share 0.5
  inkline finetune --from PP-OCRv4_mobile_det --data pages.txt --eval val.txt --keep receipts.txt
"""

EVAL_EXAMPLES = """\b
Examples:
  inkline eval rec PP-OCRv6_small_rec words.txt --worst worst.png
  inkline eval det runs/det/best.pt pages/labels.jsonl --text_det_box_thresh 0.5
  inkline eval cls PP-LCNet_x0_25_textline_ori lines.txt --json
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


@click.command("train", epilog=TRAIN_EXAMPLES)
@click.argument("config")
@click.option(
    "--data", multiple=True, help="label file, LMDB, or generated text such as lines:latin:20000 (data.train)"
)
@click.option("--eval", "judged", multiple=True, help="label file to judge the net by (data.evaluate)")
@click.option("--output", help="folder for checkpoints and log (run.output)")
@click.option("--device", help="auto, cpu, gpu or gpu:N (run.device)")
@click.option("--resume", is_flag=True, help="go on from the last checkpoint in the output folder")
@override
def train(
    config: str, data: tuple[str, ...], judged: tuple[str, ...], output: str | None, device: str | None,
    resume: bool, overrides: tuple[str, ...],
) -> None:  # fmt: skip
    """Train a net: CONFIG is a YAML file, or the name of a published net, whose recipe is taken."""
    from inkline.training import config as configs
    from inkline.training.loop import train as run

    given_here = as_overrides(data__train=data, data__evaluate=judged, run__output=output, run__device=device)
    result = run(configs.load(configs.find_config(config), [*given_here, *overrides]), resume)
    click.echo(f"{result.reason}; best {result.best:.4f}; {result.output}")


@click.command("finetune", epilog=FINETUNE_EXAMPLES)
@click.option("--from", "model", required=True, help="zoo name, ONNX file or folder, or checkpoint (.pt)")
@click.option("--data", multiple=True, required=True, help="label file, LMDB, or generated text (data.train)")
@click.option("--eval", "judged", multiple=True, required=True, help="label file to judge by, apart from --data")
@click.option("--replay", multiple=True, help="old material to mix in against forgetting; auto: generated text")
@click.option("--replay_share", type=float, help="share of an epoch that is old material  [default: 0.5]")
@click.option("--keep", multiple=True, help="label file of what must not be lost  [default: generated text]")
@click.option("--bound", type=float, default=0.01, show_default=True, help="how far the measure may fall on --keep")
@click.option("--charset", help="file with the characters to learn  [default: the old ones and those of the labels]")
@click.option("--epochs", type=click.IntRange(1), help="passes over the data  [default: 20]")
@click.option("--output", help="folder for checkpoints, log and report")
@click.option("--device", help="auto, cpu, gpu or gpu:N")
@click.option("--export", "path", type=click.Path(dir_okay=False), help="write the new model as this .onnx file")
@click.option("--force", is_flag=True, help="export even when an old ability was lost")
@click.option("--resume", is_flag=True, help="go on from the last checkpoint in the output folder")
@override
def finetune(model: str, data: tuple[str, ...], keep: tuple[str, ...], bound: float, **values: Any) -> None:
    """Fine-tune a model on new data, and report what it gained and what it lost."""
    from inkline.training.finetune import export_outcome
    from inkline.training.finetune import finetune as run

    overrides = as_overrides(
        data__evaluate=values["judged"],
        data__replay=values["replay"],
        data__replay_share=values["replay_share"],
        model__charset=values["charset"],
        run__epochs=values["epochs"],
        run__output=values["output"],
        run__device=values["device"],
    )
    outcome = run(model, data, [*overrides, *values["overrides"]], keep, bound, values["resume"])
    if outcome is None:  # not the process that speaks
        return
    click.echo(outcome.table())
    if values["path"]:
        export_outcome(outcome, Path(values["path"]), values["force"])
        click.echo(f"exported to {values['path']}")


def judge(task: str, model: str, datasets: tuple[str, ...], values: dict[str, Any]) -> None:
    """Judge a model on sets, print the measures, and draw the worst cases."""
    from inkline.training.evaluate import evaluate, folding, open_model, picture

    limit, root, worst, as_json = (values.pop(name) for name in ("limit", "root", "worst", "as_json"))
    fold = folding(not values.pop("no_case"), not values.pop("no_marks"))
    opened = open_model(task, model, list(given(OcrOptions, values).items()))
    for number, dataset in enumerate(datasets):
        judged = evaluate(task, opened, dataset, limit or 0, root or "", fold)
        scores = judged.scores
        if judged.report.problems:
            click.echo(f"{dataset}: {judged.report.lines()[0]}; see `inkline data check`", err=True)
        if as_json:
            click.echo(json.dumps({"set": dataset, "model": opened.name, **scores.values}, ensure_ascii=False))
        else:
            click.echo("\n".join(readable(dataset, scores.values)))
        if worst:
            path = Path(worst) if number == 0 else Path(worst).with_stem(f"{Path(worst).stem}-{number + 1}")
            save_picture(picture(judged.source, scores.worst, task, opened.labels), path)


def readable(dataset: str, values: dict[str, Any]) -> list[str]:
    """Measures as lines of text: plain numbers first, then the tables."""
    lines = [dataset]
    lines += [f"  {name:<16}{shown(v)}" for name, v in values.items() if not isinstance(v, (dict, list))]
    for name, table in values.items():
        if isinstance(table, dict):
            lines.append(f"  {name}:")
            for key, row in table.items():
                facts = row if isinstance(row, dict) else {"acc": row}
                lines.append(f"    {key:<14}" + " ".join(f"{k} {shown(v)}" for k, v in facts.items()))
        elif isinstance(table, list):
            lines.append(f"  {name} (confidence from, to, answers, mean confidence, right):")
            lines += ["    " + " ".join(shown(v) for v in row) for row in table]
    return lines


def shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def save_picture(image: Any, path: Path) -> None:
    """Write a picture; OutputError when its place or kind cannot be written."""
    import cv2

    try:
        done = cv2.imwrite(str(path), image)
    except cv2.error:
        done = False
    if not done:
        raise OutputError(f"{path}: not written; give a file such as worst.png in a folder that exists")


def eval_command(task: str, what: str, names: tuple[str, ...]) -> click.Command:
    """`inkline eval det`, `rec` or `cls`; names: the options of inference that it takes."""

    @click.command(
        task, epilog=EVAL_EXAMPLES, help=f"{what}\n\nMODEL: a zoo name, an ONNX file or folder, or a checkpoint."
    )
    @click.argument("model")
    @click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
    @click.option("--worst", help="draw the worst cases onto one picture and write it here")
    @click.option("--limit", type=click.IntRange(1), help="only the first samples of each set")
    @click.option("--root", help="folder the image paths start from  [default: the label file's own]")
    @click.option("--no_case", is_flag=True, hidden=task != "rec", help="capital letters do not count")
    @click.option(
        "--no_marks", is_flag=True, hidden=task != "rec", help="vowel marks and kashidas do not count; ٣ is 3"
    )
    @click.option("--json", "as_json", is_flag=True, help="one JSON line a set, tables included")
    @from_options(OcrOptions, names)
    def command(model: str, datasets: tuple[str, ...], **values: Any) -> None:
        judge(task, model, datasets, values)

    return command


ENGINE_OPTIONS = ("engine", "device", "cpu_threads")
DETECT_OPTIONS = tuple(
    f"text_det_{name}"
    for name in ("limit_side_len", "limit_type", "max_side_limit", "thresh", "box_thresh", "unclip_ratio", "box_type")
)
READ_OPTIONS = (
    "text_recognition_batch_size",
    "text_rec_width_rule",
    "text_rec_width_scale",
    "text_rec_stroke_pitch",
    "text_rec_max_width",
    "text_rec_charset",
)

eval_det = eval_command(
    "det", "Precision, recall and Hmean of a text detector (IoU > 0.5, ignored regions count neither way).",
    DETECT_OPTIONS + ENGINE_OPTIONS,
)  # fmt: skip
eval_rec = eval_command(
    "rec", "Accuracy, edit distance, CER, WER, spaces, digits, scripts and calibration of a text recogniser.",
    READ_OPTIONS + ENGINE_OPTIONS,
)  # fmt: skip
eval_cls = eval_command(
    "cls", "Top-1 accuracy of an orientation classifier.", ("textline_orientation_batch_size", *ENGINE_OPTIONS)
)
