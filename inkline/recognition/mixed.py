"""Lines in several scripts, word by word: each word by the recogniser that reads it, none of them lost."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby, pairwise

import numpy as np

from inkline.recognition.corrections import LATIN_LOOKING
from inkline.recognition.line_words import Nets, Words
from inkline.recognition.pieces import (
    MAX_PIECES,
    MIN_SPLIT_GAIN,
    doubtful_words,
    joined,
    letter_count,
    look_alike,
    may_be_cyrillic,
    may_be_mixed,
    mixes_scripts,
    part_between,
    placed,
    read_score,
    word_spans,
)
from inkline.recognition.router import GOOD_SCORE, LETTERED, Plan
from inkline.recognition.words import ink_mask
from inkline.scripts import NO_LETTERS, script_of, script_of_char
from inkline.types import Floats, Image, Text

CANDIDATE_ABOVE = 0.05  # probability of a recogniser for a doubtful word, from which it is asked
MISREAD_ABOVE = 0.02  # probability of another script of a line's own recogniser, from which it reads a word once more, alone
MAX_CANDIDATES = 3  # recognisers that are asked for the words of a line, beside its own
MIN_PIECE_LETTERS = 2  # of a word that is read apart from its line
UNREAD_LINE_SCORE = 0.9  # of a line in a script without a recogniser, from which words of it are believed
UNREAD_BELOW = 0.5  # share of a word's ink that is read
KNOWN_GUEST_SCORE = 0.7  # from which a recogniser that reads another word of the line reads one that its own does not
# Words in a script that is on no other line of the page: letters, score and probability of their recogniser at least,
BELIEVED = ((2, 0.95, 0.5), (3, 0.9, 0.2), (5, 0.98, 0.0))
UNREAD_BELIEVED = (2, 0.9, 0.2)  # and where the line has nothing for them
ALPHABETS = frozenset(["Cyrl", "Grek"])  # whose letters look like Latin ones, and unlike those of all other scripts
NARROW_LETTER = 0.25  # width of a letter to the height of its line, at least, on the mean of a word
RANK_LOSS = 0.05  # of the score, which a reading may be worse than that of a less likely recogniser
SURE_BY = 0.4  # difference of two recognisers' probabilities, from which it decides between readings that are as good
SHARE_LOSS = 0.05  # of the ink, which a reading may leave out beside another
HOST_LOSS = 0.05  # difference of their scores, up to which they are


def read_by_words(
    nets: Nets,
    crops: Sequence[Image],
    seen: Sequence[Floats],
    plans: Sequence[Plan],
    texts: list[Text],
    possible: Callable[[Plan, Floats], set[str]],
    expected: Sequence[Collection[str]],
) -> None:
    """Change the texts of lines of which other recognisers, or their own without the rest of the line, read some words better.

    possible: the recognisers that may read a line or a part of it; expected: the scripts that surely are on each line's page.
    """
    lines = [words for i in range(len(texts)) if (words := _in_doubt(i, crops[i], seen[i], plans[i], texts[i]))]
    likely = {words.line: possible(plans[words.line], seen[words.line]) for words in lines}
    _ask_candidates(nets, lines, likely, expected)
    found = [(words, _guests(nets, words, expected[words.line])) for words in lines]
    changed = [(words, names) for words, names in found if names or any(_misread(words, i) for i in words.doubtful)]
    _ask_guests(nets, changed)
    for words, names in changed:
        text = _assembled(nets, words, _choice(nets, words, names))
        if not words.whole.script or read_score(text) >= UNREAD_LINE_SCORE:
            texts[words.line] = text


def _ask_candidates(
    nets: Nets, lines: Sequence[Words], likely: Mapping[int, set[str]], expected: Sequence[Collection[str]]
) -> None:
    """Let the lines' own recognisers read their doubtful words, and others that may be right those that are still in doubt."""

    def candidates(words: Words, unsure: Sequence[int]) -> list[str]:
        return _candidates(nets, words, unsure, likely[words.line], expected[words.line])

    def own(words: Words) -> list[str]:
        may_gain = words.whole.reader and (candidates(words, words.doubtful) or _may_be_misread(nets, words))
        return [words.whole.reader] if may_gain else []

    for words in lines:
        words.doubtful = words.unsure(words.of_whole)
    _look(nets, lines, [words.doubtful for words in lines])
    _ask(nets, lines, [(words.doubtful, own(words)) for words in lines])
    unsure = [words.unsure(words.own) for words in lines]
    _ask(nets, lines, [(which, candidates(words, which)) for words, which in zip(lines, unsure, strict=True)])


