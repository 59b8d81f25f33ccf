"""Where text is lost: every wrong line of a data set by cause and trait, with examples.

usage: python -m benchmarks.errors DATASET... [--results DIR] [--examples N] [--set NAME=VALUE ...]

DATASET is a folder with a labels.jsonl. A line counts when tokens of it (runs of letters and digits, case folded) stand in
no box over it; its cause is the first that holds:

missed   boxes cover less than 0.3 of it
merged   a box over it holds most of another line, too
split    two boxes or more lie in it
cut      the one box over it lacks more than 0.15 of its length
spaces   the characters are right, the spaces are not
digits   only digits are wrong
letters  anything else

Traits, not exclusive: small (below 12 px), faint (ink and paper less than 60 grey levels apart), inverse (ink lighter
than paper), vertical, slanted (by more than 10 degrees). `extra` counts tokens in boxes where no line is labelled.
"""

import argparse
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inkline.cli.evaluate_commands import from_files, labels, read_pages
from inkline.layout.geometry import convex_hull, crop_quad, min_area_quad, shared_area
from inkline.metrics import aligned, fold, outside, tokens
from inkline.pipeline import Ocr

CAUSES = ("missed", "merged", "split", "cut", "spaces", "digits", "letters")
TRAITS = ("small", "faint", "inverse", "vertical", "slanted")


@dataclass(frozen=True)
class Lost:
    """A line with tokens that were not read. traits: names out of TRAITS."""

    cause: str
    traits: tuple[str, ...]
    tokens: int
    truth: str
    read: str
    image: str


def shares(lines: Sequence[Any], boxes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """How much of each line (L) each box (B) covers, and how much of each box lies in each line: two (L, B), 0..1."""
    a, b = [convex_hull(p) for p in lines], [convex_hull(p) for p in boxes]
    over = np.array([[shared_area(x, y) for y in b] for x in a], float).reshape(len(a), len(b))
    size = [np.array([max(cv2.contourArea(x), 1e-6) for x in hulls]) for hulls in (a, b)]
    return over / size[0][:, None], over / size[1][None, :]


def cause_of(i: int, near: list[int], of_line: np.ndarray, of_box: np.ndarray, texts: tuple[str, str]) -> str:
    """The cause for line i, whose boxes are `near`; texts: what it says and what was read."""
    if of_line[i].sum() < 0.3 or not near:
        return "missed"
    others = np.delete(of_line[:, near], i, axis=0)
    if len(others) and others.max() > 0.6:
        return "merged"
    inside = [j for j in near if of_box[i, j] > 0.6]
    if len(inside) > 1:
        return "split"
    if of_line[i].max() < 0.85 - 0.25 * (len(near) > 0 and of_box[i, near].max() > 0.9):
        return "cut"
    return text_cause(*texts)


def text_cause(truth: str, read: str) -> str:
    bare_t, bare_r = ("".join(c for c in fold(s) if c.isalnum()) for s in (truth, read))
    if bare_t == bare_r:
        return "spaces"
    wrong = [(t, r) for t, r in aligned(bare_t, bare_r) if bare_t[t] != bare_r[r]]
    same = len(bare_t) == len(bare_r)
    return "digits" if same and all(bare_t[t].isdecimal() or bare_r[r].isdecimal() for t, r in wrong) else "letters"


def traits_of(image: np.ndarray, points: Any) -> tuple[str, ...]:
    quad, _ = min_area_quad(np.asarray(points, np.float32).reshape(-1, 2))
    crop = crop_quad(image, quad)
    if crop is None:
        return ()
    h, w = crop.shape[:2]
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    level, _ = cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)
    dark, light = grey[grey <= level], grey[grey > level]
    apart = float(light.mean() - dark.mean()) if len(dark) and len(light) else 0.0
    along = quad[1] - quad[0] if w >= h else quad[2] - quad[1]
    angle = abs(float(np.degrees(np.arctan2(along[1], along[0])))) % 90
    found = {
        "small": min(h, w) < 12,
        "faint": apart < 60,
        "inverse": len(dark) > len(light),
        "vertical": h >= 1.5 * w,
        "slanted": 10 < angle < 80,
    }
    return tuple(name for name in TRAITS if found[name])


