"""The inputs of `inkline ocr`: which stand for several files, and which files are results of an earlier command."""

import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

RESULT_END = re.compile(r"(_\d+)?_(res|ocr_res_img|preprocessed_img)\.\w+$")

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
    from inkline.formats.write import is_result_name
    from inkline.io.sources import expand

    folder = os.path.realpath(save_path or "")
    there = os.listdir(folder) if save_path and os.path.isdir(folder) else []
    for given in sources:
        if not save_path or not may_be_several(given):
            yield given
            continue
        for source in expand(given):
            path = source.data
            is_there = isinstance(path, Path) and os.path.realpath(path.parent) == folder
            if is_there and is_result_name(path.name) and _has_others(path.name, there):
                left_out.append(path.name)
            else:
                yield source


def _has_others(name: str, there: list[str]) -> bool:
    """Whether what a result is called after, or another result of it, is in the same folder: else it may be anybody's file."""
    stem = RESULT_END.sub("", name)
    return any(other != name and other.startswith((f"{stem}.", f"{stem}_")) for other in there)


def tell_left_out(names: list[str], folder: str) -> None:
    """Say which files were taken for results and not read."""
    if names:
        what = "1 result" if len(names) == 1 else f"{len(names)} results"
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        click.echo(
            f"inkline: {what} of an earlier command in {folder} not read ({shown}); name a file to have it read", err=True
        )
