"""Code one can read without stopping: limits that hold for every function and file of the package."""

import ast

import pytest

from benchmarks.structure import ROOT, complexity, modules

MAX_COMPLEXITY = 12
MAX_FUNCTION_LINES = 60
MAX_FILE_LINES = 420

FILES = modules(ROOT)
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}


def functions():
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.name}", node


def test_no_function_has_too_many_branches():
    assert not [f"{name} ({n})" for name, node in functions() if (n := complexity(node)) > MAX_COMPLEXITY]


def test_no_function_is_longer_than_a_screen():
    lengths = {name: node.end_lineno - node.lineno + 1 for name, node in functions()}
    assert not {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES}


def test_no_conditional_expression_holds_another():
    nested = [
        f"{name}:{node.lineno}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.IfExp) and any(isinstance(c, ast.IfExp) for c in ast.walk(node) if c is not node)
    ]
    assert not nested


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_read_in_one_sitting(name):
    assert FILES[name].read_text("utf-8").count("\n") <= MAX_FILE_LINES


def test_every_module_is_checked_by_mypy():
    from benchmarks.structure import untyped_modules

    assert untyped_modules(ROOT) == []
