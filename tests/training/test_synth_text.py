"""What synthetic lines say."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from inkline.errors import DataError
from inkline.training.synth.compose import KASHIDA, compose, stretch_joins, target_lengths
from inkline.training.synth.scripts import INDIC, SCRIPTS, indic, script_of
from inkline.training.synth.synth_options import LineOptions
from inkline.training.synth.tokens import TOKENS
from inkline.training.synth.word_lists import homorganic, invent, polytonic, prereform, read_words, syllable, vocabulary


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_writes_nfc_text_of_its_own_letters(name: str) -> None:
    options = LineOptions(script=name, tokens=0, latin=0, punctuation=0, max_chars=20)
    rng = np.random.default_rng(1)
    for _ in range(20):
        text = compose(rng, options, 1, 20)
        assert 1 <= len(text) <= 20
        assert unicodedata.normalize("NFC", text) == text
        assert text == text.strip()
        letters = [c for c in text if unicodedata.category(c)[0] in "LM"]
        low_high = script_of(name).ranges
        assert all(any(low <= ord(c) <= high for low, high in low_high) for c in letters), text


def test_arabic_words_are_stretched_where_letters_join() -> None:
    rng = np.random.default_rng(0)
    shown = {stretch_joins(rng, "كتب الأسلام 12 ab") for _ in range(50)}
    assert {text.replace(KASHIDA, "") for text in shown} == {"كتب الأسلام 12 ab"} and len(shown) > 5
    assert not any(f"ل{KASHIDA}ا" in text or f"ا{KASHIDA}" in text or f"{KASHIDA} " in text for text in shown)


def test_the_share_of_lines_in_capitals_can_be_chosen() -> None:
    rng = np.random.default_rng(0)
    for name in ("english", "polytonic"):
        plain = LineOptions(script=name, capitals=0, tokens=0, rare=0, punctuation=0)
        loud = LineOptions(script=name, capitals=1, tokens=0, rare=0, punctuation=0)
        assert all(compose(rng, loud, 1, 20).isupper() for _ in range(20))
        assert not all(compose(rng, plain, 5, 20).isupper() for _ in range(20))
    assert compose(rng, LineOptions(script="arabic", capitals=1), 1, 20)


def test_texts_keep_to_the_charset() -> None:
    charset = tuple("абвгдежзиклмнопрстуфхцчшщыьэюя0123456789 .")
    options = LineOptions(script="cyrillic", charset=charset, tokens=0.5)
    rng = np.random.default_rng(0)
    for _ in range(100):
        assert set(compose(rng, options, 1, 40)) <= set(charset)


def test_a_charset_without_space_gives_texts_without_space() -> None:
    options = LineOptions(script="english", charset=tuple("abcdefghijklmnopqrstuvwxyz"))
    rng = np.random.default_rng(0)
    assert not any(" " in compose(rng, options, 1, 30) for _ in range(30))


def test_a_charset_of_another_script_is_refused() -> None:
    with pytest.raises(DataError, match="holds no letter of the script 'greek'"):
        compose(np.random.default_rng(0), LineOptions(script="greek", charset=tuple("abc")), 1, 10)


def test_words_outside_the_charset_are_left_out_and_a_wrong_charset_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "en.txt"
    file.write_text("\n".join(["cab", "bad", "dab", "zoo"] * 1), encoding="utf-8")
    script = script_of("english")
    assert vocabulary((str(tmp_path),), script, frozenset("abcd")) == (("cab", "bad", "dab"),)
    with pytest.raises(DataError, match="lacks characters of 3 of 4"):
        vocabulary((str(file),), script, frozenset("zo"))


def test_word_lists_dictionaries_and_running_text_are_read(tmp_path: Path) -> None:
    dictionary = tmp_path / "xx.dic"
    dictionary.write_text("2\ntree/SM\nhouse\tpo:noun\n", encoding="utf-8")
    assert read_words(dictionary) == ["tree", "house"]
    text = tmp_path / "book.txt"
    text.write_text("It was the\nbest of the times", encoding="utf-8")
    assert read_words(text) == ["It", "was", "the", "best", "of", "times"]
    text.write_text("\u0d05\u0d35\u0d28\u0d4d\u200d", encoding="utf-8")  # Malayalam: he, as it was written before Unicode 5.1
    assert read_words(text) == ["\u0d05\u0d35\u0d7b"]
    with pytest.raises(DataError, match="no word list"):
        read_words(tmp_path / "none.txt")
    with pytest.raises(DataError, match="no such word list or folder"):
        vocabulary((str(tmp_path / "nowhere"),), script_of("latin"), frozenset())


def test_a_brahmic_list_without_vowel_signs_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "hi.txt").write_text("\n".join("कखगघचछजझटठ"), encoding="utf-8")
    assert vocabulary((str(tmp_path),), script_of("devanagari"), frozenset()) == ()


def test_kannada_and_devanagari_borrow_the_words_of_telugu(tmp_path: Path) -> None:
    (tmp_path / "te.txt").write_text("\n".join("కమలము" + a + b for a in "కగచజతదపబ" for b in "కగచజతదపబ"), encoding="utf-8")
    borrowed = {name: vocabulary((str(tmp_path),), script_of(name), frozenset()) for name in ("kannada", "devanagari")}
    assert borrowed["kannada"][0][0] == "ಕಮಲಮುಕಕ" and borrowed["devanagari"][0][0] == "कमलमुकक"
    # Tamil has no letters for half of the sounds
    assert vocabulary((str(tmp_path),), script_of("tamil"), frozenset()) == ()


def test_nasals_are_spelled_by_the_row_of_the_stop_behind_them() -> None:
    assert homorganic("अंक पंच दंड संत अंबा", "devanagari") == "अङ्क पञ्च दण्ड सन्त अम्बा"
    assert homorganic("संशय रामं", "devanagari") == "संशय रामं" and homorganic("ಅಂಕ", "kannada") == "ಅಙ್ಕ"


@pytest.mark.parametrize("name", INDIC)
def test_invented_words_of_a_smaller_charset_hold_whole_syllables(name: str) -> None:
    rng, parts = np.random.default_rng(5), indic(INDIC[name])
    allowed = frozenset(parts.consonants[:6] + parts.vowels + parts.signs + parts.virama)
    for word in (invent(rng, script_of(name), allowed) for _ in range(200)):
        assert allowed.issuperset(word) and (not word or unicodedata.category(word[0]) == "Lo")


@pytest.mark.parametrize("name", INDIC)
def test_syllables_start_with_a_letter_and_hold_no_stray_sign(name: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(200):
        text = syllable(rng, name)
        assert unicodedata.category(text[0]) == "Lo"
        signs = [unicodedata.category(c)[0] == "M" and unicodedata.combining(c) != 9 for c in text]
        assert sum(signs) <= 2


def test_invented_words_use_rare_letters() -> None:
    rng = np.random.default_rng(0)
    seen = set("".join(invent(rng, script_of("cyrillic"), frozenset()) for _ in range(3000)))
    assert set("ёљњћђўќѕїѣѳѵ") <= seen


def test_polytonic_words_get_breathings_accents_and_subscripts() -> None:
    rng = np.random.default_rng(0)
    words = [polytonic(rng, "άνθρωπος") for _ in range(50)] + [polytonic(rng, "αυτή") for _ in range(200)]
    assert all(unicodedata.normalize("NFC", w) == w for w in words)
    for word in words:
        marks = unicodedata.normalize("NFD", word)
        assert ("\u0313" in marks) != ("\u0314" in marks), word  # exactly one breathing
        assert word != "αυτή"
    assert {"αὐτὴ", "αὐτή", "αὐτῆ", "αὑτή"} <= set(words)
    assert any("ῃ" in w or "ῇ" in w for w in words)
    assert unicodedata.normalize("NFD", polytonic(rng, "ρόδα"))[1] == "\u0314"  # rough breathing on first rho


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ("человек", "человѣкъ"),
        ("губерния", "губернія"),
        ("уезд", "уѣздъ"),
        ("день", "день"),
        ("и", "и"),
        ("мой", "мой"),
    ],
)
def test_russian_words_of_before_1918(now: str, then: str) -> None:
    assert prereform(now) == then


@pytest.mark.parametrize("name", TOKENS)
def test_tokens_are_short_single_lines(name: str) -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        text = TOKENS[name](rng)
        assert text and text == text.strip() and "\n" not in text and len(text) < 60


def test_lengths_are_known_without_drawing() -> None:
    options = LineOptions(min_chars=3, max_chars=30, seed=5)
    lengths = target_lengths(options, np.arange(5000))
    assert lengths.min() >= 3 and lengths.max() == 30
    assert np.array_equal(lengths[100:200], target_lengths(options, np.arange(100, 200)))
    assert not np.array_equal(lengths, target_lengths(LineOptions(min_chars=3, max_chars=30, seed=6), np.arange(5000)))


def test_impossible_options_are_refused() -> None:
    with pytest.raises(DataError, match="min_chars <= max_chars"):
        LineOptions(min_chars=5, max_chars=3)
    with pytest.raises(DataError, match="no share"):
        LineOptions(scene=1.5)
    with pytest.raises(DataError, match="no script 'klingon'"):
        script_of("klingon")
