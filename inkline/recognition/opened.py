"""The recognisers of an `Ocr`, as its options and languages name them: opened, each for the lines of its scripts."""

from collections.abc import Callable, Sequence

from inkline.flat import apply
from inkline.languages import LANGUAGES, canonical, language, own_reader, route, twins_of
from inkline.options import AUTO, OcrOptions, RecognizeOptions
from inkline.recognition.letters import other_readers
from inkline.recognition.readers import Reader, Readers, ScriptReader
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.recognition.router import LETTERED, ScriptNet
from inkline.registry import may_be_had, model_of_tier, options_for, resolve, with_latin_head
from inkline.registry.card import all_cards
from inkline.registry.inspect import ModelFile
from inkline.runtime import Engine, OpenedWhenCalled, open_engine
from inkline.runtime.shared_batches import SharedBatches
from inkline.types import Image, Text

ROUTER = "inkline_script"
ROUTED_AS = {"Hans": "Hani", "Hant": "Hani", "Jpan": "Hani", "Kore": "Hang"}  # scripts of languages -> of the router


def open_recognizers(options: OcrOptions, found: ModelFile) -> tuple[Recognizer, Recognizer | None]:
    """The recogniser `found` that the options name, and the same net with a head of Latin characters alone where that may read.

    Where lines are told apart by script, none is opened before its first line.
    """
    head, routed = options.text_recognition_model_head, _is_routed(options)
    cut = with_latin_head(found) if head == "latin" or (head == "auto" and routed) else found
    base = _recognizer(cut if head == "latin" else found, options, routed)
    return base, None if head == "latin" or cut.path == found.path else _recognizer(cut, options, True)


def _recognizer(found: ModelFile, options: OcrOptions, later: bool = False) -> Recognizer:
    """A recogniser whose lines run side by side; where larger batches pay, lines of different pages and calls fill them."""
    how = found.path, options.engine, options.engine.cpu_threads
    engine: Engine = OpenedWhenCalled(*how) if later else open_engine(*how)
    if options.recognize.batch_size > 1:
        engine = SharedBatches(engine, options.recognize.batch_size)
    return Recognizer(engine, found.charset or (), found.metadata, twins_of(options.lang))


ReadLines = Callable[[Sequence[Image], Sequence[int], RecognizeOptions, ParallelMap], list[Text]]


def open_lines_reader(options: OcrOptions, base: Recognizer, latin: Recognizer | None) -> ReadLines:
    """What reads lines as a `ScriptReader` does. base: the recogniser that the options name; latin: see `Reader`.

    It alone reads where the options mean one recogniser, limit the characters, or fix the net's input or its batches.

    Others are opened as `options.engine` says. ModelError or DownloadError when the router's net cannot be had.
    """

    def read_alone(
        crops: Sequence[Image], counts: Sequence[int], asked: RecognizeOptions, run: ParallelMap = map
    ) -> list[Text]:
        return base(crops, asked, run)

    if not _is_routed(options):
        return read_alone
    net = ScriptNet(open_engine(resolve(ROUTER, "", "script").path, options.engine, options.engine.cpu_threads))

    def open_reader(name: str) -> Reader:
        found = resolve(name, "", "text_recognition")
        tuned = apply(apply(OcrOptions(), tier=options.tier), **found.options)
        return Reader(name, _recognizer(found, options), tuned.recognize)

    name = options.text_recognition_model_name
    unasked = options_for(text_recognition_model_name=name, tier=options.tier) if name in all_cards() else OcrOptions()
    readers = Readers(Reader(name, base, unasked.recognize, latin), open_reader)
    names = reader_names(options.lang, name, options.tier)
    by_script = ScriptReader(net, readers, names, other_readers(names) if options.lang == AUTO else None)

    def read(crops: Sequence[Image], counts: Sequence[int], asked: RecognizeOptions, run: ParallelMap = map) -> list[Text]:
        alone = asked.charset or asked.input_shape or asked.width_rule == "reference"
        return (read_alone if alone else by_script)(crops, counts, asked, run)

    return read


def _is_routed(options: OcrOptions) -> bool:
    """Whether more than one recogniser may read lines."""
    names = reader_names(options.lang, options.text_recognition_model_name, options.tier).values()
    return len({name for of_script in names for name in of_script}) > 1


def reader_names(lang: str, base: str, tier: str = "balanced") -> dict[str, tuple[str, ...]]:
    """Script -> the recognisers that may read its lines, for the option `lang`; none in one that nothing reads.

    auto: all scripts, `base` (the recogniser that the options name) being that of Latin, and of Chinese and Japanese unless it
    is that of a tier which does not read kana, and one that does may be had. Codes joined by +: the scripts and recognisers
    of these languages. Anything else: none at all.
    """
    names: dict[str, tuple[str, ...]] = {}
    if lang == AUTO:
        default = OcrOptions().text_recognition_model_name
        usual, with_kana = (model_of_tier(default, tier, code) for code in ("", "japan"))
        han = with_kana if base == usual and may_be_had(with_kana) else base
        names = {"Latn": (base,), "Hani": (han,), **dict.fromkeys(LETTERED[2:], ())}
        for code, known in LANGUAGES.items():
            script, own = ROUTED_AS.get(known.script, known.script), own_reader(code)
            if own and not names.get(script):
                names[script] = (own,)
    elif "+" in lang:
        for code in map(canonical, lang.split("+")):
            script = ROUTED_AS.get(language(code).script, language(code).script)
            name = model_of_tier(route(code)[1], tier, code)
            names[script] = tuple(dict.fromkeys((*names.get(script, ()), name)))
    return names
