"""Latin and Cyrillic letters of one shape."""

import pytest

from inkline.ops.lookalikes import CYRILLIC, LATIN, one_script, reads_both


@pytest.mark.parametrize(
    ("seen", "meant"),
    [
        ("Invo\u0456\u0441\u0435", "Invoice"),  # ends in Cyrillic letters
        ("Bc\u0435м", "\u0412\u0441\u0435м"),
        ("B начале", "\u0412 начале"),  # a word of lookalikes goes with its line
        ("счёт B12", "счёт B12"),  # a code
        ("Жwж", "Жwж"),  # letters of both scripts: nothing is known
        ("COCA", "COCA"),  # nothing tells
        ("", ""),
        ("a  b", "a  b"),
    ],
)
def test_one_script(seen: str, meant: str) -> None:
    assert one_script(seen) == meant and len(one_script(seen)) == len(seen)


def test_lookalikes_come_in_pairs() -> None:
    assert len(LATIN) == len(CYRILLIC) == len(set(LATIN)) == len(set(CYRILLIC))
    assert all(c.isascii() for c in LATIN) and not any(c.isascii() for c in CYRILLIC)
    assert reads_both(LATIN + CYRILLIC + "w") and not reads_both(LATIN)
