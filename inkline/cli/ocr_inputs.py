"""The inputs of `inkline ocr`: which stand for several files, and which files are results of an earlier command."""

import glob
import os
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
    from inkline.formats.write import is_result_name
    from inkline.io.sources import expand

    folder = os.path.realpath(save_path or "")
    for given in sources:
        if not save_path or not may_be_several(given):
            yield given
            continue
        for source in expand(given):
            path = source.data
            if isinstance(path, Path) and is_result_name(path.name) and os.path.realpath(path.parent) == folder:
                left_out.append(path.name)
            else:
                yield source


def tell_left_out(names: list[str], folder: str) -> None:
    """Say which files were taken for results and not read."""
    if names:
        what = "1 result" if len(names) == 1 else f"{len(names)} results"
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        click.echo(
            f"inkline: {what} of an earlier command in {folder} not read ({shown}); name a file to have it read", err=True
        )
