"""Train in a process of its own: `python run_training.py CONFIG [--resume] [--kill-at STEP]`."""

import argparse
import os
import signal
from pathlib import Path

from inkline.training.config import load_config
from inkline.training.loop import run_training
from inkline.training.training_log import TrainingLog


def kill_at(step: int) -> None:
    """SIGKILL to the whole process group as soon as the log tells of a step; not from outside, where one may be late."""
    write = TrainingLog._write

    def write_and_end(self, kind, at, record):  # type: ignore[no-untyped-def]
        write(self, kind, at, record)
        if at >= step:
            os.killpg(0, signal.SIGKILL)

    TrainingLog._write = write_and_end  # type: ignore[method-assign]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--kill-at", type=int)
    arguments = parser.parse_args()
    if arguments.kill_at:
        kill_at(arguments.kill_at)
    result = run_training(load_config(arguments.config), resume=arguments.resume)
    print(result.steps, result.reason)
