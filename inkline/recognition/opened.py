"""The recognisers of an `Ocr`, as its options and languages name them: opened, each for the lines of its scripts."""

import logging
from collections.abc import Callable, Sequence
from functools import partial

from inkline.errors import ModelError
from inkline.flat import apply
from inkline.languages import LANGUAGES, alphabet_of, canonical, language, own_reader, route, twins_of
from inkline.options import AUTO, OcrOptions, RecognizeOptions
from inkline.recognition.doubtful import read_doubtful_again
from inkline.recognition.letters import other_readers
from inkline.recognition.reader import Reader, Readers
from inkline.recognition.readers import ScriptReader
from inkline.recognition.recognizer import ParallelMap, Recognizer
from inkline.recognition.router import LETTERED, ScriptNet
from inkline.registry import DEFAULT_MODELS, model_of_tier, options_for, resolve, with_latin_head
from inkline.registry.card import all_cards
from inkline.registry.inspect import ModelFile
from inkline.runtime import Engine, OpenedWhenCalled, open_engine
from inkline.runtime.shared_batches import SharedBatches
from inkline.types import Image, Text

log = logging.getLogger(__name__)

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
    return Recognizer(engine, found.charset or (), found.metadata, twins_of(options.lang), alphabet_of(options.lang))


ReadLines = Callable[[Sequence[Image], Sequence[int], RecognizeOptions, ParallelMap], list[Text]]


def open_lines_reader(options: OcrOptions, base: Recognizer, latin: Recognizer | None) -> ReadLines:
    """What reads lines as a `ScriptReader` does. base: the recogniser that the options name; latin: see `Reader`.

    It alone reads where the options limit the characters, or fix the net's input or its batches; and where they mean one
    recogniser, but for what that of a tier reads with doubt.

    Others are opened as `options.engine` says. ModelError or DownloadError when the router's net cannot be had.
    """
    name, larger = options.text_recognition_model_name, larger_model(options)

    def read_alone(
        crops: Sequence[Image], counts: Sequence[int], asked: RecognizeOptions, run: ParallelMap = map
    ) -> list[Text]:
        return base(crops, asked, run)

    routed = _is_routed(options)
    if not routed and not larger:
        return read_alone
    named = DEFAULT_MODELS | {"text_recognition_model_name": name}
    unasked = options_for(**named, tier=options.tier) if name in all_cards() else OcrOptions()
    readers = Readers(Reader(name, base, unasked.recognize, latin), partial(_open_reader, options, larger))
    by_script = _script_reader(options, readers, larger) if routed else None

    def read_twice(
        crops: Sequence[Image], counts: Sequence[int], asked: RecognizeOptions, run: ParallelMap = map
    ) -> list[Text]:
        def read_again(lines: Sequence[int]) -> dict[int, Text]:
            again = readers.read(larger.name, [crops[i] for i in lines], asked, run) if larger else []
            return dict(zip(lines, again, strict=False))

        texts = base(crops, asked, run)
        read_doubtful_again(texts, crops, name, asked.reread_thresh, read_again)
        return texts

    def read(crops: Sequence[Image], counts: Sequence[int], asked: RecognizeOptions, run: ParallelMap = map) -> list[Text]:
        alone = asked.charset or asked.input_shape or asked.width_rule == "reference"
        return (read_alone if alone else by_script or read_twice)(crops, counts, asked, run)

    return read


def _script_reader(options: OcrOptions, readers: Readers, larger: ModelFile | None) -> ScriptReader:
    net = ScriptNet(open_engine(resolve(ROUTER, "", "script").path, options.engine, options.engine.cpu_threads))
    names = reader_names(options.lang, options.text_recognition_model_name, options.tier, larger is not None)
    others = other_readers(names) if options.lang == AUTO else None
    again = (small_model(options), larger.name) if larger else ("", "")
    return ScriptReader(net, readers, names, others, again)


def _open_reader(options: OcrOptions, larger: ModelFile | None, name: str) -> Reader:
    """The recogniser of this name; the default one with a head for Latin script where the first one has one."""
    found = larger if larger and name == larger.name else resolve(name, "", "text_recognition")
    tuned = apply(apply(OcrOptions(), tier=options.tier), **found.options).recognize
    if found is larger:
        read, latin = open_recognizers(options, found)
        return Reader(name, read, tuned, latin)
    return Reader(name, _recognizer(found, options), tuned)


def larger_model(options: OcrOptions) -> ModelFile | None:
    """The default recogniser where that of a tier stands in its place: for lines which that does not read, or with doubt.

    None where the options do not need it, and, with a warning, where it cannot be had.
    """
    default, small = OcrOptions().text_recognition_model_name, small_model(options)
    of_scripts = reader_names(options.lang, options.text_recognition_model_name, options.tier).values()
    names = {options.text_recognition_model_name, *(name for of_script in of_scripts for name in of_script)}
    is_needed = default in names or options.recognize.reread_thresh > 0
    if not options.lang or small == default or small not in names or not is_needed:
        return None
    try:
        return resolve(default, "", "text_recognition")
    except ModelError as error:
        log.warning("%s cannot be had, so %s alone reads what that would read better: %s", default, small, error)
        return None


def small_model(options: OcrOptions) -> str:
    """The recogniser that stands in the place of the default one in the tier; that one itself where none does."""
    return model_of_tier(OcrOptions().text_recognition_model_name, options.tier)


def _is_routed(options: OcrOptions) -> bool:
    """Whether more than one recogniser may read lines, each those of its scripts."""
    names = reader_names(options.lang, options.text_recognition_model_name, options.tier).values()
    return len({name for of_script in names for name in of_script}) > 1


def reader_names(lang: str, base: str, tier: str = "balanced", larger: bool = True) -> dict[str, tuple[str, ...]]:
    """Script -> the recognisers that may read its lines, for the option `lang`; none in one that nothing reads.

    auto: all scripts, `base` (the recogniser that the options name) being that of Latin, and of Chinese and Japanese unless it
    is that of a tier which does not read kana. Codes joined by +: the scripts and recognisers of these languages. Anything
    else: none at all. larger: whether the default recogniser may be had; else that of the tier reads its lines, too.
    """
    names: dict[str, tuple[str, ...]] = {}
    default = OcrOptions().text_recognition_model_name
    usual = model_of_tier(default, tier)
    if lang == AUTO:
        han = model_of_tier(default, tier, "japan") if base == usual else base
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
    instead = {} if larger else {default: usual}
    return {script: tuple(dict.fromkeys(instead.get(name, name) for name in of)) for script, of in names.items()}
