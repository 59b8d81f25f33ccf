"""Which recognisers read a line that the router has looked at."""

from inkline.recognition.router import GOOD_SCORE, SURE_SCORE, Plan


def test_lao_is_asked_where_thai_is_not_sure() -> None:
    chances = {"thai": 0.985, "lao": 0.013, "default": 0.002}
    middling = (GOOD_SCORE + SURE_SCORE) / 2
    assert Plan(chances, "Thai").next_to(["thai"], middling) == ["lao"]
    assert Plan(chances, "Thai").next_to(["thai"], SURE_SCORE) == []
    assert Plan(chances, "Cyrl").next_to(["thai"], middling) == []  # other scripts are not so easily mistaken
