"""OnnxTR (docTR's models on ONNX Runtime) with its own weights."""

from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    import onnxruntime
    from onnxtr.io import DocumentFile
    from onnxtr.models import EngineConfig, ocr_predictor

    session = onnxruntime.SessionOptions()
    session.intra_op_num_threads = options["threads"]
    config = EngineConfig(session_options=session)
    predictor = ocr_predictor(det_engine_cfg=config, reco_engine_cfg=config, clf_engine_cfg=config)

    def read(image: str) -> Any:
        page = predictor(DocumentFile.from_images(image)).pages[0]
        height, width = page.dimensions
        polygons, texts = [], []
        for line in (line for block in page.blocks for line in block.lines):
            (left, top), (right, bottom) = line.geometry
            corners = ((left, top), (right, top), (right, bottom), (left, bottom))
            polygons.append([(x * width, y * height) for x, y in corners])
            texts.append(" ".join(word.value for word in line.words))
        return polygons, texts

    return read


serve(open_reader)
