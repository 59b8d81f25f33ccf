"""The documents: their Python runs, their command lines are taken, and their site is built without a warning."""

import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from PIL import Image

from inkline.cli import inkline
from inkline.errors import UsageError

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SERVER = "127.0.0.1:8080"


def blocks(*kinds):
    """(document, its block of code) for all blocks of these kinds."""
    for path in DOCUMENTS:
        for found in BLOCK.finditer(path.read_text("utf-8")):
            if found[1] in kinds:
                line = path.read_text("utf-8")[: found.start()].count("\n") + 2
                yield pytest.param(found[2], id=f"{path.name}:{line}")


def commands():
    """Every `inkline ...` of a document, as its arguments."""
    for block in blocks("", "bash", "sh", "console"):
        text = block.values[0].replace("\\\n", " ")
        for number, line in enumerate(text.splitlines()):
            line = re.sub(r"\b(N|SHARE)\b", "1", re.sub(r"\s+#.*", "", line))  # numbers of the reader's
            for part in re.split(r"\s*(?:\||&&|;)\s*", line):
                found = re.match(r"(?:\$ )?(?:\w+=\S+ )*inkline (.*)", part)
                if found and "..." not in part and "[" not in part.split("--", 1)[0]:
                    yield pytest.param(shlex.split(found[1]), id=f"{block.id}+{number}")


@pytest.mark.slow
@pytest.mark.parametrize("code", list(blocks("python")))
def test_python_in_documents_runs(code, request, tmp_path, monkeypatch):
    """The README's as a program of its own, the rest in this process, where what they import is imported once."""
    # A page in the files that documents name: its top, as it is not what it says that counts.
    page = Image.open(ROOT / "examples" / "sample.png").convert("RGB").crop((0, 0, 500, 150))
    (tmp_path / "examples").mkdir()
    for name in ("page.png", "examples/sample.png", "scan.pdf"):
        page.save(tmp_path / name, resolution=150)
    if "README" in request.node.callspec.id:
        (tmp_path / "examples/broken.png").write_bytes(b"one bad file stops nothing")
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=dict(os.environ))
        assert done.returncode == 0, done.stderr
        return
    monkeypatch.chdir(tmp_path)
    with contextlib.ExitStack() as stack:
        if SERVER in code:
            from tests.service.serving import running

            service = stack.enter_context(running(request.getfixturevalue("ocr")))
            code = code.replace(f"http://{SERVER}", service.url)
        exec(compile(code, "document", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("arguments", list(commands()))
def test_command_lines_in_documents_are_taken(arguments):
    command, name, context = inkline, "inkline", None
    # Down to the command itself, whose options are parsed and not carried out.
    try:
        while isinstance(command, click.Group):
            context = command.make_context(name, list(arguments), parent=context)
            name, command, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        command.make_context(name, list(arguments), parent=context)
    except click.exceptions.Exit:
        pass
    except click.UsageError as error:
        assert "does not exist" in error.format_message(), error.format_message()  # a file of the reader's
    except UsageError as error:
        pytest.fail(str(error))


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0 and not done.stdout.strip(), done.stdout + done.stderr
    assert "Inkline" in (tmp_path / "index.html").read_text("utf-8")
    assert "straight_quad" in (tmp_path / "api.html").read_text("utf-8")
