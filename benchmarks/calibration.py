"""What a line's score says: of the tokens in lines of each score, the share that stands in the labels at that place.

usage: python -m benchmarks.calibration DATASET... [--set NAME=VALUE ...]

DATASET is a folder with a labels.jsonl whose lines have boxes. Lines in ignored regions are left out.
"""

import argparse

import numpy as np

from benchmarks.errors import overrides, shares
from inkline.cli.evaluate_commands import labels
from inkline.metrics import Counts, outside, tokens
from inkline.pipeline import Ocr

EDGES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    bins = [Counts() for _ in EDGES[1:]]
    with Ocr(**{**overrides(args.set), "text_rec_score_thresh": 0.0}) as ocr:
        for row in (row for name in args.datasets for row in labels(name)):
            truth = [line for line in row["lines"] if not line.get("ignore") and line.get("points")]
            ignored = [line["points"] for line in row["lines"] if line.get("ignore") and line.get("points")]
            found = ocr(row["image"]).lines
            found = [found[i] for i in outside([line.quad for line in found], ignored)]
            of_line, of_box = shares([line["points"] for line in truth], [line.quad for line in found])
            near = np.maximum(of_line, of_box) > 0.3
            for j, line in enumerate(found):
                here = [truth[i]["text"] for i in np.flatnonzero(near[:, j])]
                at = min(int(np.searchsorted(EDGES, line.score, side="right")), len(bins)) - 1
                bins[at] += tokens([" ".join(here)], [line.text])
    for low, high, count in zip(EDGES, EDGES[1:], bins, strict=False):
        print(f"{low:.2f} to {high:.2f}  {count.hit:>6} of {count.found:>6} tokens right  {count.precision:.3f}")


if __name__ == "__main__":
    main()
