"""PaddleOCR's and PaddleX's Python classes on Inkline: change the import, keep the code (docs/paddleocr.md).

>>> from inkline import PaddleOCR
>>> for result in PaddleOCR(lang="en").predict("page.png"):
...     result.print()
"""
