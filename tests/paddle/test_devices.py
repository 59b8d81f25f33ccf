"""`device="gpu:0,1"`: an object for each device, which read by turns; results stay in order."""

import threading

import numpy as np
import pytest

from inkline import PaddleOCR
from inkline.errors import EngineError, SourceError
from inkline.paddle import devices
from inkline.paddle.devices import devices_of, open_on_devices, stream_on
from inkline.types import Page


def test_a_list_of_devices() -> None:
    assert devices_of("gpu:0,1") == devices_of("gpu:0, 1,0") == ["gpu:0", "gpu:1"]
    assert devices_of("gpu:2") == ["gpu:2"] and devices_of("cpu") == ["cpu"]


class Reader:
    """Stands in for an `Ocr`: a page whose source tells who read it; both must be at work before either goes on."""

    def __init__(self, name, barrier):
        self.name, self.barrier = name, barrier

    def stream(self, sources, on_error, **options):
        for source in sources:
            if self.barrier:
                self.barrier.wait(10)
            if "bad" in source.label:
                error = SourceError(f"{source.label}: bad")
                if on_error is None:
                    raise error
                on_error(source, error)
                continue
            yield Page((), (9, 9), source=f"{source.label} {self.name} {options}")


def test_each_device_reads_every_second_source_and_order_stays() -> None:
    barrier = threading.Barrier(2)
    readers = [Reader(name, barrier) for name in "ab"]
    errors = []
    files = [f"{i}{'bad' * (i == 3)}.png" for i in range(8)]
    found = stream_on(readers, files, lambda source, error: errors.append((source.label, str(error))), x=1)
    assert [page.source for page in found] == [f"{i}.png {'ab'[i % 2]} {{'x': 1}}" for i in range(8) if i != 3]
    assert errors == [("3bad.png", "3bad.png: bad")]
    with pytest.raises(SourceError, match="bad"):
        list(stream_on([Reader(name, None) for name in "ab"], ["0.png", "bad.png", "2.png"]))


def test_paddleocr_on_two_devices(fixtures, monkeypatch) -> None:
    monkeypatch.setattr(devices, "devices_of", lambda device: ["cpu", "cpu"])
    blank = np.full((40, 60, 3), 255, np.uint8)
    with PaddleOCR(device="gpu:0,1", cpu_threads=1) as ocr:
        assert len(ocr._ocrs) == 2 and ocr._ocrs[0] is not ocr._ocrs[1]
        found = [result["rec_texts"] for result in ocr.predict([blank, str(fixtures / "receipt.png"), blank])]
    assert [len(texts) for texts in found] == [0, 18, 0]


def test_without_a_gpu_a_list_is_the_error_of_its_first(monkeypatch) -> None:
    from inkline.runtime import onnxruntime

    monkeypatch.setattr(onnxruntime.ort, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(EngineError, match="device 'gpu:0': this ONNX Runtime has no CUDA provider"):
        open_on_devices(device="gpu:0,1")
