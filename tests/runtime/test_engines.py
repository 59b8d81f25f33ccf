"""Every engine gives the same answers: one conformance test over ENGINES."""

import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from inkline.errors import EngineError, ModelError
from inkline.options import EngineOptions
from inkline.registry import resolve
from inkline.runtime import ENGINES, choose_engine, not_opened, open_engine

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = [name for name, (_, distribution, _) in ENGINES.items() if find_spec(distribution)]
INPUTS = {
    "PP-OCRv6_small_det": (1, 3, 96, 160),
    "PP-OCRv6_small_rec": (2, 3, 48, 128),
    "ch_ppocr_mobile_v2.0_cls": (2, 3, 48, 192),
    "hebrew_PP-OCRv6_small_rec": (2, 3, 48, 128),  # weights in one byte
}


def opened(name, model, streams=1):
    return open_engine(resolve(model).path, EngineOptions(engine=name, cpu_threads=2), streams)


def test_all_engines_are_tested_where_the_test_extras_are():
    assert list(ENGINES) == INSTALLED, "the test extras install every engine"


@pytest.mark.parametrize("model", INPUTS)
@pytest.mark.parametrize("name", ENGINES)
def test_same_answers_within_a_thousandth(name, model):
    x = np.random.default_rng(0).uniform(-1, 1, INPUTS[model]).astype(np.float32)
    expected = opened("onnxruntime", model)(x)
    got = opened(name, model, streams=2)(x)
    assert len(got) == len(expected)
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == b.dtype == np.float32
        np.testing.assert_allclose(a, b, atol=1e-3)


@pytest.mark.parametrize("name", ENGINES)
def test_a_net_in_half_precision_takes_and_gives_float32(name, tmp_path):
    from onnx import TensorProto, helper, save

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT16, [1, 3, "H", "W"]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "half", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "half.onnx")
    given = np.linspace(-1, 1, 48, dtype=np.float32).reshape(1, 3, 4, 4)
    (found,) = open_engine(tmp_path / "half.onnx", EngineOptions(engine=name, cpu_threads=1))(given)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.maximum(given.astype(np.float16), 0).astype(np.float32))


@pytest.mark.parametrize("name", ENGINES)
def test_metadata_of_the_file_is_there(name):
    metadata = opened(name, "PP-OCRv6_small_rec").metadata
    assert len(metadata["character"].splitlines()) == 18708


