"""Sources for runs."""

import pytest
from batch_pages import draw_pdf, draw_tiff, drawn


@pytest.fixture
def scans(tmp_path):
    """A folder with images in two folders, of which two differ by their ending alone, a TIFF and a PDF."""
    folder = tmp_path / "scans"
    (folder / "inner").mkdir(parents=True)
    for i, name in enumerate(("a.png", "b.jpg", "inner/a.png", "inner/a.bmp")):
        drawn(i).save(folder / name)
    draw_tiff(folder / "three.tif", 3)
    draw_pdf(folder / "four.pdf", 4)
    return folder
