"""Fine-tuning on the lines of a labelled set, judged on documents of it that were neither learned from nor chosen by.

`python -m benchmarks.finetune LABELS --from MODEL --folder OUT [--minutes 20]` writes OUT/train.txt, val.txt and test.txt
(pages are cut into lines first) where they are not there yet, runs `inkline finetune`, and prints how the old and the new
model read the test lines, with the interval that holds the change with a probability of 95 %. The report on what the old model
could do is in OUT/run/report.md.
--lines N: fine-tune on N lines alone, as a person may have corrected them; judged by all lines of the other documents.
--cut: only write the label files. --new FILE: only judge this model.
"""

import argparse
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.common import table
from inkline import metrics
from inkline.errors import DataError
from inkline.training.data.labels import LoadOptions, Sample, load_labels
from inkline.training.data.survey import write_lines
from inkline.training.evaluate import evaluate_set, open_model

SEED = 1
TEST, VAL = 0.23, 0.17  # shares of the documents; where these are few, one document and every eighth line of the others
FEW, EIGHTH = 10, 8
MEASURES = ("cer", "space_f1", "acc")


def lines_by_document(labels: Path, folder: Path) -> dict[str, list[str]]:
    """Rows of a label file for each document of a set of lines or of pages; the lines of pages are written into the folder."""
    try:
        samples: Sequence[Sample] = load_labels("rec", str(labels), LoadOptions())[0]
    except DataError:  # pages
        samples = ()
    if samples:
        rows = [(s.doc, f"{Path(s.paths[0]).resolve()}\t{s.text}\n") for s in samples]
    else:
        rows = []
        for number, page in enumerate(load_labels("det", str(labels), LoadOptions())[0]):
            where = folder / f"page{number}"
            write_lines([page], where)
            lines = (where / "rec.txt").read_text(encoding="utf-8").splitlines(keepends=True)
            rows += [(page.doc, f"{where.resolve()}/{line}") for line in lines]
    found: dict[str, list[str]] = {}
    for doc, row in rows:
        found.setdefault(doc, []).append(row)
    return found


def parts(documents: dict[str, list[str]]) -> dict[str, list[str]]:
    """Rows to learn from (train), to choose weights by (val) and to judge by (test)."""
    names = sorted(documents)
    random.Random(SEED).shuffle(names)
    if len(names) < FEW:
        rest = [row for doc in documents if doc != names[-1] for row in documents[doc]]
        val = rest[EIGHTH - 1 :: EIGHTH]
        return {"train": [row for row in rest if row not in val], "val": val, "test": documents[names[-1]]}
    out: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for i, name in enumerate(names):
        share = i / len(names)
        out["test" if share < TEST else "val" if share < TEST + VAL else "train"] += documents[name]
    return out


def judged(old: str, new: str, test: Path) -> str:
    """A table of the main measures of two models on the test lines."""
    before, after = (evaluate_set("rec", open_model("rec", model), str(test)).scores.parts for model in (old, new))
    rows = []
    for name in (m for m in MEASURES if m in before):
        values = [of[name][:, 0].sum() / of[name][:, 1].sum() for of in (before, after)]
        low, high = metrics.change_interval(before[name], after[name])
        rows.append((name, *(f"{v:.4f}" for v in values), f"{low:+.4f} to {high:+.4f}"))
    return table(("measure", "old", "new", "change, 95 %"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--from", dest="model", default="PP-OCRv6_small_rec")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--lines", type=int, default=0)
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--new", default="")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if not (given.folder / "test.txt").exists():
        rows_of = parts(lines_by_document(given.labels, given.folder))
        if given.lines:
            few = random.Random(SEED).sample(rows_of["train"], given.lines)
            rows_of = {"train": few, "test": rows_of["val"] + rows_of["test"]}
        for name, rows in rows_of.items():
            (given.folder / f"{name}.txt").write_text("".join(rows), encoding="utf-8")
            print(f"{name}: {len(rows)} lines")
    if given.cut:
        return
    new = given.new or str(given.folder / "new.onnx")
    if not given.new:
        train, val = (given.folder / f"{part}.txt" for part in ("train", "val"))
        where = ["--output", str(given.folder / "run"), "--export", new, "--minutes", str(given.minutes)]
        chosen_by = ["--eval", str(val)] if val.exists() else []
        command = ["finetune", "--from", given.model, "--data", str(train), *chosen_by, *where]
        subprocess.run([sys.executable, "-m", "inkline", *command], check=True)
    print(judged(given.model, new, given.folder / "test.txt"))


if __name__ == "__main__":
    main()
