"""Text over time, a point for each system, as SVG: `python -m benchmarks.peers.plot RECORD.json docs/images/peers.svg`.

Across: processor seconds (or, with --of seconds, those of the clock) a page to those of Inkline's default on the same page, the
median over pages, on a logarithmic scale; up: token F1, the mean over the sets.
"""

import argparse
import json
import math
import statistics
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers.registry import BASE, PEERS
from benchmarks.peers.report import answered, counts

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, RIGHT = 900, 480, 60, 30, 50, 220
LABEL_PX = 15  # between the labels of two points, from line to line
OURS, THEIRS = "#b3261e", "#345"


class Point(NamedTuple):
    name: str
    ratio: float
    f1: float


def points(record: Mapping[str, Any], key: str) -> list[Point]:
    """Those of all systems that read pages which Inkline's default read, too."""
    out = []
    for name in PEERS:
        both = [u for u in record["pages"] if answered([u], name) and answered([u], BASE)]
        sets = {u["set"] for u in both}
        if both:
            ratio = statistics.median(u["measures"][name][key] / u["measures"][BASE][key] for u in both)
            text = [counts([u for u in both if u["set"] == of], name, "tokens").f1 for of in sorted(sets)]
            out.append(Point(name, ratio, statistics.mean(text)))
    return out


def drawn(found: list[Point], across: str) -> str:
    """The plot as SVG."""
    low, high = (math.log(limit(p.ratio for p in found)) for limit in (min, max))
    bottom, top = math.floor(min(p.f1 for p in found) * 20) / 20, min(math.ceil(max(p.f1 for p in found) * 20) / 20, 1)

    def x(ratio: float) -> float:
        return LEFT + 20 + (math.log(ratio) - low) / (high - low or 1) * (WIDTH - LEFT - RIGHT - 20)

    def y(f1: float) -> float:
        return TOP + (top - f1) / (top - bottom or 1) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="{HEIGHT - 12}">{escape(across)}</text><text x="8" y="18">token F1</text>',
    ]
    # Lines of the scales.
    for f1 in (bottom + i * 0.05 for i in range(round((top - bottom) / 0.05) + 1)):
        line = f'<path d="M{LEFT} {y(f1):.0f}H{WIDTH - RIGHT + 20}" stroke="#ddd"/>'
        parts.append(f'{line}<text x="20" y="{y(f1) + 4:.0f}">{f1:.2f}</text>')
    for ratio in (value for value in (0.1, 0.2, 0.5, 1, 2, 5, 10) if math.exp(low) <= value <= math.exp(high)):
        foot = HEIGHT - BOTTOM
        parts.append(
            f'<path d="M{x(ratio):.0f} {TOP}V{foot}" stroke="#ddd"/><text x="{x(ratio):.0f}" y="{foot + 16}">×{ratio:g}</text>'
        )
    # The points, their labels from the top without one over another.
    taken: list[tuple[float, float]] = []
    for p in sorted(found, key=lambda p: -p.f1):
        colour, label = OURS if p.name.startswith("inkline") else THEIRS, y(p.f1) + 4
        while any(abs(label - other) < LABEL_PX and abs(x(p.ratio) - at) < RIGHT for at, other in taken):
            label += 1
        taken.append((x(p.ratio), label))
        parts.append(f'<circle cx="{x(p.ratio):.1f}" cy="{y(p.f1):.1f}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{x(p.ratio) + 8:.0f}" y="{label:.0f}" fill="{colour}">{escape(PEERS[p.name].label)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("record", type=Path, help="the figures that `python -m benchmarks.peers` wrote beside its table")
    parser.add_argument("out", type=Path)
    parser.add_argument("--of", choices=("seconds", "cpu_seconds"), default="cpu_seconds")
    given = parser.parse_args()
    what = "processor seconds" if given.of == "cpu_seconds" else "seconds"
    found = points(json.loads(given.record.read_text("utf-8")), given.of)
    given.out.write_text(drawn(found, f"{what} a page, to Inkline's default on the same page"), "utf-8")


if __name__ == "__main__":
    main()
