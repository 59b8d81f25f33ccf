"""Files in decoder processes: the same pixels, and an end for what takes too long, too much, or dies."""

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline.errors import PasswordError, SourceError, TooLargeError
from inkline.io import isolated
from inkline.io.read import count_pages, read
from inkline.options import ReadOptions
from tests.conftest import ROOT
from tests.io.hostile import nested_forms, packed_spaces, tiling_pattern

APART = ReadOptions(isolate=True, page_timeout=30)
QUICK = ReadOptions(isolate=True, page_timeout=1.5)


def encoded(image: Pillow.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def noise(side: int = 60) -> Pillow.Image:
    return Pillow.fromarray(np.random.default_rng(0).integers(0, 255, (side, side + 7, 3), np.uint8))


def test_pages_equal_those_of_this_process(tmp_path) -> None:
    tiff = encoded(noise(), "TIFF", save_all=True, append_images=[noise(30), noise(20)])
    (tmp_path / "b\udcff.tif").write_bytes(tiff)
    for data in (encoded(noise()), tiff, tmp_path / "b\udcff.tif", encoded(noise(), "PDF"), encoded(noise())[:4000]):
        here, apart = list(read(data)), list(read(data, APART))
        assert len(here) == len(apart) > 0 and count_pages(data) == count_pages(data, APART)
        for one, other in zip(here, apart, strict=True):
            np.testing.assert_array_equal(one.image, other.image)
            np.testing.assert_array_equal(one.image, other.reload())
            assert (one.page_index, one.warnings, one.source) == (other.page_index, other.warnings, other.source)


def test_errors_equal_those_of_this_process(tmp_path) -> None:
    for data in (b"", b"hello", b"%PDF-1.7 and nothing else", b"\x89PNG\r\n\x1a\n broken", tmp_path, tmp_path / "none.png"):
        with pytest.raises(SourceError) as here:
            list(read(data))
        with pytest.raises(SourceError) as apart:
            list(read(data, APART))
        assert (type(here.value), str(here.value)) == (type(apart.value), str(apart.value))
    import pikepdf

    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(encoded(noise(), "PDF"))) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    with pytest.raises(PasswordError):
        list(read(locked.getvalue(), APART))


def test_a_page_that_never_ends_costs_its_time_and_no_other_page() -> None:
    began, pages = time.monotonic(), []
    with pytest.raises(SourceError, match=r"page 1: not decoded within page_timeout=1.5 seconds"):
        for page in read(nested_forms(), QUICK):
            pages.append(page.page_index)
    assert pages == [1] and time.monotonic() - began < 10
    with pytest.raises(SourceError, match="page_timeout"):
        list(read(tiling_pattern(), QUICK))
    assert len(list(read(encoded(noise()), APART))) == 1


def test_whoever_stops_need_not_wait() -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(SourceError, match="no longer wanted"):
        list(read(nested_forms(), APART, stop))
    assert time.monotonic() - began < 10


def test_memory_is_accounted_before_decoding_and_limited_while() -> None:
    grey = encoded(Pillow.new("L", (5000, 5000)))
    with pytest.raises(TooLargeError, match=r"5000 x 5000 pixels take 95 MiB to decode, more than max_decode_bytes=50000000"):
        list(read(grey, ReadOptions(max_decode_bytes=50_000_000)))
    # What no header says: a page whose content is 100 MB of spaces, packed.
    with pytest.raises(SourceError, match="max_decode_bytes=50000000"):
        list(read(packed_spaces(100_000_000), ReadOptions(isolate=True, max_decode_bytes=50_000_000)))
    (small,) = read(encoded(Pillow.new("L", (99, 99)), "PDF"), ReadOptions(pdf_dpi=2400, max_decode_bytes=11 << 20))
    assert small.image.size <= 3 << 20 and "drawn at" in small.warnings[0]


def test_a_decoder_that_dies_is_one_error_and_is_replaced() -> None:
    pages = read(encoded(noise(), "TIFF", save_all=True, append_images=[noise(), noise()]), APART)
    next(pages)
    (busy,) = [one for one in isolated.POOL._known if one not in isolated.POOL._idle and one.channel.fileno() >= 0]
    busy._process.send_signal(signal.SIGSEGV)
    assert next(pages).page_index == 2
    with pytest.raises(SourceError, match=r"page 2: its decoder ended \(SIGSEGV\)"):
        next(pages)


def test_processes_are_kept_and_end_with_their_parent(tmp_path) -> None:
    before = len(isolated.POOL._idle)
    for _ in range(3):
        list(read(encoded(noise()), APART))
    assert len(isolated.POOL._idle) == max(before, 1)
    # One that was killed leaves no decoder behind, nor does one that ends.
    (tmp_path / "page.png").write_bytes(encoded(noise()))
    program = (
        "from inkline.io import isolated, read; from inkline.options import ReadOptions; import sys, time\n"
        f"list(read.read({str(tmp_path / 'page.png')!r}, ReadOptions(isolate=True)))\n"
        "print(isolated.POOL._idle[0]._process.pid, flush=True); time.sleep(float(sys.argv[1]))"
    )
    for seconds in (0, 100):
        process = subprocess.Popen([sys.executable, "-c", program, str(seconds)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        with process:
            decoder = int(process.stdout.readline())
            if seconds:
                process.kill()
        end = time.monotonic() + 20
        while Path(f"/proc/{decoder}").exists():
            assert time.monotonic() < end
            time.sleep(0.02)


def test_a_decoder_that_died_while_idle_costs_nothing() -> None:
    list(read(encoded(noise()), APART))
    for process in isolated.POOL._idle:
        process._process.kill()
        process._process.wait()
    assert len(list(read(encoded(noise()), APART))) == 1


NO_HANDLES = """
import os, resource, sys
from inkline.batch.worker import is_retryable
from inkline.errors import InklineError
from inkline.io.read import read
from inkline.options import ReadOptions
list(read(sys.argv[1])), list(read(sys.argv[1], ReadOptions(isolate=True)))
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
taken = []
try:
    while True:
        taken.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for isolate in (False, True):
    try:
        list(read(sys.argv[1], ReadOptions(isolate=isolate)))
    except InklineError as error:
        print(is_retryable(error), error)
for handle in taken:
    os.close(handle)
print(len(list(read(sys.argv[1], ReadOptions(isolate=True)))))
"""


def test_without_file_handles_it_is_one_line_that_may_pass(tmp_path) -> None:
    (tmp_path / "page.png").write_bytes(encoded(noise()))
    command = [sys.executable, "-c", NO_HANDLES, str(tmp_path / "page.png")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    *refused, last = done.stdout.splitlines()
    assert len(refused) == 2 and last == "1", done.stdout + done.stderr
    assert all(line.startswith("True ") and "Too many open files" in line for line in refused), refused


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_decoders_of_its_own() -> None:
    list(read(encoded(noise()), APART))
    child = os.fork()
    if not child:
        os._exit(len(list(read(encoded(noise()), APART))) + 40)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 41
    assert len(list(read(encoded(noise()), APART))) == 1
