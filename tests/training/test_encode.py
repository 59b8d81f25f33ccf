"""Label ids of every decoder, by the class tables of the contracts."""

import numpy as np
import pytest

from inkline.errors import DataError
from inkline.training.data.encode import ENCODERS, Alphabet, encode

ABC = Alphabet(("a", "b", "c", " "), 5)


def test_ids_of_each_decoder() -> None:
    ids = encode(ABC, "ca b", list(ENCODERS))
    assert {name: v.tolist() for name, v in ids.items()} == {
        "ctc": [3, 1, 4, 2],
        "nrtr": [2, 6, 4, 7, 5, 3, 0],
        "sar": [5, 2, 0, 3, 1, 5, 6],
        "attention": [0, 3, 1, 4, 2, 5, 0],
        "srn": [2, 0, 3, 1, 5],
    }
    assert all(v.dtype == np.int64 for v in ids.values())


def test_the_longest_label_fits_and_a_longer_one_does_not() -> None:
    for name in ENCODERS:
        encode(ABC, "abcab", [name])
    assert len(encode(ABC, "abcabc", ["ctc"])["ctc"]) == 6
    for name in ("nrtr", "sar", "attention", "srn"):
        with pytest.raises(DataError, match="6 characters, 5 fit"):
            encode(ABC, "abcabc", [name])


def test_unknown_characters_and_encoders_are_named() -> None:
    with pytest.raises(DataError, match="lacks 'x' of the label 'ax'"):
        encode(ABC, "ax", ["ctc"])
    with pytest.raises(DataError, match="no label encoder 'rnnt'; there are ctc, nrtr"):
        encode(ABC, "a", ["rnnt"])
