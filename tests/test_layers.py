"""Who may import whom: the table of docs/architecture.md, enforced. Relative imports count like any other."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "inkline"

# Each part may import what stands above it in this list, and its own modules.
BASE = (
    *("transform", "types", "errors", "presets", "flat", "options", "languages"),
    *("files", "progress", "metrics", "stages", "scripts"),
)
PACKAGES = ("layout", "runtime", "registry", "detection", "recognition", "orientation", "io", "formats")
READING = (*BASE, *PACKAGES, "assembly", "pipeline")
FACES = ("paddle", "integrations", "ocrmypdf_plugin", "service", "batch", "cli")

# part of the package -> the parts it may import
MAY = {
    "transform": (),
    "presets": (),
    "types": ("transform",),
    "errors": (),
    "files": ("errors",),
    "progress": (),
    "flat": ("errors",),
    "options": ("types", "errors", "flat", "presets"),
    "languages": ("types", "errors"),
    "stages": (),
    "scripts": (),
    "metrics": ("types", "errors", "layout", "scripts"),
    "layout": ("types", "errors"),
    "runtime": ("types", "errors", "options"),
    "registry": ("types", "errors", "presets", "files", "progress", "flat", "options", "languages"),
    "detection": ("types", "errors", "options", "layout", "runtime"),
    "recognition": ("types", "errors", "options", "layout", "runtime", "registry", "scripts", "flat", "languages"),
    "orientation": ("types", "transform", "errors", "options", "layout", "runtime", "recognition"),
    "io": ("types", "errors", "files", "flat", "options"),
    "formats": ("types", "errors", "files", "flat", "options", "layout", "recognition", "scripts", "io"),
    "assembly": (*BASE, *PACKAGES),
    "pipeline": READING,
    **dict.fromkeys(FACES, (*READING, *FACES)),
    "training": READING,
}

# Reaching upwards, on purpose, inside a function: a page that draws and writes itself, commands that train.
LAZY = {("types", "formats"), ("types", "io"), ("cli", "training")}


def imports(path):
    """(module, line, column) of every import of a file, wherever it stands; relative ones resolved."""
    package = ["inkline", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((a.name, node.lineno, node.col_offset) for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            yield module, node.lineno, node.col_offset
            yield from ((f"{module}.{a.name}", node.lineno, node.col_offset) for a in node.names if module == "inkline")


FILES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_layers(path):
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part in ("__init__", "__main__"):
        return
    assert part in MAY, f"{part} is not in the table of layers"
    for module, line, indent in imports(path):
        if not module.startswith("inkline."):
            if part != "training":
                lazily = indent and (part in FACES or module.split(".")[0] != "torch")
                assert module.split(".")[0] not in ("torch", "torchvision") or lazily, f"{path}:{line} imports {module}"
            continue
        target = module.split(".")[1]
        if target not in MAY:  # a name of the package itself, as `__version__`
            continue
        if target == part or target in MAY[part] or (indent and (part, target) in LAZY):
            continue
        pytest.fail(f"{path.relative_to(PACKAGE)}:{line}: {part} may not import {target}")


def test_every_runtime_is_imported_in_one_file_only():
    for runtime in ("onnxruntime", "openvino"):
        users = {p.name for p in FILES for m, *_ in imports(p) if m.split(".")[0] == runtime}
        allowed = {f"{runtime}.py", "export.py", "doctor.py", "from_onnx.py"}
        assert users <= allowed, users
