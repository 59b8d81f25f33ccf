"""Training losses; their values and gradients are proven against those of the reference.

All are computed in float32, outside of autocast, whatever the net ran in. N images or lines, T or S steps, C classes.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-6


def total(parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`parts` and their sum, as `loss`."""
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


# --- Text detectors: DB, EAST, SAST ---


def dice(found: Tensor, truth: Tensor, mask: Tensor, eps: float = EPS) -> Tensor:
    """1 - Dice coefficient over the pixels where the mask is 1; three tensors of one shape, probabilities and 0/1."""
    shared = (found * truth * mask).sum()
    return 1 - 2 * shared / ((found * mask).sum() + (truth * mask).sum() + eps)


def focal(found: Tensor, truth: Tensor, mask: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Mean focal loss of the pixels where the mask is 1 (Lin et al. 2017); alpha weighs text, 1 - alpha the rest."""
    found = found.clamp(EPS, 1 - EPS)
    p = torch.where(truth > 0.5, found, 1 - found)
    weight = torch.where(truth > 0.5, alpha, 1 - alpha)
    return (-weight * (1 - p) ** gamma * p.log() * mask).sum() / (mask.sum() + EPS)


def balanced_bce(found: Tensor, truth: Tensor, mask: Tensor, negative_ratio: float = 3.0) -> Tensor:
    """Binary cross entropy of all text pixels and of the hardest others, at most `negative_ratio` to one.

    A batch without text costs nothing, as in the reference.
    """
    loss = functional.binary_cross_entropy(found, truth, reduction="none")
    positive, negative = truth * mask, (1 - truth) * mask
    count = int(positive.sum())
    hard = min(int(negative.sum()), int(count * negative_ratio))
    hardest = torch.topk((negative * loss).flatten(), hard, sorted=False).values.sum()
    return ((positive * loss).sum() + hardest) / (count + hard + EPS)


def masked_l1(found: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of the pixels where the mask is 1."""
    return ((found - truth).abs() * mask).sum() / (mask.sum() + EPS)


def dice_focal(found: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """Dice and focal loss (alpha 0.25, gamma 2.5), one to one: the text-map loss of PP-OCRv6."""
    return dice(found, truth, mask) + focal(found, truth, mask, alpha=0.25, gamma=2.5)


# Hard-negative mining leaves the scalar Dice and L1 losses as they are (the reference wraps them all the same).
TEXT_MAP_LOSSES = {"dice": dice, "dice_focal": dice_focal, "bce": balanced_bce, "l1": masked_l1}


def db_loss(
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Tensor],
    main: str = "dice",
    auxiliary: Mapping[str, float] | None = None,
) -> dict[str, Tensor]:
    """DB loss: 5 x the shrunk text map, 10 x the border (threshold) map, 1 x the binary map (Liao et al. 2020).

    outputs: `shrink`, `thresh`, `binary` (N, 1, H, W) probabilities, maybe a fourth map `cbn` that is held to the text
    map once, and the maps `aux_shrink_p4`... of PP-OCRv6, which count as `auxiliary` says ({"p4": 0.2, ...}).
    batch: `shrink_map`, `shrink_mask`, `thresh_map`, `thresh_mask` (N, H, W). main: a name in `TEXT_MAP_LOSSES`.
    """
    of_text = TEXT_MAP_LOSSES[main]
    of_binary = of_text if main == "dice_focal" else dice
    truth, mask = batch["shrink_map"], batch["shrink_mask"]

    def three_maps(names: str) -> dict[str, Tensor]:
        shrink, thresh, binary = (outputs[names.format(kind)][:, 0].float() for kind in ("shrink", "thresh", "binary"))
        return {
            "shrink": 5 * of_text(shrink, truth, mask),
            "thresh": 10 * masked_l1(thresh, batch["thresh_map"], batch["thresh_mask"]),
            "binary": of_binary(binary, truth, mask),
        }

    parts = three_maps("{}")
    if "cbn" in outputs:
        parts["cbn"] = of_text(outputs["cbn"][:, 0].float(), truth, mask)
    for level, weight in (auxiliary or {}).items():
        parts[f"aux_{level}"] = weight * torch.stack(list(three_maps("aux_{}_" + level).values())).sum()
    return total(parts)


def east_loss(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """EAST loss: 0.01 x Dice of the score map and a smooth L1 of the corner offsets (Zhou et al. 2017).

    outputs: `score` (N, 1, h, w), `geometry` (N, 8, h, w). batch: `score` (N, 1, h, w), `geo` (N, 9, h, w) with the
    weight 1 / shorter side as ninth channel, `mask` (N, 1, h, w). As in the reference, the square branch has no half.
    """
    score, geo, weight = batch["score"], batch["geo"][:, :8], batch["geo"][:, 8:]
    region = 0.01 * dice(outputs["score"].float(), score, batch["mask"])
    off = (geo - outputs["geometry"].float()).abs()
    smooth = torch.where(off < score, off * off, off - 0.5)
    shape = (weight / 8 * smooth * score).sum(dim=1, keepdim=True).mul(score).mean()
    return {"loss": region + shape, "score": region, "geo": shape}


def sast_loss(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """SAST loss: Dice of the centre band, smooth L1 of border, corner and centre offsets (Wang et al. 2019).

    outputs: `score` (N, 1, h, w), `border`, `tvo`, `tco` with 4, 8, 2 channels. batch: `score`, `mask`
    (N, 1, h, w); `border`, `tvo`, `tco`: the same channels and one more, the weight. Corners and centres count 1.5 times.
    """
    score, mask = batch["score"], batch["mask"]
    parts = {"score": dice(outputs["score"].float(), score, mask, eps=1e-5)}
    for name, scale in (("border", 1.0), ("tvo", 1.5), ("tco", 1.5)):
        truth, weight = batch[name][:, :-1], batch[name][:, -1:]
        smooth = functional.smooth_l1_loss(outputs[name].float(), truth, reduction="none")
        area = (score * mask).sum() * truth.shape[1]
        parts[name] = scale * (weight * smooth * score * mask).sum() / (area + 1e-5)
    return total(parts)


# --- Recognisers and classifiers ---


def ctc_loss(logits: Tensor, labels: Tensor, lengths: Tensor, focal: bool = False) -> Tensor:
    """Mean over the lines of the CTC loss (Graves et al. 2006), blank 0; a line longer than T steps costs nothing.

    logits: (N, T, C); labels: (N, L) int64, zeros after `lengths` (N,). focal: each line's times (1 - exp(-loss))^2.
    """
    steps = functional.log_softmax(logits.float(), dim=2).transpose(0, 1)
    inputs = torch.full_like(lengths, logits.shape[1])
    loss = functional.ctc_loss(steps, labels, inputs, lengths, reduction="none", zero_infinity=True)
    if focal:
        loss = loss * (1 - torch.exp(-loss)) ** 2
    return loss.mean()


def nrtr_loss(logits: Tensor, ids: Tensor, smoothing: float = 0.1) -> Tensor:
    """Mean cross entropy over the steps that are not padding, with label smoothing over the other classes.

    logits: (N, S, C) for the steps after the start token; ids: (N, S + 1 or more) int64, start token first, 0 padding.
    """
    classes = logits.shape[2]
    truth = ids[:, 1 : 1 + logits.shape[1]]
    log_p = functional.log_softmax(logits.float(), dim=2)
    right = log_p.gather(2, truth[..., None])[..., 0]
    other = log_p.sum(dim=2) - right
    loss = -(1 - smoothing) * right - smoothing / (classes - 1) * other
    return loss[truth != 0].mean()


def sar_loss(logits: Tensor, ids: Tensor, padding: int) -> Tensor:
    """Mean cross entropy of logits (N, S, C) at t against ids (N, S), start token first, at t + 1, without padding."""
    return functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), ids[:, 1:].flatten(), ignore_index=padding)


def attention_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy summed over logits (N, S, C), padding included (RARE); truth (N, S or more), without start token."""
    truth = truth[:, : logits.shape[1]]
    return functional.cross_entropy(logits.float().flatten(0, 1), truth.flatten(), reduction="sum")


def srn_loss(final: Tensor, word: Tensor, context: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """SRN loss: final, visual (x 3) and semantic (x 0.15) logits (N * S, C), each summed; truth (N, S) (Yu et al. 2020)."""
    flat = truth.flatten()
    parts = {
        "final": functional.cross_entropy(final.float(), flat, reduction="sum"),
        "word": 3 * functional.cross_entropy(word.float(), flat, reduction="sum"),
        "context": 0.15 * functional.cross_entropy(context.float(), flat, reduction="sum"),
    }
    return total(parts)


def class_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Mean cross entropy of a classifier; logits (N, C), labels (N,) int64; smoothing is spread over all classes."""
    return functional.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


# --- Page unwarping ---


def unwarp_loss(points: Tensor, image: Tensor, grid: Tensor, image_weight: float = 1.0) -> dict[str, Tensor]:
    """L1 of the backward map, and of the page it flattens (UVDoc, Verhoeven et al. 2023, without the 3D branch).

    points: (N, 2, h, w) found; grid: (N, 2, h, w) truth, where each node of the flat page lies in the image, -1..1,
    corners aligned; image: (N, 3, H, W) the warped page, 0..1. The pages are compared at a quarter of the image's size.
    """
    points, image = points.float(), image.float()
    size = [max(side // 4, 2) for side in image.shape[2:]]

    def flat(nodes: Tensor) -> Tensor:
        at = functional.interpolate(nodes, size, mode="bilinear", align_corners=True).permute(0, 2, 3, 1)
        return functional.grid_sample(image, at, align_corners=True)

    parts = {
        "grid": functional.l1_loss(points, grid),
        "image": image_weight * functional.l1_loss(flat(points), flat(grid)),
    }
    return total(parts)


# --- Between two nets: mutual learning, features, decoupled distillation, a teacher's text maps ---


def kl_divergence(found: Tensor, truth: Tensor) -> Tensor:
    """Kullback-Leibler divergence of logits (..., C) from others, mean over the rows (of a teacher: Hinton 2015)."""
    ours, theirs = (functional.log_softmax(x.float(), dim=-1).flatten(0, -2) for x in (found, truth))
    return functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)


def mutual_loss(one: Tensor, other: Tensor) -> Tensor:
    """Deep mutual learning: the mean of both Kullback-Leibler divergences (Zhang et al. 2018), over logits (..., C)."""
    return (kl_divergence(one, other) + kl_divergence(other, one)) / 2


def mutual_map_loss(one: Tensor, other: Tensor) -> Tensor:
    """The same for maps of text probabilities of any one shape: two classes per pixel, mean over the pixels."""
    a, b = (x.float().clamp(1e-6, 1 - 1e-6) for x in (one, other))
    text = (a - b) * (a.log() - b.log())
    rest = (b - a) * ((1 - a).log() - (1 - b).log())
    return ((text + rest) / 2).mean()


def feature_loss(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared difference of two feature maps of one shape (U-DML)."""
    return functional.mse_loss(one.float(), other.float())


def decoupled_loss(student: Tensor, teacher: Tensor, truth: Tensor, beta: float = 1.0) -> Tensor:
    """Decoupled distillation (Zhao et al. 2022): right class against the rest, and among the rest (`beta`).

    student, teacher: logits (M, C), the teacher's without gradient; truth: (M,) int64.
    """
    right = functional.one_hot(truth, student.shape[1]).bool()
    p, q = (functional.softmax(x.float(), dim=1) for x in (student, teacher.detach()))
    p_right, q_right = (x[right] for x in (p, q))
    p_two, q_two = (torch.stack([x, 1 - x], dim=1).clamp_min(1e-10) for x in (p_right, q_right))
    target = functional.kl_div(p_two.log(), q_two, reduction="batchmean")
    p_rest, q_rest = (functional.log_softmax(x.float().masked_fill(right, -1000.0), dim=1) for x in (student, teacher.detach()))
    rest = functional.kl_div(p_rest, q_rest, reduction="batchmean", log_target=True)
    return target + beta * rest


def teacher_map_loss(shrink: Tensor, binary: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """A detector's teacher (CML): its text map above 0.3, thickened by one pixel, is the truth of Dice losses.

    shrink (counts 5 times), binary: the student's (N, H, W); teacher: its shrink map (N, H, W); mask: (N, H, W).
    """
    text = (teacher.detach() > 0.3).float()[:, None]
    thick = functional.max_pool2d(functional.pad(text, (1, 0, 1, 0)), 2, stride=1)[:, 0]
    return 5 * dice(shrink.float(), thick, mask) + dice(binary.float(), thick, mask)
