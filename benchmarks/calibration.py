"""How far a line's confidence can be trusted, and the numbers it is made with.

python -m benchmarks.calibration read FOLDER DATA... [--limit N]    read labelled lines; FOLDER keeps what was seen of each
python -m benchmarks.calibration report FOLDER [--picture FILE]     ECE, AUROC and what is to be looked at, by model and set
python -m benchmarks.calibration fit FOLDER                         the numbers, into inkline/recognition/confidence.toml
python -m benchmarks.calibration tokens DATA...                     of the tokens in lines of each score, the share right

DATA is a folder with labels.jsonl (or dev/labels.jsonl) of lines, or of pages, whose lines `Ocr` finds itself; lines in a
folder called `drawn` (`inkline synth lines`) count a quarter, but whole for a recogniser of which there are no others. A line
is right when its characters are those of the label,
spaces aside. What `report` says of a line was fitted on the others: of pages and books (`doc`) in turn every fifth is left
out. `noise` is the ECE that a perfect confidence would have there.
"""

import argparse
import json
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.errors import shares
from benchmarks.scripts import label_file
from inkline import Ocr
from inkline.cli.evaluate_commands import labels
from inkline.formats.review import to_review
from inkline.io.read import read
from inkline.metrics import Counts, calibration, outside, tokens
from inkline.options import OcrOptions
from inkline.recognition.confidence import NUMBERS, UNFITTED, chance, line_and_word_features
from inkline.recognition.corrections import resolve_accents
from inkline.scripts import script_of
from inkline.training.calibrate import auroc, logistic, slope_and_offset, split, words_right
from inkline.training.evaluate import folding
from inkline.types import Text

WHOLE = 0.8  # of a labelled line in a box, from which the box has all of it
APART = 0.1  # of it in a box, below which the box has nothing of it
FOLDED_CASE = ("sroie", "svt-words")
FOLDED_MARKS = ("arabic-print-lines",)
# signs that labels write one way and models another
SAME = {"'": "’‘ʼ´`", '"': "“”„", "-": "–—−⸗‐", "s": "ſ", "|": "।", "ي": "یى", "ك": "ک", "·": "•"}
ALIKE = str.maketrans({other: sign for sign, others in SAME.items() for other in others})
FOLDS = 5
PAGE_LINES = 12
DRAWN, DRAWN_WEIGHT = "drawn-", 0.25  # how the names of drawn sets begin, what one of their lines counts beside a real one
MIN_LINES = 40  # of a recogniser, or of one of its scripts, for a fit of its own
MOST_LOOKED_AT = 50  # the curve ends where one line of this many is left
EDGES = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)  # of scores
SHARES = (0.05, 0.02, 0.01, 0.005)  # of wrong lines among those that nobody looks at


@dataclass(frozen=True, eq=False)
class Sample:
    """A line that was read: what it says, the text read, the crop's width and height in pixels, the page it is on."""

    truth: str
    text: Text
    size: tuple[int, int]
    doc: str


def samples_of(data: Path, limit: int, ocr: Ocr) -> Iterator[Sample]:
    """The lines of a labelled set as they are read, `limit` at most."""
    file = label_file(data)
    rows = [json.loads(row) for row in file.read_text(encoding="utf-8").splitlines()]
    if "text" in rows[0]:
        step = max(len(rows) / limit, 1)
        rows = [rows[int(i * step)] for i in range(min(limit, len(rows)))]
        crops = [next(read(file.parent / row["image"])).image for row in rows]
        counts = list(page_sizes([row.get("doc", "") for row in rows]))
        texts = ocr._read(crops, counts, ocr.options.recognize, ocr._pool.map)
        for row, crop, text in zip(rows, crops, texts, strict=True):
            yield Sample(row["text"], resolve_accents([text])[0], (crop.shape[1], crop.shape[0]), row.get("doc", row["image"]))
        return
    count = 0
    for row in rows:
        for sample in page_samples(file.parent / row["image"], row, ocr):
            count += 1
            yield sample
        if count >= limit:
            return


