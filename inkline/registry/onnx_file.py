"""Read the header of an ONNX file, without a runtime and without reading its weights; add an output, leave out classes.

An ONNX file is one protobuf message; fields that are not needed are skipped by their length, so a file of any size
costs a few pages of disk. Field numbers: onnx.proto3 (ModelProto, GraphProto, NodeProto, ValueInfoProto).
"""

import mmap
import shutil
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inkline.errors import ModelError
from inkline.files import atomic_path
from inkline.registry.settings import Settings, cache_lock

TensorShape = tuple[int, ...]
Span = tuple[int, int]  # first byte, byte after the last

GRAPH, METADATA = 7, 14  # fields of ModelProto
NODE, INITIALIZER, INPUT, OUTPUT, VALUE_INFO = 1, 5, 11, 12, 13  # fields of GraphProto
NODE_INPUT, NODE_OUTPUT, NODE_TYPE = 1, 2, 4  # fields of NodeProto
VALUE_NAME = 1  # field of ValueInfoProto
WEIGHT_SHAPE, WEIGHT_TYPE, WEIGHT_NAME, WEIGHT_DATA = 1, 2, 8, 9  # fields of TensorProto
FLOAT = 1  # TensorProto.data_type of numbers of 32 bits
TENSOR_SHAPE = (2, 1, 2, 1)  # ValueInfoProto.type .tensor_type .shape .dim
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types

# Operators that only reshape or enlarge the grid of an unwarping net on its way to the sampling.
GRID_PASSES_THROUGH = frozenset(("Transpose", "Resize", "Upsample", "Cast", "Identity"))


@dataclass(frozen=True)
class OnnxHeader:
    """metadata: the file's key-value pairs. inputs, outputs: shape by name, -1 where a side is free."""

    metadata: dict[str, str]
    inputs: dict[str, TensorShape]
    outputs: dict[str, TensorShape]


def read_onnx_header(path: Path) -> OnnxHeader:
    """The metadata and the input and output shapes of an ONNX file; ModelError when it is not one."""
    metadata: dict[str, str] = {}
    inputs: dict[str, TensorShape] = {}
    outputs: dict[str, TensorShape] = {}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            whole = (0, len(data))
            for pair in _submessages(data, whole, METADATA):
                entry = {n: _text(data, v) for n, v in _fields(data, pair) if isinstance(v, tuple)}
                metadata[entry.get(1, "")] = entry.get(2, "")
            for graph in _submessages(data, whole, GRAPH):
                _read_graph(data, graph, inputs, outputs)
            if not outputs:
                raise ValueError("no graph in it")
    except (ValueError, IndexError) as error:  # mmap of an empty file is a ValueError too
        raise ModelError(f"{path}: not an ONNX file ({error}); it may be damaged, fetch or export it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    return OnnxHeader(metadata, inputs, outputs)


def _read_graph(data: mmap.mmap, graph: Span, inputs: dict[str, TensorShape], outputs: dict[str, TensorShape]) -> None:
    for number, values in ((INPUT, inputs), (OUTPUT, outputs)):
        for value in _submessages(data, graph, number):
            name = next((_text(data, n) for n in _submessages(data, value, VALUE_NAME)), "")
            values[name] = _tensor_shape(data, value)
    for weight in _submessages(data, graph, INITIALIZER):  # old exporters list the weights among the inputs
        inputs.pop(next((_text(data, n) for n in _submessages(data, weight, WEIGHT_NAME)), ""), None)


def _tensor_shape(data: mmap.mmap, value: Span) -> TensorShape:
    """The shape of a ValueInfoProto: -1 for a side that is named or left out; empty for what is no tensor."""
    found = [value]
    for number in TENSOR_SHAPE:
        found = [inner for span in found for inner in _submessages(data, span, number)]
    sides = [[v for n, v in _fields(data, dim) if n == 1 and isinstance(v, int)] for dim in found]
    return tuple(side[0] if side and side[0] < 1 << 63 else -1 for side in sides)


def _submessages(data: mmap.mmap, span: Span, number: int) -> Iterator[Span]:
    """The sub-messages or strings with this field number."""
    return (value for n, value in _fields(data, span) if n == number and isinstance(value, tuple))


def _text(data: mmap.mmap, span: Span) -> str:
    """The string in `span`."""
    return data[span[0] : span[1]].decode("utf-8")


def _fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, Span | int]]:
    """(field number, span of the bytes or the number) for each field of the message in `span`; ValueError if broken."""
    at, end = span
    while at < end:
        key, at = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _read_varint(data, at)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"unknown field type at byte {at}")
        # The content of what is not a number is skipped, not read.
        if at + length > end:
            raise ValueError(f"it ends within byte {at} + {length}")
        yield number, (at, at + length)
        at += length


