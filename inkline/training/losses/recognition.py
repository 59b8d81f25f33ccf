"""Losses of recognisers and classifiers, computed in float32; N lines, T steps, C classes."""

import torch
from torch import Tensor
from torch.nn import functional


def ctc(logits: Tensor, labels: Tensor, lengths: Tensor, focal: bool = False) -> Tensor:
    """Mean over the lines of the CTC loss (Graves et al. 2006), blank 0; a line longer than T steps costs nothing.

    logits: (N, T, C); labels: (N, L) int64, zeros after `lengths` (N,). focal: each line's times (1 - exp(-loss))^2.
    """
    with torch.autocast(logits.device.type, enabled=False):
        steps = functional.log_softmax(logits.float(), dim=2).transpose(0, 1)
        inputs = torch.full_like(lengths, logits.shape[1])
        loss = functional.ctc_loss(steps, labels, inputs, lengths, reduction="none", zero_infinity=True)
        return (loss * (1 - torch.exp(-loss)) ** 2 if focal else loss).mean()


def nrtr(logits: Tensor, ids: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross entropy over the steps that are not padding, with label smoothing over the other classes.

    logits: (N, S, C) for the steps after the start token; ids: (N, S + 1 or more) int64, start token first, 0 padding.
    """
    with torch.autocast(logits.device.type, enabled=False):
        classes = logits.shape[2]
        truth = ids[:, 1 : 1 + logits.shape[1]]
        log_p = functional.log_softmax(logits.float(), dim=2)
        right = log_p.gather(2, truth[..., None])[..., 0]
        other = log_p.sum(dim=2) - right
        loss = -(1 - smoothing) * right - smoothing / (classes - 1) * other
        return loss[truth != 0].mean()


def sar(logits: Tensor, ids: Tensor, padding: int) -> Tensor:
    """Mean cross entropy of step t against id t + 1, padding left out (Li et al. 2019).

    logits: (N, S, C); ids: (N, S) int64, start token first; padding: the id that stands for nothing.
    """
    with torch.autocast(logits.device.type, enabled=False):
        return functional.cross_entropy(
            logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), ignore_index=padding
        )


def attention(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy summed over lines and steps, padding included (RARE in the reference).

    logits: (N, S, C); truth: (N, S or more) int64, without the start token.
    """
    with torch.autocast(logits.device.type, enabled=False):
        truth = truth[:, : logits.shape[1]]
        return functional.cross_entropy(logits.float().flatten(0, 1), truth.flatten(), reduction="sum")


def srn(final: Tensor, word: Tensor, context: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """SRN loss: the final, visual (x 3) and semantic (x 0.15) predictions, each summed (Yu et al. 2020).

    final, word, context: (N * S, C) logits; truth: (N, S) int64.
    """
    flat = truth.flatten()
    with torch.autocast(final.device.type, enabled=False):
        parts = {
            "final": functional.cross_entropy(final.float(), flat, reduction="sum"),
            "word": 3 * functional.cross_entropy(word.float(), flat, reduction="sum"),
            "context": 0.15 * functional.cross_entropy(context.float(), flat, reduction="sum"),
        }
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def classes(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross entropy of a classifier; logits (N, C), labels (N,) int64; smoothing is spread over all classes."""
    with torch.autocast(logits.device.type, enabled=False):
        return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
