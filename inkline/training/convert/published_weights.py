"""The one way from a file of published weights, whatever its format, to a checkpoint."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from inkline.errors import ModelError
from inkline.recognition.attention import class_count
from inkline.registry.inspect import charsets_of, ctc_charset
from inkline.registry.paddle_files import PROGRAM_FILES, converted_onnx
from inkline.registry.settings import settings_from_environment
from inkline.training.convert import from_transformers
from inkline.training.convert.from_onnx import load_onnx, open_onnx, output_classes
from inkline.training.convert.from_paddle import ours_from_reference, read_pdparams
from inkline.training.convert.net_checkpoint import Description, load_tensors, save_checkpoint
from inkline.training.convert.tensor_names import TRANSFORMERS_RULES
from inkline.training.nets.fuse import fuse
from inkline.training.nets.ocr_net import TRAINING_ONLY, Net
from inkline.training.nets.table import NETS, Interface, build, net_name

EXAMPLE_SIDES = (96, 320)  # height and width of the picture that an ONNX file and our net are compared on, where both are free


@dataclass(frozen=True)
class LoadedNet:
    """A net with weights, in eval mode; see `Description` for the rest."""

    net: Net
    classes: int | None
    fused: bool
    partial: bool


def convert(source: Path, name: str, out: Path, charset: Sequence[str] | None = None) -> Description:
    """Read the weights of the published net `name` from `source` and write them to `out` as our checkpoint.

    source: training weights of PaddleOCR or PaddleClas (`.pdparams`), an ONNX inference file or a folder with one or
    with a Paddle inference model, a safetensors file of transformers or of ours, or the PyTorch file of UVDoc; its
    content tells which. name: that of a net, or of a model that has the net of another one. charset: the characters of a
    recogniser, in the order of its classes, without blank; None: that in the file or beside it.

    Nothing is written unless all fits. UsageError: an unknown name. ModelError: a damaged, foreign or unsafe file,
    weights of another net, a charset of another length. OutputError: `out` cannot be written.
    """
    name = net_name(name)
    # the net with its weights, whatever the format
    source = Path(source)
    path = file_in(source) if source.is_dir() else source
    loaded = READERS[weights_format(path)](path, name)
    # the charset has to fit its classes
    characters = fitted_charset(path, name, loaded, charset)
    about = Description(name, loaded.classes, characters, loaded.fused, loaded.partial)
    save_checkpoint(Path(out), loaded.net, about)
    return about


def weights_format(path: Path) -> str:
    """Format of a weights file by its first bytes: a key of READERS; ModelError with advice when it is none."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return "pdparams"
    if head[:4] == b"PK\x03\x04":
        return "torch"
    if head[8:10] == b'{"' or head[8:9] == b"{":
        return "safetensors"
    if head[:1] == b"\x08":  # field 1 of the ONNX message, its version
        return "onnx"
    if not head:
        raise ModelError(f"{path}: the file is empty; download it again")
    if head.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path}: only a pointer to the weights (Git LFS); fetch the file itself")
    if head.lstrip()[:1] == b"<":
        raise ModelError(f"{path}: a web page, not weights; download the file itself")
    if head[:4] == b"\0\0\0\0":
        raise ModelError(
            f"{path}: looks like the parameters of a Paddle inference model, which need the program beside them; "
            "give the folder, or the training weights (.pdparams)"
        )
    raise ModelError(f"{path}: unknown format; give .pdparams, .onnx, .safetensors, or the folder of a model")


def net_from_pdparams(path: Path, name: str) -> LoadedNet:
    """Training weights under the reference's names: a net in training form, complete."""
    arrays = read_pdparams(path)
    net, classes = sized(path, name, lambda net: ours_from_reference(net, arrays))
    return filled(path, name, net, classes, ours_from_reference(net, arrays), partial=False)


