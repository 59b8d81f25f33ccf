"""Label files: the reference's det, rec and cls lists and LMDB, and our labels.jsonl, with all that is wrong reported."""

import json
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from inkline.errors import DataError

LABEL_TASKS = ("det", "rec", "cls")
GENERATED = ("lines", "pages")  # kinds of text that is drawn, not loaded
LMDB_SIGN = "lmdb:"
SHOWN_PROBLEMS = 2  # in an error; the report has all


@dataclass(frozen=True, eq=False)
class Region:
    """A text region: `points` float32 (P, 2), P >= 3, clockwise from the top left, in pixels; `ignore`: do not care."""

    points: np.ndarray
    text: str = ""
    ignore: bool = False


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled image.

    paths    files that show the same text, of which one is drawn (usually one); `lmdb:<folder>#<number>` inside an LMDB
    where    `label file:line`, for messages
    doc      the document the image comes from: splits never part a document
    text     recognition; regions: detection; label: classification ("0", "180", ...)
    """

    paths: tuple[str, ...]
    where: str
    doc: str
    text: str = ""
    regions: tuple[Region, ...] = ()
    label: str = ""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a sample: the kind (a key of `LoadReport.counts`), where it is and what it is."""

    kind: str
    where: str
    detail: str


@dataclass(frozen=True)
class LoadReport:
    """What loading a set found: how many samples are usable, how many were skipped, and every problem."""

    task: str
    usable: int
    skipped: int
    problems: tuple[Problem, ...] = ()
    missing_characters: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """How often each kind of problem was met, most frequent first."""
        return dict(Counter(problem.kind for problem in self.problems).most_common())

    def lines(self, limit: int = 5) -> list[str]:
        """The report as text: a summary, then each kind with its first `limit` cases."""
        out = [f"{self.usable} usable samples, {self.skipped} skipped"]
        for kind, count in self.counts.items():
            cases = [p for p in self.problems if p.kind == kind]
            out.append(f"{kind}: {count}")
            out += [f"    {p.where}: {p.detail}" for p in cases[:limit]]
            if count > limit:
                out.append(f"    ... and {count - limit} more")
        if self.missing_characters:
            rare = " ".join(f"{c!r}x{n}" for c, n in self.missing_characters.most_common(40))
            out.append(f"characters outside the charset: {rare}")
        return out


def read_image(path: str) -> np.ndarray:
    """The image of a file or `lmdb:<folder>#<number>`: BGR uint8 (H, W, 3), EXIF turns not applied. Raises DataError."""
    if path.startswith(LMDB_SIGN):
        data = _from_lmdb(path)
    else:
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise DataError(f"{path}: not an image that can be decoded; remove it from the labels or replace it")
    return np.asarray(image)


def _from_lmdb(path: str) -> bytes:
    folder, _, number = path[len(LMDB_SIGN) :].rpartition("#")
    with open_lmdb(folder).begin() as transaction:
        data = transaction.get(f"image-{int(number):09d}".encode())
    if data is None:
        raise DataError(f"{path}: the LMDB holds no such image")
    return bytes(data)


@lru_cache(maxsize=16)
def open_lmdb(folder: str):  # type: ignore[no-untyped-def]
    """The LMDB environment in `folder`, read-only, opened once per process."""
    try:
        import lmdb
    except ImportError:
        raise DataError(f"{folder}: reading LMDB needs the package lmdb; pip install 'inkline[train]'") from None
    try:
        return lmdb.open(folder, readonly=True, lock=False, readahead=False, meminit=False, max_readers=64)
    except lmdb.Error as error:
        raise DataError(f"{folder}: not an LMDB ({error})") from None


def polygon_problem(points: np.ndarray) -> str:
    """Say what is wrong with a polygon (P, 2), or return an empty string: too few points, not finite, or hardly any area."""
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < 3:
        return f"{len(points)} points where a polygon has at least 3"
    if not np.isfinite(points).all():
        return "a coordinate is not a finite number"
    area = abs(float(cv2.contourArea(points.astype(np.float32))))
    return f"an area of {area:.1f} px" if area < 1 else ""


