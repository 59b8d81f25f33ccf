"""The table, from the record alone."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.common import table
from benchmarks.peers.registry import PEERS
from inkline.metrics import Counts

Units = list[dict[str, Any]]
COSTS = ("seconds", "cpu_seconds", "peak_bytes")
F1 = {"tokens": "token F1", "characters": "character F1", "detection": "detection Hmean"}
HEAD = (
    "pages", "system", *F1.values(), "seconds a page: median (quartiles)", "CPU seconds a page", "peak memory, MB",
    "import, s", "install, MB",
)  # fmt: skip
RUNTIMES = (
    "inkline", "faster-paddle", "rapidocr_ng", "rapidocrlite",
    "paddleocr", "paddlex", "paddlepaddle", "rapidocr", "onnxtr", "turboocr-engine-cpu", "turboocr-engine-openvino",
    "tesseract",
    "onnxruntime", "openvino", "numpy", "opencv-python-headless", "opencv-contrib-python", "opencv-python",
)  # fmt: skip


def report(record: Mapping[str, Any], command: str) -> str:
    """Markdown: conditions, the table at a glance, the whole table, who could not run, versions."""
    sets = list(dict.fromkeys(unit["set"] for unit in record["pages"]))
    by_set = {name: [unit for unit in record["pages"] if unit["set"] == name] for name in sets}
    ran = [p for p in PEERS if answered(record["pages"], p)]
    rows = [row for name in sets for row in set_rows(name, by_set[name], ran, record["peers"])]
    parts = [
        "# Inkline and its peers",
        f"`{command}`. {conditions(record['conditions'])} How it is measured: `docs/benchmarks.md`.",
        "Figures after × are ratios to Inkline on ONNX Runtime: of times, the median of the ratios of single pages.",
        "## At a glance",
        "Token F1 and seconds a page (× Inkline).",
        glance(by_set, ran, record["peers"]),
        "## All figures",
        table(HEAD, rows),
    ]
    missing = [(PEERS[p].label, why) for p in record["peers"] if (why := reason(record, p))]
    if missing:
        parts += ["## Could not run, or not to the end", table(("system", "reason"), missing)]
    parts += [
        "## Versions",
        table(("system", "packages"), [(PEERS[p].label, packages(record["peers"][p])) for p in ran]),
    ]
    return "\n\n".join(parts) + "\n"


def reason(record: Mapping[str, Any], peer: str) -> str:
    """Why a peer left the run, or answered no page with text; empty for one that ran."""
    errors = [m["error"] for u in record["pages"] if "error" in (m := u["measures"].get(peer, {}))]
    without = errors[0] if errors and not answered(record["pages"], peer) else ""
    return str(record["peers"][peer].get("reason", without))


def glance(by_set: Mapping[str, Units], ran: Sequence[str], peers: Mapping[str, Any]) -> str:
    """A row a system: token F1 and time on every set, then what the installation costs."""
    rows = []
    for peer in ran:
        cells = []
        for units in by_set.values():
            own, text = answered(units, peer), counts(units, peer, "tokens").f1
            ratio = times(paired(units, peer, "seconds"))
            cells.append(f"{text:.3f}, {typical(own, 'seconds'):.2f} s{ratio}" if own else "")
        peak = max(megabytes(m["peak_bytes"]) for units in by_set.values() for m in answered(units, peer))
        rows.append((PEERS[peer].label, *cells, f"{peak:.0f}", *installed(peer, peers)))
    heads = [f"{name} ({len({u['image'] for u in units})} pages)" for name, units in by_set.items()]
    return table(("system", *heads, "peak memory, MB", "import, s", "install, MB"), rows)


def set_rows(name: str, units: Units, ran: Sequence[str], peers: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    """The rows of one set, a peer each."""
    for peer in ran:
        same = [unit for unit in units if peer in unit["measures"]]
        own, base = answered(same, peer), answered(same, PEERS[peer].base)
        if not own:
            continue
        failed = len(same) - len(own)
        low, mid, high = quartiles([m["seconds"] for m in own])
        peak = max(m["peak_bytes"] for m in own)
        yield (
            f"{name} ({len({u['image'] for u in same})})" + (f", {failed} failed" if failed else ""),
            PEERS[peer].label,
            *(score(same, peer, key) for key in F1),
            f"{mid:.2f} ({low:.2f} to {high:.2f}){times(paired(same, peer, 'seconds'))}",
            f"{typical(own, 'cpu_seconds'):.2f}{times(paired(same, peer, 'cpu_seconds'))}",
            f"{megabytes(peak):.0f}{times(over(peak, max((m['peak_bytes'] for m in base), default=0)))}",
            *installed(peer, peers),
        )


def answered(units: Units, peer: str) -> Units:
    """The pages that the peer read; scores count those on which it failed, too."""
    own = (unit["measures"].get(peer, {}) for unit in units)
    return [m for m in own if "seconds" in m]


def counts(units: Units, peer: str, key: str) -> Counts:
    """Counts of all pages together."""
    return sum((Counts(*unit["measures"][peer][key]) for unit in units if peer in unit["measures"]), Counts())


def score(units: Units, peer: str, key: str) -> str:
    """F1 and its ratio; empty where nothing is labelled: pages without boxes have no Hmean."""
    own, base = counts(units, peer, key), counts(units, PEERS[peer].base, key)
    return f"{own.f1:.3f}{times(over(own.f1, base.f1))}" if own.truth else ""


def typical(found: Units, key: str) -> float:
    return statistics.median(m[key] for m in found)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, mid, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, mid, high


def paired(units: Units, peer: str, key: str) -> float | None:
    """Median over pages of the peer's cost divided by Inkline's on the same page in the same round."""
    base = PEERS[peer].base
    both = [(u["measures"][peer], u["measures"][base]) for u in units if {peer, base} <= u["measures"].keys()]
    ratios = [a[key] / b[key] for a, b in both if key in a and b.get(key)]
    return statistics.median(ratios) if ratios else None


def over(value: float, base: float) -> float | None:
    return value / base if base else None


def times(ratio: float | None) -> str:
    return "" if ratio is None else f" ×{ratio:.2f}"


def megabytes(size: float) -> float:
    return size / 1e6


def installed(peer: str, peers: Mapping[str, Any]) -> tuple[str, str]:
    """Import seconds and install size with their ratios; empty where there is nothing to import or measure."""
    known, base = peers.get(peer, {}), peers.get(PEERS[peer].base, {})
    cells = []
    for key, digits, unit in (("import_seconds", 2, 1.0), ("install_bytes", 0, 1e6)):
        value = known.get(key)
        ratio = times(over(value, base.get(key) or 0)) if value is not None else ""
        cells.append("" if value is None else f"{value / unit:.{digits}f}{ratio}")
    return cells[0], cells[1]


def packages(known: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {known['versions'][name]}" for name in RUNTIMES if name in known.get("versions", {}))


def conditions(known: Mapping[str, Any]) -> str:
    return (
        f"{known['processor']}, {known['threads']} threads of {known['processors']}, Python {known['python']}, "
        f"seed {known['seed']}, {known['rounds']} round(s), commit {known['commit']}."
    )
