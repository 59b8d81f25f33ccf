"""A cheap selection of `benchmarks.cases`: each kind of trouble in one font and a size or two."""

from dataclasses import replace

import pytest

from benchmarks.case_pages import SIZES_PX, cases
from benchmarks.cases import count

# kind -> the sizes that are drawn, and how many rows may be wrong
SELECTION = {
    "one sign in cells": ((24,), 0),
    "signs in a table": ((18,), 0),
    "digits in a table": ((18,), 0),
    "dot leaders": ((24,), 0),
    "signs": ((18, 44), 0),
    "zeros": ((24,), 0),
    "inks on transparent": ((24,), 0),
    "a letter or digit alone": ((24, 32), 0),
    "letters and quotes": ((24, 44), 0),
    "raised figures": ((32,), 0),
    "blanks": ((18, 32), 0),
}


@pytest.mark.parametrize("kind", SELECTION)
def test_rows_come_out_as_they_are_drawn(ocr, kind):
    sizes, may_be_wrong = SELECTION[kind]
    wrong, lost = [], 0
    for case in cases([kind], 1, sizes):
        page = ocr(case.image)
        counts = count(case, page)
        assert counts.wrong == 0, f"{case.name}: a figure that is not there: {page.text}"
        if counts.rows_right < counts.rows:
            lost += counts.rows - counts.rows_right
            wrong.append(f"{case.name}: {page.text}")
    assert lost <= may_be_wrong, "\n".join(wrong)


def test_text_under_and_over_a_watermark_is_found(ocr):
    for case in cases(["watermark"], 2, [32]):  # of the two, the second font lost a line in two of three
        page = ocr(case.image)
        assert count(case, page).rows_right == 6, case.name
        # What was not read is said.
        is_read = any(word in page.text.upper() for word in ("CONFIDENTIAL", "PAID"))
        assert is_read == (not any("watermark" in warning for warning in page.warnings)), (page.text, page.warnings)


def test_every_kind_is_drawn_in_all_sizes():
    names = [case.name for case in cases(["signs"], 1)]
    assert [name.split()[-2] for name in names] == [str(size) for size in SIZES_PX]


def test_signs_alone_are_found_in_white_on_black(ocr):
    for case in cases(["one sign in cells"], 1, [24]):
        light = replace(case, image=255 - case.image)
        assert count(light, ocr(light.image)).rows_right == 8, case.name
