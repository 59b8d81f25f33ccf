"""What a request's thread does: read the pages, make the parts of the answer."""

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from inkline.options import ServeOptions
from inkline.pipeline import Ocr
from inkline.service.fields import Asked
from inkline.service.jobs import Work
from inkline.service.metrics import Metrics
from inkline.service.reading import Given, given_file, read_pages, straight_pages
from inkline.service.replies import data_info, dump, ocr_result, pictures_of, preprocessing_result, success
from inkline.types import Page

Pages = Callable[[Given, threading.Event], Generator[Page, None, None]]


def ocr_work(ocr: Ocr, asked: Asked, options: ServeOptions, metrics: Metrics) -> Work:
    """`POST /ocr`."""

    def pages(file: Given, stop: threading.Event) -> Generator[Page, None, None]:
        return read_pages(ocr, file, asked, stop)

    def result(page: Page) -> dict[str, Any]:
        metrics.pages.inc()
        metrics.lines.inc(len(page.lines))
        show = options.visualize if asked.visualize is None else asked.visualize
        pictures = pictures_of(page, asked.contract, options.max_output_side) if show else {}
        return ocr_result(page, asked.contract, pictures)

    return _work("ocrResults", pages, result, asked, options)


def preprocessing_work(ocr: Ocr, asked: Asked, options: ServeOptions) -> Work:
    """`POST /document-preprocessing`."""

    def pages(file: Given, stop: threading.Event) -> Generator[Page, None, None]:
        return straight_pages(ocr, file, asked, stop)

    def result(page: Page) -> dict[str, Any]:
        show = options.visualize if asked.visualize is None else asked.visualize
        return preprocessing_result(page, show, options.max_output_side)

    return _work("docPreprocessingResults", pages, result, asked, options)


def _work(
    key: str, pages: Pages, result: Callable[[Page], dict[str, Any]], asked: Asked, options: ServeOptions
) -> Work:
    """One part with everything, or with `stream` a line for each page and one with what holds for all of them."""

    def parts(stop: threading.Event) -> Generator[bytes, None, None]:
        file = given_file(asked, options)
        sizes, results, warnings = [], [], []
        if file.read < file.pages:
            warnings.append(f"only the first {file.read} of {file.pages} pages were read (max_pages)")
        with closing(pages(file, stop)) as made:
            for page in made:
                sizes.append(page.size)
                warnings += [f"page {len(sizes)}: {warning}" for warning in page.warnings]
                one = result(page)
                if not asked.stream:
                    results.append(one)
                    continue
                info = {"width": page.size[0], "height": page.size[1], "type": "image"}
                line = {key: [one], "dataInfo": info, "pageIndex": page.page_index or 0, "numPages": file.read}
                yield dump(success(asked.log_id, line)) + b"\n"
        whole = {key: results, "dataInfo": data_info(file, sizes), **({"warnings": warnings} if warnings else {})}
        yield dump(success(asked.log_id, whole)) + (b"\n" if asked.stream else b"")

    return parts
