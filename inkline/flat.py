"""Options by their flat public names: how a field is declared, checked, listed and replaced; the options are in `options`."""

import contextlib
import dataclasses
import math
import numbers
import os
import sys
import types
import warnings
from collections.abc import Callable, Mapping
from dataclasses import MISSING, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from inkline.errors import UsageError, near

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Shape = tuple[int, int, int]
Options = TypeVar("Options", bound="DataclassInstance")
FlatField = tuple[str, "dataclasses.Field[Any]", Any]

# What a value of a type is called in messages.
TYPE_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", Path: "a path"}


MAX_SHAPE_NUMBERS = 1 << 28  # of a net's input, four bytes each

KNOWN_FIELDS: dict[type, dict[str, FlatField]] = {}  # what `flat_fields` was asked for


def opt(default: Any, name: str, help: str, low: float | None = None, high: float | None = None, **marks: Any) -> Any:
    """A dataclass field with its flat public name, help text and inclusive bounds.

    marks: `old_name`, the name it had in the version before; `instead`, for a field that only the next version still
    knows: what to give in its place; `presets`, value -> the values of other options that it stands for; `secret`, for
    what results must not show.
    """
    metadata = {"name": name, "help": help, "low": low, "high": high, **marks}
    return field(default=default, metadata=metadata, repr=not marks.get("secret"))


def opt_like(cls: type, name: str, default: Any = MISSING, help: str = "") -> Any:
    """A field as the one of another options class: the same name, bounds and, unless given, default and help text."""
    model = next(f for f in fields(cls) if f.metadata.get("name") == name)
    metadata = {**model.metadata, "help": help or model.metadata["help"]}
    return field(default=model.default if default is MISSING else default, metadata=metadata, repr=model.repr)


def validate(options: Any) -> None:
    """Bring every field to its type and check its bounds; UsageError names the value, what is allowed and its flat name."""
    hints = get_type_hints(type(options))
    for f in fields(options):
        value = getattr(options, f.name)
        if "name" in f.metadata:
            value = check_value(hints[f.name], value, f.metadata["name"])
            check_bounds(value, f.metadata["name"], f.metadata["low"], f.metadata["high"])
            object.__setattr__(options, f.name, value)
        elif not isinstance(value, hints[f.name]):
            raise UsageError(f"{f.name}={value!r}: must be {hints[f.name].__name__}(...)")


def check_value(hint: Any, value: Any, where: str, parse_numbers: bool = False) -> Any:
    """A value as the type a field is declared with, in plain Python types; UsageError, which begins with `where`.

    Taken are a `Path` for text, any real number for a number, NumPy scalars for what they hold, lists and arrays for
    tuples. parse_numbers: also text for a number, since YAML 1.1 reads 1e-3 as text.
    """
    origin, args = get_origin(hint), get_args(hint)
    if hint == Shape:
        return _shape(value, where)
    if origin in (Union, types.UnionType):  # of one type and None
        of_value = next(arg for arg in args if arg is not type(None))
        return None if value is None else check_value(of_value, value, where, parse_numbers)
    if origin is Literal:
        return _choice(args, value, where)
    if origin is tuple:
        return _tuple(args, value, where, parse_numbers)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(args[1], value, where, parse_numbers)
    return _scalar(hint, value, where, parse_numbers)


def _shape(value: Any, where: str) -> Shape:
    items = tuple(_plain(item) for item in value) if hasattr(value, "__iter__") else ()
    if len(items) != 3 or any(type(item) is not int or item < 1 for item in items):
        raise UsageError(f"{where}={value!r}: must be three whole numbers C H W, for instance 3 640 640")
    if math.prod(items) > MAX_SHAPE_NUMBERS:
        raise UsageError(f"{where}={' '.join(map(str, items))[:60]}: takes more than 1 GiB of memory; give smaller sides")
    return items


def _choice(allowed: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, (str, int)) or value not in allowed:
        raise UsageError(f"{where}={value!r}: must be one of {', '.join(map(str, allowed))}{near(value, allowed)}")
    return value


def _mapping(kind: Any, value: Any, where: str, parse_numbers: bool) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}={value!r}: must be a mapping, for instance {{p4: 0.2}}")
    return {str(key): check_value(kind, item, f"{where}.{key}", parse_numbers) for key, item in value.items()}


def _tuple(kinds: tuple[Any, ...], value: Any, where: str, parse_numbers: bool) -> tuple[Any, ...]:
    """The items of a list, tuple or array, each checked; a single value is a tuple of one."""
    is_many = hasattr(value, "__iter__") and not isinstance(value, (str, bytes, Mapping))
    items = list(value) if is_many else [value]
    kinds = kinds[:1] * len(items) if kinds[-1] is Ellipsis else kinds
    if len(kinds) != len(items):
        raise UsageError(f"{where}={value!r}: must have {len(kinds)} values")
    pairs = enumerate(zip(kinds, items, strict=True))
    return tuple(check_value(kind, item, f"{where}[{i}]", parse_numbers) for i, (kind, item) in pairs)


def _scalar(hint: type, value: Any, where: str, parse_numbers: bool) -> Any:
    plain = _plain(value)
    if parse_numbers and hint is float and isinstance(plain, str):
        with contextlib.suppress(ValueError):  # the error is told below
            plain = float(plain)
    if hint in (str, Path) and isinstance(plain, (str, os.PathLike)):
        plain = hint(plain)
    elif hint is float and type(plain) is not bool and isinstance(plain, numbers.Real):
        plain = _as_float(plain, where)
    if type(plain) is not hint:
        raise UsageError(f"{where}={value!r}: must be {TYPE_WORDS.get(hint, hint.__name__)}")
    if hint is float and plain != plain:
        raise UsageError(f"{where}={value!r}: must be a number")
    return plain


