"""Letters that look alike: those of the language are read where the net is in doubt."""

import numpy as np

from inkline.recognition.corrections import prefer_twins, twin_classes


def test_a_letter_that_the_language_lacks_gives_way_to_its_twin_where_the_net_is_in_doubt() -> None:
    charset = ("ي", "ی", "ب")
    twins = twin_classes(charset, ["يی", "كک"])
    assert {key: value.tolist() for key, value in twins.items()} == {1: [2]}
    best = np.array([1, 1, 0, 1, 3])
    probability = np.zeros((5, 4), np.float32)
    probability[[0, 1, 2, 3, 4], best] = [0.6, 0.9, 1, 0.999, 0.6]
    probability[0, 2], probability[3, 2], probability[4, 2] = 0.3, 0.001, 0.4
    prob = probability.max(axis=1)
    seen, score = prefer_twins(best, prob, probability, twins)
    assert seen.tolist() == [2, 2, 0, 1, 3]  # in doubt, sure, and no twin
    np.testing.assert_allclose(score, [0.9, 0.9, 1, 0.999, 0.6])
    assert best.tolist() == [1, 1, 0, 1, 3]
