"""Published weights in other formats -> checkpoints of our nets."""

from .checkpoint import Description, load_checkpoint, save_checkpoint
from .weights import convert

__all__ = ["Description", "convert", "load_checkpoint", "save_checkpoint"]
