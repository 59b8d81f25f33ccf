"""The inputs of `inkline ocr`: which stand for several files, and which files are results of an earlier command."""

import glob
import os
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from inkline.io.sources import Source


def may_be_several(source: str) -> bool:
    """Whether an input stands for any number of files: a folder or a pattern."""
    from inkline.io.sources import is_url

    return os.path.isdir(source) or (glob.has_magic(source) and not os.path.lexists(source) and not is_url(source))


def without_results(sources: list[str], save_path: str | None, left_out: list[str]) -> "Iterator[str | Source]":
    """The inputs; out of folders and patterns not what an earlier command has written into the folder for the results.

    left_out: gets the names of that.
    """
    from inkline.io.sources import expand

    folder = os.path.realpath(save_path or "")
    looked_at = save_path and os.path.isdir(folder) and any(map(may_be_several, sources))
    there = sorted(os.listdir(folder)) if looked_at else []
    for given in sources:
        if not save_path or not may_be_several(given):
            yield given
            continue
        for source in expand(given):
            if isinstance(source.data, Path) and _is_result(source.data, folder, there):
                left_out.append(source.data.name)
            else:
                yield source


def _is_result(path: Path, folder: str, there: list[str]) -> bool:
    """Whether a file is one of an earlier command's results in a folder, which holds these names, sorted."""
    from inkline.formats.write import stem_of_result

    stem = stem_of_result(path.name)
    return stem is not None and os.path.realpath(path.parent) == folder and _has_others(path.name, stem, there)


def _has_others(name: str, stem: str, there: list[str]) -> bool:
    """Whether what a result is called after, or another result of it, is in the same folder: else it may be anybody's file.

    In `there`, which is sorted, names that begin alike are neighbours.
    """
    for prefix in (f"{stem}.", f"{stem}_"):
        at = bisect_left(there, prefix)
        if any(other != name and other.startswith(prefix) for other in there[at : at + 2]):
            return True
    return False


def tell_left_out(names: list[str], folder: str) -> None:
    """Say which files were taken for results and not read."""
    if names:
        what = "1 result" if len(names) == 1 else f"{len(names)} results"
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        click.echo(
            f"inkline: {what} of an earlier command in {folder} not read ({shown}); name a file to have it read", err=True
        )
