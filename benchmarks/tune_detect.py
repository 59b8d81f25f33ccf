"""Search the detection settings of a model: one line a setting, token F1 and detection Hmean of each set and their means.

usage: python -m benchmarks.tune_detect DATASET... [--grid NAME=V,V,... ...] [--set NAME=VALUE ...] [--limit N]

Without --grid: the thresholds and sizes around the defaults, one changed at a time. With it: every combination. Answers
of the nets are remembered, so settings that only change the post-processing cost little. Example, for another pair:
    python -m benchmarks.tune_detect data/*/dev --set text_detection_model_name=PP-OCRv4_mobile_det \\
        --set text_recognition_model_name=PP-OCRv4_mobile_rec --grid text_det_box_thresh=0.4,0.5,0.6
"""

import argparse
import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.errors import overrides
from inkline.cli.evaluate_commands import labels
from inkline.metrics import PageScore, page
from inkline.pipeline import Ocr

AROUND = {
    "text_det_limit_side_len": ("960", "1600"),
    "text_det_thresh": ("0.2", "0.4"),
    "text_det_box_thresh": ("0.4", "0.5", "0.7"),
    "text_det_unclip_ratio": ("1.3", "1.4", "1.6", "1.8"),
    "text_det_use_dilation": ("True",),
    "text_det_score_mode": ("slow",),
    "text_rec_score_thresh": ("0.0", "0.5", "0.6", "0.7", "0.8"),
}


class Memory:
    """An engine that remembers its answers: float16 maps of a detector, the six best classes of a recogniser's steps."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.metadata, self.streams = engine, engine.metadata, engine.streams
        self.known: dict[bytes, Any] = {}

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        key = hashlib.sha1(str(x.shape).encode() + x.tobytes()).digest()
        if key not in self.known:
            out = self.engine(x)[0]
            self.known[key] = self.pack(out)
        return [self.unpack(*self.known[key])]

    def pack(self, out: np.ndarray) -> tuple[Any, ...]:
        if out.ndim == 4:
            return (out.astype(np.float16),)
        best = np.argpartition(-out, 6, axis=2)[:, :, :6]
        ends = np.broadcast_to([0, out.shape[2] - 1], (*out.shape[:2], 2))
        classes = np.concatenate([best, ends], axis=2)
        return out.shape, classes, np.take_along_axis(out, classes, axis=2)

    def unpack(self, *packed: Any) -> np.ndarray:
        if len(packed) == 1:
            return np.asarray(packed[0], np.float32)
        out = np.zeros(packed[0], np.float32)
        np.put_along_axis(out, packed[1], packed[2], axis=2)
        return out


def settings(grid: list[str]) -> Iterator[dict[str, Any]]:
    if not grid:
        yield {}
        yield from (overrides([f"{name}={value}"]) for name, values in AROUND.items() for value in values)
        return
    axes = [[f"{text.partition('=')[0]}={value}" for value in text.partition("=")[2].split(",")] for text in grid]
    yield from (overrides(list(point)) for point in itertools.product(*axes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--grid", action="append", default=[], metavar="NAME=V,V")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--limit", type=int, help="only the first pages of each set")
    args = parser.parse_args()
    ocr = Ocr(**overrides(args.set))
    models: list[Any] = [ocr._detect_one, *ocr.recognizers]
    for model in models:
        model._engine = Memory(model._engine)
    for setting in settings(args.grid):
        scores = {}
        for name in args.datasets:
            total = PageScore()
            for row in list(labels(name))[: args.limit]:
                read = ocr(row["image"], **setting)
                total += page(row["lines"], [line.quad for line in read.lines], [line.text for line in read.lines])
            scores[name] = (total.tokens.f1, total.detection.f1)
        shown = " ".join(f"{f1:.4f}/{hmean:.3f}" for f1, hmean in scores.values())
        means = np.mean(list(scores.values()), axis=0)
        what = " ".join(f"{k.removeprefix('text_')}={v}" for k, v in setting.items()) or "as it is"
        print(f"{what:<40} {shown}  mean {means[0]:.4f}/{means[1]:.3f}", flush=True)


if __name__ == "__main__":
    main()
