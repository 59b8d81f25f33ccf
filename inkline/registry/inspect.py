"""Turn a model's name or folder into one ONNX file with all that is known about it.

What describes a model is gathered from four places, the later winning: the card, the sizes that the file's input is fixed
to, the `inference.yml` beside it, and the metadata inside it. The keys are the same everywhere: `character` (the charset,
one character per line) and `inkline.*`; lists and tables are JSON. A charset may also lie beside the file as `.txt`; it
counts where the file and its `inference.yml` have none, or one that does not fit the net.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from inkline.errors import ModelError, UsageError, near
from inkline.flat import current_names
from inkline.languages import is_latin
from inkline.options import OcrOptions
from inkline.registry.card import ModelCard, all_cards, current_name, find_card, names_for
from inkline.registry.download import fetch_model
from inkline.registry.onnx_file import OnnxHeader, onnx_nodes, read_onnx_header, with_classes, with_grid_output
from inkline.registry.paddle_files import PROGRAM_FILES, converted_onnx, read_settings
from inkline.registry.settings import Settings

CHARSET, NAME, TASK, DECODER = "character", "inkline.name", "inkline.task", "inkline.decoder"
LABELS = "inkline.labels"
MIN_CUT_CLASSES = 2000  # fewer cost next to nothing

# What an `inference.yml` calls it -> what it is called here.
OFFICIAL_DECODERS = {"CTCLabelDecode": "ctc", "AttnLabelDecode": "attention"}
OFFICIAL_POSTPROCESSES = {"DBPostProcess": "db", "EASTPostProcess": "east"}
# The classifiers that are published as a bare file, by their classes and the convolutions in their graph.
UNNAMED_CLASSIFIERS = {(2, 53): "ch_ppocr_mobile_v2.0_cls", (4, 32): "PP-LCNet_x1_0_doc_ori"}
OFFICIAL_THRESHOLDS = {
    "thresh": "text_det_thresh",
    "box_thresh": "text_det_box_thresh",
    "max_candidates": "text_det_max_candidates",
    "unclip_ratio": "text_det_unclip_ratio",
}


@dataclass(frozen=True)
class ModelFile:
    """A model that is ready to be opened.

    path: of the ONNX file. metadata: every `inkline.*` key that is known of it. charset: of a recogniser, without the
    CTC blank: character i belongs to class i + 1, and a space is added where the net has a class for it; None for
    other models. task: empty when nothing tells it. card: None for a model that `models.toml` does not know.
    """

    path: Path
    name: str
    task: str
    metadata: Mapping[str, str] = field(repr=False)
    charset: tuple[str, ...] | None = field(default=None, repr=False)
    card: ModelCard | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """The option values this model was tuned with, by flat name; of a recogniser of one size also that size."""
        try:
            tuned = current_names(OcrOptions, json.loads(self.metadata.get("inkline.options", "{}")))
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{self.path}: its metadata inkline.options is no JSON object; export it again") from error
        sides = [int(self.metadata.get(f"inkline.input_{side}", "0")) for side in ("height", "width")]
        return {"text_rec_input_shape": [3, *sides], **tuned} if self.task == "text_recognition" and all(sides) else tuned


def resolve_model(name: str, model_dir: str | Path, settings: Settings, task: str = "") -> ModelFile:
    """The model called `name`, from `model_dir` (a folder or a file) or, when that is empty, as its card says.

    With a folder, an empty name means the model in that folder, and `task` is what it is wanted for. A folder may be
    ours (`*.onnx`), an official ONNX folder (`inference.onnx` and `inference.yml`) or a Paddle inference folder, which
    is converted once (extra `paddle`).
    UsageError for an unknown name; ModelError for a missing file, a model of another name or task, a charset that does
    not fit the net; DownloadError when the model could not be fetched.
    """
    name = current_name(name)
    if str(model_dir):
        given = Path(model_dir).expanduser()
        model = _describe(_onnx_in(given, settings), name, task, given)
    else:
        card = find_card(name, task)
        if task and card.task != task:
            raise UsageError(f"{name} is a model for {card.task}, not for {task}{near(name, names_for(task))}")
        path = fetch_model(card, settings)
        model = _describe(path, card.name, card.task, path)
    if model.task == "doc_unwarping":
        return replace(model, path=with_grid_output(model.path, settings))
    return model


def only_latin(model: ModelFile, settings: Settings) -> ModelFile:
    """A recogniser whose head knows only what pages in Latin script use (`is_latin`); itself where that saves little.

    Of PP-OCRv6's 18,710 classes that is every eleventh: 13 % less to do, and no letter of another script that looks the same.
    """
    charset = model.charset or ()
    kept = [i for i, token in enumerate(charset) if all(map(is_latin, token))]
    if len(charset) < MIN_CUT_CLASSES or len(charset) < 2 * len(kept) or model.metadata.get(DECODER, "ctc") != "ctc":
        return model
    path = with_classes(model.path, len(charset) + 1, [0, *(i + 1 for i in kept)], settings)
    return replace(model, path=path, charset=tuple(charset[i] for i in kept)) if path else model


def _onnx_in(path: Path, settings: Settings) -> Path:
    """The one ONNX file that `path` means."""
    if path.is_file():
        if path.suffix == ".onnx":
            return path
        raise ModelError(f"{path} is not an .onnx file; give one, or the folder of a model")
    if not path.is_dir():
        raise ModelError(f"model folder {path} does not exist; give a folder that holds a model, or an .onnx file")
    for choice in ([path / "inference.onnx"], [path / f"{path.name}.onnx"], sorted(path.glob("*.onnx"))):
        found = [file for file in choice if file.is_file()]
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelError(f"{path} holds {len(found)} .onnx files; name the file that is meant, not the folder")
    if any((path / program).is_file() for program in PROGRAM_FILES):
        return converted_onnx(path, settings)
    raise ModelError(f"{path} holds no model: neither an .onnx file nor {' nor '.join(PROGRAM_FILES)}")


def _describe(path: Path, name: str, wanted: str, given: Path) -> ModelFile:
    """Gather what is known of the file, and check that it is the wanted model. given: the path as the user gave it."""
    header = read_onnx_header(path)
    said = _settings_beside(path) | header.metadata

    # Which model it is: its own name wins over the name given, and that over what its graph looks like.
    own_name = said.get(NAME, "")
    card = all_cards().get(own_name or name) or _unnamed_classifier(path, header, said)
    card_name, card_task = (card.name, card.task) if card else ("", "")
    task = said.get(TASK) or _task_by_outputs(header) or card_task
    _check_identity(path, (own_name, name), (task, wanted or ("" if own_name else card_task)))

    # What its card says comes first, so that the file has the last word.
    name, task = own_name or name or card_name, task or wanted
    metadata = {**_card_metadata(card), **_fixed_sides(header), **said, NAME: name, TASK: task}
    _check_labels(given, metadata)
    charset = _fitting_charset(given, path, metadata, header) if task == "text_recognition" else None
    return ModelFile(path, name, task, metadata, charset, card)


def _settings_beside(path: Path) -> dict[str, str]:
    """What the `inference.yml` of the file says, under the file's name or its own; empty when there is none."""
    for config in (path.with_suffix(".yml"), path.with_name("inference.yml")):
        if config.is_file():
            return read_inference_yml(config)
    return {}


