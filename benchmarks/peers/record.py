"""Every raw figure in one JSON file, kept after each page, so that a run resumes where it stopped."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inkline.metrics import page as score_page

Measure = dict[str, Any]


def scored(row: Mapping[str, Any], answer: Measure) -> Measure:
    """What an answer cost and its counts [right, there, found]; a page that failed counts as read empty."""
    result = score_page(row["lines"], answer.pop("polygons", []), answer.pop("texts", []))
    counts = {name: getattr(result, name) for name in ("tokens", "characters", "detection")}
    return answer | {name: [c.hit, c.truth, c.found] for name, c in counts.items()}


class Record:
    """The JSON file of every raw figure; written after each page, so that a run resumes where it stopped."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {"conditions": {}, "peers": {}, "pages": []}
        if path.is_file():
            self.data = json.loads(path.read_text("utf-8"))
        self._index()

    def _index(self) -> None:
        self._at = {(u["set"], u["image"], u["round"]): u for u in self.data["pages"]}

    def unit(self, name: str, row: Mapping[str, Any], i: int) -> Measure | None:
        return self._at.get((name, Path(row["image"]).name, i))

    def add(self, name: str, row: Mapping[str, Any], i: int, measures: Mapping[str, Measure]) -> None:
        unit = self.unit(name, row, i)
        if unit is None:
            unit = {"set": name, "image": Path(row["image"]).name, "round": i}
            self._at[(name, unit["image"], i)] = unit
            self.data["pages"].append(unit)
        unit["measures"] = dict(measures)
        self.write()

    def forget(self, builds: Mapping[str, str]) -> None:
        """Drop pages that a peer read when it was built from something else: a table is of one build of each."""
        self.data["pages"] = [
            unit
            for unit in self.data["pages"]
            if all(measure["build"] == builds.get(name, measure["build"]) for name, measure in unit["measures"].items())
        ]
        self._index()

    def peer(self, name: str) -> dict[str, Any]:
        return self.data["peers"].setdefault(name, {})

    def fail(self, name: str, reason: str) -> None:
        print(f"{name}: {reason}", flush=True)
        self.peer(name)["reason"] = reason
        self.write()

    def write(self) -> None:
        part = self.path.with_name(f"{self.path.name}.part")
        head = ",\n".join(f'"{key}": {json.dumps(self.data[key])}' for key in ("conditions", "peers"))
        pages = ",\n".join(map(json.dumps, self.data["pages"]))  # a page a line
        part.write_text(f'{{{head},\n"pages": [\n{pages}\n]}}\n', "utf-8")
        part.replace(self.path)


def done(unit: Measure | None, builds: Mapping[str, str]) -> bool:
    """Whether a page was read by all these peers, as they are built now, side by side."""
    return unit is not None and all(unit["measures"].get(name, {}).get("build") == b for name, b in builds.items())
