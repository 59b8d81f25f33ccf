"""The section of docs/models.md about nets: what each net costs, and whether it equals the reference.

    python -m benchmarks.nets                               # all nets, about ten minutes on one core
    python -m benchmarks.nets --only PP-OCRv6_tiny_det      # to the terminal

Parameters and file size are those of the inference form; GFLOPs count two for a multiply-add, at the standard input.
CPU time is the processor time of ONNX Runtime on one thread, as a multiple of what PP-OCRv6_small_det (detectors) or
PP-OCRv6_small_rec (all others) takes at its standard input in alternation with it: a figure of a busy machine still compares.
"""

import argparse
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import onnx
import onnxruntime
import torch
from torch.utils.flop_counter import FlopCounterMode

import inkline
from benchmarks.common import ROOT, write_section
from inkline.options import EngineOptions
from inkline.runtime import open_engine
from inkline.training.export import describe, export, random_input
from inkline.training.nets.ocr_net import Net
from inkline.training.nets.table import NETS, build

sys.path.append(str(ROOT / "tests"))
from nets_golden import deviations, filled_net, golden, outputs_of

ROUNDS = 7
YARDSTICKS = {"text_detection": "PP-OCRv6_small_det"}
YARDSTICK = "PP-OCRv6_small_rec"

Run = Callable[[], object]


class Row(NamedTuple):
    """One line of the table. time, low, high: median and range of the ratio to the yardstick's time."""

    name: str
    shape: tuple[int, int, int]
    parameters: int
    size: int
    flops: int
    time: float
    low: float
    high: float
    worst: float | None


def count_flops(net: torch.nn.Module, shape: tuple[int, int, int]) -> int:
    """Floating-point operations of one input (3, H, W): convolutions and matrix products, two for a multiply-add."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "TF32 acceleration on top of oneDNN", UserWarning)
        # without oneDNN a recurrent layer is made of products, which the counter sees
        with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False), FlopCounterMode(display=False) as counter:
            net(random_input((1, *shape)))
    return counter.get_total_flops()


def runner(path: Path, shape: tuple[int, int, int]) -> Run:
    """A call of the exported file at `shape`, warmed up."""
    engine = open_engine(path, EngineOptions(engine="onnxruntime", cpu_threads=1))
    x = random_input((1, *shape)).numpy()
    engine(x)
    return lambda: engine(x)


def seconds(run: Run) -> float:
    """Processor time of one call, which other work on the machine does not add to."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare_time(run: Run, yardstick: Run, rounds: int) -> list[float]:
    """Ratios of the two runs' times, taken in turn."""
    return sorted(seconds(run) / seconds(yardstick) for _ in range(rounds))


def measure(name: str, folder: Path, rounds: int) -> Row:
    """Build, check, export and time one net."""
    net = ready_net(name)
    worst = None
    if not is_ours(name):
        description, arrays = golden(name)
        worst = max(deviations(description, arrays, outputs_of(net, description, arrays)).values())
    path = exported(name, folder)
    interface = NETS[name].interface
    standard = YARDSTICKS.get(interface.task, YARDSTICK)
    ratios = compare_time(
        runner(path, interface.shape), runner(exported(standard, folder), NETS[standard].interface.shape), rounds
    )
    weights = onnx.load(path).graph.initializer
    parameters = sum(torch.Size(tensor.dims).numel() for tensor in weights if tensor.data_type == onnx.TensorProto.FLOAT)
    flops = count_flops(net.fuse(), interface.shape)
    size = path.stat().st_size
    return Row(name, interface.shape, parameters, size, flops, statistics.median(ratios), ratios[0], ratios[-1], worst)


def is_ours(name: str) -> bool:
    """Whether there is no reference to equal."""
    return NETS[name].interface.task == "script"


def ready_net(name: str) -> Net:
    """The net in eval mode, with the parameters of its golden where it has one."""
    return build(name).eval() if is_ours(name) else filled_net(name, build(name))


def exported(name: str, folder: Path) -> Path:
    """The net as an ONNX file in `folder`; made once."""
    path = folder / f"{name}.onnx"
    if not path.is_file():
        export(ready_net(name), path, describe(name))
    return path


def verdict(worst: float | None) -> str:
    """The cell of the golden."""
    if worst is None:
        return "ours: none"
    return f"equal ({worst:.2f})" if worst <= 1 else f"DIFFERS ({worst:.1f})"


def line(row: Row) -> str:
    cells = (
        row.name,
        "x".join(map(str, row.shape)),
        f"{row.parameters / 1e6:.2f}",
        f"{row.size / 1e6:.1f}",
        f"{row.flops / 1e9:.2f}",
        f"{row.time:.2f} ({row.low:.2f} to {row.high:.2f})",
        verdict(row.worst),
    )
    return f"| {' | '.join(cells)} |"


HEAD = """## Nets

Made by `python -m benchmarks.nets`. Every net that Inkline builds, trains, exports and runs. Parameters and file size are
those of the exported inference form (re-parameterised branches and batch norm folded, training-only branches left out).
GFLOPs count two operations for a multiply-add at the input given. CPU time is the processor time of ONNX Runtime on one
thread, relative to {det} for detectors and to {rec} for all others, each at the input given: median and range of {rounds}
runs in alternation. Golden: all stored outputs of the reference net are met; in brackets the worst deviation as a part of
the tolerance (1e-4 of standard deviation plus magnitude; see `tests/training`). Those of STAR-Net and RARE are met with the
float32 roundings of the spline that the goldens were made with; the nets themselves compute it in float64
(`tests/training/test_spline.py`).

Inkline {version}, torch {torch}, ONNX Runtime {ort}, {machine}.

| net | input | parameters, M | file, MB | GFLOPs | CPU time | golden |
|---|---|---:|---:|---:|---:|---|
"""


def head(rounds: int) -> str:
    return HEAD.format(
        det=YARDSTICKS["text_detection"],
        rec=YARDSTICK,
        rounds=rounds,
        version=inkline.__version__,
        torch=torch.__version__.partition("+")[0],
        ort=onnxruntime.__version__,
        machine=f"{platform.system()} {platform.machine()}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NETS, metavar="NET", help="print these, write nothing")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.only or NETS:
            lines.append(line(measure(name, Path(folder), arguments.rounds)))
            print(lines[-1], file=sys.stderr, flush=True)
            if name not in (*YARDSTICKS.values(), YARDSTICK):
                (Path(folder) / f"{name}.onnx").unlink()
    text = head(arguments.rounds) + "\n".join(lines) + "\n"
    if arguments.only:
        print(text)
    else:
        write_section(ROOT / "docs/models.md", text)


if __name__ == "__main__":
    main()
