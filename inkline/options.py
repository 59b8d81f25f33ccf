"""The only home of a default: command-line flags, HTTP fields, Python keywords and config files all come from here.

Options are frozen. `Ocr` holds one `OcrOptions`; a call may override single values by their flat public names
(`text_det_thresh=0.2`), which makes a new object for that call: `apply(options, text_det_thresh=0.2)`.
A model card may carry tuned values; `inkline.registry.options_for` lays them over these defaults, the user's values over both.
docs/options.md lists all of them: `python -m benchmarks.options_table`.
"""

import os
from dataclasses import dataclass, field
from typing import Literal

from inkline.errors import UsageError, near
from inkline.flat import Shape, opt, opt_like, parse_page_range, validate
from inkline.presets import REFERENCE_RULES, TIERS, Tier

LimitType = Literal["min", "max", "resize_long"]
Rules = Literal["own", "reference"]

AUTO = "auto"  # `lang`: each line in the language, or at least the script, that it is written in
STRIDE_PX = 32  # sides of a detector's input are multiples of this
MIN_TILE_PX = 512
MIN_PDF_DPI = 10


def processor_count() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _check_channels(name: str, shape: Shape | None) -> None:
    if shape is not None and shape[0] != 3:
        raise UsageError(f"{name}={' '.join(map(str, shape))}: nets take 3 channels, for instance 3 {shape[1]} {shape[2]}")


@dataclass(frozen=True)
class DetectOptions:
    """How text is found on a page; defaults are those searched for PP-OCRv6_small_det (`benchmarks/tune_detect.py`)."""

    limit_side_len: int = opt(1280, "text_det_limit_side_len", "in pixels, applied as --text_det_limit_type says", 1)
    limit_type: LimitType = opt(
        "resize_long",
        "text_det_limit_type",
        "max: shrink when the longer side is above the limit; min: enlarge when the shorter side is below it; "
        "resize_long: always bring the longer side to it",
    )
    max_enlarge: float = opt(1.5, "text_det_max_enlarge", "small images are enlarged at most by this factor", 1)
    max_side_limit: int = opt(4000, "text_det_max_side_limit", "no side of the detector's input is longer, in pixels", 32)
    tile_side: int = opt(
        1600,
        "text_det_tile_side",
        "larger inputs are cut into overlapping tiles of this side (multiple of 32); 0: never",
        0,
    )
    small_text: float = opt(
        14.0,
        "text_det_small_text",
        "if half the boxes are lower than this in net pixels, an enlarged pass follows; 0: never",
        0,
    )
    sparse_side_len: int = opt(
        640,
        "text_det_sparse_side_len",
        "a coarse pass at this limit_side_len finds large letters, and what is empty on a page with little text; 0: none",
        0,
    )
    thresh: float = opt(0.3, "text_det_thresh", "a pixel is text above this probability", 0, 1)
    box_thresh: float = opt(0.6, "text_det_box_thresh", "a box is kept from this mean probability", 0, 1)
    unclip_ratio: float = opt(1.5, "text_det_unclip_ratio", "how far boxes grow: distance = area * ratio / perimeter", 0)
    max_candidates: int = opt(3000, "text_det_max_candidates", "at most this many contours are examined", 1)
    use_dilation: bool = opt(False, "text_det_use_dilation", "thicken the text mask by one pixel before finding contours")
    score_mode: Literal["fast", "slow"] = opt(
        "fast", "text_det_score_mode", "box score over the rectangle (fast) or the contour (slow)"
    )
    box_type: Literal["quad", "poly"] = opt("quad", "text_det_box_type", "rectangles, or polygons for curved text")
    input_shape: Shape | None = opt(None, "text_det_input_shape", "fixed detector input C H W instead of the limits")

    def __post_init__(self) -> None:
        validate(self)
        if self.tile_side and (self.tile_side % STRIDE_PX or self.tile_side < MIN_TILE_PX):
            raise UsageError(f"text_det_tile_side={self.tile_side}: must be 0 or a multiple of 32 from {MIN_TILE_PX}")
        _check_channels("text_det_input_shape", self.input_shape)
        if self.input_shape is not None and any(side % STRIDE_PX for side in self.input_shape[1:]):
            shape = " ".join(map(str, self.input_shape))
            raise UsageError(f"text_det_input_shape={shape}: height and width must be multiples of {STRIDE_PX}")


