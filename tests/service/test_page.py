"""The page at `/` in a real Chromium: what is chosen, seen, linked, copied and saved, with mouse, keys and a small window."""

import io
import json
import os
import re
import shutil
import time
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from PIL import Image, ImageDraw, ImageFont
from serving import HeldOcr, encoded, pages, picture, running, wait_for

from inkline import Page
from inkline.io.sources import expand
from inkline.types import Line

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
)
SHOTS = os.environ.get("INKLINE_SCREENSHOTS")  # a folder to put pictures of the page into, to be looked at

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    """Debian's Chromium, driven by Selenium."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium with its driver here (Debian: apt-get install chromium chromium-driver)")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = browser
    folder = tmp_path_factory.mktemp("chromium")
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    (folder / "downloads").mkdir()
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = selenium.Chrome(options, selenium.ChromeService(driver))
    opened.downloads = folder / "downloads"
    yield opened
    opened.quit()


class Tab:
    """The page, open: `$` finds by CSS, `choose` gives it a file, `wait` waits until it says something."""

    def __init__(self, browser, url: str) -> None:
        self.browser = browser
        browser.get(url)

    def __call__(self, css):
        return self.browser.find_elements("css selector", css)

    def one(self, css):
        (found,) = self(css)
        return found

    def js(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def choose(self, path: Path) -> None:
        self.one("#file").send_keys(str(path))

    def says(self, text: str) -> None:
        try:
            wait_for(lambda: text in self.one("main").text, 30)
        except AssertionError:
            raise AssertionError(f"{text!r} is not in {self.one('main').text!r}") from None

    def settled(self) -> None:
        wait_for(lambda: not self.one("#spin").is_displayed(), 30)

    def shot(self, name: str) -> None:
        if SHOTS:
            Path(SHOTS).mkdir(exist_ok=True)
            self.browser.save_screenshot(str(Path(SHOTS, f"{name}.png")))

    def texts(self):
        return [one.text for one in self("#lines .text")]


@pytest.fixture
def tab(chromium, ocr):
    with running(ocr) as service:
        chromium.set_window_size(1280, 900)
        opened = Tab(chromium, service.url)
        opened.service = service
        yield opened
        log = [entry for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
        # An answer of 4xx is an entry of its own; anything else would be a mistake in the page.
        assert all("status of 4" in entry["message"] for entry in log), log
        chromium.get("about:blank")


@pytest.fixture(scope="module")
def letter(tmp_path_factory):
    """A page with two lines."""
    page = picture("Invoice No. 4711", (700, 300))
    ImageDraw.Draw(page).text((20, 90), "Total 128.50 EUR", "black", ImageFont.load_default(32))
    path = tmp_path_factory.mktemp("files") / "letter.png"
    page.save(path)
    return path


def test_it_needs_nothing_from_elsewhere(tab):
    tab.shot("empty")
    loaded = tab.js("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert all(name.startswith((tab.service.url, "data:", "blob:")) for name in loaded), loaded
    assert tab.js("return document.documentElement.lang") == "en" and tab.browser.title.startswith("Inkline")
    html = tab.service.client.get("/")
    assert "default-src 'self'" in html.headers["content-security-policy"]
    assert "://" not in html.text.replace("http://www.w3.org/2000/", "")


def test_a_chosen_picture_is_read_and_lines_and_boxes_are_linked(tab, letter):
    from selenium.webdriver import ActionChains

    tab.choose(letter)
    tab.says("on 1 page")
    tab.settled()
    texts = tab.texts()
    assert any("4711" in text for text in texts) and any("128.50" in text for text in texts)
    boxes, lines = tab("#picture polygon"), tab("#lines li")
    assert len(boxes) == len(lines) == len(texts)
    assert tab.js("return document.querySelector('svg').getAttribute('viewBox')") == "0 0 700 300"
    assert "with " in tab.one("svg").get_attribute("aria-label")
    ActionChains(tab.browser).move_to_element(lines[1]).perform()
    assert "on" in boxes[1].get_attribute("class") and "on" not in boxes[0].get_attribute("class")
    ActionChains(tab.browser).move_to_element(boxes[0]).perform()
    assert "on" in lines[0].get_attribute("class") and "on" not in lines[1].get_attribute("class")
    tab.shot("letter")


class Unsure(HeldOcr):
    """Stands in for `Ocr`: reads three lines on every page, one of them with a low score, one from right to left."""

    def stream(self, sources, on_error=None, stop=None, **overrides):
        said = [("sure", 0.99), ("\u05e9\u05dc\u05d5\u05dd", 0.9), ("doubtful", 0.45)]
        for source in expand(sources):
            quads = [np.array([[9, y], [99, y], [99, y + 20], [9, y + 20]], np.float32) for y in (9, 39, 69)]
            lines = [Line(text, score, quad, quad) for (text, score), quad in zip(said, quads, strict=True)]
            height, width = source.data.shape[:2]
            yield Page(tuple(lines), (width, height), load_image=lambda image=source.data: image)


def test_low_scores_stand_out(chromium, letter):
    with running(Unsure()) as service:
        tab = Tab(chromium, service.url)
        tab.choose(letter)
        tab.says("3 lines on 1 page, 1 with a low score")
        assert [line.get_attribute("class") for line in tab("#lines li")] == ["", "", "low"]
        assert [box.get_attribute("class") for box in tab("#picture polygon")] == ["", "", "low"]
        # not by colour alone: in words for a screen reader, with a sign and a dashed box for the eye
        score = tab("#lines .score")[2]
        assert score.get_attribute("textContent") == "low score \u26a0 45 %"
        assert tab("#lines .score")[0].get_attribute("textContent") == "score 99 %"
        assert tab("#picture polygon")[2].value_of_css_property("stroke-dasharray") not in ("none", "")
        assert tab.js("return getComputedStyle(document.querySelectorAll('.text')[1]).direction") == "rtl"
        tab.shot("low")
        chromium.get("about:blank")


def test_keys_go_through_the_lines(tab, letter):
    from selenium.webdriver import ActionChains, Keys

    tab.choose(letter)
    tab.says("on 1 page")
    tab.settled()
    keys = ActionChains(tab.browser)
    tab.js("document.querySelector('#tab-lines').focus()")
    keys.send_keys(Keys.TAB).perform()
    focused = "return [...document.querySelectorAll('#lines li')].indexOf(document.activeElement)"
    assert tab.js(focused) == 0
    assert "on" in tab("#picture polygon")[0].get_attribute("class")
    ActionChains(tab.browser).send_keys(Keys.ARROW_DOWN).perform()
    assert tab.js(focused) == 1 and "on" in tab("#picture polygon")[1].get_attribute("class")
    assert "on" not in tab("#picture polygon")[0].get_attribute("class")
    ActionChains(tab.browser).send_keys(Keys.END).perform()
    assert tab.js(focused) == len(tab("#lines li")) - 1
    # all that can be operated can be reached and has a name
    for button in tab("button"):
        assert button.get_attribute("textContent").strip() or button.get_attribute("aria-label")
    assert tab.one("label[for=file]").text


def test_a_pdf_is_turned_page_by_page(tab, tmp_path):
    path = tmp_path / "three.pdf"
    path.write_bytes(pages(11))
    tab.choose(path)
    tab.says("on 10 pages")
    tab.settled()
    assert "only the first 10 of 11 pages" in tab.one("#warnings").text
    assert tab.one("#where").text == "Page 1 of 10" and not tab.one("#previous").is_enabled()
    tab.one("#next").click()
    assert tab.one("#where").text == "Page 2 of 10"
    assert "".join(tab.texts()).replace(" ", "") == "PAGE2"
    assert "only the first 10" in tab.one("#warnings").text
    tab.shot("pdf")
    tab.one("#previous").click()
    assert "".join(tab.texts()).replace(" ", "") == "PAGE1"


def test_results_are_copied_and_saved(tab, letter):
    tab.choose(letter)
    tab.says("on 1 page")
    tab.settled()
    texts = tab.texts()
    tab.browser.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": tab.service.url},
    )
    tab.one("#copy").click()
    tab.says("on the clipboard")
    text = "\n\n".join(texts)  # two paragraphs
    assert tab.js("return navigator.clipboard.readText()") == text

    def saved(button, name):
        tab.js("document.querySelector('#downloads').open = true")
        tab.one(button).click()
        path = tab.browser.downloads / name
        wait_for(lambda: path.exists() and path.stat().st_size > 0)
        time.sleep(0.2)
        return path.read_bytes()

    assert saved("#save-text", "letter.txt").decode() == text + "\n"
    assert saved("#save-md", "letter.md").decode() == text + "\n"
    assert b"ocr_line" in saved("#save-hocr", "letter.hocr") and b"<alto" in saved("#save-alto", "letter.alto.xml")
    with pypdfium2.PdfDocument(saved("#save-pdf", "letter.pdf")) as pdf:
        assert "4711" in pdf[0].get_textpage().get_text_bounded()
    result = json.loads(saved("#save-json", "letter.json"))
    assert result["ocrResults"][0]["prunedResult"]["rec_texts"] == texts
    assert result["dataInfo"] == {"width": 700, "height": 300, "type": "image"}
    assert Image.open(io.BytesIO(saved("#save-picture", "letter.jpg"))).size == (1400, 300)


PUT = """
const [kind, name, type, base64] = arguments;
const bytes = Uint8Array.from(atob(base64), c => c.charCodeAt(0));
const data = new DataTransfer();
if (name) data.items.add(new File([bytes], name, {type}));
const event = kind === "paste" ? new ClipboardEvent("paste", {clipboardData: data, bubbles: true})
  : new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true});
