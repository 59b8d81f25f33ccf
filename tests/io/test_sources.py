"""What users hand in: paths, folders, globs, lists, standard input."""

import io
import os
import pickle
import socket
import traceback
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from inkline.errors import MissingFileError, SourceError, TooLargeError
from inkline.io.read import count_pages, expand, read
from inkline.io.sources import as_source
from inkline.options import ReadOptions


def png() -> bytes:
    file = io.BytesIO()
    Pillow.new("RGB", (12, 9), (10, 20, 30)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as users have them: nested, with other files, hidden ones, links in a circle."""
    for name in ("b.png", "a.JPG", "sub/z.png", "sub/deep/scan", "sub/.hidden.png", "._a.JPG", "téléchargé 文書.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png())
    for name in ("notes.txt", "sub/LICENSE"):
        (tmp_path / name).write_text("nothing to read")
    (tmp_path / "sub/loop").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


def labels(inputs: object, root: Path) -> list[str]:
    return [os.path.relpath(source.label, root) for source in expand(inputs)]


def test_a_folder_is_walked_in_order(folder: Path) -> None:
    expected = ["a.JPG", "b.png", "sub/deep/scan", "sub/z.png", "téléchargé 文書.png"]
    assert labels(folder, folder) == labels(str(folder), folder) == expected


def test_globs(folder: Path) -> None:
    assert labels(f"{folder}/*.png", folder) == ["b.png", "téléchargé 文書.png"]
    assert labels(f"{folder}/**/*.png", folder) == ["b.png", "sub/z.png", "téléchargé 文書.png"]
    assert labels(f"{folder}/sub/dee?", folder) == ["sub/deep/scan"]
    (folder / "odd[1].png").write_bytes(png())
    assert labels(f"{folder}/odd[1].png", folder) == ["odd[1].png"]


@pytest.mark.parametrize("name", ["*.gif", "none.png", "empty.png", "with\0nul.png", "x" * 5000 + ".png", "s3://bucket/a.png"])
def test_what_is_not_there_fails_when_it_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty.png").mkdir()
    given = name if "://" in name else f"{tmp_path}/{name}"
    (source,) = expand(given)
    with pytest.raises(SourceError) as caught:
        list(read(source))
    assert name in str(caught.value)


def test_one_bad_input_does_not_stop_the_others(folder: Path) -> None:
    inputs = [folder / "none.png", None, [folder / "b.png", (png(),)], 42, ""]
    read_, failed = 0, []
    for source in expand(inputs):
        try:
            read_ += len(list(read(source)))
        except SourceError as error:
            failed.append(str(error))
    assert read_ == 2 and len(failed) == 4
    assert "cv2.imread" in failed[1] and "int cannot be read" in failed[2] and "is empty" in failed[3]


def test_a_generator_of_inputs_is_taken_lazily() -> None:
    taken = []

    def inputs() -> object:
        for i in range(3):
            taken.append(i)
            yield png()

    next(expand(inputs()))
    assert taken == [0]


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "memoryview", "file", "pillow", "array", "path", "str", "uri"])
def test_kinds_of_input(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(png())
    given = {
        "bytes": png(),
        "bytearray": bytearray(png()),
        "memoryview": memoryview(png()),
        "file": io.BytesIO(png()),
        "pillow": Pillow.new("RGB", (12, 9), (10, 20, 30)),
        "array": np.full((9, 12, 3), (30, 20, 10), np.uint8),
        "path": path,
        "str": str(path),
        "uri": path.as_uri(),
    }[kind]
    (source,) = expand(given)
    (page_image,) = read(source)
    assert page_image.image.shape == (9, 12, 3) and page_image.image[4, 4].tolist() == [30, 20, 10]
    assert page_image.page_index is None
    assert page_image.source == {"path": str(path), "str": str(path), "uri": path.as_uri()}.get(kind)
    np.testing.assert_array_equal(page_image.reload(), page_image.image)


def test_an_open_file_is_read_from_where_it_stands_and_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"junk" + png())
    with open(path, "rb") as file:
        file.seek(4)
        (page_image,) = read(file)
    assert page_image.source == str(path) and page_image.reload().shape == (9, 12, 3)


def test_a_file_open_as_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("a")
    with open(path) as file, pytest.raises(SourceError, match="mode 'rb'"):
        list(read(file))


def test_limits_of_open_files() -> None:
    with pytest.raises(TooLargeError, match="max_source_bytes"):
        list(read(io.BytesIO(png()), ReadOptions(max_source_bytes=20)))


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Piped:
        buffer = io.BytesIO(png())

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdin", Piped())
    (page_image,) = read("-")
    assert page_image.source == "-" and page_image.reload().shape == (9, 12, 3)
    with pytest.raises(SourceError, match=r"standard input: .*empty"):
        list(read("-"))


def test_a_terminal_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(SourceError, match="nothing is piped in"):
        list(read("-"))


@pytest.mark.timeout(20)
def test_pipes_sockets_and_devices_are_refused(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
        for path in (pipe, tmp_path / "s.png", Path("/dev/zero")):
            with pytest.raises(SourceError, match="pipe or a device"):
                list(read(path))


def test_a_file_without_permission(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("inkline.io.sources.open", refuse, raising=False)
    with pytest.raises(SourceError, match=r"b\.png: no permission"):
        list(read(folder / "b.png"))


def test_a_folder_given_to_read_is_an_error(folder: Path) -> None:
    with pytest.raises(SourceError, match="folder"):
        list(read(str(folder)))


def test_count_pages(folder: Path) -> None:
    file = io.BytesIO()
    Pillow.new("L", (9, 9)).save(file, "TIFF", save_all=True, append_images=[Pillow.new("L", (9, 9))] * 4)
    assert count_pages(file.getvalue()) == 5
    assert count_pages(file.getvalue(), ReadOptions(page_range="2-3,9")) == 2
    assert count_pages(folder / "b.png") == 1
    assert count_pages(np.zeros((2, 2), np.uint8)) == count_pages(Pillow.new("L", (2, 2))) == 1
    assert count_pages("-") is count_pages("https://example.invalid/a.png") is count_pages(folder / "none.png") is None
    assert count_pages(folder / "notes.txt") is None


def test_a_missing_file_is_one_error_with_nothing_behind_it(tmp_path: Path) -> None:
    (folder,) = expand("none/")
    assert isinstance(folder.error, MissingFileError) and str(folder.error) == "no such folder"
    with pytest.raises(MissingFileError, match=r"none\.png: no such file") as missing:
        list(read(tmp_path / "none.png"))
    assert "".join(traceback.format_exception(missing.value)).count("Traceback") == 1
    (tmp_path / "no.png").write_bytes(b"nothing")
    with pytest.raises(SourceError, match="neither an image") as unreadable:
        list(read(tmp_path / "no.png"))
    assert "".join(traceback.format_exception(unreadable.value)).count("Traceback") == 1


def test_a_page_reloads_after_its_file_was_closed_and_fails_clearly_when_it_is_gone(folder: Path) -> None:
    (page_image,) = read(folder / "b.png")
    assert page_image.reload().shape == (9, 12, 3)
    (folder / "b.png").unlink()
    with pytest.raises(SourceError, match=r"b\.png: no such file or folder"):
        page_image.reload()


@pytest.mark.parametrize("given", [np.full((9, 12, 3), 7, np.uint8), Pillow.new("RGB", (12, 9), (7, 7, 7)), png()])
def test_a_page_image_can_be_pickled_with_its_way_to_load_it_again(given: object) -> None:
    (page_image,) = read(given)
    copy = pickle.loads(pickle.dumps(page_image))
    np.testing.assert_array_equal(copy.image, page_image.image)
    np.testing.assert_array_equal(copy.reload(), page_image.image)


def test_a_list_given_as_one_image_is_told_what_takes_several() -> None:
    source = as_source(["a.png", "b.png"])
    with pytest.raises(SourceError, match=r"list cannot be read as one image.*Ocr\.stream") as caught:
        list(read(source))
    assert "a list of them" not in str(caught.value)


def test_a_pillow_that_is_being_imported_by_another_thread(monkeypatch):
    import sys
    from types import ModuleType

    from inkline.io.sources import is_pillow

    monkeypatch.setitem(sys.modules, "PIL.Image", ModuleType("PIL.Image"))  # as it is at the first line of its import
    assert not is_pillow(b"bytes")
