"""What each accuracy rule is worth: token F1 and detection Hmean of every set, one rule after the other switched on.

usage: python -m benchmarks.accuracy DATA [--reference DIR] [--sets NAME,NAME] [--set NAME=VALUE ...]

DATA holds <set>/dev/labels.jsonl. With --reference (folders <set>/<image name>.json of another system's answers) its own
score comes first, the pages it covers are one table and all other pages a second. Nothing is read twice: the nets'
answers are remembered from step to step. The last columns say what a page cost: megapixels through either net.

    python -m benchmarks.accuracy DATA --sets sroie,funsd --limit 3 --compare tier=balanced tier=fast tier=accurate

compares settings (NAME=VALUE, several joined by commas): token F1 of each set, and processor seconds a page, whose ratio to the
first setting's is that of pages read in turn, on one thread.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import conditions
from benchmarks.errors import overrides
from benchmarks.tune_detect import Memory
from inkline.cli.evaluate_commands import labels
from inkline.metrics import PageScore, page
from inkline.pipeline import Ocr

SETS = "sroie funsd tesseract-pages scribe-docs icdar2015 mtwi multiscript-screens fondue-books ehri-typewritten"

# The rules in the order in which they are switched on; each with the value that switches it off.
RULES: dict[str, dict[str, Any]] = {
    "own width, page at 1280 px": {},
    "+ weak spaces read": {"text_rec_space_thresh": 1.0},
    "+ enlarged 1.5 times at most": {"text_det_max_enlarge": 2.0},
    "+ lines below 0.75 left out": {"text_rec_score_thresh": 0.0},
    "+ further looks": {"text_det_small_text": 0.0, "text_det_sparse_side_len": 0},
    "+ doubtful accents settled": {"text_rec_accent_thresh": 1.0},
    "+ long lines squeezed": {"text_rec_width_scale": 1.0},
    "+ boxes shrunk to the ink": {"text_box_rule": "reference"},
}


class Counting(Memory):
    """Also counts the pixels that went, or would have gone, through the net."""

    pixels = 0

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        self.pixels += x.shape[0] * x.shape[2] * x.shape[3]
        return super().__call__(x)


def answers(rows: list[dict[str, Any]], folder: Path) -> PageScore:
    total = PageScore()
    for row in rows:
        answer = json.loads((folder / f"{Path(row['image']).name}.json").read_text("utf-8"))
        total += page(row["lines"], answer["rec_polys"], answer["rec_texts"])
    return total


def read(ocr: Ocr, rows: list[dict[str, Any]], options: dict[str, Any]) -> PageScore:
    total = PageScore()
    for row in rows:
        found = ocr(row["image"], **options)
        total += page(row["lines"], [line.quad for line in found.lines], [line.text for line in found.lines])
    return total


def show(name: str, scores: list[PageScore], cost: str = "") -> None:
    cells = (f"{s.tokens.f1:.3f}" + (f" / {s.detection.f1:.3f}" if s.detection.truth else "") for s in scores)
    print(f"| {name} | {' | '.join(cells)} | {cost} |", flush=True)


def table(ocr: Ocr, sets: dict[str, list[dict[str, Any]]], reference: Path | None) -> None:
    print(f"\n| | {' | '.join(f'{name} ({len(rows)})' for name, rows in sets.items())} | Mpx det, rec |")
    print("|---" * (len(sets) + 2) + "|", flush=True)
    if reference:
        show("the reference's answers", [answers(rows, reference / name) for name, rows in sets.items()])
    models: list[Any] = [ocr._detect_one, *ocr.recognizers]
    nets = [model._engine for model in models]
    later = {k: v for rule in RULES.values() for k, v in rule.items()}
    for name, off in RULES.items():
        later = {k: v for k, v in later.items() if k not in off}
        before = [net.pixels for net in nets]
        scores = [read(ocr, rows, later) for rows in sets.values()]
        pages = sum(len(rows) for rows in sets.values())
        det, *rec = ((net.pixels - was) / pages / 1e6 for net, was in zip(nets, before, strict=True))
        show(name, scores, f"{det:.2f}, {sum(rec):.2f}")


def compare(sets: dict[str, list[dict[str, Any]]], settings: list[str]) -> None:
    """Read every page with each setting, in turn; print token F1 by set, and processor seconds a page and to the first's."""
    ocrs = {name: Ocr(**{"cpu_threads": 1, **overrides(name.split(","))}) for name in settings}
    print(f"{conditions()}\n\n| set (pages) | setting | token F1 | s a page | ratio |\n|---|---|---|---|---|", flush=True)
    for of, rows in sets.items():
        scores, seconds = {name: PageScore() for name in ocrs}, dict.fromkeys(ocrs, 0.0)
        for ocr in ocrs.values():
            ocr(rows[0]["image"])  # opens the nets that the set needs
        for row in rows:
            for name, ocr in ocrs.items():
                start = time.process_time()
                scores[name] += read(ocr, [row], {})
                seconds[name] += time.process_time() - start
        for name in ocrs:
            used = f"{seconds[name] / len(rows):.2f} | {seconds[name] / seconds[settings[0]]:.2f}"
            print(f"| {of} ({len(rows)}) | {name} | {scores[name].tokens.f1:.4f} | {used} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--sets", default=SETS.replace(" ", ","))
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--compare", nargs="+", metavar="NAME=VALUE[,NAME=VALUE]")
    parser.add_argument("--limit", type=int, help="only the first pages of each set")
    args = parser.parse_args()
    all_rows = {name: list(labels(str(args.data / name / "dev")))[: args.limit] for name in args.sets.split(",")}
    if args.compare:
        return compare(all_rows, args.compare)
    ocr = Ocr(**overrides(args.set))
    models: list[Any] = [ocr._detect_one, *ocr.recognizers]
    for model in models:
        model._engine = Counting(model._engine)
    covered, others = {}, {}
    for name, rows in all_rows.items():
        has = [bool(args.reference) and (args.reference / name / f"{Path(r['image']).name}.json").exists() for r in rows]
        covered[name] = [row for row, yes in zip(rows, has, strict=True) if yes]
        others[name] = [row for row, yes in zip(rows, has, strict=True) if not yes]
    for sets, reference in ((covered, args.reference), (others, None)):
        sets = {name: rows for name, rows in sets.items() if rows}
        if sets:
            table(ocr, sets, reference)


if __name__ == "__main__":
    main()