def _ask_guests(nets: Nets, changed: Sequence[tuple[Words, list[str]]]) -> None:
    """Let those who read some word better read all others of the line."""
    lines = [words for words, _ in changed]
    _look(nets, lines, [[i for i in range(len(words.spans)) if i not in words.chances] for words in lines])
    asked = [(words, name) for words, names in changed for name in names]
    rest = [[i for i in range(len(words.spans)) if name not in words.readings.get(i, ())] for words, name in asked]
    _ask(nets, [words for words, _ in asked], [(which, [name]) for which, (_, name) in zip(rest, asked, strict=True)])


def _may_be_misread(nets: Nets, words: Words) -> bool:
    """Whether the router sees, in a word with letters, another script that the line's own recogniser is for."""
    scripts = nets.scripts.get(words.whole.reader, LETTERED)
    there = {i: words.of_whole(i).text for i in words.doubtful}
    seen = {i: {script for script in scripts if words.scripts[i].get(script, 0.0) > MISREAD_ABOVE} for i in there}
    return any(letter_count(text) and (mixes_scripts(text) or seen[i] - {script_of(text)}) for i, text in there.items())


def _in_doubt(line: int, crop: Image, seen: Floats, plan: Plan, text: Text) -> Words | None:
    """The words of a line that may be read better word by word, if it may."""
    if "+" in text.reader:
        return None
    every = not text.text.strip() or may_be_mixed(seen, plan, text)
    doubtful = [] if every else doubtful_words(text, crop)
    spans = word_spans(crop) if every or doubtful else []
    if not 1 < len(spans) <= MAX_PIECES:
        return None
    which = [i for i, word in enumerate(spans) if every or word in doubtful]
    return Words(line, crop, text, spans, which, np.asarray(ink_mask(crop).any(axis=0)))


def _look(nets: Nets, lines: Sequence[Words], which: Sequence[Sequence[int]]) -> None:
    """Ask the router for some words of lines."""
    at = [(words, i) for words, those in zip(lines, which, strict=True) for i in those]
    seen = nets.look([words.crop[:, slice(*words.spans[i])] for words, i in at])
    for (words, i), parts in zip(at, seen, strict=True):
        words.chances[i] = nets.chances(parts)
        words.scripts[i] = dict(zip(LETTERED, parts[:, 1:].max(axis=0).tolist(), strict=True))


def _candidates(nets: Nets, words: Words, unsure: Sequence[int], possible: set[str], expected: Collection[str]) -> list[str]:
    """The recognisers that are asked for the unsure words of a line, beside its own: those that may be believed."""
    sums: dict[str, float] = dict.fromkeys(possible, 0.0)
    in_latin = script_of(words.whole.text) == "Latn"
    for i in unsure:
        for name, chance in words.chances[i].items():
            if name and (name in sums or chance > CANDIDATE_ABOVE):
                sums[name] = sums.get(name, 0.0) + chance
        if nets.cyrillic and in_latin and may_be_cyrillic(words.whole, words.spans[i], words.crop):
            sums[nets.cyrillic] = sums.get(nets.cyrillic, 0.0) + 1.0
    sums.pop(words.whole.reader, None)
    names = [name for name in sums if _may_be_believed(nets, words, unsure, name, expected)]
    return sorted(names, key=lambda name: -sums[name])[:MAX_CANDIDATES]


def _may_be_believed(nets: Nets, words: Words, unsure: Sequence[int], name: str, expected: Collection[str]) -> bool:
    """Whether a recogniser can be right about unsure words, whatever it reads there (`_is_believed`)."""
    if not {"Latn", *expected}.isdisjoint(nets.scripts.get(name, ())):
        return True
    letters = sum(words.ink_width(i) for i in unsure) / (NARROW_LETTER * words.crop.shape[0])
    seen = max((words.chances[i].get(name, 0.0) for i in unsure), default=0.0)
    rules = [*BELIEVED, UNREAD_BELIEVED]
    return _may_be_beside(nets, words, name) and any(letters >= enough and seen >= likely for enough, _, likely in rules)


def _may_be_beside(nets: Nets, words: Words, guest: str) -> bool:
    """Whether words by a recogniser may be in a line of another script: in Latin any, in an alphabet like it what no word of
    that looks like; but Telugu looks like Kannada, Lao like Thai."""
    own = nets.scripts.get(words.whole.reader, ("Latn",))
    return "Latn" in own or (ALPHABETS.issuperset(own) and ALPHABETS.isdisjoint(nets.scripts.get(guest, ALPHABETS)))


def _ask(nets: Nets, lines: Sequence[Words], asked: Sequence[tuple[Sequence[int], Sequence[str]]]) -> None:
    """Let recognisers read some words of lines."""
    at = [(words, i, names) for words, (which, names) in zip(lines, asked, strict=True) for i in which]
    found = nets.read([words.crop[:, slice(*words.spans[i])] for words, i, _ in at], [names for _, _, names in at])
    for (words, i, _), texts in zip(at, found, strict=True):
        words.readings.setdefault(i, {}).update({text.reader: placed(text, *words.place(i, i)) for text in texts})


