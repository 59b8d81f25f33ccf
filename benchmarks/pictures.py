"""The pictures of README: `python -m benchmarks.pictures` reads the sample page and takes a picture of the service's page.

docs/sample.jpg: the sample page with its boxes, its text beside it. docs/service.jpg: the page of `inkline serve` after its
sample was read, seen by Chromium (with its driver and Selenium, from the extra `test`).
"""

import threading
import time

import cv2
import numpy as np
from selenium import webdriver

from benchmarks.common import ROOT
from inkline import Ocr
from inkline.layout.geometry import scaled
from inkline.options import ServeOptions
from inkline.service.app import Service
from inkline.service.server import Server, listen
from inkline.types import Image

WIDTH, HEIGHT = 1180, 900  # of the browser
SIDE = 1100  # of the pictures, in pixels
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", f"--window-size={WIDTH},{HEIGHT}")


def write(name: str, image: Image) -> None:
    """A picture into docs/, at most SIDE pixels wide."""
    scale = min(1.0, SIDE / image.shape[1])
    cv2.imwrite(str(ROOT / "docs" / name), scaled(image, scale), [cv2.IMWRITE_JPEG_QUALITY, 80])


def service_page(url: str) -> Image:
    """What a browser shows once the service's own sample was read."""
    options = webdriver.ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    browser = webdriver.Chrome(options)
    try:
        browser.get(url)
        browser.find_element("css selector", "#sample").click()
        while "on 1 page" not in browser.find_element("css selector", "#status").text:
            time.sleep(0.1)
        shot = np.frombuffer(browser.get_screenshot_as_png(), np.uint8)
    finally:
        browser.quit()
    return np.asarray(cv2.imdecode(shot, cv2.IMREAD_COLOR), np.uint8)


def main() -> None:
    with Ocr() as ocr:
        write("sample.jpg", ocr(ROOT / "examples/sample.png").plot())
        options = ServeOptions(port=0)
        sock = listen(options)
        service = Service(ocr, options)
        thread = threading.Thread(target=Server(service).run, kwargs={"sockets": [sock]})
        thread.start()
        try:
            write("service.jpg", service_page("http://{}:{}".format(*sock.getsockname())))
        finally:
            service.queue.close()
            thread.join()


if __name__ == "__main__":
    main()
