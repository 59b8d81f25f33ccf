"""Training form to inference form: batch norm folded away, parallel branches summed into one convolution."""

from typing import Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

Conv = nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
AnyConv = TypeVar("AnyConv", bound=Conv)


@runtime_checkable
class Fusable(Protocol):
    """A module that another one replaces in the fused form: `fused()` gives that."""

    def fused(self) -> nn.Module: ...


def fuse(
    module: nn.Module, skip: tuple[str, ...] = (), only: tuple[type[nn.Module], ...] = (nn.Module,), prefix: str = ""
) -> None:
    """Turn `module` in place into its fused form, with equal eval outputs.

    Innermost first, so that a block sees its convolutions already free of batch norm: where a class lists `bn_pairs`,
    each batch norm is folded into its convolution; a submodule that is `Fusable` is replaced by its fused form.
    Submodules whose name, with a dot behind it, starts with an entry of `skip` stay as they are; `only` limits it to
    modules of some classes and what is inside them. What is fused already stays.
    """
    for name, child in list(module.named_children()):
        path = f"{prefix}{name}."
        if path.startswith(skip):
            continue
        wanted = isinstance(child, only)
        fuse(child, skip, (nn.Module,) if wanted else only, path)
        if wanted:
            for conv, bn in getattr(child, "bn_pairs", ()):
                fold_in(child, conv, bn)
            if isinstance(child, Fusable):
                setattr(module, name, child.fused())


def fold_in(module: nn.Module, conv: str, bn: str) -> None:
    """Fold the batch norm called `bn` of a module into its convolution called `conv`; nothing when that is done."""
    before, norm = module.get_submodule(conv), module.get_submodule(bn)
    if isinstance(before, Conv) and isinstance(norm, BatchNorm):
        fold_bn(before, norm)
        setattr(module, bn, nn.Identity())


@torch.no_grad()
def fold_bn(conv: AnyConv, bn: BatchNorm) -> AnyConv:
    """`conv` with the running statistics and affine of the `bn` behind it folded into its weight and bias.

    Computed in float64; works in place on `conv`, whose bias is made when it has none.
    """
    assert bn.running_mean is not None and bn.running_var is not None  # all our batch norms keep statistics
    scale = bn.weight.double() / torch.sqrt(bn.running_var.double() + bn.eps)
    bias = bn.bias.double() - bn.running_mean.double() * scale
    if conv.bias is not None:
        bias = bias + conv.bias.double() * scale
    # the output channels are the second axis of a transposed convolution's weight, the first of others
    outputs_axis = 1 if isinstance(conv, nn.ConvTranspose2d) else 0
    shape = [1] * conv.weight.dim()
    shape[outputs_axis] = -1
    dtype = conv.weight.dtype
    conv.weight = nn.Parameter((conv.weight.double() * scale.reshape(shape)).to(dtype))
    conv.bias = nn.Parameter(bias.to(dtype))
    return conv


def identity_conv(channels: int, groups: int) -> nn.Conv2d:
    """The 1x1 convolution without bias that gives back its input."""
    conv = nn.Conv2d(channels, channels, 1, groups=groups, bias=False)
    per_group = channels // groups
    with torch.no_grad():
        conv.weight.copy_(torch.eye(per_group).repeat(groups, 1).reshape(conv.weight.shape))
    return conv


@torch.no_grad()
def sum_convs(convs: list[nn.Conv2d], kernel: int, stride: int | tuple[int, int]) -> nn.Conv2d:
    """One kernel x kernel convolution with bias equal to the sum of `convs`, which share widths, groups and stride.

    Each has an odd kernel and "same" padding; smaller kernels are centred, dilated ones spread out, so the sum is exact
    as long as every branch fits into `kernel`.
    """
    first = convs[0]
    weight = torch.zeros(*first.weight.shape[:2], kernel, kernel, dtype=torch.float64)
    bias = torch.zeros(first.out_channels, dtype=torch.float64)
    for conv in convs:
        size, step = conv.kernel_size[0], conv.dilation[0]
        start = (kernel - 1) // 2 - (size - 1) // 2 * step
        stop = start + (size - 1) * step + 1
        weight[:, :, start:stop:step, start:stop:step] += conv.weight.double()
        if conv.bias is not None:
            bias += conv.bias.double()
    merged = nn.Conv2d(first.in_channels, first.out_channels, kernel, stride, (kernel - 1) // 2, groups=first.groups)
    merged.weight = nn.Parameter(weight.float())
    merged.bias = nn.Parameter(bias.float())
    return merged
