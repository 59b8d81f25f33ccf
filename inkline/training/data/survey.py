"""A labelled set before training: check, split by document, figures, samples after augmentation, lines cut out of pages."""

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from inkline.errors import DataError, OutputError
from inkline.files import atomic_write, made_folder
from inkline.layout.geometry import crop_quad, is_upright_column, turn
from inkline.training.data.augment_crops import ClsAugment, RecAugment, augment_line, augment_turned
from inkline.training.data.augment_pages import AnnotatedPage, DetAugment, augment_page
from inkline.training.data.labels import LMDB_SIGN, LoadOptions, LoadReport, Sample, load_labels, read_image, read_labels
from inkline.training.data.sample_sources import Labelled
from inkline.training.synth.contact_sheet import contact_sheet, outline
from inkline.training.synth.generate import new_folder

HELD_SHARE = 0.2  # of the documents of a set that has none to evaluate on


def check_set(task: str, source: str, options: LoadOptions) -> LoadReport:
    """Read a whole set, decoding every image, and return what was found. DataError for one that is missing or empty."""
    _, report = read_labels(task, source, replace(options, decode=True))
    if not report.usable and not report.problems:
        raise DataError(f"{source}: no usable {task} sample (it is empty)")
    return report


def part_of_document(doc: str, shares: dict[str, float], seed: int) -> str:
    """The part a document falls into: a hash of (seed, doc) against the running sum of the shares."""
    total = sum(shares.values())
    at = int.from_bytes(hashlib.sha256(f"{seed}:{doc}".encode()).digest()[:8], "big") / 2**64 * total
    for name, share in shares.items():
        if at < share:
            return name
        at -= share
    return list(shares)[-1]


def split_set(
    task: str, source: str, shares: dict[str, float], seed: int = 0, options: LoadOptions | None = None
) -> dict[str, Path]:
    """Write `<stem>.<part><suffix>` beside a label file for each part, lines as they are; return the files.

    Whole documents fall into one part, and adding samples later moves none of the old ones. Lines that loading skips
    are left out. Raises DataError for shares that are no shares, when a part stays empty, and as `load_labels` does.
    """
    if len(shares) < 2 or any(share <= 0 for share in shares.values()):
        raise DataError(f"a split needs at least two parts with shares above 0, not {shares}")
    samples, _ = load_labels(task, source, options)
    parts = {sample.doc: part_of_document(sample.doc, shares, seed) for sample in samples}
    empty = [name for name in shares if name not in parts.values()]
    if empty:
        raise DataError(
            f"{source}: no document of {len(parts)} falls into {', '.join(empty)}; use larger shares or another seed"
        )
    return _write_parts(source, samples, parts)


def hold_out(sets: Sequence[tuple[str, str]], folder: Path, options: LoadOptions | None = None) -> list[dict[str, Path]]:
    """Part the documents of all sets together: a fifth of them to evaluate on, the others to learn from.

    sets: (task, label file). Writes `<stem>.learn<suffix>` and `<stem>.held<suffix>` into `folder`, with the images' whole
    paths, and returns the files of each set; a set whose documents all fall into one part has only that. DataError for a
    single document in all, for an LMDB, and as `load_labels` does.
    """
    loaded = [load_labels(task, source, options)[0] for task, source in sets]
    sources = [(_label_file_of(samples, source), samples) for (_, source), samples in zip(sets, loaded, strict=True)]
    documents = {_document(file, sample, options) for file, samples in sources for sample in samples}
    if len(documents) < 2:
        names = ", ".join(source for _, source in sets)
        raise DataError(f"{names}: one document cannot be learned from and evaluated on; give --eval FILE")
    # The same ones whatever the order of the files, and only few others when documents are added.
    ordered = sorted(documents, key=lambda document: (hashlib.sha256(document[1].encode()).digest(), document[0]))
    held = set(ordered[: max(round(HELD_SHARE * len(documents)), 1)])

    # A file for each part of each set; those of the same name are told apart by their number.
    made_folder(folder)
    written, stems = [], Counter(file.stem for file, _ in sources)
    for number, (file, samples) in enumerate(sources, 1):
        parts = ["held" if _document(file, sample, options) in held else "learn" for sample in samples]
        stem = file.stem if stems[file.stem] == 1 else f"{file.stem}-{number}"
        written.append(_write_whole(folder / f"{stem}{file.suffix}", file, samples, parts))
    return written


