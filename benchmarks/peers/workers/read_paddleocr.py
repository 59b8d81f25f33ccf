"""PaddleOCR 3.x with local weights. Its orientation and unwarping stages are off: their models are not among them."""

from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    from paddleocr import PaddleOCR

    det, rec = options["weights"]["det"], options["weights"]["rec"]
    ocr = PaddleOCR(
        text_detection_model_name=det["name"],
        text_detection_model_dir=det["folder"],
        text_recognition_model_name=rec["name"],
        text_recognition_model_dir=rec["folder"],
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        engine=options["engine"],
        engine_config={options["threads_key"]: options["threads"], **options.get("engine_config", {})},
        **options.get("keywords", {}),
    )

    def read(image: str) -> Any:
        (result,) = ocr.predict(image)
        return result["rec_polys"], result["rec_texts"]

    return read


serve(open_reader)
