"""Measure the router and what it is for: `python -m benchmarks.scripts WHAT ...`.

lines DATA...: which script the router names, as a matrix and per set. DATA are folders or files of labels.jsonl, of lines
(drawn by `inkline synth lines`, say) or of pages, whose lines are cut out. Lines lower than 15 px and lines without a letter
are not counted. alone: each line for itself; page: the lines of a page together.
drawn SCRIPT...: lines of these scripts (`inkline synth scripts`) each on a page of its own, through `Ocr()` alone: the model
that read most lines, characters wrong, lines that nobody read.
languages FILE...: the same for word lists named after their languages (fr.txt), two pages of 12 clean and two of 12 worn lines,
with words that were read wrong. --json writes the figures.
mixed GUEST SCRIPT...: pages of nine lines of a script with one of another (`mixed vietnamese cyrillic english`), likewise.
texts DATA...: the texts of pages through `Ocr()`, as JSON lines, to be compared between versions.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from inkline import Ocr
from inkline.io.read import read
from inkline.layout.geometry import crop_quad, is_upright_column
from inkline.metrics import edits
from inkline.options import EngineOptions
from inkline.recognition.opened import ROUTER
from inkline.recognition.router import LETTERED, ScriptNet, evidence, posterior
from inkline.registry import resolve
from inkline.runtime import open_engine
from inkline.scripts import NO_LETTERS, script_of
from inkline.training.synth.draw_line import draw_line
from inkline.training.synth.scripts import SCRIPTS
from inkline.training.synth.synth_options import LineOptions
from inkline.training.synth.word_lists import keeps, read_words
from inkline.types import Image, Line

MIN_HEIGHT_PX = 15
LINES_PER_SCRIPT = 12
MARGIN_PX = 40
MIXED_PAGES = 12


def label_file(source: Path) -> Path:
    """The labels.jsonl that a file, its folder, or the folder of a development set means."""
    found = (source, source / "labels.jsonl", source / "dev/labels.jsonl")
    return next(path for path in found if path.is_file())


def labelled_pages(file: Path, limit: int) -> Iterator[list[tuple[Image, str]]]:
    """The (crop, text) of each page; a line image is a page of one line."""
    for row in file.read_text(encoding="utf-8").splitlines()[:limit]:
        entry = json.loads(row)
        image = next(read(file.parent / entry["image"])).image
        if "text" in entry:
            yield [(image, entry["text"])]
            continue
        lines = [line for line in entry["lines"] if line["points"] and len(line["points"]) == 4 and not line.get("ignore")]
        cut = [(crop_quad(image, np.asarray(line["points"], np.float32)), line["text"]) for line in lines]
        yield [(crop, text) for crop, text in cut if crop is not None and not is_upright_column(crop)]


def measure_lines(arguments: argparse.Namespace) -> None:
    """Print the share of scripts named rightly per set, alone and with the page, and the matrix of what was taken for what."""
    net = ScriptNet(open_engine(resolve("" if arguments.model else ROUTER, arguments.model, "script").path, EngineOptions()))
    allowed = [True] * len(LETTERED)
    taken: dict[str, Counter[str]] = defaultdict(Counter)
    print(f"{'set':<32}{'lines':>7}{'alone %':>9}{'page %':>8}")
    for source in map(Path, arguments.data):
        alone = page = count = 0
        for lines in labelled_pages(label_file(source), arguments.limit):
            counted = [(crop, script_of(text)) for crop, text in lines if crop.shape[0] >= MIN_HEIGHT_PX]
            counted = [(crop, script) for crop, script in counted if script != NO_LETTERS]
            if not counted:
                continue
            logs, letters = evidence(net([crop for crop, _ in counted]))
            together = posterior(logs, letters, allowed).argmax(axis=1)
            for (_, script), own, with_page in zip(counted, logs.argmax(axis=1), together, strict=True):
                alone, page, count = alone + (LETTERED[own] == script), page + (LETTERED[with_page] == script), count + 1
                taken[script][LETTERED[own]] += 1
        if count:
            print(f"{'/'.join(source.parts[-2:])[-31:]:<32}{count:>7}{100 * alone / count:>9.2f}{100 * page / count:>8.2f}")
    print("\nscript, right of all, and what the others were taken for (alone)")
    for script, seen in taken.items():
        wrong = ", ".join(f"{other} {n}" for other, n in seen.most_common() if other != script)
        print(f"{script}  {seen[script]} of {seen.total()}  {wrong}")


def drawn_page(options: LineOptions, count: int) -> tuple[Image, list[str]]:
    """A white page with drawn lines below one another, and their texts."""
    lines = [draw_line(options, i) for i in range(count)]
    width = max(image.shape[1] for image, _ in lines) + 2 * MARGIN_PX
    height = sum(image.shape[0] + MARGIN_PX for image, _ in lines) + MARGIN_PX
    page, y = np.full((height, width, 3), 255, np.uint8), MARGIN_PX
    for image, _ in lines:
        h, w = image.shape[:2]
        page[y : y + h, MARGIN_PX : MARGIN_PX + w] = image
        y += h + MARGIN_PX
    return page, [text for _, text in lines]


def measure_drawn(arguments: argparse.Namespace) -> None:
    """Print per script the model that read most lines, and the characters wrong, of clean and of worn lines."""
    words, fonts = tuple(arguments.words), tuple(arguments.fonts)
    with Ocr(cpu_threads=arguments.threads) as ocr:
        for script in arguments.scripts:
            cells = []
            for wear in (0.0, 1.0):
                lines, texts = read_drawn_page(ocr, line_options(script, words, fonts, 7, wear))
                models = Counter(line.model for line in lines).most_common(1)
                unread = sum(not line.text for line in lines)
                cells.append(f"{100 * share_wrong([(lines, texts)]):7.2f} %{unread:>4} unread")
            print(f"{script:<12}{models[0][0] if models else '-':<34}{'  '.join(cells)}", flush=True)


def line_options(script: str, words: tuple[str, ...], fonts: tuple[str, ...], seed: int, wear: float) -> LineOptions:
    """Lines of one script as pages of print have them, without invented words and without words of others."""
    options = LineOptions(script, words, fonts=fonts, seed=seed, min_chars=12, max_chars=30, height=(32, 48), scene=0)
    return replace(options, degrade=wear, tokens=0.1, rare=0.0, latin=0.0)


def read_drawn_page(ocr: Ocr, options: LineOptions) -> tuple[tuple[Line, ...], list[str]]:
    """The lines read on a drawn page, and what was drawn."""
    image, texts = drawn_page(options, LINES_PER_SCRIPT)
    return ocr(image).lines, texts


def share_wrong(pages: list[tuple[tuple[Line, ...], list[str]]]) -> float:
    """Characters wrong of those drawn, spaces apart."""
    pairs = [("".join("".join(texts).split()), "".join("".join(line.text for line in lines).split())) for lines, texts in pages]
    return sum(edits(*pair) for pair in pairs) / sum(len(truth) for truth, _ in pairs)


def measure_languages(arguments: argparse.Namespace) -> None:
    """Print per word list the model that read most lines, the characters wrong, and words read wrongly."""
    figures = {}
    with Ocr(cpu_threads=arguments.threads) as ocr:
        for file in map(Path, arguments.files):
            words = read_words(file)
            script = max(SCRIPTS, key=lambda name: sum(keeps(word, SCRIPTS[name], frozenset()) for word in words[:300]))
            shares, models, wrong = [], Counter[str](), list[str]()
            for wear in (0.0, 1.0):
                options = [line_options(script, (str(file),), tuple(arguments.fonts), seed, wear) for seed in (7, 8)]
                pages = [read_drawn_page(ocr, one) for one in options]
                shares.append(100 * share_wrong(pages))
                for lines, texts in pages:
                    models.update(line.model for line in lines)
                    seen = {word for line in lines for word in line.text.split()}
                    wrong += [word for text in texts for word in text.split() if word not in seen]
            figures[file.stem] = {"script": script, "clean": round(shares[0], 2), "worn": round(shares[1], 2)}
            shown = " ".join(wrong[:8])
            ((model, _),) = models.most_common(1)
            print(f"{file.stem:<12}{script:<12}{model:<34}{shares[0]:6.2f}{shares[1]:7.2f}  {shown}", flush=True)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure_mixed(arguments: argparse.Namespace) -> None:
    """Print per script the characters and the lines wrong, of its lines and of the one line of the guest on each page."""
    words, fonts = tuple(arguments.words), tuple(arguments.fonts)
    guest, *hosts = arguments.scripts
    with Ocr(cpu_threads=arguments.threads) as ocr:
        for host in hosts:
            pairs: dict[bool, list[tuple[str, str]]] = {True: [], False: []}
            for number in range(MIXED_PAGES):
                options = LineOptions(
                    host, words, fonts=fonts, seed=number, min_chars=12, max_chars=30, height=(32, 48), scene=0
                )
                options = replace(options, degrade=number % 2, tokens=0.1, rare=0.0, latin=0.0)
                lines = [draw_line(options, i) for i in range(9)]
                lines.insert(number % 10, draw_line(replace(options, script=guest), 9))
                crops = [image for image, _ in lines]
                texts = ocr._read(crops, [len(crops)], ocr.options.recognize, ocr._pool.map)
                for i, ((_, truth), text) in enumerate(zip(lines, texts, strict=True)):
                    pairs[i == number % 10].append(("".join(truth.split()), "".join(text.text.split())))
            cells = []
            for name, which in ((host, False), (guest, True)):
                wrong, chars = (sum(edits(*p) for p in pairs[which]), sum(len(p[0]) for p in pairs[which]))
                lost = sum(truth != read for truth, read in pairs[which])
                cells.append(f"{name:<12}{100 * wrong / chars:6.2f} %{lost:>4} of {len(pairs[which])} lines")
            print("   ".join(cells), flush=True)


def write_texts(arguments: argparse.Namespace) -> None:
    """Print a JSON line per page: its image, and text and model of each line."""
    with Ocr(cpu_threads=arguments.threads) as ocr:
        for source in map(Path, arguments.data):
            file = label_file(source)
            for row in file.read_text(encoding="utf-8").splitlines()[: arguments.limit]:
                image = file.parent / json.loads(row)["image"]
                lines = [(line.text, line.model) for line in ocr(image).lines]
                print(json.dumps({"image": str(image), "lines": lines}, ensure_ascii=False), flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, run in (
        ("lines", measure_lines),
        ("drawn", measure_drawn),
        ("languages", measure_languages),
        ("mixed", measure_mixed),
        ("texts", write_texts),
    ):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        command.add_argument("--threads", type=int, default=EngineOptions().cpu_threads)
        if name == "languages":
            command.add_argument("files", nargs="+")
            command.add_argument("--fonts", nargs="*", default=[])
            command.add_argument("--json", help="a file for the figures")
            continue
        if name in ("drawn", "mixed"):
            command.add_argument("scripts", nargs="+")
            command.add_argument("--words", nargs="*", default=[])
            command.add_argument("--fonts", nargs="*", default=[])
            continue
        command.add_argument("data", nargs="+")
        command.add_argument("--limit", type=int, default=None, help="rows of each set")
        if name == "lines":
            command.add_argument("--model", default="", help="another file of the router's net")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    arguments.run(arguments)


if __name__ == "__main__":
    main()