def _read_varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, and the byte after it."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"unknown field type at byte {at}")


def with_grid_output(path: Path, settings: Settings) -> Path:
    """An unwarping net that gives its sampling grid: the file itself when one of its outputs is one, else a copy of it.

    A published net ends in `GridSample(image, grid)` and gives the flat image alone; with the grid, places can be mapped
    back. The copy is kept in the cache. ModelError when the net neither gives a grid nor samples by one.
    """
    outputs = read_onnx_header(path).outputs
    if any(len(shape) == 4 and 2 in (shape[1], shape[3]) for shape in outputs.values()):
        return path
    name = grid_tensor(path)
    if name in outputs:
        return path
    stat = path.stat()
    copy = settings.cache / f"{path.stem}_grid_{stat.st_size:x}_{stat.st_mtime_ns:x}.onnx"
    if not _is_whole(copy):
        with cache_lock(copy.stem, settings), atomic_path(copy) as part:
            shutil.copyfile(path, part)
            # Two serialised messages, one after the other, are their merger, and repeated fields are joined: so a model
            # with one output more is the file and a few bytes.
            with part.open("ab") as file:
                output = protobuf_field(VALUE_NAME, name.encode("utf-8"))
                file.write(protobuf_field(GRAPH, protobuf_field(OUTPUT, output)))
    return copy


def _is_whole(copy: Path) -> bool:
    """Whether a copy in the cache is there, and not cut short by a full disk or a lost one."""
    try:
        read_onnx_header(copy)
    except ModelError:
        return False
    return True


def grid_tensor(path: Path) -> str:
    """The name of the tensor that holds the points by which the net samples its image, as small as they come."""
    made_by: dict[str, tuple[str, str]] = {}  # tensor -> (type of the node that makes it, that node's first input)
    grid = ""
    for kind, inputs, outputs in onnx_nodes(path):
        made_by |= dict.fromkeys(outputs, (kind, inputs[0] if inputs else ""))
        if kind == "GridSample":
            grid = inputs[1]
    if not grid:
        raise ModelError(f"{path}: this net gives no sampling grid and has no GridSample node; use the published UVDoc")
    # Walk back from the sampling to the small map of points that is enlarged to the image.
    while grid in made_by and made_by[grid][0] in GRID_PASSES_THROUGH:
        grid = made_by[grid][1]
    return grid


