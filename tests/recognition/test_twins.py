"""Letters that look alike: those of the language are read where the net is in doubt."""

import numpy as np

from inkline.languages import alphabet_of
from inkline.recognition.corrections import FAR_SHARE, NEAR_SHARE, foreign_classes, prefer_twins, twin_classes


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


def test_letters_of_other_languages_and_scripts_give_way_to_those_of_the_named_one() -> None:
    charset = ("а", "a", "ä", "ă", "è", "串", "Ω", "₺", "é")
    (near, near_share), (far, far_share) = foreign_classes(charset, alphabet_of("ro"))
    assert {key: value.tolist() for key, value in near.items()} == {3: [4], 5: [4], 9: [4]}
    assert {key: value.tolist() for key, value in far.items()} == {1: [2, 4], 6: [2, 4]}
    assert (near_share, far_share) == (NEAR_SHARE, FAR_SHARE)
    assert [sorted(foreign) for foreign, _ in foreign_classes(charset, alphabet_of("en"))] == [[1, 6]]
    assert foreign_classes(charset, alphabet_of("ja")) == foreign_classes(charset, alphabet_of("auto")) == []
    # A doubtful ä is ă, a sure one stays; a Cyrillic а is Latin where the net sees that, too.
    best = np.array([3, 0, 3, 0, 1])
    probability = np.zeros((5, 10), np.float32)
    probability[np.arange(5), best] = [0.6, 1, 0.95, 1, 0.9]
    probability[0, 4], probability[2, 4], probability[4, 2] = 0.3, 0.04, 0.05
    seen, _ = prefer_twins(best, probability.max(axis=1), probability, near, near_share)
    assert seen.tolist() == [4, 0, 3, 0, 1]
    assert prefer_twins(best, probability.max(axis=1), probability, far, far_share)[0].tolist() == [3, 0, 3, 0, 2]
