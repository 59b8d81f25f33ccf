"""The program of a decoder process, which opens files that nobody trusts; `inkline.io.isolated` starts it and asks it.

Messages are JSON behind four bytes of length; pixels come in a file in memory, whose handle is sent along. A process never
takes pickles: what is taken over by a hostile file must not run code in who asked.
"""

import json
import math
import os
import signal
import socket
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkline.errors import SourceError
from inkline.options import ReadOptions
from inkline.types import Image

if TYPE_CHECKING:
    from inkline.io.images import ImageReader
    from inkline.io.pdf import PdfReader

Message = dict[str, Any]

ALARM_SECONDS = 5  # beyond the limit, after which a process ends by itself where who asked is gone


def send(channel: socket.socket, message: Message, handle: int | None = None) -> None:
    """Send a message, and the handle of an open file along with it."""
    body = json.dumps(message).encode()
    socket.send_fds(channel, [struct.pack(">I", len(body))], [] if handle is None else [handle])
    channel.sendall(body)


def receive(channel: socket.socket) -> tuple[Message, int | None]:
    """The next message, and the handle of the file that came with it; EOFError at the end."""
    head, handles, _, _ = socket.recv_fds(channel, 4, 1)
    handle = handles[0] if handles else None
    body = head[4:]
    try:
        head += _exactly(channel, 4 - len(head))
        body = _exactly(channel, struct.unpack(">I", head)[0])
    except BaseException:
        if handle is not None:
            os.close(handle)
        raise
    message: Message = json.loads(body)
    return message, handle


def _exactly(channel: socket.socket, count: int) -> bytes:
    out = bytearray()
    while len(out) < count:
        part = channel.recv(min(count - len(out), 1 << 20))
        if not part:
            raise EOFError
        out += part
    return bytes(out)


def shared_file(content: Any) -> int:
    """The handle of a file in memory, without a name, that holds these bytes; whoever gets it closes it."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("inkline")
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    try:
        left = memoryview(content).cast("B")
        while left:
            left = left[os.write(handle, left) :]
    except BaseException:
        os.close(handle)
        raise
    return handle


def read_shared(handle: int, into: memoryview) -> bool:
    """Fill `into` from the beginning of such a file; whether it held that many bytes."""
    place = 0
    while place < len(into):
        count = os.preadv(handle, [into[place : place + (1 << 30)]], place)
        if count <= 0:
            return False
        place += count
    return True


class Decoder:
    """What a process does with the messages it gets: `open` a file, decode a `page`, `close` it."""

    def __init__(self) -> None:
        import pypdfium2  # noqa: F401  (loaded before memory is measured)

        from inkline.io import read

        self._open_reader = read.open_reader_here
        self._reader: PdfReader | ImageReader | None = None
        self._own_bytes = _address_space()

    def answer(self, message: Message, handle: int | None) -> tuple[Message, Image | None]:
        """The reply to a message, and the pixels that go with it."""
        kind = message["ask"]
        if kind == "open":
            _limit_memory(self._own_bytes + message["options"]["max_decode_bytes"])
            options = ReadOptions(**message["options"])
            self._reader = self._open_reader(_content(message, handle), options)
            return {"count": self._reader.count, "numbered": self._reader.numbered}, None
        if self._reader is None:
            raise RuntimeError("no file is open")
        if kind == "page":
            image, warnings = self._reader.page(message["index"])
            return {"shape": image.shape, "warnings": warnings}, image
        self._reader.close()
        self._reader = None
        return {}, None


def _content(message: Message, handle: int | None) -> Path | bytes:
    if handle is None:
        return Path(message["path"])
    content = bytearray(message["bytes"])
    if not read_shared(handle, memoryview(content)):
        raise SourceError("its bytes did not arrive")
    return bytes(content)


def _address_space() -> int:
    """Bytes of address space that this process has now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _limit_memory(size: int) -> None:
    """Refuse memory above `size` bytes of address space to this process; nothing where it cannot be measured."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    if Path("/proc/self/statm").exists():
        resource.setrlimit(resource.RLIMIT_AS, (size, hard))


def _told(error: Exception) -> Message:
    """An error as a message."""
    if isinstance(error, SourceError):
        return {"error": type(error).__name__, "text": str(error), "may_pass": error.may_pass}
    if isinstance(error, MemoryError):
        return {"error": "MemoryError"}
    if isinstance(error, OSError):
        return {"error": "OSError", "errno": error.errno or 0, "text": error.strerror or str(error)}
    return {"error": "mistake", "text": f"{type(error).__name__}: {error}"}


def main(number: int) -> None:
    """Answer what comes over the socket of this number, until it is closed."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who asked decides
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    channel = socket.socket(fileno=number)
    decoder = Decoder()
    send(channel, {"ready": True})
    while True:
        try:
            message, handle = receive(channel)
        except (EOFError, ConnectionError):
            os._exit(0)
        # The alarm is the system's, so it also ends a decoder that never comes back, when nobody is there to kill it.
        signal.alarm(math.ceil(message["limit"]) + ALARM_SECONDS)
        pixels = None
        try:
            reply, image = decoder.answer(message, handle)
            if image is not None:
                pixels = shared_file(np.ascontiguousarray(image))
                del image
        except Exception as error:
            reply = _told(error)
        signal.alarm(0)
        try:
            send(channel, reply, pixels)
        except ConnectionError:
            os._exit(0)
        for sent in (pixels, handle):
            if sent is not None:
                os.close(sent)
