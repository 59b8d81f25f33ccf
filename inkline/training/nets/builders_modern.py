"""Published nets from PP-OCRv3 on, one function each, with literal numbers."""

from collections.abc import Callable

from torch import nn

from inkline.training.nets.backbones.hgnet import HGNetDet, HGNetRec
from inkline.training.nets.backbones.hgnet_v2 import HGNetV2Det, HGNetV2Rec
from inkline.training.nets.backbones.lcnet import PPLCNet
from inkline.training.nets.backbones.lcnet_v3 import LCNetV3Det, LCNetV3Rec
from inkline.training.nets.backbones.lcnet_v4 import LCNetV4Det, LCNetV4Rec
from inkline.training.nets.backbones.mobilenet_v1_enhance import MobileNetV1Enhance
from inkline.training.nets.backbones.mobilenet_v3 import MobileNetV3
from inkline.training.nets.backbones.repvit import RepViTDet, RepViTRec
from inkline.training.nets.backbones.resnet_vd import ResNetVd
from inkline.training.nets.backbones.svtrv2 import SVTRv2
from inkline.training.nets.heads.classifier import LCNetHead
from inkline.training.nets.heads.ctc import CTCHead
from inkline.training.nets.heads.db import AuxDBHead, DBHead, PFHeadLocal
from inkline.training.nets.heads.multi import NRTRMultiHead, SARMultiHead
from inkline.training.nets.heads.nrtr import NRTRHead
from inkline.training.nets.heads.sar import SARHead
from inkline.training.nets.model import OcrNet
from inkline.training.nets.necks.fpn import RSEFPN, RepLKFPN
from inkline.training.nets.necks.pan import LKPAN, RepLKPAN
from inkline.training.nets.necks.sequence import LightSvtrEncoder, Reshape, SvtrEncoder

# PP-OCRv3


def pp_ocrv3_mobile_det() -> OcrNet:
    backbone = MobileNetV3(0.5, se=False)
    return OcrNet(backbone, RSEFPN(backbone.out_channels, 96), DBHead(96))


def pp_ocrv3_server_det() -> OcrNet:
    backbone = ResNetVd(50)
    return OcrNet(backbone, LKPAN(backbone.out_channels, 256, intracl=False), DBHead(256, kernel=7))


def pp_ocrv3_mobile_rec(classes: int = 6625) -> OcrNet:
    backbone = MobileNetV1Enhance(0.5, last_stride=(1, 2), average_pool=True)
    encoder = SvtrEncoder(backbone.out_channels, dims=64, hidden=120, kernel=(3, 3))
    sar = SARHead(backbone.out_channels, classes + 2)
    return OcrNet(backbone, head=SARMultiHead(encoder, CTCHead(64, classes), True, sar))


# PP-OCRv4 and PP-OCRv5, mobile


def svtr_rec(backbone: nn.Module, classes: int, dims: int = 120, nrtr_layers: int = 4) -> OcrNet:
    """Recogniser of v4, v5 and their relatives: SVTR encoder and CTC, guided by an NRTR decoder of width 384."""
    encoder = SvtrEncoder(backbone.out_channels, dims=dims, hidden=dims)
    nrtr = NRTRHead(384, classes, layers=nrtr_layers)
    head = NRTRMultiHead(encoder, CTCHead(dims, classes), True, backbone.out_channels, nrtr, channels=384)
    return OcrNet(backbone, head=head)


def pp_ocrv4_mobile_det() -> OcrNet:
    backbone = LCNetV3Det(scale=0.75)
    return OcrNet(backbone, RSEFPN(backbone.out_channels, 96), DBHead(96))


def pp_ocrv4_mobile_rec(classes: int = 6625) -> OcrNet:
    return svtr_rec(LCNetV3Rec(scale=0.95), classes)


def pp_ocrv5_mobile_rec(classes: int = 18385) -> OcrNet:
    return svtr_rec(LCNetV3Rec(scale=0.95), classes)


def en_pp_ocrv4_mobile_rec(classes: int = 97) -> OcrNet:
    return svtr_rec(LCNetV3Rec(scale=0.95), classes)


def latin_pp_ocrv5_mobile_rec(classes: int = 838) -> OcrNet:
    return svtr_rec(LCNetV3Rec(scale=0.95), classes)


# PP-OCRv4 and PP-OCRv5, server


def pp_ocrv4_server_det() -> OcrNet:
    backbone = HGNetDet()
    return OcrNet(backbone, LKPAN(backbone.out_channels, 256, intracl=True), PFHeadLocal(256))


def pp_ocrv4_server_rec(classes: int = 6625) -> OcrNet:
    return svtr_rec(HGNetRec(), classes)


def pp_ocrv5_server_det() -> OcrNet:
    backbone = HGNetV2Det()
    return OcrNet(backbone, LKPAN(backbone.out_channels, 256, intracl=True), PFHeadLocal(256))


def pp_ocrv5_server_rec(classes: int = 18385) -> OcrNet:
    return svtr_rec(HGNetV2Rec(), classes)


# SVTRv2 and RepSVTR (OpenOCR's entries to the PP-OCR challenge)


def ch_svtrv2_rec(classes: int = 6625) -> OcrNet:
    return svtr_rec(SVTRv2(), classes, dims=256, nrtr_layers=2)


def ch_repsvtr_rec(classes: int = 6625) -> OcrNet:
    return svtr_rec(RepViTRec(), classes, dims=256, nrtr_layers=2)


