"""Names of tensors in published weights as ours, by the rules of `tensor_names.toml`.

Our names follow the reference's where they are sane, so its table is short.
"""

import re
import tomllib
from collections.abc import Iterable
from functools import partial
from pathlib import Path

Rule = list[str]  # pattern and replacement; a pattern alone: the tensor is not needed

_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
REFERENCE_RULES: list[Rule] = [rule for rules in _TABLE["reference"].values() for rule in rules]
_OF_NETS, _PARTS = _TABLE["transformers"]["nets"], _TABLE["transformers"]["parts"]
TRANSFORMERS_RULES: dict[str, list[Rule]] = {
    net: [rule for part in parts.split() for rule in _PARTS[part]] for net, parts in _OF_NETS.items()
}
SHIFT = re.compile(r"<(\d)([+-]\d)>")  # group and number to add


def from_paddle_name(name: str) -> str | None:
    """Our state-dict key for the reference's key `name`; None when the tensor is not needed."""
    return _renamed(name, REFERENCE_RULES)


def from_transformers_name(name: str, net: str) -> str:
    """Our state-dict key for the transformers key `name` of the published model `net`, summed convolutions as one."""
    return _renamed(name.removeprefix("model."), TRANSFORMERS_RULES[net]) or ""


def _renamed(name: str, rules: Iterable[Rule]) -> str | None:
    for pattern, *replacement in rules:
        if replacement:
            name = re.sub(pattern, partial(_filled, replacement[0]), name)
        elif re.search(pattern, name):
            return None
    return name


def _filled(replacement: str, match: re.Match[str]) -> str:
    """A replacement with the groups of a match in it."""
    return match.expand(SHIFT.sub(lambda shift: str(int(match[int(shift[1])]) + int(shift[2])), replacement))
