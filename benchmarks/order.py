"""Reading order: the share of pairs of lines that are read in the order of the labels, for both rules.

usage: python -m benchmarks.order DATA [--sets NAME,NAME]

DATA holds <set>/dev/labels.jsonl. Lines are matched by their boxes, or by their text where labels have no boxes (lines
whose text occurs once, spaces aside).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from inkline.cli.evaluate_commands import labels
from inkline.metrics import Counts, fold, match, order
from inkline.pipeline import Ocr
from inkline.types import Line

SETS = "scribe-docs,tesseract-pages,fondue-books,sroie,ehri-typewritten"


def places(row: dict[str, Any], found: Sequence[Line]) -> list[int]:
    """The true places of the lines that were found, as they were read."""
    truth = [line for line in row["lines"] if not line.get("ignore")]
    if all(line.get("points") for line in truth):
        pairs = match([line["points"] for line in truth], [line.quad for line in found])
        return [t for t, _ in sorted(pairs, key=lambda pair: pair[1])]
    bare = ["".join(fold(line["text"]).split()) for line in truth]
    read = ("".join(fold(line.text).split()) for line in found)
    return [bare.index(text) for text in read if bare.count(text) == 1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", default=SETS)
    args = parser.parse_args()
    with Ocr() as ocr:
        for name in args.sets.split(","):
            total = {rule: Counts() for rule in ("reference", "columns")}
            for row in labels(str(args.data / name / "dev")):
                for rule in total:
                    total[rule] += order(places(row, ocr(row["image"], reading_order=rule).lines))
            print(f"{name:<20}" + "".join(f"  {rule} {counts.recall:.4f}" for rule, counts in total.items()), flush=True)


if __name__ == "__main__":
    main()
