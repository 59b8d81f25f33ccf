"""Reading what an ONNX file says of itself."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkline.errors import ModelError
from inkline.registry.onnx_file import read_onnx_header
from tests.registry.standins import onnx_bytes


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
