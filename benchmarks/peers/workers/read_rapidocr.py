"""RapidOCR 3.x with the given weights; its line classifier, on by default, is the one in its own package."""

from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    from rapidocr import EngineType, RapidOCR

    engine, weights = EngineType(options["engine"]), options["weights"]
    ocr = RapidOCR(
        params={
            "Global.log_level": "error",
            **{f"{stage}.engine_type": engine for stage in ("Det", "Cls", "Rec")},
            f"EngineConfig.{options['engine']}.{options['threads_key']}": options["threads"],
            "Det.model_path": weights["det"]["file"],
            "Rec.model_path": weights["rec"]["file"],
        }
    )

    def read(image: str) -> Any:
        result = ocr(image)
        return ([], []) if result.boxes is None else (result.boxes, result.txts)

    return read


serve(open_reader)
