"""Build each peer in a virtual environment of its own, and measure what it weighs and how long its import takes."""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT
from benchmarks.peers.registry import CHECKOUT, Peer

RECORD = "built.json"
BROUGHT_BY_VENV = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")
MODEL_FILES = (".onnx", ".pdmodel", ".pdiparams", ".traineddata")
OFFLINE = {
    "INKLINE_OFFLINE": "1",
    "HF_HUB_OFFLINE": "1",
    "PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK": "True",
    "DISABLE_MODEL_SOURCE_CHECK": "True",
    "YOLO_OFFLINE": "1",
}


class CannotRun(Exception):
    """A peer that could not be built or run; the message is the reason the table gives."""


def build(name: str, peer: Peer, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """What is known of the peer's installation: its `python`, `build`, `versions` and `install_bytes`.

    An environment that is there and of the same requirements is left as it is. CannotRun says what pip or the system
    lacks.
    """
    if not peer.requirements:
        return system(peer)
    env, wanted = folder / (peer.environment or name), digest(peer)
    record = env / RECORD
    if record.is_file() and (known := json.loads(record.read_text("utf-8")))["build"] == wanted:
        return known
    say(f"{peer.label}: building {env}")
    requirements = [r.replace(CHECKOUT, str(ROOT)) for r in peer.requirements]
    if not env.is_dir():
        _run([interpreter(peer.python), "-m", "venv", str(env)], "venv: ")
    python = env / "bin/python"
    _run([str(python), "-m", "pip", "install", "--quiet", *requirements], "pip: ")
    known = {"build": wanted, "python": str(python), "versions": versions(python), "install_bytes": site_bytes(python)}
    record.write_text(json.dumps(known, indent=1), "utf-8")
    return known


def digest(peer: Peer) -> str:
    """A name for what would be installed: it changes with the requirements and with this checkout's sources."""
    sha = hashlib.sha256(json.dumps(peer.requirements).encode())
    if any(CHECKOUT in r for r in peer.requirements):
        for path in sorted([ROOT / "pyproject.toml", *(ROOT / "inkline").rglob("*.py")]):
            sha.update(path.read_bytes())
    return sha.hexdigest()[:12]


def interpreter(oldest: tuple[int, int]) -> str:
    """This Python if it is new enough, else the first newer one on the PATH."""
    if sys.version_info >= oldest:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(oldest[1], oldest[1] + 4)]
    for path in filter(None, map(shutil.which, names)):
        if subprocess.run([path, "-c", "import venv"], capture_output=True).returncode == 0:  # a shim may lead nowhere
            return path
    raise CannotRun(f"its package needs Python {oldest[0]}.{oldest[1]} or newer; no {', '.join(names)} runs here")


def system(peer: Peer) -> dict[str, Any]:
    """A program that the system brings; its size is that of its Debian packages, unknown elsewhere."""
    if shutil.which(peer.program) is None:
        raise CannotRun(f"{peer.program} is not on the PATH; apt-get install {' '.join(peer.packages)}")
    first = _run([peer.program, "--version"], "").splitlines()[0]
    size = None
    if shutil.which("dpkg-query"):
        shown = _run(["dpkg-query", "-W", "-f", "${Installed-Size}\n", *peer.packages], "dpkg-query: ")
        size = 1024 * sum(map(int, shown.split()))
    return {
        "build": first,
        "python": sys.executable,
        "versions": {peer.program: first.split()[-1]},
        "install_bytes": size,
    }


def versions(python: Path) -> dict[str, str]:
    listed = json.loads(_run([str(python), "-m", "pip", "list", "--format", "json"], "pip: "))
    return {p["name"].lower(): p["version"] for p in listed if p["name"] not in BROUGHT_BY_VENV}


def site_bytes(python: Path) -> int:
    """Bytes in site-packages without models and without what every new environment holds."""
    folder = Path(_run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], "python: ").strip())
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix not in MODEL_FILES
        and path.relative_to(folder).parts[0].split("-")[0] not in BROUGHT_BY_VENV
    )


def import_seconds(python: str, statement: str, times: int = 5) -> float:
    """Seconds that the statement takes in a fresh interpreter, over those of an empty one: medians, taken in turn."""
    _run([python, "-c", statement], "import: ")  # the first finds no compiled files
    with_it: list[float] = []
    without: list[float] = []
    for _ in range(times):
        for code, seconds in ((statement, with_it), ("pass", without)):
            start = time.perf_counter()
            _run([python, "-c", code], "import: ")
            seconds.append(time.perf_counter() - start)
    return statistics.median(with_it) - statistics.median(without)


def _run(command: list[str], what: str) -> str:
    """Standard output of a command; CannotRun with its last word of complaint when it fails."""
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | OFFLINE
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=clean, cwd=Path.home())
    except OSError as error:
        raise CannotRun(f"{what}{error}") from error
    if done.returncode:
        complaints = [line for line in done.stderr.splitlines() if line.strip()] or ["it gave no reason"]
        raise CannotRun(f"{what}{complaints[-1].strip()}")
    return done.stdout
