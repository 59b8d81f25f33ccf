"""Let programs written for PaddleOCR run on Inkline unchanged: `import paddleocr` and `import paddlex` find Inkline.

In a program of your own, before it imports them:

>>> from inkline.paddle.shim import install
>>> install()
>>> from paddleocr import PaddleOCR

A program that you cannot change: `python -m inkline.paddle.shim -m ocrmypdf --plugin ocrmypdf_paddleocr in.pdf out.pdf`, or
`python -m inkline.paddle.shim script.py ...`. Nothing happens until one of these is done, and then in this process and in those
it starts with multiprocessing. A module that was imported before stays what it is.
"""

import runpy
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

from inkline.errors import UsageError

# Names that find Inkline, with all modules below them; the last is the copy of PaddleOCR 2 that unstructured asks for.
PACKAGES = ("paddleocr", "paddlex", "unstructured_paddleocr")
VERSIONS = {"paddleocr": "3.7.0", "paddlex": "3.7.2", "paddle": "3.0.0"}  # those whose surface is here


class _Finder(MetaPathFinder, Loader):
    """Finds PaddleOCR's names in `inkline`, whatever module of these packages they are imported from."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        # What has capitals is a class, which `from paddleocr import ...` looks for here where Inkline has none.
        if fullname.partition(".")[0] in self._packages and fullname.islower():
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__version__"] = VERSIONS.get(module.__name__, VERSIONS["paddleocr"])
        if module.__name__ == "paddle":
            module.__dict__.update(_paddle())
            return

        def attribute(name: str) -> Any:
            import inkline

            if name in inkline.__all__:
                return getattr(inkline, name)
            raise AttributeError(f"Inkline has no {module.__name__}.{name} (docs/paddleocr.md says what is there)")

        module.__dict__["__getattr__"] = attribute


def _paddle() -> dict[str, Any]:
    """What programs ask of Paddle itself around a call of PaddleOCR: whether there is a GPU."""

    def device_count() -> int:
        from inkline.runtime.onnxruntime import has_gpu

        return int(has_gpu())

    cuda = SimpleNamespace(device_count=device_count)
    device = SimpleNamespace(cuda=cuda, is_compiled_with_cuda=lambda: device_count() > 0)
    # Inkline sets no signal handlers, so there are none to disable.
    return {"device": device, "is_compiled_with_cuda": device.is_compiled_with_cuda, "disable_signal_handler": lambda: None}


def install() -> None:
    """Make PaddleOCR's and PaddleX's names find Inkline in this process, also where they are installed."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(*PACKAGES))
        sys.meta_path.append(_Finder("paddle"))  # where Paddle itself is installed, it is found first


def main(arguments: list[str]) -> None:
    """Run a module (`-m name ...`) or a script with the names in place."""
    if not arguments or arguments == ["-m"]:
        raise UsageError("give a module or a script: python -m inkline.paddle.shim -m MODULE ..., or SCRIPT ...")
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ in ("__main__", "__mp_main__"):
    install()
if __name__ == "__main__":
    main(sys.argv[1:])