def _unnamed_classifier(path: Path, header: OnnxHeader, said: Mapping[str, str]) -> ModelCard | None:
    """The card of one of the classifiers that are published as a bare file, by its classes and convolutions; else None."""
    classes = next((shape[1] for shape in header.outputs.values() if len(shape) == 2), 0)
    if LABELS in said or not any(classes == count for count, _ in UNNAMED_CLASSIFIERS):
        return None
    convolutions = sum(kind == "Conv" for kind, _, _ in onnx_nodes(path))
    return all_cards().get(UNNAMED_CLASSIFIERS.get((classes, convolutions), ""))


def _task_by_outputs(header: OnnxHeader) -> str:
    """What a net is for, by the shapes it gives: maps, characters along a line, classes, points; empty when unsure."""
    for shape in header.outputs.values():
        if len(shape) == 3:
            return "text_recognition"
        if len(shape) == 2:
            return {2: "textline_orientation", 4: "doc_orientation_classify"}.get(shape[1], "")
    maps = [shape[1] for shape in header.outputs.values() if len(shape) == 4]
    if 1 in maps:
        return "text_detection"
    return "doc_unwarping" if maps and set(maps) <= {2, 3} else ""


def _fixed_sides(header: OnnxHeader) -> dict[str, str]:
    """The height and width of the file's input, where they are fixed."""
    shape = next((shape for shape in header.inputs.values() if len(shape) == 4), ())
    return {f"inkline.input_{side}": str(size) for side, size in zip(("height", "width"), shape[2:], strict=False) if size > 0}


