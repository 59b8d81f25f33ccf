"""Starting from trained weights: charsets, and heads that keep what they know."""

from pathlib import Path

import pytest
import torch

from inkline.errors import DataError, ModelError, UsageError
from inkline.training.data.encode import Alphabet
from inkline.training.finetune import extended
from inkline.training.nets.table import build, net_name
from inkline.training.start_weights import StartWeights, head_surgery, init_from, read_charset

OLD = tuple("abcde")
NEW = tuple("bXacY")
# net -> special classes beside the characters
NETS = {
    "PP-OCRv4_mobile_rec": 1,
    "CRNN_MobileNetV3": 1,
    "ch_PP-OCRv2_rec": 1,
    "RARE_MobileNetV3": 2,
    "PP-OCRv3_mobile_rec": 1,
}


@pytest.mark.parametrize("name", NETS)
def test_old_characters_keep_their_scores(name: str) -> None:
    """A net whose charset changed scores the characters it knew, and its special classes, as before."""
    torch.manual_seed(0)
    special = NETS[name]
    old = build(name, len(OLD) + special).eval()
    new, said = init_from(build(name, len(NEW) + special), StartWeights("old", name, old.state_dict(), OLD, None, False), NEW)
    assert "3 characters kept, 2 new, 2 dropped" in said
    image = torch.rand(2, 3, 48 if "PP-OCRv" in name and "v2" not in name else 32, 96)
    if special == 1:
        with torch.no_grad():
            a, b = (net.eval().training_outputs(image)["ctc_logits"] for net in (old, new))
        pairs = [(0, 0)] + [(1 + OLD.index(c), 1 + NEW.index(c)) for c in "abc"]
    else:  # teacher forcing with tokens both know: start, a, b, c, end
        tokens = [[0, 1, 2, 3, 6] + [0] * 21] * 2, [[0, 3, 1, 4, 6] + [0] * 21] * 2
        with torch.no_grad():
            a, b = (
                net.eval().training_outputs(image, {"attention": torch.tensor(t)})["attention_logits"]
                for net, t in zip((old, new), tokens, strict=True)
            )
        pairs = [(0, 0), (6, 6)] + [(1 + OLD.index(c), 1 + NEW.index(c)) for c in "abc"]
    for i, j in pairs:
        assert torch.allclose(a[..., i], b[..., j], atol=1e-5), (i, j)


def test_nrtr_branch_keeps_its_characters() -> None:
    torch.manual_seed(0)
    name = "PP-OCRv4_mobile_rec"
    old, fresh = build(name, len(OLD) + 1).state_dict(), build(name, len(NEW) + 1).state_dict()
    rows = head_surgery(old, fresh, OLD, NEW)
    key = "head.gtc_head.tgt_word_prj.weight"
    assert torch.equal(rows[key][:4], old[key][:4]) and torch.equal(rows[key][-1], old[key][-1])
    assert torch.equal(rows[key][4 + NEW.index("b")], old[key][4 + OLD.index("b")])
    mean = old[key][4 : 4 + len(OLD)].mean(0)
    assert torch.allclose(rows[key][4 + NEW.index("X")], mean + 0.1 * fresh[key][4 + NEW.index("X")])


def test_of_a_space_listed_twice_the_trained_row_is_kept() -> None:
    """The last one, as in the reference; the dead one goes, and what is new comes behind."""
    old = ("a", "b", " ", " ")
    new = extended(old, {"b", "c", " "})
    assert new == ("a", "b", " ", "c")
    weights, fresh = (build("CRNN_MobileNetV3", n + 1).state_dict() for n in (len(old), len(new)))
    rows = head_surgery(weights, fresh, old, new)["head.fc.weight"]
    assert torch.equal(rows[:3], weights["head.fc.weight"][:3])
    assert torch.equal(rows[3], weights["head.fc.weight"][4])
    assert Alphabet(old).ids("b ").tolist() == [1, 3]


def test_what_does_not_fit_is_named() -> None:
    state = build("CRNN_MobileNetV3", 6).state_dict()
    other = build("Rosetta_MobileNetV3", 6)
    with pytest.raises(ModelError, match=r"old\.pt, weights of CRNN_MobileNetV3: the weights do not fit"):
        init_from(other, StartWeights("old.pt", "CRNN_MobileNetV3", state, OLD, None, False), OLD)
    with pytest.raises(ModelError, match="does not fit its charset"):
        init_from(
            build("CRNN_MobileNetV3", 9),
            StartWeights("old.pt", "CRNN_MobileNetV3", state, OLD[:3], None, False),
            tuple("abcdefgh"),
        )


@pytest.mark.parametrize(
    ("model", "net"),
    [
        ("japan_PP-OCRv3_mobile_rec", "PP-OCRv3_mobile_rec"),
        ("chinese_cht_PP-OCRv3_mobile_rec", "PP-OCRv3_mobile_rec"),
        ("en_PP-OCRv4_mobile_rec", "en_PP-OCRv4_mobile_rec"),
        ("Multilingual_PP-OCRv3_det", "PP-OCRv3_mobile_det"),
        ("PP-OCRv4_server_rec_doc", "PP-OCRv4_server_rec"),
    ],
)
def test_the_net_of_a_model(model: str, net: str) -> None:
    assert net_name(model) == net
    with pytest.raises(UsageError, match=r"no net is called 'PP-OCRv9_rec'"):
        net_name("PP-OCRv9_rec")


def test_training_heads_may_be_missing() -> None:
    """An inference file has no NRTR branch: it starts fresh, the rest must be there."""
    name = "PP-OCRv4_mobile_rec"
    state = {k: v for k, v in build(name, 6).state_dict().items() if not k.startswith(("head.gtc", "head.before_gtc"))}
    _, said = init_from(build(name, 6), StartWeights("old", name, state, OLD, None, False), OLD)
    assert "freshly initialised: head.before_gtc, head.gtc_head" in said
    del state["head.ctc_head.fc.weight"]
    with pytest.raises(ModelError, match=r"head\.ctc_head\.fc\.weight is missing"):
        init_from(build(name, 6), StartWeights("old", name, state, OLD, None, False), OLD)


def test_read_charset(tmp_path: Path) -> None:
    path = tmp_path / "chars.txt"
    path.write_text("a\nb\r\n\u3000\nc\n", encoding="utf-8")
    assert read_charset(path, space=True) == ("a", "b", "\u3000", "c", " ")
    assert read_charset(path, space=False) == ("a", "b", "\u3000", "c")
    for text, message in (("a\nb\na\n", "lists 'a' twice"), ("a\n\nb\n", "empty line"), ("", "none at all")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_charset(path, space=True)
    with pytest.raises(DataError, match="not readable"):
        read_charset(tmp_path / "none.txt", space=True)
