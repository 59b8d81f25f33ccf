"""Published nets up to PP-OCRv2, SRN and UVDoc, one function each, with literal numbers.

`classes` of a recogniser counts the blank (CTC) or the start and end tokens (RARE, SRN): 36 characters 0-9 and a-z
make 37 or 38.
"""

from collections.abc import Callable

from torch import nn

from inkline.training.nets.backbones.mobilenet_v1_enhance import MobileNetV1Enhance
from inkline.training.nets.backbones.mobilenet_v3 import MobileNetV3, RecMobileNetV3
from inkline.training.nets.backbones.resnet_fpn import ResNetFPN
from inkline.training.nets.backbones.resnet_vd import RecResNetVd, ResNetVd, SastResNetVd
from inkline.training.nets.heads.classifier import ClsHead
from inkline.training.nets.heads.ctc import CTCHead
from inkline.training.nets.heads.db import DBHead
from inkline.training.nets.heads.east import EASTHead
from inkline.training.nets.heads.rare import AttentionHead
from inkline.training.nets.heads.sast import SASTHead
from inkline.training.nets.heads.srn import SRNHead
from inkline.training.nets.model import OcrNet
from inkline.training.nets.necks.east_fpn import EASTFPN
from inkline.training.nets.necks.fpn import DBFPN
from inkline.training.nets.necks.sast_fpn import SASTFPN
from inkline.training.nets.necks.sequence import SequenceEncoder
from inkline.training.nets.transforms import TPS, Gray
from inkline.training.nets.uvdoc import UVDocNet


def db_resnet50_vd() -> OcrNet:
    return _db(ResNetVd(50), 256)


def db_mobilenet_v3() -> OcrNet:
    return _db(MobileNetV3(0.5), 256)


def ch_ppocr_mobile_v2_det() -> OcrNet:
    return _db(MobileNetV3(0.5, se=False), 96)


def ch_ppocr_server_v2_det() -> OcrNet:
    return _db(ResNetVd(18), 256)


def east_resnet50_vd() -> OcrNet:
    backbone = ResNetVd(50)
    neck = EASTFPN(backbone.out_channels, "large")
    return OcrNet(backbone, neck, EASTHead(neck.out_channels, "large"))


def east_mobilenet_v3() -> OcrNet:
    backbone = MobileNetV3(0.5)
    neck = EASTFPN(backbone.out_channels, "small")
    return OcrNet(backbone, neck, EASTHead(neck.out_channels, "small"))


def sast_resnet50_vd() -> OcrNet:
    return OcrNet(SastResNetVd(), SASTFPN(), SASTHead())


def rosetta_resnet34_vd(classes: int = 37) -> OcrNet:
    return _ctc(RecResNetVd(34), None, classes)


def rosetta_mobilenet_v3(classes: int = 37) -> OcrNet:
    return _ctc(RecMobileNetV3("large", 0.5), None, classes)


def crnn_resnet34_vd(classes: int = 37) -> OcrNet:
    return _ctc(RecResNetVd(34), 256, classes)


def crnn_mobilenet_v3(classes: int = 37) -> OcrNet:
    return _ctc(RecMobileNetV3("large", 0.5), 96, classes)


def starnet_resnet34_vd(classes: int = 37) -> OcrNet:
    return _ctc(RecResNetVd(34), 256, classes, transform=TPS(20, "large"))


def starnet_mobilenet_v3(classes: int = 37) -> OcrNet:
    return _ctc(RecMobileNetV3("large", 0.5), 96, classes, transform=TPS(20, "small"))


def rare_resnet34_vd(classes: int = 38) -> OcrNet:
    neck = SequenceEncoder(512, 256)
    return OcrNet(RecResNetVd(34), neck, AttentionHead(512, 256, classes), TPS(20, "large"))


def rare_mobilenet_v3(classes: int = 38) -> OcrNet:
    neck = SequenceEncoder(480, 96)
    return OcrNet(RecMobileNetV3("large", 0.5), neck, AttentionHead(192, 96, classes), TPS(20, "small"))


def ch_ppocr_mobile_v2_rec(classes: int = 6625) -> OcrNet:
    return _ctc(RecMobileNetV3("small", 0.5, small_strides=(1, 2, 2, 2)), 48, classes)


def ch_ppocr_server_v2_rec(classes: int = 6625) -> OcrNet:
    return _ctc(RecResNetVd(34), 256, classes)


def ch_ppocr_v2_rec(classes: int = 6625) -> OcrNet:
    return _ctc(MobileNetV1Enhance(0.5), 64, classes, mid=96)


def ch_ppocr_mobile_v2_cls(classes: int = 2) -> OcrNet:
    backbone = RecMobileNetV3("small", 0.35)
    return OcrNet(backbone, head=ClsHead(backbone.out_channels, classes))


def srn_resnet50_fpn(classes: int = 38) -> OcrNet:
    return OcrNet(ResNetFPN(), head=SRNHead(classes), transform=Gray())


def _db(backbone: nn.Module, width: int) -> OcrNet:
    """DB detector with a feature pyramid of `width` channels."""
    return OcrNet(backbone, DBFPN(backbone.out_channels, width), DBHead(width))


def _ctc(
    backbone: nn.Module,
    hidden: int | None,
    classes: int,
    mid: int | None = None,
    transform: nn.Module | None = None,
) -> OcrNet:
    """CTC recogniser whose recurrent neck has `hidden` units a direction; None: no recurrent neck."""
    neck = SequenceEncoder(backbone.out_channels, hidden)
    return OcrNet(backbone, neck, CTCHead(neck.out_channels, classes, mid), transform)


CLASSIC: dict[str, Callable[..., nn.Module]] = {
    "DB_ResNet50_vd": db_resnet50_vd,
    "DB_MobileNetV3": db_mobilenet_v3,
    "ch_ppocr_mobile_v2.0_det": ch_ppocr_mobile_v2_det,
    "ch_ppocr_server_v2.0_det": ch_ppocr_server_v2_det,
    "EAST_ResNet50_vd": east_resnet50_vd,
    "EAST_MobileNetV3": east_mobilenet_v3,
    "SAST_ResNet50_vd": sast_resnet50_vd,
    "Rosetta_ResNet34_vd": rosetta_resnet34_vd,
    "Rosetta_MobileNetV3": rosetta_mobilenet_v3,
    "CRNN_ResNet34_vd": crnn_resnet34_vd,
    "CRNN_MobileNetV3": crnn_mobilenet_v3,
    "STARNet_ResNet34_vd": starnet_resnet34_vd,
    "STARNet_MobileNetV3": starnet_mobilenet_v3,
    "RARE_ResNet34_vd": rare_resnet34_vd,
    "RARE_MobileNetV3": rare_mobilenet_v3,
    "ch_ppocr_mobile_v2.0_rec": ch_ppocr_mobile_v2_rec,
    "ch_ppocr_server_v2.0_rec": ch_ppocr_server_v2_rec,
    "ch_PP-OCRv2_rec": ch_ppocr_v2_rec,
    "ch_ppocr_mobile_v2.0_cls": ch_ppocr_mobile_v2_cls,
    "SRN_ResNet50_fpn": srn_resnet50_fpn,
    "UVDoc": UVDocNet,
}
