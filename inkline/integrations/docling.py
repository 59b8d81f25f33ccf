"""Docling with Inkline as its OCR engine (extra `docling`): a plug-in that docling finds by its entry point.

>>> options = PdfPipelineOptions(do_ocr=True, allow_external_plugins=True, ocr_options=InklineOcrOptions())
>>> DocumentConverter(format_options={InputFormat.PDF: PdfFormatOption(pipeline_options=options)}).convert("scan.pdf")

On the command line: `docling --allow-external-plugins --ocr-engine inkline scan.pdf`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from docling.datamodel.accelerator_options import AcceleratorOptions
from docling.datamodel.base_models import Page
from docling.datamodel.document import ConversionResult
from docling.datamodel.pipeline_options import OcrOptions
from docling.exceptions import OcrLanguageNotSupportedError
from docling.models.base_ocr_model import BaseOcrModel
from docling.utils.ocr_language import OcrLanguage, OcrLanguageSupport
from docling.utils.profiling import TimeRecorder
from docling_core.types.doc import BoundingBox, CoordOrigin
from docling_core.types.doc.page import BoundingRectangle, TextCell

from inkline.errors import UsageError
from inkline.languages import LANGUAGES, canonical, is_read
from inkline.pipeline import Ocr
from inkline.types import Line


class InklineOcrOptions(OcrOptions):
    """lang: codes of `inkline languages`, or docling's `iso:` tags; none: each line in its script.

    options: any of `inkline.Ocr`, for instance {"text_det_thresh": 0.2}.
    """

    kind: ClassVar[str] = "inkline"
    lang: list[str] = []  # noqa: RUF012  pydantic copies it
    options: dict[str, Any] = {}  # noqa: RUF012


class InklineOcrModel(BaseOcrModel):
    """Reads the regions of a page that docling wants read; one `Ocr` for all pages and threads."""

    multiple_languages: ClassVar[bool] = True

    def __init__(
        self,
        enabled: bool,
        artifacts_path: Path | None,
        options: InklineOcrOptions,
        accelerator_options: AcceleratorOptions,
    ) -> None:
        super().__init__(
            enabled=enabled, artifacts_path=artifacts_path, options=options, accelerator_options=accelerator_options
        )
        self.options: InklineOcrOptions
        if enabled:
            given = {"cpu_threads": accelerator_options.num_threads}
            if codes := self.resolve_ocr_languages():
                given["lang"] = codes
            self._ocr = Ocr(**given | options.options)

    def supported_ocr_languages(self) -> OcrLanguageSupport:
        return OcrLanguageSupport(native=sorted(code for code in LANGUAGES if is_read(code)))

    def map_ocr_language(self, language: OcrLanguage) -> str:
        """Inkline's code for docling's tag or for a code of ours."""
        name = language.native if language.is_passthrough() else language.bcp47()
        try:
            return canonical(str(name))
        except UsageError as error:
            supported = self.supported_ocr_languages()
            raise OcrLanguageNotSupportedError("Inkline", str(name), supported=supported, detail=str(error)) from error

    def __call__(self, conv_res: ConversionResult, page_batch: Iterable[Page]) -> Iterable[Page]:
        for page in page_batch:
            backend = page._backend
            if self.enabled and backend is not None and backend.is_valid():
                with TimeRecorder(conv_res, "ocr"):
                    regions = [region for region in self.get_ocr_rects(page) if region.area() > 0]
                    cells = [cell for region in regions for cell in self._cells(backend, region)]
                    self.post_process_cells(cells, page, conv_res)
            yield page

    def _cells(self, backend: Any, region: BoundingBox) -> list[TextCell]:
        """The lines of a region (in points, from the page's top left) as docling's cells."""
        scale = self.options.scale
        image = np.asarray(backend.get_page_image(scale=scale, cropbox=region).convert("RGB"))[:, :, ::-1]
        return [_cell(i, line, region, scale) for i, line in enumerate(self._ocr(image).read_lines)]

    @classmethod
    def get_options_type(cls) -> type[OcrOptions]:
        return InklineOcrOptions


def _cell(index: int, line: Line, region: BoundingBox, scale: float) -> TextCell:
    x0, y0, x1, y1 = (value / scale for value in line.box)
    box = (x0 + region.l, y0 + region.t, x1 + region.l, y1 + region.t)
    rect = BoundingRectangle.from_bounding_box(BoundingBox.from_tuple(coord=box, origin=CoordOrigin.TOPLEFT))
    return TextCell(index=index, text=line.text, orig=line.text, confidence=line.score, from_ocr=True, rect=rect)


def ocr_engines() -> dict[str, list[type[BaseOcrModel]]]:
    """What docling's plug-in interface asks for."""
    return {"ocr_engines": [InklineOcrModel]}
