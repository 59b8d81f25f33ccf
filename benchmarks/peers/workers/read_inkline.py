"""Inkline, as `Ocr()` reads a page; its models come from the cache."""

from typing import Any

from answer import Reader, serve


def open_reader(options: dict[str, Any]) -> Reader:
    from inkline import Ocr

    ocr = Ocr(cpu_threads=options["threads"], **options["keywords"])

    def read(image: str) -> Any:
        lines = ocr(image).lines
        return [line.quad for line in lines], [line.text for line in lines]

    return read


serve(open_reader)
