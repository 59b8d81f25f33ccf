"""Requests that cannot be answered: each has the documented body, its status, and says what to do."""

import io
import json
import struct
import time
import uuid
import zlib

import pikepdf
import pytest
from serving import b64, encoded, pages, picture, running

HELLO = b64(encoded(picture()))


def refused(answer, status, *parts):
    body = answer.json()
    assert answer.status_code == status and answer.headers["content-type"] == "application/json"
    assert list(body) == ["logId", "errorCode", "errorMsg"] and body["errorCode"] == status
    for part in parts:
        assert part in body["errorMsg"], body["errorMsg"]
    assert "\n" not in body["errorMsg"]
    return body


@pytest.mark.parametrize(
    "fields, parts",
    [
        ({}, ["'file' is missing"]),
        ({"file": 5}, ["file=5", "string"]),
        ({"file": ""}, ["file=''"]),
        ({"file": HELLO, "fileType": "1"}, ["fileType='1'", "integer"]),
        ({"file": HELLO, "fileType": True}, ["fileType=True"]),
        ({"file": HELLO, "fileType": 2}, ["fileType=2"]),
        ({"file": HELLO, "useDocUnwarping": "false"}, ["useDocUnwarping='false'", "boolean"]),
        ({"file": HELLO, "useDocUnwarping": 0}, ["useDocUnwarping=0"]),
        ({"file": HELLO, "textDetThresh": "0.3"}, ["textDetThresh='0.3'", "number"]),
        ({"file": HELLO, "textDetThresh": 1.5}, ["textDetThresh=1.5", "less than or equal to 1"]),
        ({"file": HELLO, "textDetLimitSideLen": 0}, ["textDetLimitSideLen=0"]),
        ({"file": HELLO, "textDetLimitSideLen": 960.5}, ["textDetLimitSideLen=960.5"]),
        ({"file": HELLO, "textDetLimitType": "mx"}, ["textDetLimitType='mx'", "'max'"]),
        ({"file": HELLO, "visualise": True}, ["unknown field 'visualise'", "'visualize'"]),
        ({"file": HELLO, "text_det_thresh": 0.3}, ["unknown field", "'textDetThresh'"]),
        ({"file": HELLO, "inferenceParams": {"maxLongside": 5}}, ["inferenceParams.maxLongside", "'maxLongSide'"]),
        ({"file": HELLO, "inferenceParams": {"maxLongSide": -1}}, ["inferenceParams.maxLongSide=-1"]),
        ({"file": HELLO, "inferenceParams": 5}, ["inferenceParams=5"]),
        ({"file": HELLO, "inferenceParams": {}, "visualize": False}, ["two contracts", "visualize"]),
        ({"file": HELLO, "a": 1, "b": 2}, ["'a'", "'b'"]),
        ({"file": HELLO, "useDocUnwarping": True}, ["without that model (--on_request use_doc_unwarping)"]),
        ({"file": "not base64!"}, ["neither Base64 nor a web address"]),
        ({"file": "SGVsbG8"}, ["neither Base64"]),
        ({"file": "data:image/png,abc"}, ["data: URL must be Base64"]),
        ({"file": "data:"}, ["data: URL"]),
        ({"file": "data:image/png;base64,"}, ["file type cannot be determined", "empty"]),
        ({"file": b64(b"hello, this is text")}, ["file type cannot be determined"]),
        ({"file": b64(b"PK\x03\x04 an archive")}, ["ZIP archive"]),
        ({"file": b64(b"\x89PNG\r\n\x1a\n broken")}, ["damaged"]),
        ({"file": b64(encoded(picture())[:60])}, ["file:"]),
        ({"file": b64(pages(1)), "fileType": 1}, ["fileType=1 says image, but this is a PDF"]),
        ({"file": HELLO, "fileType": 0}, ["fileType=0 says PDF, but this is an image"]),
        ({"file": b64(b"%PDF-1.7 and nothing else")}, ["PDF is damaged"]),
        ({"file": "http://example.org/a.png"}, ["web addresses are switched off", "Base64"]),
        ({"file": "https://127.0.0.1/a.png", "fileType": 1}, ["web addresses are switched off"]),
        ({"file": "file:///etc/passwd"}, ["neither Base64"]),
        ({"file": "/etc/passwd"}, ["file:"]),
    ],
)
def test_what_is_wrong_is_said(served, fields, parts):
    body = refused(served.post(logId="known", **fields), 422, *parts)
    assert body["logId"] == "known"
    assert "secret" not in body["errorMsg"] and len(body["errorMsg"]) < 400