@dataclass(frozen=True)
class RecognizeOptions:
    """How line crops are read."""

    score_thresh: float = opt(
        0.5,
        "text_rec_score_thresh",
        "lines below this score are left out; 0: none. PP-OCRv6_small_rec brings 0.75",
        0,
        1,
    )
    batch_size: int = opt(1, "text_recognition_batch_size", "at most this many lines go through the net at once", 1)
    width_rule: Rules = opt(
        "own",
        "text_rec_width_rule",
        "own: each line at (nearly) its own width; reference: padded to 320 px and to the widest of its batch",
        instead="rules",
    )
    width_scale: float = opt(
        1.0,
        "text_rec_width_scale",
        "with own widths, lines wider than three times their height are fed at this share of their width; above 1, all lines",
        0.5,
        2,
        old_name="text_rec_squeeze",
    )
    stroke_pitch: float = opt(
        0.0,
        "text_rec_stroke_pitch",
        "narrowing stops when strokes are this share of the line height apart; 0: never",
        0,
        1,
    )
    space_thresh: float = opt(
        0.15, "text_rec_space_thresh", "a space is read from this probability; 1: only where it is the best class", 0, 1
    )
    accent_thresh: float = opt(
        0.1,
        "text_rec_accent_thresh",
        "on a page without accents, one is removed where the plain letter has this share of its probability; 1: never",
        0,
        1,
    )
    reread_thresh: float = opt(
        0.0, "text_rec_reread_thresh", "lines that a tier reads with less confidence go to the default recogniser, too", 0, 1
    )
    max_width: int = opt(3200, "text_rec_max_width", "longer lines are read in parts of this width, in pixels of the net", 32)
    input_shape: Shape | None = opt(None, "text_rec_input_shape", "fixed recogniser input C H W instead of own widths")
    charset: str = opt("", "text_rec_charset", "only these characters may be read (a space counts); empty: all")
    return_word_box: bool = opt(False, "return_word_box", "also give a box for each word")

    def __post_init__(self) -> None:
        validate(self)
        _check_channels("text_rec_input_shape", self.input_shape)


@dataclass(frozen=True)
class OrientOptions:
    """When pages and lines are turned, and pages flattened."""

    page_rule: Literal["lines", "gated", "net"] = opt(
        "gated",
        "doc_orientation_rule",
        "gated: unless the classifier is sure that a page is upright, a sample of its lines, read both ways, tells how it is "
        "turned; lines: the same for every page; net: the classifier decides; where it is unsure, reading the lines decides",
    )
    look: bool = opt(
        True,
        "doc_orientation_look",
        "a page whose lines run down, or look upside down to the line classifier, is turned where its lines read better so",
    )
    deskew: bool = opt(False, "deskew", "turn pages whose lines rise or fall straight before they are read (docs/pages.md)")
    page_thresh: float = opt(0.9, "doc_orientation_thresh", "the classifier is sure from this probability", 0, 1)
    line_rule: Literal["read", "net"] = opt(
        "read",
        "textline_orientation_rule",
        "read: a line that the classifier takes for upside down is read both ways, and the better reading counts; "
        "net: the classifier alone decides",
    )
    line_thresh: float = opt(0.3, "textline_orientation_thresh", "a line counts as upside down from this probability", 0, 1)
    unwarp_thresh: float = opt(
        0.002, "doc_unwarping_thresh", "a page is flattened when its lines are bent by this share of its longer side", 0, 1
    )
    batch_size: int = opt(8, "textline_orientation_batch_size", "at most this many lines go through the net at once", 1)

    def __post_init__(self) -> None:
        validate(self)


