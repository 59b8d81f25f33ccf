"""Who may import whom: the table of docs/architecture.md, enforced."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "inkline"

ABOVE = (
    "types",
    "errors",
    "flat",
    "options",
    "languages",
    "ops",
    "metrics",
    "engine",
    "zoo",
    "models",
    "io",
    "stages",
    "pipeline",
)
FACES = ("cli", "commands", "compat", "serve", "batch", "ocrmypdf_plugin", "doctor", "timing")
BELOW = ("nets", "train", "convert", "export", "rounding")

# part of the package -> the parts it may import
MAY = {
    "types": (),
    "errors": (),
    "flat": ("errors",),
    "options": ("types", "errors", "flat"),
    "languages": ("types", "errors"),
    "stages": (),
    "ops": ("types", "options", "errors"),
    "metrics": ("types", "errors"),
    "engine": ("errors", "options", "types"),
    "zoo": ("errors", "flat", "options", "languages"),
    "models": ("ops", "types", "options", "errors", "engine"),
    "io": ("types", "errors", "ops", "flat", "options"),
    "pipeline": ABOVE,
    **dict.fromkeys(FACES, (*ABOVE, *FACES)),
    "nets": (),
    "rounding": ("types",),
    "convert": (*ABOVE, *BELOW),
    "export": (*ABOVE, *BELOW),
    "train": (*ABOVE, *BELOW),
}

# Reaching upwards, on purpose, inside a function: a page that draws and describes itself, commands that train.
LAZY = {("types", "io"), ("commands", "train"), ("commands", "convert"), ("commands", "export"), ("commands", "nets")}


def imports(path):
    """(imported module below inkline, line) of a file, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno, node.col_offset) for a in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module, node.lineno, node.col_offset


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_layers(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part in ("__init__", "__main__"):
        return
    assert part in MAY, f"{part} is not in the table of layers"
    for module, line, indent in imports(path):
        if not module.startswith("inkline."):
            if part not in BELOW:
                lazily = indent and (part in FACES or module.split(".")[0] != "torch")
                assert module.split(".")[0] not in ("torch", "torchvision") or lazily, f"{path}:{line} imports {module}"
            continue
        target = module.split(".")[1]
        if target == part or target in MAY[part] or (indent and (part, target) in LAZY):
            continue
        pytest.fail(f"{path.relative_to(PACKAGE)}:{line}: {part} may not import {target}")


def test_every_runtime_is_imported_in_one_file_only():
    for runtime in ("onnxruntime", "openvino"):
        users = {p.name for p in FILES for m, *_ in imports(p) if m.split(".")[0] == runtime if "export" not in p.parts}
        allowed = {f"{runtime}.py", "export.py", "doctor.py", "onnx.py"}
        assert users <= allowed, users
