"""Model files, wheels and a badly behaved server for the tests of the registry."""

import hashlib
import threading
import time
import zipfile
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def field(number: int, value: bytes | int) -> bytes:
    """One protobuf field: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def onnx_bytes(
    outputs: Mapping[str, tuple[int, ...]],
    metadata: Mapping[str, str] | None = None,
    weight: bytes = b"\0" * 64,
    sides: tuple[int, int] = (48, -1),
    convolutions: int = 0,
    lead: tuple[int, int] = (-1, 3),
) -> bytes:
    """A file with the parts of an ONNX model that describe it; its net is not there. A side of -1 is free.

    lead: how many images of how many channels the net takes.
    """

    def tensor(name: str, shape: tuple[int, ...]) -> bytes:
        dims = b"".join(field(1, field(1, d) if d >= 0 else field(2, b"free")) for d in shape)
        return field(1, name.encode()) + field(2, field(1, field(1, 1) + field(2, dims)))

    graph = field(1, field(4, b"Conv")) * convolutions
    graph += field(5, field(8, b"w") + field(9, weight)) + field(11, tensor("x", (*lead, *sides)))
    graph += field(11, tensor("w", (16,)))  # old exporters list weights among the inputs
    graph += b"".join(field(12, tensor(name, shape)) for name, shape in outputs.items())
    pairs = b"".join(field(14, field(1, k.encode()) + field(2, v.encode())) for k, v in (metadata or {}).items())
    return field(1, 8) + field(7, graph) + pairs


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_wheel(folder: Path, distribution: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel with these files, as pip takes it."""
    name = distribution.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in files.items():
            wheel.writestr(member, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "".join(f"{m},,\n" for m in [*files, f"{info}/METADATA", f"{info}/WHEEL"]))
    return path


class Server:
    """Serves `files` on loopback and behaves badly when told to; `requests` holds (path, Range header) as they came."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.statuses: list[int] = []  # answered first, one a request
        self.break_after: list[int] = []  # bytes after which the connection is cut, one a request
        self.ignore_range = False
        self.hang = 0.0  # seconds before any answer
        self.slow = 0.0  # seconds in the middle of an answer
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = False
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/{path}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, wanted = handler.path.lstrip("/"), handler.headers.get("Range", "")
        self.requests.append((path, wanted))
        handler.close_connection = True
        self.stopped.wait(self.hang)
        status = self.statuses.pop(0) if self.statuses else 200 if path in self.files else 404
        if status != 200:
            handler.send_response(status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        data = self.files[path]
        start = 0 if self.ignore_range or not wanted else int(wanted.removeprefix("bytes=").rstrip("-"))
        if start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        end = start + self.break_after.pop(0) if self.break_after else len(data)
        middle = (start + end) // 2
        try:
            handler.wfile.write(data[start:middle])
            handler.wfile.flush()
            time.sleep(self.slow)
            handler.wfile.write(data[middle:end])
        except OSError:  # the client has gone
            pass

    def close(self) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