IGNORED_TEXTS = ("###", "*")
CROP = re.compile(r"(_crop)?_\d+$")


@dataclass(frozen=True)
class LoadOptions:
    """How a set is read.

    root             folder the image paths start from; empty = the label file's own
    charset          characters a recognition label may hold; empty = any. Without a space in it, spaces leave the
                     labels
    max_text_length  longer recognition labels are skipped; 0 = any length
    labels           the labels a classification set may hold
    decode           decode every image (slow) instead of only looking whether the file is there
    strict           the first problem is an error
    lower            recognition labels become lower case
    """

    root: str = ""
    charset: tuple[str, ...] = ()
    max_text_length: int = 0
    labels: tuple[str, ...] = ("0", "180")
    decode: bool = False
    strict: bool = False
    lower: bool = False


class _Reader:
    """Collects problems while one set is read."""

    def __init__(self, task: str, options: LoadOptions) -> None:
        self.task, self.options = task, options
        self.problems: list[Problem] = []
        self.missing: Counter[str] = Counter()
        self.allowed = frozenset(options.charset)
        self.outside = self.seen = 0

    def report(self, kind: str, where: str, detail: str) -> None:
        """Note a problem; strict reading stops here."""
        if self.options.strict:
            raise DataError(f"{where}: {kind}: {detail}")
        self.problems.append(Problem(kind, where, detail))


def load_labels(task: str, source: str, options: LoadOptions | None = None) -> tuple[list[Sample], LoadReport]:
    """Return the usable samples of a set and the report on the rest.

    `source` is a label file (`path<TAB>label` lines or `.jsonl`), an LMDB folder, or a folder with a labels.jsonl in
    it. Raises DataError for a source that is missing or of another kind, when a charset is given that lacks characters
    of half the labels or more, when nothing usable is left, and with `strict` at the first problem.
    """
    samples, report = read_labels(task, source, options)
    if not samples:
        kinds = ", ".join(f"{count} {kind}" for kind, count in report.counts.items()) or "it is empty"
        cases = "".join(f"; {problem.where}: {problem.detail}" for problem in report.problems[:SHOWN_PROBLEMS])
        raise DataError(f"{source}: no usable {task} sample ({kinds}{cases}); `inkline data check` lists all")
    return samples, report


def read_labels(task: str, source: str, options: LoadOptions | None = None) -> tuple[list[Sample], LoadReport]:
    """As `load_labels`, also where nothing usable is left."""
    if task not in LABEL_TASKS:
        raise DataError(f"no task {task!r} to load data for; there are {', '.join(LABEL_TASKS)}")
    options = options if options is not None else LoadOptions()
    reader = _Reader(task, options)
    checked = [_checked(reader, found) if found is not None else None for found in _rows(reader, _label_file(source))]
    samples = [sample for sample in checked if sample is not None]
    report = LoadReport(task, len(samples), len(checked) - len(samples), tuple(reader.problems), reader.missing)
    _check_charset_fits(source, reader)
    return samples, report


def _check_charset_fits(source: str, reader: _Reader) -> None:
    """DataError when the charset lacks characters of half the labels or more."""
    if reader.outside and reader.outside * 2 >= reader.seen:
        shown = "".join(c for c, _ in reader.missing.most_common(20))
        raise DataError(
            f"{source}: the charset lacks characters of {reader.outside} of {reader.seen} labels (such as {shown}); "
            "give the right charset"
        )


def kind_of_set(spec: str, task: str = "") -> tuple[str, str]:
    """What an entry of `data.train` and the like names: (`lines` or `pages`, SCRIPT:COUNT), or (task, label file).

    task: of label files that do not say theirs, as `rec:FILE` does.
    """
    kind, _, rest = spec.partition(":")
    return (kind, rest) if kind in GENERATED or (kind in LABEL_TASKS and rest) else (task, spec)


