"""Figures below each other in one upright box, and upright lines that are none."""

import cv2
import numpy as np
import pytest

from inkline.detection.ink import page_ink
from inkline.detection.stacks import with_stacks_parted
from inkline.types import Detections


def page(scale, pitch, font=cv2.FONT_HERSHEY_SIMPLEX, rows=6):
    """Rows of text right of a column of figures, and boxes of the rows and of the column, scale times 20 px high."""
    high = 20 * scale
    image = np.full((round((rows + 2) * pitch * high), round(24 * high), 3), 255, np.uint8)
    for k in range(rows):
        foot = round((k + 1) * pitch * high)
        for text, x in ((str(k + 1), 2), ("13 A-14 B", 8)):
            cv2.putText(image, text, (round(x * high), foot), font, 0.8 * scale, (0, 0, 0), max(1, round(2 * scale)))
    bounds = [(7.8, (k + 1) * pitch - 0.95, 15, (k + 1) * pitch + 0.15) for k in range(rows)]
    bounds.append((1.7, pitch - 0.95, 3, rows * pitch + 0.15))
    quads = [[[a, b], [c, b], [c, d], [a, d]] for a, b, c, d in bounds]
    return image, Detections(high * np.array(quads, np.float32), np.full(len(quads), 0.9, np.float32))


@pytest.mark.parametrize("scale", [0.6, 1.0, 2.0])
@pytest.mark.parametrize(("pitch", "font"), [(1.1, cv2.FONT_HERSHEY_SIMPLEX), (1.8, cv2.FONT_HERSHEY_DUPLEX)])
def test_figures_of_a_column_are_parted_row_by_row(scale, pitch, font):
    image, found = page(scale, pitch, font)
    out = with_stacks_parted(found, page_ink(image))
    assert len(out) == 12 and np.array_equal(out.quads[:6], found.quads[:6])
    middles = out.quads[6:].mean(axis=1)
    assert np.abs(middles[:, 1] - out.quads[:6].mean(axis=1)[:, 1]).max() < 4 * scale
    assert (np.ptp(out.quads[6:, :, 1], axis=1) < 25 * scale).all()


def test_what_stands_sideways_or_beside_no_rows_stays():
    image, found = page(1.0, 1.8)
    tight = np.full_like(image, 255)  # a number down the margin, its figures nearer than rows
    for k in range(14):
        cv2.rectangle(tight, (44, 24 + 12 * k), (54, 32 + 12 * k), (0, 0, 0), -1)
    assert with_stacks_parted(found, page_ink(tight)) is found
    # A column of Chinese, other columns beside it and no rows.
    alone = Detections(found.quads[[6, 6]] + np.array([[[0, 0]], [[60, 0]]], np.float32), found.scores[:2])
    assert with_stacks_parted(alone, page_ink(image)) is alone
