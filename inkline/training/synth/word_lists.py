"""Words to draw: read from word lists, dictionaries and running text, or built letter by letter where no list exists."""

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from itertools import dropwhile, pairwise
from pathlib import Path

import numpy as np

from inkline.errors import DataError
from inkline.training.synth.scripts import BORROWS, INDIC, SCRIPTS, SYLLABLES, Indic, Script
from inkline.training.synth.tokens import between, pick

LONGEST_WORD = 24  # characters
MIN_WORDS_PER_LIST = 50
# Malayalam letters without a vowel, which older texts write as the letter, a virama and a joiner.
CHILLUS = {f"{letter}\u0d4d\u200d": chillu for letter, chillu in zip("ണനരലളക", "ൺൻർൽൾൿ", strict=True)}


def read_words(path: Path) -> list[str]:
    """Return the words of one file, NFC, Malayalam's letters without a vowel as one character, in file order and once each.

    `.dic` files (hunspell) lose their count line and flags; in other files every run of non-spaces is a word, so lists
    of one word per line and running text both serve. Raises DataError for a file that is missing or not UTF-8.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: no word list ({error}); give a UTF-8 text file of words, or a folder of <language>.txt"
        ) from None
    if path.suffix == ".dic":
        lines = [line.split("/", 1)[0].split("\t", 1)[0] for line in lines[1:]]
    return list(dict.fromkeys(_normal(word) for line in lines for word in line.split()))


def _normal(word: str) -> str:
    """A word as labels hold it."""
    word = unicodedata.normalize("NFC", word)
    for old, chillu in CHILLUS.items() if "\u200d" in word else ():
        word = word.replace(old, chillu)
    return word


def word_files(sources: tuple[str, ...], script: Script) -> list[Path]:
    """The word files of `sources`: a file as it is, a folder's `<language>.txt` and `.dic` of the script's languages."""
    files: list[Path] = []
    for source in map(Path, sources):
        if not source.exists():
            raise DataError(f"{source}: no such word list or folder")
        found = (
            [source / f"{code}{ending}" for code in script.languages for ending in (".txt", ".dic")]
            if source.is_dir()
            else [source]
        )
        files += [file for file in found if file.is_file()]
    return files


def keeps(word: str, script: Script, allowed: frozenset[str]) -> bool:
    """Whether every letter of `word` belongs to the script and every character is in `allowed` (empty = anything)."""
    if not word or len(word) > LONGEST_WORD or (allowed and not allowed.issuperset(word)):
        return False
    letters = [c for c in word if unicodedata.category(c)[0] in "LM"]
    return bool(letters) and all(any(low <= ord(c) <= high for low, high in script.ranges) for c in letters)


@lru_cache(maxsize=16)
def vocabulary(sources: tuple[str, ...], script: Script, allowed: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """One tuple of usable words per word file, most frequent first; lists of a kindred script come last.

    Files with fewer than 50 usable words are left out, and so are Brahmic lists that lost their vowel signs. Raises
    DataError when most of the words that are written in the script have characters that `allowed` lacks.
    """
    lists: list[tuple[str, ...]] = []
    written = usable = 0
    for file in word_files(sources, script):
        words = [word for word in read_words(file) if keeps(word, script, frozenset())]
        if script.name in INDIC and _lost_its_marks(words):
            continue
        kept = tuple(word for word in words if not allowed or allowed.issuperset(word))
        written, usable = written + len(words), usable + len(kept)
        if len(kept) >= max(1, min(MIN_WORDS_PER_LIST, len(words) // 2)):
            lists.append(kept)
    if written and usable * 2 < written:
        raise DataError(
            f"the charset lacks characters of {written - usable} of {written} {script.name} words; "
            "give the charset of this script"
        )
    return (*lists, *borrowed(sources, script, allowed))


def _lost_its_marks(words: list[str]) -> bool:
    """Whether less than a tenth of the words of a Brahmic list have a vowel sign: such words do not exist."""
    return sum(any(map(_is_mark, word)) for word in words) * 10 < len(words)


def borrowed(sources: tuple[str, ...], script: Script, allowed: frozenset[str]) -> list[tuple[str, ...]]:
    """The word lists of the script that `script` borrows from (`BORROWS`), each letter moved to its place in the own block."""
    lender = BORROWS.get(script.name)
    if lender is None:
        return []
    step, (low, high) = INDIC[script.name] - INDIC[lender], SCRIPTS[lender].ranges[0]
    lists = []
    for file in word_files(sources, SCRIPTS[lender]):
        words = read_words(file)
        if _lost_its_marks(words):
            continue
        moved = ("".join(chr(ord(c) + step) if low <= ord(c) <= high else c for c in word) for word in words)
        kept = tuple(w for w in moved if keeps(w, script, allowed or frozenset(script.letters)))
        if len(kept) >= MIN_WORDS_PER_LIST:
            lists.append(kept)
    return lists


def _is_mark(c: str) -> bool:
    return unicodedata.category(c)[0] == "M"


def _starts_word(c: str) -> bool:
    return unicodedata.category(c)[0] == "L"


def syllable(rng: np.random.Generator, name: str) -> str:
    """A syllable of a Brahmic script: conjunct consonants, a vowel sign, sometimes a final sign; or an avagraha."""
    parts, is_tamil = SYLLABLES[name], name == "tamil"
    if rng.random() < 0.08:
        return pick(rng, parts.vowels)
    if parts.avagraha and rng.random() < 0.02:
        return parts.avagraha
    text = _conjunct(rng, parts, is_tamil)
    if rng.random() < (0.2 if is_tamil else 0.03):
        return text + parts.killer
    if rng.random() < 0.65:
        text += pick(rng, parts.signs)
    if parts.finals and rng.random() < 0.08 and not is_tamil:
        text += pick(rng, parts.finals)
    return text


def _conjunct(rng: np.random.Generator, parts: Indic, is_tamil: bool) -> str:
    """A consonant, at times with others joined to it; Tamil joins few, and r takes no other form."""
    text = pick(rng, parts.consonants)
    while rng.random() < (0.05 if is_tamil else 0.25) and len(text) < 5:
        # r takes part in every third: above the letters that follow it, below those before it
        r_first, r_last = (False, False) if is_tamil else rng.random(2) < 0.17
        if r_first and len(text) == 1:
            text = parts.ra + parts.virama + text
        else:
            text += parts.virama + (parts.ra if r_last else pick(rng, parts.consonants))
    return text


STOPS = (0x15, 0x1A, 0x1F, 0x24, 0x2A)


def homorganic(word: str, name: str) -> str:
    """Return `word` with every anusvara before a stop spelled as the nasal of that stop's row, as Sanskrit has it.

    अंक is अङ्क. The rows (k, c, ṭ, t, p) of five letters, the nasal last, have the same places in every Brahmic block.
    """
    base = INDIC[name]
    anusvara, virama = chr(base + 0x02), chr(base + 0x4D)
    letters = list(word)
    for i, (before, after) in enumerate(pairwise(word)):
        row = next((start for start in STOPS if start <= ord(after) - base < start + 4), None)
        if before == anusvara and row is not None:
            letters[i] = chr(base + row + 4) + virama
    return "".join(letters)


def invent(rng: np.random.Generator, script: Script, allowed: frozenset[str]) -> str:
    """A made-up word whose letters are drawn evenly, so that rare letters are seen: syllables in Brahmic scripts."""
    size = between(rng, 1, 7)
    if script.name in SYLLABLES:
        syllables = [syllable(rng, script.name) for _ in range(size)]
        return unicodedata.normalize("NFC", "".join(filter(allowed.issuperset if allowed else None, syllables)))
    letters = letters_of(script, allowed)
    if not letters:
        raise DataError(f"the charset holds no letter of the script {script.name!r}; give the charset of this script")
    if script.cased and rng.random() < 0.85:
        letters = letters_of(script, allowed, str.islower) or letters
    word = "".join(dropwhile(_is_mark, [pick(rng, letters) for _ in range(size)]))  # a mark needs a letter before it
    return unicodedata.normalize("NFC", word) or pick(rng, letters_of(script, allowed, _starts_word) or letters)


@lru_cache(maxsize=48)
def letters_of(script: Script, allowed: frozenset[str], fits: Callable[[str], bool] = bool) -> str:
    """The script's letters that `allowed` has, those for which `fits` holds."""
    return "".join(c for c in script.letters if (not allowed or c in allowed) and fits(c))


