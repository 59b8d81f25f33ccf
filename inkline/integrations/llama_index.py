"""LlamaIndex: a reader (extra `llama-index`).

from inkline.integrations.llama_index import InklineReader
documents = InklineReader(lang="de").load_data("scan.pdf")   # a document per page
SimpleDirectoryReader("scans", file_extractor={".pdf": InklineReader(), ".png": InklineReader()})
"""

from collections.abc import Iterable, Mapping
from typing import Any

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import Document

from inkline.integrations.documents import Form, texts_of
from inkline.pipeline import Ocr


class InklineReader(BaseReader):
    """Reads images and PDFs: a document per page. options: those of `Ocr`, or `ocr`, one that is open."""

    def __init__(self, form: Form = "txt", ocr: Ocr | None = None, **options: Any) -> None:
        self._ocr, self._form = ocr or Ocr(**options), form

    def lazy_load_data(self, file: Any, extra_info: Mapping[str, Any] | None = None, fs: Any = None) -> Iterable[Document]:
        """The pages of a file, each as it is read. fs: an fsspec file system that the file lies on."""
        if fs is not None:
            with fs.open(str(file), "rb") as stream:
                file = stream.read()
        for text, metadata in texts_of(self._ocr, file, self._form):
            yield Document(text=text, metadata={**metadata, **(extra_info or {})})
