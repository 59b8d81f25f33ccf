"""Turn a model's name or folder into one ONNX file with all that is known about it.

What describes a model is gathered from four places, the later winning: the card, a charset as `.txt` beside the file,
the `inference.yml` beside it, and the metadata inside it. The keys are the same everywhere: `character` (the
charset, a character a line) and `inkline.*`; lists and tables are JSON.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from inkline.errors import ModelError, UsageError, near
from inkline.flat import current_names
from inkline.options import OcrOptions
from inkline.registry.card import ModelCard, all_cards, current_name, find_card
from inkline.registry.download import fetch
from inkline.registry.official import read_official
from inkline.registry.onnx_file import Header, read_header
from inkline.registry.paddle_files import PROGRAMS, converted
from inkline.registry.settings import Settings
from inkline.registry.unwarp_grid import with_grid

CHARSET, NAME, TASK, DECODER = "character", "inkline.name", "inkline.task", "inkline.decoder"
LABELS = "inkline.labels"


@dataclass(frozen=True)
class ModelFile:
    """A model that is ready to be opened.

    path: of the ONNX file. metadata: every `inkline.*` key that is known of it. charset: of a recogniser, without the
    CTC blank: character i belongs to class i + 1, and a space is added where the net has a class for it; None for
    other models. task: empty when nothing tells it. card: None for a model the zoo does not know.
    """

    path: Path
    name: str
    task: str
    metadata: Mapping[str, str] = field(repr=False)
    charset: tuple[str, ...] | None = field(default=None, repr=False)
    card: ModelCard | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """The option values this model was tuned with, by flat name."""
        try:
            return current_names(OcrOptions, json.loads(self.metadata.get("inkline.options", "{}")))
        except (ValueError, TypeError, AttributeError) as error:
            raise ModelError(f"{self.path}: its metadata inkline.options is no JSON object; export it again") from error


def resolve(name: str, model_dir: str | Path, settings: Settings, task: str = "") -> ModelFile:
    """The model called `name`, from `model_dir` (a folder or a file) or, when that is empty, from the zoo.

    With a folder, an empty name means whatever the folder holds, and `task` is what it is wanted for. A folder may be
    ours (`*.onnx`), an official ONNX folder (`inference.onnx` and `inference.yml`) or a Paddle inference folder, which
    is converted once (extra `paddle`).
    UsageError for a name the zoo does not know; ModelError for a missing file, a model of another name or task, a
    charset that does not fit the net; DownloadError when the model could not be fetched.
    """
    name = current_name(name)
    if str(model_dir):
        given = Path(model_dir).expanduser()
        model = _describe(_onnx_in(given, settings), name, task, given)
    else:
        card = find_card(name)
        if task and card.task != task:
            raise UsageError(f"{name} is a model for {card.task}, not for {task}{near(name, _names(task))}")
        path = fetch(card, settings)
        model = _describe(path, card.name, card.task, path)
    if model.task == "doc_unwarping":
        return replace(model, path=with_grid(model.path, settings))
    return model


def _names(task: str) -> list[str]:
    return [name for name, card in all_cards().items() if card.task == task]


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
    if any((path / program).is_file() for program in PROGRAMS):
        return converted(path, settings)
    raise ModelError(f"{path} holds no model: neither an .onnx file nor {' nor '.join(PROGRAMS)}")


def _describe(path: Path, name: str, wanted: str, given: Path) -> ModelFile:
    """Gather what is known of the file, and check that it is the model asked for. given: what the user called it."""
    header = read_header(path)
    said = _charset_beside(path)
    for config in (path.with_suffix(".yml"), path.with_name("inference.yml")):
        if config.is_file():
            said |= read_official(config)
            break
    said |= header.metadata
    own = said.get(NAME, "")
    if not (own or name) and LABELS not in said and _task_of(header) == "textline_orientation" and _is_paddle_2(given):
        name = "ch_ppocr_mobile_v2.0_cls"  # the only one of 2.x, whose folders say nothing of themselves
    card = all_cards().get(own or name)
    wanted = wanted or (card.task if card and not own else "")
    task = said.get(TASK) or _task_of(header) or (card.task if card else "")
    if wanted and task and task != wanted:
        raise ModelError(f"{path} holds a model for {task}, not for {wanted}{f' ({own})' if own else ''}")
    if own and name and own != name:
        raise ModelError(f"{path} holds the model {own!r}, not {name!r}; ask for it by its own name")
    metadata = {**(_card_metadata(card) if card else {}), **said, NAME: own or name, TASK: task or wanted}
    if metadata[TASK] in ("textline_orientation", "doc_orientation_classify") and LABELS not in metadata:
        known = ", ".join(_names(metadata[TASK]))
        raise ModelError(
            f"{given} does not say what its classes are (it has no inference.yml); name the model: {known}"
        )
    charset = _charset(given, metadata, header) if metadata[TASK] == "text_recognition" else None
    return ModelFile(path, metadata[NAME], metadata[TASK], metadata, charset, card)


def _card_metadata(card: ModelCard) -> dict[str, str]:
    out = {TASK: card.task, "inkline.options": json.dumps(dict(card.options)), **card.metadata}
    if card.input_height:
        out["inkline.input_height"] = str(card.input_height)
    return out


def _is_paddle_2(given: Path) -> bool:
    """Whether the user gave an inference folder of Paddle 2."""
    return (given / "inference.pdmodel").is_file()


def _task_of(header: Header) -> str:
    """What a net is for, by the shapes it gives: maps, characters along a line, or classes; empty when unsure."""
    for shape in header.outputs.values():
        if len(shape) == 3:
            return "text_recognition"
        if len(shape) == 4:
            return "text_detection" if shape[1] == 1 else ""
        if len(shape) == 2:
            return {2: "textline_orientation", 4: "doc_orientation_classify"}.get(shape[1], "")
    return ""


def _charset_beside(path: Path) -> dict[str, str]:
    """The charset in `<stem>.txt`, or in the only .txt of a folder with only this model; empty when there is none."""
    own = path.with_suffix(".txt")
    others = list(path.parent.glob("*.txt")) if len(list(path.parent.glob("*.onnx"))) == 1 else []
    found = own if own.is_file() else others[0] if len(others) == 1 else None
    if found is None:
        return {}
    try:
        text = found.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{found}: not readable as a charset ({error}); one character a line in UTF-8") from error
    return {CHARSET: text.replace("\r\n", "\n").removesuffix("\n")}


def _charset(given: Path, metadata: Mapping[str, str], header: Header) -> tuple[str, ...]:
    """The characters of a recogniser's classes; ModelError when there are none, or more or fewer than classes."""
    if CHARSET not in metadata:
        folder = given.is_dir()
        place = "into it as a .txt file" if folder else f"beside it as {given.stem}.txt"
        why = f"{given} {'holds' if folder else 'has'} no charset; put its dictionary {place}, one character a line"
        raise ModelError(why + (", or its inference.yml" if folder else ""))
    characters = tuple(metadata[CHARSET].split("\n"))
    classes = next((shape[-1] for shape in header.outputs.values() if len(shape) == 3), -1)
    count = len(characters)
    if metadata.get(DECODER, "ctc") != "ctc":  # the marks of the other decoders are theirs to count
        if 0 <= classes < count:
            raise ModelError(f"{given}: the charset has {count} characters, the net only {classes} classes")
        return characters
    if classes == count + 2 or (classes < 0 and " " not in characters):
        return (*characters, " ")
    if classes in (count + 1, -1):
        return characters
    raise ModelError(
        f"{given}: the charset has {count} characters, but the net has {classes} classes, which fits a charset of "
        f"{classes - 2} or, with the space in it, {classes - 1}; use the charset the net was trained with"
    )
