"""Safetensors files of published models, under the names that Hugging Face transformers gives their tensors.

They hold the inference path only. PP-OCRv5, PP-LCNet and UVDoc are in training form; in PP-OCRv6 the re-parameterised
convolutions are already one (`SUMMED`), everything else still has its batch norms.
"""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from inkline.training.nets.db_necks import DilatedRepConv, RepLKConv
from inkline.training.nets.lcnet import RepDepthwise

RenameRules = tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...]

SUMMED = (RepDepthwise, DilatedRepConv, RepLKConv)

CONV_BN: RenameRules = ((r"\.convolution\.(weight|bias)$", r".conv.\1"), (r"\.normalization\.", ".bn."))
LCNET: RenameRules = (
    (r"^(?:backbone\.)?encoder\.convolution\.", "backbone.conv1."),
    (r"^(?:backbone\.)?encoder\.blocks\.(\d)\.layers\.", lambda m: f"backbone.blocks{int(m[1]) + 2}."),
    (r"\.depthwise_convolution\.", ".dw_conv."),
    (r"\.pointwise_convolution\.", ".pw_conv."),
    (r"\.conv_symmetric\.", ".conv_kxk."),
    (r"\.conv_small_symmetric\.", ".conv_1x1."),
    (r"\.squeeze_excitation_module\.convolutions\.0\.", ".se.conv1."),
    (r"\.squeeze_excitation_module\.convolutions\.2\.", ".se.conv2."),
    (r"^layer\.", "backbone.layer_list."),
)
CLASSIFIER: RenameRules = ((r"^last_convolution\.", "head.last_conv."), (r"^head\.(weight|bias)$", r"head.fc.\1"))
HGNET_V2: RenameRules = (
    (r"^backbone\.embedder\.", "backbone.stem."),
    (r"^backbone\.encoder\.", "backbone."),
    (r"\.aggregation\.0\.", ".aggregation_squeeze_conv."),
    (r"\.aggregation\.1\.", ".aggregation_excitation_conv."),
)
LCNET_V4: RenameRules = (
    (r"\.token_conv\.(weight|bias)$", r".token_mixer.rep_dw.\1"),
    (r"\.token_conv\.", ".token_mixer.dw_conv."),
    (r"\.token_squeeze_excitation\.convolutions\.0\.", ".token_mixer.se.conv1."),
    (r"\.token_squeeze_excitation\.convolutions\.2\.", ".token_mixer.se.conv2."),
    (r"\.channel_conv1\.", ".channel_mixer.expand."),
    (r"\.channel_conv2\.", ".channel_mixer.compress."),
)
LCNET_V4_DET: RenameRules = (
    *LCNET_V4,
    (r"^backbone\.encoder\.convolution\.", "backbone.stem."),
    (r"^backbone\.encoder\.blocks\.(\d)\.blocks\.", lambda m: f"backbone.blocks_s{int(m[1]) + 1}."),
)
LCNET_V4_REC: RenameRules = (
    *LCNET_V4,
    (r"^backbone\.encoder\.convolution\.conv1\.", "backbone.conv1.0."),
    (r"^backbone\.encoder\.convolution\.conv2\.", "backbone.conv1.2."),
    (r"^backbone\.encoder\.convolution\.", "backbone.conv1."),
    (r"^backbone\.encoder\.blocks\.(\d)\.blocks\.", lambda m: f"backbone.blocks{int(m[1]) + 2}."),
)
FPN: RenameRules = ((r"^neck\.insert_conv\.", "neck.ins_conv."), (r"\.squeeze_excitation_block\.", ".se_block."))
RSE_FPN: RenameRules = (*FPN, (r"^neck\.input_conv\.", "neck.inp_conv."))
REP_LK_FPN: RenameRules = (
    *FPN,
    (r"^neck\.input_conv\.(\d)\.depthwise_convolution\.", r"neck.inp_conv_dw.\1."),
    (r"^neck\.input_conv\.(\d)\.pointwise_convolution\.", r"neck.inp_conv_pw.\1."),
    (r"^neck\.input_conv\.(\d)\.squeeze_excitation_module\.", r"neck.inp_conv_se.\1."),
)
LK_PAN: RenameRules = (
    (r"^neck\.input_channel_adjustment_convolution\.", "neck.ins_conv."),
    (r"^neck\.input_feature_projection_convolution\.", "neck.inp_conv."),
    (r"^neck\.path_aggregation_head_convolution\.", "neck.pan_head_conv."),
    (r"^neck\.path_aggregation_lateral_convolution\.", "neck.pan_lat_conv."),
    (r"^neck\.intraclass_blocks\.(\d)\.", lambda m: f"neck.incl{int(m[1]) + 1}."),
    (r"\.conv_reduce_channel\.", ".conv1x1_reduce_channel."),
    (r"^(neck\.incl\d)\.conv_final\.convolution\.", r"\1.conv1x1_return_channel."),
    (r"^(neck\.incl\d)\.conv_final\.norm\.", r"\1.bn."),
    (r"\.(vertical|horizontal|symmetric)_\w+_(long|mid|short)ratio\.", lambda m: f".{context_layer(m[1], m[2])}."),
)
DB_HEAD: RenameRules = (
    (r"^head\.(?:binarize_head\.)?(conv_down|conv_up|conv_final)\.", r"head.binarize.\1."),
    (r"\.conv_down\.convolution\.", ".conv1."),
    (r"\.conv_down\.norm\.", ".conv_bn1."),
    (r"\.conv_up\.convolution\.", ".conv2."),
    (r"\.conv_up\.norm\.", ".conv_bn2."),
    (r"^head\.binarize\.conv_final\.", "head.binarize.conv3."),
    (r"^head\.local_refinement_module\.convolution_backbone\.convolution\.", "head.cbn_layer.last_3.conv."),
    (r"^head\.local_refinement_module\.convolution_backbone\.norm\.", "head.cbn_layer.last_3.bn."),
    (r"^head\.local_refinement_module\.convolution_final\.", "head.cbn_layer.last_1."),
)
SVTR: RenameRules = (
    (r"^head\.encoder\.", "head.ctc_encoder.encoder."),
    (r"(\.conv_block\.\d)\.convolution\.", r"\1.conv."),
    (r"(\.conv_block\.\d)\.normalization\.", r"\1.norm."),
    (r"\.self_attn\.qkv\.", ".mixer.qkv."),
    (r"\.self_attn\.projection\.", ".mixer.proj."),
    (r"\.layer_norm([12])\.", r".norm\1."),
    (r"^head\.head\.", "head.ctc_head.fc."),
)
SVTR_CONVS: RenameRules = tuple(
    (rf"\.conv_block\.{i}\.", f".{name}.") for i, name in enumerate(("conv1", "conv2", "conv3", "conv4", "conv1x1"))
)
LIGHT_SVTR_CONVS: RenameRules = (
    (r"\.conv_block\.0\.", ".skip_conv."),
    (r"\.conv_block\.1\.", ".conv_reduce."),
    (r"\.conv_block\.2\.conv\.", ".local_conv.0."),
    (r"\.conv_block\.2\.norm\.", ".local_conv.1."),
)
GUIDED_CTC: RenameRules = (
    (r"^head\.conv1\.", "head.ctc_head.guide_layer.0."),
    (r"^head\.norm1\.", "head.ctc_head.guide_layer.1."),
    (r"^head\.conv2\.", "head.ctc_head.guide_layer.3."),
    (r"^head\.norm2\.", "head.ctc_head.guide_layer.4."),
    (r"^head\.fc([12])\.", r"head.ctc_head.fc\1."),
)
UVDOC: RenameRules = (
    (r"^backbone\.resnet\.resnet_head\.", "resnet_head."),
    (r"^backbone\.resnet\.resnet_down\.(\d)\.layers\.", lambda m: f"resnet_down.layer{int(m[1]) + 1}."),
    (r"\.conv_start\.", ".conv1."),
    (r"^(resnet_down\.layer\d\.\d)\.conv_final\.", r"\1.conv2."),
    (r"^(resnet_down\.layer\d\.\d)\.conv_down\.", r"\1.downsample."),
    (r"^backbone\.bridge\.bridge\.(\d)\.blocks\.", lambda m: f"bridges.{int(m[1]) + 1}."),
    (r"^head\.bridge_connector\.", "bridge_concat."),
    (r"^head\.out_point_positions2D\.conv_down\.convolution\.", "points2d.0."),
    (r"^head\.out_point_positions2D\.conv_down\.normalization\.", "points2d.1."),
    (r"^head\.out_point_positions2D\.conv_down\.activation\.", "points2d.2."),
    (r"^head\.out_point_positions2D\.conv_up\.", "points2d.3."),
)

