"""The models Inkline knows: their cards, where their files are had, and what a file says of itself."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inkline.options import OcrOptions
    from inkline.registry.inspect import ModelFile


def resolve(name: str, model_dir: str | Path = "", task: str = "") -> "ModelFile":
    """The model called `name`, fetched if need be, or the one in `model_dir`; see `inkline.registry.inspect.resolve`.

    The settings are those of the environment: INKLINE_CACHE, INKLINE_OFFLINE, INKLINE_MODEL_SOURCE.
    """
    from inkline.registry import inspect as local
    from inkline.registry.settings import from_environment

    return local.resolve(name, model_dir, from_environment(), task)


def options_for(**overrides: Any) -> "OcrOptions":
    """The options to read with: the defaults, over them what the models were tuned with, over both `overrides`.

    overrides: flat option names of `inkline.options`, and `lang` and `ocr_version`, which choose the models that are
    not named. A folder given without a name brings its own. UsageError and ModelError as in `resolve`.
    """
    from inkline.registry.tuned import options_for

    return options_for(**overrides)


def set_offline() -> None:
    """Never touch the network in this process and those it starts, as INKLINE_OFFLINE=1 does."""
    os.environ["INKLINE_OFFLINE"] = "1"
