"""The HTTP service: PaddleOCR's two contracts, a page to try it on, metrics. Extra `serve`; started by `inkline serve`."""