def onnx_nodes(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """(operator, inputs, outputs) of every node of the graph, in the file's order."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for graph in _submessages(data, (0, len(data)), GRAPH):
            for node in _submessages(data, graph, NODE):
                strings: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], NODE_TYPE: []}
                for number, value in _fields(data, node):
                    if number in strings and isinstance(value, tuple):
                        strings[number].append(_text(data, value))
                yield "".join(strings[NODE_TYPE]), strings[NODE_INPUT], strings[NODE_OUTPUT]


def protobuf_field(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes: its key, its length, its content."""
    return _write_varint(number << 3 | BYTES) + _write_varint(len(content)) + content


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def with_classes(path: Path, total: int, kept: Sequence[int], settings: Settings) -> Path | None:
    """A net that answers with some of its `total` classes: a copy, kept in the cache, whose weights hold only these.

    What has a side of that length is the last layer: its rows or columns of the other classes are left out, and the softmax
    behind it knows nothing of them. None for a net that keeps its weights in another form than raw floats of 32 bits.
    """
    stat = path.stat()
    wanted = np.asarray(kept, np.int64)
    digest = f"{len(kept)}_{zlib.crc32(wanted.tobytes()):x}_{stat.st_size:x}_{stat.st_mtime_ns:x}"
    copy = settings.cache / f"{path.stem}_{digest}.onnx"
    if _is_whole(copy):
        return copy
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model, cut = b"", 0
        for number, value in _fields(data, (0, len(data))):
            if number == GRAPH and isinstance(value, tuple):
                graph, cut = _cut_graph(data, value, total, wanted)
                model += protobuf_field(GRAPH, graph)
            else:
                model += _copied(data, number, value)
    if cut < 2:  # the weight and the bias
        return None
    with cache_lock(copy.stem, settings), atomic_path(copy) as part:
        part.write_bytes(model)
    return copy


def _cut_graph(data: mmap.mmap, graph: Span, total: int, kept: NDArray[np.int64]) -> tuple[bytes, int]:
    """A GraphProto whose weights and outputs have the kept of `total` classes, and how many weights were cut."""
    fields, cut = [], 0
    for number, value in _fields(data, graph):
        if number == VALUE_INFO:  # the shapes of what is in between, which are hints
            continue
        content = None
        if number == INITIALIZER and isinstance(value, tuple):
            content = _cut_weight(data, value, total, kept)
            cut += content is not None
        elif number == OUTPUT and isinstance(value, tuple):
            content = _cut_output(data, value, total, len(kept))
        fields.append(_copied(data, number, value) if content is None else protobuf_field(number, content))
    return b"".join(fields), cut


def _cut_output(data: mmap.mmap, output: Span, total: int, count: int) -> bytes:
    """A ValueInfoProto of floats with `count` where it has a side of `total`."""
    shape = (count if side == total else side for side in _tensor_shape(data, output))
    name = "".join(_text(data, span) for span in _submessages(data, output, VALUE_NAME))
    sides = b"".join(protobuf_field(1, _number_field(1, side) if side >= 0 else b"") for side in shape)
    tensor = _number_field(1, FLOAT) + protobuf_field(2, sides)
    return protobuf_field(VALUE_NAME, name.encode("utf-8")) + protobuf_field(2, protobuf_field(1, tensor))


def _cut_weight(data: mmap.mmap, weight: Span, total: int, kept: NDArray[np.int64]) -> bytes | None:
    """A TensorProto with the kept of `total` along its side of that length; None when it has none, or no raw floats."""
    found = dict(_fields(data, weight))
    shape = [value for number, value in _fields(data, weight) if number == WEIGHT_SHAPE and isinstance(value, int)]
    raw, name = found.get(WEIGHT_DATA), found.get(WEIGHT_NAME)
    if total not in shape or found.get(WEIGHT_TYPE) != FLOAT or not isinstance(raw, tuple) or not isinstance(name, tuple):
        return None
    values = np.frombuffer(data[slice(*raw)], "<f4").reshape(shape).take(kept, axis=shape.index(total))
    sides = b"".join(_number_field(WEIGHT_SHAPE, side) for side in values.shape)
    rest = _number_field(WEIGHT_TYPE, FLOAT) + protobuf_field(WEIGHT_NAME, data[slice(*name)])
    return sides + rest + protobuf_field(WEIGHT_DATA, values.tobytes())


def _copied(data: mmap.mmap, number: int, value: Span | int) -> bytes:
    """A field of a message without fixed numbers, as it was."""
    return protobuf_field(number, data[slice(*value)]) if isinstance(value, tuple) else _number_field(number, value)


def _number_field(number: int, value: int) -> bytes:
    return _write_varint(number << 3 | VARINT) + _write_varint(value)
