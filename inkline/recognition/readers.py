"""Lines read by the recogniser of their script: the router names it, doubtful lines are read twice, mixed ones in pieces."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from inkline.options import RecognizeOptions
from inkline.recognition.amounts import with_barred_signs, with_money
from inkline.recognition.comparisons import with_comparisons
from inkline.recognition.confidence import confidences
from inkline.recognition.doubtful import read_doubtful_again
from inkline.recognition.left_out import leaves_out, share_of_ink
from inkline.recognition.letters import Alphabets, read_by_others, read_with_twins
from inkline.recognition.line_words import Nets
from inkline.recognition.mixed import read_by_words
from inkline.recognition.page_alphabet import settle_alphabets
from inkline.recognition.pieces import NOTHING, read_score, whole_score
from inkline.recognition.reader import Readers
from inkline.recognition.recognizer import ParallelMap
from inkline.recognition.router import GOOD_SCORE, LETTERED, POSSIBLE_ABOVE, SURE_SCORE, Plan, ScriptNet, evidence, posterior
from inkline.scripts import NO_LETTERS, script_of, script_of_char
from inkline.types import Floats, Image, Text

SURELY = 0.97  # probability of a recogniser, from which the script of a line of so many letters is on the page
MIN_SURE_LETTERS = 5
MIN_SURE_LINES = 3  # of a page, from which a line in a script that none of them has is to be read well
MIN_AKIN_LETTERS = 3  # of a line in another script than the router says: a page number looks like a letter of any
STRANGE_LOSS = 0.15  # by which their reading of a line in a script that is not on its page may be worse
NO_READER = ""  # in the place of a recogniser's name
PART_ABOVE = 0.5  # probability of a script in a part of a line, from which a piece may be in that script
MIN_LETTERED = 0.3  # parts of a line that hold letters, below which it says nothing of its script
UNLIKELY_BELOW = 0.5  # probability of a recogniser, below which its reading counts from GOOD_SCORE
UNREAD_ABOVE = 0.3  # probability of scripts without a recogniser, from which a line may be left unread
UNREAD_BELOW = 0.9  # score of a line whose script has no recogniser, below which its reading is not believed
LOST_ABOVE = 1e-3  # probability of a recogniser that cannot be had, from which a line may be its
SCORE_PER_DECADE = 0.02  # what ten times the probability is worth beside the score
LATIN, HAN = LETTERED.index("Latn"), LETTERED.index("Hani")
SURELY_LATIN = 0.99  # probability from which a head of Latin characters alone reads a line with letters,
HAN_BELOW = 0.01  # if Chinese is no likelier than this in a line with letters or without,
HAN_PART_BELOW = 0.1  # and than this in each of its parts by itself


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
        # What each line is written in; pages: the lines of each.
        seen = self._net(crops, run)
        ends = np.cumsum(counts).tolist()
        pages = [range(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        plans = [plan for page in pages for plan in self._plans(seen[page.start : page.stop])]
        # Its recogniser reads it, in doubt several do; lines of several scripts are read in pieces where that is better.
        texts = self._readings(crops, plans, options, run)
        if self._others is not None:
            self._read_strangers_again(pages, plans, crops, texts, options, run)
            self._settle_languages(pages, plans, crops, texts, options, run)
        self._read_by_words(crops, pages, seen, plans, texts, options, run)
        settle_alphabets(pages, self._names, texts, lambda name, lines: self._all_read(name, lines, crops, options, run))
        self._read_money(pages, crops, texts, options, run)
        self._read_comparisons(pages, crops, texts, options, run)
        return [self._unless_lost(*line) for line in zip(plans, texts, crops, strict=True)]

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
        more = [_next_to(*line) for line in zip(plans, likely, found, crops, strict=True)]
        self._read(crops, more, found, options, run)
        # What others read as Latin letters goes to the recogniser of these, too: a rule looks like Devanagari's head line.
        asked = [[*names, *others] for names, others in zip(likely, more, strict=True)]
        base = self._names.get("Latn", ())[:1]
        again = [[name for name in base if _is_latin(found[i]) and name not in names] for i, names in enumerate(asked)]
        self._read(crops, again, found, options, run)
        self._read_akin(crops, plans, found, options, run)
        return [self._best(*line) for line in zip(plans, found, crops, strict=True)]

    def _unless_lost(self, plan: Plan, text: Text, crop: Image) -> Text:
        """A reading, none where it leaves out ink and a likely recogniser cannot be had: `125` of `Договор 125`."""
        lost = [name for name in plan.names if plan.chances[name] > LOST_ABOVE and self._readers.is_lost(name)]
        if not lost or text.script or not leaves_out(text, crop):
            return text
        return replace(NOTHING, script=LETTERED[self._columns[lost[0]][0]])

    def _read_akin(
        self,
        crops: Sequence[Image],
        plans: Sequence[Plan],
        found: Sequence[list[Text]],
        options: RecognizeOptions,
        run: ParallelMap,
    ) -> None:
        """Add to what is read badly in a script beside Latin what those of scripts akin to it read: Lao is like Malayalam.

        Thai without loops is so like Lao that the recogniser of Thai is asked as soon as that of Lao is not sure.
        """
        asked = [self._akin_to(plan, texts) for plan, texts in zip(plans, found, strict=True)]
        more: list[list[Text]] = [[] for _ in crops]
        self._read(crops, asked, more, options, run)
        for texts, others in zip(found, more, strict=True):
            texts += [text for text in others if sum(map(str.isalpha, text.text)) >= MIN_AKIN_LETTERS]

    def _akin_to(self, plan: Plan, texts: Sequence[Text]) -> list[str]:
        """Those to ask, too, beside the recognisers that read a line like this."""
        done = [text.reader for text in texts]
        beside_latin = bool(texts) and plan.names[0] not in self._names.get("Latn", ())
        akin = plan.akin(done, max(map(read_score, texts))) if beside_latin else []
        thai = self._names.get("Thai", ()) if _is_doubtful_lao(texts) else ()
        return [*akin, *(name for name in thai if name not in [*done, *akin])]

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

    def _read_strangers_again(
        self,
        pages: Sequence[range],
        plans: Sequence[Plan],
        crops: Sequence[Image],
        texts: list[Text],
        options: RecognizeOptions,
        run: ParallelMap,
    ) -> None:
        """Change what is read badly by a recogniser that reads no script of its page: a name in ink looks like Arabic."""
        # The lines, and who reads the rest of their pages.
        asked: dict[int, list[str]] = {}
        for page in pages:
            names = self._readers_of_page(plans[page.start : page.stop], texts[page.start : page.stop])
            strange = [i for i in page if self._is_strange(texts[i], names)] if names else []
            asked |= dict.fromkeys(strange, names)
        # The best of what these read.
        found: list[list[Text]] = [[] for _ in asked]
        self._read([crops[i] for i in asked], list(asked.values()), found, options, run)
        for i, readings in zip(asked, found, strict=True):
            best = max(readings, key=whole_score, default=texts[i])
            few = sum(map(str.isalpha, texts[i].text)) < MIN_SURE_LETTERS
            if few or whole_score(best) >= whole_score(texts[i]) - STRANGE_LOSS:
                texts[i] = best

    def _is_strange(self, text: Text, names: Sequence[str]) -> bool:
        """Whether a reading is no good one, of none of the recognisers of its page, and not in letters that these read."""
        known = {*names, *([self._small] if self._larger in names else [])}
        scripts = {NO_LETTERS, *(LETTERED[column] for name in known for column in self._columns.get(name, ()))}
        badly = bool(text.reader) and text.reader not in known and whole_score(text) < GOOD_SCORE
        return badly and not scripts.issuperset(map(script_of_char, text.text))

    def _readers_of_page(self, plans: Sequence[Plan], texts: Sequence[Text]) -> list[str]:
        """Who reads the scripts that surely are on a page, the larger one in the small one's place; none if few lines tell."""
        sure = Counter(plan.script for plan, text in zip(plans, texts, strict=True) if _is_sure(plan, text))
        if sure.total() < MIN_SURE_LINES:
            return []
        names = dict.fromkeys(name for script, _ in sure.most_common() for name in self._names[script])
        return [self._larger if name == self._small else name for name in names]

    def _settle_languages(
        self,
        pages: Sequence[range],
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

        for page in pages:
            for script in self._names:
                lines = [i for i in page if texts[i].text and plans[i].script == script]
                read_by_others((self._others or {}).get(script, {}), lines, texts, confidence, read_by)
                read_with_twins(script, lines, texts, read_by)

    def _read_money(
        self, pages: Sequence[range], crops: Sequence[Image], texts: list[Text], options: RecognizeOptions, run: ParallelMap
    ) -> None:
        """Change amounts of each page in Latin script whose signs another recogniser of it reads, which knows more of them."""
        name = next(iter((self._others or {}).get("Latn", ())), "")
        first = {*self._names.get("Latn", ()), self._larger} if name else set()
        read = partial(self._readers.read, name, asked=options, run=run)
        for page in pages:
            lines = [i for i in page if texts[i].reader in first]
            money = with_money([texts[i] for i in lines], [crops[i] for i in lines], read)
            for i, text in zip(lines, money, strict=True):
                texts[i] = with_barred_signs(text, crops[i])

    def _read_comparisons(
        self, pages: Sequence[range], crops: Sequence[Image], texts: list[Text], options: RecognizeOptions, run: ParallelMap
    ) -> None:
        """Change signs beside figures in lines of other scripts that the recogniser of Latin script knows."""
        latin = self._names.get("Latn", ())
        read = partial(self._readers.read, next(iter(latin), ""), asked=options, run=run)
        for page in pages if latin else ():
            lines = [i for i in page if texts[i].reader and texts[i].reader not in latin]
            for i, text in zip(
                lines, with_comparisons([texts[i] for i in lines], [crops[i] for i in lines], read), strict=True
            ):
                texts[i] = text

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
        surely_latin = {i for i, is_latin in enumerate(latin) if is_latin}
        for name in dict.fromkeys(name for names in asked for name in names):
            reader = self._readers.get(name)
            if reader is None:
                continue
            own = self._readers.options(reader, options)
            lines = {i: crops[i] for i, names in enumerate(asked) if name in names}
            for i, text in reader.read_each(lines, surely_latin, own, run, twins).items():
                readings[i].append(replace(text, reader=name, score_thresh=own.score_thresh))

    def _best(self, plan: Plan, found: Sequence[Text], crop: Image) -> Text:
        """The reading with the best score, a likely recogniser's being worth a little more, one that leaves out ink less; an
        empty one where none is good."""

        def asked(text: Text) -> str:
            """The recogniser of the plan: the small one where the larger one read again what that had read."""
            is_again = text.reader == self._larger and plan.chances[self._small] > plan.chances.get(self._larger, 0.0)
            return self._small if is_again else text.reader

        def worth(text: Text) -> float:
            share = share_of_ink(text, crop) if differ else 1.0
            return whole_score(text) * share + SCORE_PER_DECADE * float(np.log10(max(plan.chances[asked(text)], 1e-9)))

        differ = len({script_of(text.text) for text in found}) > 1
        kept = [
            t for t in found if asked(t) == plan.names[0] or t.score >= GOOD_SCORE or plan.chances[asked(t)] > UNLIKELY_BELOW
        ]
        best = max(kept, key=worth, default=NOTHING)
        if plan.chances.get(NO_READER, 0.0) > UNREAD_ABOVE or best is NOTHING:
            return best if read_score(best) >= UNREAD_BELOW else replace(NOTHING, script=plan.script)
        return best

    def _read_by_words(
        self,
        crops: Sequence[Image],
        pages: Sequence[range],
        seen: Sequence[Floats],
        plans: Sequence[Plan],
        texts: list[Text],
        options: RecognizeOptions,
        run: ParallelMap,
    ) -> None:
        """Change the texts of lines that are read better word by word."""

        def read(crops: Sequence[Image], asked: Sequence[Sequence[str]]) -> list[list[Text]]:
            found: list[list[Text]] = [[] for _ in crops]
            self._read(crops, asked, found, options, run)
            return found

        cyrillic = next(iter(self._names.get("Cyrl", ())), "")
        scripts = {name: {LETTERED[column] for column in columns} for name, columns in self._columns.items()}
        if self._larger:  # reads in the small one's place
            scripts[self._larger] = scripts.get(self._larger, set()) | scripts.get(self._small, set())
        nets = Nets(
            lambda crops: self._net(crops, run),
            lambda parts: self._chances(parts[:, 1:].mean(axis=0)),
            read,
            scripts,
            cyrillic,
        )
        of_pages = self._scripts_of_pages(pages, plans, texts)
        read_by_words(nets, crops, seen, plans, texts, self._possible, of_pages)

    def _scripts_of_pages(self, pages: Sequence[range], plans: Sequence[Plan], texts: Sequence[Text]) -> list[set[str]]:
        """Of each line, the scripts that surely are on its page: those of lines read well, all where the user named them."""
        scripts: list[set[str]] = []
        for page in pages:
            sure = set(self._names) if self._others is None else {plans[i].script for i in page if _is_sure(plans[i], texts[i])}
            scripts += [sure] * len(page)
        return scripts


def _is_latin(texts: Sequence[Text]) -> bool:
    """Whether the best of some readings is mostly in Latin letters, or mixes them with others as no word does."""
    best = max(texts, key=read_score, default=NOTHING)
    return script_of(best.text) == "Latn" or whole_score(best) < read_score(best)


def _next_to(plan: Plan, asked: Sequence[str], texts: Sequence[Text], crop: Image) -> list[str]:
    """Who is to read a line, too, that those who were asked read like this."""
    best = max(texts, key=read_score, default=NOTHING)
    return plan.next_to(asked, read_score(best), share_of_ink(best, crop))


def _is_doubtful_lao(texts: Sequence[Text]) -> bool:
    """Whether the best of a line's readings is in Lao, and not sure."""
    best = max(texts, key=read_score, default=NOTHING)
    return script_of(best.text) == "Laoo" and best.score < SURE_SCORE


def _is_sure(plan: Plan, text: Text) -> bool:
    """Whether a line surely is in its script, the likeliest recogniser having read it well."""
    first = plan.names[0]
    read_well = text.reader == first and text.score >= GOOD_SCORE and script_of(text.text) == plan.script
    return plan.chances[first] > SURELY and read_well and sum(map(str.isalpha, text.text)) >= MIN_SURE_LETTERS
