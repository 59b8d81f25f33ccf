"""What the service answers: both contracts of PaddleOCR's service, pages of PDFs, the fields' meaning."""

import json
import re
import struct
import uuid
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from serving import HeldOcr, b64, encoded, pages, picture, running, shape_of

from inkline import Ocr
from tests.paddle.snippets import CLIENT

HELLO = b64(encoded(picture()))


def words(text):
    return text.replace(" ", "")


def test_the_first_contract(served, ocr):
    answer = served.post(file=HELLO, fileType=1, inferenceParams={"maxLongSide": 256})
    body = answer.json()
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    assert list(body) == ["logId", "errorCode", "errorMsg", "result"]
    assert body["errorCode"] == 0 and body["errorMsg"] == "Success" and uuid.UUID(body["logId"])
    assert list(body["result"]) == ["ocrResults", "dataInfo"]
    (one,) = body["result"]["ocrResults"]
    assert set(one) == {"texts", "image"}
    (text,) = one["texts"]
    assert words(text["text"]) == "HELLO2026" and 0.5 < text["score"] <= 1
    assert np.shape(text["poly"]) == (4, 2) and type(text["poly"][0][0]) is int
    assert shape_of(one["image"]) == (80, 640, 3)
    assert body["result"]["dataInfo"] == {"width": 320, "height": 80, "type": "image"}
    page = ocr(np.asarray(picture())[:, :, ::-1].copy(), text_det_limit_side_len=256, text_det_limit_type="max")
    assert text["poly"] == np.rint(page.lines[0].quad).astype(int).tolist()


def test_the_current_contract(served, ocr):
    body = served.post(file=HELLO, fileType=1, returnWordBox=True, logId="mine").json()
    assert body["logId"] == "mine"
    (one,) = body["result"]["ocrResults"]
    assert set(one) == {"prunedResult", "ocrImage", "inputImage"}
    expected = ocr(np.asarray(picture())[:, :, ::-1].copy(), return_word_box=True).to_dict()
    del expected["input_path"], expected["page_index"]
    assert one["prunedResult"] == expected
    assert shape_of(one["inputImage"]) == (80, 320, 3) and shape_of(one["ocrImage"]) == (80, 640, 3)


def test_a_request_that_could_be_of_either_contract_is_answered_in_both(served):
    (one,) = served.post(file=HELLO, fileType=1).json()["result"]["ocrResults"]
    assert set(one) == {"texts", "image", "prunedResult", "ocrImage", "inputImage"}
    assert [text["text"] for text in one["texts"]] == one["prunedResult"]["rec_texts"]


def test_the_client_of_the_documents_runs(served, tmp_path, monkeypatch, capsys):
    source, program = CLIENT
    picture().save(tmp_path / "demo.jpg")
    monkeypatch.chdir(tmp_path)
    exec(compile(program.replace("http://localhost:8080", served.url), source, "exec"), {})
    said, last = capsys.readouterr().out.split("Output image saved at ")
    assert said.startswith("Detected texts:\n[{'poly': [[") and "HELLO" in said
    assert np.asarray(Image.open(tmp_path / last.strip())).shape == (80, 640, 3)


def test_null_means_not_said(served):
    plain = served.post(file=HELLO, visualize=False).json()["result"]
    nulls = {"fileType": None, "inferenceParams": None, "textDetThresh": None, "useDocUnwarping": None, "logId": None}
    assert served.post(file=HELLO, visualize=False, **nulls).json()["result"] == plain
    assert set(plain["ocrResults"][0]) == {"prunedResult"}


def test_fields_reach_the_pipeline(served):
    def params(**fields):
        return served.post(file=HELLO, visualize=False, **fields).json()["result"]["ocrResults"][0]["prunedResult"]

    found = params(
        textDetLimitSideLen=96,
        textDetLimitType="max",
        textDetThresh=0.2,
        textDetBoxThresh=0.5,
        textDetUnclipRatio=2,
        textRecScoreThresh=0.25,
    )
    assert found["text_det_params"] | {"max_side_limit": 0} == {
        "limit_side_len": 96,
        "limit_type": "max",
        "thresh": 0.2,
        "box_thresh": 0.5,
        "unclip_ratio": 2.0,
        "max_side_limit": 0,
    }
    assert found["text_rec_score_thresh"] == 0.25
    assert params(textRecScoreThresh=1)["rec_texts"] == []
    assert params(textDetLimitSideLen=64)["text_det_params"]["limit_type"] == "min"  # as in PaddleOCR 3.x


