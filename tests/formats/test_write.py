"""Results to files: formats, names, whole files or none."""

import errno
import io
import json
import os
import re
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest

from inkline.errors import OutputError, UsageError
from inkline.flat import apply, to_flat
from inkline.formats.write import WRITERS, check_formats, has_plain_names, render, save, suffix_of, write
from inkline.io.sources import document_stem, picture_suffix
from inkline.options import OcrOptions
from inkline.types import Detections, Document, Line, Page, Transform, Word

QUAD = np.array([[10.4, 20.6], [90, 21], [89.5, 40], [10, 39.6]], np.float32)
KEYS = [
    *("input_path", "page_index", "model_settings", "dt_polys", "text_det_params", "text_type"),
    *(
        "textline_orientation_angles",
        "text_rec_score_thresh",
        "return_word_box",
        "rec_texts",
        "rec_scores",
        "rec_polys",
    ),
    "rec_boxes",
]


def page(source: str | None = "scan.jpg", index: int | None = None, **settings: object) -> Page:
    words = (Word("Grüße", 0.9, QUAD), Word("文", 0.8, QUAD + 1))
    line = Line("Grüße 文", 0.875, QUAD, QUAD, words=words)
    return Page(
        (line,),
        (100, 60),
        source,
        index,
        Detections(np.stack([QUAD, QUAD + 5]), np.array([0.9, 0.7], np.float32)),
        settings=to_flat(apply(OcrOptions(), **settings)),
        load_image=lambda: np.full((60, 100, 3), 200, np.uint8),
    )


def test_json_has_the_keys_of_paddleocr_in_their_order() -> None:
    result = page().to_dict()
    assert list(result) == KEYS
    assert result["model_settings"] == {"use_doc_preprocessor": False, "use_textline_orientation": False}
    assert result["dt_polys"] == [[[10, 21], [90, 21], [90, 40], [10, 40]], [[15, 26], [95, 26], [94, 45], [15, 45]]]
    params = ["limit_side_len", "limit_type", "thresh", "max_side_limit", "box_thresh", "unclip_ratio"]
    assert list(result["text_det_params"]) == params
    assert result["textline_orientation_angles"] == [-1, -1]
    assert result["rec_texts"] == ["Grüße 文"] and result["rec_scores"] == [0.875]
    assert result["rec_polys"] == [[[10, 21], [90, 21], [90, 40], [10, 40]]]
    assert result["rec_boxes"] == [[10, 21, 90, 40]]
    assert all(type(v) is int for v in np.ravel(np.array(result["dt_polys"], object)))


def test_json_of_the_longest_form() -> None:
    asked = {"use_doc_orientation_classify": True, "use_textline_orientation": True, "return_word_box": True}
    full = page(index=3, **asked)
    object.__setattr__(full, "transform", Transform((100, 60), angle=180))
    object.__setattr__(full, "line_angles", (0, 1))
    result = full.to_dict()
    assert list(result) == [*KEYS[:3], "doc_preprocessor_res", *KEYS[3:], "text_word_boxes", "text_word"]
    assert result["doc_preprocessor_res"] == {
        "input_path": None,
        "page_index": None,
        "model_settings": {"use_doc_orientation_classify": True, "use_doc_unwarping": False},
        "angle": 180,
    }
    assert result["page_index"] == 3
    assert result["textline_orientation_angles"] == [0, 1]
    assert result["dt_polys"][0] == [[90, 39], [10, 39], [10, 20], [90, 20]], "boxes are those of the file, not turned"
    assert result["text_word"] == [["Grüße", "文"]]
    assert result["text_word_boxes"] == [[[10, 21, 90, 40], [11, 22, 91, 41]]]


def test_json_of_an_empty_page() -> None:
    result = Page((), (5, 5)).to_dict()
    assert list(result) == [key for key in KEYS if key != "textline_orientation_angles"]
    assert result["dt_polys"] == result["rec_texts"] == result["rec_boxes"] == []
    assert result["input_path"] is None and result["page_index"] is None
    assert json.loads(json.dumps(result)) == result