@dataclass(frozen=True)
class EngineOptions:
    """What runs the nets, and on how many threads."""

    engine: Literal["auto", "onnxruntime", "openvino"] = opt(
        "auto", "engine", "runtime of the nets; auto takes the faster of those installed (docs/engines.md)"
    )
    device: str = opt("cpu", "device", "cpu, gpu or gpu:N; an unavailable device is an error")
    cpu_threads: int = opt(processor_count(), "cpu_threads", "processor threads used in all", 1)

    def __post_init__(self) -> None:
        validate(self)
        # PaddleOCR's `cpu:0` is the cpu, of which there is one.
        device = self.device.lower()
        object.__setattr__(self, "device", "cpu" if device == "cpu:0" else device)
        kind, _, index = self.device.partition(":")
        if kind not in ("cpu", "gpu") or (index and (kind == "cpu" or not index.isdigit())):
            several = "; only PaddleOCR and `inkline ocr` take several: start a process for each" if "," in self.device else ""
            raise UsageError(f"device {self.device!r}: must be cpu, gpu or gpu:N, for instance gpu:0{several}")


@dataclass(frozen=True)
class ReadOptions:
    """How files, URLs and arrays become page images."""

    pdf_dpi: int = opt(
        0,
        "pdf_dpi",
        "pixels per inch at which PDF pages are drawn; 0: a scan at its own pixels, other pages at 200 or as small type asks",
        0,
        2400,
    )
    pdf_password: str = opt("", "pdf_password", "password of encrypted PDFs", secret=True)
    page_range: str = opt("", "page_range", "pages of PDFs and TIFFs, counted from 1: 1-3,7 or 5-; empty: all")
    max_image_pixels: int = opt(
        178_956_970, "max_image_pixels", "larger images are refused, larger PDF pages drawn at a lower resolution", 1
    )
    max_source_bytes: int = opt(
        512 << 20,
        "max_source_bytes",
        "larger images, downloads and standard input are refused; not PDF and TIFF files",
        1,
    )
    isolate: bool = opt(
        False,
        "isolate",
        "files are decoded in processes of their own, within page_timeout and max_decode_bytes; for files that nobody trusts",
    )
    page_timeout: float = opt(
        60.0, "page_timeout", "with isolate, opening a file, and each page of it, may take this many seconds", 0.1
    )
    max_decode_bytes: int = opt(
        2 << 30,
        "max_decode_bytes",
        "larger images are refused and larger PDF pages drawn smaller; with isolate, no decoder gets more memory",
        1,
    )
    allow_urls: bool = opt(True, "allow_urls", "whether web addresses are fetched")
    url_timeout: float = opt(60.0, "url_timeout", "a download may take this many seconds", 0.1)

    def __post_init__(self) -> None:
        validate(self)
        if 0 < self.pdf_dpi < MIN_PDF_DPI:
            raise UsageError(f"pdf_dpi={self.pdf_dpi}: must be 0 or {MIN_PDF_DPI} to 2400")
        parse_page_range(self.page_range)