def _write_whole(target: Path, file: Path, samples: Sequence[Sample], parts: Sequence[str]) -> dict[str, Path]:
    """Write `<target's stem>.<part><suffix>` with the images' whole paths. parts: of each sample of the label file."""
    rows = defaultdict(list)
    for sample, part, row in zip(samples, parts, _rows_of(file, samples), strict=True):
        rows[part].append(_with_whole_paths(row, sample, file))
    return _write_files(target, rows)


def _document(file: Path, sample: Sample, options: LoadOptions | None) -> tuple[str, str]:
    """What tells a document from those of other label files: the folder of its images, and its name there."""
    root = options.root if options is not None and options.root else str(file.parent)
    return os.path.abspath(root), sample.doc


def _with_whole_paths(row: str, sample: Sample, file: Path) -> str:
    """The row of a label file with its images' whole paths, so that it holds in another folder."""
    paths = [os.path.abspath(path) for path in sample.paths]
    if file.suffix == ".jsonl":
        return json.dumps({"doc": sample.doc, **json.loads(row), "image": paths[0]}, ensure_ascii=False)
    first = json.dumps(paths, ensure_ascii=False) if row.startswith("[") else paths[0]
    return f"{first}\t{row.partition(chr(9))[2]}"


def _write_parts(source: str, samples: Sequence[Sample], parts: dict[str, str]) -> dict[str, Path]:
    """Write `<stem>.<part><suffix>` beside a label file for each part, lines as they are. parts: of each document."""
    file, rows = _label_file_of(samples, source), defaultdict(list)
    for sample, row in zip(samples, _rows_of(file, samples), strict=True):
        rows[parts[sample.doc]].append(row)
    return _write_files(file, rows)


