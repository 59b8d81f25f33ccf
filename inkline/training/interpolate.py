"""Weights between a start and what was trained from it, which keep most of both.

`python -m inkline.training.interpolate START.pt RUN/best.pt SHARE -o OUT.pt`. Drawn lines teach new letters, and at the same
time the net forgets what real paper looks like; between the two sets of weights lies a net that keeps most of both (Wortsman et
al., "Robust fine-tuning of zero-shot models", 2022). Letters that are drawn more often than they are printed are read too
often: `--new-bias -1` lowers the bias of all characters that the model of `--known` lacks, `--bias đĐ=-2` that of single ones.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from inkline.errors import UsageError
from inkline.training.convert.net_checkpoint import read_checkpoint
from inkline.training.head_init import CTC_BIAS
from inkline.training.run_state import write_checkpoint
from inkline.training.start_weights import load_start_weights


def interpolate(start: Mapping[str, Any], trained: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The checkpoint `trained` with each weight moved to start + share * (trained - start); both have one charset."""
    if list(start["charset"]) != list(trained["charset"]):
        raise UsageError("the two checkpoints have different charsets; give the checkpoint that the run started from")
    weights = dict(trained["model"])
    for name, weight in weights.items():
        if name in start["model"] and weight.is_floating_point():
            weights[name] = start["model"][name].lerp(weight, share)
    return {**trained, "model": weights}


def shift_biases(checkpoint: Mapping[str, Any], amounts: Mapping[str, float]) -> dict[str, Any]:
    """The checkpoint with the bias of each character in `amounts` changed by so much."""
    bias = checkpoint["model"][CTC_BIAS].clone()
    for i, c in enumerate(checkpoint["charset"], 1):
        bias[i] += amounts.get(c, 0.0)
    return {**checkpoint, "model": {**checkpoint["model"], CTC_BIAS: bias}}


def bias_amounts(charset: Sequence[str], new_bias: float, known: str, single: Sequence[str]) -> dict[str, float]:
    """By how much each character's bias changes; single: CHARACTERS=AMOUNT each. UsageError for what is no amount."""
    amounts: dict[str, float] = {}
    if new_bias:
        old = {*load_start_weights(known).charset, " "}
        amounts = {c: new_bias for c in charset if c not in old}
    for text in single:
        characters, _, amount = text.rpartition("=")
        try:
            amounts |= dict.fromkeys(characters, float(amount))
        except ValueError:
            raise UsageError(f"--bias {text!r}: must be CHARACTERS=AMOUNT, for instance đĐ=-2") from None
    return amounts


@click.command(help=__doc__.splitlines()[0])
@click.argument("start", type=click.Path(path_type=Path, exists=True))
@click.argument("trained", type=click.Path(path_type=Path, exists=True))
@click.argument("share", type=click.FloatRange(0, 1))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="where the checkpoint goes (.pt)")
@click.option("--new-bias", type=float, default=0.0, help="added to the bias of characters that --known lacks")
@click.option("--known", default="PP-OCRv6_small_rec", show_default=True, help="model whose characters keep their bias")
@click.option("--bias", multiple=True, metavar="CHARACTERS=AMOUNT", help="added to the bias of these characters")
def main(start: Path, trained: Path, share: float, output: Path, new_bias: float, known: str, bias: tuple[str, ...]) -> None:
    """Write the checkpoint."""
    content = interpolate(read_checkpoint(start), read_checkpoint(trained), share)
    write_checkpoint(output, shift_biases(content, bias_amounts(content["charset"], new_bias, known, bias)))


if __name__ == "__main__":
    main()