def page_sizes(docs: Sequence[str]) -> Iterator[int]:
    """Lines as they come are taken for pages of PAGE_LINES, or as many as are of one book: the router looks at a page."""
    for _, same in groupby(docs):
        count = len(list(same))
        yield from (min(PAGE_LINES, count - at) for at in range(0, count, PAGE_LINES))


def page_samples(image: Path, row: dict[str, Any], ocr: Ocr) -> Iterator[Sample]:
    """The lines that are found on a page, where each holds labelled lines as a whole and nothing of others."""
    lines = [line for line in row["lines"] if line.get("points")]
    if len(lines) < len(row["lines"]):
        return
    page = ocr._prepare(next(read(image)), ocr.options, ocr._detect_many)
    texts = resolve_accents(ocr._read(page.crops, [len(page.crops)], ocr.options.recognize, ocr._pool.map))
    quads = page.transform.quads_to_source(page.found.quads)
    ignored = [line["points"] for line in lines if line.get("ignore")]
    of_line, _ = shares([line["points"] for line in lines], list(quads))
    for j in outside(list(quads), ignored, 0.1):
        whole = np.flatnonzero(of_line[:, j] > WHOLE)
        if not len(whole) or (of_line[:, j] > APART).sum() > len(whole) or any(lines[i].get("ignore") for i in whole):
            continue
        whole = np.array(sorted(whole, key=lambda i: np.asarray(lines[i]["points"])[:, 0].mean()))
        truth = " ".join(lines[i]["text"] for i in whole)
        height, width = page.crops[j].shape[:2]
        yield Sample(truth, texts[j], (width, height), row.get("doc", row["image"]))


def save(samples: Sequence[Sample], file: Path) -> None:
    """Samples into an .npz file."""
    texts = [sample.text for sample in samples]
    columns: dict[str, Any] = {
        "truth": [s.truth for s in samples], "text": [t.text for t in texts], "doc": [s.doc for s in samples],
        "reader": [t.reader for t in texts], "script": [t.script for t in texts], "size": [s.size for s in samples],
        "score": [t.score for t in texts],
        "char_scores": np.concatenate([t.char_scores for t in texts]),
        "evidence": np.concatenate([t.evidence for t in texts]),
    }  # fmt: skip
    np.savez_compressed(file, **columns)


def load(file: Path) -> list[Sample]:
    """Samples from an .npz file."""
    with np.load(file) as stored:
        columns = dict(stored)
    samples, at = [], 0
    for i, text in enumerate(columns["text"].tolist()):
        end = at + len(text)
        chars = columns["char_scores"][at:end], np.zeros((len(text), 2), np.float32)
        of_line = {name: columns[name][i].item() for name in ("reader", "script")}
        seen = Text(text, columns["score"][i].item(), *chars, **of_line, evidence=columns["evidence"][at:end])
        width, height = columns["size"][i].tolist()
        samples.append(Sample(columns["truth"][i].item(), seen, (width, height), columns["doc"][i].item()))
        at = end
    return samples


def read_sets(arguments: argparse.Namespace) -> None:
    """Read the sets and keep what was seen, a file each; those that are there are left alone."""
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    with Ocr(cpu_threads=arguments.threads, tier=arguments.tier) as ocr:
        for data in map(Path, arguments.data):
            name = data.parent.name if data.name == "dev" else data.name
            name = DRAWN + name if data.parent.name == "drawn" else name
            name += "" if arguments.tier == OcrOptions().tier else f"@{arguments.tier}"
            if not (folder / f"{name}.npz").exists():
                samples = list(samples_of(data, arguments.limit, ocr))
                if not samples:
                    print(f"{name}: no lines with places and texts")
                    continue
                save(samples, folder / f"{name}.npz")
                print(f"{name}: {len(samples)} lines", flush=True)


@dataclass(frozen=True, eq=False)
class Judged:
    """The lines of several sets with what is known of each: its features and those of its words, and what is right.

    models: recogniser, and recogniser/script, of each line; folds: which fifth it belongs to.
    """

    sets: list[str]
    scores: np.ndarray
    right: np.ndarray
    lines: np.ndarray
    words: list[np.ndarray]
    words_right: list[np.ndarray]
    models: list[tuple[str, str]]
    folds: np.ndarray