V6_DET = (*LCNET_V4_DET, *REP_LK_FPN, *DB_HEAD, *CONV_BN)
V6_REC = (*SVTR, *LIGHT_SVTR_CONVS, *LCNET_V4_REC, *CONV_BN)
V5_MOBILE_REC = (*SVTR, *SVTR_CONVS, *LCNET, *CONV_BN)
TRANSFORMERS_NAMES: dict[str, RenameRules] = {
    "PP-OCRv5_mobile_det": (*LCNET, *RSE_FPN, *DB_HEAD, *CONV_BN),
    "PP-OCRv5_server_det": (*HGNET_V2, *LK_PAN, *DB_HEAD, *CONV_BN),
    "PP-OCRv5_mobile_rec": V5_MOBILE_REC,
    "latin_PP-OCRv5_mobile_rec": V5_MOBILE_REC,
    "PP-OCRv5_server_rec": (*SVTR, *SVTR_CONVS, *HGNET_V2, *CONV_BN),
    "PP-OCRv6_tiny_det": V6_DET,
    "PP-OCRv6_small_det": V6_DET,
    "PP-OCRv6_medium_det": (*LCNET_V4_DET, *LK_PAN, *DB_HEAD, *CONV_BN),
    "PP-OCRv6_tiny_rec": (*GUIDED_CTC, *LCNET_V4_REC, *CONV_BN),
    "PP-OCRv6_small_rec": V6_REC,
    "PP-OCRv6_medium_rec": V6_REC,
    "PP-LCNet_x1_0_doc_ori": (*LCNET, *CLASSIFIER, *CONV_BN),
    "PP-LCNet_x0_25_textline_ori": (*LCNET, *CLASSIFIER, *CONV_BN),
    "PP-LCNet_x1_0_textline_ori": (*LCNET, *CLASSIFIER, *CONV_BN),
    "UVDoc": (*UVDOC, *CONV_BN),
}
IN_SUMMED_FORM = tuple(name for name in TRANSFORMERS_NAMES if name.startswith("PP-OCRv6"))


