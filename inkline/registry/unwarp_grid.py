"""Make a published unwarping net give its sampling grid beside the flat image, so that places can be mapped back.

The net ends in `GridSample(image, grid)`, where the grid is a small map of points enlarged to the image. The tensor to
add is that small map: found by walking back from the sampling over the nodes that only reshape or enlarge. An output is
added without reading the file into objects: two serialised protobuf messages, one after the other, are their merger,
and repeated fields are joined; so a model with one output more is the file and a few bytes.
"""

import mmap
import shutil
from collections.abc import Iterator
from pathlib import Path

from inkline.errors import ModelError
from inkline.files import atomic_path
from inkline.registry.onnx_file import GRAPH, OUTPUT, VALUE_NAME, fields, read_header, spans, text
from inkline.registry.settings import Settings, locked

NODE = 1  # field of GraphProto
NODE_INPUT, NODE_OUTPUT, NODE_TYPE = 1, 2, 4  # fields of NodeProto
PASSED_THROUGH = frozenset(("Transpose", "Resize", "Upsample", "Cast", "Identity"))


def with_grid(path: Path, settings: Settings) -> Path:
    """An unwarping net that gives a grid: the file itself when one of its outputs is one, else a copy in the cache.

    ModelError when the net neither gives a grid nor samples by one.
    """
    outputs = read_header(path).outputs
    if any(len(shape) == 4 and 2 in (shape[1], shape[3]) for shape in outputs.values()):
        return path
    name = grid_tensor(path)
    if name in outputs:
        return path
    stat = path.stat()
    copy = settings.cache / f"{path.stem}_grid_{stat.st_size:x}_{stat.st_mtime_ns:x}.onnx"
    if not copy.is_file():
        with locked(copy.stem, settings), atomic_path(copy) as part:
            shutil.copyfile(path, part)
            with part.open("ab") as file:
                file.write(message(GRAPH, message(OUTPUT, message(VALUE_NAME, name.encode("utf-8")))))
    return copy


def grid_tensor(path: Path) -> str:
    """The name of the tensor that holds the points by which the net samples its image, as small as they come."""
    made_by: dict[str, tuple[str, str]] = {}  # tensor -> (type of the node that makes it, that node's first input)
    grid = ""
    for kind, inputs, outputs in _nodes(path):
        made_by |= dict.fromkeys(outputs, (kind, inputs[0] if inputs else ""))
        if kind == "GridSample":
            grid = inputs[1]
    if not grid:
        raise ModelError(f"{path}: this net gives no sampling grid and has no GridSample node; use the published UVDoc")
    while grid in made_by and made_by[grid][0] in PASSED_THROUGH:
        grid = made_by[grid][1]
    return grid


def _nodes(path: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """(operator, inputs, outputs) of every node of the graph, in the file's order."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for graph in spans(data, (0, len(data)), GRAPH):
            for node in spans(data, graph, NODE):
                strings: dict[int, list[str]] = {NODE_INPUT: [], NODE_OUTPUT: [], NODE_TYPE: []}
                for number, value in fields(data, node):
                    if number in strings and isinstance(value, tuple):
                        strings[number].append(text(data, value))
                yield "".join(strings[NODE_TYPE]), strings[NODE_INPUT], strings[NODE_OUTPUT]


def message(number: int, content: bytes) -> bytes:
    """A protobuf field of bytes: its key, its length, its content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
