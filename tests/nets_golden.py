"""Golden figures of the reference nets: parameter fill by name, fixed input, comparison of stored samples.

`tests/golden/nets/<arch>.json` lists every parameter of the reference as [name, shape, kind], and every output with its
shape, sampling stride, mean and standard deviation; `<arch>.npz` holds `output.reshape(-1)[::stride]`.
"""

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inkline.training.convert.from_paddle import ours_from_reference
from inkline.training.convert.net_checkpoint import load_tensors
from inkline.training.convert.tensor_names import from_paddle_name
from inkline.training.nets.spline import TPS
from inkline.training.nets.transformer_heads import NRTRHead

FOLDER = Path(__file__).parent / "golden" / "nets"
OWN_NETS = frozenset({"inkline_script"})  # of our own making, so without a golden of the reference
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
TOLERANCE = 1e-4
NRTR_START, NRTR_END = 2, 3

# Golden names of training outputs and classifier stages that differ from ours.
OUR_NAMES = {
    "nrtr_train_logits": "nrtr_logits",
    "sar_train_logits": "sar_logits",
    "att_train_logits": "attention_logits",
    "word_out": "word_logits",
    "gsrm_out": "gsrm_logits",
    "point_positions2D": "points2d",
    "point_positions3D": "points3d",
}
TARGETS = {"in.nrtr_tgt": "nrtr", "in.sar_label": "sar", "in.sar_valid_ratio": "valid_ratio", "in.att_tgt": "attention"}
TUPLES = (("f_score", "f_geo"), ("f_score", "f_border", "f_tvo", "f_tco"))


def golden(name: str) -> tuple[dict, dict[str, np.ndarray]]:
    """Description and stored arrays of one architecture."""
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return json.loads((FOLDER / f"{name}.json").read_text()), dict(arrays)


