"""Lay what the chosen models were tuned with between the defaults and what the user asked for."""

import logging
from pathlib import Path
from typing import Any, get_args

from inkline.flat import apply, flat_fields
from inkline.languages import route
from inkline.options import OcrOptions
from inkline.registry.card import Task, find_card
from inkline.registry.inspect import resolve
from inkline.registry.settings import Settings, from_environment

logger = logging.getLogger(__name__)


def options_for(**overrides: Any) -> OcrOptions:
    """See `inkline.registry.options_for`."""
    lang, version = overrides.pop("lang", None) or "", overrides.pop("ocr_version", None) or ""
    names = _routed(lang, version, overrides) if lang or version else {}
    settings = from_environment()
    tuned: dict[str, Any] = {}
    for task in get_args(Task):
        key = f"{task}_model_name"
        default = names.get(key, getattr(OcrOptions(), key))
        names[key], values = _chosen(task, overrides.get(key, default), overrides, settings)
        tuned |= values
    return apply(OcrOptions(), **(tuned | overrides | names))


def _chosen(task: str, name: str, overrides: dict[str, Any], settings: Settings) -> tuple[str, dict[str, Any]]:
    """The name of the model for `task`, and the option values it was tuned with."""
    folder = overrides.get(f"{task}_model_dir", "")
    if not folder:
        card = find_card(name)
        return card.name, dict(card.options)
    model = resolve(overrides.get(f"{task}_model_name", ""), folder, settings, task)
    path = Path(folder).expanduser()
    known = flat_fields(OcrOptions)
    unknown = [option for option in model.options if option not in known]
    if unknown:
        logger.warning("%s was tuned for options that are not known here: %s", model.path, ", ".join(unknown))
    values = {option: value for option, value in model.options.items() if option in known}
    return model.name or (path.stem if path.is_file() else path.name), values


def _routed(lang: str, version: str, overrides: dict[str, Any]) -> dict[str, str]:
    """The names that a language and version stand for, for the models that the user does not choose himself."""
    detector, recognizer = route(lang, version)
    names = {"text_detection_model_name": detector, "text_recognition_model_name": recognizer}
    chosen = [n for n in names if n in overrides or n.replace("_name", "_dir") in overrides]
    if len(chosen) == len(names):
        logger.warning("lang and ocr_version choose nothing: both models are named")
    return {n: v for n, v in names.items() if n not in chosen}
