"""Reference parameter names (PaddleOCR, PaddleClas state dicts) to ours, and loading arrays under those names.

Our names follow the reference's where they are sane, so the table is short.  Arrays have the same layout in both
frameworks, except that linear weights are [in, out] there and [out, in] here.
"""

import re
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import nn

# (pattern, replacement), applied in order to every name; None drops the tensor on purpose.
REFERENCE_NAMES: dict[str, tuple[tuple[str, str | Callable[[re.Match], str] | None], ...]] = {
    "every net": (
        (r"\._mean$", ".running_mean"),
        (r"\._variance$", ".running_var"),
        (r"\.\d+\.cell(_fw|_bw)?\.(weight|bias)_[ih]h$", None),  # LSTM tensors are listed twice
        (r"\._conv\.", ".conv."),
        (r"\._batch_norm\.", ".bn."),
    ),
    "nrtr": ((r"\.positional_encoding\.pe$", None),),  # a table of sines that the module computes itself
    "pp-hgnetv2": ((r"^backbone\.(last_conv|fc)\.", None),),  # left over from its classifier, used by nothing
    "repsvtr": (
        (r"\.c\.weight$", ".conv.weight"),
        (r"(\.token_mixer\.\d+)\.fc([12])\.", r"\1.conv\2."),
    ),
    "pp-lcnet classifier": (
        (r"^(conv1|blocks\d)\.", r"backbone.\1."),
        (r"^(last_conv|fc)\.", r"head.\1."),
    ),
    "resnet-vd": (
        (r"^backbone\.conv1_1\.", "backbone.stem.0."),
        (r"^backbone\.conv1_2\.", "backbone.stem.1."),
        (r"^backbone\.conv1_3\.", "backbone.stem.2."),
        (r"^backbone\.pool2d_max\.", "backbone.pool."),
        (r"^backbone\.bb_(\d)_(\d)\.", r"backbone.stages.\1.\2."),
    ),
    "mobilenetv3 detector": ((r"^backbone\.stage(\d)\.", r"backbone.stages.\1."),),
    "mobilenetv1-enhance": (
        (r"^backbone\.block_list\.", "backbone.blocks."),
        (r"\._(depthwise_conv|pointwise_conv|se)\.", r".\1."),
    ),
    "tps": (
        (r"^transform\.loc_net\.loc_conv(\d)\.", r"transform.loc_net.convs.\1."),
        (r"^transform\.grid_generator\.fc\.", "transform.offset."),
    ),
    "east, sast": (
        (r"\.deconv\.", ".conv."),
        (r"^neck\.FPN_(Down|Up)_Fusion\.", lambda m: f"neck.{m[1].lower()}."),
        (r"^head\.head\d\.(score|border|tvo|tco)_conv\.", r"head.\1."),
    ),
    "srn": (
        (r"^backbone\.bottleneckBlock_(\d)_(\d)\.", r"backbone.stages.\1.\2."),
        (r"\.short\.conv\.(conv|bn)\.", r".short.\1."),
        (r"^backbone\.F_-(\d)_base_block_0\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.0."),
        (r"^backbone\.F_-(\d)_base_block_1\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.1.conv."),
        (r"^backbone\.F_-(\d)_base_block_2\.", lambda m: f"backbone.top_down.{int(m[1]) - 2}.1."),
        (r"^(backbone\.top_down\.\d\.1)\.(weight|bias|running_mean|running_var)$", r"\1.bn.\2"),
        (r"^backbone\.F_-3_base_block_3\.", "backbone.project."),
        (r"^head\.pvam\.wrap_encoder_for_feature\.", "head.pvam.encoder."),
        (r"^head\.gsrm\.wrap_encoder1\.prepare_decoder\.emb0\.", None),  # the same table as wrap_encoder0's
        (r"^head\.gsrm\.wrap_encoder0\.prepare_decoder\.emb0\.", "head.gsrm.embedding."),
        (r"^head\.gsrm\.wrap_encoder0\.", "head.gsrm.from_left."),
        (r"^head\.gsrm\.wrap_encoder1\.", "head.gsrm.from_right."),
        (r"\.prepare_(encoder\.emb|decoder\.emb1)\.", ".position."),
        (r"\.encoder\.layer_(\d)\.", r".layers.\1."),
        (r"\.preprocesser(\d)\.layer_norm_0\.", r".norm\1."),
        (r"\.encoder\.processor\.layer_norm_0\.", ".norm."),
    ),
    "uvdoc": (
        (r"\.num_batches_tracked$", None),
        (r"^resnet_head\.0\.", "resnet_head.0.conv."),
        (r"^resnet_head\.1\.", "resnet_head.0.bn."),
        (r"^resnet_head\.3\.", "resnet_head.1.conv."),
        (r"^resnet_head\.4\.", "resnet_head.1.bn."),
        (r"^(resnet_down\.layer\d\.\d)\.conv(\d)\.(0\.)?(weight|bias)$", r"\1.conv\2.conv.\4"),
        (r"^(resnet_down\.layer\d\.\d)\.bn(\d)\.", r"\1.conv\2.bn."),
        (r"^(resnet_down\.layer\d\.\d\.downsample|bridge_\d\.\d|bridge_concat)\.0\.", r"\1.conv."),
        (r"^(resnet_down\.layer\d\.\d\.downsample|bridge_\d\.\d|bridge_concat)\.1\.", r"\1.bn."),
        (r"^bridge_(\d)\.", r"bridges.\1."),
        (r"^out_point_positions(\d)D\.", r"points\1d."),
    ),
}


