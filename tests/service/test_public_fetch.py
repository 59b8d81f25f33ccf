"""Files from web addresses: only when allowed, and never from inside our own network."""

import http.server
import ipaddress
import socket
import threading
import time
from contextlib import contextmanager

import pytest
from serving import encoded, picture, running

from inkline.errors import SourceError, TooLargeError
from inkline.options import ReadOptions
from inkline.service import public_fetch
from inkline.service.public_fetch import fetch_public, is_public, public_address

PICTURE = encoded(picture())

INSIDE = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.5", "172.16.9.9", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "203.0.113.9", "224.0.0.1", "255.255.255.255"),
    *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1"),
    *("::ffff:169.254.169.254", "::ffff:10.1.2.3", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
    *("2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "::7f00:1", "fec0::1"),
]
OUTSIDE = ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_not_public(address):
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", OUTSIDE)
def test_addresses_outside_are(address):
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.png",
        "http://localhost:{port}/a.png",
        "http://[::1]/a.png",
        "http://[::ffff:127.0.0.1]/a.png",
        "http://2130706433/a.png",
        "http://0x7f000001/a.png",
        "http://0177.0.0.1/a.png",
        "http://127.1/a.png",
        "http://0/a.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://LOCALHOST/a.png",
        "http://localhost./a.png",
        "http://user:secret@127.0.0.1/a.png",
        "http://8.8.8.8@127.0.0.1/a.png",
        "http://1.1.1.1:80@[::1]/",
        "http:///a.png",
        "http://",
        "http://[",
        "http://a b/",
        "http://%31%32%37.0.0.1/",
        "http://no-such-host.invalid/a.png",
        "http://127\u30020\u30020\u30021/a.png",
        "https://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/a.png",
    ],
)
def test_no_spelling_reaches_this_machine(ocr, url):
    with site() as (port, asked), running(ocr, allow_urls=True) as service:
        answer = service.post(file=url.format(port=port))
        assert answer.status_code == 422 and answer.json()["errorCode"] == 422
        assert asked == []


@contextmanager
def site(answers=None):
    """A web site on loopback: its port, and the (path, Host) of every request. answers: path -> (status, headers, body)."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Host"]))
            status, headers, body = (answers or {}).get(self.path, (200, {}, PICTURE))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            for part in body if isinstance(body, list) else [body]:
                try:
                    self.wfile.write(part)
                    self.wfile.flush()
                except OSError:
                    return
                if isinstance(body, list):
                    time.sleep(0.1)

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port, asked
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def internet(monkeypatch):
    """Names of a made-up internet: `*.example` is loopback, which counts as public; `inside.example` is 10.0.0.1."""
    names = {"inside.example": ["10.0.0.1"], "both.example": ["127.0.0.1", "10.0.0.1"], "none.example": []}
    looked_up = []

    def getaddrinfo(host, port, *_, **__):
        looked_up.append(host)
        if host.replace(".", "").replace(":", "").isdigit():
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in names.get(host, ["127.0.0.1"])]

    monkeypatch.setattr(public_fetch.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(public_fetch, "is_public", lambda address: str(address) == "127.0.0.1")
    return looked_up


def test_a_public_address_is_fetched_by_its_checked_address_and_own_name(internet, ocr):
    with site() as (port, asked), running(ocr, allow_urls=True) as service:
        url = f"http://pictures.example:{port}/a.png?size=big"
        answer = service.post(file=url, fileType=1, visualize=False)
        assert answer.status_code == 200
        assert asked == [("/a.png?size=big", f"pictures.example:{port}")]
        assert internet.count("pictures.example") == 1  # a second look-up could answer otherwise


def test_every_address_of_a_name_must_be_public(internet):
    for host in ("inside.example", "both.example", "none.example"):
        with pytest.raises(SourceError, match="only public addresses"):
            public_address(host, 80)


def test_redirects_are_followed_by_the_same_rule(internet):
    options = ReadOptions()
    moved = {
        "/next": (302, {"Location": "/a.png"}, b""),
        "/away": (301, {"Location": "http://inside.example/a.png"}, b""),
        "/literal": (307, {"Location": "http://10.0.0.1/"}, b""),
        "/file": (302, {"Location": "file:///etc/passwd"}, b""),
        "/round": (302, {"Location": "/round"}, b""),
        "/gone": (404, {}, b""),
        "/nowhere": (302, {}, b""),
    }
    with site(moved) as (port, asked):
        base = f"http://pictures.example:{port}"
        assert fetch_public(f"{base}/next", options) == PICTURE
        for path, why in [
            ("/away", "only public"),
            ("/literal", "only public"),
            ("/file", "only http and https"),
            ("/round", "more than 5 redirects"),
            ("/gone", "404"),
            ("/nowhere", "302"),
        ]:
            with pytest.raises(SourceError, match=why):
                fetch_public(base + path, options)
        assert all(host.startswith("pictures.example") for _, host in asked)


def test_a_proxy_of_the_environment_is_not_asked(internet, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with site() as (port, _):
        assert fetch_public(f"http://pictures.example:{port}/a.png", ReadOptions()) == PICTURE


def test_limits_of_size_and_time(internet):
    slow = {"/slow": (200, {}, [b"x"] * 50), "/large": (200, {}, b"x" * 5000)}
    with site(slow) as (port, _):
        with pytest.raises(TooLargeError, match="max_source_bytes=1000"):
            fetch_public(f"http://a.example:{port}/large", ReadOptions(max_source_bytes=1000))
        with pytest.raises(SourceError, match=r"not complete after 0\.5 seconds"):
            fetch_public(f"http://a.example:{port}/slow", ReadOptions(url_timeout=0.5))
    with pytest.raises(SourceError, match="cannot be fetched"):
        fetch_public("http://a.example:9/", ReadOptions(url_timeout=2))
