"""Losses: values and gradients of the reference (tests/golden/losses.*), and what the golden cases do not reach."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from inkline.training import losses

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "losses.json"
CASES = {case["name"]: case for case in json.loads(GOLDEN.read_text())["cases"]}

Case = tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], dict[str, Tensor]]]  # inputs, loss parts by golden name


def tensor(array: Any) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.int64 if np.asarray(array).dtype.kind == "i" else np.float32))


def db_case(main: str, second: bool = False) -> Case:
    rng = np.random.Generator(np.random.PCG64(11))
    inputs = {"maps": tensor(rng.uniform(0.02, 0.98, (2, 3, 32, 32)))}
    batch = {
        "thresh_map": tensor(rng.uniform(0.3, 0.7, (2, 32, 32))),
        "thresh_mask": tensor(rng.uniform(size=(2, 32, 32)) < 0.6),
        "shrink_map": tensor(rng.uniform(size=(2, 32, 32)) < 0.2),
        "shrink_mask": tensor(rng.uniform(size=(2, 32, 32)) < 0.9),
    }
    if second:
        inputs["cbn_maps"] = tensor(np.random.Generator(np.random.PCG64(12)).uniform(0.02, 0.98, (2, 1, 32, 32)))

    def loss(x: dict[str, Tensor]) -> dict[str, Tensor]:
        outputs = {name: x["maps"][:, i : i + 1] for i, name in enumerate(("shrink", "thresh", "binary"))}
        outputs |= {"cbn": x["cbn_maps"]} if second else {}
        parts = losses.db_loss(outputs, batch, main)
        names = {"loss": "loss", "shrink": "loss_shrink_maps", "thresh": "loss_threshold_maps"}
        names |= {"binary": "loss_binary_maps", "cbn": "loss_cbn"}
        return {"loss_cbn": torch.zeros(())} | {names[name]: value for name, value in parts.items()}

    return inputs, loss


def ctc_case(focal: bool, small: bool) -> Case:
    rng = np.random.Generator(np.random.PCG64(21))
    logits = rng.standard_normal((3, 12, 20))
    labels = rng.integers(1, 20, (3, 6))
    labels[0, 1] = labels[0, 0]
    lengths = np.array([6, 3, 1])
    for row, length in zip(labels, lengths, strict=True):
        row[length:] = 0
    if small:
        logits[:, :, 0] += 4
        logits[np.arange(3), 3, labels[:, 0]] += 8
        lengths = np.array([1, 1, 1])
    return {"logits": tensor(logits)}, lambda x: {"loss": losses.ctc_loss(x["logits"], tensor(labels), tensor(lengths), focal)}


def nrtr_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(31))
    pred = rng.standard_normal((3, 8, 30))
    ids = rng.integers(4, 30, (3, 27))
    ids[:, 0] = 2
    for row, length in zip(ids, (7, 4, 2), strict=True):
        row[1 + length] = 3
        row[2 + length :] = 0
    return {"pred": tensor(pred)}, lambda x: {"loss": losses.nrtr_loss(x["pred"], tensor(ids))}


def sar_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(41))
    pred, label = rng.standard_normal((3, 10, 30)), rng.integers(0, 29, (3, 10))
    label[0, 6:] = label[1, 9:] = 30
    return {"pred": tensor(pred)}, lambda x: {"loss": losses.sar_loss(x["pred"], tensor(label), padding=30)}


def attention_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(51))
    pred, label = rng.standard_normal((2, 9, 38)), rng.integers(0, 38, (2, 9))
    return {"pred": tensor(pred)}, lambda x: {"loss": losses.attention_loss(x["pred"], tensor(label))}


def cls_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(52))
    pred, label = rng.standard_normal((5, 2)), rng.integers(0, 2, (5,))
    return {"pred": tensor(pred)}, lambda x: {"loss": losses.class_loss(x["pred"], tensor(label))}


def srn_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(61))
    inputs = {name: tensor(rng.standard_normal((50, 39 if name == "gsrm_out" else 38))) for name in SRN_INPUTS}
    label = tensor(rng.integers(0, 38, (2, 25)))

    def loss(x: dict[str, Tensor]) -> dict[str, Tensor]:
        parts = losses.srn_loss(x["predict"], x["word_out"], x["gsrm_out"], label)
        return {"loss": parts["loss"], "word_loss": parts["word"] / 3, "img_loss": parts["final"]}

    return inputs, loss


SRN_INPUTS = ("predict", "word_out", "gsrm_out")


def east_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(71))
    score, geo = rng.uniform(0.02, 0.98, (2, 1, 16, 16)), rng.uniform(-40, 40, (2, 8, 16, 16))
    true_score = rng.uniform(size=(2, 1, 16, 16)) < 0.3
    true_geo = np.concatenate([rng.uniform(-40, 40, (2, 8, 16, 16)), rng.uniform(0.1, 1, (2, 1, 16, 16))], axis=1)
    mask = rng.uniform(size=(2, 1, 16, 16)) < 0.9
    true_geo[:, :8, ::3] = geo[:, :, ::3] + 0.4
    batch = {"score": tensor(true_score), "geo": tensor(true_geo), "mask": tensor(mask)}

    def loss(x: dict[str, Tensor]) -> dict[str, Tensor]:
        parts = losses.east_loss({"score": x["f_score"], "geometry": x["f_geo"]}, batch)
        return {"loss": parts["loss"], "dice_loss": parts["score"], "smooth_l1_loss": parts["geo"]}

    return {"f_score": tensor(score), "f_geo": tensor(geo)}, loss


def sast_case() -> Case:
    rng = np.random.Generator(np.random.PCG64(81))
    inputs = {"f_score": tensor(rng.uniform(0.02, 0.98, (2, 1, 16, 16)))}
    for name, channels in (("f_border", 4), ("f_tvo", 8), ("f_tco", 2)):
        inputs[name] = tensor(rng.standard_normal((2, channels, 16, 16)))
    batch = {"score": tensor(rng.uniform(size=(2, 1, 16, 16)) < 0.3)}
    batch["border"] = tensor(rng.standard_normal((2, 5, 16, 16)))
    batch["mask"] = tensor(rng.uniform(size=(2, 1, 16, 16)) < 0.9)
    batch["tvo"], batch["tco"] = (tensor(rng.standard_normal((2, channels, 16, 16))) for channels in (9, 3))

    def loss(x: dict[str, Tensor]) -> dict[str, Tensor]:
        parts = losses.sast_loss({name.removeprefix("f_"): value for name, value in x.items()}, batch)
        scale = {"score": 1, "border": 1, "tvo": 1.5, "tco": 1.5}
        return {"loss": parts["loss"]} | {f"{name}_loss": parts[name] / k for name, k in scale.items()}

    return inputs, loss


OURS: dict[str, Callable[[], Case]] = {
    "db_dice": lambda: db_case("dice"),
    "db_bce": lambda: db_case("bce"),
    "db_l1": lambda: db_case("l1"),
    "db_pfhead": lambda: db_case("dice", second=True),
    "ctc": lambda: ctc_case(focal=False, small=False),
    "ctc_focal": lambda: ctc_case(focal=True, small=False),
    "ctc_small": lambda: ctc_case(focal=False, small=True),
    "ctc_focal_small": lambda: ctc_case(focal=True, small=True),
    "nrtr": nrtr_case,
    "sar": sar_case,
    "attention": attention_case,
    "cls": cls_case,
    "srn": srn_case,
    "east": east_case,
    "sast": sast_case,
}


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradient_of_the_reference(name: str) -> None:
    case = CASES[name]
    inputs, loss = OURS[name]()
    for value in inputs.values():
        value.requires_grad_()
    parts = loss(inputs)
    for key, expected in case["values"].items():
        assert parts[key].item() == pytest.approx(expected, rel=2e-5, abs=1e-6), key
    parts["loss"].backward()
    with np.load(GOLDEN.with_suffix(".npz")) as arrays:
        for key, fact in case["grad"].items():
            expected = arrays[f"{name}.grad.{key}"]
            grad = inputs[key].grad
            assert grad is not None
            np.testing.assert_allclose(
                grad.numpy().ravel()[:: fact["stride"]], expected, rtol=1e-3, atol=2e-4 * fact["abs_mean"]
            )


def maps(seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    names = ["shrink", "thresh", "binary"]
    names += [f"aux_{kind}_{level}" for level in ("p4", "p3", "p2") for kind in ("shrink", "thresh", "binary")]
    return {name: torch.rand((2, 1, 16, 16), generator=generator) * 0.9 + 0.05 for name in names}


def map_batch() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    names = ("shrink_map", "shrink_mask", "thresh_map", "thresh_mask")
    return {name: (torch.rand((2, 16, 16), generator=generator) < 0.5).float() for name in names}


def test_auxiliary_maps_count_with_their_weight() -> None:
    outputs, batch = maps(0), map_batch()
    plain = losses.db_loss(outputs, batch, "dice_focal")["loss"]
    one = losses.db_loss(outputs, batch, "dice_focal", {"p4": 1.0})["aux_p4"]
    parts = losses.db_loss(outputs, batch, "dice_focal", {"p4": 0.2, "p3": 0.3})
    assert parts["aux_p4"].item() == pytest.approx(0.2 * one.item())
    assert parts["loss"].item() == pytest.approx((plain + parts["aux_p4"] + parts["aux_p3"]).item())


def test_focal_loss_of_one_pixel() -> None:
    one = torch.ones(1, 1, 1)
    assert losses.focal(one * 0.5, one, one, 0.25, 2.0).item() == pytest.approx(-0.25 * 0.25 * np.log(0.5), rel=1e-5)
    assert losses.focal(one * 0.2, one * 0, one, 0.25, 2.0).item() == pytest.approx(-0.75 * 0.04 * np.log(0.8), rel=1e-5)
    assert losses.focal(one * 0.5, one, one * 0, 0.25, 2.0).item() == 0


def test_pages_without_text_give_finite_losses() -> None:
    batch = {name: torch.zeros(2, 16, 16) for name in map_batch()} | {"shrink_mask": torch.ones(2, 16, 16)}
    for main in losses.TEXT_MAP_LOSSES:
        assert torch.isfinite(losses.db_loss(maps(0), batch, main)["loss"])


def test_a_line_too_long_for_its_steps_costs_nothing() -> None:
    logits = torch.randn(2, 3, 5, requires_grad=True)
    loss = losses.ctc_loss(logits, torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0]]), torch.tensor([4, 1]))
    loss.backward()
    assert torch.isfinite(loss) and logits.grad is not None
    assert logits.grad[0].abs().sum() == 0 and logits.grad[1].abs().sum() > 0


def test_smoothed_classes() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    soft = torch.full((4, 3), 0.1 / 3).scatter_add(1, labels[:, None], torch.full((4, 1), 0.9))
    expected = -(soft * logits.log_softmax(1)).sum(1).mean()
    assert losses.class_loss(logits, labels, 0.1).item() == pytest.approx(expected.item(), rel=1e-5)


def test_unwarping_is_zero_at_the_truth_and_falls_towards_it() -> None:
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 7), indexing="ij")
    grid = torch.stack([xs, ys])[None]
    image = torch.rand(1, 3, 64, 48)
    assert losses.unwarp_loss(grid, image, grid)["loss"].item() == 0
    found = [losses.unwarp_loss(grid * scale, image, grid)["loss"].item() for scale in (0.5, 0.8, 0.95)]
    assert found[0] > found[1] > found[2] > 0


def test_mutual_learning_is_symmetric_and_zero_for_twins() -> None:
    a, b = torch.randn(2, 5, 7), torch.randn(2, 5, 7)
    assert losses.mutual_loss(a, a).item() == pytest.approx(0, abs=1e-6)
    assert losses.mutual_loss(a, b).item() == pytest.approx(losses.mutual_loss(b, a).item())
    p, q = a.softmax(-1), b.softmax(-1)
    expected = ((p * (p / q).log()).sum(-1).mean() + (q * (q / p).log()).sum(-1).mean()) / 2
    assert losses.mutual_loss(a, b).item() == pytest.approx(expected.item(), rel=1e-5)
    maps_a, maps_b = a.sigmoid(), b.sigmoid()
    assert losses.mutual_map_loss(maps_a, maps_a).item() == 0
    assert losses.mutual_map_loss(maps_a, maps_b).item() == pytest.approx(losses.mutual_map_loss(maps_b, maps_a).item())


def test_decoupled_distillation_sums_to_plain_divergence() -> None:
    """KL(teacher, student) = TCKD + (1 - teacher's probability of the truth) * NCKD (Zhao et al. 2022, eq. 5)."""
    student, teacher, truth = torch.randn(1, 6), torch.randn(1, 6), torch.tensor([2])
    both = torch.nn.functional.kl_div(student.log_softmax(1), teacher.log_softmax(1), reduction="batchmean", log_target=True)
    right = teacher.softmax(1)[0, 2].item()
    ours = losses.decoupled_loss(student, teacher, truth, beta=1 - right)
    assert ours.item() == pytest.approx(both.item(), rel=1e-4)


def test_decoupled_distillation_teaches_the_student_alone() -> None:
    student, teacher = (torch.randn(4, 6, requires_grad=True) for _ in range(2))
    losses.decoupled_loss(student, teacher, torch.tensor([0, 1, 2, 5])).backward()
    assert student.grad is not None and student.grad.abs().sum() > 0 and teacher.grad is None


def test_teacher_maps_are_thickened() -> None:
    teacher = torch.zeros(1, 8, 8)
    teacher[0, 4, 4] = 0.9
    thick = torch.zeros(1, 8, 8)
    thick[0, 4:6, 4:6] = 1
    assert losses.teacher_map_loss(thick, thick, teacher, torch.ones(1, 8, 8)).item() == pytest.approx(0, abs=1e-5)
