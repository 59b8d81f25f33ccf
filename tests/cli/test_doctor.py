"""`inkline doctor` and `inkline bench`."""

import json

import pytest
from click.testing import CliRunner

from inkline.cli import inkline


def test_doctor_names_engines_models_and_advice(tmp_path, monkeypatch):
    findings = {f["topic"]: f for f in json.loads(CliRunner().invoke(inkline, ["doctor", "--json"]).output)}
    assert "CPU" in findings["engine onnxruntime"]["state"]
    assert "threads" in findings["reading with"]["state"] and "granted" in findings["processors"]["state"]
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    monkeypatch.setattr("inkline.cli.doctor.find_spec", lambda name: None)
    monkeypatch.setattr("inkline.runtime.instructions", lambda: frozenset({"avx2", "avx512f"}))
    text = CliRunner().invoke(inkline, ["doctor"]).output
    assert "-> may read faster on this processor" in text and "inkline models pull PP-OCRv6_small_det" in text


@pytest.mark.slow
def test_bench_times_every_stage():
    done = CliRunner().invoke(inkline, ["bench", "tests/fixtures/receipt.png", "--rounds", "1", "--engine", "onnxruntime"])
    assert done.exit_code == 0, done.output
    for stage in ("decode", "detector", "lines cut", "recognisers", "beside the nets", "one by one", "as a stream", "pages/s"):
        assert stage in done.output
