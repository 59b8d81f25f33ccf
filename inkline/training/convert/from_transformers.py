"""Safetensors files of published models, under the names that Hugging Face transformers gives their tensors.

They hold the inference path only. PP-OCRv5, PP-LCNet and UVDoc are in training form; in PP-OCRv6 the re-parameterised
convolutions are already one (`SUMMED`), everything else still has its batch norms.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from inkline.training.convert.tensor_names import TRANSFORMERS_RULES, from_transformers_name
from inkline.training.nets.db_necks import DilatedRepConv, RepLKConv
from inkline.training.nets.lcnet import RepDepthwise

SUMMED = (RepDepthwise, DilatedRepConv, RepLKConv)
IN_SUMMED_FORM = tuple(name for name in TRANSFORMERS_RULES if name.startswith("PP-OCRv6"))


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
