"""Inkline and its peers on the same pages, interleaved; every figure into OUT.json, the table into OUT.

    python -m benchmarks.peers ../shared/data --pages 10

Builds each peer in a virtual environment of its own from the configured package index, once; gives all PP-OCR peers the
weights that Inkline reads with; feeds every page to all of them in turn, in an order that changes. What could not be
built or run is listed with its reason. A run that was ended, or that `--minutes` ends, goes on with the same command;
pages that were read with other sources of Inkline are read again, by all. To time only some, name them and another
file: --peers inkline,rapidocr-openvino --out /tmp/some.md
"""

import argparse
import math
import platform
import time
from itertools import islice
from pathlib import Path
from typing import Any

import platformdirs

from benchmarks.common import ROOT, commit
from benchmarks.peers.conduct import Settings, Team, run
from benchmarks.peers.environments import CannotRun, build, import_seconds
from benchmarks.peers.record import Record
from benchmarks.peers.registry import DEFAULT, MOBILE, PEERS, WORKERS
from benchmarks.peers.report import report
from benchmarks.peers.weights import prepare
from benchmarks.peers.worker import Worker
from inkline.cli.evaluate_commands import labels
from inkline.options import processor_count

SETS = "sroie,funsd,scribe-docs,icdar2015"
OUT = ROOT / "benchmarks/results/peers.md"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of page sets, SET/dev/labels.jsonl each")
    parser.add_argument("--sets", default=SETS, help="page sets below DATA (default: %(default)s)")
    parser.add_argument("--pages", type=int, default=10, help="the first N pages of each set (default: %(default)s)")
    parser.add_argument("--peers", default=",".join(DEFAULT),
                        help=f"of {', '.join(PEERS)} (default: those not of {MOBILE} weights)")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=1, help="how often each page is read (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the peers (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="processors each peer gets (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further page after so long")
    parser.add_argument("--envs", type=Path, default=Path(platformdirs.user_cache_dir("inkline-peers")),
                        help="where virtual environments and weights are kept (default: %(default)s)")  # fmt: skip
    parser.add_argument("--out", type=Path, default=OUT, help="the table; the figures lie beside it (default: %(default)s)")
    parser.add_argument("--build", action="store_true", help="only build the environments")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    given = parser.parse_args()
    unknown = [name for name in given.peers.split(",") if name not in PEERS]
    if unknown:
        parser.error(f"--peers: {', '.join(unknown)} must be of {', '.join(PEERS)}")
    return given


def main() -> None:
    given = parse()
    envs, names = given.envs.resolve(), given.peers.split(",")
    given.out.parent.mkdir(parents=True, exist_ok=True)
    raw = given.out.with_suffix(".json")
    if given.fresh:
        raw.unlink(missing_ok=True)
    record = Record(raw)
    known = built(names, envs, record)
    if given.build:
        return
    imported(known, record)
    pages = {name: list(islice(labels(str(given.data / name / "dev")), given.pages)) for name in given.sets.split(",")}
    settings = Settings(given.threads, given.rounds, given.seed)
    record.data["conditions"] = conditions(settings)
    weights = {pair: prepare(pair, envs / "weights") for pair in {PEERS[name].weights for name in known}}

    def start(name: str) -> Worker:
        peer = PEERS[name]
        options = {**peer.options, "threads": settings.threads, "weights": weights[peer.weights]}
        command = [known[name]["python"], str(WORKERS / peer.worker)]
        worker = Worker(command, options, settings.open_limit, envs / "logs" / f"{name}.log")
        record.peer(name)["open_seconds"] = worker.open_seconds
        return worker

    builds = {name: k["build"] for name, k in known.items()}
    for name in [name for name in builds if record.peer(name).get("reason")]:  # failed before: sets need not wait for it
        try:
            start(name).close()
            del record.peer(name)["reason"]
        except CannotRun as error:
            record.fail(name, str(error))
            del builds[name]
    record.forget(builds)
    left = run(Team(start, builds, record, settings), pages, time.monotonic() + 60 * given.minutes)
    command = f"python -m benchmarks.peers DATA --sets {given.sets} --pages {given.pages} --rounds {given.rounds}"
    if names != list(DEFAULT):
        command += f" --peers {given.peers}"
    given.out.write_text(report(record.data, command), "utf-8")
    print(f"{given.out}" + (f"; {left} pages are left: run the same command again" if left else ""))


def built(names: list[str], envs: Path, record: Record) -> dict[str, dict[str, Any]]:
    """What is known of the peers that could be built; the reasons of the others go into the record."""
    known = {}
    for name in names:
        try:
            known[name] = build(name, PEERS[name], envs, print)
        except CannotRun as error:
            record.fail(name, str(error))
    return known


def imported(known: dict[str, dict[str, Any]], record: Record) -> None:
    """Bring the record up to date with the builds; import times are taken once a build."""
    for name, installed in known.items():
        entry = record.peer(name)
        try:
            if entry.get("build") != installed["build"]:
                entry.pop("reason", None)
                if PEERS[name].imports:
                    entry["import_seconds"] = import_seconds(installed["python"], PEERS[name].imports)
        except CannotRun as error:
            record.fail(name, str(error))
        entry.update({key: installed[key] for key in ("build", "versions", "install_bytes")})
        record.write()


def conditions(settings: Settings) -> dict[str, Any]:
    """What a reader has to know of the machine and the run."""
    info = Path("/proc/cpuinfo")
    model = (
        [row.split(":")[1].strip() for row in info.read_text().splitlines() if row.startswith("model name")]
        if info.exists()
        else []
    )
    return {
        "processor": model[0] if model else platform.processor(),
        "processors": processor_count(),
        "threads": settings.threads,
        "rounds": settings.rounds,
        "seed": settings.seed,
        "python": platform.python_version(),
        "commit": commit(),
    }


if __name__ == "__main__":
    main()
