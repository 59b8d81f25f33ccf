"""Weights to start from: a checkpoint of ours or a published model, fitted to the charset that is to be learned."""

import re
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from inkline.errors import DataError, ModelError, UsageError
from inkline.training.convert import Description, convert, load_checkpoint
from inkline.training.convert.net_checkpoint import load_tensors
from inkline.training.evaluate import find_model
from inkline.training.nets.ocr_net import TRAINING_ONLY, Net
from inkline.training.nets.table import build, net_name

# Parameters with one row (or column) a character: pattern, axis, how many special classes stand behind the characters.
# What stands in front of them (blank, start, other inputs) is the rest.
CLASS_ROWS = (
    (r"head\.(ctc_head\.)?fc2?\.(weight|bias)", 0, 0),  # CTC: blank, characters
    (r"head\.gtc_head\.(embedding\.embedding|tgt_word_prj)\.weight", 0, 1),  # NRTR: 4, characters, 1 that is never used
    (r"head\.sar_head\.decoder\.embedding\.weight", 0, 3),  # SAR: characters, unknown, start, padding
    (r"head\.sar_head\.decoder\.prediction\.(weight|bias)", 0, 2),
    (r"head\.generator\.(weight|bias)", 0, 1),  # RARE: start, characters, end
    (r"head\.attention_cell\.rnn\.weight_ih", 1, 1),
    (r"head\.(gsrm\.fc0|vsfd\.fc1)\.(weight|bias)", 0, 2),  # SRN: characters, start, end
    (r"head\.gsrm\.embedding\.weight", 0, 3),
)


@dataclass(frozen=True, eq=False)
class StartWeights:
    """Weights of the net `name`, fused or not; `classes`: width of its last layer, None where it has none.

    label_order: that of the labels which an exported file was taught (`data.label_order`).
    """

    source: str
    name: str
    state: Mapping[str, Tensor]
    charset: tuple[str, ...]
    classes: int | None
    fused: bool
    label_order: str = "stored"

    def net(self) -> Net:
        """The net as it was, in eval mode."""
        net, _ = init_from(build(self.name, self.classes), self, self.charset)
        return net.eval()


