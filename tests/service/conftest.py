"""Services that the tests of this folder share."""

import pytest
from serving import HeldOcr, running


@pytest.fixture(scope="session")
def served(ocr):
    """The real pipeline behind HTTP, with small limits."""
    with running(ocr, max_body_bytes=4 << 20, max_image_pixels=4_000_000) as service:
        yield service


@pytest.fixture
def held():
    ocr = HeldOcr()
    yield ocr
    ocr.go.set()
