"""faster-paddle with the PP-OCRv6 weights in its own package, of the size that the options name."""

from pathlib import Path
from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    from faster_paddle import OcrEngine

    engine = OcrEngine(model_size=options["size"], threads=options["threads"])

    def read(image: str) -> Any:
        lines = list(engine.ocr(Path(image).read_bytes())["bounds"].values())
        corners = [(*line["topLeftCoord"], *line["bottomRightCoord"]) for line in lines]
        return [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for x0, y0, x1, y1 in corners], [line["text"] for line in lines]

    return read


serve(open_reader)