def net_from_torch(path: Path, name: str) -> LoadedNet:
    """A PyTorch state dict under the reference's names: what UVDoc is published as."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged archive can fail anywhere
        raise ModelError(f"{path}: truncated, or more than weights ({type(error).__name__}); get it again") from error
    if isinstance(content, dict) and "format" in content and "model" in content:
        raise ModelError(f"{path}: is a checkpoint of this program already")
    state = content.get("model_state", content) if isinstance(content, dict) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: holds no tensors by name; give the file with the state dict")
    arrays = {key: value.float().numpy() for key, value in state.items()}
    net = build(name).eval()
    return filled(path, name, net, None, ours_from_reference(net, arrays), partial=False)


def net_from_safetensors(path: Path, name: str) -> LoadedNet:
    """The inference path under the names of transformers, or under our own."""
    try:
        tensors = {key: value.float() for key, value in load_file(path).items()}
    except SafetensorError as error:
        raise ModelError(f"{path}: truncated or not a safetensors file ({error}); download it again") from error
    # under our own names
    ours = empty_net(name).state_dict().keys()
    if ours & tensors.keys():
        net, classes = sized(path, name, lambda net: tensors)
        partial = not any(key.startswith(TRAINING_ONLY) for key in tensors)
        return filled(path, name, net, classes, tensors, partial)
    # under those of transformers
    if name not in TRANSFORMERS_RULES:
        known = ", ".join(TRANSFORMERS_RULES)
        raise ModelError(f"{path}: the tensor names are not ours, and {name} is not published this way (known: {known})")
    try:
        found = from_transformers.renamed(tensors, name)
    except (ValueError, KeyError) as error:
        raise ModelError(f"{path}: not the weights of {name} ({error})") from None
    net, classes = sized(path, name, lambda net: found)
    # where the file has branches summed already, the net gets them summed before the weights come in
    summed = name in from_transformers.IN_SUMMED_FORM
    if summed:
        fuse(net, TRAINING_ONLY, from_transformers.SUMMED)
    loaded = filled(path, name, net, classes, found, partial=True)
    if summed:
        net.fuse()
    return LoadedNet(net, classes, summed, loaded.partial)


def net_from_onnx(path: Path, name: str) -> LoadedNet:
    """The inference path in fused form."""
    # a net with as many classes as the file gives, filled by pairing the two graphs
    file = open_onnx(path, picture_of_text(NETS[name].interface))
    classes = None if NETS[name].classes is None else output_classes(file)
    net = build(name, classes).eval().fuse()
    given = set(load_onnx(net, file))
    # only branches of training may stay without weights
    wanted = {key for key, _ in net.named_parameters()}
    missing = sorted(key for key in wanted - given if not key.startswith(TRAINING_ONLY))
    if missing:
        raise ModelError(f"{path}: the file has no weights for {', '.join(missing[:6])}; it holds another net")
    return LoadedNet(net, classes, fused=True, partial=wanted != given)


def picture_of_text(interface: Interface) -> Tensor:
    """Lines of text as the net takes them, (1, 3, H, W), small where it takes any size."""
    # How high and wide.
    _, *sides = interface.shape
    for axis, letter in enumerate("HW"):
        if letter in interface.free:
            sides[axis] = -(-EXAMPLE_SIDES[axis] // interface.multiple) * interface.multiple
    # Black on white, line by line.
    height, width = sides
    page, line = np.full((height, width, 3), 255, np.uint8), min(height, 48)
    for number, y in enumerate(range(0, height, line)):
        at = (4, y + line * 7 // 10)
        cv2.putText(page, f"Line {number}: 2 of 12 pt", at, cv2.FONT_HERSHEY_SIMPLEX, line / 48, (0, 0, 0), 2, cv2.LINE_AA)
    values = (page / 255 - interface.mean) / interface.std
    return torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32))


READERS = {
    "pdparams": net_from_pdparams,
    "torch": net_from_torch,
    "safetensors": net_from_safetensors,
    "onnx": net_from_onnx,
}


def empty_net(name: str, classes: int | None = None) -> Net:
    """The net with the names and shapes of its parameters and no values, in a hundredth of the time of a whole one."""
    with torch.device("meta"):
        return build(name, classes)


def class_layers(name: str) -> dict[str, tuple[int, int]]:
    """Parameters of the inference path whose shape follows the class count: key -> (axis, size minus classes)."""
    if NETS[name].classes is None:
        return {}
    few, more = empty_net(name, 11).state_dict(), empty_net(name, 12).state_dict()
    return {
        key: (axis, size - 11)
        for key, tensor in few.items()
        for axis, size in enumerate(tensor.shape)
        if not key.startswith(TRAINING_ONLY) and more[key].shape[axis] == size + 1
    }


def sized(path: Path, name: str, tensors: Callable[[Net], dict[str, Tensor]]) -> tuple[Net, int | None]:
    """The net with as many classes as the weights have (`tensors`: for a net of that name), and that number or None."""
    layers = class_layers(name)
    if not layers:
        return build(name).eval(), None
    found = tensors(empty_net(name))
    for key, (axis, more) in layers.items():
        if key in found and found[key].dim() > axis:
            classes = found[key].shape[axis] - more
            if classes < 2:
                break
            return build(name, classes).eval(), classes
    raise ModelError(f"{path}: no tensor that tells the number of classes ({', '.join(layers)}); is it {name}?")


def filled(path: Path, name: str, net: Net, classes: int | None, tensors: dict[str, Tensor], partial: bool) -> LoadedNet:
    """`net` with `tensors` in it; ModelError that lists what differs."""
    try:
        load_tensors(net, tensors, TRAINING_ONLY if partial else ())
    except ValueError as error:
        raise ModelError(f"{path}: not the weights of {name}: {error}") from None
    return LoadedNet(net, classes, fused=False, partial=partial)


def file_in(folder: Path) -> Path:
    """The one file of weights in a folder; a Paddle inference model is converted to ONNX first (extra `paddle`)."""
    found = sorted(path for path in folder.iterdir() if path.suffix in (".onnx", ".safetensors", ".pdparams"))
    if len(found) > 1:
        raise ModelError(f"{folder} holds {len(found)} files of weights; name the one that is meant, not the folder")
    if found:
        return found[0]
    if any((folder / program).is_file() for program in PROGRAM_FILES):
        return converted_onnx(folder, settings_from_environment())
    raise ModelError(f"{folder} holds no weights: neither .onnx, .safetensors, .pdparams nor {' nor '.join(PROGRAM_FILES)}")


def fitted_charset(path: Path, name: str, loaded: LoadedNet, charset: Sequence[str] | None) -> tuple[str, ...]:
    """The charset of a recogniser, with the space that the reference adds where the class count asks for it.

    charset: that of the caller; None: the first that fits of those in the file and beside it. Empty where there is none.
    """
    decoder = NETS[name].interface.decoder
    if loaded.classes is None or decoder is None:
        return ()
    first: tuple[str, ...] = ()
    for given in charsets_of(path, loaded.classes) if charset is None else [tuple(charset)]:
        first = first or given
        if decoder == "ctc" and (fitting := ctc_charset(given, loaded.classes)):
            return fitting
        if decoder != "ctc" and loaded.classes == class_count(decoder, len(given)):
            return given
    if not first:
        return ()
    raise ModelError(
        f"{path}: the charset has {len(first)} characters, the weights have {loaded.classes} classes, which fits "
        f"{len(first) + loaded.classes - class_count(decoder, len(first))} characters; use the charset that the net was "
        "trained with"
    )