def plain(text: str, name: str) -> str:
    """What texts of a set are compared as."""
    name = name.partition("@")[0]
    folded = folding(name not in FOLDED_CASE, name not in FOLDED_MARKS)
    return folded(unicodedata.normalize("NFKC", text).translate(ALIKE))


def judged(folder: Path) -> Judged:
    """All lines that were read into a folder."""
    columns: dict[str, list[Any]] = {name: [] for name in Judged.__dataclass_fields__}
    for file in sorted(folder.glob("*.npz")):
        samples = [s for s in load(file) if s.text.text.strip() and s.truth.strip()]
        docs = sorted({s.doc for s in samples})
        turn = dict(zip(docs, np.random.default_rng(0).permutation(len(docs)) % FOLDS, strict=True))
        lines, words = line_and_word_features([s.text for s in samples], [s.size[::-1] for s in samples])
        columns["lines"].append(lines)
        columns["words"] += words
        for i, sample in enumerate(samples):
            truth, read = (plain(text, file.stem) for text in (sample.truth, sample.text.text))
            columns["right"].append("".join(truth.split()) == "".join(read.split()))
            found = [plain(word, file.stem) for word in split(sample.text.text)]
            columns["words_right"].append(np.array(words_right(truth, found)))
            columns["sets"].append(file.stem)
            columns["scores"].append(sample.text.score)
            reader = sample.text.reader
            columns["models"].append((reader, f"{reader}/{script_of(sample.text.text)}"))
            few = len(docs) < FOLDS  # pages of a book or two: parts of these
            columns["folds"].append(i * FOLDS // len(samples) if few else turn[sample.doc])
    arrays: dict[str, Any] = {name: np.array(columns[name]) for name in ("scores", "right", "folds")}
    return Judged(**{**columns, **arrays, "lines": np.concatenate(columns["lines"])})


def fitted(data: Judged, chosen: np.ndarray) -> dict[str, Any]:
    """The numbers of `confidence.toml`, from some of the lines (N,) bool."""
    weights = np.where([name.startswith(DRAWN) for name in data.sets], DRAWN_WEIGHT, 1.0)
    lines = logistic(data.lines[chosen], data.right[chosen], weights[chosen])
    odds = data.lines @ lines[:-1] + lines[-1]
    which = np.flatnonzero(chosen)
    stacked = {i: np.column_stack([data.words[i], np.full(len(data.words[i]), odds[i])]) for i in which}
    of_words = np.repeat(weights[which], [len(data.words[i]) for i in which])
    words = logistic(np.concatenate(list(stacked.values())), np.concatenate([data.words_right[i] for i in which]), of_words)
    models: dict[str, dict[str, tuple[float, float]]] = {}
    names = Counter(name for i in which for name in data.models[i])
    for name in sorted(names):
        model, _, script = name.partition("/")
        alone = script and names[name] > names[model] - MIN_LINES  # what the model reads besides is too little
        if names[name] < MIN_LINES or "+" in name or alone:
            continue
        own = [i for i in which if name in data.models[i]]
        # What nobody has real lines of is fitted on drawn ones alone, and these count whole.
        all_drawn = all(data.sets[i].startswith(DRAWN) for i in own)
        own_weights = np.ones(len(own)) if all_drawn else weights[own]
        word_odds = np.concatenate([stacked[i] for i in own]) @ words[:-1] + words[-1]
        right = np.concatenate([data.words_right[i] for i in own])
        of_words = np.repeat(own_weights, [len(data.words[i]) for i in own])
        models[name] = {
            "line": slope_and_offset(odds[own], data.right[own], own_weights),
            "word": slope_and_offset(word_odds, right, of_words),
        }
    return {"general": {"line": lines, "word": words}, "models": models}


def chances(data: Judged, found: Mapping[str, Any], chosen: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The confidence of some lines, and of the words of each, by these numbers."""
    general, lines, words = found["general"], [], []
    for i in np.flatnonzero(chosen):
        name, with_script = data.models[i]
        fit = found["models"].get(with_script) or found["models"].get(name) or UNFITTED
        odds = data.lines[i] @ general["line"][:-1] + general["line"][-1]
        of_words = np.column_stack([data.words[i], np.full(len(data.words[i]), odds)])
        lines.append(chance(odds, fit["line"]))
        words.append(np.maximum(chance(of_words @ general["word"][:-1] + general["word"][-1], fit["word"]), lines[-1]))
    return np.array(lines), words


def held_out(data: Judged) -> tuple[np.ndarray, list[np.ndarray]]:
    """The confidence of every line and word, fitted on the other folds."""
    lines, words = np.zeros(len(data.sets)), [np.zeros(0)] * len(data.sets)
    for fold in range(FOLDS):
        here = data.folds == fold
        lines[here], of_words = chances(data, fitted(data, ~here), here)
        for i, found in zip(np.flatnonzero(here), of_words, strict=True):
            words[i] = found
    return lines, words


def noise(confidence: np.ndarray) -> float:
    """The ECE that a perfect confidence would have on as many lines."""
    random = np.random.default_rng(0)
    return float(np.mean([calibration(confidence, random.random(len(confidence)) < confidence)[0] for _ in range(50)]))


def report(arguments: argparse.Namespace) -> None:
    """Print a row for each set and recogniser, the words and all; of real lines what is to be looked at, and draw the curve."""
    data = judged(Path(arguments.folder))
    lines, words = held_out(data)
    groups = {name: np.array([s == name for s in data.sets]) for name in sorted(set(data.sets))}
    models = Counter(model for model, _ in data.models)
    groups |= {name: np.array([m == name for m, _ in data.models]) for name, n in models.items() if n >= MIN_LINES}
    drawn = np.array([name.startswith(DRAWN) for name in data.sets])
    groups |= {"all real lines": ~drawn, "all drawn lines": drawn, "all lines": np.ones(len(lines), np.bool_)}
    print(
        "| lines | number | right | score: ECE | AUROC | confidence: ECE | noise | AUROC |\n|---|---|---|---|---|---|---|---|"
    )
    for name, which in groups.items():
        right = data.right[which]
        of_score = f"{calibration(data.scores[which], right)[0]:.3f} | {auroc(data.scores[which], right):.3f}"
        print(f"| {name} | {which.sum()} | {right.mean():.2f} | {of_score} | {_row(lines[which], right)} |")
    right = np.concatenate(data.words_right)
    print(f"| all words | {len(right)} | {right.mean():.2f} | | | {_row(np.concatenate(words), right)} |")
    print("\n| wrong lines allowed | lines to look at | wrong among the rest | at least, had one known |\n|---|---|---|---|")
    real, right = lines[~drawn], data.right[~drawn]
    for share in SHARES:
        rest = np.argsort(-real)[: len(real) - len(to_review(real.tolist(), share))]
        least = max((~right).mean() - share, 0) / (1 - share)
        print(f"| {share:.1%} | {1 - len(rest) / len(real):.1%} | {1 - right[rest].mean():.2%} | {least:.1%} |")
    if arguments.picture:
        cv2.imwrite(arguments.picture, curve({"score": data.scores[~drawn], "confidence": real}, right))


def _row(confidence: np.ndarray, right: np.ndarray) -> str:
    return f"{calibration(confidence, right)[0]:.3f} | {noise(confidence):.3f} | {auroc(confidence, right):.3f}"


def curve(ranked: Mapping[str, np.ndarray], right: np.ndarray) -> np.ndarray:
    """A picture, BGR uint8: the share of wrong lines among the rest, in percent, by the share of lines that are looked at."""
    width, height, left, below, top = 720, 420, 60, 50, 10 * float(np.ceil(10 * (~right).mean()))
    picture = np.full((height, width, 3), 255, np.uint8)

    def write(text: str, x: int, y: int, colour: tuple[int, int, int] = (60, 60, 60)) -> None:
        cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)

    def place(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        across = left + (width - left - 20) * x
        return np.stack([across, height - below - (height - below - 20) * y / top], axis=1).astype(np.int32)

    for tick in np.linspace(0, 1, 6):
        (x, _), (_, y) = place(np.array([tick]), np.array([0.0]))[0], place(np.array([0.0]), np.array([tick * top]))[0]
        cv2.line(picture, (int(x), 20), (int(x), height - below), (225, 225, 225), 1)
        cv2.line(picture, (left, int(y)), (width - 20, int(y)), (225, 225, 225), 1)
        write(f"{100 * tick:.0f} %", int(x) - 14, height - below + 18)
        write(f"{tick * top:.0f} %", 14, int(y) + 4)
    write("lines looked at, the doubtful first", width // 2 - 110, height - 10)
    write("wrong among the rest", left + 6, 16)
    wrong = ~right
    known = {**ranked, "if it were known": right + np.linspace(0, 0.1, len(right))}
    colours = ((40, 120, 230), (160, 80, 20), (150, 150, 150))
    for i, ((name, confidence), colour) in enumerate(zip(known.items(), colours, strict=True)):
        rest = np.cumsum(wrong[np.argsort(-confidence, kind="stable")]) / np.arange(1, len(right) + 1)
        points = place(1 - np.arange(1, len(right) + 1) / len(right), 100 * rest)
        points = points[len(right) // MOST_LOOKED_AT :]  # a handful of lines says nothing
        cv2.polylines(picture, [points], False, colour, 2, cv2.LINE_AA)
        write(name, width - 170, 40 + 18 * i, colour)
    return picture


def write_numbers(arguments: argparse.Namespace) -> None:
    """Fit on all lines and write the numbers where the package keeps them."""
    data = judged(Path(arguments.folder))
    found = fitted(data, np.ones(len(data.sets), np.bool_))
    rows = ["# Written by `python -m benchmarks.calibration fit`; read by `inkline.recognition.confidence`.", "", "[general]"]
    rows += [f"{kind} = {[round(float(v), 4) for v in found['general'][kind]]}" for kind in ("line", "word")]
    rows += ["", "# recogniser, or recogniser/script: slope and offset of the general log odds", "[models]"]
    for name, fit in found["models"].items():
        pairs = ", ".join(f"{kind} = [{fit[kind][0]:.3f}, {fit[kind][1]:.3f}]" for kind in ("line", "word"))
        rows.append(f'"{name}" = {{ {pairs} }}')
    NUMBERS.write_text("\n".join(rows) + "\n", encoding="utf-8")
    print(f"{NUMBERS}: {len(data.sets)} lines, {len(found['models'])} fits")


def print_tokens(arguments: argparse.Namespace) -> None:
    """Print of the tokens in lines of each score the share that stands in the labels of pages at that place."""
    bins = [Counts() for _ in EDGES[1:]]
    with Ocr(text_rec_score_thresh=0.0) as ocr:
        for row in (row for name in arguments.data for row in labels(name)):
            truth = [line for line in row["lines"] if not line.get("ignore") and line.get("points")]
            ignored = [line["points"] for line in row["lines"] if line.get("ignore") and line.get("points")]
            lines = ocr(row["image"]).lines
            found = [lines[i] for i in outside([line.quad for line in lines], ignored)]
            of_line, of_box = shares([line["points"] for line in truth], [line.quad for line in found])
            near = np.maximum(of_line, of_box) > 0.3
            for j, line in enumerate(found):
                here = [truth[i]["text"] for i in np.flatnonzero(near[:, j])]
                at = min(int(np.searchsorted(EDGES, line.score, side="right")), len(bins)) - 1
                bins[at] += tokens([" ".join(here)], [line.text])
    for low, high, count in zip(EDGES, EDGES[1:], bins, strict=False):
        print(f"{low:.2f} to {high:.2f}  {count.hit:>6} of {count.found:>6} tokens right  {count.precision:.3f}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in (("read", read_sets), ("report", report), ("fit", write_numbers), ("tokens", print_tokens)):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        if name != "tokens":
            command.add_argument("folder")
        if name in ("read", "tokens"):
            command.add_argument("data", nargs="+")
        if name == "read":
            command.add_argument("--limit", type=int, default=300)
            command.add_argument("--threads", type=int, default=1)
            command.add_argument("--tier", default=OcrOptions().tier, help="of which options the lines are read with")
        if name == "report":
            command.add_argument("--picture", help="where to draw how many wrong lines remain by how many are looked at")
    arguments = parser.parse_args()
    arguments.run(arguments)


if __name__ == "__main__":
    main()