def repsvtr_det() -> OcrNet:
    backbone = RepViTDet()
    return OcrNet(backbone, RSEFPN(backbone.out_channels, 96), DBHead(96))


# PP-OCRv6


def pp_ocrv6_tiny_det() -> OcrNet:
    backbone = LCNetV4Det("tiny")
    return OcrNet(backbone, RepLKFPN(backbone.out_channels, 64, kernel=5), AuxDBHead(64))


def pp_ocrv6_small_det() -> OcrNet:
    backbone = LCNetV4Det("small")
    return OcrNet(backbone, RepLKFPN(backbone.out_channels, 96, kernel=7), AuxDBHead(96))


def pp_ocrv6_medium_det() -> OcrNet:
    backbone = LCNetV4Det("medium")
    return OcrNet(backbone, RepLKPAN(backbone.out_channels, 256), AuxDBHead(256))


def pp_ocrv6_tiny_rec(classes: int = 6906) -> OcrNet:
    backbone = LCNetV4Rec("tiny")
    ctc = CTCHead(backbone.out_channels, classes, mid=80, guide=True)
    nrtr = NRTRHead(384, classes, layers=4)
    return OcrNet(backbone, head=NRTRMultiHead(Reshape(), ctc, False, backbone.out_channels, nrtr, channels=384))


def pp_ocrv6_small_rec(classes: int = 18710) -> OcrNet:
    backbone = LCNetV4Rec("small")
    encoder = LightSvtrEncoder(backbone.out_channels, dims=120, mlp_ratio=2)
    nrtr = NRTRHead(384, classes, layers=4)
    head = NRTRMultiHead(encoder, CTCHead(120, classes), False, backbone.out_channels, nrtr, channels=384)
    return OcrNet(backbone, head=head)


def pp_ocrv6_medium_rec(classes: int = 18710) -> OcrNet:
    backbone = LCNetV4Rec("medium")
    encoder = LightSvtrEncoder(backbone.out_channels, dims=192, mlp_ratio=4)
    nrtr = NRTRHead(512, classes, layers=4)
    head = NRTRMultiHead(encoder, CTCHead(192, classes), False, backbone.out_channels, nrtr, channels=512)
    return OcrNet(backbone, head=head)


# PP-LCNet orientation classifiers


def lcnet_classifier(scale: float, classes: int, text_line: bool, wide: bool = True) -> OcrNet:
    """PP-LCNet with its pooled head."""
    backbone = PPLCNet(scale, text_line)
    return OcrNet(backbone, head=LCNetHead(backbone.out_channels, classes, wide))


def pp_lcnet_x1_0_doc_ori(classes: int = 4) -> OcrNet:
    return lcnet_classifier(1.0, classes, text_line=False)


def pp_lcnet_x1_0_doc_ori_nolastconv(classes: int = 4) -> OcrNet:
    return lcnet_classifier(1.0, classes, text_line=False, wide=False)


def pp_lcnet_x0_25_textline_ori(classes: int = 2) -> OcrNet:
    return lcnet_classifier(0.25, classes, text_line=True)


def pp_lcnet_x1_0_textline_ori(classes: int = 2) -> OcrNet:
    return lcnet_classifier(1.0, classes, text_line=True)


MODERN: dict[str, Callable[..., nn.Module]] = {
    "PP-OCRv3_mobile_det": pp_ocrv3_mobile_det,
    "PP-OCRv3_mobile_rec": pp_ocrv3_mobile_rec,
    "PP-OCRv3_server_det": pp_ocrv3_server_det,
    "PP-OCRv4_mobile_det": pp_ocrv4_mobile_det,
    "PP-OCRv4_mobile_rec": pp_ocrv4_mobile_rec,
    "PP-OCRv4_server_det": pp_ocrv4_server_det,
    "PP-OCRv4_server_rec": pp_ocrv4_server_rec,
    "PP-OCRv5_mobile_det": pp_ocrv4_mobile_det,  # the same net, trained anew
    "PP-OCRv5_mobile_rec": pp_ocrv5_mobile_rec,
    "PP-OCRv5_server_det": pp_ocrv5_server_det,
    "PP-OCRv5_server_rec": pp_ocrv5_server_rec,
    "en_PP-OCRv4_mobile_rec": en_pp_ocrv4_mobile_rec,
    "latin_PP-OCRv5_mobile_rec": latin_pp_ocrv5_mobile_rec,
    "ch_SVTRv2_rec": ch_svtrv2_rec,
    "ch_RepSVTR_rec": ch_repsvtr_rec,
    "RepSVTR_det": repsvtr_det,
    "PP-OCRv6_tiny_det": pp_ocrv6_tiny_det,
    "PP-OCRv6_small_det": pp_ocrv6_small_det,
    "PP-OCRv6_medium_det": pp_ocrv6_medium_det,
    "PP-OCRv6_tiny_rec": pp_ocrv6_tiny_rec,
    "PP-OCRv6_small_rec": pp_ocrv6_small_rec,
    "PP-OCRv6_medium_rec": pp_ocrv6_medium_rec,
    "PP-LCNet_x1_0_doc_ori": pp_lcnet_x1_0_doc_ori,
    "PP-LCNet_x1_0_doc_ori_nolastconv": pp_lcnet_x1_0_doc_ori_nolastconv,
    "PP-LCNet_x0_25_textline_ori": pp_lcnet_x0_25_textline_ori,
    "PP-LCNet_x1_0_textline_ori": pp_lcnet_x1_0_textline_ori,
}
