"""Parquet: one row a line of text, with its place, score and words (extra `parquet`)."""

import io
from typing import Any

from inkline.errors import OutputError
from inkline.types import Document, Floats

SUFFIX = ".parquet"


def render(document: Document) -> bytes:
    """A table of the columns that `schema` names; OutputError when pyarrow is not installed."""
    try:
        import pyarrow.parquet as pq
        from pyarrow import Table
    except ImportError as error:
        raise OutputError("Parquet needs pyarrow: install it with `pip install inkline[parquet]`") from error
    out = io.BytesIO()
    pq.write_table(Table.from_pylist(list(rows(document)), schema=schema()), out, compression="zstd")
    return out.getvalue()


def schema() -> Any:
    """The columns: `page` counts from 0, `quad` is x1 y1 ... x4 y4 in source pixels, clockwise from its top left."""
    import pyarrow as pa

    quad = pa.list_(pa.float32(), 8)
    word = pa.struct([("text", pa.string()), ("score", pa.float32()), ("quad", quad)])
    return pa.schema(
        [
            ("document", pa.string()),
            ("page", pa.int32()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("line", pa.int32()),
            ("paragraph", pa.int32()),
            ("text", pa.string()),
            ("score", pa.float32()),
            ("det_score", pa.float32()),
            ("quad", quad),
            ("words", pa.list_(word)),
        ]
    )


def rows(document: Document) -> list[dict[str, Any]]:
    """The lines as plain values; lone surrogates, which no Arrow string can hold, become the replacement character."""
    out = []
    for number, page in enumerate(document.pages):
        source = page.source if page.source is not None else document.source
        for i, line in enumerate(page.lines):
            words = [{"text": _text(w.text), "score": w.score, "quad": _flat(w.quad)} for w in line.words]
            out.append(
                {
                    "document": None if source is None else _text(source),
                    "page": number if page.page_index is None else page.page_index,
                    "width": page.size[0],
                    "height": page.size[1],
                    "line": i,
                    "paragraph": line.paragraph,
                    "text": _text(line.text),
                    "score": line.score,
                    "det_score": line.det_score,
                    "quad": _flat(line.quad),
                    "words": words,
                }
            )
    return out


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode() if any("\ud800" <= c <= "\udfff" for c in text) else text


def _flat(quad: Floats) -> list[float]:
    values: list[float] = quad.reshape(-1).tolist()
    return values
