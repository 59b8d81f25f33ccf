"""The name that OCRmyPDF users give, `--plugin inkline.ocrmypdf_plugin`; the plug-in is `inkline.integrations.ocrmypdf`."""

from inkline.integrations.ocrmypdf import (  # noqa: F401  the hooks OCRmyPDF looks for
    add_options,
    check_options,
    get_ocr_engine,
    initialize,
    register_options,
    validate,
)
