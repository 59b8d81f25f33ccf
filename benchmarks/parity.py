"""Inkline by the reference's rules and PaddleOCR 3.7 on the same pages with the same files: what of its answer is met.

    python -m benchmarks.parity ../shared/data
    python -m benchmarks.parity --store             # PaddleOCR's answers on drawn pages, for tests/test_parity.py

PaddleOCR runs in the environment of `benchmarks.peers`. Pages are the first of each set of at most two million pixels:
the rules shrink none, and one of 8 million takes 3 GB. A box is met by one of IoU 0.9 or more, a line by the same text in
such a box.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import platformdirs

from benchmarks.common import ROOT, conditions, table
from benchmarks.peers.environments import build
from benchmarks.peers.registry import PEERS, WORKERS
from benchmarks.peers.weights import prepare_model
from benchmarks.peers.worker import Worker
from inkline import Ocr
from inkline.cli.evaluate_commands import labels
from inkline.layout.geometry import iou
from inkline.types import Page

SETS = "ehri-typewritten,fondue-books,funsd,icdar2015,mtwi,multiscript-screens,scribe-docs,sroie,tesseract-pages"
DRAWN = ("tests/fixtures/receipt.png", "tests/fixtures/notices.png", "examples/sample.png")
STORED = ROOT / "tests/golden/parity"
# Detector, recogniser, and what both programs are told besides.
PAIRS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "PP-OCRv3": ("PP-OCRv3_mobile_det", "PP-OCRv3_mobile_rec", {}),
    "en_PP-OCRv3": ("en_PP-OCRv3_det", "en_PP-OCRv3_mobile_rec", {}),
    "japan_PP-OCRv3": ("PP-OCRv3_mobile_det", "japan_PP-OCRv3_mobile_rec", {}),
    "chinese_cht_PP-OCRv3": ("PP-OCRv3_mobile_det", "chinese_cht_PP-OCRv3_mobile_rec", {}),
    "Multilingual_PP-OCRv3": (
        "Multilingual_PP-OCRv3_det",
        "PP-OCRv3_mobile_rec",
        {"text_det_input_shape": [3, 960, 960]},  # the file takes nothing else
    ),
    "PP-OCRv4": ("PP-OCRv4_mobile_det", "PP-OCRv4_mobile_rec", {}),
    "en_PP-OCRv4": ("PP-OCRv4_mobile_det", "en_PP-OCRv4_mobile_rec", {}),
    "PP-OCRv5": ("PP-OCRv5_mobile_det", "PP-OCRv5_mobile_rec", {}),
    "PP-OCRv6_tiny": ("PP-OCRv6_tiny_det", "PP-OCRv6_tiny_rec", {}),
    "PP-OCRv6_small": ("PP-OCRv6_small_det", "PP-OCRv6_small_rec", {}),
}


def open_inkline(pair: str, threads: int = 1) -> Ocr:
    """Inkline as the reference reads, with a pair's files."""
    det, rec, options = PAIRS[pair]
    names: dict[str, Any] = {"text_detection_model_name": det, "text_recognition_model_name": rec}
    return Ocr(engine="onnxruntime", cpu_threads=threads, rules="reference", **names, **options)


def open_paddleocr(pair: str, envs: Path) -> Worker:
    """PaddleOCR with the same files; its environment is built when it is not there."""
    peer, (det, rec, options) = PEERS["paddleocr"], PAIRS[pair]
    python = build("paddleocr", peer, envs, print)["python"]
    weights = {task: prepare_model(name, envs / "weights") for task, name in (("det", det), ("rec", rec))}
    told = {"threads": 1, "weights": weights, "keywords": dict(options), **peer.options}
    return Worker([python, str(WORKERS / peer.worker)], told, 300, envs / "logs" / "parity.log")


def compare(page: Page, polygons: Iterable[Sequence[Sequence[float]]], texts: Iterable[str]) -> Counter[str]:
    """Lines of the reference's answer, boxes met, and of these the same texts; `found` are Inkline's lines."""
    total: Counter[str] = Counter(found=len(page.lines))
    for polygon, text in zip(polygons, texts, strict=True):
        near = max(page.lines, key=lambda line: iou(polygon, line.quad), default=None)
        met = near is not None and iou(polygon, near.quad) >= 0.9
        total += Counter(lines=1, boxes=met, texts=met and near is not None and near.text == text)
    return total


def small_pages(folder: Path, count: int, most: int = 2_000_000) -> Iterator[str]:
    """The first images of a set with at most so many pixels."""
    names = (row["image"] for row in labels(str(folder)))
    return islice((name for name in names if cv2.imread(name)[..., 0].size <= most), count)


def store(pairs: Sequence[str], envs: Path) -> None:
    """Write PaddleOCR's boxes and texts on the drawn pages into the test's folder, a file for each pair."""
    STORED.mkdir(parents=True, exist_ok=True)
    for pair in pairs:
        worker = open_paddleocr(pair, envs)
        answers = {}
        for name in DRAWN:
            answer = worker.ask({"image": str(ROOT / name)}, 600)
            answers[name] = [{"box": box, "text": text} for box, text in zip(answer["polygons"], answer["texts"], strict=True)]
        worker.close()
        (STORED / f"{pair}.json").write_text(json.dumps(answers, ensure_ascii=False, indent=None) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", metavar="DATA", help="folder of page sets, SET/dev/labels.jsonl each")
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--pages", type=int, default=3, help="of each set (default: %(default)s)")
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS), metavar="PAIR")
    parser.add_argument("--envs", type=Path, default=Path(platformdirs.user_cache_dir("inkline-peers")))
    parser.add_argument("--differences", action="store_true", help="print every page that differs")
    parser.add_argument("--store", action="store_true", help="write what tests compare with; reads no DATA")
    given = parser.parse_args()
    if given.store:
        return store(given.pairs, given.envs.resolve())
    if given.data is None:
        parser.error("give DATA, or --store")
    images = [name for part in given.sets.split(",") for name in small_pages(given.data / part / "dev", given.pages)]
    rows = []
    for pair in given.pairs:
        total: Counter[str] = Counter()
        worker = open_paddleocr(pair, given.envs.resolve())
        with open_inkline(pair) as reader:
            for image in images:
                answer = worker.ask({"image": str(Path(image).resolve())}, 600)
                page = reader(image)
                one = compare(page, answer["polygons"], answer["texts"])
                if given.differences and one["texts"] < one["lines"]:
                    both = set(answer["texts"]) ^ {line.text for line in page.lines}
                    print(Path(image).name, dict(one), *sorted(both), sep="\n    ", flush=True)
                total += one
        worker.close()
        shares = [f"{100 * total[key] / total['lines']:.1f} %" for key in ("boxes", "texts")]
        rows.append((pair, *PAIRS[pair][:2], total["lines"], total["found"], *shares))
        print(*rows[-1], sep=" | ", flush=True)
    print(f"\n{conditions()}; {len(images)} pages\n")
    print(table(("pair", "detector", "recogniser", "lines of PaddleOCR", "of Inkline", "boxes met", "lines met"), rows))


if __name__ == "__main__":
    main()
