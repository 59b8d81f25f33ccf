"""Losses between two nets: mutual learning, features, decoupled distillation, and a teacher's text maps."""

import torch
from torch import Tensor
from torch.nn import functional

from inkline.training.losses.detection import dice

EPS = 1e-10


def mutual(one: Tensor, other: Tensor) -> Tensor:
    """Deep mutual learning: the mean of both Kullback-Leibler divergences (Zhang et al. 2018), over logits (..., C)."""
    with torch.autocast(one.device.type, enabled=False):
        a = functional.log_softmax(one.float(), dim=-1).flatten(0, -2)
        b = functional.log_softmax(other.float(), dim=-1).flatten(0, -2)
        forth = functional.kl_div(a, b, reduction="batchmean", log_target=True)
        back = functional.kl_div(b, a, reduction="batchmean", log_target=True)
        return (forth + back) / 2


def follow(student: Tensor, teacher: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a student's logits (..., C) from a teacher's, mean over the rows (Hinton 2015)."""
    with torch.autocast(student.device.type, enabled=False):
        ours = functional.log_softmax(student.float(), dim=-1).flatten(0, -2)
        truth = functional.log_softmax(teacher.detach().float(), dim=-1).flatten(0, -2)
        return functional.kl_div(ours, truth, reduction="batchmean", log_target=True)


def mutual_maps(one: Tensor, other: Tensor) -> Tensor:
    """The same for maps of text probabilities of any one shape: two classes a pixel, mean over the pixels."""
    with torch.autocast(one.device.type, enabled=False):
        a, b = (x.float().clamp(1e-6, 1 - 1e-6) for x in (one, other))
        text = (a - b) * (a.log() - b.log())
        rest = (b - a) * ((1 - a).log() - (1 - b).log())
        return ((text + rest) / 2).mean()


def features(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference of two feature maps of one shape (U-DML)."""
    with torch.autocast(one.device.type, enabled=False):
        return functional.mse_loss(one.float(), other.float())


def decoupled(
    student: Tensor, teacher: Tensor, truth: Tensor, alpha: float = 1.0, beta: float = 1.0, temperature: float = 1.0
) -> Tensor:
    """Decoupled distillation (Zhao et al. 2022): right class against the rest (alpha), and among the rest (beta).

    student, teacher: logits (M, C), the teacher's without gradient; truth: (M,) int64.
    """
    with torch.autocast(student.device.type, enabled=False):
        right = functional.one_hot(truth, student.shape[1]).bool()
        p, q = (functional.softmax(x.float() / temperature, dim=1) for x in (student, teacher.detach()))
        p_right, q_right = (x[right] for x in (p, q))
        p_two, q_two = (torch.stack([x, 1 - x], dim=1).clamp_min(EPS) for x in (p_right, q_right))
        target = functional.kl_div(p_two.log(), q_two, reduction="batchmean")
        p_rest, q_rest = (
            functional.log_softmax((x.float() / temperature).masked_fill(right, -1000.0), dim=1)
            for x in (student, teacher.detach())
        )
        rest = functional.kl_div(p_rest, q_rest, reduction="batchmean", log_target=True)
        return (alpha * target + beta * rest) * temperature**2


def teacher_maps(shrink: Tensor, binary: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """A detector's teacher (CML): its text map above 0.3, thickened by one pixel, is the truth of Dice losses.

    shrink (counts 5 times), binary: the student's (N, H, W); teacher: its shrink map (N, H, W); mask: (N, H, W).
    """
    with torch.autocast(shrink.device.type, enabled=False):
        text = (teacher.detach() > 0.3).float()[:, None]
        thick = functional.max_pool2d(functional.pad(text, (1, 0, 1, 0)), 2, stride=1)[:, 0]
        return 5 * dice(shrink.float(), thick, mask) + dice(binary.float(), thick, mask)
