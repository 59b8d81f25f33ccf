"""RapidOCR 5 (rapidocr-ng or RapidOCRLite), an engine of its own in C++, with the given weights, lines taken as upright."""

from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    from rapidocr import RapidOCR

    weights = options["weights"]
    ocr = RapidOCR(
        params={
            "Global.log_level": "error",
            "Global.use_cls": False,
            "Det.model_path": weights["det"]["file"],
            "Rec.model_path": weights["rec"]["file"],
            "Rec.rec_keys_path": weights["rec"]["characters"],
        }
    )

    def read(image: str) -> Any:
        result = ocr(image)
        return ([], []) if result.boxes is None else (result.boxes, result.txts)

    return read


serve(open_reader)
