"""Train in a process of its own: `python run_training.py CONFIG [--resume]`."""

import sys
from pathlib import Path

from inkline.train.config import load
from inkline.train.loop import train

if __name__ == "__main__":
    result = train(load(Path(sys.argv[1])), resume="--resume" in sys.argv)
    print(result.steps, result.reason)