document.body.dispatchEvent(event);
"""


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(tab, kind):
    from serving import b64

    if kind == "drop":
        tab.js(PUT, "dragenter", "a.png", "image/png", "")
        assert tab.js("return document.body.classList.contains('over')")
    tab.js(PUT, kind, "a.png", "image/png", b64(encoded(picture())))
    tab.says("1 line on 1 page")
    assert tab.texts()[0].replace(" ", "") == "HELLO2026"
    assert not tab.js("return document.body.classList.contains('over')")
    tab.js(PUT, kind, "", "", "")
    assert tab.one("#error").is_displayed()


def test_pages_are_listed_before_they_are_read_and_files_follow_each_other(chromium, held, letter, tmp_path):
    (tmp_path / "three.pdf").write_bytes(pages(3))
    with running(held) as service:
        tab = Tab(chromium, service.url)
        tab.one("#file").send_keys(f"{tmp_path / 'three.pdf'}\n{letter}")
        wait_for(lambda: len(tab("#thumbs img")) == 3)  # while the first page is still being read
        wait_for(lambda: held.begun == 1)
        assert not any(button.is_enabled() for button in tab("#thumbs button"))
        tab.shot("pages-ahead")
        held.go.set()
        tab.says("0 lines on 4 pages")
        assert [one.text for one in tab("#thumbs .file")] == ["three.pdf", "letter.png"]
        assert tab.one("#where").text == "Page 1 of 4"
        tab("#thumbs button")[3].click()
        assert tab.one("#where").text == "Page 4 of 4" and tab("#thumbs button")[3].get_attribute("aria-current") == "page"
        chromium.get("about:blank")


def test_zoom_by_wheel_keys_and_buttons(tab, letter):
    from selenium.webdriver import ActionChains, Keys
    from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

    def seen():
        return [
            float(value) for value in tab.js("return document.querySelector('#picture svg').getAttribute('viewBox')").split()
        ]

    tab.choose(letter)
    tab.says("on 1 page")
    tab.settled()
    assert seen() == [0, 0, 700, 300]
    origin = ScrollOrigin.from_element(tab.one("#picture"))
    ActionChains(tab.browser).scroll_from_origin(origin, 0, -300).perform()
    wait_for(lambda: seen()[2] < 690)
    tab.one("#fit-page").click()
    assert seen() == [0, 0, 700, 300]
    tab.one("#picture").send_keys("+", "+")
    near = seen()
    assert near[2] < 500
    tab.one("#picture").send_keys(Keys.ARROW_RIGHT)
    assert seen()[0] > near[0] and seen()[2] == near[2]
    # dragged by the mouse, the page goes along
    before = seen()
    ActionChains(tab.browser).drag_and_drop_by_offset(tab.one("#picture"), 60, 0).perform()
    assert seen()[0] < before[0]
    tab.one("#picture").send_keys("w")
    assert seen()[2] == 700 and seen()[:2] == [0, 0]
    tab.one("#picture").send_keys("0")
    assert seen() == [0, 0, 700, 300]


def test_text_is_searched(tab, letter):
    from selenium.webdriver import Keys

    tab.choose(letter)
    tab.says("on 1 page")
    tab.settled()
    tab.one("body").send_keys("/")
    search = tab.browser.switch_to.active_element
    assert search.get_attribute("id") == "search"
    search.send_keys("TOTAL")
    assert [one.text for one in tab("#lines mark")] == ["Total"] and tab.one("#hits").text == "1 line"
    assert len(tab("polygon.hit")) == 1
    search.send_keys(Keys.ENTER)
    assert tab.one("#hits").text == "1 of 1"
    tab.one("#tab-text").click()
    assert tab.one("#text").is_displayed() and not tab.one("#lines").is_displayed()
    assert "4711" in tab.one("#text").text and [one.text for one in tab("#text mark")] == ["Total"]
    tab.shot("search")


def test_lines_are_corrected_least_sure_first_and_kept_for_training(chromium, ocr, letter, tmp_path):
    from selenium.webdriver import ActionChains, Keys

    from inkline.training.data.labels import load_labels

    with running(ocr, corrections=str(tmp_path / "mine")) as service:
        tab = Tab(chromium, service.url)
        tab.choose(letter)
        tab.says("on 1 page")
        tab.settled()
        scores = [int(re.search(r"\d+", one.text)[0]) for one in tab("#lines .score")]
        least = scores.index(min(scores))
        tab.one("#check").click()
        edited = tab.browser.switch_to.active_element
        assert edited.get_attribute("value")
        ActionChains(tab.browser).send_keys("Corrected by hand", Keys.ENTER).perform()
        tab.says("Saved: 1 corrected line")
        # the next line is at hand; as it is right, Enter keeps it and nothing is saved; Escape ends
        ActionChains(tab.browser).send_keys(Keys.ENTER).perform()
        tab.says("All lines of this page are checked.")
        assert tab.texts()[least] == "Corrected by hand" and len(tab("#lines li.checked")) == 2
        tab.one("#tab-text").click()
        assert "Corrected by hand" in tab.one("#text").text
        tab.shot("corrected")
        samples, _ = load_labels("rec", str(tmp_path / "mine"))
        assert [sample.text for sample in samples] == ["Corrected by hand"]
        # Its route is described with the others, though it has no examples.
        chromium.get(f"{service.url}/docs")
        wait_for(lambda: "POST /corrections" in tab.one("body").text and "POST /ocr" in tab.one("body").text)
        chromium.get("about:blank")


def test_languages_are_chosen(tab, letter):
    from selenium.webdriver.support.ui import Select

    wait_for(lambda: len(tab("#language option")) > 50)
    tab.one("#how summary").click()
    Select(tab.one("#language")).select_by_visible_text("English")
    Select(tab.one("#language")).select_by_visible_text("Russian")
    assert [one.text for one in tab("#languages button")] == ["English \u2715", "Russian \u2715"]
    tab.shot("languages")
    tab("#languages button")[0].click()
    assert tab.one("#how-now").text == "(Russian)"
    tab.choose(letter)
    tab.says("on 1 page")
    assert tab.one("#status").text


def test_a_sample_can_be_tried(tab):
    tab.one("#sample").click()
    tab.says("on 1 page")
    tab.settled()
    text = "\n".join(tab.texts())
    assert "2026-0417" in text and "242.30" in text
    tab.shot("sample")


def test_errors_are_shown_and_the_next_file_is_read(tab, tmp_path, letter):
    for name, content, says in [
        ("notes.txt", b"just text", "neither an image nor a PDF"),
        ("empty.png", b"", "the file is empty"),
        ("broken.png", encoded(picture())[:50], "damaged"),
    ]:
        (tmp_path / name).write_bytes(content)
        tab.choose(tmp_path / name)
        tab.says("This did not work")
        tab.settled()
        assert says in tab.one("#error").text, tab.one("#error").text
        assert not tab.one("#result").is_displayed()
    tab.shot("error")
    blank = tmp_path / "blank.png"
    Image.new("RGB", (300, 200), "white").save(blank)
    tab.choose(blank)
    tab.says("No text was found on this page.")
    assert not tab.one("#error").is_displayed()
    tab.choose(letter)
    tab.says("128.50")


def test_reading_can_be_stopped(chromium, held, letter):
    with running(held) as service:
        tab = Tab(chromium, service.url)
        tab.choose(letter)
        wait_for(lambda: held.begun == 1)
        tab.one("#cancel").click()
        tab.says("Stopped.")
        wait_for(lambda: held.stopped == 1)
        chromium.get("about:blank")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_s_width_and_both_schemes(tab, letter, scheme):
    tab.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    )
    tab.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        tab.browser.refresh()
        tab.shot(f"phone-empty-{scheme}")
        tab.choose(letter)
        tab.says("on 1 page")
        tab.settled()
        assert tab.js("return document.documentElement.scrollWidth") <= 390
        for element in tab("button, #lines li, svg"):
            if element.is_displayed():
                assert element.rect["x"] >= 0 and element.rect["x"] + element.rect["width"] <= 390
                assert element.tag_name == "svg" or element.rect["height"] >= 40  # to be hit with a finger
        seen = tab.one("#picture").rect  # of 700 x 300 pixels: a low picture leaves its room to the text
        assert abs(seen["height"] - max(seen["width"] * 300 / 700, 160)) < 8
        ground = tab.js("return getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(22, 23, 26)") == (scheme == "dark")
        tab.shot(f"phone-{scheme}")
    finally:
        tab.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        tab.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_page_for_programs(tab):
    tab.browser.get(f"{tab.service.url}/docs")
    wait_for(lambda: "POST /document-preprocessing" in tab.one("body").text)
    assert (
        "textDetThresh" in tab.one("body").text and f"curl -s {tab.service.url}/ocr -F file=@page.png" in tab.one("body").text
    )
    tab.shot("docs")
