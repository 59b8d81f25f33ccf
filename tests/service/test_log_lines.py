"""What a client writes cannot forge lines in the service's log."""

import logging

from inkline.service.schemas import OcrRequest, parse_request, printable


def test_a_log_id_with_line_ends_is_cleaned():
    body = b'{"file": "aGVsbG8=", "logId": "a\\nrequest b: 200 \\r\\u2028\\u0085\\u001b[1m ok"}'
    parsed = parse_request(OcrRequest, body, "other")
    assert parsed.log_id == "a_request b: 200 ____[1m ok"
    assert parse_request(OcrRequest, b'{"file": "aGVsbG8=", "logId": "9f-\\u00fc"}', "other").log_id == "9f-ü"
    assert printable("plain text, ü") == "plain text, ü"


def test_a_refusal_is_one_line_of_the_log(served, caplog):
    with caplog.at_level(logging.INFO, "inkline"):
        served.post(file="no base64", logId="a\nrequest b: 200 ok")
    lines = [record.getMessage() for record in caplog.records if "request" in record.getMessage()]
    assert all("\n" not in line for line in lines)


def test_a_damaged_form_is_logged_under_its_id_alone(served, caplog):
    """The parser of forms writes lines of its own, without the id of the request."""
    for body in (
        b"--x\r\nbroken",
        b"no boundary at all",
        b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nab\r\n--y',
    ):
        headers = {"content-type": "multipart/form-data; boundary=x"}
        assert served.client.post("/ocr", content=body, headers=headers).status_code in (400, 422)
    assert not [record for record in caplog.records if record.name.startswith("python_multipart")]