def analyse(row: dict[str, Any], boxes: Sequence[Any], texts: Sequence[str]) -> Iterator[Lost]:
    """Lost lines of one page, and one of cause `extra` for each box with tokens where nothing is labelled."""
    lines = [line for line in row.get("lines", ()) if not line.get("ignore")]
    ignored = [line["points"] for line in row.get("lines", ()) if line.get("ignore") and line.get("points")]
    keep = outside(boxes, ignored)
    boxes, texts = [boxes[i] for i in keep], [texts[i] for i in keep]
    if any(not line.get("points") for line in lines):
        yield from by_text(row["image"], [line["text"] for line in lines], texts)
        return
    of_line, of_box = shares([line["points"] for line in lines], boxes)
    image = cv2.imread(row["image"])
    for i, line in enumerate(lines):
        near = [j for j in range(len(boxes)) if max(of_line[i, j], of_box[i, j]) > 0.3]
        near.sort(key=lambda j: float(np.mean(np.asarray(boxes[j])[:, 0])))
        read = " ".join(texts[j] for j in near)
        score = tokens([line["text"]], [read])
        if score.hit < score.truth:
            cause = cause_of(i, near, of_line, of_box, (line["text"], read))
            yield Lost(cause, traits_of(image, line["points"]), score.truth - score.hit, line["text"], read, row["image"])
    for j, text in enumerate(texts):
        count = tokens([], [text]).found
        if count and (not len(lines) or of_box[:, j].sum() < 0.3):
            yield Lost("extra", (), count, "", text, row["image"])


def by_text(image: str, truth: Sequence[str], texts: Sequence[str]) -> Iterator[Lost]:
    """The same where only the text is known: each line against the most similar line that was read."""
    for text in truth:
        read = max(texts, key=lambda t: len([1 for a, b in aligned(text, t) if text[a] == t[b]]) - len(t) / 9, default="")
        score = tokens([text], [read])
        if score.hit < score.truth:
            alike = sum(fold(text)[a] == fold(read)[b] for a, b in aligned(fold(text), fold(read)))
            cause = text_cause(text, read) if alike > 0.3 * len(text) else "missed"
            yield Lost(cause, (), score.truth - score.hit, text, read, image)


def report(name: str, lost: Sequence[Lost], total: int, examples: int) -> None:
    count: Counter[str] = Counter()
    groups: dict[str, list[Lost]] = defaultdict(list)
    for item in lost:
        groups[item.cause].append(item)
        count.update(dict.fromkeys(item.traits, item.tokens))
    missing = sum(item.tokens for item in lost if item.cause != "extra")
    print(f"\n{name}: {missing} of {total} tokens lost")
    for cause in (*CAUSES, "extra"):
        group = groups[cause]
        if group:
            print(f"  {cause:<9}{len(group):>5} lines{sum(item.tokens for item in group):>6} tokens")
        for item in sorted(group, key=lambda item: -item.tokens)[:examples]:
            marks = f" [{', '.join(item.traits)}]" if item.traits else ""
            print(f"      {item.truth!r} read {item.read!r}{marks} in {Path(item.image).name}")
    print("  of these " + ", ".join(f"{trait} {count[trait]}" for trait in TRAITS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--results", type=Path, help="folder of <stem>_res.json files written before; read nothing")
    parser.add_argument("--examples", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="an option of the pipeline")
    args = parser.parse_args()
    read: Callable[[Any], Any] = partial(from_files, args.results)
    if not args.results:
        read = partial(read_pages, Ocr(**overrides(args.set)), None)
    for name in args.datasets:
        rows = list(labels(name))
        lost = [
            item
            for row, (boxes, texts) in zip(rows, read(rows), strict=True)
            for item in analyse(row, boxes, [unicodedata.normalize("NFKC", t) for t in texts])
        ]
        truth = [line["text"] for row in rows for line in row.get("lines", ()) if not line.get("ignore")]
        report(name, lost, tokens(truth, []).truth, args.examples)


def overrides(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE words as option values, each in the type of its option."""
    from inkline.flat import flat_fields
    from inkline.options import OcrOptions

    known = flat_fields(OcrOptions)
    out: dict[str, Any] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        kind = known[name][2] if name in known else str
        out[name] = kind(value) if kind in (int, float) else value == "True" if kind is bool else value
    return out


if __name__ == "__main__":
    main()
