"""What the twins of `languages.toml` are worth: characters wrong on drawn lines with and without them.

`python -m benchmarks.twins WORDS FONT... --lang fa`; WORDS is a word list, one a line, FONTs are font files of the script.
"""

import argparse
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidfuzz.distance import Levenshtein

from inkline import Ocr
from inkline.languages import LANGUAGES, canonical

COUNT, WORDS_A_LINE, SIZES_PX, MOST_FREQUENT = 40, 6, (22, 28, 34), 6000


def draw(text: str, font: ImageFont.FreeTypeFont, direction: str) -> np.ndarray:
    """The text in black on white with a little room around it, BGR uint8."""
    canvas = Image.new("RGB", (2000, 90), "white")
    pen = ImageDraw.Draw(canvas)
    pen.text((20, 14), text, font=font, fill="black", direction=direction)
    x0, y0, x1, y1 = pen.textbbox((20, 14), text, font=font, direction=direction)
    return np.array(canvas.crop((x0 - 5, y0 - 5, x1 + 5, y1 + 5)))[:, :, ::-1].copy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", type=Path)
    parser.add_argument("fonts", nargs="+")
    parser.add_argument("--lang", required=True)
    given = parser.parse_args()
    known, rng = LANGUAGES[canonical(given.lang)], random.Random(5)
    # Lists mix both spellings; a word is spelt with the language's own letters.
    own = str.maketrans({twin[0]: twin[1] for twin in known.twins})
    words = [word.translate(own) for word in given.words.read_text("utf-8").split()[:MOST_FREQUENT]]
    texts = [" ".join(rng.choices(words, k=WORDS_A_LINE)) for _ in range(COUNT)]
    if given.lang in ("tr", "az"):  # what differs there are capitals
        texts[::3] = [text.replace("i", "İ").replace("ı", "I").upper() for text in texts[::3]]
    fonts = [ImageFont.truetype(name, size) for name in given.fonts for size in SIZES_PX]
    lines = [draw(text, rng.choice(fonts), known.direction) for text in texts]
    with Ocr(lang=given.lang) as ocr:
        for what in ("with", "without"):
            read = ocr._recognize(lines, ocr.options.recognize)
            wrong = sum(Levenshtein.distance(text, line.text) for text, line in zip(texts, read, strict=True))
            print(f"{given.lang} {what:8} {100 * wrong / sum(map(len, texts)):.2f} % of characters wrong")
            ocr._recognize._twins = {}


if __name__ == "__main__":
    main()
