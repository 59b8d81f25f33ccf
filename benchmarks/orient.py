"""Measure when turning and flattening help and when they harm: `python -m benchmarks.orient WHAT DATA`.

lines: lines cut from upright pages, shown upright and upside down, to the classifier and the recogniser.
pages: pages turned by known angles (`orientation/dev.jsonl`), read as they are and turned as the rule says.
turns: pages, screens and scenes in all four turns, told by the page classifier alone.
upright: upright pages, screens and scenes, which must stay as they are.
bent: pages bent by known grids, and flat pages that a net takes for bent: read as they are, flattened, and gated.
DATA is the folder of page sets, each with `dev/labels.jsonl`.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inkline import Ocr, Page
from inkline.flat import apply
from inkline.io.read import read
from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.metrics import PageScore
from inkline.metrics import page as score_page
from inkline.orientation.classifier import Classifier
from inkline.orientation.rectify import ReadingTest, Rectifier
from inkline.orientation.unwarper import Unwarper
from inkline.pipeline import MIN_TURNED_GAIN, open_rectifier
from inkline.registry import options_for
from inkline.types import Floats, Image

PAGE_SETS = ("funsd", "sroie", "scribe-docs", "fondue-books", "ehri-typewritten", "icdar2015", "mtwi",
             "multiscript-screens", "tesseract-pages")  # fmt: skip
MORE_PAGE_SETS = ("kannada-books", "sanskrit-pages", "handwriting-letters", "distorted-photos", "wildreceipt-toy")
LINE_SETS = ("cyrillic-lines", "arabic-print-lines", "greek-latin-commentary-lines", "fraktur-lines", "tamil-book-lines",
             "svt-words")  # fmt: skip


def upright_lines(data: Path, ocr: Ocr, pages: int, lines: int) -> Iterator[tuple[str, Image]]:
    """(set, crop) of lines of upright pages, as the pipeline cuts them, and of sets of line images."""
    for name in PAGE_SETS:
        rows = (data / name / "dev/labels.jsonl").read_text(encoding="utf-8").splitlines()
        for row in rows[:pages]:
            page = ocr(data / name / "dev" / json.loads(row)["image"])
            for line in page.lines:
                crop = crop_quad(page.image, line.quad)
                if crop is not None and len(line.text.strip()) > 1 and not is_upright_column(crop):
                    yield name, crop
    for name in LINE_SETS:
        rows = (data / name / "dev/labels.jsonl").read_text(encoding="utf-8").splitlines()
        for row in rows[:lines]:
            yield name, next(read(data / name / "dev" / json.loads(row)["image"])).image


def measure_lines(arguments: argparse.Namespace) -> None:
    """Print, by threshold, how many upright lines are turned and how many that are upside down are not."""
    model = {"textline_orientation_model_name": arguments.model} if arguments.model else {}
    ocr = Ocr(use_textline_orientation=True, cpu_threads=arguments.threads, **model)
    classify: Classifier | None = ocr._orient_line
    assert classify is not None
    found = list(upright_lines(arguments.data, ocr, arguments.pages, arguments.lines))
    crops = [crop for _, crop in found]
    flipped = [turn(crop, 180) for crop in crops]
    head = classify.labels.index(180)
    net = np.array([[seen.scores[head] for seen in classify(shown)] for shown in (crops, flipped)])
    read_as = np.array([[t.score for t in ocr._recognize(shown, ocr.options.recognize)] for shown in (crops, flipped)])
    sets = np.array([name for name, _ in found])
    for name in (*dict.fromkeys(sets), "all"):
        mine = np.ones(len(sets), bool) if name == "all" else sets == name
        up, down, n = net[0, mine], net[1, mine], int(mine.sum())
        gain = read_as[0, mine] - read_as[1, mine]
        better, worse = gain >= MIN_TURNED_GAIN, -gain >= MIN_TURNED_GAIN  # what reading both ways says
        row = [f"{name:30s} lines {n:5d} "]
        for thresh in (0.3, 0.5, 0.9):
            wrong, right = up >= thresh, down >= thresh
            row.append(
                f"| from {thresh}: wrongly {wrong.mean():.3f} rightly {right.mean():.3f}, "
                f"when read both ways wrongly {(wrong & worse).mean():.3f} rightly {(right & better).mean():.3f}"
            )
        print(" ".join(row), flush=True)
    if arguments.save:
        np.savez(arguments.save, net=net, read=read_as, sets=sets)


def measure_pages(arguments: argparse.Namespace) -> None:
    """Print, page by page, the angle told by the rule; with --read, F1 of words read as shown and turned."""
    folder = arguments.data / "orientation"
    rows = [json.loads(row) for row in (folder / "dev.jsonl").read_text(encoding="utf-8").splitlines()]
    shown_score, turned_score = PageScore(), PageScore()
    right, seconds = 0, 0.0
    with turning(arguments) as ocr:
        reading = reading_test(ocr)
        for row in rows[: arguments.count]:
            path = (folder / row["image"]).resolve()
            image = turn(next(read(path)).image, (360 - row["rotate_cw"]) % 360)
            start = time.process_time()
            told = ocr._rectify(image, ocr.options, reading)[1].angle
            seconds += time.process_time() - start
            right += told == row["expected_orientation"]
            if arguments.read:
                shown_score += score_words(labels_of(path), ocr(image))
                turned_score += score_words(labels_of(path), ocr(turn(image, told)))
            print(f"{row['set']:22s} {path.name:40s} turned {row['rotate_cw']:3d} told {told:3d}", flush=True)
    count = len(rows[: arguments.count])
    print(f"angle right on {right} of {count} pages, {seconds / count:.2f} s of processor time a page")
    if arguments.read:
        print(f"words F1 as shown {shown_score.tokens.f1:.4f}, turned {turned_score.tokens.f1:.4f}")


def measure_turns(arguments: argparse.Namespace) -> None:
    """Print, by set, how often the page classifier tells the turn, how often surely, and its processor time."""
    options = options_for(use_doc_orientation_classify=True, cpu_threads=arguments.threads, **classifier(arguments))
    classify = open_rectifier(options)._classify
    assert classify is not None
    rows = []
    for name in (*PAGE_SETS, *MORE_PAGE_SETS):
        first = len(rows)
        for label in (arguments.data / name / "dev/labels.jsonl").read_text(encoding="utf-8").splitlines()[: arguments.pages]:
            image = next(read(arguments.data / name / "dev" / json.loads(label)["image"])).image
            for angle in (0, 90, 180, 270):
                shown = turn(image, (360 - angle) % 360)
                start = time.process_time()
                told = classify([shown])[0]
                sure = told.score >= options.orient.page_thresh
                rows.append((told.angle == angle, sure, sure and told.angle != angle, time.process_time() - start))
        print(f"{name:22s} {turns_line(rows[first:])}", flush=True)
    print(f"{'all':22s} {turns_line(rows)}")


def turns_line(rows: list[tuple[bool, bool, bool, float]]) -> str:
    """What became of pages that were shown turned: (right, sure, wrong all the same, seconds) of each."""
    right, sure, wrong, seconds = (sum(column) for column in zip(*rows, strict=True))
    count = len(rows)
    return f"right {right:3d} of {count:3d}, sure of {sure:3d}, of which wrong {wrong:2d}, {1000 * seconds / count:5.1f} ms"


def measure_upright(arguments: argparse.Namespace) -> None:
    """Print the upright pages, screens and scenes of all sets that the rule would have turned."""
    wrong = total = 0
    start = time.process_time()
    with turning(arguments) as ocr:
        reading = reading_test(ocr)
        for name in PAGE_SETS:
            rows = (arguments.data / name / "dev/labels.jsonl").read_text(encoding="utf-8").splitlines()
            for row in rows[: arguments.pages]:
                path = arguments.data / name / "dev" / json.loads(row)["image"]
                told = ocr._rectify(next(read(path)).image, ocr.options, reading)[1].angle
                total, wrong = total + 1, wrong + (told != 0)
                if told:
                    print(f"{name:22s} {path.name:40s} told {told}", flush=True)
    seconds = (time.process_time() - start) / total
    print(f"{wrong} of {total} upright pages would be turned, {seconds:.2f} s of processor time a page, decoding included")


def measure_bent(arguments: argparse.Namespace) -> None:
    """Print F1 of words: pages as they are, flattened always, and flattened when the gate says so."""
    print("bent by, grid of the net: words F1 as shown | flattened always | gated (pages flattened)")
    with Ocr(use_doc_unwarping=False, cpu_threads=arguments.threads) as ocr:
        reading = reading_test(ocr)
        options = apply(ocr.options, use_doc_unwarping=True)
        for bent_by, grid_by in ((0.12, 0.12), (0.0, 0.12), (0.04, 0.04), (0.0, 0.04), (0.12, 0.08), (0.0, 0.0)):
            rectify = Rectifier(None, Unwarper(Fixed(curl(grid_by)), {}))
            totals = [PageScore(), PageScore(), PageScore()]
            flattened = 0
            for path, labels in pages_of(arguments.data, arguments.pages):
                image = bend_page(next(read(path)).image, bent_by)
                always, _ = rectify(image, apply(options, doc_unwarping_thresh=0.0))
                gated, transform = rectify(image, options, reading)
                flattened += transform.grid is not None
                for i, shown in enumerate((image, always, gated)):
                    totals[i] += score_words(labels, ocr(shown))
            f1 = " | ".join(f"{total.tokens.f1:.4f}" for total in totals)
            print(f"{bent_by:.2f} {grid_by:.2f}: {f1} ({flattened} of {totals[0].pages})", flush=True)


def turning(arguments: argparse.Namespace) -> Ocr:
    """A pipeline that turns pages by the rule asked for."""
    rule = {"doc_orientation_rule": arguments.rule, "cpu_threads": arguments.threads}
    return Ocr(use_doc_orientation_classify=True, **rule, **classifier(arguments))


def classifier(arguments: argparse.Namespace) -> dict[str, str]:
    """The page classifier asked for, as an option."""
    return {"doc_orientation_classify_model_name": arguments.model} if arguments.model else {}


def reading_test(ocr: Ocr) -> ReadingTest:
    """The test by reading that the pipeline makes."""
    return ReadingTest(
        lambda image: ocr._detect_one(image, ocr.options.detect),
        lambda crops: ocr._recognize(crops, ocr.options.recognize),
    )


class Fixed:
    """An unwarping net that always answers with one grid."""

    streams = 1

    def __init__(self, grid: Floats) -> None:
        self.metadata: dict[str, str] = {}
        self._points = (grid * 2 - 1).transpose(2, 0, 1)[None]

    def __call__(self, x: Floats) -> list[Floats]:
        return [self._points]


def curl(depth: float) -> Floats:
    """The grid (45, 31, 2) of a page whose lines are arcs, `depth` of its height deep; 0 is a flat page."""
    x, y = np.meshgrid(np.linspace(0, 1, 31), np.linspace(0, 1, 45))
    return np.stack([x, y * (1 - depth) + depth * np.sin(np.pi * x)], axis=-1).astype(np.float32)


def bend_page(image: Image, depth: float) -> Image:
    """The page as `curl(depth)` flattens it, on grey."""
    h, w = image.shape[:2]
    x = np.arange(w, dtype=np.float32)
    y = (np.arange(h)[:, None] / (h - 1) - depth * np.sin(np.pi * x / (w - 1))) / (1 - depth) * (h - 1)
    columns = np.broadcast_to(x, (h, w)).copy()
    grey = (128, 128, 128)
    bent = cv2.remap(image, columns, y.astype(np.float32), cv2.INTER_LINEAR, borderMode=0, borderValue=grey)
    return np.asarray(bent, np.uint8)


def pages_of(data: Path, count: int) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """(image, true lines) of the first pages of some sets of documents."""
    for name in ("funsd", "sroie", "fondue-books", "ehri-typewritten"):
        rows = (data / name / "dev/labels.jsonl").read_text(encoding="utf-8").splitlines()
        for row in rows[:count]:
            page = json.loads(row)
            yield data / name / "dev" / page["image"], page["lines"]


def labels_of(path: Path) -> list[dict[str, Any]]:
    """The true lines of one image of a page set."""
    for row in (path.parent.parent / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        page = json.loads(row)
        if Path(page["image"]).name == path.name:
            lines: list[dict[str, Any]] = page["lines"]
            return lines
    raise SystemExit(f"{path}: has no labels")


def score_words(labels: list[dict[str, Any]], page: Page) -> PageScore:
    """Words read, whatever their place: coordinates of turned and bent pages are not those of the labels."""
    lines = [{"text": row.get("text", "")} for row in labels]
    return score_page(lines, [line.quad for line in page.lines], [line.text for line in page.lines])


MEASURES = {
    "lines": measure_lines,
    "pages": measure_pages,
    "turns": measure_turns,
    "upright": measure_upright,
    "bent": measure_bent,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(MEASURES))
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=3, help="pages of each set")
    parser.add_argument("--lines", type=int, default=30, help="images of each set of lines")
    parser.add_argument("--count", type=int, default=1000, help="pages of the orientation set")
    parser.add_argument("--read", action="store_true", help="pages: also read them, as shown and turned")
    parser.add_argument("--model", default="", help="the classifier of lines or pages  [default: that of the pipeline]")
    parser.add_argument("--rule", default="gated", choices=("gated", "lines", "net"), help="pages, upright: who tells")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", help="also keep the single scores, as .npz")
    arguments = parser.parse_args()
    MEASURES[arguments.what](arguments)


if __name__ == "__main__":
    main()
