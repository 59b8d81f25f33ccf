"""A service of ours on a free port of loopback, and files to send to it."""

import base64
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from inkline import Page
from inkline.io.sources import expand
from inkline.options import OcrOptions, ServeOptions
from inkline.service.app import Service
from inkline.service.server import Server, listen


def picture(text: str = "HELLO 2026", size: tuple[int, int] = (320, 80)) -> Image.Image:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((20, 20), text, "black", ImageFont.load_default(32))
    return image


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pages(count: int, kind: str = "PDF", **options) -> bytes:
    """A PDF or TIFF whose pages say `PAGE 1`, `PAGE 2`, ..."""
    first, *rest = [picture(f"PAGE {i + 1}") for i in range(count)]
    return encoded(first, kind, save_all=True, append_images=rest, **options)


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Running:
    """A service that runs: `url`, `client`, `service`, `post(**fields)`."""

    def __init__(self, service: Service, url: str, client: httpx.Client) -> None:
        self.service, self.url, self.client = service, url, client

    def post(self, route: str = "/ocr", **fields) -> httpx.Response:
        return self.client.post(route, json=fields)


@contextmanager
def running(ocr, **options) -> Iterator[Running]:
    options = ServeOptions(**{"port": 0, **options})
    sock = listen(options)
    service = Service(ocr, options)
    thread = threading.Thread(target=Server(service).run, kwargs={"sockets": [sock]})
    thread.start()
    url = "http://{}:{}".format(*sock.getsockname())
    try:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            yield Running(service, url, client)
    finally:
        service.queue.close()
        thread.join(30)
        assert not thread.is_alive()


class HeldOcr:
    """Stands in for `Ocr`: every page waits until `go` is set. begun: how many pages were begun; stopped: were given up."""

    options = OcrOptions()

    def __init__(self) -> None:
        self.go, self.begun, self.stopped = threading.Event(), 0, 0

    def stream(self, sources, on_error=None, stop=None, **overrides):
        for source in expand(sources):
            self.begun += 1
            while not self.go.wait(0.02):
                if stop.is_set():
                    self.stopped += 1
                    return
            height, width = source.data.shape[:2]
            yield Page((), (width, height), load_image=lambda image=source.data: image)

    def straighten(self, source, stop=None, **overrides):
        raise RuntimeError("a mistake of ours, with a secret in it")


def wait_for(condition, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def shape_of(picture: str) -> tuple[int, ...]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)))).shape