@dataclass(frozen=True)
class OcrOptions:
    """The whole pipeline: which models, which stages, and the options of each stage."""

    tier: Tier = opt(
        "balanced",
        "tier",
        "speed against text. fast: the tiny models, doubtful lines again by the default one, no second look at small letters; "
        "accurate: a closer look, and the medium models where they were fetched. Other options given beside it win",
        presets={tier: values for tier, values in TIERS.items() if values},
    )
    text_detection_model_name: str = opt("PP-OCRv6_small_det", "text_detection_model_name", "name of the detector")
    text_detection_model_dir: str = opt("", "text_detection_model_dir", "folder or file of the detector")
    text_recognition_model_name: str = opt("PP-OCRv6_small_rec", "text_recognition_model_name", "name of the recogniser")
    text_recognition_model_dir: str = opt("", "text_recognition_model_dir", "folder or file of the recogniser")
    text_recognition_model_head: Literal["auto", "all", "latin"] = opt(
        "auto",
        "text_recognition_model_head",
        "which characters the recogniser tells apart. latin: Latin letters, digits and signs alone, which takes a seventh less "
        "time; all: those it was taught; auto: with lang=auto or several languages the Latin ones in lines that surely are in "
        "Latin script, all elsewhere",
    )
    textline_orientation_model_name: str = opt(
        "PP-LCNet_x0_25_textline_ori", "textline_orientation_model_name", "name of the line-orientation classifier"
    )
    textline_orientation_model_dir: str = opt(
        "", "textline_orientation_model_dir", "folder or file of the line-orientation classifier"
    )
    doc_orientation_classify_model_name: str = opt(
        "PP-LCNet_x1_0_doc_ori", "doc_orientation_classify_model_name", "name of the page-orientation classifier"
    )
    doc_orientation_classify_model_dir: str = opt(
        "", "doc_orientation_classify_model_dir", "folder or file of the page-orientation classifier"
    )
    doc_unwarping_model_name: str = opt("UVDoc", "doc_unwarping_model_name", "name of the unwarping net")
    doc_unwarping_model_dir: str = opt("", "doc_unwarping_model_dir", "folder or file of the unwarping net")
    lang: str = opt(
        AUTO,
        "lang",
        "auto: each line by the recogniser of its script; a code, tag or name (see `inkline languages`), or several "
        "joined by +: these alone; empty: one recogniser reads all lines",
    )
    use_doc_orientation_classify: bool = opt(
        False,
        "use_doc_orientation_classify",
        "turn pages that are sideways or upside down, each after a full look; a cheap look at every page is on already "
        "(doc_orientation_look)",
    )
    use_doc_unwarping: bool = opt(False, "use_doc_unwarping", "flatten photographed, bent pages")
    use_textline_orientation: bool = opt(False, "use_textline_orientation", "turn lines that are upside down")
    rules: Rules = opt(
        "own",
        "rules",
        "reference: sizes, thresholds, crops, boxes and reading order as in PaddleOCR; other options given beside it win",
        presets={"reference": REFERENCE_RULES},
    )
    crop_rule: Literal["exact", "reference"] = opt(
        "exact", "text_crop_rule", "reference: lines are cropped at 1/32 of a pixel, as OpenCV 4 does", instead="rules"
    )
    box_rule: Literal["ink", "reference"] = opt(
        "ink", "text_box_rule", "ink: boxes of lines end at their ink; reference: as the detector's", instead="rules"
    )
    reading_order: Literal["columns", "reference"] = opt(
        "columns", "reading_order", "columns: column by column; reference: top to bottom, as PaddleOCR sorts"
    )
    detect: DetectOptions = field(default_factory=DetectOptions)
    recognize: RecognizeOptions = field(default_factory=RecognizeOptions)
    orient: OrientOptions = field(default_factory=OrientOptions)
    engine: EngineOptions = field(default_factory=EngineOptions)
    read: ReadOptions = field(default_factory=ReadOptions)

    def __post_init__(self) -> None:
        validate(self)
        if self.rules == "reference" and (self.recognize.width_rule, self.box_rule) == ("own", "ink"):
            raise UsageError("rules='reference' stands for many options: write Ocr(rules='reference') or apply(...)")


@dataclass(frozen=True)
class RunOptions:
    """How a long run goes about its files."""

    workers: int = opt(EngineOptions.cpu_threads, "workers", "processes that read, each a file at a time on one thread", 1)
    retries: int = opt(2, "retries", "how often a file is tried again after an error that may pass", 0)
    retry_wait: float = opt(2.0, "retry_wait", "seconds before the first retry; each further one waits twice as long", 0)
    time_limit: float = opt(
        300.0, "time_limit", "an image, or each page of a document, may take this many seconds; 0: no limit", 0
    )
    strict: bool = opt(False, "strict", "exit status 1 also when files were damaged and read in part")
    watch_interval: float = opt(2.0, "watch_interval", "with --watch, seconds between two looks at the source", 0.05)

    def __post_init__(self) -> None:
        validate(self)


