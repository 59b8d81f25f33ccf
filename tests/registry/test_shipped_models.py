"""The models that come with Inkline: there without a network, described, and reading what they were taught."""

import hashlib
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from rapidfuzz.distance import Levenshtein

from inkline import Ocr
from inkline.formats.fonts import BUNDLED_FONT, _font_for, sized_font
from inkline.languages import OWN as ROUTES
from inkline.languages import codes_of
from inkline.layout.geometry import turn
from inkline.registry import options_for, resolve
from inkline.registry.card import Shipped, all_cards
from inkline.registry.download import PACKAGE

MOST_BYTES = 50_000_000


def test_all_files_are_there_and_small_together() -> None:
    shipped = [s for card in all_cards().values() for s in card.sources if isinstance(s, Shipped)]
    files = {PACKAGE / s.path: s.sha256 for s in shipped if not s.distribution}
    assert files.keys() == set((PACKAGE / "weights").glob("*.onnx"))
    assert {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == files
    assert sum(file.stat().st_size for file in files) <= MOST_BYTES


CARRIED = [card for card in all_cards().values() if any(isinstance(source, Shipped) for source in card.sources)]


@pytest.mark.parametrize("card", CARRIED, ids=[card.name for card in CARRIED])
def test_a_file_is_what_its_card_says(card, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    monkeypatch.setenv("INKLINE_OFFLINE", "1")
    found = resolve(card.name)
    assert found.name == card.name and found.task == card.task and found.metadata["inkline.net"] in all_cards()
    assert found.path.stat().st_size == card.size_bytes
    assert "trained by Inkline on synthetic data" in card.note and card.figures
    tuned = {name: value for name, value in card.options.items() if name.startswith("text_rec")}
    assert found.options.items() >= tuned.items()  # by name, and as a file
    if card.classes:
        assert found.charset is None or len(found.charset) + 1 == card.classes


def test_every_letter_of_the_languages_is_in_the_charset() -> None:
    charset = set(resolve(ROUTES["cyrillic"]).charset or ())
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюяґєіїўђјљњћџѓќѕәғқңөұүһҙҡҫҷӣӯҳӑӗҥҗӝӟӥӵӱӹ"
    assert set(letters + letters.upper() + "Ӏ") <= charset
    assert set(all_cards()[ROUTES["cyrillic"]].languages) >= set(codes_of("eslav", "cyrillic"))


def test_every_letter_of_greek_old_and_new_is_in_the_charset() -> None:
    charset = set(resolve(ROUTES["el"]).charset or ())
    letters = "αβγδεζηθικλμνξοπρσςτυφχψω"
    assert set(letters + letters.upper() + "άέήίόύώϊϋΐΰ" + "ἀἁἂἃἄἅᾶᾳᾷὰῆῇὦᾧῥ" + "·;’") <= charset


def test_every_letter_of_arabic_and_persian_is_in_the_charset() -> None:
    charset = set(resolve(ROUTES["ar"]).charset or ())
    assert set("ءآأؤإئابةتثجحخدذرزسشصضطظعغفقكلمنهوىيپچژکگیً٠٩۰۹،؛؟") <= charset


def test_every_letter_of_the_scripts_of_india_is_in_the_charset() -> None:
    for lang, letters in (
        ("devanagari", "अआइईउऊऋऌएऐओऔकखगघङचछजझञटठडढणतथदधनपफबभमयरलवळशषसह़ऽािीुूृॄेैोौ्ंःँॐ।॥०९"),
        ("ka", "ಅಆಇಈಉಊಋಎಏಐಒಓಔಕಖಗಘಙಚಛಜಝಞಟಠಡಢಣತಥದಧನಪಫಬಭಮಯರಱಲವಳಶಷಸಹೞಾಿೀುೂೃೆೇೈೊೋೌ್ಂಃ।॥೦೯"),
        ("ta", "ஃஅஆஇஈஉஊஎஏஐஒஓஔகஙசஜஞடணதநனபமயரறலளழவஷஸஹாிீுூெேைொோௌ்"),
    ):
        charset = set(resolve(ROUTES[lang]).charset or ())
        assert set(unicodedata.normalize("NFC", letters) + "AZaz09.,:;()") <= charset


def test_every_letter_of_vietnamese_korean_and_hebrew_is_in_the_charset() -> None:
    vietnamese = "".join(map(chr, range(0x1EA0, 0x1EFA))) + "ăâđêôơưĂÂĐÊÔƠƯ₫„‚ẞ¡ʻʼ€£¥§©®™°µ×÷±"
    for lang, letters in (
        ("vi", vietnamese),
        ("korean", "가나다라마바사아자차카타파하뷁"),
        ("he", "אבגדהוזחטיכךלמםנןסעפףצץקרשת״׳"),
    ):
        charset = set(resolve(ROUTES[lang]).charset or ())
        assert set(letters + "AZaz09.,:;()") <= charset | {"뷁"}


def test_lines_are_fed_at_the_width_that_was_measured_best() -> None:
    squeezed = {lang: options_for(lang=lang).recognize.width_scale for lang in ("", "ru", "el", "ta", "kn", "ar", "hi")}
    assert squeezed == {"": 0.7, "ru": 0.85, "el": 0.85, "ta": 0.85, "kn": 1.0, "ar": 1.2, "hi": 1.25}


READ = [
    ("ru", "cyrillic", "Съ", ["Съешь ещё этих мягких французских булок,", "да выпей чаю. Счёт 2024/17 от 5 мая"]),
    ("hi", "devanagari", "कि", ["दिल्ली में रहता हूँ और हिन्दी पढ़ता हूँ", "कुल राशि 1250 रुपये"]),
    ("kn", "kannada", "ಕಿ", ["ನಾನು ಬೆಂಗಳೂರು ನಗರದಲ್ಲಿ ಇದ್ದೇನೆ", "ಒಟ್ಟು ಮೊತ್ತ 1250 ರೂಪಾಯಿ"]),
    ("ta", "tamil", "கி", ["நான் சென்னை நகரில் வசிக்கிறேன்", "மொத்தம் 1250 ரூபாய்"]),
    ("vi", "latin", "ệữ", ["Tôi sống ở thành phố Hồ Chí Minh và", "đọc sách tiếng Việt. Tổng cộng 1250 ₫"]),
    ("ko", "korean", "한글", ["서울에서 살고 한국어를 읽습니다", "총액 1250 원"]),
    ("he", "hebrew", "שלום", ["אני גר בירושלים וקורא עברית", "סך הכול 1250 שקלים"]),
    ("kat", "caucasian", "ბქ", ["მე თბილისში ვცხოვრობ და ვკითხულობ", "სულ 1250 ლარი"]),
    ("hy", "caucasian", "Աֆ", ["Ես ապրում եմ Երևանում և կարդում", "ընդամենը 1250 դրամ"]),
    ("si", "rare", "කි", ["මම කොළඹ නගරයේ සිටිමි", "එකතුව 1250"]),
    ("lo", "southeast_asian", "ລາວ", ["ຂ້ອຍຢູ່ວຽງຈັນ ແລະ ອ່ານພາສາລາວ", "ລວມ 1250 ກີບ"]),
    ("my", "southeast_asian", "မြန်", ["ကျွန်တော် ရန်ကုန်မြို့မှာ နေပါတယ်", "ရန်ကုန်မြို့မှာ စာဖတ်ပါတယ်"]),
    ("am", "rare", "ሀለ", ["በአዲስ አበባ እኖራለሁ እና አማርኛ አነባለሁ", "የክፍያ ቁጥር እና ጠቅላላ ዋጋ"]),
    ("el", "greek", "ἄῇ", ["μῆνιν ἄειδε θεὰ Πηληϊάδεω Ἀχιλῆος", "Τιμολόγιο 2024/17 της 5 Μαΐου, σύνολο 84"]),
]


@pytest.mark.slow
@pytest.mark.parametrize(("lang", "script", "drawn", "lines"), READ, ids=[row[0] for row in READ])
def test_lines_are_read_and_the_language_chooses_the_model(lang: str, script: str, drawn: str, lines: list[str]) -> None:
    if _font_for(drawn) == BUNDLED_FONT:
        pytest.skip(f"no font here draws {script} (Debian: apt-get install fonts-dejavu-core)")
    image, font = Image.new("RGB", (900, 200), "white"), sized_font("".join(lines), 36)
    pen = ImageDraw.Draw(image)
    for i, line in enumerate(lines):
        pen.text((30, 30 + i * 80), line, font=font, fill="black")
    with Ocr(lang=lang, cpu_threads=1) as ocr:
        assert ocr.options.text_recognition_model_name == f"{script}_PP-OCRv6_small_rec"
        page = ocr(np.asarray(image)[..., ::-1])
    read = "".join(line.text for line in page.lines).replace(" ", "")
    wanted = "".join(lines).replace(" ", "")
    assert Levenshtein.distance(read, wanted) <= 0.1 * len(wanted), page.text


TALE = (
    "The quick brown fox jumps, typing slowly,",
    "and then it went on to tell of many things",
    "which nobody had heard of before; they were",
    "(as far as we know) 1,250 pounds in 1897.",
    "Apply by letter to the office, 12 High Street",
)


def test_a_page_on_its_side_and_a_line_on_its_head_are_told_by_our_classifiers() -> None:
    names = {"doc_orientation_classify_model_name": "inkline_PP-LCNet_x1_0_doc_ori"}
    with Ocr(use_doc_orientation_classify=True, use_textline_orientation=True, cpu_threads=1, **names) as ocr:
        page, line = ocr._rectify._classify, ocr._orient_line
        assert page is not None and line is not None
        text = Image.new("RGB", (560, 700), "white")
        pen, font = ImageDraw.Draw(text), sized_font("a", 22)
        for i in range(18):
            pen.text((40, 30 + 36 * i), TALE[i % len(TALE)], font=font, fill="black")
        upright = np.asarray(text)[..., ::-1]
        told = [page([turn(upright, (360 - angle) % 360)])[0].angle for angle in (0, 90, 180, 270)]
        first = upright[28:60, 36:480]
        assert told == [0, 90, 180, 270]
        assert [seen.angle for seen in line([first, turn(first, 180)])] == [0, 180]