def read_charset(path: Path, space: bool) -> tuple[str, ...]:
    """The characters in a file, one per line, in class order without the blank; with `space`, one is added at the end."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as a charset ({error}); one character per line in UTF-8") from error
    characters = tuple(line.removesuffix("\r") for line in text.removesuffix("\n").split("\n"))

    repeated = sorted(c for c, count in Counter(characters).items() if count > 1)
    wrong = f"lists {', '.join(map(repr, repeated[:5]))} twice" if repeated else ""
    if "" in characters:
        wrong = "has an empty line or none at all"
    if wrong:
        raise DataError(f"{path}: {wrong}; a charset is one character per line, each once")
    return (*characters, " ") if space and " " not in characters else characters


def load_start_weights(source: str, name: str = "") -> StartWeights:
    """Read a checkpoint of a run or of `inkline convert` (.pt), or a published model; `name`: its net.

    A published model is a name of the zoo, an ONNX file or folder, or a file of weights (.pdparams, .safetensors) whose
    net `name` must tell. Raises ModelError for a file that is missing, damaged, or of another net.
    """
    path = Path(source).expanduser()
    if source.endswith(".pt"):
        net, about = load_checkpoint(path)
        if name and about.name != net_name(name):
            raise ModelError(f"{source} holds {about.name}, not {name}; give a checkpoint of {name}, or train {about.name}")
        return _start_weights(source, net, about)
    charset, order = None, "stored"
    if not path.exists() or path.is_dir() or path.suffix == ".onnx":
        file = find_model(source)
        path, name, charset = file.path, name or file.metadata.get("inkline.net") or file.name, file.charset
        order = file.metadata.get("inkline.label_order", order)
    if not name:
        raise UsageError(f"{source} does not say which net it holds; give -o model.name=NET, for instance PP-OCRv6_small_rec")
    with tempfile.TemporaryDirectory() as folder:
        convert(path, name, Path(folder) / "start.pt", charset)
        return _start_weights(source, *load_checkpoint(Path(folder) / "start.pt"), order)


def _start_weights(source: str, net: Net, about: Description, order: str = "stored") -> StartWeights:
    state = {k: v for k, v in net.state_dict().items() if not (about.partial and k.startswith(TRAINING_ONLY))}
    return StartWeights(source, about.name, state, about.charset, about.classes, about.fused, order)


def init_from(net: Net, start_weights: StartWeights, charset: Sequence[str] = ()) -> tuple[Net, str]:
    """Give a new net the weights of `start_weights`, fitted to `charset`; returns the net and a sentence about what was kept.

    The heads that only training uses may be missing from the start_weights and stay as initialised. ModelError when anything
    else is missing, left over or of another shape.
    """
    if start_weights.fused:
        net = net.fuse()
    fresh = net.state_dict()
    state = dict(start_weights.state)
    said = [f"weights of {start_weights.source}"]
    if charset and tuple(charset) != start_weights.charset:
        if not start_weights.charset:
            raise UsageError(f"{start_weights.source} does not say its charset; start from a model that does")
        state |= head_surgery(state, fresh, start_weights.charset, charset)
        kept = len(set(charset) & set(start_weights.charset))
        said.append(f"{kept} characters kept, {len(charset) - kept} new, {len(start_weights.charset) - kept} dropped")
    untrained = {k: v for k, v in fresh.items() if k not in state and k.startswith(TRAINING_ONLY)}
    try:
        load_tensors(net, {**untrained, **state})
    except ValueError as error:
        raise ModelError(f"{start_weights.source}, weights of {start_weights.name}: {error}") from None
    new = sorted({".".join(k.split(".")[:2]) for k in untrained})
    if new:
        said.append(f"freshly initialised: {', '.join(new)}")
    return net, "; ".join(said)


@torch.no_grad()
def head_surgery(
    state: Mapping[str, Tensor], fresh: Mapping[str, Tensor], old: Sequence[str], new: Sequence[str], between: bool = True
) -> dict[str, Tensor]:
    """Class rows for the charset `new` from those trained for `old`: characters of both keep theirs, wherever they stand.

    state: the trained tensors; fresh: those of a net built for `new`. A character that is new gets the mean of the old
    rows plus a tenth of its fresh row: it neither shouts down the old ones nor starts dead. Without `between`, its fresh row.
    """
    rows = {}
    for name, trained in state.items():
        layout = next(((axis, behind) for pattern, axis, behind in CLASS_ROWS if re.fullmatch(pattern, name)), None)
        if layout is not None and name in fresh:
            rows[name] = _moved(trained, fresh[name], (old, new), layout, between)
    if not rows:
        raise ModelError("this net has no head with one row per character; its charset cannot be changed")
    return rows


def _moved(
    trained: Tensor, fresh: Tensor, charsets: tuple[Sequence[str], Sequence[str]], layout: tuple[int, int], between: bool
) -> Tensor:
    (old, new), (axis, behind) = charsets, layout
    source, out = trained.movedim(axis, 0), fresh.clone().movedim(axis, 0)
    front = len(source) - len(old) - behind
    if front != len(out) - len(new) - behind or front < 0:
        raise ModelError(f"a head with {len(source)} classes does not fit its charset of {len(old)} characters")
    out[:front] = source[:front]
    if behind:
        out[-behind:] = source[-behind:]
    place = {character: i for i, character in enumerate(old)}  # of one listed twice, the last was trained
    mean = source[front : front + len(old)].mean(dim=0)
    for i, character in enumerate(new, front):
        at = place.get(character)
        if at is not None:
            out[i] = source[front + at]
        elif between:
            out[i] = mean + 0.1 * out[i]
    return out.movedim(0, axis).contiguous()