def test_a_locked_pdf_is_told_in_terms_of_the_request(served):
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(pages(1))) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(user="secret", owner="secret"))
    body = refused(served.post(file=b64(locked.getvalue())), 422, "file: this PDF needs a password", "send it decrypted")
    assert "pdf_password" not in body["errorMsg"]


def test_bodies_that_are_no_requests(served):
    def send(content, kind="application/json"):
        return served.client.post("/ocr", content=content, headers={"Content-Type": kind} if kind else {})

    assert uuid.UUID(refused(send(b""), 422, "not JSON")["logId"])
    refused(send(b"{"), 422, "not JSON")
    refused(send(b'{"file": NaN}'), 422, "not JSON")
    refused(send(b"\xff\xfe"), 422, "not JSON")
    refused(send(b"[" * 100_000), 422, "not JSON")
    refused(send(b"[]"), 422, "JSON object")
    refused(send(b'"file"'), 422, "JSON object")
    refused(send(b"file=x", "application/x-www-form-urlencoded"), 415, "application/json or multipart/form-data (curl -F")
    refused(send(b"{}", None), 415, "application/json")
    for name in ("gzip", "br", "deflate, gzip"):
        headers = {"Content-Type": "application/json", "Content-Encoding": name}
        refused(served.client.post("/ocr", content=b"{}", headers=headers), 415, "without that header")
    refused(send(json.dumps({"file": HELLO, "logId": 5}).encode()), 422, "logId=5")
    refused(send(json.dumps({"file": HELLO, "logId": "x" * 500}).encode()), 422, "logId=")


def test_other_routes_and_methods(served):
    refused(served.client.get("/ocr"), 405)
    refused(served.client.post("/nothing"), 404)
    refused(served.client.post("/ocr/", json={"file": HELLO}), 404, "POST /ocr/: Not Found; did you mean '/ocr'?")
    refused(served.client.get("/page.html"), 404)


def test_a_body_that_is_too_large(served):
    refused(served.post(file="A" * (5 << 20)), 413, "max_body_bytes=4194304")

    def parts():
        yield b'{"file": "'
        for _ in range(5):
            yield b"A" * (1 << 20)

    answer = served.client.post("/ocr", content=parts(), headers={"Content-Type": "application/json"})
    refused(answer, 413, "max_body_bytes")
    assert served.client.get("/health").status_code == 200


def bomb(width, height):
    """A PNG of a few bytes that declares many pixels, and holds them, well packed."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(b"\0" * ((width // 8 + 1) * height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_a_bomb_of_pixels_is_not_unpacked(served):
    content = bomb(20_000, 20_000)
    assert len(content) < 100_000
    refused(served.post(file=b64(content)), 422, "20000 x 20000 pixels", "4000000 allowed")


def test_our_own_mistakes_are_not_shown(held, caplog):
    with running(held) as service:
        body = refused(service.post("/document-preprocessing", file=HELLO, logId="look-me-up"), 500)
    assert "secret" not in body["errorMsg"] and body["logId"] == "look-me-up"
    assert "look-me-up" in caplog.text and "secret" in caplog.text


def test_a_connection_goes_on_after_an_error(served):
    for _ in range(3):
        refused(served.post(file="?"), 422)
        refused(served.client.post("/ocr", content=b"x" * 100_000), 415)
    assert served.post(file=HELLO, visualize=False).status_code == 200


@pytest.mark.parametrize(
    "body, says",
    [
        (b'{"file": "%s", "textDetLimitSideLen": 1%s}' % (HELLO.encode(), b"0" * 400), "text_det_limit_side_len"),
        (b'{"file": "%s", "inferenceParams": {"maxLongSide": 1%s}}' % (HELLO.encode(), b"0" * 400), "maxLongSide"),
        (b'{"file": "a", %s}' % b", ".join(b'"f%d": 1' % i for i in range(200_000)), "200001 fields"),
        (b'{"file": "a", "inferenceParams": {%s}}' % b", ".join(b'"f%d": 1' % i for i in range(200_000)), "200000 fields"),
        (b'{"file": "a", "%s": 1}' % (b"x" * 3_000_000), "unknown field"),
        (b'{"file": [%s1]}' % (b"1," * 1_000_000), "file has 1000001 fields"),
        (b'{"file": "a", "lang": "%s"}' % (b"x" * 3_000_000), "at most 200 characters"),
    ],
)
def test_floods_and_endless_numbers_are_refused_at_once(served, body, says):
    began = time.monotonic()
    answer = served.client.post("/ocr", content=body, headers={"Content-Type": "application/json"})
    refused(answer, 422, says)
    assert len(answer.text) < 500 and time.monotonic() - began < 20
