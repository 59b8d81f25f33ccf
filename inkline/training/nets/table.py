"""The table of all published nets: name -> how it is built, and what it takes and gives.

A new net is one line of `NETS`, made of the parts in this folder; a golden of the same name proves it
(`tests/golden/nets`, enumerated by the tests), and `python -m benchmarks.nets` puts it into docs/models.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from inkline.errors import UsageError, near
from inkline.recognition import router
from inkline.runtime.tensors import IMAGENET_MEAN, IMAGENET_STD
from inkline.scripts import SCRIPTS
from inkline.training.nets.attention_heads import RareHead, SARHead
from inkline.training.nets.class_heads import ClsHead, CTCHead, LCNetHead, NRTRMultiHead, SARMultiHead
from inkline.training.nets.contracts import Head, LineBackbone, PageBackbone
from inkline.training.nets.db_heads import AuxDBHead, DBHead, PFHeadLocal
from inkline.training.nets.db_necks import DBFPN, LKPAN, RSEFPN, RepLKFPN, RepLKPAN
from inkline.training.nets.east_sast import EASTFPN, SASTFPN, EASTHead, SASTHead
from inkline.training.nets.hgnet import HGNetDet, HGNetRec
from inkline.training.nets.layers import Tokens
from inkline.training.nets.lcnet import LCNetV3Det, LCNetV3Rec, LCNetV4Det, LCNetV4Rec, PPLCNet
from inkline.training.nets.mobilenet import MobileNetV1Enhance, MobileNetV3, RecMobileNetV3
from inkline.training.nets.ocr_net import Net, OcrNet
from inkline.training.nets.openocr_backbones import RepViTDet, RepViTRec, SVTRv2
from inkline.training.nets.resnet import RecResNetVd, ResNetFPN, ResNetVd, SastResNetVd
from inkline.training.nets.script_net import ScriptBackbone
from inkline.training.nets.sequence_encoders import LightSvtrEncoder, SequenceEncoder, SvtrEncoder
from inkline.training.nets.spline import TPS, Gray
from inkline.training.nets.transformer_heads import NRTRHead, SRNHead
from inkline.training.nets.uvdoc import UVDocNet

# --- What a net takes and gives ---


@dataclass(frozen=True)
class Interface:
    """What a kind of net takes, and what becomes of its output: the facts that an exported file states about itself.

    task: as in `inkline.registry.card.Task`. shape: the standard input (channels, height, width), at which cost is
    counted; channels in `order`, each (value / 255 - mean) / std. free: which of height and width may vary. multiple:
    sides that vary are multiples of this. outputs: names of the net's outputs, with the names of their sides, None
    where fixed. options: values of reading options that this kind of net needs. facts: further metadata, by key without
    "inkline."; text, or what becomes JSON.
    """

    task: str
    shape: tuple[int, int, int]
    free: str
    multiple: int
    outputs: Mapping[str, tuple[str | None, ...]]
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    order: str = "BGR"
    facts: Mapping[str, object] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def decoder(self) -> str | None:
        """How the output becomes text: ctc, attention or srn; None for a net that reads no text."""
        decoder = self.facts.get("decoder")
        return None if decoder is None else str(decoder)


def _detector(
    postprocess: str, multiple: int, outputs: tuple[str, ...], options: Mapping[str, object] | None = None
) -> Interface:
    """A text detector of pages of any size; `options` hold the thresholds that its postprocessing needs."""
    return Interface(
        task="text_detection",
        shape=(3, 640, 640),
        free="HW",
        multiple=multiple,
        outputs=dict.fromkeys(outputs, ("batch", None, "rows", "columns")),
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        facts={"postprocess": postprocess, "input_multiple": multiple},
        options=options or {},
    )


def _recognizer(height: int, width: int, decoder: str = "ctc") -> Interface:
    """A recogniser of lines of one height and any width."""
    return Interface(
        task="text_recognition",
        shape=(3, height, width),
        free="W",
        multiple=32,
        outputs={"probabilities": ("batch", "steps", None)},
        facts={"input_height": height, "decoder": decoder},
    )


def _classifier(
    task: str,
    height: int,
    width: int,
    resize: str,
    labels: tuple[str, ...],
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    order: str = "RGB",
) -> Interface:
    """An orientation classifier of images of one size."""
    return Interface(
        task=task,
        shape=(3, height, width),
        free="",
        multiple=1,
        outputs={"probabilities": ("batch", None)},
        mean=mean,
        std=std,
        order=order,
        facts={"input_height": height, "input_width": width, "resize": resize, "labels": labels},
    )


DB = _detector("db", 32, ("probability",))
EAST = _detector("east", 32, ("score", "geometry"), {"text_det_thresh": 0.8, "text_det_box_thresh": 0.1})
SAST = _detector("sast", 128, ("score", "border", "corners", "centre"), {"text_det_thresh": 0.5, "text_det_box_thresh": 0.1})
WORD = _recognizer(32, 100)
WORD_ATTENTION = _recognizer(32, 100, "attention")
LINE_32 = _recognizer(32, 320)
LINE_48 = _recognizer(48, 320)
# SRN takes grey values 0..255 of one size, the only one its learned positions know.
SRN = Interface(
    task="text_recognition",
    shape=(3, 64, 256),
    free="",
    multiple=1,
    outputs={"probabilities": ("batch", None, None)},
    mean=(0.0, 0.0, 0.0),
    std=(1 / 255, 1 / 255, 1 / 255),
    facts={"input_height": 64, "decoder": "srn"},
    options={"text_rec_input_shape": (3, 64, 256)},
)
# The text-line classifier of 2020 was trained on plain BGR, PP-LCNet on ImageNet's RGB.
HALF = (0.5, 0.5, 0.5)
LINE_TURN_2020 = _classifier("textline_orientation", 48, 192, "pad", ("0", "180"), HALF, HALF, "BGR")
LINE_TURN = _classifier("textline_orientation", 80, 160, "stretch", ("0_degree", "180_degree"))
PAGE_TURN = _classifier("doc_orientation_classify", 224, 224, "center_crop", ("0", "90", "180", "270"))
SCRIPT = Interface(
    task="script",
    shape=(1, router.HEIGHT_PX, router.WIDTH_PX),
    free="",
    multiple=1,
    outputs={"probabilities": ("batch", None)},
    facts={"labels": tuple(SCRIPTS), "input_height": router.HEIGHT_PX},
)
UNWARP = Interface(
    task="doc_unwarping",
    shape=(3, 712, 488),
    free="",
    multiple=1,
    outputs={"grid": ("batch", None, None, None)},
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    facts={"output": "grid"},
)

# --- How the parts are put together ---


def _db(backbone: PageBackbone, width: int) -> OcrNet:
    """DB detector of 2020, with a feature pyramid of `width` channels."""
    return OcrNet(backbone, DBFPN(backbone.out_channels, width), DBHead(width))


def _rse_db(backbone: PageBackbone) -> OcrNet:
    """DB detector for phones of v3 to v5: gated pyramid of 96 channels."""
    return OcrNet(backbone, RSEFPN(backbone.out_channels, 96), DBHead(96))


def _pan_db(backbone: PageBackbone, head: Head, intracl: bool) -> OcrNet:
    """DB detector for servers of v3 to v5: large-kernel path aggregation of 256 channels."""
    return OcrNet(backbone, LKPAN(backbone.out_channels, 256, intracl), head)


def _v6_db(size: str, width: int, kernel: int) -> OcrNet:
    """DB detector of v6, tiny and small; `kernel` of the large depthwise convolutions."""
    backbone = LCNetV4Det(size)
    return OcrNet(backbone, RepLKFPN(backbone.out_channels, width, kernel), AuxDBHead(width))


def _v6_medium_db() -> OcrNet:
    backbone = LCNetV4Det("medium")
    return OcrNet(backbone, RepLKPAN(backbone.out_channels, 256), AuxDBHead(256))


def _east(backbone: PageBackbone, size: str) -> OcrNet:
    neck = EASTFPN(backbone.out_channels, size)
    return OcrNet(backbone, neck, EASTHead(neck.out_channels, size))


def _ctc(backbone: LineBackbone, hidden: int | None, classes: int, mid: int | None = None, tps: TPS | None = None) -> OcrNet:
    """CTC recogniser whose recurrent neck has `hidden` units per direction; None: no recurrent neck."""
    neck = SequenceEncoder(backbone.out_channels, hidden)
    return OcrNet(backbone, neck, CTCHead(neck.out_channels, classes, mid), tps)


def _rare(backbone: LineBackbone, hidden: int, classes: int, size: str) -> OcrNet:
    """Attention recogniser behind a spline of 20 points; `size` of the net that places them."""
    neck = SequenceEncoder(backbone.out_channels, hidden)
    return OcrNet(backbone, neck, RareHead(neck.out_channels, hidden, classes), TPS(20, size))


def _v3_rec(classes: int) -> OcrNet:
    """PP-OCRv3: SVTR encoder and CTC, guided in training by a SAR decoder."""
    backbone = MobileNetV1Enhance(0.5, last_stride=(1, 2), average_pool=True)
    encoder = SvtrEncoder(backbone.out_channels, dims=64, hidden=120, kernel=(3, 3))
    sar = SARHead(backbone.out_channels, classes + 2)
    return OcrNet(backbone, None, SARMultiHead(encoder, CTCHead(64, classes), True, sar))


def _svtr_rec(backbone: LineBackbone, classes: int, dims: int = 120, nrtr_layers: int = 4) -> OcrNet:
    """Recogniser of v4, v5 and their relatives: SVTR encoder and CTC, guided by an NRTR decoder of width 384."""
    encoder = SvtrEncoder(backbone.out_channels, dims=dims, hidden=dims)
    nrtr = NRTRHead(384, classes, nrtr_layers)
    head = NRTRMultiHead(encoder, CTCHead(dims, classes), True, backbone.out_channels, nrtr, channels=384)
    return OcrNet(backbone, None, head)


def _v6_tiny_rec(classes: int) -> OcrNet:
    """PP-OCRv6 tiny has no encoder: a guide layer and two linear layers do."""
    backbone = LCNetV4Rec("tiny")
    ctc = CTCHead(backbone.out_channels, classes, mid=80, guide=True)
    nrtr = NRTRHead(384, classes, layers=4)
    return OcrNet(backbone, None, NRTRMultiHead(Tokens(), ctc, False, backbone.out_channels, nrtr, channels=384))


def _v6_rec(size: str, dims: int, mlp_ratio: int, channels: int, classes: int) -> OcrNet:
    """PP-OCRv6 small and medium: light SVTR encoder of width `dims`, NRTR decoder of width `channels`."""
    backbone = LCNetV4Rec(size)
    encoder = LightSvtrEncoder(backbone.out_channels, dims, mlp_ratio)
    nrtr = NRTRHead(channels, classes, layers=4)
    head = NRTRMultiHead(encoder, CTCHead(dims, classes), False, backbone.out_channels, nrtr, channels)
    return OcrNet(backbone, None, head)


def _lcnet_cls(scale: float, classes: int, text_line: bool = False, wide: bool = True) -> OcrNet:
    backbone = PPLCNet(scale, text_line)
    return OcrNet(backbone, None, LCNetHead(backbone.out_channels, classes, wide))


def _script_net(classes: int) -> OcrNet:
    backbone = ScriptBackbone()
    return OcrNet(backbone, None, LCNetHead(backbone.out_channels, classes, wide=False))


def _cls_2020(classes: int) -> OcrNet:
    backbone = RecMobileNetV3("small", 0.35)
    return OcrNet(backbone, None, ClsHead(backbone.out_channels, classes))


# --- The table ---


@dataclass(frozen=True)
class NetEntry:
    """One net. classes: of the published model, which `builder` is called with; None: no classes, no argument.

    The classes of a recogniser count the blank and the space (CTC) or the start and end tokens (RARE, SRN): the 36
    characters 0-9 and a-z make 37 or 38.
    """

    interface: Interface
    builder: Callable[..., Net]
    classes: int | None = None


NETS: dict[str, NetEntry] = {
    # the nets of the papers, up to PP-OCRv2
    "DB_ResNet50_vd": NetEntry(DB, lambda: _db(ResNetVd(50), 256)),
    "DB_MobileNetV3": NetEntry(DB, lambda: _db(MobileNetV3(0.5), 256)),
    "ch_ppocr_mobile_v2.0_det": NetEntry(DB, lambda: _db(MobileNetV3(0.5, se=False), 96)),
    "ch_ppocr_server_v2.0_det": NetEntry(DB, lambda: _db(ResNetVd(18), 256)),
    "EAST_ResNet50_vd": NetEntry(EAST, lambda: _east(ResNetVd(50), "large")),
    "EAST_MobileNetV3": NetEntry(EAST, lambda: _east(MobileNetV3(0.5), "small")),
    "SAST_ResNet50_vd": NetEntry(SAST, lambda: OcrNet(SastResNetVd(), SASTFPN(), SASTHead())),
    "Rosetta_ResNet34_vd": NetEntry(WORD, lambda n: _ctc(RecResNetVd(34), None, n), 37),
    "Rosetta_MobileNetV3": NetEntry(WORD, lambda n: _ctc(RecMobileNetV3("large", 0.5), None, n), 37),
    "CRNN_ResNet34_vd": NetEntry(WORD, lambda n: _ctc(RecResNetVd(34), 256, n), 37),
    "CRNN_MobileNetV3": NetEntry(WORD, lambda n: _ctc(RecMobileNetV3("large", 0.5), 96, n), 37),
    "STARNet_ResNet34_vd": NetEntry(WORD, lambda n: _ctc(RecResNetVd(34), 256, n, tps=TPS(20, "large")), 37),
    "STARNet_MobileNetV3": NetEntry(WORD, lambda n: _ctc(RecMobileNetV3("large", 0.5), 96, n, tps=TPS(20, "small")), 37),
    "RARE_ResNet34_vd": NetEntry(WORD_ATTENTION, lambda n: _rare(RecResNetVd(34), 256, n, "large"), 38),
    "RARE_MobileNetV3": NetEntry(WORD_ATTENTION, lambda n: _rare(RecMobileNetV3("large", 0.5), 96, n, "small"), 38),
    "ch_ppocr_mobile_v2.0_rec": NetEntry(
        LINE_32, lambda n: _ctc(RecMobileNetV3("small", 0.5, small_strides=(1, 2, 2, 2)), 48, n), 6625
    ),
    "ch_ppocr_server_v2.0_rec": NetEntry(LINE_32, lambda n: _ctc(RecResNetVd(34), 256, n), 6625),
    "ch_PP-OCRv2_rec": NetEntry(LINE_32, lambda n: _ctc(MobileNetV1Enhance(0.5), 64, n, mid=96), 6625),
    "ch_ppocr_mobile_v2.0_cls": NetEntry(LINE_TURN_2020, _cls_2020, 2),
    "SRN_ResNet50_fpn": NetEntry(SRN, lambda n: OcrNet(ResNetFPN(), None, SRNHead(n), Gray()), 38),
    "UVDoc": NetEntry(UNWARP, UVDocNet),
    # PP-OCRv3 to v5 and OpenOCR's relatives
    "PP-OCRv3_mobile_det": NetEntry(DB, lambda: _rse_db(MobileNetV3(0.5, se=False))),
    "PP-OCRv3_mobile_rec": NetEntry(LINE_48, _v3_rec, 6625),
    "PP-OCRv3_server_det": NetEntry(DB, lambda: _pan_db(ResNetVd(50), DBHead(256, kernel=7), intracl=False)),
    "PP-OCRv4_mobile_det": NetEntry(DB, lambda: _rse_db(LCNetV3Det(0.75))),
    "PP-OCRv4_mobile_rec": NetEntry(LINE_48, lambda n: _svtr_rec(LCNetV3Rec(0.95), n), 6625),
    "PP-OCRv4_server_det": NetEntry(DB, lambda: _pan_db(HGNetDet(1), PFHeadLocal(256), intracl=True)),
    "PP-OCRv4_server_rec": NetEntry(LINE_48, lambda n: _svtr_rec(HGNetRec(1), n), 6625),
    "PP-OCRv5_mobile_det": NetEntry(DB, lambda: _rse_db(LCNetV3Det(0.75))),  # the net of v4, trained anew
    "PP-OCRv5_mobile_rec": NetEntry(LINE_48, lambda n: _svtr_rec(LCNetV3Rec(0.95), n), 18385),
    "PP-OCRv5_server_det": NetEntry(DB, lambda: _pan_db(HGNetDet(2), PFHeadLocal(256), intracl=True)),
    "PP-OCRv5_server_rec": NetEntry(LINE_48, lambda n: _svtr_rec(HGNetRec(2), n), 18385),
    "en_PP-OCRv4_mobile_rec": NetEntry(LINE_48, lambda n: _svtr_rec(LCNetV3Rec(0.95), n), 97),
    "latin_PP-OCRv5_mobile_rec": NetEntry(LINE_48, lambda n: _svtr_rec(LCNetV3Rec(0.95), n), 838),
    "ch_SVTRv2_rec": NetEntry(LINE_48, lambda n: _svtr_rec(SVTRv2(), n, dims=256, nrtr_layers=2), 6625),
    "ch_RepSVTR_rec": NetEntry(LINE_48, lambda n: _svtr_rec(RepViTRec(), n, dims=256, nrtr_layers=2), 6625),
    "RepSVTR_det": NetEntry(DB, lambda: _rse_db(RepViTDet())),
    # PP-OCRv6
    "PP-OCRv6_tiny_det": NetEntry(DB, lambda: _v6_db("tiny", 64, kernel=5)),
    "PP-OCRv6_small_det": NetEntry(DB, lambda: _v6_db("small", 96, kernel=7)),
    "PP-OCRv6_medium_det": NetEntry(DB, _v6_medium_db),
    "PP-OCRv6_tiny_rec": NetEntry(LINE_48, _v6_tiny_rec, 6906),
    "PP-OCRv6_small_rec": NetEntry(LINE_48, lambda n: _v6_rec("small", 120, 2, 384, n), 18710),
    "PP-OCRv6_medium_rec": NetEntry(LINE_48, lambda n: _v6_rec("medium", 192, 4, 512, n), 18710),
    # orientation classifiers of pages and lines
    "PP-LCNet_x1_0_doc_ori": NetEntry(PAGE_TURN, lambda n: _lcnet_cls(1.0, n), 4),
    "PP-LCNet_x1_0_doc_ori_nolastconv": NetEntry(PAGE_TURN, lambda n: _lcnet_cls(1.0, n, wide=False), 4),
    "PP-LCNet_x0_25_textline_ori": NetEntry(LINE_TURN, lambda n: _lcnet_cls(0.25, n, text_line=True), 2),
    "PP-LCNet_x1_0_textline_ori": NetEntry(LINE_TURN, lambda n: _lcnet_cls(1.0, n, text_line=True), 2),
    # the router's net, which tells scripts apart
    "inkline_script": NetEntry(SCRIPT, _script_net, len(SCRIPTS)),
}


def net_name(model: str) -> str:
    """The net of a published model: its own, or that of the model which it is for other letters or papers.

    UsageError where there is none.
    """
    rest = model
    while rest:
        for name in (rest, rest.replace("_det", "_mobile_det"), rest.removesuffix("_doc")):
            if name in NETS:
                return name
        rest = rest.partition("_")[2]
    raise UsageError(f"no net is called {model!r}{near(model, NETS)}; `inkline models list` shows them")


def build(name: str, classes: int | None = None) -> Net:
    """The net called `name`, freshly initialised, in training form.

    `classes` is the size of the last layer of a recogniser (CTC blank and space included) or classifier; None takes
    that of the published model. ValueError for an unknown name or a class count where there are no classes.
    """
    if name not in NETS:
        raise ValueError(f"no net is called {name!r}{near(name, NETS)}")
    entry = NETS[name]
    if entry.classes is None:
        if classes is not None:
            raise ValueError(f"{name} has no classes (got {classes}); leave the class count out")
        return entry.builder()
    count = entry.classes if classes is None else classes
    if count < 2:
        raise ValueError(f"{name} needs at least 2 classes, got {count}")
    return entry.builder(count)
