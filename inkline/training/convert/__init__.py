"""Published weights in other formats -> checkpoints of our nets."""

from inkline.training.convert.net_checkpoint import Description, load_checkpoint, save_checkpoint
from inkline.training.convert.published_weights import convert

__all__ = ["Description", "convert", "load_checkpoint", "save_checkpoint"]
