"""The YAML of PaddleX pipelines (`OCR.yaml`, `doc_preprocessor.yaml`) to options, and back."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from inkline.errors import OutputError, UsageError, near
from inkline.flat import check_value, flat_fields, to_flat
from inkline.formats.write import replace_file
from inkline.options import OcrOptions
from inkline.paddle.arguments import TABLE, dotted

Config = Mapping[str, Any]
PIPELINES = ("OCR", "doc_preprocessor")

# (section, ..., key) of OCR.yaml -> the option
YAML_PLACES: dict[tuple[str, ...], str] = {tuple(place.split(".")): option for place, option in dotted(TABLE["yaml"])}
# Keys that set nothing in a pipeline: names of modules, pages per batch, Paddle's runtime, the service.
IGNORED_KEYS = frozenset(
    ("pipeline_name", "module_name", "batch_size", "engine", "engine_config", "hpi_config", "use_hpip", "Serving")
)
OWN_KEYS = frozenset(("use_doc_preprocessor", "text_type"))  # read by `config_options` itself


def read_config(config: Config | str | Path) -> Config:
    """A configuration, from its YAML file when a path is given; UsageError when it cannot be read."""
    if isinstance(config, Mapping):
        return config
    try:
        loaded = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"pipeline configuration {config}: cannot be read ({error.strerror}); give a YAML file") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"pipeline configuration {config}: not YAML ({str(error).splitlines()[0]})") from error
    if not isinstance(loaded, Mapping):
        raise UsageError(f"pipeline configuration {config}: holds no settings")
    return loaded


def pipeline_name(config: Config) -> str:
    """`OCR` or `doc_preprocessor`; UsageError for another."""
    return known_pipeline(str(config.get("pipeline_name", "OCR")))


def known_pipeline(name: str) -> str:
    """The name itself; UsageError for a pipeline that is not here."""
    if name not in PIPELINES:
        raise UsageError(f"pipeline {name!r} is not here: {' and '.join(PIPELINES)} are{near(name, PIPELINES)}")
    return name


def config_options(config: Config) -> dict[str, Any]:
    """The options that a configuration sets; null sets nothing. UsageError for an unknown key.

    `use_doc_preprocessor: False` switches both of its stages off, even if they are on themselves.
    """
    # The YAML of the preprocessor alone is a section of the other.
    if pipeline_name(config) == "doc_preprocessor":
        config = {"use_doc_preprocessor": True, "SubPipelines": {"DocPreprocessor": config}}
    if config.get("text_type", "general") != "general":
        raise UsageError(f"text_type {config['text_type']!r}: only general text is read here")
    options = {YAML_PLACES[place]: _checked(place, value) for place, value in _leaves(config) if value is not None}
    # One switch for both stages of the preprocessor.
    stages = ("use_doc_orientation_classify", "use_doc_unwarping")
    if config.get("use_doc_preprocessor") is False:
        options |= dict.fromkeys(stages, False)
    elif config.get("use_doc_preprocessor") and "DocPreprocessor" in (config.get("SubPipelines") or {}):
        options = dict.fromkeys(stages, True) | options
    return options


def serving_options(config: Config) -> dict[str, Any]:
    """The options of the service that the section `Serving` sets; UsageError for a key that is not obeyed here."""
    out: dict[str, Any] = {}
    section = config.get("Serving") or {}
    known: dict[str, str] = TABLE["yaml_serving"]
    for place, value in dotted(section if isinstance(section, Mapping) else {"": section}):
        if place not in known:
            raise UsageError(f"pipeline configuration: Serving.{place} is not known here{near(place, known)}")
        if value is not None:
            out[known[place]] = max(value) if isinstance(value, (list, tuple)) and value else value
    return out


def _checked(place: tuple[str, ...], value: Any) -> Any:
    """A value as its option's type; UsageError that names its place."""
    _, _, hint = flat_fields(OcrOptions)[YAML_PLACES[place]]
    return check_value(hint, value, f"pipeline configuration: {'.'.join(place)}")


def _leaves(config: Config, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(place, value) for all values that say an option; UsageError for an unknown key, with the nearest."""
    for key, value in config.items():
        place = (*at, str(key))
        if place in YAML_PLACES:
            yield place, value
        elif isinstance(value, Mapping) and place[-1] not in IGNORED_KEYS:
            yield from _leaves(value, place)
        elif place[-1] not in IGNORED_KEYS and not (not at and place[0] in OWN_KEYS):
            known = [p[-1] for p in YAML_PLACES if p[:-1] == at]
            raise UsageError(f"pipeline configuration: unknown key {'.'.join(place)}{near(place[-1], known)}")


def to_config(options: OcrOptions, name: str = "OCR") -> dict[str, Any]:
    """The options in the shape of PaddleX 3.7's `OCR.yaml`, or of its `doc_preprocessor.yaml`."""
    flat = to_flat(options)
    modules: dict[str, str] = TABLE["yaml_modules"]
    doc = flat["use_doc_orientation_classify"] or flat["use_doc_unwarping"]
    out: dict[str, Any] = {"pipeline_name": "OCR", "text_type": "general", "use_doc_preprocessor": doc}
    # Every option at its place; sections are made on the way there.
    for place, option in YAML_PLACES.items():
        section = out
        for key in place[:-1]:
            section = section.setdefault(key, {"module_name": modules[key]} if key in modules else {})
        section[place[-1]] = None if flat[option] == "" else flat[option]
    out["SubPipelines"]["DocPreprocessor"] = {"pipeline_name": "doc_preprocessor"} | out["SubPipelines"]["DocPreprocessor"]
    return out if name == "OCR" else dict(out["SubPipelines"]["DocPreprocessor"])


def write_config(config: Config, path: str | Path) -> None:
    """Write a configuration as YAML; OutputError when the file cannot be written."""
    if not str(path):
        raise OutputError("no path given for the pipeline configuration")
    text = yaml.safe_dump(dict(config), allow_unicode=True, sort_keys=False)
    replace_file(Path(path), text.encode("utf-8"))
