"""Read what an ONNX file says of itself, without a runtime and without reading its weights.

An ONNX file is one protobuf message; fields that are not asked for are skipped by their length, so a file of any size
costs a few pages of disk. Field numbers: onnx.proto3 (ModelProto, GraphProto, ValueInfoProto).
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inkline.errors import ModelError

Shape = tuple[int, ...]

GRAPH, METADATA = 7, 14  # fields of ModelProto
INITIALIZER, INPUT, OUTPUT = 5, 11, 12  # fields of GraphProto
VALUE_NAME, WEIGHT_NAME = 1, 8  # field of ValueInfoProto and of TensorProto
TENSOR_SHAPE = (2, 1, 2, 1)  # ValueInfoProto.type .tensor_type .shape .dim
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types

Span = tuple[int, int]


@dataclass(frozen=True)
class Header:
    """metadata: the file's key-value pairs. inputs, outputs: shape by name, -1 where a side is free."""

    metadata: dict[str, str]
    inputs: dict[str, Shape]
    outputs: dict[str, Shape]


def read_header(path: Path) -> Header:
    """The metadata and the input and output shapes of an ONNX file; ModelError when it is not one."""
    metadata: dict[str, str] = {}
    inputs: dict[str, Shape] = {}
    outputs: dict[str, Shape] = {}
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            whole = (0, len(data))
            for pair in spans(data, whole, METADATA):
                entry = {n: text(data, v) for n, v in fields(data, pair) if isinstance(v, tuple)}
                metadata[entry.get(1, "")] = entry.get(2, "")
            for graph in spans(data, whole, GRAPH):
                _read_graph(data, graph, inputs, outputs)
            if not outputs:
                raise ValueError("no graph in it")
    except (ValueError, IndexError) as error:  # mmap of an empty file is a ValueError too
        raise ModelError(f"{path}: not an ONNX file ({error}); it may be damaged, fetch or export it again") from error
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    return Header(metadata, inputs, outputs)


def _read_graph(data: mmap.mmap, graph: Span, inputs: dict[str, Shape], outputs: dict[str, Shape]) -> None:
    for number, values in ((INPUT, inputs), (OUTPUT, outputs)):
        for value in spans(data, graph, number):
            name = next((text(data, n) for n in spans(data, value, VALUE_NAME)), "")
            values[name] = _tensor_shape(data, value)
    for weight in spans(data, graph, INITIALIZER):  # old exporters list the weights among the inputs
        inputs.pop(next((text(data, n) for n in spans(data, weight, WEIGHT_NAME)), ""), None)


def _tensor_shape(data: mmap.mmap, value: Span) -> Shape:
    """The shape of a ValueInfoProto: -1 for a side that is named or left out; empty for what is no tensor."""
    found = [value]
    for number in TENSOR_SHAPE:
        found = [inner for span in found for inner in spans(data, span, number)]
    sides = [[v for n, v in fields(data, dim) if n == 1 and isinstance(v, int)] for dim in found]
    return tuple(side[0] if side and side[0] < 1 << 63 else -1 for side in sides)


def spans(data: mmap.mmap, span: Span, number: int) -> Iterator[Span]:
    """The sub-messages or strings with this field number."""
    return (value for n, value in fields(data, span) if n == number and isinstance(value, tuple))


def text(data: mmap.mmap, span: Span) -> str:
    """The string in `span`."""
    return data[span[0] : span[1]].decode("utf-8")


def fields(data: mmap.mmap, span: Span) -> Iterator[tuple[int, Span | int]]:
    """(field number, span of the bytes or the number) for each field of the message in `span`; ValueError if broken."""
    at, end = span
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == BYTES:
            length, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"byte {at} makes no sense")
        if at + length > end:
            raise ValueError(f"it ends within byte {at} + {length}")
        yield number, (at, at + length)
        at += length


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"byte {at} makes no sense")
