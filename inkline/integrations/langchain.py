"""LangChain: a loader of documents and a parser of blobs (extra `langchain`).

from inkline.integrations.langchain import InklineLoader
documents = InklineLoader("scan.pdf", lang="de").load()      # a document per page
"""

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.document_loaders import BaseBlobParser, BaseLoader
from langchain_core.documents import Document
from langchain_core.documents.base import Blob

from inkline.integrations.documents import Form, texts_of
from inkline.io.sources import Source
from inkline.pipeline import Ocr


class InklineBlobParser(BaseBlobParser):
    """Reads blobs of images and PDFs: a document per page. options: those of `Ocr`, or `ocr`, one that is open."""

    def __init__(self, form: Form = "txt", ocr: Ocr | None = None, **options: Any) -> None:
        self._ocr, self._form = ocr or Ocr(**options), form

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """The pages of a blob, each as it is read. Errors: `inkline.errors.SourceError` for what is no image or PDF."""
        source = blob.path if blob.data is None else Source(blob.as_bytes(), str(blob.source or "") or None)
        for text, metadata in texts_of(self._ocr, source, self._form):
            yield Document(page_content=text, metadata={**blob.metadata, **metadata})


class InklineLoader(BaseLoader):
    """Loads images, PDFs, folders and URLs: a document per page. paths: one or several of them."""

    def __init__(self, paths: Any, form: Form = "txt", ocr: Ocr | None = None, **options: Any) -> None:
        many = isinstance(paths, Sequence) and not isinstance(paths, (str, bytes))
        self._paths = list(paths) if many else [paths]
        self._ocr, self._form = ocr or Ocr(**options), form

    def lazy_load(self) -> Iterator[Document]:
        """The pages of all paths, each as it is read."""
        for path in self._paths:
            for text, metadata in texts_of(self._ocr, path, self._form):
                yield Document(page_content=text, metadata=metadata)
