"""Lines read by the recogniser of their script: the router names it, doubtful lines are read twice, mixed ones in pieces."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from threading import Lock

import numpy as np

from inkline.errors import ModelError, NotInstalledError
from inkline.options import RecognizeOptions
from inkline.recognition.confidence import confidences
from inkline.recognition.doubtful import read_doubtful_again
from inkline.recognition.letters import Alphabets, read_by_others, read_with_twins
from inkline.recognition.pieces import (
    MIN_SPLIT_GAIN,
    NOTHING,
    doubtful_words,
    is_better,
    joined,
    may_be_cyrillic,
    may_be_mixed,
    pieces_of,
    placed,
    read_score,
    word_spans,
)
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.recognition.router import GOOD_SCORE, LETTERED, POSSIBLE_ABOVE, Plan, ScriptNet, evidence, posterior
from inkline.scripts import NO_LETTERS
from inkline.types import Floats, Image, Text

log = logging.getLogger(__name__)

NO_READER = ""  # in the place of a recogniser's name
PART_ABOVE = 0.5  # probability of a script in a part of a line, from which a piece may be in that script
MIN_LETTERED = 0.3  # parts of a line that hold letters, below which it says nothing of its script
UNLIKELY_BELOW = 0.5  # probability of a recogniser, below which its reading counts from GOOD_SCORE
UNREAD_ABOVE = 0.3  # probability of scripts without a recogniser, from which a line may be left unread
UNREAD_BELOW = 0.9  # score of a line whose script has no recogniser, below which its reading is not believed
SCORE_PER_DECADE = 0.02  # what ten times the probability is worth beside the score
LATIN, HAN = LETTERED.index("Latn"), LETTERED.index("Hani")
SURELY_LATIN = 0.99  # probability from which a head of Latin characters alone reads a line with letters,
HAN_BELOW = 0.01  # if Chinese is no likelier than this in a line with letters or without,
HAN_PART_BELOW = 0.1  # and than this in each of its parts by itself


@dataclass(frozen=True, eq=False)
class Reader:
    """A recogniser, and the options that it reads with unless the user says otherwise.

    latin: the same net with a head of Latin characters alone, for lines that are surely in Latin script.
    """

    name: str
    read: Recognizer
    tuned: RecognizeOptions
    latin: Recognizer | None = None

    def by_head(self, lines: Sequence[int], latin: Sequence[bool]) -> dict[Recognizer, list[int]]:
        """The lines that each of its heads reads; latin: of all lines, whether they are surely in Latin script; empty: none."""
        heads: dict[Recognizer, list[int]] = {}
        for i in lines:
            head = self.latin if self.latin and latin and latin[i] else self.read
            heads.setdefault(head, []).append(i)
        return heads


class Readers:
    """The recognisers of scripts, each opened when first asked for, once; any thread may ask."""

    def __init__(self, base: Reader, open_reader: Callable[[str], Reader]) -> None:
        self._base, self._open = base, open_reader
        self._opened: dict[str, Reader | None] = {base.name: base}
        self._lock = Lock()

    def get(self, name: str) -> Reader | None:
        """The recogniser of this name; None where its file cannot be had, which is logged once (never installed: as info)."""
        if name not in self._opened:
            with self._lock:
                if name not in self._opened:
                    self._opened[name] = self._try(name)
        return self._opened[name]

    def _try(self, name: str) -> Reader | None:
        try:
            return self._open(name)
        except ModelError as error:
            say = log.info if isinstance(error, NotInstalledError) else log.warning
            say("%s cannot be had, lines of its script stay unread: %s", name, error)
            return None

    def read(self, name: str, crops: Sequence[Image], asked: RecognizeOptions, run: ParallelMap) -> list[Text]:
        """Lines as one recogniser reads them, each said to be read by it; none where it cannot be had."""
        reader = self.get(name)
        if reader is None:
            return []
        own = self.options(reader, asked)
        return [replace(text, reader=name, score_thresh=own.score_thresh) for text in reader.read(crops, own, run)]

    def options(self, reader: Reader, asked: RecognizeOptions) -> RecognizeOptions:
        """The options for a recogniser: its own, but for what was asked otherwise than the first one brings."""
        given = {f.name: getattr(asked, f.name) for f in fields(asked)}
        tuned = self._base.tuned
        return replace(reader.tuned, **{name: value for name, value in given.items() if value != getattr(tuned, name)})


class ScriptReader:
    """Reads lines of any script: `reader(crops, counts, options, run) -> list[Text]`; any thread may call."""

    def __init__(
        self,
        net: ScriptNet,
        readers: Readers,
        names: Mapping[str, Sequence[str]],
        others: Mapping[str, Mapping[str, Alphabets]] | None = None,
        again: tuple[str, str] = ("", ""),
    ) -> None:
        """names: script -> its recognisers, none where nothing reads it; scripts that are not there are not on the page.

        others: script -> the recognisers for pages in a language whose letters those in `names` lack. None: the languages are
        known, else they are found by their letters. again: a small recogniser, and the larger one that reads, too, what that
        reads with less confidence than `reread_thresh`; empty: none.
        """
        self._net, self._readers, self._names, self._others = net, readers, names, others
        self._small, self._larger = again
        # Recogniser -> the columns of its scripts in what the router says.
        self._columns: dict[str, list[int]] = {}
        for column, script in enumerate(LETTERED):
            for name in names.get(script, ()) or (NO_READER,):
                self._columns.setdefault(name, []).append(column)

    def __call__(
        self, crops: Sequence[Image], counts: Sequence[int], options: RecognizeOptions, run: ParallelMap = map
    ) -> list[Text]:
        """Texts of crops uint8 (H, W, 3) BGR, in order. counts: how many of them belong to each page.

        Each text says who read it; the one of a line that nobody reads is empty and has its script.
        """
        # What each line is written in.
        seen = self._net(crops, run)
        plans: list[Plan] = []
        for count in counts:
            plans += self._plans(seen[len(plans) : len(plans) + count])
        # Its recogniser reads it, in doubt several do; lines of several scripts are read in pieces where that is better.
        texts = self._readings(crops, plans, options, run)
        if self._others is not None:
            self._settle_languages(counts, plans, crops, texts, options, run)
        for i, plan in enumerate(plans):
            if may_be_mixed(seen[i], plan, texts[i]):
                text = self._in_pieces(crops[i], self._possible(plan, seen[i]), options, run)
                least = UNREAD_BELOW if texts[i].script else max(read_score(texts[i]) + MIN_SPLIT_GAIN, GOOD_SCORE)
                texts[i] = text if text.score >= least else texts[i]
        self._read_words_again(crops, plans, texts, options, run)
        return texts

    def _possible(self, plan: Plan, seen: Floats) -> set[str]:
        """Recognisers of scripts that are likely in a line, or in some part of it."""
        parts = {LETTERED[column] for column in np.flatnonzero(seen[:, 1:].max(axis=0) > PART_ABOVE)}
        of_parts = {name for script in parts for name in self._names.get(script, ())}
        return of_parts | {name for name in plan.names if plan.chances[name] > POSSIBLE_ABOVE}

    def _readings(
        self, crops: Sequence[Image], plans: Sequence[Plan], options: RecognizeOptions, run: ParallelMap
    ) -> list[Text]:
        """Each line as its likeliest recogniser reads it, in doubt the larger one, or as another that may be the right one does
        better."""
        found: list[list[Text]] = [[] for _ in crops]
        likely, latin = [plan.first for plan in plans], [plan.is_latin for plan in plans]
        self._read(crops, likely, found, options, run, latin)
        if self._larger:
            self._read_doubtful_again(crops, found, latin, options, run)
        more = [
            plan.next_to(names, max(map(read_score, texts), default=0.0))
            for plan, names, texts in zip(plans, likely, found, strict=True)
        ]
        self._read(crops, more, found, options, run)
        return [self._best(plan, texts) for plan, texts in zip(plans, found, strict=True)]

    def _read_doubtful_again(
        self,
        crops: Sequence[Image],
        found: Sequence[list[Text]],
        latin: Sequence[bool],
        options: RecognizeOptions,
        run: ParallelMap,
    ) -> None:
        """Change what the small recogniser reads with doubt to what the larger one reads as surely."""
        places = [(i, k) for i, texts in enumerate(found) for k, text in enumerate(texts) if text.reader == self._small]
        shown = [crops[i] for i, _ in places]

        def read_again(chosen: Sequence[int]) -> dict[int, Text]:
            again: list[list[Text]] = [[] for _ in chosen]
            heads = [latin[places[at][0]] for at in chosen]
            self._read([shown[at] for at in chosen], [[self._larger]] * len(chosen), again, options, run, heads)
            return {at: texts[0] for at, texts in zip(chosen, again, strict=True) if texts}

        texts = [found[i][k] for i, k in places]
        read_doubtful_again(texts, shown, self._small, options.reread_thresh, read_again)
        for (i, k), text in zip(places, texts, strict=True):
            found[i][k] = text

    def _settle_languages(
        self,
        counts: Sequence[int],
        plans: Sequence[Plan],
        crops: Sequence[Image],
        texts: list[Text],
        options: RecognizeOptions,
        run: ParallelMap,
    ) -> None:
        """Change the texts of each page's lines of each script to how they are read in its language, which letters tell."""

        def read_by(name: str, lines: Sequence[int], twins: Sequence[str] = ()) -> dict[int, Text]:
            return self._all_read(name, lines, crops, options, run, twins)

        def confidence(i: int) -> float:
            return confidences([texts[i]], [crops[i].shape], texts[i].reader)[0].line

        ends = np.cumsum(counts).tolist()
        for start, end in zip([0, *ends], ends, strict=False):
            for script in self._names:
                lines = [i for i in range(start, end) if texts[i].text and plans[i].script == script]
                read_by_others((self._others or {}).get(script, {}), lines, texts, confidence, read_by)
                read_with_twins(script, lines, texts, read_by)

    def _all_read(
        self,
        name: str,
        lines: Sequence[int],
        crops: Sequence[Image],
        options: RecognizeOptions,
        run: ParallelMap,
        twins: Sequence[str] = (),
    ) -> dict[int, Text]:
        """Lines as one recogniser reads them, with the letters of a language that has these twins; none if it cannot be had."""
        found: list[list[Text]] = [[] for _ in lines]
        self._read([crops[i] for i in lines], [[name]] * len(lines), found, options, run, twins=twins)
        return {i: texts[0] for i, texts in zip(lines, found, strict=True) if texts}

    def _plans(self, seen: Sequence[Floats]) -> Iterator[Plan]:
        """The plans of the lines of one page."""
        logs, letters = evidence(seen)
        probability = posterior(logs, letters, [script in self._names for script in LETTERED])
        for row, parts, lettered in zip(probability, seen, letters, strict=True):
            chances = self._chances(row)
            if lettered < MIN_LETTERED:  # digits are the same to all: the page's likeliest recogniser reads them
                chances |= dict.fromkeys(Plan(chances, NO_LETTERS).names[1:], 0.0)
            script = LETTERED[int(row.argmax())]
            sure = script == "Latn" if lettered < MIN_LETTERED else row[LATIN] > SURELY_LATIN
            is_latin = sure and row[HAN] < HAN_BELOW and parts[:, 1 + HAN].max() < HAN_PART_BELOW
            yield Plan(chances, script, bool(is_latin))

    def _chances(self, probability: Floats) -> dict[str, float]:
        """How likely each recogniser is, from the probabilities of the scripts (scripts,)."""
        shares = probability.tolist()
        return {name: sum([shares[column] for column in columns], 0.0) for name, columns in self._columns.items()}

    def _read(
        self,
        crops: Sequence[Image],
        asked: Sequence[Sequence[str]],
        readings: Sequence[list[Text]],
        options: RecognizeOptions,
        run: ParallelMap,
        latin: Sequence[bool] = (),
        twins: Sequence[str] = (),
    ) -> None:
        """Let recognisers read the lines for which they are asked, and add what they read to `readings`.

        latin: which lines are surely in Latin script, so that a head of Latin characters will do; empty: none. twins: of the
        language, where that is known of these lines.
        """
        for name in dict.fromkeys(name for names in asked for name in names):
            reader = self._readers.get(name)
            if reader is None:
                continue
            own = self._readers.options(reader, options)
            lines = [i for i, names in enumerate(asked) if name in names]
            for head, chosen in reader.by_head(lines, latin).items():
                read = head.with_twins(twins) if twins else head
                for i, text in zip(chosen, read([crops[i] for i in chosen], own, run), strict=True):
                    readings[i].append(replace(text, reader=name, score_thresh=own.score_thresh))

    def _best(self, plan: Plan, found: Sequence[Text]) -> Text:
        """The reading with the best score, a likely recogniser's being worth a little more; an empty one where none is good."""

        def asked(text: Text) -> str:
            """The recogniser of the plan: the small one where the larger one read again what that had read."""
            is_again = text.reader == self._larger and plan.chances[self._small] > plan.chances.get(self._larger, 0.0)
            return self._small if is_again else text.reader

        def worth(text: Text) -> float:
            return read_score(text) + SCORE_PER_DECADE * float(np.log10(max(plan.chances[asked(text)], 1e-9)))

        kept = [
            t for t in found if asked(t) == plan.names[0] or t.score >= GOOD_SCORE or plan.chances[asked(t)] > UNLIKELY_BELOW
        ]
        best = max(kept, key=worth, default=NOTHING)
        if plan.chances.get(NO_READER, 0.0) > UNREAD_ABOVE or best is NOTHING:
            return best if read_score(best) >= UNREAD_BELOW else replace(NOTHING, script=plan.script)
        return best

    def _in_pieces(self, crop: Image, possible: set[str], options: RecognizeOptions, run: ParallelMap) -> Text:
        """A line divided where its recogniser changes, read piece by piece; nothing where it is not divided or not all read.

        possible: the recognisers that may read a piece. Words without letters go with those before them.
        """
        words, names = word_spans(crop), list[str]()
        for word in self._net([crop[:, start:end] for start, end in words], run):
            likely = [name for name in next(self._plans([word])).names if name in possible]
            has_letters = float(word[:, 0].mean()) < 0.5
            names.append(likely[0] if likely and (has_letters or not names) else (names or [""])[-1])
        return joined(self._read_pieces(crop, words, names, options, run))

    def _read_words_again(
        self, crops: Sequence[Image], plans: Sequence[Plan], texts: list[Text], options: RecognizeOptions, run: ParallelMap
    ) -> None:
        """Change the texts of lines with doubtful or unread words in another script to those of their pieces, if better."""
        for i, of_words in self._words_of_others(crops, plans, texts, run).items():
            words = word_spans(crops[i])
            refused = {""}
            while of_words and refused:  # without the recognisers that do not read theirs better
                names = [of_words.get(word, texts[i].reader) for word in words]
                pieces = self._read_pieces(crops[i], words, names, options, run)
                refused = {
                    piece.reader for piece in pieces if piece.reader != texts[i].reader and not is_better(piece, texts[i])
                }
                of_words = {word: name for word, name in of_words.items() if name not in refused}
            texts[i] = joined(pieces) if of_words and pieces else texts[i]

    def _words_of_others(
        self, crops: Sequence[Image], plans: Sequence[Plan], texts: Sequence[Text], run: ParallelMap
    ) -> dict[int, dict[tuple[int, int], str]]:
        """Line -> the places of its doubtful words that seem to be in another script, with the recogniser of that."""
        whole = [i for i, text in enumerate(texts) if text.text and "+" not in text.reader]
        spans = [(i, *word) for i in whole for word in doubtful_words(texts[i], crops[i])]
        named: dict[int, dict[tuple[int, int], str]] = {}
        for (i, a, b), parts in zip(spans, self._net([crops[i][:, a:b] for i, a, b in spans], run), strict=True):
            cyrillic = plans[i].script == "Latn" and may_be_cyrillic(texts[i], (a, b), crops[i])
            if name := self._other_reader(parts, plans[i].script, cyrillic):
                named.setdefault(i, {})[a, b] = name
        return named

    def _other_reader(self, word: Floats, script: str, cyrillic: bool) -> str:
        """The recogniser of a word of a line of this script, if the net sees another; cyrillic: though it may see Latin."""
        plan = next(self._plans([word]))
        if plan.script == script:
            return next(iter(self._names.get("Cyrl", ())), "") if cyrillic else ""
        has_letters = float(word[:, 0].mean()) < 0.5
        return plan.names[0] if has_letters and plan.chances[plan.names[0]] > PART_ABOVE else ""

    def _read_pieces(
        self, crop: Image, words: Sequence[tuple[int, int]], names: Sequence[str], options: RecognizeOptions, run: ParallelMap
    ) -> list[Text]:
        """A line's words, read together as long as their recogniser is the same; none where that is all of them, or not had."""
        pieces = pieces_of(words, names)
        found: list[list[Text]] = [[] for _ in pieces]
        if len(pieces) > 1:
            cut = [crop[:, start:end] for _, start, end in pieces]
            self._read(cut, [[name] for name, _, _ in pieces], found, options, run)
        width = crop.shape[1]
        if not all(found):
            return []
        return [placed(texts[0], a / width, b / width) for texts, (_, a, b) in zip(found, pieces, strict=True)]