def test_json_of_polygons() -> None:
    found = Detections(QUAD[None], np.ones(1, np.float32), (np.array([[0, 0], [5, 1], [6, 7]], np.float32),))
    assert Page((), (9, 9), detections=found).to_dict()["dt_polys"] == [[[0, 0], [5, 1], [6, 7]]]


def test_text() -> None:
    assert render(Document((page(), page())), "txt") == "Grüße 文\n\fGrüße 文\n"
    assert render(Document((Page((), (5, 5)),)), "txt") == ""


def test_json_files_hold_one_object_a_page(tmp_path: Path) -> None:
    alone = json.loads(write(page(), tmp_path / "a.json").read_text("utf-8"))
    assert alone["rec_texts"] == ["Grüße 文"]
    several = json.loads(write(Document((page(index=0), page(index=1))), tmp_path / "b.json").read_text("utf-8"))
    assert [one["page_index"] for one in several] == [0, 1]


@pytest.mark.parametrize("format", list(WRITERS))
def test_every_format_is_written(tmp_path: Path, format: str) -> None:
    path = write(page(), tmp_path / f"x{suffix_of(format)}", format)
    assert path.stat().st_size > 0 and os.listdir(tmp_path) == [path.name]


def test_names_are_those_of_paddleocr(tmp_path: Path) -> None:
    assert [p.name for p in save(page("in/scan.jpg"), tmp_path, "json,img,txt")] == [
        "scan_res.json",
        "scan_ocr_res_img.jpg",
        "scan_res.txt",
    ]
    document = Document((page("a/book.pdf", 0), page("a/book.pdf", 1)), "a/book.pdf")
    assert [p.name for p in save(document, tmp_path / "new/deep", ["img", "json", "txt"])] == [
        "book_0_ocr_res_img.png",
        "book_1_ocr_res_img.png",
        "book_0_res.json",
        "book_1_res.json",
        "book_res.txt",
    ]
    assert [p.name for p in save(page("a/book.pdf", 7), tmp_path, "txt")] == ["book_7_res.txt"]
    assert cv2.imread(str(tmp_path / "scan_ocr_res_img.jpg")).shape == (60, 200, 3)


def test_a_preprocessed_page_has_a_second_picture(tmp_path: Path) -> None:
    turned = page(use_doc_orientation_classify=True)
    paths = save(turned, tmp_path, "img")
    assert [p.name for p in paths] == ["scan_ocr_res_img.jpg", "scan_preprocessed_img.jpg"]
    assert cv2.imread(str(paths[1])).shape == (85, 300, 3)


def test_equal_stems_are_kept_apart() -> None:
    taken: dict[str, str] = {}
    sources = ["a/x.png", "b/x.png", "c/x.png", "a/X.jpg", "a/x.png", "d/x.png"]
    assert [document_stem(source, taken) for source in sources] == ["x", "x.png", "x_2", "X.jpg", "x", "x_3"]


def test_a_page_of_a_document_and_a_file_called_so_are_kept_apart(tmp_path: Path) -> None:
    for first, second in [("x.pdf", "x_0.png"), ("x_0.png", "x.pdf")]:
        taken: dict[str, str] = {}
        names = []
        for source in (first, second):
            written = page(source, 0 if source == "x.pdf" else None)
            names += [path.name for path in save(written, tmp_path, "json", taken)]
            assert has_plain_names(written, taken) == (source == first)
        assert len(set(names)) == 2 and names[0] == "x_0_res.json"


@pytest.mark.parametrize(
    ("source", "stem"),
    [
        ("https://example.org/a%20b/page%2Fone.png?x=1", "page_one"),
        ("https://example.org", "page"),
        ("-", "stdin"),
        ("C:\\scans\\a.png" if os.name == "nt" else "scans/a:b?.png", "a" if os.name == "nt" else "a_b_"),
        (".hidden", ".hidden"),
        ("a/b.tar.gz", "b.tar"),
        ("文" * 100 + ".png", "文" * 50),
    ],
)
def test_stems_suit_any_file_system(source: str, stem: str) -> None:
    assert document_stem(source) == stem


