"""What the page asks for beside text: forms, documents in other formats, thumbnails, other languages, corrections."""

import base64
import json
import threading

import pypdfium2
import pytest
from PIL import Image
from serving import b64, encoded, pages, picture, running

from inkline import Ocr
from inkline.errors import OutputError
from inkline.options import ServeOptions
from inkline.service.app import Service
from inkline.service.schemas import BadRequest, OcrRequest, parse_request
from inkline.training.data.labels import load_labels

HELLO = b64(encoded(picture()))


@pytest.fixture(scope="module")
def served(ocr):
    with running(ocr) as service:
        yield service


def test_a_form_is_answered_as_json_is(served):
    sent = {"visualize": False, "returnWordBox": True, "textRecScoreThresh": 0.25}
    as_json = served.post(file=HELLO, **sent).json()["result"]
    fields = {"visualize": "false", "returnWordBox": "true", "textRecScoreThresh": "0.25", "logId": "4711"}
    answer = served.client.post("/ocr", files={"file": ("a.png", encoded(picture()), "image/png")}, data=fields)
    assert answer.status_code == 200 and answer.json()["logId"] == "4711"
    assert answer.json()["result"] == as_json
    for files, data, says in [
        ({"file": b"just text"}, {}, "neither an image nor a PDF"),
        ({"file": encoded(picture())}, {"visualise": "1"}, "unknown field 'visualise'"),
        ({"file": encoded(picture())}, {"visualize": "perhaps"}, "visualize='perhaps'"),
        ({"other": encoded(picture())}, {}, "field 'file' is missing"),
    ]:
        answer = served.client.post("/ocr", files=files, data=data)
        assert answer.status_code == 422 and says in answer.json()["errorMsg"], answer.text
    torn = served.client.post("/ocr", content=b"--x\r\nnot a part", headers={"Content-Type": "multipart/form-data; boundary=y"})
    assert torn.status_code == 422
    body, _, kind = form_body({"visualize": ["false"], "file": [HELLO]})
    for cut in (2, 8, 40, len(HELLO)):  # in the last boundary, before it, within the file
        answer = served.client.post("/ocr", content=body[: -cut - 2], headers={"Content-Type": kind})
        assert answer.status_code == 400 and "before the last boundary" in answer.json()["errorMsg"], answer.text
    unbounded = served.client.post("/ocr", content=b"a", headers={"Content-Type": "multipart/form-data"})
    assert unbounded.status_code == 422 and "multipart/form-data" in unbounded.json()["errorMsg"]


def test_a_list_in_a_form_is_repeated_or_between_commas(served):
    file = [("file", ("a.png", encoded(picture()), "image/png")), ("visualize", (None, "false"))]
    for given in (["txt,md"], ["txt", "md"], ["txt", "", "md", ""], [" txt , md "], ['["txt", "md"]'], ["txt,txt", "md"]):
        answer = served.client.post("/ocr", files=[*file, *(("outputs", (None, value)) for value in given)])
        assert answer.status_code == 200, answer.text
        assert set(answer.json()["result"]["outputs"]) == {"txt", "md"}, given
    # A field without content says nothing; one value goes into a list as well; an object is JSON.
    for name, value, key in [("lang", "", "prunedResult"), ("outputs", "txt", "text"), ("fileType", "", "prunedResult")]:
        answer = served.client.post("/ocr", files=[*file, (name, (None, value))])
        assert answer.status_code == 200 and key in answer.json()["result"]["ocrResults"][0], answer.text
    answer = served.client.post("/ocr", files=[file[0], ("inferenceParams", (None, '{"maxLongSide": 640}'))])
    assert answer.status_code == 200 and set(answer.json()["result"]["ocrResults"][0]) == {"texts", "image"}


def test_languages_in_a_form():
    for given in (["en", "ru"], ["en,ru"], ["en+ru"]):
        parsed = parse_request(OcrRequest, *form_body({"file": ["aGk="], "lang": given}))
        assert parsed.lang == ("en", "ru")


