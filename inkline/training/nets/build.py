"""Every published net by its name."""

import difflib
import inspect
from collections.abc import Callable

from torch import nn

from inkline.training.nets.builders_classic import CLASSIC
from inkline.training.nets.builders_modern import MODERN

BUILDERS: dict[str, Callable[..., nn.Module]] = {**CLASSIC, **MODERN}


def build(name: str, classes: int | None = None) -> nn.Module:
    """The net called `name`, freshly initialised, in training form.

    `classes` is the size of the last layer of a recogniser (CTC blank and space included) or classifier; None takes
    that of the published model.  ValueError for an unknown name or a class count where there are no classes.
    """
    if name not in BUILDERS:
        near = difflib.get_close_matches(name, BUILDERS, n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(BUILDERS))}"
        raise ValueError(f"no net is called {name!r}; {hint}")
    builder = BUILDERS[name]
    if classes is None:
        return builder()
    if "classes" not in inspect.signature(builder).parameters:
        raise ValueError(f"{name} has no classes (got {classes}); leave the class count out")
    if classes < 2:
        raise ValueError(f"{name} needs at least 2 classes, got {classes}")
    return builder(classes=classes)
