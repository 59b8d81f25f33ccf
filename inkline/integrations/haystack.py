"""Haystack: a converter (extra `haystack`).

from inkline.integrations.haystack import InklineToDocument
documents = InklineToDocument(lang="de").run(sources=["scan.pdf"])["documents"]      # a document per page
"""

import logging
from pathlib import Path
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.components.converters.utils import normalize_metadata
from haystack.dataclasses import ByteStream

from inkline.errors import InputError
from inkline.integrations.documents import Form, texts_of
from inkline.io.sources import Source
from inkline.pipeline import Ocr

log = logging.getLogger(__name__)


@component
class InklineToDocument:
    """Converts images and PDFs: a document per page. options: those of `Ocr`, in a saved pipeline, too."""

    def __init__(self, form: Form = "txt", **options: Any) -> None:
        self._form, self._options = form, options
        self._ocr: Ocr | None = None

    def warm_up(self) -> None:
        """Open the models."""
        self._opened()

    def _opened(self) -> Ocr:
        if self._ocr is None:
            self._ocr = Ocr(**self._options)
        return self._ocr

    @component.output_types(documents=list[Document])
    def run(
        self, sources: list[str | Path | ByteStream], meta: dict[str, Any] | list[dict[str, Any]] | None = None
    ) -> dict[str, list[Document]]:
        """The pages of all sources. A source that cannot be read is named in the log; the others are read."""
        ocr, documents = self._opened(), []
        for source, more in zip(sources, normalize_metadata(meta, sources_count=len(sources)), strict=True):
            known = source.meta if isinstance(source, ByteStream) else {}
            content = Source(source.data, known.get("file_path")) if isinstance(source, ByteStream) else source
            try:
                for text, about in texts_of(ocr, content, self._form):
                    documents.append(Document(content=text, meta={**known, **about, **more}))
            except InputError as error:
                log.warning("%s", error)
        return {"documents": documents}

    def to_dict(self) -> dict[str, Any]:
        """The component as plain values."""
        return default_to_dict(self, form=self._form, **self._options)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "InklineToDocument":
        """The component of plain values."""
        return default_from_dict(cls, data)