def require_sources(specs: Iterable[str]) -> None:
    """DataError for the first entry of `data.train` and the like whose label file, LMDB or folder is not there."""
    for spec in specs:
        kind, file = kind_of_set(spec)
        if kind not in GENERATED and spec != "auto":
            _label_file(file)


def _label_file(source: str) -> Path:
    """The file or LMDB folder that `source` means."""
    path = Path(source)
    if not path.exists():
        raise DataError(f"{source}: no such label file or folder")
    if path.is_dir() and not (path / "data.mdb").is_file():
        if not (path / "labels.jsonl").is_file():
            raise DataError(f"{source}: a folder without labels.jsonl or data.mdb; give the label file itself")
        return path / "labels.jsonl"
    return path


def _rows(reader: _Reader, file: Path) -> Iterator[Sample | None]:
    """Yield every row of a set, None for a row that cannot be understood."""
    if file.is_dir():
        yield from _lmdb_rows(reader, file)
        return
    root = reader.options.root or str(file.parent)
    if not os.path.isdir(root):
        raise DataError(f"{root}: no such image folder")
    understand = _json_row if file.suffix == ".jsonl" else _tab_row
    try:
        with open(file, encoding="utf-8-sig") as stream:
            for number, line in enumerate(stream, 1):
                line = line.rstrip("\r\n")
                if not line.strip():
                    continue
                where = f"{file}:{number}"
                try:
                    yield understand(reader, where, root, line)
                except (ValueError, KeyError, TypeError, IndexError) as error:
                    reader.report("label not understood", where, f"{error or type(error).__name__} in {line[:80]!r}")
                    yield None
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: not UTF-8 ({error.reason} at byte {error.start}); convert the label file") from None


def _tab_row(reader: _Reader, where: str, root: str, line: str) -> Sample:
    """One `path<TAB>label` line of the reference; `path` may be a JSON list of paths that show the same text."""
    path, tab, label = line.partition("\t")
    if not tab:
        raise ValueError("no tab between path and label")
    names = [_slashes(name, root) for name in (json.loads(path) if path.startswith("[") else [path])]
    paths = tuple(os.path.join(root, name) for name in names)
    doc = CROP.sub("", os.path.splitext(names[0])[0]) if "_crop_" in names[0] else os.path.splitext(names[0])[0]
    if reader.task == "det":
        regions = [_region(item["points"], item["transcription"], None) for item in _json_label(label)]
        return Sample(paths, where, doc, regions=tuple(regions))
    if reader.task == "rec":
        return Sample(paths, where, doc, text=label)
    return Sample(paths, where, doc, label=label.strip())


def _slashes(name: str, root: str) -> str:
    """The path of an image in a label file; one with backslashes, as Windows writes it, also where the system has slashes."""
    return name if "\\" not in name or os.path.isfile(os.path.join(root, name)) else name.replace("\\", "/")


def _json_label(label: str) -> Any:
    """The JSON of a page's label; ValueError that says what is wrong with it."""
    try:
        return json.loads(label)
    except ValueError as error:
        quotes = "; JSON has double quotes, not single ones" if label.startswith(("[{'", "{'")) else ""
        raise ValueError(f"not JSON ({error}){quotes}") from None


def _json_row(reader: _Reader, where: str, root: str, line: str) -> Sample | None:
    """One object of labels.jsonl; None for a page whose places of text are not known."""
    row = json.loads(line)
    image = _slashes(row["image"], root)
    paths = (os.path.join(root, image),)
    doc = str(row.get("doc", image))
    if reader.task == "rec":
        if "text" not in row:
            raise ValueError("no 'text': this is a set of pages, not of lines")
        return Sample(paths, where, doc, text=row["text"])
    if reader.task == "cls":
        return Sample(paths, where, doc, label=str(row["label"]))
    if any(item["points"] is None for item in row["lines"]):
        reader.report("no points", where, "the page's texts are known, their places are not")
        return None
    regions = [_region(item["points"], item.get("text", ""), bool(item.get("ignore", False))) for item in row["lines"]]
    return Sample(paths, where, doc, regions=tuple(regions))


