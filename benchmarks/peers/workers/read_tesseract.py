"""Tesseract as its command line runs: a process a page, its lines from the TSV output."""

import csv
import os
import subprocess
from typing import Any

from answer import Reader, serve

LINE, WORD = "4", "5"  # the TSV's `level`


def open_reader(options: dict[str, Any]) -> Reader:
    threads = min(options["threads"], options["most_threads"])
    environment = {**os.environ, "OMP_THREAD_LIMIT": str(threads)}

    def read(image: str) -> Any:
        command = ["tesseract", image, "stdout", "tsv"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return lines(done.stdout)

    return read


def lines(tsv: str) -> tuple[list[Any], list[str]]:
    """Boxes and texts of the lines in which a word was read."""
    boxes: dict[tuple[str, ...], list[list[int]]] = {}
    words: dict[tuple[str, ...], list[str]] = {}
    for row in csv.DictReader(tsv.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        key = tuple(row[name] for name in ("page_num", "block_num", "par_num", "line_num"))
        if row["level"] == LINE:
            x, y, w, h = (int(row[name]) for name in ("left", "top", "width", "height"))
            boxes[key] = [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]
        elif row["level"] == WORD and row["text"].strip():
            words.setdefault(key, []).append(row["text"])
    return [boxes[key] for key in words], [" ".join(words[key]) for key in words]


if __name__ == "__main__":
    serve(open_reader)