def form_body(fields):
    """The body of a form with these fields, a log id, and its type."""
    parts = (
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, values in fields.items()
        for value in values
    )
    return ("".join(parts) + "--x--\r\n").encode(), "1", "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"file": ["a", "b"]}, "field 'file' was given 2 times, but takes one value"),
        ({"file": ["a"], "outputs": ["txt,docx"]}, "outputs.1='docx'"),
        ({"file": ["a"], "outputs": ["txt," * 1000]}, "outputs has 101 fields, more than 100"),
        ({"file": ["a"], "outputs": ["txt"] * 200}, "more than 100 fields"),
        ({"file": ["a"], "outputs": ["["]}, "field 'outputs' is not JSON"),
        ({"file": ["a"], "inferenceParams": ["960"]}, "inferenceParams=960"),
        ({"file": ["a"], "inferenceParams": ["x"]}, "field 'inferenceParams' is not JSON"),
        ({"file": [""]}, "file=''"),
    ],
)
def test_a_form_that_cannot_be_used_is_told_why(fields, says):
    with pytest.raises(BadRequest) as refused:
        parse_request(OcrRequest, *form_body(fields))
    assert says in str(refused.value)


def test_the_description_shows_the_form(served):
    paths = served.client.get("/openapi.json").json()["paths"]
    for path in ("/ocr", "/document-preprocessing"):
        form = paths[path]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert form["properties"]["file"]["format"] == "binary" and form["required"] == ["file"]
    form = paths["/ocr"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert form["schema"]["properties"]["outputs"]["type"] == form["schema"]["properties"]["lang"]["type"] == "array"
    assert form["schema"]["properties"]["visualize"]["type"] == "boolean"
    assert '"null"' not in json.dumps(form["schema"]["properties"])
    assert form["encoding"] == {"inferenceParams": {"contentType": "application/json"}}


def test_a_document_in_other_formats(served):
    result = served.post(file=b64(pages(2)), visualize=False, outputs=["txt", "md", "hocr", "alto", "pdf"]).json()["result"]
    out = result["outputs"]
    assert [page["text"].replace(" ", "") for page in result["ocrResults"]] == ["PAGE1", "PAGE2"]
    assert out["txt"].replace(" ", "") == "PAGE1\n\fPAGE2\n" and "---" in out["md"]
    assert out["hocr"].count("ocr_page") >= 2 and "<alto" in out["alto"]
    with pypdfium2.PdfDocument(base64.b64decode(out["pdf"])) as pdf:
        assert len(pdf) == 2 and "PAGE" in pdf[1].get_textpage().get_text_bounded()
    assert set(served.post(file=HELLO, outputs="txt, md").json()["result"]["outputs"]) == {"txt", "md"}
    refused = served.post(file=HELLO, outputs=["docx"])
    assert refused.status_code == 422 and "outputs" in refused.json()["errorMsg"]


def test_thumbnails_come_first(served):
    answer = served.post(file=b64(pages(3)), visualize=False, stream=True, thumbnails=True)
    lines = [json.loads(line)["result"] for line in answer.text.splitlines()]
    assert ["thumbnail" in line for line in lines] == [True] * 3 + [False] * 4
    assert [line["pageIndex"] for line in lines[:6]] == [0, 1, 2] * 2 and lines[0]["numPages"] == 3
    assert base64.b64decode(lines[0]["thumbnail"]).startswith(b"\xff\xd8")


def test_pictures_of_lines_are_what_was_read(served):
    image = Image.new("RGB", (400, 200), "white")
    image.paste(picture("UPRIGHT"), (0, 0))
    (result,) = served.post(file=b64(encoded(image)), visualize=False, lineImages=True).json()["result"]["ocrResults"]
    (line,) = result["lineImages"]
    again = served.post(file=line, visualize=False).json()["result"]["ocrResults"][0]["prunedResult"]
    assert again["rec_texts"] == result["prunedResult"]["rec_texts"] == ["UPRIGHT"]


def test_languages_of_a_request():
    asked = {"cpu_threads": 1, "lang": "auto"}
    with Ocr(**asked) as ocr:
        service = Service(ocr, ServeOptions(), asked)
        assert service.readers.get(()) is ocr and service.readers.get(("auto",)) is ocr
        # opened once, however many ask at once
        found = []
        threads = [threading.Thread(target=lambda: found.append(service.readers.get(("ru",)))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(one) for one in found}) == 1 and found[0].options.lang == "ru"
        assert service.readers.get((" Russian",)) is service.readers.get(("RU",)) is found[0]
        assert found[0].options.engine.cpu_threads == 1


def test_a_language_that_is_not_known_or_cannot_be_chosen(served, ocr):
    answer = served.post(file=HELLO, lang="klingon")
    assert answer.status_code == 422 and "klingon" in answer.json()["errorMsg"]
    for lang in ("en+", "", ["en", ""], [], " ", "+"):
        answer = served.post(file=HELLO, lang=lang)
        assert answer.status_code == 422 and "a language is missing" in answer.json()["errorMsg"], lang
    named = Service(ocr, ServeOptions(), {"text_recognition_model_name": "PP-OCRv6_small_rec"})
    with pytest.raises(ValueError, match="started with text_recognition_model_name"):
        named.readers.get(("ru",))


def test_settings(served):
    found = served.client.get("/settings").json()
    assert found["languages"]["ru"] == "Russian" and found["corrections"] is False and found["maxPages"] == 10


def test_corrections_are_kept(ocr, tmp_path):
    line = b64(encoded(picture("READ WRONGLY")))
    with running(ocr, corrections=str(tmp_path / "mine")) as service:
        first = service.post("/corrections", image=line, text="Read rightly", oldText="READ WRONGLY", score=0.5)
        assert first.json()["result"] == {"saved": 1}
        # corrected again, the later text counts
        assert service.post("/corrections", image=line, text="Read right").json()["result"] == {"saved": 1}
        assert service.post("/corrections", image=HELLO, text="שלום").json()["result"] == {"saved": 2}
        for fields, says in [
            ({"image": b64(b"GIF89a"), "text": "x"}, "must be a whole PNG"),
            ({"image": line[:60], "text": "x"}, "image: "),
            ({"image": "?", "text": "x"}, "image: '?'"),
            ({"image": line}, "field 'text' is missing"),
            ({"image": line, "text": "a\nb"}, "text"),
            ({"image": line, "text": "a\u2028b"}, "one line"),
            ({"image": line, "text": "\u200b"}, "one line"),
            ({"image": b64(encoded(picture())[:-20]), "text": "cut short"}, "image: "),
        ]:
            answer = service.post("/corrections", **fields)
            assert answer.status_code == 422 and says in answer.json()["errorMsg"], answer.text
        # What somebody broke by hand is named, and nothing is lost.
        labels = tmp_path / "mine" / "labels.jsonl"
        before = labels.read_text("utf-8")
        labels.write_text(before + "oops\n", "utf-8")
        answer = service.post("/corrections", image=line, text="later")
        assert answer.status_code == 500 and "mend or move it" in answer.json()["errorMsg"]
        assert labels.read_text("utf-8") == before + "oops\n"
        labels.write_text(before, "utf-8")
    samples, report = load_labels("rec", str(tmp_path / "mine"))
    assert sorted(sample.text for sample in samples) == ["Read right", "שלום"] and not report.problems
    rows = [json.loads(row) for row in (tmp_path / "mine" / "labels.jsonl").read_text("utf-8").splitlines()]
    assert rows[0]["was"] == "" and rows[0]["at"].startswith("20")


def test_without_a_folder_there_are_no_corrections(served, ocr, tmp_path):
    assert served.post("/corrections", image=HELLO, text="x").status_code == 404
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used as a folder"):
        Service(ocr, ServeOptions(corrections=str(tmp_path / "file" / "x")))