ACUTE, GRAVE, CIRCUMFLEX, SMOOTH, ROUGH, SUBSCRIPT = "\u0301", "\u0300", "\u0342", "\u0313", "\u0314", "\u0345"
GREEK_VOWELS, LONG_VOWELS = "αεηιουω", "αηιυω"
GREEK_DIPHTHONGS = ("αι", "ει", "οι", "υι", "αυ", "ευ", "ου", "ηυ")


def polytonic(rng: np.random.Generator, word: str) -> str:
    """A modern Greek `word` with the old signs: breathings on first vowels, three accents, iota subscripts.

    Not a correct spelling but a correct set of letters: each sign stands where it may, which one is drawn.
    """
    lowered = unicodedata.normalize("NFD", word.lower())
    first = next((i for i, c in enumerate(lowered) if c.isalpha()), 0)
    is_diphthong = lowered[first : first + 2] in GREEK_DIPHTHONGS
    breathing_at = first + is_diphthong

    out = [""]
    for i, c in enumerate(lowered):
        if c == ACUTE:
            c = _old_accent(rng, is_last=i >= len(lowered) - 2, before=out[-1])
        elif i == breathing_at and c in GREEK_VOWELS:
            always_rough = c == "υ" and not is_diphthong
            c += ROUGH if always_rough else pick(rng, (SMOOTH, SMOOTH, ROUGH))
        elif c == "ρ" and i == first:
            c += ROUGH
        out.append(c)

    text = "".join(out)
    if rng.random() < 0.12:
        text = _with_subscript(text)
    return unicodedata.normalize("NFC", text)


