"""A reader that needs no models: it opens files as `Ocr` does, reads made-up lines, and writes down what it was asked.

As a program it is a run of its own: python tests/batch/batch_standin.py LOG FORMATS SOURCE... DEST
"""

import os
import resource
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from inkline.batch.local_run import run_files
from inkline.batch.scheduler import RunProgress
from inkline.batch.task import RunConfig
from inkline.errors import InklineError, SourceError
from inkline.io.read import read
from inkline.options import OcrOptions, ReadOptions, RunOptions
from inkline.types import Line, Page

MOST = int(os.environ.get("READ_AT_MOST", "0"))  # pages by the log, behind which nothing more is read; 0: no end
UNREAD = "1 of 2 lines could not be read"
QUAD = np.array([[10.5, 10], [90, 10], [90, 30], [10.5, 30.25]], np.float32)


class Standin:
    """Names with a meaning: `hang` never ends, `crash` ends the process, `flaky` breaks the first time, `grows` changes.

    `blurred` has a warning.
    """

    def __init__(self, log, seconds=0.0, lines=2, read_options=ReadOptions()):
        self.log, self.seconds, self.lines, self.read_options = Path(log), seconds, lines, read_options
        self.note("opened")

    def note(self, text):
        with open(self.log, "a", errors="backslashreplace") as file:
            file.write(text + "\n")

    def stream(self, sources, on_error, *, page_range):
        read_options = replace(self.read_options, page_range=page_range)
        for source in sources:
            try:
                for page_image in read(source, read_options):
                    self.misbehave(Path(source.name).name)
                    if "grows" in source.name and f"grows {source.name}" not in self.lines_of_log():
                        self.note(f"grows {source.name}")
                        with open(source.name, "ab") as file:
                            file.write(b"more")
                    while MOST and sum(line.startswith("read ") for line in self.lines_of_log()) >= MOST:
                        time.sleep(0.005)
                    time.sleep(self.seconds)
                    self.note(f"read {source.name} {page_image.page_index} {os.getpid()}")
                    yield self.page(page_image)
            except InklineError as error:
                on_error(source, error)
        self.note(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}")

    def page(self, page_image):
        mean = round(float(page_image.image.mean()), 3)
        texts = [f"{Path(page_image.source).name} {page_image.page_index} {mean} {i}" for i in range(self.lines)]
        lines = tuple(Line(text, 0.9, QUAD + i, QUAD + i) for i, text in enumerate(texts))
        size = page_image.image.shape[1], page_image.image.shape[0]
        return Page(
            lines,
            size,
            page_image.source,
            page_image.page_index,
            warnings=(*page_image.warnings, *[UNREAD] * ("blurred" in page_image.source)),
            load_image=page_image.reload,
        )

    def misbehave(self, name):
        if "hang" in name:
            time.sleep(1000)
        if "crash" in name:
            self.note(f"crash {name}")
            os._exit(7)
        if "flaky" in name and f"flaky {name}" not in self.lines_of_log():
            self.note(f"flaky {name}")
            error = SourceError(f"{name}: the line is busy")
            error.may_pass = True
            raise error

    def lines_of_log(self):
        return self.log.read_text().splitlines()


def config(sources, dest, formats=("json", "txt"), ledger="", **run_options):
    options = RunOptions(**{"workers": 2, "retry_wait": 0.05, **run_options})
    return RunConfig(tuple(map(str, sources)), str(dest), tuple(formats), OcrOptions(), run_options=options, ledger=str(ledger))


def go(log, sources, dest, watch=False, seconds=0.0, lines=2, read_options=ReadOptions(), **keywords):
    """Run with the stand-in in this process's own workers."""
    made = config(sources, dest, **keywords)
    made = replace(made, options=replace(made.options, read=read_options))
    return run_files(made, partial(Standin, str(log), seconds, lines, read_options), RunProgress(), watch)


def main():
    log, formats, *sources, dest = sys.argv[1:]
    summary = go(log, sources, dest, seconds=0.01, formats=formats.split(","))
    sys.exit(1 if summary.failed else 0)


if __name__ == "__main__":
    main()