def test_sources_without_a_name_get_a_time() -> None:
    assert document_stem(None)[:2] == "20" and len(document_stem(None)) == 19


@pytest.mark.parametrize(
    ("source", "suffix"),
    [("a.JPG", ".JPG"), ("a.pdf", ".png"), ("a.gif", ".png"), (None, ".png"), ("https://h/a.webp", ".webp")],
)
def test_pictures_are_of_the_kind_of_their_input(source: str | None, suffix: str) -> None:
    assert picture_suffix(source) == suffix


def test_formats_are_checked() -> None:
    assert check_formats("json, TXT,json") == ("json", "txt")
    with pytest.raises(UsageError, match="did you mean 'json'"):
        check_formats("jsn")
    with pytest.raises(UsageError, match="no output format"):
        check_formats("")
    with pytest.raises(UsageError, match=r"out\.xyz"):
        write(page(), "out.xyz")
    with pytest.raises(UsageError, match="page by page"):
        write(Document((page(), page())), "out.png")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(page(), tmp_path / "a.txt")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match=r"a\.txt: cannot write this file: No space left"):
        write(Page((), (5, 5)), path)
    assert path.read_text("utf-8") == "Grüße 文\n" and os.listdir(tmp_path) == ["a.txt"]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make this folder"):
        save(page(), tmp_path / "file/below", "txt")
    with pytest.raises(OutputError, match="cannot write"):
        write(page(), tmp_path / "missing/a.txt")
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write(page(), tmp_path / "folder.txt")


def test_devices_are_written_to_as_they_are() -> None:
    assert write(page(), "/dev/null", "json") == Path("/dev/null")
    assert not Path("/dev/null").is_file()


def test_a_source_name_that_is_not_utf8(tmp_path: Path) -> None:
    path = write(page("caf\udce9.png"), tmp_path / "a.json")
    assert json.loads(path.read_text("utf-8"))["input_path"] == "caf\udce9.png"


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    assert write(page(), tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


NO_PLACES = {
    "not a number": np.full((4, 2), np.nan),
    "one corner without a place": np.array([[np.nan, 20], [90, 20], [90, 40], [10, 40]]),
    "endless": np.array([[0, 0], [np.inf, 0], [np.inf, 10], [0, 10]]),
    "far off": np.array([[-1e30, 0], [1e30, 0], [1e30, 10], [-1e30, 10]]),
    "a point": np.full((4, 2), 50.0),
    "without height": np.array([[10, 10], [90, 10], [90, 10], [10, 10]]),
    "without width": np.array([[10, 10], [10, 10], [10, 60], [10, 60]]),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("with_words", [False, True])
@pytest.mark.parametrize("kind", NO_PLACES)
def test_boxes_that_are_none_become_boxes_that_files_can_hold(kind: str, with_words: bool) -> None:
    quad = NO_PLACES[kind].astype(np.float32)
    words = (Word("two", 0.9, quad), Word("words", 0.9, quad)) if with_words else ()
    lines = (Line("fine text", 0.9, QUAD, QUAD), Line("two words", 0.9, quad, quad, words=words, paragraph=1))
    found = Detections(np.stack([QUAD, quad]), np.ones(2, np.float32))
    page = Page(lines, (300, 200), detections=found, load_image=lambda: np.full((200, 300, 3), 255, np.uint8))
    assert page.lines[0] is not None and np.array_equal(page.lines[0].quad, QUAD)
    assert page.plot().shape == (200, 600, 3) and "two words" in page.text
    for name in WRITERS:
        out = render(Document((page,)), name)
        if name == "pdf":
            with pikepdf.open(io.BytesIO(out)) as pdf:  # type: ignore[arg-type]
                out = b"".join(bytes(pikepdf.unparse_content_stream(pikepdf.parse_content_stream(one))) for one in pdf.pages)
        if name not in ("parquet", "img"):
            text = out if isinstance(out, bytes) else str(out).encode()
            text = re.sub(rb"<[0-9a-f]+>", b"", text)  # the letters of a PDF's text
            assert not re.search(rb"\b(nan|inf|infinity)\b|\d{9}", text, re.IGNORECASE), name
