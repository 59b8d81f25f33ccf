"""Command-line options made from the option dataclasses, so that a default stands in one place only."""

from collections.abc import Callable, Iterable
from typing import Any, Literal, get_args, get_origin

import click

from inkline.flat import Shape, flat_fields, old_names
from inkline.options import OcrOptions

TRUE = frozenset(("true", "yes", "t", "y", "1", "on"))
FALSE = frozenset(("false", "no", "f", "n", "0", "off"))


class Boolean(click.ParamType):  # type: ignore[type-arg]
    """`true yes t y 1 on` or `false no f n 0 off`, in any case; the reference takes every other word for False."""

    name = "true|false"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().casefold()
        if word not in TRUE | FALSE:
            self.fail(f"{value!r} is neither true nor false", param, ctx)
        return word in TRUE


def from_options(
    cls: type, names: Iterable[str] | None = None, without: Iterable[str] = ()
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds `--flat_name` for each option of a dataclass (or only for `names`), but `without`.

    An option that the user does not give is not passed on at all, so that tuned values of the models stay in force:
    collect what was given with `given(context)`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name, (_, field, hint) in reversed(flat_fields(cls).items()):
            if (names is None or name in names) and name not in without:
                spec = _spec(hint, field.metadata["help"], field.default)
                command = click.option(f"--{name}", hidden="instead" in field.metadata, **spec)(command)
                if "old_name" in field.metadata:
                    command = click.option(f"--{field.metadata['old_name']}", hidden=True, **spec)(command)
        return command

    return decorate


def option_of(flag: str, name: str, hidden: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that adds `flag` for one option of the pipeline, whatever the flag is called."""
    _, field, hint = flat_fields(OcrOptions)[name]
    return click.option(flag, hidden=hidden, **_spec(hint, field.metadata["help"], field.default))


def _spec(hint: Any, help: str, default: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {"default": None, "help": f"{help}  [default: {_shown(default)}]"}
    if hint is bool:
        return spec | {"type": Boolean(), "is_flag": False, "flag_value": "true"}
    if get_origin(hint) is Literal:
        return spec | {"type": click.Choice(get_args(hint))}
    if hint == Shape | None:
        return spec | {"type": int, "nargs": 3, "metavar": "C H W"}
    return spec | {"type": hint}


def _shown(default: Any) -> str:
    return "none" if default in (None, "") else str(default).lower() if isinstance(default, bool) else str(default)


def given(cls: type, values: dict[str, Any]) -> dict[str, Any]:
    """Take the options of a dataclass that the user gave out of a command's keyword arguments."""
    names = (*flat_fields(cls), *old_names(cls))
    return {name: value for name in names if (value := values.pop(name, None)) is not None}
