"""The models Inkline knows: their cards, where their files come from, and what a file says of itself."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from inkline.flat import apply, flat_fields
from inkline.languages import canonical, language, route
from inkline.options import OcrOptions
from inkline.registry.card import Task, find_card

if TYPE_CHECKING:
    from inkline.registry.inspect import ModelFile

logger = logging.getLogger(__name__)


def resolve(name: str, model_dir: str | Path = "", task: str = "") -> "ModelFile":
    """The model called `name`, fetched if need be, or the one in `model_dir`; see `inkline.registry.inspect`.

    The settings are those of the environment: INKLINE_CACHE, INKLINE_OFFLINE, INKLINE_MODEL_SOURCE.
    """
    from inkline.registry.inspect import resolve_model
    from inkline.registry.settings import settings_from_environment

    return resolve_model(name, model_dir, settings_from_environment(), task)


def with_latin_head(model: "ModelFile") -> "ModelFile":
    """A recogniser for lines in Latin script alone; see `only_latin` in `inkline.registry.inspect`."""
    from inkline.registry.inspect import only_latin
    from inkline.registry.settings import settings_from_environment

    return only_latin(model, settings_from_environment())


def set_offline() -> None:
    """Never use the network in this process and those it starts, as INKLINE_OFFLINE=1 does."""
    os.environ["INKLINE_OFFLINE"] = "1"


def options_for(**overrides: Any) -> OcrOptions:
    """The options to read with: the defaults, over them what the models were tuned with, over both `overrides`.

    overrides: flat option names of `inkline.options`, and `lang` and `ocr_version`, which choose the models that are
    not named. A folder given without a name brings its own. UsageError and ModelError as in `resolve`.
    """
    # Which models: those named, else those of the language, else the defaults.
    lang, version = overrides.pop("lang", None) or "", overrides.pop("ocr_version", None) or ""
    names = _names_for_language(lang, version, overrides) if lang or version else {}
    code = canonical(lang) if lang else ""
    if code and code == lang.strip().lower() and language(code).elsewhere:
        known = language(code)
        text = "lang=%r is %s, as in PaddleOCR's list; elsewhere it is %s; %r is %s everywhere"
        logger.warning(text, lang, known.name, known.elsewhere, known.tag, known.name)
    tuned: dict[str, Any] = {}
    for task in get_args(Task):
        key = f"{task}_model_name"
        name = overrides.get(key, names.get(key, getattr(OcrOptions(), key)))
        # What each of them was tuned with.
        names[key], values = _tuned_options(task, name, overrides)
        tuned |= values
    return apply(apply(OcrOptions(), **tuned), **(overrides | names), lang=code)


def _names_for_language(lang: str, version: str, overrides: dict[str, Any]) -> dict[str, str]:
    """The names that a language and version stand for, of the models that the user does not choose."""
    detector, recognizer = route(lang, version)
    names = {"text_detection_model_name": detector, "text_recognition_model_name": recognizer}
    chosen = [name for name in names if name in overrides or name.replace("_name", "_dir") in overrides]
    if len(chosen) == len(names):
        logger.warning("lang and ocr_version choose nothing: both models are named")
    return {key: name for key, name in names.items() if key not in chosen}


def _tuned_options(task: str, name: str, overrides: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the model for `task`, and the option values it was tuned with."""
    folder = overrides.get(f"{task}_model_dir", "")
    if not folder:
        card = find_card(name)
        return card.name, dict(card.options)
    model = resolve(overrides.get(f"{task}_model_name", ""), folder, task)
    # A file may come from a version with other options: those not known here are left out, with a warning.
    known = flat_fields(OcrOptions)
    unknown = [option for option in model.options if option not in known]
    if unknown:
        logger.warning("%s was tuned for options that are not known here: %s", model.path, ", ".join(unknown))
    values = {option: value for option, value in model.options.items() if option in known}
    # A model that does not say its name goes by that of its file or folder.
    path = Path(folder).expanduser()
    return model.name or (path.stem if path.is_file() else path.name), values