@pytest.mark.slow
def test_a_pdf_of_eleven_pages_gives_ten_and_says_so(served):
    result = served.post(file=b64(pages(11)), fileType=0, visualize=False).json()["result"]
    texts = [words(one["prunedResult"]["rec_texts"][0]) for one in result["ocrResults"]]
    assert texts == [f"PAGE{i}" for i in range(1, 11)]
    info = result["dataInfo"]
    assert info["type"] == "pdf" and info["numPages"] == len(info["pages"]) == 10
    assert set(info["pages"][0]) == {"width", "height"}
    assert result["warnings"] == ["only the first 10 of 11 pages were read (max_pages)"]


def test_what_could_not_be_read_is_a_warning_of_the_reply():
    class Unread(HeldOcr):
        def stream(self, *arguments, **overrides):
            for page in super().stream(*arguments, **overrides):
                yield replace(page, warnings=("1 of 1 lines could not be read",))

    standin = Unread()
    standin.go.set()
    with running(standin) as service:
        result = service.post(file=HELLO, visualize=False).json()["result"]
    assert result["warnings"] == ["page 1: 1 of 1 lines could not be read"]


def test_a_tiff_is_an_image_of_pages(served):
    result = served.post(file=b64(pages(2, "TIFF")), fileType=1, visualize=False).json()["result"]
    assert result["dataInfo"] == {"numPages": 2, "pages": [{"width": 320, "height": 80}] * 2, "type": "tiff"}


@pytest.mark.parametrize("how", ["field", "header"])
def test_a_pdf_streams_page_by_page(served, how):
    fields = {
        "file": b64(pages(3)),
        "visualize": False,
        "logId": "many",
        **({"stream": True} if how == "field" else {}),
    }
    headers = {"Accept": "application/x-ndjson"} if how == "header" else {}
    with served.client.stream("POST", "/ocr", json=fields, headers=headers) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert [line["logId"] for line in lines] == ["many"] * 4
    each, last = [line["result"] for line in lines[:-1]], lines[-1]["result"]
    assert [(one["pageIndex"], one["numPages"]) for one in each] == [(0, 3), (1, 3), (2, 3)]
    assert [words(one["ocrResults"][0]["prunedResult"]["rec_texts"][0]) for one in each] == ["PAGE1", "PAGE2", "PAGE3"]
    assert last["ocrResults"] == [] and last["dataInfo"]["numPages"] == 3
    whole = served.post(**{**fields, "stream": False}).json()["result"]
    assert whole == {"ocrResults": [one["ocrResults"][0] for one in each], "dataInfo": last["dataInfo"]}


def test_a_damaged_page_costs_the_answer_but_not_the_lines_before_it(served):
    content = bytearray(pages(3, "TIFF"))
    (first,) = struct.unpack_from("<I", content, 4)
    (second,) = struct.unpack_from("<I", content, first + 2 + 12 * content[first])
    for entry in range(second + 2, second + 2 + 12 * content[second], 12):
        if struct.unpack_from("<H", content, entry)[0] == 259:
            content[entry + 8] = 99  # a compression that does not exist
    file = b64(bytes(content))
    whole = served.post(file=file, visualize=False)
    assert whole.status_code == 422 and "page 2" in whole.json()["errorMsg"]
    with served.client.stream("POST", "/ocr", json={"file": file, "stream": True, "logId": "some"}) as answer:
        *each, last = [json.loads(line) for line in answer.iter_lines()]
    assert [one["result"]["pageIndex"] for one in each] == [0]
    assert last == {"logId": "some", "errorCode": 422, "errorMsg": whole.json()["errorMsg"]}


def test_data_urls_and_wrapped_base64_are_taken(served):
    wrapped = "\n".join(HELLO[i : i + 76] for i in range(0, len(HELLO), 76)) + "\n"
    for file in ("data:image/png;base64," + HELLO, wrapped):
        assert served.post(file=file, visualize=False).status_code == 200


def test_pictures_are_shrunk(ocr):
    with running(ocr, max_output_side=100) as small:
        (one,) = small.post(file=HELLO).json()["result"]["ocrResults"]
        assert shape_of(one["inputImage"]) == (25, 100, 3) and max(shape_of(one["ocrImage"])) == 100


def test_pictures_can_be_off_by_default(ocr):
    with running(ocr, visualize=False) as plain:
        assert set(plain.post(file=HELLO).json()["result"]["ocrResults"][0]) == {"prunedResult", "texts"}
        assert "ocrImage" in plain.post(file=HELLO, visualize=True).json()["result"]["ocrResults"][0]