def _region(points: Any, text: str, ignore: bool | None) -> Region:
    """A region; without a word on it, the reference's `###` and `*` mean: ignore."""
    array = np.asarray(points, np.float32)
    if array.ndim == 1 and array.size % 2 == 0:
        array = array.reshape(-1, 2)
    return Region(array, unicodedata.normalize("NFC", text), text in IGNORED_TEXTS if ignore is None else ignore)


def _lmdb_rows(reader: _Reader, folder: Path) -> Iterator[Sample | None]:
    """The entries of an LMDB as the text recognition sets use it: num-samples, image-%09d, label-%09d, counted from 1."""
    if reader.task != "rec":
        raise DataError(f"{folder}: an LMDB holds recognition sets only; give a label file for the task {reader.task}")
    with open_lmdb(str(folder)).begin() as transaction:
        stored = transaction.get(b"num-samples")
        if stored is None:
            raise DataError(f"{folder}: an LMDB without num-samples; it is no text recognition set")
        for number in range(1, int(stored) + 1):
            where = f"{folder}#{number}"
            label = transaction.get(f"label-{number:09d}".encode())
            if label is None or transaction.get(f"image-{number:09d}".encode()) is None:
                reader.report("missing file", where, "no such entry in the LMDB")
                yield None
                continue
            text = bytes(label).decode("utf-8", "replace")
            yield Sample((f"{LMDB_SIGN}{folder}#{number}",), where, where, text=text)


def _checked(reader: _Reader, sample: Sample) -> Sample | None:
    """The sample without what cannot be used of it, or None."""
    present = tuple(path for path in sample.paths if _usable_image(reader, sample.where, path))
    if not present:
        return None
    check = {"det": _checked_regions, "rec": _checked_text, "cls": _checked_label}[reader.task]
    return check(reader, replace(sample, paths=present))


def _usable_image(reader: _Reader, where: str, path: str) -> bool:
    if path.startswith(LMDB_SIGN) and not reader.options.decode:
        return True
    if not path.startswith(LMDB_SIGN) and not os.path.isfile(path):
        reader.report("missing file", where, path)
        return False
    if reader.options.decode:
        try:
            read_image(path)
        except DataError as error:
            reader.report("unreadable image", where, str(error))
            return False
    return True


def _checked_regions(reader: _Reader, sample: Sample) -> Sample | None:
    regions = []
    for i, region in enumerate(sample.regions):
        wrong = polygon_problem(region.points)
        if wrong:
            reader.report("degenerate polygon", sample.where, f"region {i} ({region.text!r}) has {wrong}")
        else:
            regions.append(region)
    return replace(sample, regions=tuple(regions))


def _checked_text(reader: _Reader, sample: Sample) -> Sample | None:
    text = unicodedata.normalize("NFC", sample.text)
    text = text.lower() if reader.options.lower else text
    if reader.allowed and " " not in reader.allowed:
        text = text.replace(" ", "")
    reader.seen += 1
    if not text.strip() or text in IGNORED_TEXTS[:1]:
        reader.report("empty text", sample.where, repr(sample.text))
        return None
    if reader.allowed and not reader.allowed.issuperset(text):
        lacking = [c for c in text if c not in reader.allowed]
        reader.missing.update(lacking)
        reader.outside += 1
        reader.report("character outside the charset", sample.where, f"{''.join(dict.fromkeys(lacking))!r} in {text!r}")
        return None
    if reader.options.max_text_length and len(text) > reader.options.max_text_length:
        reader.report("text too long", sample.where, f"{len(text)} characters, {reader.options.max_text_length} fit")
        return None
    return replace(sample, text=text)


def _checked_label(reader: _Reader, sample: Sample) -> Sample | None:
    if sample.label not in reader.options.labels:
        reader.report("unknown label", sample.where, f"{sample.label!r} is none of {', '.join(reader.options.labels)}")
        return None
    return sample