def _is_better(nets: Nets, words: Words, word: int, guest: Text, known: bool = False) -> bool:
    """Whether letters of another script, not only such as look like Latin ones, are read clearly better than the line there.

    known: whether the recogniser reads another word of the line.
    """
    letters, there = [c for c in guest.text if c.isalpha()], words.of_whole(word)
    if not _tell(nets, guest.reader, letters):
        return False
    if script_of(guest.text) == script_of(there.text) and _is_for(nets, words.whole.reader, there.text):
        return False
    own, unread = words.worth(words.own(word), word), words.share(there, word, word) < UNREAD_BELOW
    least = KNOWN_GUEST_SCORE if known and (unread or own < GOOD_SCORE) else GOOD_SCORE
    enough = len(letters) >= (1 if known or unread else MIN_PIECE_LETTERS)
    return enough and words.worth(guest, word) >= max(own + MIN_SPLIT_GAIN, least)


def _tell(nets: Nets, reader: str, letters: Sequence[str]) -> bool:
    """Whether letters are of scripts that a recogniser is for, and not only such as look like Latin ones."""
    may_read = {*nets.scripts.get(reader, ()), NO_LETTERS}
    return not LATIN_LOOKING.issuperset(letters) and may_read.issuperset(map(script_of_char, letters))


def _is_for(nets: Nets, reader: str, word: str) -> bool:
    """Whether a word is all in a script that a recogniser is for, or those of its scripts are not known."""
    return script_of(word) in nets.scripts.get(reader, (script_of(word),)) and not mixes_scripts(word)


def _guests(nets: Nets, words: Words, expected: Collection[str]) -> list[str]:
    """The recognisers that read some doubtful words of a line better than its own, those of most letters first."""
    better: dict[str, list[int]] = {}
    for i in words.doubtful:
        for name, text in words.readings[i].items():
            if name != words.whole.reader and _is_better(nets, words, i, text):
                better.setdefault(name, []).append(i)
    better = {name: which for name, which in better.items() if _is_believed(nets, words, name, which, expected)}
    weight = {
        name: sum(letter_count(words.readings[i][name].text) * words.chances[i].get(name, 0.0) for i in which)
        for name, which in better.items()
    }
    ranked = sorted(better, key=lambda name: -weight[name])
    # The second has a word of its own.
    return [name for at, name in enumerate(ranked) if any(_best(words, i, ranked[: at + 1]) == name for i in better[name])]


def _is_believed(nets: Nets, words: Words, guest: str, which: Sequence[int], expected: Collection[str]) -> bool:
    """Whether a recogniser may be right that reads these words better: Latin may be anywhere, others are to be sure."""
    texts = [words.readings[i][guest] for i in which]
    script = script_of("".join(text.text for text in texts))
    if script == "Latn" or script in expected:
        return True
    return _may_be_beside(nets, words, guest) and _is_sure(words, guest, which, texts)


def _is_sure(words: Words, guest: str, which: Sequence[int], texts: Sequence[Text]) -> bool:
    """Whether words are so many letters read so well that they may be of a script that is nowhere else on the page."""
    letters = sum(letter_count(text.text) for text in texts)
    seen = float(np.mean([words.chances[i].get(guest, 0.0) for i in which]))
    score = float(np.mean([words.worth(text, i) for text, i in zip(texts, which, strict=True)]))
    unread = all(words.share(words.of_whole(i), i, i) < UNREAD_BELOW for i in which)
    rules = [*BELIEVED, *([UNREAD_BELIEVED] if unread else [])]
    return any(letters >= enough and score >= good and seen >= likely for enough, good, likely in rules)


def _misread(words: Words, word: int) -> bool:
    """Whether the line's own recogniser reads a word better alone, in another script than in the line."""
    there, alone = words.of_whole(word), words.own(word)
    scripts = {script_of(there.text), script_of(alone.text)}
    same = len(scripts) == 1 and not mixes_scripts(there.text)
    if same or NO_LETTERS in scripts or word not in words.doubtful:
        return False
    return words.worth(alone, word) >= max(words.worth(there, word) + MIN_SPLIT_GAIN, GOOD_SCORE)


def _best(words: Words, word: int, guests: Sequence[str]) -> str:
    """Which of some recognisers, the likeliest first, reads a word best; empty: none was asked."""
    readings = words.readings.get(word, {})
    ranks = {name: RANK_LOSS * at for at, name in enumerate(guests) if name in readings}
    return max(ranks, key=lambda name: words.worth(readings[name], word) - ranks[name], default="")


