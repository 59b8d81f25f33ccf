"""The service on a real Ray cluster: replicas, batches, health, and a replica that dies."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inkline.errors import EngineError
from inkline.options import ServeOptions
from inkline.service.server import deploy_on_ray

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_two_replicas_answer_also_after_one_was_killed(fixtures, ocr):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, str(ROOT / "tests/service/ray_service.py"), str(fixtures / "receipt.png")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"health"')]
    assert lines, done.stdout[-3000:] + done.stderr[-3000:]
    seen = json.loads(lines[-1])
    expected = ocr(fixtures / "receipt.png").to_dict()["rec_texts"]
    assert seen["health"] == "Healthy"
    assert seen["first"] == [200] * 4 and seen["text"] == expected
    good, bad, other = seen["batch"]
    assert [page["rec_texts"] for page in good["pages"] + other["pages"]] == [expected] * 2
    assert good["pages"][0]["input_path"] is None and "neither an image nor a PDF" in bad["error"]
    assert seen["after"] == [200] * 4 and seen["replaced"]


def test_a_slow_start_of_ray_is_waited_for(monkeypatch):
    serve = pytest.importorskip("ray.serve")
    started, ran = [], []

    def slow_start(**options):
        started.append(options)
        if len(started) < 3:
            raise TimeoutError("HTTP proxies not available after 60s.")

    monkeypatch.setattr(serve, "start", slow_start)
    monkeypatch.setattr(serve, "run", lambda *_, **__: ran.append(1))
    deploy_on_ray(None, ServeOptions())
    assert (len(started), len(ran)) == (3, 1)
    started[:] = []
    monkeypatch.setattr("inkline.service.server.MAX_START_ATTEMPTS", 2)
    with pytest.raises(EngineError, match="did not start in time"):
        deploy_on_ray(None, ServeOptions())
