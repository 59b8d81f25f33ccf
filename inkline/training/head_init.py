"""A start checkpoint for a new charset, its new characters initialised from related ones that the net knows.

`python -m inkline.training.head_init CHARSET -o start.pt [--start MODEL]`. `start_weights.head_surgery` gives every new
character the mean of the known rows. Here a letter with marks starts as the row of its letter plus the direction of each
mark, taken from pairs that the net knows (á minus a); a Hangul syllable as the mean plus one direction for each of its
parts, so that what is learned of ㄱ in one syllable serves all others from the first step, and an Ethiopic one likewise; a
Brahmic letter as the letter at the same place of a related script's block, where the net knows one
(`--start kannada_PP-OCRv6_small_rec` for Telugu); an Arabic letter as the one that its name puts before "with" (dal with ring).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from inkline.training.convert.net_checkpoint import Description, save_checkpoint
from inkline.training.nets.table import build
from inkline.training.start_weights import init_from, load_start_weights, read_charset

CTC_ROWS = "head.ctc_head.fc.weight"
CTC_BIAS = "head.ctc_head.fc.bias"
TINY_CTC = ("head.ctc_head.fc2.weight", "head.ctc_head.fc2.bias")  # PP-OCRv6_tiny_rec narrows before its last layer

BIAS_STEP = 1.0  # how far the bias of a letter with marks starts below that of the letter it comes from
UNSEEN_MARK_NORM = 0.35  # length of the direction of a mark that no known pair shows
HANGUL_SYLLABLES = range(0xAC00, 0xD7A4)
ETHIOPIC_SYLLABLES = range(0x1200, 0x1358)  # eight vowels to a consonant
BRAHMIC_BLOCKS = range(0x900, 0xD80, 0x80)

# Characters that start as another one of the same or a similar shape.
TWINS = {"‚": ",", "„": "“", "‹": "«", "›": "»", "¡": "!", "ẞ": "ß", "ʻ": "‘", "ʼ": "’", "ʾ": "’", "ʿ": "‘", "ʹ": "′", "ʺ": "″"}


def decompose(c: str) -> tuple[str, tuple[str, ...]]:
    """The letter that `c` stands on and its combining marks, as far as Unicode takes it apart."""
    letters = unicodedata.normalize("NFD", c)
    return letters[0], tuple(letters[1:])


def mark_directions(rows: Mapping[str, Tensor], noise: torch.Generator) -> dict[str, Tensor]:
    """Each combining mark as the mean difference that it makes to the rows of known letters; unknown marks at random."""
    found: dict[str, list[Tensor]] = {}
    for c, row in rows.items():
        base, marks = decompose(c)
        if len(marks) == 1 and c.isalpha() and base in rows and ord(c) < 0x180:
            found.setdefault(marks[0], []).append(row - rows[base])
    size = next(iter(rows.values())).shape[0]
    out = {mark: torch.stack(differences).mean(dim=0) for mark, differences in found.items()}
    for mark in map(chr, range(0x300, 0x370)):
        if mark not in out:
            random = torch.randn(size, generator=noise)
            out[mark] = random / random.norm() * UNSEEN_MARK_NORM
    return out


def syllable_parts(c: str) -> tuple[tuple[str, int], ...]:
    """What a syllable is made up of: of Hangul its first consonant, vowel and last consonant, of Ethiopic its consonant and
    vowel; nothing for other characters."""
    if ord(c) in HANGUL_SYLLABLES:
        at = ord(c) - HANGUL_SYLLABLES[0]
        return ("first", at // 588), ("vowel", at % 588 // 28), ("last", at % 28)
    if ord(c) in ETHIOPIC_SYLLABLES:
        consonant, vowel = divmod(ord(c) - ETHIOPIC_SYLLABLES[0], 8)
        return ("ethiopic", consonant), ("order", vowel)
    return ()


def brahmic_sister(c: str, known: Mapping[str, object]) -> str:
    """The character at the same place of another Brahmic block that is in `known`, or an empty string."""
    place = ord(c) - BRAHMIC_BLOCKS[0]
    if not 0 <= place < len(BRAHMIC_BLOCKS) * 0x80:
        return ""
    return next((s for s in (chr(block + place % 0x80) for block in BRAHMIC_BLOCKS) if s in known), "")


def marked_letter(c: str, known: Mapping[str, object]) -> tuple[str, tuple[str, ...]]:
    """A known character and the marks that make it `c`; the character is not in `known` where there is none."""
    if c in TWINS:
        return TWINS[c], ()
    name, _, dots = unicodedata.name(c, "").partition(" WITH ")
    if dots and name.startswith("ARABIC LETTER") and c not in known:
        return unicodedata.lookup(name), ()
    base, marks = decompose(c)
    whole = unicodedata.normalize("NFC", base + "".join(marks[:1]))  # ấ is â and an acute
    if len(marks) > 1 and whole in known:
        return whole, marks[1:]
    return base, marks


@torch.no_grad()
def init_related_rows(weight: Tensor, bias: Tensor, old: Mapping[str, tuple[Tensor, Tensor]], charset: Sequence[str]) -> int:
    """Fill the rows of characters that `old` lacks from related ones, in place; returns for how many there were any.

    weight: (1 + characters, width), the blank first; bias: (1 + characters,); both hold the rows of known characters already.
    old: row and bias of each character that the net knew.
    """
    noise = torch.Generator().manual_seed(0)
    size = weight.shape[1]
    known = {c: weight[i].clone() for i, c in enumerate(charset, 1) if c in old}
    marks = mark_directions(known, noise)
    # Directions of the parts of syllables: random, of a length that sets syllables as far apart as known characters are.
    spread = (torch.stack(list(known.values())) - weight[1:].mean(dim=0)).norm(dim=1).mean()
    part_rows: dict[tuple[str, int], Tensor] = {}

    count = 0
    for i, c in enumerate(charset, 1):
        if c in known:
            continue
        base, own_marks = marked_letter(c, known)
        sister = brahmic_sister(c, old)
        parts = syllable_parts(c)
        count += 1
        if parts:
            for part in parts:
                row = part_rows.setdefault(part, torch.randn(size, generator=noise) * (spread / (len(parts) * size) ** 0.5))
                weight[i] += row
        elif sister:
            weight[i], bias[i] = old[sister]
        elif base in known:
            weight[i] = known[base] + sum(map(marks.__getitem__, own_marks), torch.zeros(size))
            bias[i] = old[base][1] - BIAS_STEP
        else:
            count -= 1
    return count


@click.command(help=__doc__.splitlines()[0])
@click.argument("charset", type=click.Path(path_type=Path, exists=True))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="where the checkpoint goes (.pt)")
@click.option("--start", default="PP-OCRv6_small_rec", show_default=True, help="model whose weights are kept")
def main(charset: Path, output: Path, start: str) -> None:
    """Write the checkpoint."""
    origin = load_start_weights(start)
    characters = read_charset(charset, space=True)
    torch.manual_seed(0)
    net, said = init_from(build(origin.name, len(characters) + 1), origin, characters)
    rows, bias = TINY_CTC if TINY_CTC[0] in origin.state else (CTC_ROWS, CTC_BIAS)
    old = {c: (origin.state[rows][i], origin.state[bias][i]) for i, c in enumerate(origin.charset, 1)}
    state: dict[str, Any] = net.state_dict()
    count = init_related_rows(state[rows], state[bias], old, characters)
    net.load_state_dict(state)
    about = Description(origin.name, len(characters) + 1, characters, fused=origin.fused, partial=True)
    save_checkpoint(output, net, about)
    click.echo(f"{output}: {said}; {count} of the new ones start from related characters")


if __name__ == "__main__":
    main()
