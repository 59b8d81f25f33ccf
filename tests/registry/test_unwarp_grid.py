"""A published unwarping net answers with its grid as well, without the onnx package."""

from pathlib import Path

import numpy as np
import pytest
from unwarp_net import curl, write_unwarp_net

from inkline.errors import ModelError
from inkline.options import EngineOptions
from inkline.orientation.unwarper import Unwarper
from inkline.registry.inspect import resolve_model
from inkline.registry.onnx_file import grid_tensor, read_onnx_header, with_grid_output
from inkline.registry.settings import Settings
from inkline.runtime import open_engine
from inkline.types import Image, Transform

ENGINE = EngineOptions(engine="onnxruntime", cpu_threads=1)


@pytest.fixture
def page() -> Image:
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (300, 200, 3)).astype(np.uint8)


def test_the_grid_becomes_an_output(tmp_path: Path, page: Image) -> None:
    net = write_unwarp_net(tmp_path / "inference.onnx", curl(0.05))
    assert grid_tensor(net) == "points"
    assert list(read_onnx_header(net).outputs) == ["flat"]
    edited = with_grid_output(net, Settings(tmp_path / "cache"))
    assert list(read_onnx_header(edited).outputs) == ["flat", "points"]
    assert with_grid_output(net, Settings(tmp_path / "cache")) == edited
    unwarp = Unwarper(open_engine(edited, ENGINE), {})
    np.testing.assert_allclose(unwarp.grid(page), curl(0.05), atol=1e-6)


def test_the_grid_is_the_one_the_net_samples_by(tmp_path: Path, page: Image) -> None:
    net = write_unwarp_net(tmp_path / "inference.onnx", curl(0.05))
    x = np.ascontiguousarray(page.transpose(2, 0, 1)[None]).astype(np.float32)
    theirs = open_engine(net, ENGINE)(x)[0][0].transpose(1, 2, 0)
    ours, grid = Unwarper(open_engine(with_grid_output(net, Settings(tmp_path / "cache")), ENGINE), {})(page)
    assert np.abs(theirs - ours)[5:-5, 5:-5].mean() < 1.5  # remap works in steps of 1/32 px
    # and the way back: a straight pixel's colour is that of its source place
    transform = Transform((200, 300), grid=grid)
    straight = np.array([[60.5, 80.5], [120.5, 200.5]], np.float32)
    source = transform.to_source(straight) - 0.5
    for (x0, y0), (u, v) in zip(straight - 0.5, source, strict=True):
        low = np.floor([v, u]).astype(int)
        patch = page[low[0] : low[0] + 2, low[1] : low[1] + 2].astype(float)
        fv, fu = v - low[0], u - low[1]
        mixed = (patch[0, 0] * (1 - fu) + patch[0, 1] * fu) * (1 - fv) + (patch[1, 0] * (1 - fu) + patch[1, 1] * fu) * fv
        assert np.abs(ours[int(y0), int(x0)] - mixed).max() < 8


def test_a_net_that_gives_its_grid_stays(tmp_path: Path) -> None:
    net = write_unwarp_net(tmp_path / "own.onnx", curl(0.05), sample=False)
    assert with_grid_output(net, Settings(tmp_path / "cache")) == net


def test_a_folder_of_a_published_net(tmp_path: Path, page: Image) -> None:
    folder = tmp_path / "UVDoc"
    folder.mkdir()
    write_unwarp_net(folder / "inference.onnx", curl(0.02))
    (folder / "inference.yml").write_text("Global:\n  model_name: UVDoc\n", encoding="utf-8")
    model = resolve_model("UVDoc", folder, Settings(tmp_path / "cache"), "doc_unwarping")
    assert Unwarper(open_engine(model.path, ENGINE), model.metadata).grid(page).shape == (45, 31, 2)


def test_no_grid_at_all(tmp_path: Path) -> None:
    net = write_unwarp_net(tmp_path / "x.onnx", curl(0.02), sample=False, give="mean")
    with pytest.raises(ModelError, match="no GridSample node"):
        with_grid_output(net, Settings(tmp_path / "cache"))