def distinct(names: Iterable[str]) -> list[str]:
    """The names without those of nets that are built as one before them, of the same parameters: what is tested module by
    module is the same."""
    first: dict[tuple[str, ...], str] = {}
    for name in names:
        first.setdefault(tuple(row[0] for row in json.loads((FOLDER / f"{name}.json").read_text())["params"]), name)
    return list(first.values())


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def fill(name: str, shape: list[int], kind: str) -> np.ndarray:
    """Values of the parameter `name`, float32: drawn from its name, spread by its kind ("conv*1.4": gain 1.4)."""
    base, _, gain = kind.partition("*")
    draw = generator(zlib.crc32(name.encode()))
    if base in ("gamma", "var", "scale"):
        values = draw.uniform(0.5, 1.5, shape)
    elif base == "prelu":
        values = draw.uniform(0.1, 0.4, shape)
    elif base in ("lstm", "gru"):
        bound = 1 / np.sqrt(shape[0] // (4 if base == "lstm" else 3))
        values = draw.uniform(-bound, bound, shape)
    elif base == "tpsbias":
        x = np.linspace(-1.0, 1.0, shape[0] // 4)
        edges = [np.stack([x, np.full_like(x, y)], 1) for y in (-0.9, 0.9)]
        values = np.concatenate(edges).reshape(-1) + 0.05 * draw.standard_normal(shape)
    else:
        values = draw.standard_normal(shape) * spread(base, shape)
    return (values * float(gain or 1)).astype(np.float32)


def spread(base: str, shape: list[int]) -> float:
    """Standard deviation of normally drawn values: one over the root of the fan-in for weights, 0.1 for the rest."""
    fan_in = {
        "conv": lambda: np.prod(shape[1:]),
        "convT": lambda: shape[0] * np.prod(shape[2:]) / 4,
        "linear": lambda: shape[0],
        "linearT": lambda: shape[1],
    }
    if base in fan_in:
        return float(1 / np.sqrt(fan_in[base]()))
    assert base in ("bias", "beta", "mean", "embed"), base
    return 0.1


def make_input(shape: list[int], seed: int = 0) -> Tensor:
    return torch.from_numpy(generator(seed).uniform(-1, 1, shape).astype(np.float32))


def reference_arrays(description: dict, empty: bool = False) -> dict[str, np.ndarray]:
    """All parameters of the reference under its names, as a published weights file holds them.

    Those that are listed a second time ("alias") or that the net computes itself are not for loading: zeros. empty: so are
    all others, where values do not count.
    """
    return {
        name: np.zeros(shape, np.float32) if empty or kind in ("alias", "computed") else fill(name, shape, kind)
        for name, shape, kind in description["params"]
    }


def filled_net(name: str, net: nn.Module) -> nn.Module:
    """`net` in eval mode with the golden parameters, loaded through the table that published weights go through."""
    load_tensors(net, ours_from_reference(net, reference_arrays(golden(name)[0])))
    return net.eval()


def targets_of(description: dict, arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """The training targets that the golden figures were made with."""
    shapes = {output["name"]: output["shape"] for output in description["outputs"]}
    return {ours: torch.from_numpy(arrays[name].reshape(shapes[name])) for name, ours in TARGETS.items() if name in arrays}


def nrtr_greedy(decoder: NRTRHead, memory: Tensor, steps: int = 25) -> tuple[Tensor, Tensor]:
    """The reference's greedy decoding: ids (N, L) int64 and their probabilities (N, L), start token first.

    Stops when every line of the batch has ended, or at `steps` tokens.
    """
    ids = torch.full((len(memory), 1), NRTR_START, dtype=torch.int64)
    probabilities = torch.ones(ids.shape)
    for _ in range(1, steps):
        best = torch.softmax(decoder.decode(memory, ids)[:, -1], -1).max(-1)
        ids = torch.cat([ids, best.indices[:, None]], 1)
        probabilities = torch.cat([probabilities, best.values[:, None]], 1)
        if bool((best.indices == NRTR_END).all()):
            break
    return ids, probabilities


class Tap:
    """Keeps what the first call of a module gives (or, with `inputs`, gets)."""

    def __init__(self, module: nn.Module, inputs: bool = False) -> None:
        self.value = None
        self.inputs = inputs
        self.handle = module.register_forward_hook(self)

    def __call__(self, module: nn.Module, inputs: tuple, output) -> None:
        if self.value is None:
            self.value = inputs[0] if self.inputs else output
            self.handle.remove()


def part(net: nn.Module, reference: str) -> nn.Module:
    """Our module that stands for the reference's layer of that name."""
    return net.get_submodule(from_paddle_name(f"{reference}.any").removesuffix(".any"))


def place_taps(net: nn.Module, names: list[str]) -> dict[str, Tap]:
    """Taps for the golden outputs that are the result of one module."""
    at = {"ctc_neck": "head.ctc_encoder", "nrtr_memory": "head.before_gtc", "sar_holistic": "head.sar_head.encoder"}
    taps = {}
    for name in names:
        if name.startswith("tap:"):
            taps[name] = Tap(part(net, name.removeprefix("tap:")))
        elif name == "head_feature":
            taps[name] = Tap(net.get_submodule("head.binarize.conv3"), inputs=True)
        elif name in at:
            taps[name] = Tap(net.get_submodule(at[name]))
        elif name == "pvam_feature":
            taps[name] = Tap(net.head.pvam)
        elif name in ("transform", "backbone", "neck") or name.startswith(("conv1", "blocks")):
            taps[name] = Tap(part(net, name))
        elif name.startswith("backbone."):
            taps[name] = Tap(net.backbone)
    return taps


def tapped(name: str, value) -> Tensor:
    if name.startswith("backbone."):
        return value[int(name.removeprefix("backbone."))]
    return value[0] if isinstance(value, tuple) else value  # necks with auxiliary maps: the map itself comes first


def fused_product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (M, K) @ b (N, K, L) in float32, one rounding per multiply-add, from the first column to the last."""
    total = np.zeros((b.shape[0], a.shape[0], b.shape[2]), np.float32)
    for k in range(a.shape[1]):
        product = a[None, :, k, None].astype(np.float64) * b[:, None, k].astype(np.float64)
        total = (product + total).astype(np.float32)
    return total


def float32_grid(tps: TPS, points: np.ndarray, height: int, width: int) -> Tensor:
    """The sampling grid of `tps` with the float32 arithmetic that made the golden figures.

    The spline's sums cancel: float32 roundings move the sampling by up to 1e-5 of the image, and the golden input is
    noise, whose neighbouring pixels differ by as much as any. So goldens behind a TPS can be met to 1e-4 only with the
    same roundings; `test_tps_grid_rounding` bounds the distance of this grid from the one that the net computes.
    """
    located = points.reshape(-1, tps.points, 2)
    offset = fused_product(located.reshape(-1, 2 * tps.points), tps.offset.weight.numpy().T[None])[0]
    extra = (offset + tps.offset.bias.numpy()).reshape(-1, 3, 2)
    coefficients = fused_product(tps.inverse.numpy(), np.concatenate([located, extra], 1))
    grid = fused_product(tps.basis(height, width).float().numpy(), coefficients)
    return torch.from_numpy(grid.reshape(-1, height, width, 2))


@torch.no_grad()
def outputs_of(net: nn.Module, description: dict, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every golden output of `net`, by its golden name."""
    names = [output["name"] for output in description["outputs"] if not output["name"].startswith("in.")]
    x = make_input(description["input"]["shape"])
    taps = place_taps(net, names)
    if "transform" in names:
        points = arrays["tap:transform.loc_net"]
        net.transform.grid = lambda _, height, width: float32_grid(net.transform, points, height, width)
    result = net(x)
    # Parts that the eval path does not touch are reached by the training outputs.
    training = net.training_outputs(x, targets_of(description, arrays)) if hasattr(net, "training_outputs") else {}
    if "transform" in names:
        del net.transform.grid
    found = {name: tapped(name, tap.value) for name, tap in taps.items()}
    found |= {name: training[ours] for name in names if (ours := OUR_NAMES.get(name, name)) in training}
    if isinstance(result, tuple):
        found |= dict(zip(next(group for group in TUPLES if group[-1] in names), result, strict=True))
    else:
        found |= {name: result for name in ("maps", "ctc_probs", "softmax", "att_greedy_probs") if name in names}
    if "nrtr_greedy_ids" in names:
        memory = net.head.before_gtc(net.features(x))
        found["nrtr_greedy_ids"], found["nrtr_greedy_probs"] = nrtr_greedy(net.head.gtc_head, memory)
    if "decoded_out" in names:  # SRN, whose reference joins batch and positions
        found |= {"predict": result, "decoded_out": result.argmax(-1, keepdim=True)}
        found |= {name: found[name].flatten(0, 1) for name in ("predict", "decoded_out", "word_out", "gsrm_out")}
    if "sar_greedy_probs" in names:
        found["sar_greedy_probs"] = net.head.sar_head(net.features(x))
    for name in names:
        if name.startswith("aux_"):
            tower = net.head.get_submodule(name.replace("aux_shrink", "aux_binarize"))
            found[name] = tower(make_input([1, tower.conv1.in_channels, 12, 16], seed=7))
    missing = set(names) - found.keys()
    assert not missing, f"golden outputs that nothing computes: {sorted(missing)}"
    return {name: np.asarray(value) for name, value in found.items()}


def deviations(description: dict, arrays: dict[str, np.ndarray], outputs: dict[str, np.ndarray]) -> dict[str, float]:
    """Worst |ours - golden| / (std + |golden|) of every output, as a multiple of its tolerance: above 1 is a mismatch.

    Token ids have to be equal.
    """
    worst = {}
    for entry in description["outputs"]:
        name = entry["name"]
        if name.startswith("in."):
            continue
        assert list(outputs[name].shape) == entry["shape"], f"{name}: {outputs[name].shape}, golden {entry['shape']}"
        ours, theirs = outputs[name].reshape(-1)[:: entry["stride"]], arrays[name]
        assert np.isfinite(ours).all(), name
        if theirs.dtype.kind in "iu":
            worst[name] = 0.0 if np.array_equal(ours, theirs) else np.inf
            continue
        error = np.abs(ours.astype(np.float64) - theirs) / (max(entry["std"], 1e-30) + np.abs(theirs.astype(np.float64)))
        worst[name] = float(error.max() / max(TOLERANCE, entry.get("tol", 0.0)))
    return worst