def _check_identity(path: Path, names: tuple[str, str], tasks: tuple[str, str]) -> None:
    """ModelError when the file holds another model than the one wanted; pairs of (found, wanted), empty if unknown."""
    own_name, name = names
    task, wanted = tasks
    if wanted and task and task != wanted:
        raise ModelError(f"{path} holds a model for {task}, not for {wanted}{f' ({own_name})' if own_name else ''}")
    if own_name and name and own_name != name:
        raise ModelError(f"{path} holds the model {own_name!r}, not {name!r}; ask for it by its own name")


def _card_metadata(card: ModelCard | None) -> dict[str, str]:
    if card is None:
        return {}
    out = {TASK: card.task, "inkline.options": json.dumps(dict(card.options)), **card.metadata}
    if card.input_height:
        out["inkline.input_height"] = str(card.input_height)
    return out


def _check_labels(given: Path, metadata: Mapping[str, str]) -> None:
    """ModelError when nothing says what the classes of a classifier mean."""
    if metadata[TASK] in ("textline_orientation", "doc_orientation_classify") and LABELS not in metadata:
        known = ", ".join(names_for(metadata[TASK]))
        raise ModelError(f"{given} does not say what its classes are (it has no inference.yml); name the model: {known}")


def charsets_of(path: Path, classes: int) -> Iterator[tuple[str, ...]]:
    """What may be the charset of a model file, most trusted first: that in the file, in its `inference.yml`, in `<stem>.txt`.

    Last come the other .txt files of its folder: the only one beside the only model, or else the only one that fits `classes`
    (-1: unknown). ModelError when a file that is meant to be a charset is not readable.
    """
    metadata = read_onnx_header(path).metadata if path.suffix == ".onnx" else {}
    for said in (metadata, _settings_beside(path)):
        if CHARSET in said:
            yield tuple(said[CHARSET].split("\n"))
    own = path.with_suffix(".txt")
    if own.is_file():
        yield _read_charset(own)
    others = [other for other in path.parent.glob("*.txt") if other != own]
    if len(others) == 1 and len(list(path.parent.glob("*.onnx"))) == 1:
        yield _read_charset(others[0])
    fitting = {charset for charset in _readable_charsets(others) if ctc_charset(charset, classes)}
    if len(fitting) == 1:
        yield fitting.pop()


def _readable_charsets(paths: Iterable[Path]) -> Iterator[tuple[str, ...]]:
    for path in paths:
        with suppress(ModelError):
            yield _read_charset(path)


def _read_charset(path: Path) -> tuple[str, ...]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: not readable as a charset ({error}); one character per line in UTF-8") from error
    if not text.strip("\r\n"):
        raise ModelError(f"{path}: empty; a charset is one character per line in UTF-8")
    return tuple(text.replace("\r\n", "\n").removesuffix("\n").split("\n"))


def ctc_charset(characters: Sequence[str], classes: int) -> tuple[str, ...]:
    """The characters of the classes of a CTC net, which has the blank besides; empty where they do not fit.

    The reference adds a space to a dictionary, whether that lists one or not; and one that is listed last is lost where a tool
    strips the file's end. Of two spaces the last is the one that was trained.
    """
    spaces = classes - 1 - len(characters)
    fits = spaces in (0, 1) or (spaces == 2 and " " not in characters)
    return (*characters, *" " * spaces) if fits else ()


