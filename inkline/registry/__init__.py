"""The models Inkline knows: their cards, where their files come from, and what a file says of itself."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from inkline.errors import UsageError
from inkline.flat import apply, check_value, flat_fields
from inkline.languages import canonical, codes_under, language, route
from inkline.options import AUTO, OcrOptions
from inkline.presets import LARGE_MODELS, TIERS
from inkline.registry.card import Task, find_card

if TYPE_CHECKING:
    from inkline.registry.inspect import ModelFile

logger = logging.getLogger(__name__)

DEFAULT_MODELS = {key: getattr(OcrOptions(), key) for key in ("text_detection_model_name", "text_recognition_model_name")}
BALANCED = OcrOptions().tier


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


# task -> the option that names its model
MODEL_KEYS = {task: f"{task}_model_name" for task in get_args(Task) if f"{task}_model_name" in flat_fields(OcrOptions)}


def options_for(**overrides: Any) -> OcrOptions:
    """The options to read with: the defaults, over them the tier, what the models were tuned with, and `overrides`.

    A tier's values are made for the default models, so they go before what these were tuned with, and after that of others.

    overrides: flat option names of `inkline.options`, and `ocr_version`, which with `lang` chooses the models that are not
    named; `lang` may be a list. A folder given without a name brings its own. UsageError and ModelError as in `resolve`.
    """
    # Which models: those named, else those of the language, else those of the tier.
    version = overrides.pop("ocr_version", None) or ""
    overrides["lang"] = lang = _language_asked(overrides, version)
    one = lang.removeprefix(AUTO).split("+")[0]
    names = _names_for_language(one, version, overrides) if one or version else {}
    tier = check_value(flat_fields(OcrOptions)["tier"][2], overrides.get("tier", BALANCED), "tier")
    unnamed = [key for key in DEFAULT_MODELS if key not in overrides and key.replace("_name", "_dir") not in overrides]
    names |= {key: model_of_tier(names.get(key, DEFAULT_MODELS[key]), tier, one) for key in unnamed}
    _warn_of_large([names[key] for key in unnamed], tier)
    options, tuned = OcrOptions(), dict[str, Any]()
    for task, key in MODEL_KEYS.items():
        name = overrides.get(key, names.get(key, getattr(OcrOptions(), key)))
        # What each of them was tuned with.
        names[key], values = _tuned_options(task, name, overrides)
        if names[key] == DEFAULT_MODELS.get(key):
            options = apply(options, **values)
        else:
            tuned |= values
    return apply(apply(apply(options, tier=tier), **tuned), **(overrides | names))


def _language_asked(overrides: dict[str, Any], version: str) -> str:
    """The option `lang`: a list joined by +; if not given, auto unless a recogniser, a version or the reference's rules are."""
    lang = overrides.get("lang")
    if lang is None:
        named = any(overrides.get(f"text_recognition_model_{what}") for what in ("name", "dir"))
        return "" if version or named or overrides.get("rules") == "reference" else AUTO
    if str(lang).strip().lower() in ("", AUTO):
        return str(lang).strip().lower()
    return "+".join(dict.fromkeys(map(_code_of, _codes(lang))))


def _codes(lang: Any) -> list[Any]:
    """The languages of `en`, `en+ru`, `en,ru` or a list, as they were given; UsageError for anything else."""
    codes = lang.replace(",", "+").split("+") if isinstance(lang, str) else lang
    if not isinstance(codes, list | tuple | set):
        raise UsageError(f"lang={lang!r:.80}: must be auto, a code, for instance en, or a list of codes")
    if AUTO in codes:
        others = "+".join(str(code) for code in codes if code != AUTO)
        raise UsageError(f"lang={lang!r:.80}: auto is every language already; give auto alone, or {others} alone")
    named = [code for code in codes if not (isinstance(code, str) and not code.strip())]
    if len(named) < len(codes):
        alone = f"{'+'.join(map(str, named))} alone, or " if named else ""
        raise UsageError(f"lang={lang!r:.80}: a language is missing; give {alone}codes joined by +, for instance en+ru")
    return list(codes)


def _code_of(lang: str) -> str:
    """The code meant by `lang`; a warning where others mean another language by it."""
    code = canonical(lang)
    known = language(code)
    if code == lang.strip().lower() and known.elsewhere:
        text = "lang=%r is %s, as in PaddleOCR's list; elsewhere it is %s; %r is %s everywhere"
        logger.warning(text, lang, known.name, known.elsewhere, known.tag, known.name)
    return code


def model_of_tier(name: str, tier: str, lang: str = "") -> str:
    """The model of a tier that stands in the place of a default one; any other name as it is.

    The default one stays for a language that the tier's does not read, and for a large one that is not on this machine.
    """
    from inkline.registry.download import find_local
    from inkline.registry.settings import settings_from_environment

    other = TIERS[tier].get(next((key for key, default in DEFAULT_MODELS.items() if name == default), ""), name)
    card = find_card(other) if other != name else None
    if card is None or (lang and not set(codes_under(lang)) & set(card.languages or codes_under(lang))):
        return name
    return name if other in LARGE_MODELS and not find_local(card, settings_from_environment()) else card.name


def _warn_of_large(names: Iterable[str], tier: str) -> None:
    """A warning where a tier's models are not on this machine."""
    missing = [
        TIERS[tier][key] for key, name in DEFAULT_MODELS.items() if name in names and TIERS[tier].get(key) in LARGE_MODELS
    ]
    if missing:
        text = "tier=%s reads without %s, not on this machine; fetch them: inkline models pull %s"
        logger.warning(text, tier, " and ".join(missing), " ".join(missing))


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
        card = find_card(name, task)
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