def context_layer(direction: str, size: str) -> str:
    """Our name of a convolution of `IntraCL`."""
    k = {"long": 7, "mid": 5, "short": 3}[size]
    return {"vertical": f"v_layer_{k}x1", "horizontal": f"q_layer_1x{k}", "symmetric": f"c_layer_{k}x{k}"}[direction]


def from_transformers_name(name: str, net: str) -> str:
    """Our state-dict key for the transformers key `name` of the published model `net`, summed convolutions as one."""
    name = name.removeprefix("model.")
    for pattern, replacement in TRANSFORMERS_NAMES[net]:
        name = re.sub(pattern, replacement, name)
    return name


def renamed(tensors: Mapping[str, Tensor], net: str) -> dict[str, Tensor]:
    """`tensors` under our names.

    PP-OCRv6 medium detector: a dense 9x9 convolution of the file is the product of our depthwise 9x9 and 1x1 ones.
    """
    kept = [name for name in tensors if not name.endswith("num_batches_tracked")]
    ours = {from_transformers_name(name, net): tensors[name] for name in kept}
    if net == "PP-OCRv6_medium_det":
        for name in [n for n in ours if re.fullmatch(r"neck\.(inp_conv|pan_lat_conv)\.\d\.weight", n)]:
            part = name.removesuffix(".weight")
            depthwise, pointwise = factored(ours.pop(name))
            ours |= {f"{part}.dw.weight": depthwise, f"{part}.dw.bias": torch.zeros(len(depthwise))}
            ours |= {f"{part}.pw.weight": pointwise, f"{part}.pw.bias": ours.pop(f"{part}.bias")}
    return ours


def factored(dense: Tensor) -> tuple[Tensor, Tensor]:
    """Dense kernel (out, in, k, k) as depthwise (in, 1, k, k) times 1x1 (out, in, 1, 1); ValueError when it is none."""
    # For one input channel all kernels are multiples of the depthwise one; the largest is taken for that.
    largest = dense.square().sum((2, 3)).argmax(0)
    depthwise = dense[largest, torch.arange(dense.shape[1])].double()
    pointwise = torch.einsum("oihw,ihw->oi", dense.double(), depthwise) / depthwise.square().sum((1, 2))
    product = pointwise[:, :, None, None] * depthwise
    if (product - dense).abs().max() > 1e-4 * dense.abs().max():
        raise ValueError("a dense convolution of the file is no product of a depthwise and a 1x1 convolution")
    return depthwise[:, None].to(dense.dtype), pointwise[:, :, None, None].to(dense.dtype)
