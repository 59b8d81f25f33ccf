"""The code in figures: files, lines by package, importers, repeated names, comments, conditionals, complexity, typed code.

`python -m benchmarks.structure` measures the checkout it stands in; `python -m benchmarks.structure REV` also measures a
commit and prints both side by side.
"""

import argparse
import ast
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules(root: Path) -> dict[str, Path]:
    """Dotted name -> file of every module of the package, `__init__` files under the name of their package."""
    files = sorted((root / "inkline").rglob("*.py"))
    return {".".join(f.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): f for f in files}


def imported(name: str, tree: ast.Module, known: dict[str, Path], is_package: bool) -> set[str]:
    """The modules of the package that a module imports, wherever the import stands."""
    out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: resolve against the package of this module
                parts = name.split(".") if is_package else name.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join([*parts, *filter(None, [node.module])])
            out |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return (out & set(known)) - {name}


# What makes one more way through a function: McCabe's count, with comprehensions and conditional expressions (as radon).
BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.IfExp, ast.Assert, ast.comprehension)


def complexity(function: ast.AST) -> int:
    """Cyclomatic complexity of a function, those inside it included: 1 and one for every branch."""
    count = 1
    for node in ast.walk(function):
        count += isinstance(node, BRANCHES)
        if isinstance(node, ast.BoolOp):
            count += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            count += len(node.ifs)
        elif isinstance(node, ast.Match):
            count += len(node.cases)
    return count


def untyped_modules(root: Path) -> list[str]:
    """Patterns of our own modules in which mypy ignores errors."""
    overrides = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"].get("overrides", [])
    return [p for o in overrides if o.get("ignore_errors") for p in o["module"]]


def measure(root: Path) -> dict[str, str]:
    """Every figure of a checkout, by its title."""
    known = modules(root)
    source = {name: path.read_text("utf-8") for name, path in known.items()}
    trees = {name: ast.parse(text) for name, text in source.items()}

    # Who imports whom.
    importers = Counter(
        target for name in known for target in imported(name, trees[name], known, known[name].name == "__init__.py")
    )
    own = [name for name in known if known[name].name not in ("__init__.py", "__main__.py")]

    # Names that stand in several places.
    files, names = defaultdict(set), defaultdict(set)
    for name, path in known.items():
        if path.name not in ("__init__.py", "__main__.py"):
            files[path.name].add(path.parent)
        for node in trees[name].body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
                names[node.name].add(name)

    # Comments and conditional expressions, per 100 lines that are not blank.
    lines = {name: sum(bool(line.strip()) for line in text.splitlines()) for name, text in source.items()}
    total = sum(lines.values())
    comments = sum(len(re.findall(r"(?m)^\s*#|\S\s{2,}# ", text)) for text in source.values())
    conditionals = [n for tree in trees.values() for n in ast.walk(tree) if isinstance(n, ast.IfExp)]
    nested = [n for n in conditionals if any(isinstance(c, ast.IfExp) for c in ast.walk(n) if c is not n)]

    functions = [n for t in trees.values() for n in ast.walk(t) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    complexities = [complexity(function) for function in functions]
    unseen = sum(lines[n] for n in known if any(fnmatch(n, p) for p in untyped_modules(root)))
    physical = {name: text.count("\n") for name, text in source.items()}
    torch = tuple(f"inkline.{package}" for package in ("training", "train", "nets", "convert", "export", "rounding"))
    teaching = sum(n for name, n in physical.items() if name.startswith(torch))
    figures = {
        "files": f"{len(known)}",
        "files under 80 lines": f"{sum(physical[n] < 80 for n in own)}",
        "modules with exactly one importer": f"{sum(importers[n] == 1 for n in own)}",
        "file names in several folders": f"{sum(len(places) > 1 for places in files.values())}",
        "top-level names in several modules": f"{sum(len(places) > 1 for places in names.values())}",
        "comments per 100 lines": f"{100 * comments / total:.1f}",
        "conditional expressions per 100 lines": f"{100 * len(conditionals) / total:.1f}",
        "nested conditional expressions": f"{len(nested)}",
        "functions of complexity over 15 / 12 / 10": " / ".join(str(sum(c > k for c in complexities)) for k in (15, 12, 10)),
        "code that mypy does not see": f"{100 * unseen / total:.0f} %",
        "lines, reading half": f"{sum(physical.values()) - teaching:,}",
        "lines, training half": f"{teaching:,}",
        "lines, all": f"{sum(physical.values()):,}",
    }
    packages: Counter[str] = Counter()
    for name, count in physical.items():
        packages[name.split(".")[1] if known[name].parent != root / "inkline" else "(top)"] += count
    return figures | {f"lines in {package}": f"{count:,}" for package, count in sorted(packages.items())}


def main() -> None:
    """Print the figures of this checkout, beside those of a commit where one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", help="compare with this commit")
    commit = parser.parse_args().commit
    columns = {"now": measure(ROOT)}
    if commit:
        with tempfile.TemporaryDirectory() as folder:
            archive = subprocess.run(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE)
            if archive.returncode:
                sys.exit(f"{commit}: not a commit of this repository")
            subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)
            columns = {commit: measure(Path(folder)), **columns}
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for title in dict.fromkeys(title for figures in columns.values() for title in figures):
        print(f"| {title} | " + " | ".join(figures.get(title, "-") for figures in columns.values()) + " |")


if __name__ == "__main__":
    main()
