"""Which engine is faster here: every installed one on the same tensors, in turn.

    python -m benchmarks.engines --rounds 7

The ratio is told in seconds on the clock and in processor time, which other work on the machine hardly adds to.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from statistics import median

import numpy as np

from benchmarks.common import conditions, spread, table
from inkline.flat import apply
from inkline.options import EngineOptions
from inkline.registry import resolve
from inkline.runtime import ENGINES, open_engine

WORK = {
    "PP-OCRv6_small_det": [(1, 3, 1280, 896), (1, 3, 960, 704)],
    "PP-OCRv6_small_rec": [(1, 3, 48, w) for w in (96, 160, 256, 320, 480, 640)] * 4,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    options = {name: apply(EngineOptions(), engine=name) for name, (_, dist, _) in ENGINES.items() if find_spec(dist)}
    print(conditions() + "\n")
    rows = []
    rng = np.random.default_rng(0)
    for model, shapes in WORK.items():
        inputs = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
        path = resolve(model).path
        opened = {name: open_engine(path, o, o.cpu_threads) for name, o in options.items()}
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in opened}
        with ThreadPoolExecutor(next(iter(options.values())).cpu_threads) as pool:
            for i in range(rounds + 1):
                for name, engine in opened.items():
                    start, used = time.perf_counter(), time.process_time()
                    list(pool.map(engine, inputs))
                    if i:  # the first round warms up
                        runs[name].append((time.perf_counter() - start, time.process_time() - used))
        clock, processor = ({n: [run[k] for run in v] for n, v in runs.items()} for k in (0, 1))
        rows += [
            (
                model,
                n,
                spread(clock[n]),
                *(f"{median(v[n]) / median(v['onnxruntime']):.2f}" for v in (clock, processor)),
            )
            for n in runs
        ]
    print(table(["net", "engine", "seconds a round: median (min to max)", "to onnxruntime", "in processor time"], rows))


if __name__ == "__main__":
    main()
