"""Published weights in other formats -> checkpoints of our nets."""

from inkline.training.convert.checkpoint import Description, load_checkpoint, save_checkpoint
from inkline.training.convert.weights import convert

__all__ = ["Description", "convert", "load_checkpoint", "save_checkpoint"]