def to_ours(name: str) -> str | None:
    """Our state-dict key for the reference's key `name`; None when the tensor is not needed."""
    for rules in REFERENCE_NAMES.values():
        for pattern, replacement in rules:
            if replacement is None:
                if re.search(pattern, name):
                    return None
            else:
                name = re.sub(pattern, replacement, name)
    return name


def load_reference(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy `arrays`, keyed by the reference's names, into `model` (training form).

    Nothing is written unless every array finds its tensor, every tensor its array, and all shapes agree; otherwise
    ValueError names the tensors that differ.
    """
    load_tensors(model, ours_from_reference(model, arrays))


def ours_from_reference(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """`arrays`, keyed by the reference's names, as tensors under our names and in our layout."""
    linear = {f"{name}.weight" for name, part in model.named_modules() if isinstance(part, nn.Linear)}
    found: dict[str, torch.Tensor] = {}
    for name, array in arrays.items():
        ours = to_ours(name)
        if ours is not None:
            found[ours] = torch.from_numpy(np.array(array.T if ours in linear else array))
    return found


def load_tensors(model: nn.Module, found: Mapping[str, torch.Tensor], optional: tuple[str, ...] = ()) -> None:
    """Copy `found`, keyed by our names, into `model`; parts whose names start with an entry of `optional` may lack.

    Nothing is written unless every tensor finds its place and all shapes agree; otherwise ValueError names those that
    differ.
    """
    wanted = {k: v for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    found = {k: v for k, v in found.items() if not k.endswith("num_batches_tracked")}
    problems = [f"{key} is missing" for key in wanted.keys() - found.keys() if not key.startswith(optional)]
    problems += [f"{key} is not part of the net" for key in found.keys() - wanted.keys()]
    problems += [
        f"{key} has shape {list(found[key].shape)}, the net needs {list(wanted[key].shape)}"
        for key in wanted.keys() & found.keys()
        if found[key].shape != wanted[key].shape
    ]
    if problems:
        shown = "; ".join(sorted(problems)[:8]) + (f"; and {len(problems) - 8} more" if len(problems) > 8 else "")
        raise ValueError(f"the weights do not fit the net: {shown}")
    model.load_state_dict(found, strict=False)