@pytest.mark.parametrize("name", ENGINES)
def test_any_thread_may_call(name):
    engine = opened(name, "PP-OCRv6_small_rec", streams=2)
    inputs = [np.random.default_rng(i).uniform(-1, 1, (1, 3, 48, 32 * (1 + i % 4))).astype(np.float32) for i in range(8)]
    expected = [engine(x)[0] for x in inputs]
    wrong = []

    def call(i):
        if not np.array_equal(engine(inputs[i % 8])[0], expected[i % 8]):
            wrong.append(i)

    threads = [threading.Thread(target=call, args=(i,)) for i in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


SIGNAL_AFTER_CLOSING = """
import gc, os, signal, sys
from pathlib import Path
from inkline.runtime import open_engine
from inkline.options import EngineOptions
options = EngineOptions(engine=sys.argv[1], cpu_threads=1)
opened = [open_engine(Path(sys.argv[2]), options) for _ in range(3)]
while opened:  # the oldest first
    opened.pop(0)
    gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("told"))
os.kill(os.getpid(), signal.SIGINT)
"""


@pytest.mark.parametrize("name", ENGINES)
def test_a_signal_after_models_were_closed_is_no_crash(name):
    model = resolve("ch_ppocr_mobile_v2.0_cls").path
    command = [sys.executable, "-c", SIGNAL_AFTER_CLOSING, name, str(model)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


@pytest.mark.parametrize("name", ENGINES)
def test_damaged_files_and_missing_devices_are_errors(name, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"broken\.onnx"):
        open_engine(broken, EngineOptions(engine=name))
    with pytest.raises(EngineError, match="gpu:0"):
        open_engine(resolve("ch_ppocr_mobile_v2.0_cls").path, EngineOptions(engine=name, device="gpu:0"))


@pytest.mark.parametrize("name", ENGINES)
def test_an_input_that_a_net_does_not_take_is_an_error_of_one_line(name, capfd):
    with pytest.raises(EngineError, match="could not be run on an input of 1 x 3 x 32 x 320") as error:
        opened(name, "PP-OCRv6_small_rec")(np.zeros((1, 3, 32, 320), np.float32))
    assert "\n" not in str(error.value) and capfd.readouterr() == ("", "")


def test_an_engine_that_is_not_installed_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setitem(ENGINES, "openvino", ("inkline.runtime.openvino", "no_such_distribution", "pip install x"))
    with pytest.raises(EngineError, match="pip install x"):
        open_engine(tmp_path / "x.onnx", EngineOptions(engine="openvino"))


@pytest.mark.parametrize(
    ("has", "device", "chosen"),
    [
        ({"avx2", "avx512f"}, "cpu", "openvino"),
        ({"asimddp"}, "cpu", "openvino"),
        (set(), "cpu", "openvino"),
        ({"avx2"}, "cpu", "onnxruntime"),
        ({"avx2", "avx512f"}, "gpu:0", "onnxruntime"),
    ],
)
def test_auto_takes_openvino_where_it_is_faster(has, device, chosen, monkeypatch):
    monkeypatch.setattr("inkline.runtime.instructions", lambda: frozenset(has))
    monkeypatch.setattr("inkline.runtime.find_spec", lambda name: object())
    assert choose_engine(EngineOptions(device=device)) == chosen
    monkeypatch.setattr("inkline.runtime.find_spec", lambda name: None)
    assert choose_engine(EngineOptions(device=device)) == "onnxruntime"


GREEDY = """
import numpy as np
from benchmarks.memory import resident
from inkline.runtime import open_engine
from inkline.options import EngineOptions
from inkline.registry import resolve

engine = open_engine(resolve("PP-OCRv6_small_det").path, EngineOptions(engine="onnxruntime", cpu_threads=1))
engine(np.zeros((1, 3, 1280, 1280), np.float32))
most = resident()
for _ in range(16):
    engine(np.zeros((1, 3, 64, 64), np.float32))
print(most - resident())
"""


def test_memory_of_large_inputs_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", GREEDY], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(done.stdout) > 100, done.stdout


FIRST_ASKED_AT_ONCE = """
import faulthandler, os, sys, threading
faulthandler.dump_traceback_later(60, exit=True)
import inkline.runtime.openvino
from openvino import Type
sys.setswitchinterval(1e-7)
together = threading.Barrier(32)
def ask(): together.wait(); Type.f32.to_dtype()
def spin():
    while True: sum(range(100))
for _ in range(3): threading.Thread(target=spin, daemon=True).start()
threads = [threading.Thread(target=ask, daemon=True) for _ in range(32)]
for thread in threads: thread.start()
for thread in threads: thread.join()
os._exit(0)
"""


@pytest.mark.slow
def test_threads_that_are_first_at_openvino_at_once_do_not_wait_for_each_other_for_ever():
    """Without what the module does when it is imported, two of five of these processes hung."""
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", FIRST_ASKED_AT_ONCE], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr


def test_openvino_reports_nothing_to_its_makers() -> None:
    program = """
import sys, threading
import inkline.runtime.openvino
assert "openvino_telemetry" not in sys.modules and threading.active_count() == 1, threading.enumerate()
import openvino_telemetry  # which others may use
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_a_fork_waits_for_the_calls_that_run_and_holds_off_further_ones() -> None:
    from inkline.runtime.openvino import Forks

    forks, ended, entered, second = Forks(), threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        with forks.held_off():
            entered.set()
            threading.Event().wait(0.05)
            ended.set()

    def further() -> None:
        with forks.held_off():
            second.set()

    threads = [threading.Thread(target=call), threading.Thread(target=further)]
    threads[0].start()
    entered.wait()
    forks.before()  # what a fork does first, and
    assert ended.is_set()
    threads[1].start()
    assert not second.wait(0.05)
    forks.after()  # at its end
    assert second.wait(10)
    for thread in threads:
        thread.join()
    forks.after()  # of a fork that had begun before
    with forks.held_off():
        pass


def test_no_memory_is_not_blamed_on_the_file() -> None:
    file = Path("a.onnx")
    assert type(not_opened(file, "OpenVINO", RuntimeError("Exception from x:\nstd::bad_alloc"))) is EngineError
    assert type(not_opened(file, "OpenVINO", RuntimeError("Model can't be parsed"))) is ModelError
