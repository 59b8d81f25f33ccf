"""Files that appear whole or not at all."""

import hashlib

import pytest

from inkline.files import atomic_path, atomic_write, sha256_of


@pytest.mark.parametrize("content", [b"\x00\r\n", "line\r\nß\n"])
def test_a_file_is_written_as_it_is_and_nothing_is_left_beside_it(tmp_path, content):
    atomic_write(tmp_path / "out", "before")
    atomic_write(tmp_path / "out", content)
    expected = content.encode() if isinstance(content, str) else content
    assert (tmp_path / "out").read_bytes() == expected and sha256_of(tmp_path / "out") == hashlib.sha256(expected).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file(tmp_path, error):
    atomic_write(tmp_path / "out", "before")
    with pytest.raises(type(error)), atomic_path(tmp_path / "out", sync=True) as part:
        part.write_text("half")
        raise error
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out", "before")]


def test_a_name_as_long_as_the_file_system_allows_can_be_written(tmp_path):
    atomic_write(tmp_path / ("x" * 255), "")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_folder_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        atomic_write(tmp_path / "none" / "out", "")