def _write_files(file: Path, rows: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """Write the rows of each part beside `file`, as `<stem>.<part><suffix>`."""
    written = {name: file.with_name(f"{file.stem}.{name}{file.suffix}") for name in rows}
    for name, target in written.items():
        _write_lines(target, rows[name])
    return written


def _label_file_of(samples: Sequence[Sample], source: str) -> Path:
    """The label file that samples were loaded from; DataError for an LMDB."""
    file = Path(samples[0].where.rpartition(":")[0])
    if not file.is_file():
        raise DataError(f"{source}: only label files can be split, no LMDB; give what to evaluate on as a set of its own")
    return file


def _rows_of(file: Path, samples: Sequence[Sample]) -> list[str]:
    """The rows of a label file that samples were loaded from."""
    lines = file.read_text(encoding="utf-8-sig").split("\n")
    return [lines[int(sample.where.rpartition(":")[2]) - 1].rstrip("\r") for sample in samples]


def _write_lines(target: Path, rows: Sequence[str]) -> None:
    try:
        atomic_write(target, "\n".join(rows) + "\n")
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None


@dataclass(frozen=True)
class SetStats:
    """Figures of a set. Sizes are (lowest, median, highest); `characters` and `labels` count occurrences."""

    task: str
    samples: int
    documents: int
    width: tuple[int, int, int]
    height: tuple[int, int, int]
    regions: tuple[int, int, int]
    ignored: int
    length: tuple[int, int, int]
    characters: Counter[str]
    labels: Counter[str]

    def lines(self) -> list[str]:
        """The figures as text."""
        out = [f"{self.samples} samples of {self.documents} documents"]
        out.append(
            "width {} / {} / {} px, height {} / {} / {} px (lowest / median / highest)".format(*self.width, *self.height)
        )
        if self.task == "det":
            out.append("regions on a page {} / {} / {}, ".format(*self.regions) + f"{self.ignored} ignored in all")
        if self.task == "cls":
            out += [f"label {label}: {count}" for label, count in sorted(self.labels.items())]
        if self.characters:
            out.append("characters in a text {} / {} / {}".format(*self.length))
            out.append(f"{len(self.characters)} different characters in {sum(self.characters.values())}")
            out.append("most frequent: " + " ".join(f"{c!r}x{n}" for c, n in self.characters.most_common(30)))
            rare = sorted(c for c, n in self.characters.items() if n == 1)
            out.append(f"{len(rare)} characters occur once: {''.join(rare[:100])}")
        return out


def set_stats(task: str, samples: Sequence[Sample]) -> SetStats:
    """The figures of loaded samples; images are not decoded, only their headers are read."""
    if not samples:
        raise DataError("no sample to describe")
    texts = list(_texts(task, samples))
    sizes = [size for size in map(_size, samples) if size is not None]
    widths, heights = zip(*sizes, strict=True) if sizes else ((), ())
    return SetStats(
        task,
        samples=len(samples),
        documents=len({sample.doc for sample in samples}),
        width=_spread(widths),
        height=_spread(heights),
        regions=_spread([len(sample.regions) for sample in samples]),
        ignored=sum(region.ignore for sample in samples for region in sample.regions),
        length=_spread([len(text) for text in texts]),
        characters=Counter("".join(texts)),
        labels=Counter(filter(None, (sample.label for sample in samples))),
    )


def _texts(task: str, samples: Sequence[Sample]) -> Iterator[str]:
    """The texts of a set that count: of lines, and of regions that are not to be ignored."""
    for sample in samples:
        texts = [sample.text] if task == "rec" else [r.text for r in sample.regions if not r.ignore]
        yield from filter(None, texts)


def _size(sample: Sample) -> tuple[int, int] | None:
    """Width and height from an image's header; None where it cannot be read."""
    path = sample.paths[0]
    if path.startswith(LMDB_SIGN):
        return None
    try:
        with Image.open(path) as image:
            return image.size
    except (OSError, UnidentifiedImageError):
        return None


def _spread(values: Sequence[int]) -> tuple[int, int, int]:
    return (min(values), int(np.median(values)), max(values)) if values else (0, 0, 0)


def augmented_sheet(
    samples: Sequence[Sample], recipe: DetAugment | RecAugment | ClsAugment, count: int = 24, seed: int = 0
) -> np.ndarray:
    """A contact sheet of `count` samples, evenly chosen, as augmentation by `recipe` leaves them: BGR uint8."""
    if not samples:
        raise DataError("no sample to show")
    source = Labelled(tuple(samples), seed)
    shown = []
    for i in range(count):
        index = i * len(samples) // count if count < len(samples) else i % len(samples)
        rng = np.random.default_rng((seed, i))
        image, label = source.load(i // max(1, len(samples)), index)
        if isinstance(recipe, DetAugment):
            other = source.load(0, int(rng.random() * len(samples)))[1]
            shown.append(_shown_page(rng, label, other, recipe))
        elif isinstance(recipe, RecAugment):
            shown.append((augment_line(rng, image, recipe), str(label)))
        else:
            shown.append((augment_turned(rng, image, recipe), str(label)))
    return contact_sheet(shown, 2) if isinstance(recipe, RecAugment) else contact_sheet(shown, 4, (400, 400))


def _shown_page(
    rng: np.random.Generator, page: AnnotatedPage, other: AnnotatedPage, recipe: DetAugment
) -> tuple[np.ndarray, str]:
    """A page after augmentation with its regions drawn in."""
    done = augment_page(rng, page, other, recipe)
    care = sum(not skip for skip in done.ignore)
    return outline(done.image, done.polygons), f"{care} regions, {len(done.ignore) - care} ignored"


def report_json(report: LoadReport) -> str:
    """The report as one JSON object, for programs."""
    body = {name: getattr(report, name) for name in ("task", "usable", "skipped", "counts")}
    body["problems"] = [asdict(problem) for problem in report.problems]
    return json.dumps(body, ensure_ascii=False)


def write_lines(pages: Sequence[Sample], folder: Path) -> tuple[int, int]:
    """Cut every line with a text out of the pages into `folder`: images/PAGE_NUMBER.png and rec.txt (`path<TAB>text`).

    Ignored regions, those without a text and empty ones are left out. Returns how many were written and how many left
    out. The label file is written last, so an interrupted run leaves no label without its image. OutputError when the
    folder is not empty or cannot be written, DataError when a page cannot be read.
    """
    rows: list[str] = []
    left_out = 0
    with new_folder(folder):
        (folder / "images").mkdir()
        for number, page in enumerate(pages):
            stem = Path(page.paths[0]).stem
            for place, (crop, text) in enumerate(lines_of(page)):
                if crop is None:
                    left_out += 1
                    continue
                name = f"images/{number:05d}-{stem}-{place:03d}.png"
                (folder / name).write_bytes(cv2.imencode(".png", crop)[1].tobytes())
                rows.append(f"{name}\t{text}\n")
        atomic_write(folder / "rec.txt", "".join(rows))
    return len(rows), left_out


def lines_of(page: Sample) -> Iterator[tuple[np.ndarray | None, str]]:
    """(crop BGR uint8, text) of every region of a page, None for one that is no line to read."""
    image = read_image(page.paths[0])
    for region in page.regions:
        text = " ".join(region.text.split())
        crop = None if region.ignore or not text else crop_quad(image, np.asarray(region.points, np.float32))
        if crop is not None and is_upright_column(crop):
            crop = turn(crop, 90)
        yield crop, text
