"""Options by their flat public names: how a field is declared, checked, listed and replaced; the options are in `options`."""

import dataclasses
import sys
import warnings
from collections.abc import Mapping
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from inkline.errors import UsageError, near

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Shape = tuple[int, int, int]
Options = TypeVar("Options", bound="DataclassInstance")


def opt(
    default: Any, name: str, help: str, low: float | None = None, high: float | None = None, *, old_name: str = ""
) -> Any:
    """A dataclass field with its flat public name, help text, inclusive bounds and the name it had in the version before."""
    return field(default=default, metadata={"name": name, "help": help, "low": low, "high": high, "old_name": old_name})


def validate(options: Any) -> None:
    """Check every field against its type and bounds; UsageError names the value, what is allowed and its flat name."""
    hints = get_type_hints(type(options))
    for f in fields(options):
        if "name" in f.metadata:
            _check(f, getattr(options, f.name), hints[f.name])


def _check(f: "dataclasses.Field[Any]", value: Any, hint: Any) -> None:
    name, low, high = f.metadata["name"], f.metadata["low"], f.metadata["high"]
    if get_origin(hint) is Literal:
        allowed = get_args(hint)
        if value not in allowed:
            raise UsageError(f"{name}={value!r}: must be one of {', '.join(map(str, allowed))}{near(value, allowed)}")
        return
    if f.name == "input_shape":
        if value is not None and (len(value) != 3 or any(type(v) is not int or v < 1 for v in value)):
            raise UsageError(f"{name}={value!r}: must be three whole numbers C H W, for instance 3 640 640")
        return
    wrong = (
        type(value) is not bool
        if hint is bool
        else type(value) is bool or not isinstance(value, (int, float) if hint is float else hint)
    )
    if wrong:
        raise UsageError(f"{name}={value!r}: must be {'a number' if hint is float else 'of type ' + hint.__name__}")
    if isinstance(value, (int, float)) and not (
        value == value and (low is None or value >= low) and (high is None or value <= high)
    ):
        bounds = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
        raise UsageError(f"{name}={value!r}: must be {bounds}")


def flat_fields(cls: type) -> dict[str, tuple[str, "dataclasses.Field[Any]", Any]]:
    """Flat public name -> (group attribute or "", field, type), for the fields of an options class and all its groups."""
    out: dict[str, tuple[str, dataclasses.Field[Any], Any]] = {}
    hints = get_type_hints(cls)
    for f in fields(cls):
        if "name" in f.metadata:
            out[f.metadata["name"]] = ("", f, hints[f.name])
        else:
            out |= {n: (f.name, g, t) for n, (_, g, t) in flat_fields(hints[f.name]).items()}
    return out


def old_names(cls: type) -> dict[str, str]:
    """Flat names of the version before, which are still taken -> the names of today."""
    fields_of = flat_fields(cls).items()
    return {f.metadata["old_name"]: name for name, (_, f, _) in fields_of if f.metadata.get("old_name")}


def current_names(cls: type, values: Mapping[str, Any], warn: bool = False) -> dict[str, Any]:
    """`values` under the names of today. warn: a DeprecationWarning for each old name, as for keywords; files keep quiet."""
    renamed = old_names(cls)
    for name in values:
        if warn and name in renamed:
            text = f"{name} is now {renamed[name]}; the old name goes with the next version"
            warnings.warn(text, DeprecationWarning, stacklevel=_outside())
    return {renamed.get(name, name): value for name, value in values.items()}


def _outside() -> int:
    """The stacklevel of a warning that points at the first line outside this package."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "inkline":
        level, frame = level + 1, frame.f_back
    return level


def apply(options: Options, **overrides: Any) -> Options:
    """A copy with the given flat names replaced; UsageError for an unknown name or a value out of bounds."""
    known = flat_fields(type(options))
    groups: dict[str, dict[str, Any]] = {}
    for name, value in current_names(type(options), overrides, warn=True).items():
        if name not in known:
            raise UsageError(f"unknown option {name!r}{near(name, known)}")
        group, f, hint = known[name]
        if hint is float and type(value) is int:
            value = float(value)
        groups.setdefault(group, {})[f.name] = tuple(value) if isinstance(value, list) else value
    changes: dict[str, Any] = groups.pop("", {})
    for group, values in groups.items():
        changes[group] = dataclasses.replace(getattr(options, group), **values)
    return dataclasses.replace(options, **changes) if changes else options


def to_flat(options: Any) -> dict[str, Any]:
    """All values by flat public name, as plain JSON-able types."""
    out = {}
    for name, (group, f, _) in flat_fields(type(options)).items():
        value = getattr(getattr(options, group) if group else options, f.name)
        out[name] = list(value) if isinstance(value, tuple) else value
    return out
