"""The models that come with Inkline: there without a network, described, and reading what they were taught."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from inkline import Ocr
from inkline.io.fonts import BUNDLED, _font_for, sized_font
from inkline.languages import OWN as ROUTES
from inkline.languages import codes_of
from inkline.zoo import resolve
from inkline.zoo.card import Shipped
from inkline.zoo.cards import CARDS
from inkline.zoo.fetch import PACKAGE
from inkline.zoo.own import NOTE

MOST_BYTES = 25_000_000


def test_all_files_are_there_and_small_together() -> None:
    files = {PACKAGE / s.path for card in CARDS.values() for s in card.sources if isinstance(s, Shipped)}
    assert files == set((PACKAGE / "weights").glob("*.onnx"))
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES


CARRIED = [card for card in CARDS.values() if any(isinstance(source, Shipped) for source in card.sources)]


@pytest.mark.parametrize("card", CARRIED, ids=[card.name for card in CARRIED])
def test_a_file_is_what_its_card_says(card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    monkeypatch.setenv("INKLINE_OFFLINE", "1")
    found = resolve(card.name)
    assert found.name == card.name and found.task == card.task and found.metadata["inkline.net"] in CARDS
    assert found.path.stat().st_size == card.size_bytes
    assert NOTE in card.note and card.figures
    if card.classes:
        assert found.charset is None or len(found.charset) + 1 == card.classes


def test_every_letter_of_the_languages_is_in_the_charset() -> None:
    charset = set(resolve(ROUTES["cyrillic"]).charset or ())
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяґєіїўђјљњћџѓќѕәғқңөұүһҙҡҫҷӣӯҳӑӗҥҗӝӟӥӵӱӹ"
    assert set(letters + letters.upper() + "Ӏ") <= charset
    assert set(CARDS[ROUTES["cyrillic"]].languages) >= set(codes_of("eslav", "cyrillic"))


@pytest.mark.slow
def test_russian_is_read_and_its_language_chooses_the_model() -> None:
    lines = ["Съешь ещё этих мягких французских булок,", "да выпей чаю. Счёт 2024/17 от 5 мая"]
    if _font_for("Съ") == BUNDLED:
        pytest.skip("no font here draws Cyrillic (Debian: apt-get install fonts-dejavu-core)")
    image, font = Image.new("RGB", (900, 200), "white"), sized_font("".join(lines), 36)
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text((30, 30 + i * 80), line, font=font, fill="black")
    with Ocr(lang="ru", cpu_threads=1) as ocr:
        assert ocr.options.text_recognition_model_name == "cyrillic_PP-OCRv6_small_rec"
        page = ocr(np.asarray(image)[..., ::-1])
    read = "".join(line.text for line in page.lines).replace(" ", "")
    wanted = "".join(lines).replace(" ", "")
    assert sum(a == b for a, b in zip(read, wanted, strict=False)) > 0.9 * len(wanted), page.text