def _old_accent(rng: np.random.Generator, is_last: bool, before: str) -> str:
    """What an acute becomes: grave on a last syllable, circumflex on a long vowel, each at times."""
    roll = rng.random()
    if is_last and roll < 0.45:
        return GRAVE
    return CIRCUMFLEX if before[:1] and before[0] in LONG_VOWELS and roll > 0.6 else ACUTE


def _with_subscript(text: str) -> str:
    """Text (NFD) with an iota under its last long vowel when this stands at the end, but in no diphthong."""
    at = max(text.rfind("ω"), text.rfind("η"), text.rfind("α"))
    if at < 0 or at < len(text) - 3:
        return text
    end = at + 1
    while end < len(text) and unicodedata.combining(text[end]):
        end += 1
    ends_a_diphthong = end < len(text) and text[end] in "υι"
    return text if ends_a_diphthong else text[:end] + SUBSCRIPT + text[end:]


HARD_ENDS, SOFT_VOWELS = "бвгджзклмнпрстфхцчшщ", "аеёиоуыэюяй"
# Roots that were spelled with yat, as they are spelled now; the yat stands in place of their е.
YAT = {
    root: root.replace("е", "ѣ", 1)
    for root in (
        *("бег", "бед", "бел", "вед", "век", "вер", "вес", "ветер", "вест", "где", "гнев", "грех", "дев", "дел", "дет"),
        *("лес", "лет", "место", "мес", "мер", "нет", "рек", "свет", "север", "сед", "след", "смел", "снег", "стен"),
        *("тел", "тень", "уезд", "хлеб", "цвет", "цел", "цен", "человек", "здесь", "резк", "сер", "сен"),
    )
}


def prereform(word: str) -> str:
    """A Russian `word` with the letters of before 1918: ъ behind a last consonant, і before vowels, ѣ in common roots."""
    root = next((root for root in YAT if root in word), None)
    word = word.replace(root, YAT[root], 1) if root else word
    letters = ["і" if c == "и" and word[i + 1 : i + 2] and word[i + 1] in SOFT_VOWELS else c for i, c in enumerate(word)]
    return "".join(letters) + ("ъ" if word[-1:] and word[-1] in HARD_ENDS else "")
