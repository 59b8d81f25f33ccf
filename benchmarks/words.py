"""How well word boxes lie: the share of true words that a box of `return_word_box` covers at IoU 0.5, one to one.

usage: python -m benchmarks.words DATASET...

DATASET is a folder with a labels.jsonl whose rows have `words`, or whose lines are words.
"""

import argparse
from typing import Any

from inkline.cli.evaluate_commands import labels
from inkline.layout.geometry import iou
from inkline.metrics import fold, match
from inkline.pipeline import Ocr


def words_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [word for word in row.get("words", row["lines"]) if word.get("points") and not word.get("ignore")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+")
    args = parser.parse_args()
    print(f"{'set':<40}{'words':>8}{'IoU 0.5':>9}{'and text':>9}{'mean IoU':>9}")
    with Ocr(return_word_box=True) as ocr:
        for name in args.datasets:
            total, overlaps, right = 0, [], 0
            for row in labels(name):
                truth = words_of(row)
                found = [word for line in ocr(row["image"]).lines for word in line.words]
                pairs = match([word["points"] for word in truth], [word.quad for word in found])
                total += len(truth)
                overlaps += [iou(truth[t]["points"], found[f].quad) for t, f in pairs]
                right += sum(fold(truth[t]["text"]) == fold(found[f].text) for t, f in pairs)
            share, mean = len(overlaps) / max(total, 1), sum(overlaps) / max(len(overlaps), 1)
            print(f"{name[-39:]:<40}{total:>8}{share:>9.4f}{right / max(total, 1):>9.4f}{mean:>9.3f}")


if __name__ == "__main__":
    main()