def _fitting_charset(given: Path, path: Path, metadata: Mapping[str, str], header: OnnxHeader) -> tuple[str, ...]:
    """The characters of a recogniser's classes; ModelError when there are none, or more or fewer than classes."""
    classes = next((shape[-1] for shape in header.outputs.values() if len(shape) == 3), -1)
    found = charsets_of(path, classes)
    first = next(found, ())
    if not first:
        if given.is_dir():
            wanted = "holds no charset; put its dictionary into it as a .txt file, one character per line"
            raise ModelError(f"{given} {wanted}, or its inference.yml")
        wanted = f"put its dictionary beside it as {given.stem}.txt, one character per line"
        raise ModelError(f"{given} has no charset; {wanted}")
    count = len(first)
    # Decoders other than CTC count marks of their own among the classes.
    if metadata.get(DECODER, "ctc") != "ctc":
        if 0 <= classes < count:
            raise ModelError(f"{given}: the charset has {count} characters, the net only {classes} classes")
        return first
    if classes < 0:
        return first if " " in first else (*first, " ")
    fitting = next(filter(None, (ctc_charset(charset, classes) for charset in chain([first], found))), ())
    if not fitting:
        raise ModelError(
            f"{given}: the charset has {count} characters, but the net has {classes} classes, which fits a charset of "
            f"{classes - 2} or, with the space in it, {classes - 1}; use the charset the net was trained with"
        )
    return fitting


def read_inference_yml(path: Path) -> dict[str, str]:
    """The metadata that an `inference.yml` states, which PaddleX writes beside a model; ModelError if unreadable.

    What it does not state is left out. The thresholds become `inkline.official_options`: they are the publisher's,
    for the reference rules, and not tuned for ours.
    """
    config = read_settings(path)
    out: dict[str, str] = {}
    name = _section(config, "Global").get("model_name")
    if isinstance(name, str):
        out[NAME] = name
    return out | _preprocess_metadata(path, config) | _postprocess_metadata(path, _section(config, "PostProcess"))


def _section(config: dict[str, Any], key: str) -> dict[str, Any]:
    value = config.get(key)
    return value if isinstance(value, dict) else {}


def _preprocess_metadata(path: Path, config: dict[str, Any]) -> dict[str, str]:
    out: dict[str, str] = {}
    for step, values in _transform_steps(config):
        if step == "NormalizeImage":
            lists = [(key, values[key]) for key in ("mean", "std") if isinstance(values.get(key), list)]
            out |= {f"inkline.{key}": json.dumps(_numbers(path, key, value, 1)) for key, value in lists}
        elif step == "DecodeImage" and values.get("img_mode") in ("BGR", "RGB"):
            out["inkline.channel_order"] = values["img_mode"]
        elif step == "RecResizeImg" and isinstance(values.get("image_shape"), list):
            out["inkline.input_height"] = str(_numbers(path, "image_shape", values["image_shape"], 3)[1])
    return out


def _numbers(path: Path, key: str, values: list[Any], count: int) -> list[int | float]:
    """The values of a key, which must be at least so many numbers; ModelError otherwise."""
    if len(values) < count or not all(type(value) in (int, float) for value in values):
        raise ModelError(f"{path}: {key}: {str(values)[:60]} must be {count} or more numbers; export the model again")
    return values


def _transform_steps(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, settings) of each step that prepares an image; what is not written as such is passed over."""
    steps = _section(config, "PreProcess").get("transform_ops")
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict):
            yield from ((name, _section(step, name)) for name in step)


def _postprocess_metadata(path: Path, post: dict[str, Any]) -> dict[str, str]:
    out: dict[str, str] = {}
    name = str(post.get("name", ""))
    if name in OFFICIAL_DECODERS:
        out[DECODER] = OFFICIAL_DECODERS[name]
    if name in OFFICIAL_POSTPROCESSES:
        out["inkline.postprocess"] = OFFICIAL_POSTPROCESSES[name]
    options = {OFFICIAL_THRESHOLDS[k]: v for k, v in post.items() if k in OFFICIAL_THRESHOLDS and isinstance(v, int | float)}
    if options:
        out["inkline.official_options"] = json.dumps(options)
    if isinstance(post.get("character_dict"), list):
        out[CHARSET] = "\n".join(_as_text(path, entry) for entry in post["character_dict"])
    labels = _section(post, "Topk").get("label_list", post.get("label_list"))
    if isinstance(labels, list):
        out[LABELS] = json.dumps([str(label) for label in labels])
    return out


def _as_text(path: Path, entry: Any) -> str:
    """An entry of a character_dict; YAML takes digits for numbers, and a few letters for something else."""
    if isinstance(entry, bool) or not isinstance(entry, str | int | float):
        raise ModelError(f"{path}: character_dict holds entries that are no text; put quotes around them")
    return str(entry)
