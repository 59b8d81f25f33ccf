"""Docling's plug-in interface: the engine it makes by name, and the cells it gets for a page."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

pytest.importorskip("docling.models.base_ocr_model")

from docling.datamodel.accelerator_options import AcceleratorOptions
from docling.datamodel.base_models import ConfidenceReport, Page
from docling.datamodel.pipeline_options import OcrMode
from docling.exceptions import OcrLanguageNotSupportedError
from docling.models.factories.ocr_factory import OcrFactory
from docling_core.types.doc import Size

from inkline.integrations import docling

SCALE = 2.0


def engine(**options: object) -> docling.InklineOcrModel:
    """The engine as docling's factory makes it from the options' kind."""
    factory = OcrFactory("test")
    for model in docling.ocr_engines()["ocr_engines"]:
        factory.register(model, "inkline", "inkline.integrations.docling")
    chosen = docling.InklineOcrOptions(mode=OcrMode.FULL_PAGE, scale=SCALE, **options)
    return factory.create_instance(
        options=chosen, enabled=True, artifacts_path=None, accelerator_options=AcceleratorOptions(num_threads=1)
    )


def test_a_page_gets_cells_in_its_points(fixtures: Path) -> None:
    image = Image.open(fixtures / "receipt.png").convert("RGB")
    backend = SimpleNamespace(is_valid=lambda: True, get_page_image=lambda scale, cropbox: image)
    page = Page(page_no=1, size=Size(width=image.width / SCALE, height=image.height / SCALE))
    page._backend = backend
    conversion = SimpleNamespace(timings={}, confidence=ConfidenceReport())
    (read,) = engine()(conversion, [page])
    assert conversion.confidence.pages[1].ocr_score > 0.9
    cells = read.parsed_page.textline_cells
    assert len(cells) == 18 and cells[0].text == "CORNER BAKERY" and cells[0].from_ocr and cells[0].confidence > 0.9
    box = cells[0].rect.to_bounding_box()
    assert 40 < box.l < 52 and 18 < box.t < 25 and 145 < box.r < 160 and 30 < box.b < 40


def test_languages_are_docling_s_tags_or_our_codes() -> None:
    made = engine(lang=["iso:de-DE", "fr"])
    assert made._ocr.options.lang == "de+fr"
    with pytest.raises(OcrLanguageNotSupportedError):
        engine(lang=["iso:tlh"])
