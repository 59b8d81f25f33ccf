"""docs/options.md: every option with its type, default and help. `python -m benchmarks.options_table > docs/options.md`."""

from typing import Any, Literal, get_args, get_origin

from inkline.flat import Shape, flat_fields
from inkline.options import OcrOptions, PdfOptions, ReadOptions, RunOptions, ServeOptions

HEAD = """# Options

Every option has one name, which is a keyword in Python (`Ocr(text_det_thresh=0.2)`, and for one call
`ocr(image, text_det_thresh=0.2)`), a flag of the command line (`--text_det_thresh 0.2`) and a key of `page.settings`.
This table is made from the options themselves: `python -m benchmarks.options_table > docs/options.md`.

A model may bring values of its own for some of them; what you give wins over these, and these over the defaults below.
Models and engines are chosen when `Ocr` is made, all else also per call.
"""

# title, options class, what the table leaves out because another one has it
TABLES: tuple[tuple[str, type, frozenset[str]], ...] = (
    (
        "The pipeline: `Ocr`, `inkline ocr`, `inkline run`, `inkline serve`",
        OcrOptions,
        frozenset(flat_fields(ReadOptions)),
    ),
    ("Reading files", ReadOptions, frozenset()),
    ("Searchable PDFs: `inkline ocr --format pdf`", PdfOptions, frozenset(flat_fields(ReadOptions))),
    ("Long runs: `inkline run` (`--strict` of `inkline ocr`, too)", RunOptions, frozenset()),
    ("The service: `inkline serve`", ServeOptions, frozenset()),
)

# Defaults that differ between machines.
COUNTED = {"cpu_threads": "all processors", "workers": "all processors", "parallel": "twice the processors"}


def type_of(hint: Any) -> str:
    """A type as users write its values."""
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if hint == Shape | None:
        return "three whole numbers"
    words = {bool: "true, false", int: "whole number", float: "number", str: "text"}
    return words[hint]


def bounds_of(low: float | None, high: float | None) -> str:
    """The allowed range, after the type."""
    if low is None:
        return ""
    return f" from {low:g}" if high is None else f", {low:g} to {high:g}"


def default_of(name: str, value: Any) -> str:
    """A default as a table shows it."""
    if name in COUNTED:
        return COUNTED[name]
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def rows(cls: type, left_out: frozenset[str]) -> list[str]:
    """The lines of one table; options of the version before are named at its end."""
    lines = ["| option | values | default | |", "|---|---|---|---|"]
    old = []
    for name, (_, field, hint) in flat_fields(cls).items():
        data = field.metadata
        if name in left_out:
            continue
        if "instead" in data:
            old.append(f"`{name}` is part of `{data['instead']}`")
            continue
        if "old_name" in data:
            old.append(f"`{data['old_name']}` is `{name}`")
        values = type_of(hint) + bounds_of(data["low"], data["high"])
        lines.append(f"| `{name}` | {values} | {default_of(name, field.default)} | {data['help']} |")
    if old:
        lines += ["", f"Names of the version before, which still work and warn: {'; '.join(old)}."]
    return lines


def document() -> str:
    """The whole of docs/options.md."""
    parts = [HEAD]
    for title, cls, left_out in TABLES:
        parts.append("\n".join([f"## {title}", "", *rows(cls, left_out)]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(document(), end="")
