"""Losses of text detectors: DB, EAST, SAST. All are computed in float32, whatever the net ran in."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-6


def dice(found: Tensor, truth: Tensor, mask: Tensor) -> Tensor:
    """1 - Dice coefficient over the pixels where the mask is 1; three tensors of one shape, probabilities and 0/1."""
    shared = (found * truth * mask).sum()
    return 1 - 2 * shared / ((found * mask).sum() + (truth * mask).sum() + EPS)


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


def db(
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

    def three(names: str) -> dict[str, Tensor]:
        shrink, thresh, binary = (outputs[names.format(kind)][:, 0].float() for kind in ("shrink", "thresh", "binary"))
        return {
            "shrink": 5 * of_text(shrink, truth, mask),
            "thresh": 10 * masked_l1(thresh, batch["thresh_map"], batch["thresh_mask"]),
            "binary": of_binary(binary, truth, mask),
        }

    with torch.autocast(truth.device.type, enabled=False):
        parts = three("{}")
        if "cbn" in outputs:
            parts["cbn"] = of_text(outputs["cbn"][:, 0].float(), truth, mask)
        for level, weight in (auxiliary or {}).items():
            parts[f"aux_{level}"] = weight * torch.stack(list(three("aux_{}_" + level).values())).sum()
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def east(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """EAST loss: 0.01 x Dice of the score map and a smooth L1 of the corner offsets (Zhou et al. 2017).

    outputs: `score` (N, 1, h, w), `geometry` (N, 8, h, w). batch: `score` (N, 1, h, w), `geo` (N, 9, h, w) with the
    weight 1 / shorter side as ninth channel, `mask` (N, 1, h, w). As in the reference, the square branch has no half.
    """
    score, geo, weight = batch["score"], batch["geo"][:, :8], batch["geo"][:, 8:]
    with torch.autocast(score.device.type, enabled=False):
        region = 0.01 * dice(outputs["score"].float(), score, batch["mask"])
        off = (geo - outputs["geometry"].float()).abs()
        smooth = torch.where(off < score, off * off, off - 0.5)
        shape = (weight / 8 * smooth * score).sum(dim=1, keepdim=True).mul(score).mean()
        return {"loss": region + shape, "score": region, "geo": shape}


def sast(outputs: Mapping[str, Tensor], batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """SAST loss: Dice of the centre band, smooth L1 of border, corner and centre offsets (Wang et al. 2019).

    outputs: `score` (N, 1, h, w), `border`, `tvo`, `tco` with 4, 8, 2 channels. batch: `score`, `mask`
    (N, 1, h, w); `border`, `tvo`, `tco`: the same channels and one more, the weight. Corners and centres count 1.5 times.
    """
    score, mask = batch["score"], batch["mask"]
    with torch.autocast(score.device.type, enabled=False):
        found = outputs["score"].float()
        union = (found * mask).sum() + (score * mask).sum()
        parts = {"score": 1 - 2 * (found * score * mask).sum() / (union + 1e-5)}
        for name, scale in (("border", 1.0), ("tvo", 1.5), ("tco", 1.5)):
            truth, weight = batch[name][:, :-1], batch[name][:, -1:]
            smooth = functional.smooth_l1_loss(outputs[name].float(), truth, reduction="none")
            area = (score * mask).sum() * truth.shape[1]
            parts[name] = scale * (weight * smooth * score * mask).sum() / (area + 1e-5)
        return {"loss": torch.stack(list(parts.values())).sum(), **parts}
