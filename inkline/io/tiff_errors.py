"""What libtiff finds wrong in a file: it prints that on standard error, and may go on as if nothing had been."""

import ctypes
import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

MAX_MESSAGE_BYTES = 200
Handler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)  # module, format, va_list


class _Caught(threading.local):
    """The errors of the decoding that this thread does under `tiff_errors`; None outside of it."""

    errors: list[str] | None = None


_caught = _Caught()


@contextmanager
def tiff_errors() -> Iterator[list[str]]:
    """A list that gets what libtiff finds wrong while this thread decodes; nothing of it is printed.

    What other threads decode elsewhere is handled as before. Where Pillow's libtiff cannot be reached, the list stays empty.
    """
    _listen()
    errors: list[str] = []
    _caught.errors = errors
    try:
        yield errors
    finally:
        _caught.errors = None


@functools.cache
def _listen() -> tuple[Any, ...]:
    """Put a handler before those of Pillow's libtiff, once per process; it must live as long as that does."""
    from PIL import _imaging

    try:
        library = ctypes.CDLL(_imaging.__file__)  # a symbol is looked for in the libraries it needs, too
        return _put_before(library.TIFFSetErrorHandler, True), _put_before(library.TIFFSetWarningHandler, False)
    except (AttributeError, OSError):  # libtiff is inside of it and hidden
        return ()


def _put_before(setter: Any, keep: bool) -> Any:
    """The handler put in the place of the present one, to which it passes what is not ours; keep: note the messages."""
    setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
    previous: list[Callable[..., None]] = []

    def handle(module: bytes | None, form: bytes, values: int) -> None:
        errors = _caught.errors
        if errors is None:
            for one in previous:
                one(module, form, values)
        elif keep and not errors:  # the first one says enough; a file may give a million
            text = ctypes.create_string_buffer(MAX_MESSAGE_BYTES)
            ctypes.pythonapi.PyOS_vsnprintf(text, ctypes.c_size_t(MAX_MESSAGE_BYTES), form, ctypes.c_void_p(values))
            errors.append(text.value.decode("ascii", "replace").strip().rstrip("."))

    handler = Handler(handle)
    before = setter(ctypes.cast(handler, ctypes.c_void_p))
    if before:
        previous.append(Handler(before))
    return handler
