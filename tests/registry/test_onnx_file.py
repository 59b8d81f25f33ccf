"""Reading what an ONNX file says of itself."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkline.errors import ModelError
from inkline.options import EngineOptions
from inkline.registry import resolve
from inkline.registry.inspect import only_latin
from inkline.registry.onnx_file import read_onnx_header
from inkline.registry.settings import Settings
from inkline.runtime import open_engine
from tests.registry.standins import onnx_bytes


def test_a_head_cut_to_latin_says_what_the_whole_one_says_among_its_classes(tmp_path: Path) -> None:
    whole, settings = resolve("PP-OCRv6_small_rec"), Settings(tmp_path)
    cut = only_latin(whole, settings)
    charset = whole.charset or ()
    kept = [i for i, token in enumerate(charset) if token in set(cut.charset or ())]
    assert tuple(charset[i] for i in kept) == cut.charset and 1000 < len(kept) < 2000
    assert set("aZß€½ 9α") <= set(cut.charset) and not set("日十一：аΑⅠ") & set(cut.charset)
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 160)).astype(np.float32)
    engines = (open_engine(model.path, EngineOptions(engine="onnxruntime", cpu_threads=1)) for model in (whole, cut))
    expected, answer = (engine(x)[0] for engine in engines)
    expected = expected[..., [0, *(i + 1 for i in kept)]]
    assert np.allclose(answer, expected / expected.sum(axis=2, keepdims=True), atol=1e-3)
    # The file says so, is made once, and one that knows little is left alone.
    assert [shape[-1] for shape in read_onnx_header(cut.path).outputs.values()] == [len(kept) + 1]
    made = cut.path.stat().st_ino
    assert only_latin(whole, settings).path == cut.path and only_latin(cut, settings) is cut
    assert cut.path.stat().st_ino == made
    # One that a full disk cut short is made again.
    os.truncate(cut.path, 100_000)
    assert only_latin(whole, settings).path == cut.path and read_onnx_header(cut.path).outputs


def test_metadata_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(onnx_bytes({"y": (-1, -1, 97), "z": (1, 300)}, {"character": "a\nß\n疗\u2028", "empty": ""}))
    header = read_onnx_header(path)
    assert header.metadata == {"character": "a\nß\n疗\u2028", "empty": ""}
    assert header.outputs == {"y": (-1, -1, 97), "z": (1, 300)}
    assert header.inputs == {"x": (-1, 3, 48, -1)}  # weights are no inputs


@pytest.mark.parametrize("data", [b"", b"<html>", b"\x08", b"\xff" * 40, onnx_bytes({"y": (1,)})[:60], onnx_bytes({})])
def test_what_is_no_onnx_file(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="not an ONNX file"):
        read_onnx_header(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        read_onnx_header(tmp_path / "a.onnx")


@given(st.binary(max_size=200), st.integers(0, 199))
def test_any_bytes_end_in_a_header_or_a_model_error(tmp_path_factory: pytest.TempPathFactory, data: bytes, at: int) -> None:
    path = tmp_path_factory.mktemp("any") / "a.onnx"
    whole = bytearray(onnx_bytes({"y": (-1, 5)}, {"key": "value"}))
    whole[at % len(whole) : at % len(whole) + len(data)] = data
    path.write_bytes(bytes(whole))
    with contextlib.suppress(ModelError):
        read_onnx_header(path)
