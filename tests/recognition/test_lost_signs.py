"""Points between figures and signs before them that dots or wear have hidden: room for one, and rests of its ink or none."""

import cv2
import numpy as np
import pytest

from inkline.recognition.lost_signs import with_lost_signs
from inkline.types import Text

SCALES = [0.6, 1.0, 2.0]
FONTS = [cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX]


def figures(shown, font, scale, point=True, missing=0.0):
    """A line of figures as wide as each other, its points drawn small or not, and what a net reads of it without them."""
    advance, gap, foot = 22 * scale, 11 * scale, round(40 * scale)
    image, at, middles = np.full((round(60 * scale), round(300 * scale), 3), 255, np.uint8), 20 * scale, []
    for char in shown:
        if char == ".":
            x = round(at + gap / 3)
            if point:
                cv2.rectangle(image, (x, round(foot - 3 * scale)), (x + round(2 * scale), foot), (0, 0, 0), -1)
            at += gap
            continue
        (width, _), _ = cv2.getTextSize(char, font, scale, 1)
        cv2.putText(image, char, (round(at + (advance - width) / 2), foot), font, scale, (0, 0, 0), max(1, round(2 * scale)))
        middles.append((at + advance / 2) / image.shape[1])
        at += advance
    text, spans = shown.replace(".", ""), np.array(middles, np.float32)[:, None] + np.float32([-0.01, 0.01])
    scores = np.ones(len(text), np.float32)
    evidence = np.stack([scores, 0 * scores, missing * scores], axis=1)
    return Text(text, 1.0, scores, spans, evidence=evidence), image


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("font", FONTS)
def test_a_figure_that_may_have_lost_its_point_is_in_doubt_and_has_it_where_its_ink_is(font, scale):
    page = [figures("2805637942", font, scale), figures("83926", font, scale)]
    for point, missing, expected in ((True, 0.2, "2.9"), (False, 0.2, "29"), (True, 0.0, "29")):
        texts, crops = zip(*page, figures("2.9", font, scale, point, missing), strict=True)
        out = with_lost_signs(texts, crops)
        assert out[:2] == list(texts[:2])
        assert out[2].text == expected
        doubted = bool(missing)
        assert (out[2].score < 0.9) == doubted and (out[2].evidence[0, 2] >= 0.5) == doubted
    # Figures as far apart as others are whole, and so is one that a space follows.
    for shown in ("29", "2..9"):
        texts, crops = zip(*page, figures(shown, font, scale, False, 0.2), strict=True)
        assert with_lost_signs(texts, crops) == list(texts)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("font", FONTS)
def test_a_rest_of_a_minus_before_a_figure_is_one_in_doubt(font, scale):
    text, image = figures("5", font, scale)
    left, height = 18 * scale, 21 * scale
    # x from the figure, foot above the base line, width, height: all in heights of the figure
    rests = {"minus": (-0.3, 0.3, 0.24, 0.08), "point": (-0.2, 0, 0.12, 0.12), "bullet": (-0.4, 0.3, 0.2, 0.2)}
    for name, (x, foot, width, high) in rests.items():
        crop, (x0, y1) = image.copy(), (round(left + x * height), round(40 * scale - foot * height))
        crop[y1 - round(high * height) : y1, x0 : x0 + round(width * height)] = 0
        (out,) = with_lost_signs([text], [crop])
        assert (out.text, out.score < 0.9) == (("-5", True) if name == "minus" else ("5", False)), name
        crop[y1 - round(0.5 * height) : y1, 0 : round(0.2 * height)] = 0  # behind something else it is none
        assert with_lost_signs([text], [crop]) == [text]