def test_a_request_may_ask_for_another_tier(ocr):
    with running(ocr, visualize=False) as service:
        asked = ({}, {"tier": "balanced"}, {"tier": "fast"})
        replies = [service.post(file=HELLO, textDetThresh=0.3, **tier).json() for tier in asked]
        own, same, other = (reply["result"]["ocrResults"][0]["prunedResult"] for reply in replies)
        assert own == same and own["rec_texts"] == other["rec_texts"] and own["rec_scores"] != other["rec_scores"]
        assert "'fast', 'balanced' or 'accurate'" in service.post(file=HELLO, tier="quick").json()["errorMsg"]


def test_page_preprocessing_and_stages_on_request(tmp_path):
    """A page on its side is straightened when the request asks for it, and boxes stay in the file's own pixels."""
    page = picture("READ ME", (400, 300))
    side = np.asarray(page)[:, :, ::-1]
    file = b64(encoded(page.rotate(90, expand=True)))
    rules = {"doc_orientation_rule": "lines", "use_doc_orientation_classify": True}
    with (
        Ocr(engine="onnxruntime", cpu_threads=2, **rules) as ocr,
        running(ocr, on_request="use_doc_orientation_classify") as turning,
    ):

        def ask(**fields):
            return turning.post("/document-preprocessing", file=file, **fields).json()["result"]

        (left,) = ask()["docPreprocessingResults"]
        assert left["prunedResult"] == {
            "model_settings": {"use_doc_orientation_classify": False, "use_doc_unwarping": False},
            "angle": -1,
        }
        result = ask(useDocOrientationClassify=True)
        (turned,) = result["docPreprocessingResults"]
        assert turned["prunedResult"]["angle"] == 270 and result["dataInfo"]["width"] == 300
        assert set(turned) == {"outputImage", "prunedResult", "docPreprocessingImage", "inputImage"}
        assert shape_of(turned["outputImage"]) == (300, 400, 3) and shape_of(turned["inputImage"]) == (400, 300, 3)
        assert set(ask(visualize=False)["docPreprocessingResults"][0]) == {"outputImage", "prunedResult"}
        (read,) = turning.post(file=file, useDocOrientationClassify=True).json()["result"]["ocrResults"]
        assert words(read["prunedResult"]["rec_texts"][0]) == "README"
        assert read["prunedResult"]["doc_preprocessor_res"] == turned["prunedResult"]
        x0, y0, x1, y1 = read["prunedResult"]["rec_boxes"][0]
        assert y1 - y0 > 2 * (x1 - x0) and cv2.countNonZero(255 - side[:, :, 0]) > 0
        assert "docPreprocessingImage" in read


def test_health_metrics_and_description(served):
    health = served.client.get("/health").json()
    assert health == {"logId": health["logId"], "errorCode": 0, "errorMsg": "Healthy"} and uuid.UUID(health["logId"])
    served.post(file=HELLO, visualize=False)
    served.post(file="?")
    text = served.client.get("/metrics").text
    for name in ('inkline_requests_total{route="/ocr",status="200"}', 'status="422"}', "inkline_pages_total"):
        assert name in text
    assert 'inkline_request_seconds_bucket{le="120.0",route="/ocr"}' in text and "process_cpu_seconds_total" in text
    description = served.client.get("/openapi.json").json()
    assert set(description["paths"]) == {"/ocr", "/document-preprocessing", "/health", "/metrics", "/settings"}
    body = description["paths"]["/ocr"]["post"]["requestBody"]["content"]["application/json"]
    for example in body["examples"].values():
        assert set(example["value"]) <= set(description["components"]["schemas"]["OcrRequest"]["properties"])
    for ref in re.findall('"#/components/schemas/([^"]+)"', json.dumps(description)):
        assert ref in description["components"]["schemas"]
    fields = description["components"]["schemas"]["OcrRequest"]["properties"]
    assert all(field["default"] is None for name, field in fields.items() if name != "file")
    assert fields["textDetThresh"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1}
    answers = description["paths"]["/ocr"]["post"]["responses"]
    assert (
        set(answers) == {"200", "400", "408", "413", "415", "421", "422", "500", "503", "504"}
        and "Retry-After" in answers["503"]["headers"]
    )


def test_the_examples_of_the_description_are_answered(served):
    description = served.client.get("/openapi.json").json()
    for route, operations in description["paths"].items():
        if "post" in operations:
            for example in operations["post"]["requestBody"]["content"]["application/json"]["examples"].values():
                answer = served.post(route, **example["value"])
                assert answer.status_code == 200 and (route != "/ocr" or "HELLO" in answer.text)
