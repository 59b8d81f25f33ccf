"""What an install brings: allowed licences, a bill of materials, and a wheel that is the same whenever it is built."""

import hashlib
import json
import shutil
import subprocess
import sys
from email.message import Message
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.audit import bill_of_materials, licence, needed, refused
from inkline.registry.card import WheelFile, all_cards

ROOT = Path(__file__).parents[1]


def package(**headers):
    """Stands in for an installed package with this metadata."""
    about = Message()
    for name, value in headers.items():
        about[name.replace("_", "-")] = value
    return SimpleNamespace(metadata=about, version="1.0")


def test_every_package_has_an_allowed_licence():
    packages = needed()
    assert {"inkline", "numpy", "onnxruntime", "fastapi", "torch", "starlette"} <= set(packages)
    assert list(refused(packages)) == []


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"License_Expression": "MIT"}, True),
        ({"License": "Apache 2.0\n\nthe whole text"}, True),
        ({"Classifier": "License :: OSI Approved :: GNU Lesser General Public License v3 (LGPLv3)"}, True),
        ({"License_Expression": "AGPL-3.0-only"}, False),
        ({"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"}, False),
        ({"License": "GPLv3"}, False),
        ({}, False),
    ],
)
def test_licences_that_are_refused(headers, allowed):
    made = package(**headers)
    assert (not list(refused({"made-up": made}))) == allowed
    assert "\n" not in licence(made)


def test_the_bill_of_materials_names_packages_and_models():
    bill = json.loads(json.dumps(bill_of_materials(needed())))
    assert bill["bomFormat"] == "CycloneDX" and bill["specVersion"] == "1.6"
    names = {entry["name"] for entry in bill["components"]}
    assert {"inkline", "pillow", "PP-OCRv6_small_rec"} <= names
    digests = [entry["hashes"][0]["content"] for entry in bill["components"] if "hashes" in entry]
    assert digests and all(len(digest) == 64 for digest in digests)


def test_every_wheel_that_holds_a_model_has_its_sha256():
    sources = [source for card in all_cards().values() for source in card.sources if isinstance(source, WheelFile)]
    assert sources and all(len(source.sha256) == 64 for source in sources)


@pytest.mark.slow
def test_two_builds_of_the_wheel_are_equal(tmp_path):
    digests = []
    for name in ("a", "b"):
        copy = tmp_path / name
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv*", "site", "runs", "*_cache", "__pycache__"))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(copy / "out")]
        subprocess.run(command, cwd=copy, check=True, capture_output=True, timeout=120)
        (wheel,) = (copy / "out").glob("*.whl")
        digests.append(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert digests[0] == digests[1]
