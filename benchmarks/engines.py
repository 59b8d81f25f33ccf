"""Which engine is faster here: every installed one on the same tensors, in turn.

python -m benchmarks.engines --rounds 7
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np

from benchmarks.common import conditions, spread, table
from inkline.engine import ENGINES, open_engine
from inkline.options import EngineOptions
from inkline.zoo import resolve

WORK = {
    "PP-OCRv6_small_det": [(1, 3, 1280, 896), (1, 3, 960, 704)],
    "PP-OCRv6_small_rec": [(1, 3, 48, w) for w in (96, 160, 256, 320, 480, 640)] * 4,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    options = {name: EngineOptions(engine=name) for name, (_, dist, _) in ENGINES.items() if find_spec(dist)}
    print(conditions() + "\n")
    rows = []
    rng = np.random.default_rng(0)
    for model, shapes in WORK.items():
        inputs = [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes]
        path = resolve(model).path
        opened = {name: open_engine(path, o, o.cpu_threads) for name, o in options.items()}
        seconds: dict[str, list[float]] = {name: [] for name in opened}
        with ThreadPoolExecutor(next(iter(options.values())).cpu_threads) as pool:
            for i in range(rounds + 1):
                for name, engine in opened.items():
                    start = time.perf_counter()
                    list(pool.map(engine, inputs))
                    if i:  # the first round warms up
                        seconds[name].append(time.perf_counter() - start)
        base = statistics.median(seconds["onnxruntime"])
        rows += [(model, n, spread(v), f"{statistics.median(v) / base:.2f}") for n, v in seconds.items()]
    print(table(["net", "engine", "seconds a round: median (min to max)", "to onnxruntime"], rows))


if __name__ == "__main__":
    main()