def _as_float(value: Any, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise UsageError(f"{where}: a whole number of {len(str(value))} digits is too large") from None


def _plain(value: Any) -> Any:
    """A NumPy scalar, or an integer of any other class, as the Python value that it is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return int(value) if type(value) is not bool and isinstance(value, numbers.Integral) else value


def check_bounds(value: Any, name: str, low: float | None, high: float | None) -> None:
    """UsageError for a number outside of inclusive bounds, None for no bound."""
    if not isinstance(value, (int, float)):
        return
    if isinstance(value, int) and value.bit_length() > 62:
        raise UsageError(f"{name}: a number of so many digits is too large")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        raise UsageError(f"{name}={value!r}: must be {bounds}")


def flat_fields(cls: type) -> dict[str, FlatField]:
    """Flat public name -> (group attribute or "", field, type), for the fields of an options class and all its groups."""
    if cls in KNOWN_FIELDS:
        return KNOWN_FIELDS[cls]
    out: dict[str, FlatField] = {}
    hints = get_type_hints(cls)
    for f in fields(cls):
        if "name" in f.metadata:
            out[f.metadata["name"]] = ("", f, hints[f.name])
        else:
            out |= {n: (f.name, g, t) for n, (_, g, t) in flat_fields(hints[f.name]).items()}
    KNOWN_FIELDS[cls] = out
    return out


def old_names(cls: type) -> dict[str, str]:
    """Flat names of the previous version, which are still accepted -> the current names."""
    fields_of = flat_fields(cls).items()
    return {f.metadata["old_name"]: name for name, (_, f, _) in fields_of if "old_name" in f.metadata}


def current_names(cls: type, values: Mapping[str, Any], warn: bool = False) -> dict[str, Any]:
    """`values` under the current names. warn: a FutureWarning, which users see, for each old name; none for files."""
    known, renamed = flat_fields(cls), old_names(cls)
    for name in values:
        instead = renamed.get(name) or (known[name][1].metadata.get("instead") if name in known else None)
        if warn and instead:
            text = f"{name} is now {'part of ' * (name in known)}{instead}; the old name goes with the next version"
            warner_outside()(text, FutureWarning)
        if name in renamed and renamed[name] in values:
            raise UsageError(f"{name} is the old name of {renamed[name]}: give only one of them")
    return {renamed.get(name, name): value for name, value in values.items()}


def warner_outside() -> Callable[[str, type[Warning]], None]:
    """Warns (text, category) as if from the first line outside this package in the calls now under way, later and from any
    thread."""
    frame = sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "inkline":
        frame = frame.f_back
    file, line, known = frame.f_code.co_filename, frame.f_lineno, frame.f_globals
    module, registry = known.get("__name__", ""), known.setdefault("__warningregistry__", {})
    return lambda text, category: warnings.warn_explicit(text, category, file, line, module, registry)


def apply(options: Options, **overrides: Any) -> Options:
    """A copy with the given flat names replaced; a preset among them gives way to what is named beside it.

    Errors: UsageError for an unknown name or a value that is not allowed.
    """
    known = flat_fields(type(options))
    values = current_names(type(options), overrides, warn=True)
    for name in values:
        if name not in known:
            raise UsageError(f"unknown option {name!r}{near(name, current_options(type(options)))}")
    groups: dict[str, dict[str, Any]] = {}
    for name, value in (_presets(options, values) | values).items():
        group, f, _ = known[name]
        groups.setdefault(group, {})[f.name] = value
    changes: dict[str, Any] = groups.pop("", {})
    for group, group_values in groups.items():
        changes[group] = dataclasses.replace(getattr(options, group), **group_values)
    return dataclasses.replace(options, **changes) if changes else options


def _presets(options: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that the presets among `values` stand for, where these are not in force already."""
    out: dict[str, Any] = {}
    for name, (group, f, hint) in flat_fields(type(options)).items():
        presets = f.metadata.get("presets")
        if not presets or name not in values:
            continue
        value, now = values[name], getattr(getattr(options, group) if group else options, f.name)
        value = check_value(hint, value, name)
        if value != now and value not in presets:
            raise UsageError(f"cannot switch back from {name}={now!r} to {name}={value!r}; make a new Ocr(...)")
        out |= presets.get(value, {}) if value != now else {}
    return out


def current_options(cls: type) -> list[str]:
    """The flat public names, without those that only the next version still knows."""
    return [name for name, (_, f, _) in flat_fields(cls).items() if "instead" not in f.metadata]


def to_flat(options: Any) -> dict[str, Any]:
    """All values by flat public name, as plain JSON-able types; without passwords."""
    out = {}
    for name, (group, f, _) in flat_fields(type(options)).items():
        if not f.metadata.get("secret"):
            value = getattr(getattr(options, group) if group else options, f.name)
            out[name] = list(value) if isinstance(value, tuple) else value
    return out


def parse_page_range(text: str) -> tuple[tuple[int, int | None], ...]:
    """`"1-3,7,10-"` as inclusive (first, last) pairs counted from 1, last None for an open end; else UsageError."""
    pairs: list[tuple[int, int | None]] = []
    for part in filter(None, text.replace(" ", "").split(",")):
        first, dash, last = part.partition("-")
        numbers = [int(n) if n.isascii() and n.isdigit() and len(n) < 10 else 0 for n in (first, last or first)]
        if min(numbers) < 1 or numbers[1] < numbers[0]:
            raise UsageError(f"page_range={text!r}: {part!r} is no range of pages; write for instance 1-3,7 or 5-")
        pairs.append((numbers[0], None if dash and not last else numbers[1]))
    return tuple(pairs)
