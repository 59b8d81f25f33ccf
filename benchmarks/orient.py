"""Measure when turning and flattening help and when they harm: `python -m benchmarks.orient WHAT DATA`.

lines: lines cut from upright pages, shown upright and upside down, to the classifier and the recogniser.
pages: pages turned by known angles (`orientation/dev.jsonl`), read as they are and turned as the rule says.
turns: pages, screens and scenes in all four turns, told by the page classifier alone.
look: the same pages, upright and upside down, to the look that is taken when nothing is asked for; lines as labelled.
upright: upright pages, screens and scenes, which must stay as they are.
unwarp: photographs and flat pages read as they are, flattened always, and flattened where the gate says so.
DATA is the folder of page sets, each with `dev/labels.jsonl`.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from inkline import Ocr, Page
from inkline.assembly import MIN_TURNED_GAIN
from inkline.flat import apply
from inkline.io.read import read
from inkline.layout.geometry import crop_quad, is_upright_column, min_area_quad, turn
from inkline.metrics import PageScore
from inkline.metrics import page as score_page
from inkline.orientation.classifier import Classifier
from inkline.orientation.rectify import ReadingTest
from inkline.pipeline import open_rectifier
from inkline.registry import options_for
from inkline.types import Detections, Image

PAGE_SETS = ("funsd", "sroie", "scribe-docs", "fondue-books", "ehri-typewritten", "icdar2015", "mtwi",
             "multiscript-screens", "tesseract-pages")  # fmt: skip
MORE_PAGE_SETS = ("kannada-books", "sanskrit-pages", "handwriting-letters", "distorted-photos", "wildreceipt-toy")
BENT_SETS = ("distorted-photos", "funsd", "sroie", "scribe-docs", "fondue-books", "ehri-typewritten", "icdar2015")
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
    rows: list[tuple[bool, bool, bool, float]] = []
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


def _always(found: Detections) -> Callable[[Image], Detections]:
    return lambda _: found


def measure_look(arguments: argparse.Namespace) -> None:
    """Print, by set, how many pages are tested when shown upright and upside down, and the processor time of the look."""
    options = options_for(use_textline_orientation=True, cpu_threads=arguments.threads)
    with Ocr(options) as ocr:
        classify = ocr._orient_line
        assert classify is not None
        seconds: list[float] = []
        for name in (*PAGE_SETS, *MORE_PAGE_SETS):
            pages, tested = 0, [0, 0]
            folder = arguments.data / name / "dev"
            for row in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()[: arguments.pages]:
                labels = json.loads(row)
                polygons = [line["points"] for line in labels["lines"] if line.get("points")]
                if not polygons:
                    continue
                image = next(read(folder / labels["image"])).image
                pages += 1
                for i, angle in enumerate((0, 180)):
                    size = np.array(image.shape[1::-1], np.float32)
                    corners = [np.asarray(polygon, np.float32) for polygon in polygons]
                    quads = np.array([min_area_quad(size - at if angle else at)[0] for at in corners], np.float32)
                    found = Detections(quads, np.ones(len(quads), np.float32))
                    test = ReadingTest(_always(found), lambda crops: [])
                    shown, start = turn(image, angle), time.process_time()
                    tested[i] += test.looks_turned(shown, classify)
                    seconds.append(time.process_time() - start)
            print(f"{name:22s} pages {pages}, tested upright {tested[0]}, upside down {tested[1]}", flush=True)
    print(f"{1000 * float(np.median(seconds)):.1f} ms of processor time a page")


def measure_unwarp(arguments: argparse.Namespace) -> None:
    """Print set by set what the unwarping net does: words and boxes (in the file's pixels) as read, and their cost."""
    model = {"doc_unwarping_model_dir": arguments.model} if arguments.model else {}
    print("| set | pages | flattened | F1 as it is | always flattened | gated | Hmean as it is | gated | s as it is | gated |")
    print("|---" * 10 + "|")
    with Ocr(use_doc_unwarping=True, cpu_threads=arguments.threads, **model) as ocr:
        always_flat = apply(ocr.options, doc_unwarping_thresh=0.0)
        folders = [arguments.data / name / "dev" for name in arguments.sets] + arguments.more
        for folder in folders:
            plain, always, gated = PageScore(), PageScore(), PageScore()
            flattened, seconds = 0, [0.0, 0.0]
            for row in (folder / "labels.jsonl").read_text(encoding="utf-8").splitlines()[: arguments.pages]:
                labels = json.loads(row)
                image = next(read(folder / labels["image"])).image
                pages = []
                for i, unwarp in enumerate((False, True)):
                    start = time.process_time()
                    pages.append(ocr(image, use_doc_unwarping=unwarp))
                    seconds[i] += time.process_time() - start
                is_flat = pages[1].transform is not None and pages[1].transform.grid is not None
                flattened += is_flat
                plain, gated = plain + score_places(labels["lines"], pages[0]), gated + score_places(labels["lines"], pages[1])
                flat = pages[1] if is_flat else ocr(ocr._rectify(image, always_flat)[0], use_doc_unwarping=False)
                always += score_words(labels["lines"], flat)
            f1 = " | ".join(f"{score.tokens.f1:.3f}" for score in (plain, always, gated))
            hmean = " | ".join(f"{score.detection.f1:.3f}" if score.detection.truth else "-" for score in (plain, gated))
            cost = " | ".join(f"{value / plain.pages:.2f}" for value in seconds)
            name = folder.parent.name if folder.name == "dev" else folder.name
            print(f"| {name} | {plain.pages} | {flattened} | {f1} | {hmean} | {cost} |", flush=True)


def turning(arguments: argparse.Namespace) -> Ocr:
    """A pipeline that turns pages by the rule asked for; `look` is what it does when nothing is asked for."""
    if arguments.rule == "look":
        return Ocr(cpu_threads=arguments.threads)
    rule = {"doc_orientation_rule": arguments.rule, "cpu_threads": arguments.threads}
    return Ocr(use_doc_orientation_classify=True, **rule, **classifier(arguments))


def classifier(arguments: argparse.Namespace) -> dict[str, Any]:
    """The page classifier asked for, as an option."""
    return {"doc_orientation_classify_model_name": arguments.model} if arguments.model else {}


def reading_test(ocr: Ocr) -> ReadingTest:
    """The test by reading that the pipeline makes."""
    return ReadingTest(
        lambda image: ocr._detect_one(image, ocr.options.detect),
        lambda crops: ocr._recognize(crops, ocr.options.recognize),
    )


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


def score_places(labels: list[dict[str, Any]], page: Page) -> PageScore:
    """Words read, and boxes where the labels have them, both in the file's pixels."""
    return score_page(labels, [line.quad for line in page.lines], [line.text for line in page.lines])


MEASURES = {
    "lines": measure_lines,
    "pages": measure_pages,
    "turns": measure_turns,
    "look": measure_look,
    "upright": measure_upright,
    "unwarp": measure_unwarp,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=tuple(MEASURES))
    parser.add_argument("data", type=Path)
    parser.add_argument("--pages", type=int, default=3, help="pages of each set")
    parser.add_argument("--sets", nargs="*", default=BENT_SETS, help="unwarp: sets of DATA")
    parser.add_argument("--lines", type=int, default=30, help="images of each set of lines")
    parser.add_argument("--count", type=int, default=1000, help="pages of the orientation set")
    parser.add_argument("--read", action="store_true", help="pages: also read them, as shown and turned")
    parser.add_argument("--model", default="", help="the classifier or unwarping net  [default: that of the pipeline]")
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="unwarp: more folders with a labels.jsonl")
    parser.add_argument("--rule", default="gated", choices=("gated", "lines", "net", "look"), help="pages, upright: who tells")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save", help="also keep the single scores, as .npz")
    arguments = parser.parse_args()
    MEASURES[arguments.what](arguments)


if __name__ == "__main__":
    main()