def _choice(nets: Nets, words: Words, guests: Sequence[str]) -> list[str]:
    """The recogniser of each word: the one that reads it clearly better, else that of most of the line."""
    own = words.whole.reader
    best = [_best(words, i, guests) for i in range(len(words.spans))]
    names = [_clearly_better(nets, words, i, name) for i, name in enumerate(best)]
    letters = dict.fromkeys([own, *guests], 0)
    for i, name in enumerate(names):
        if name:
            letters[name] += letter_count(words.by(name, i).text)
    host = max(letters, key=lambda name: letters[name])
    return _with_figures(words, [name or _as_good(words, i, best[i], host) for i, name in enumerate(names)])


def _with_figures(words: Words, chosen: Sequence[str]) -> list[str]:
    """The recognisers of words, those of what has no letters, and is the same to both, being that of the word before it."""
    own, out = words.whole.reader, list(chosen)
    for i, (before, name) in enumerate(pairwise(chosen), 1):
        same = before != own and before in words.readings[i] and words.by(before, i).text == words.own(i).text
        if name == own and same and not letter_count(words.own(i).text):
            out[i] = before
    return out


def _clearly_better(nets: Nets, words: Words, word: int, guest: str) -> str:
    """The recogniser that reads a word clearly better, of the line's own and a guest; empty: neither."""
    own = words.whole.reader
    if not guest:
        return own
    mine, other = words.own(word), words.readings[word][guest]
    if look_alike(mine.text + other.text) and letter_count(other.text):
        return ""
    if _is_better(nets, words, word, other, known=True):
        return guest
    same = not letter_count(other.text) or (script_of(other.text) == script_of(mine.text) and _is_for(nets, own, mine.text))
    worse = words.worth(other, word) < max(words.worth(mine, word) - MIN_SPLIT_GAIN, KNOWN_GUEST_SCORE)
    return own if same or worse else ""


def _as_good(words: Words, word: int, guest: str, host: str) -> str:
    """The recogniser of a word that two read as well: the better one, that which the router names, or that of the line."""
    own = words.whole.reader
    gain = words.worth(words.readings[word][guest], word) - words.worth(words.own(word), word)
    likelier = words.chances[word].get(guest, 0.0) - words.chances[word].get(own, 0.0)
    for difference, least in ((gain, HOST_LOSS), (likelier, SURE_BY)):
        if abs(difference) > least:
            return guest if difference > 0 else own
    return own if host == own else guest


def _assembled(nets: Nets, words: Words, names: Sequence[str]) -> Text:
    """One text of a line whose words these recognisers read, those beside each other together where that leaves out no ink."""
    own = words.whole.reader
    kinds = [(name, name == own and _misread(words, i)) for i, name in enumerate(names)]
    if set(kinds) == {(own, False)}:
        return words.whole
    runs = [[i for i, _ in run] for _, run in groupby(enumerate(kinds), key=lambda item: item[1])]
    spans = [slice(words.spans[run[0]][0], words.spans[run[-1]][1]) for run in runs]
    asked = [[names[run[0]]] if names[run[0]] else [] for run in runs]
    found = nets.read([words.crop[:, span] for span in spans], asked)
    return joined([_piece(words, run, *kinds[run[0]], texts) for run, texts in zip(runs, found, strict=True)])


def _piece(words: Words, run: Sequence[int], name: str, alone: bool, texts: Sequence[Text]) -> Text:
    """The reading of some words beside each other by one recogniser. texts: what that reads; alone: each word is read alone."""
    place = words.place(run[0], run[-1])
    apart = joined([words.by(name, i) for i in run])
    if alone:
        return apart
    whole = [part_between(words.whole, *place)] if name == words.whole.reader else []
    return _best_way(words, [*whole, *(placed(text, *place) for text in texts)], apart, run)


def _best_way(words: Words, ways: Sequence[Text], apart: Text, run: Sequence[int]) -> Text:
    """The reading of some words together that scores best, the first of those as good; apart where these leave out ink.

    One with fewer characters than the first leaves out some, if that is no bad reading.
    """
    if len(ways) > 1 and read_score(ways[0]) >= GOOD_SCORE:
        ways = [text for text in ways if letter_count(text.text) >= letter_count(ways[0].text)]
    shares = [words.share(text, run[0], run[-1]) for text in ways]
    full = [text for text, share in zip(ways, shares, strict=True) if share >= max(shares) - SHARE_LOSS]
    if not full or words.share(apart, run[0], run[-1]) > max(shares) + SHARE_LOSS:
        return apart
    least = max(map(read_score, full)) - MIN_SPLIT_GAIN
    return next(text for text in full if read_score(text) >= least)