# The stages of the pipeline that can be left out.
STAGES = ("use_doc_orientation_classify", "use_doc_unwarping", "use_textline_orientation")


@dataclass(frozen=True)
class ServeOptions:
    """The service: where it listens, how much it takes on at once, and the limits of one request."""

    host: str = opt("127.0.0.1", "host", "address to listen on; 0.0.0.0 for all that this machine has")
    port: int = opt(8080, "port", "port to listen on; 0: any free one", 0, 65535)
    parallel: int = opt(2 * EngineOptions.cpu_threads, "parallel", "requests that are worked on at once", 1)
    queue_size: int = opt(64, "queue_size", "requests that may wait for their turn; more are answered 503", 0)
    request_timeout: float = opt(
        120.0, "request_timeout", "a request may take this many seconds, with its wait; then it is answered 504", 0.1
    )
    body_timeout: float = opt(
        10.0,
        "body_timeout",
        "a body may take this many seconds, and one more for every 16 KiB; a slower one is answered 408",
        0.1,
    )
    send_timeout: float = opt(30.0, "send_timeout", "a client that takes nothing of its answer for so long is cut off", 0.1)
    allowed_hosts: str = opt(
        "",
        "allowed_hosts",
        "names under which the service may be called, as ocr.example.org,localhost; empty: on loopback its own, else any",
    )
    max_body_bytes: int = opt(64 << 20, "max_body_bytes", "larger requests are answered 413", 1024)
    max_pages: int = opt(10, "max_pages", "at most this many pages of a PDF or TIFF are read", 1)
    max_image_pixels: int = opt_like(ReadOptions, "max_image_pixels")
    pdf_dpi: int = opt_like(ReadOptions, "pdf_dpi")
    page_timeout: float = opt_like(
        ReadOptions, "page_timeout", 20.0, "opening a file, and decoding each page of it, may take this many seconds"
    )
    max_decode_bytes: int = opt_like(
        ReadOptions, "max_decode_bytes", 1 << 30, "memory that decoding a file may take; files that need more are refused"
    )
    allow_urls: bool = opt_like(
        ReadOptions, "allow_urls", False, "whether `file` may be a web address; only public addresses are ever fetched"
    )
    url_timeout: float = opt_like(ReadOptions, "url_timeout", 15.0)
    visualize: bool = opt(True, "visualize", "whether replies hold pictures when a request does not say")
    max_output_side: int = opt(2000, "max_output_side", "pictures in replies are shrunk to this side, in pixels", 32)
    corrections: str = opt(
        "", "corrections", "folder that lines corrected on the page are saved into, for `inkline finetune --data`; empty: none"
    )
    on_request: str = opt(
        "",
        "on_request",
        "stages that are off unless a request asks for them, for instance use_doc_unwarping,use_textline_orientation",
    )

    def __post_init__(self) -> None:
        validate(self)
        for name in self.stages_on_request:
            if name not in STAGES:
                raise UsageError(f"on_request: {name!r} must be one of {', '.join(STAGES)}{near(name, STAGES)}")

    @property
    def stages_on_request(self) -> tuple[str, ...]:
        """The names in `on_request`."""
        return tuple(filter(None, self.on_request.replace(" ", "").split(",")))


@dataclass(frozen=True)
class PdfOptions:
    """How searchable PDFs are written."""

    text_layer: Literal["auto", "keep", "replace", "check"] = opt(
        "auto",
        "text_layer",
        "text that a page has already. keep: it stays, what was read is added where there is none; check: the same, and "
        "pages whose text is not what was read are reported; auto: the same, and the text of such pages is replaced "
        "where it was read with confidence; replace: the text of every page that was read is replaced",
    )
    pdfa: bool = opt(False, "pdfa", "write PDF/A-2b; an error where the input has what PDF/A forbids")
    image_dpi: float = opt(150.0, "pdf_image_dpi", "resolution of images that do not state theirs", 10, 5000)
    password: str = opt_like(ReadOptions, "pdf_password")

    def __post_init__(self) -> None:
        validate(self)
