"""What all benchmarks share: pages, conditions, medians, tables."""

import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from inkline.io.read import read
from inkline.io.sources import expand
from inkline.options import processor_count
from inkline.types import Image

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("numpy", "opencv-python-headless", "onnxruntime", "openvino", "pillow")


def images(inputs: Sequence[str], limit: int | None = None) -> list[Image]:
    """The pages of files, folders and globs, decoded, at most `limit`."""
    pages = []
    for source in expand(list(inputs)):
        for page_image in read(source):
            pages.append(page_image.image)
            if len(pages) == limit:
                return pages
    return pages


def conditions() -> str:
    """Versions, processors and commit, as one line."""
    parts = []
    for name in PACKAGES:
        try:
            parts.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return f"Python {platform.python_version()}, {', '.join(parts)}, {processor_count()} processors, commit {commit()}"


def commit() -> str:
    """The commit that is measured, "-dirty" where its files are changed; results that benchmarks write do not count."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/results")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("-dirty" if changed else "")


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median, and minimum to maximum."""
    low, mid, high = min(values), statistics.median(values), max(values)
    return f"{mid:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def write_section(path: Path, text: str) -> None:
    """Put a section, from its `## ` heading on, into a Markdown file: in the place of that of the same heading, else last."""
    heading = text.partition("\n")[0]
    parts = re.split(r"^(?=## )", path.read_text("utf-8"), flags=re.MULTILINE)
    if not any(part.startswith(f"{heading}\n") for part in parts):
        parts.append(text)
    kept = [text.strip() if part.startswith(f"{heading}\n") else part.strip() for part in parts]
    path.write_text("\n\n".join(kept) + "\n", encoding="utf-8")
