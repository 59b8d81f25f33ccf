"""Latin letters and those of other scripts that have the same shape."""

import numpy as np
import pytest

from inkline.recognition.corrections import (
    CYRILLIC,
    GREEK,
    Homoglyphs,
    classes_by_script,
    homoglyphs_of,
    in_one_script,
    unify_script,
)


@pytest.mark.parametrize(
    ("pair", "seen", "meant"),
    [
        (CYRILLIC, "Invo\u0456\u0441\u0435", "Invoice"),  # ends in Cyrillic letters
        (CYRILLIC, "Bc\u0435м", "\u0412\u0441\u0435м"),
        (CYRILLIC, "B начале", "\u0412 начале"),  # a word of lookalikes goes with its line
        (CYRILLIC, "счёт B12", "счёт B12"),  # a code
        (CYRILLIC, "Жwж", "Жwж"),  # letters of both scripts: nothing is known
        (CYRILLIC, "COCA", "COCA"),  # nothing tells
        (CYRILLIC, "", ""),
        (CYRILLIC, "a  b", "a  b"),
        (GREEK, "λ\u006fγ\u006fς", "λ\u03bfγ\u03bfς"),  # Latin o in a Greek word
        (GREEK, "f\u03bfr \u03bf", "for o"),  # omicrons in an English line
        (GREEK, "ἄ\u0076θρωπος", "ἄ\u03bdθρωπος"),
        (GREEK, "AΓ. 65", "\u0391Γ. 65"),
    ],
)
def test_unify_script(pair: Homoglyphs, seen: str, meant: str) -> None:
    assert unify_script(seen, pair) == meant and len(unify_script(seen, pair)) == len(seen)


@pytest.mark.parametrize("pair", [CYRILLIC, GREEK])
def test_lookalikes_come_in_pairs(pair: Homoglyphs) -> None:
    assert len(pair.latin) == len(pair.other) == len(set(pair.latin)) == len(set(pair.other))
    assert all(c.isascii() for c in pair.latin) and not any(c.isascii() for c in pair.other)
    assert all(any(first <= c <= last for first, last in pair.ranges) for c in pair.other + pair.own)
    assert homoglyphs_of(pair.latin + pair.other + pair.own + "w") is pair
    assert homoglyphs_of(pair.latin) is None and homoglyphs_of(pair.latin + pair.other) is None


def test_a_line_is_read_in_one_script_by_a_net_of_several():
    charset = ("a", *map(chr, range(0x10D0, 0x10F0)), *map(chr, range(0x561, 0x581)), "1", " ")
    scripts = classes_by_script(charset)
    georgian, armenian = charset.index("ა") + 1, charset.index("ա") + 1
    assert scripts[[0, 1, georgian, armenian, -1]].tolist() == [0, 0, 1, 2, 0]
    probability = np.zeros((4, len(charset) + 1), np.float32)
    probability[[0, 1], [georgian, georgian + 1]] = 0.9
    probability[2, [armenian, georgian + 2]] = 0.6, 0.4
    probability[3, 1] = 1
    best, prob = in_one_script(probability, scripts)
    assert best.tolist() == [georgian, georgian + 1, georgian + 2, 1]
    np.testing.assert_allclose(prob, [0.9, 0.9, 0.4, 1])
    assert classes_by_script(("a", "я", *map(chr, range(0x430, 0x450)))) is None  # Cyrillic alone
    assert classes_by_script((*charset, "中")) is None
