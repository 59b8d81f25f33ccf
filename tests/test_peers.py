"""The comparison with other systems: its protocol with stand-ins for peers, its record, its table."""

import json
import sys
import time
from xml.etree import ElementTree

import pytest

from benchmarks.peers import environments
from benchmarks.peers.conduct import Settings, Team, run
from benchmarks.peers.environments import CannotRun
from benchmarks.peers.plot import drawn, points
from benchmarks.peers.record import Record, scored
from benchmarks.peers.registry import CHECKOUT, PEERS, WORKERS, Peer
from benchmarks.peers.report import report
from benchmarks.peers.worker import Worker

BOX = [[0, 0], [90, 0], [90, 20], [0, 20]]
ROW = {"image": "a.png", "lines": [{"points": BOX, "text": "Rye bread 4.20"}]}

STAND_IN = f"""
import os, sys, time
sys.path.insert(0, {str(WORKERS)!r})
from answer import serve

def open_reader(options):
    print("a banner on standard output")
    if options.get("broken"):
        raise RuntimeError("no model here\\nsecond line")
    def read(image):
        if image == "bad":
            raise ValueError("cannot read bad")
        if image == "die":
            print("out of memory", file=sys.stderr, flush=True)
            os._exit(3)
        if image == "hang":
            time.sleep(60)
        print("progress 100 %")
        return [[(0, 0), (9, 0), (9, 2), (0, 2)]], [image.upper()]
    return read

serve(open_reader)
"""


@pytest.fixture
def worker(tmp_path):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    opened = []

    def open_worker(**options):
        command = [sys.executable, str(script)]
        opened.append(Worker(command, {"threads": 1, **options}, 30, tmp_path / "logs/stand_in.log"))
        return opened[-1]

    yield open_worker
    for one in opened:
        one.close()


def test_worker_answers_with_text_and_cost(worker):
    answer = worker().ask({"image": "page"}, 30)
    assert answer["texts"] == ["PAGE"]
    assert answer["polygons"] == [[[0, 0], [9, 0], [9, 2], [0, 2]]]
    assert answer["peak_bytes"] > 1_000_000
    assert 0 <= answer["seconds"] < 30
    assert answer["cpu_seconds"] >= 0


def test_a_page_that_fails_does_not_stop_the_worker(worker):
    one = worker()
    assert one.ask({"image": "bad"}, 30) == {"error": "ValueError: cannot read bad"}
    assert one.ask({"image": "next"}, 30)["texts"] == ["NEXT"]


def test_a_worker_that_cannot_open_ends_or_hangs_says_why(worker):
    with pytest.raises(CannotRun, match=r"^RuntimeError: no model here$"):
        worker(broken=True)
    with pytest.raises(CannotRun, match="out of memory"):
        worker().ask({"image": "die"}, 30)
    with pytest.raises(CannotRun, match="no answer within 0 s"):
        worker().ask({"image": "hang"}, 0.2)


class Fake:
    """A worker in this process; it reads every line with `text`, or ends on pages named in `fatal`."""

    def __init__(self, text, fatal=()):
        self.text, self.fatal, self.seen, self.closed = text, fatal, [], False

    def ask(self, message, limit):
        self.seen.append(message["image"].rpartition("/")[2])
        if self.seen[-1] in self.fatal:
            raise CannotRun("its process ended: killed")
        cost = {"seconds": 2.0, "cpu_seconds": 3.0, "peak_bytes": 5_000_000}
        return {"polygons": [BOX], "texts": [self.text], **cost}

    def close(self):
        self.closed = True


def team(record, workers, **builds):
    return Team(lambda name: workers[name], {name: builds.get(name, "1") for name in workers}, record, Settings())


def pages(*names):
    return {"receipts": [{**ROW, "image": name} for name in names]}


def test_pages_are_read_once_by_all_and_again_when_a_build_changes(tmp_path):
    file, soon = tmp_path / "peers.json", time.monotonic() + 60
    workers = {"inkline": Fake("Rye bread 4.20"), "rapidocr": Fake("Rye")}
    assert run(team(Record(file), workers), pages("a.png", "b.png"), soon) == 0
    assert workers["rapidocr"].seen == ["a.png", "a.png", "b.png"]  # the first one warms up
    assert workers["rapidocr"].closed

    again = {"inkline": Fake("Rye bread 4.20"), "rapidocr": Fake("Rye")}
    assert run(team(Record(file), again), pages("a.png", "b.png", "c.png"), soon) == 0
    assert again["inkline"].seen == ["c.png", "c.png"]

    changed = {"inkline": Fake("Rye bread 4.20"), "rapidocr": Fake("Rye")}
    run(team(Record(file), changed, inkline="2"), pages("a.png"), soon)
    assert changed["rapidocr"].seen == ["a.png", "a.png"]  # beside the new build, in the same run
    unit = Record(file).unit("receipts", {"image": "a.png"}, 0)
    assert unit["measures"]["inkline"]["build"] == "2"
    assert unit["measures"]["rapidocr"]["tokens"] == [1, 4, 1]

    record = Record(file)
    record.forget({"inkline": "2", "rapidocr": "1"})  # those of the old build do not get into one table with it
    assert [unit["image"] for unit in record.data["pages"]] == ["a.png"]


def test_a_run_stops_at_its_deadline_and_says_what_is_left(tmp_path):
    workers = {"inkline": Fake("x")}
    assert run(team(Record(tmp_path / "peers.json"), workers), pages("a.png", "b.png"), time.monotonic() - 1) == 2
    assert workers["inkline"].seen == []


def test_a_peer_that_ends_is_listed_and_the_others_go_on(tmp_path):
    record = Record(tmp_path / "peers.json")
    workers = {"inkline": Fake("Rye bread 4.20"), "rapidocr": Fake("Rye", fatal=["b.png"])}
    assert run(team(record, workers), pages("a.png", "b.png", "c.png"), time.monotonic() + 60) == 0
    assert record.peer("rapidocr")["reason"] == "its process ended: killed"
    assert [sorted(unit["measures"]) for unit in record.data["pages"]] == [
        ["inkline", "rapidocr"],
        ["inkline"],
        ["inkline"],
    ]


def test_the_record_holds_counts_and_no_text(tmp_path):
    record = Record(tmp_path / "peers.json")
    run(team(record, {"inkline": Fake("Rye bread 4.20")}), pages("a.png"), time.monotonic() + 60)
    assert "bread" not in record.path.read_text()
    assert scored(ROW, {"error": "ValueError: x"})["tokens"] == [0, 4, 0]


def measure(seconds, tokens, **more):
    cost = {"seconds": seconds, "cpu_seconds": 2 * seconds, "peak_bytes": 200_000_000}
    return {"build": "1", **cost, "tokens": tokens, "characters": [9, 10, 10], "detection": [0, 0, 0], **more}


def test_the_table_gives_ratios_to_inkline_and_hides_nothing():
    failed = {
        "build": "1",
        "error": "ValueError: x",
        "tokens": [0, 10, 0],
        "characters": [0, 10, 0],
        "detection": [0, 0, 0],
    }
    record = {
        "conditions": {"processor": "A processor", "processors": 4, "threads": 2, "rounds": 1, "seed": 0,
                       "python": "3.12.0", "commit": "abc1234"},
        "peers": {
            "inkline": {"versions": {"inkline": "1.0", "numpy": "2.0"}, "import_seconds": 0.2, "install_bytes": 100e6},
            "rapidocr": {"versions": {"rapidocr": "3.10.0"}, "import_seconds": 0.5, "install_bytes": 300e6},
            "onnxtr": {"reason": "URLError: no network"},
        },
        "pages": [
            {"set": "receipts", "image": "a.png", "round": 0,
             "measures": {"inkline": measure(1.0, [8, 10, 10]), "rapidocr": measure(3.0, [9, 10, 10])}},
            {"set": "receipts", "image": "b.png", "round": 0,
             "measures": {"inkline": measure(2.0, [10, 10, 10]), "rapidocr": failed}},
        ],
    }  # fmt: skip
    text = report(record, "python -m benchmarks.peers DATA")
    rows = {row.split(" | ")[1]: row.split(" | ") for row in text.splitlines() if row.startswith("| receipts")}
    ours, theirs = rows["Inkline, ONNX Runtime"], rows["RapidOCR 3.10, ONNX Runtime"]
    assert ours[2] == "0.900 ×1.00"
    assert theirs[0] == "| receipts (2), 1 failed"
    assert theirs[2] == "0.600 ×0.67"  # the page that failed counts as read empty
    assert theirs[4] == ""  # no boxes are labelled
    assert theirs[5] == "3.00 (3.00 to 3.00) ×3.00"
    assert theirs[8] == "0.50 ×2.50"
    assert theirs[9] == "300 ×3.00 |"
    assert "| OnnxTR 0.9 | URLError: no network |" in text
    assert "A processor, 2 threads of 4" in text


def test_the_plot_has_a_point_for_each_system_by_its_time_and_text():
    costs = {"inkline": (1.0, [9, 10, 10]), "inkline-fast": (0.5, [8, 10, 10]), "rapidocr": (2.0, [7, 10, 10])}
    pages = [
        {"set": name, "image": "a.png", "round": 0, "measures": {peer: measure(*cost) for peer, cost in costs.items()}}
        for name in ("receipts", "forms")
    ]
    found = points({"pages": [*pages, {"set": "forms", "measures": {"rapidocr": measure(9.0, [0, 10, 0])}}]}, "seconds")
    assert [(p.name, p.ratio, round(p.f1, 3)) for p in found] == [
        ("inkline", 1.0, 0.9),
        ("inkline-fast", 0.5, 0.8),
        ("rapidocr", 2.0, 0.7),
    ]
    svg = ElementTree.fromstring(drawn(found, "seconds & ratios"))
    dots = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in svg.iter("{http://www.w3.org/2000/svg}circle")]
    assert [dot[1] for dot in dots] == sorted(dot[1] for dot in dots)  # the best text is drawn first, at the top
    assert dots[1][0] < dots[0][0] < dots[2][0]
    assert len(drawn(found[:1], "")) > 100  # one point has no range


def test_lines_of_tesseract_are_its_words_joined(monkeypatch):
    monkeypatch.syspath_prepend(str(WORKERS))
    from read_tesseract import lines

    rows = [
        "level page_num block_num par_num line_num word_num left top width height conf text",
        "4 1 1 1 1 0 5 6 50 10 -1 ",
        "5 1 1 1 1 1 5 6 20 10 96 Rye",
        '5 1 1 1 1 2 30 6 25 10 95 "bread',
        "4 1 1 1 2 0 5 26 50 10 -1 ",
        "5 1 1 1 2 1 5 26 50 10 95 ",
    ]
    assert lines("\n".join(rows).replace(" ", "\t")) == ([[[5, 6], [55, 6], [55, 16], [5, 16]]], ['Rye "bread'])


def test_an_environment_is_built_once_for_its_requirements(tmp_path, monkeypatch):
    ran = []

    def pretend(command, what):
        ran.append(command)
        if "venv" in command:
            (tmp_path / "fake").mkdir()
        return "[]" if "list" in command else str(tmp_path)

    monkeypatch.setattr(environments, "_run", pretend)
    peer = Peer("Fake", "read_rapidocr.py", (f"{CHECKOUT}[openvino]",))
    built = environments.build("fake", peer, tmp_path, print)
    installs = [command for command in ran if "install" in command]
    assert [command[-1] for command in installs] == [f"{environments.ROOT}[openvino]"]
    count = len(ran)
    assert environments.build("fake", peer, tmp_path, print) == json.loads((tmp_path / "fake/built.json").read_text())
    assert len(ran) == count
    assert built["build"] != environments.digest(PEERS["rapidocr"])


def test_what_a_peer_lacks_is_named():
    with pytest.raises(CannotRun, match=r"needs Python 3\.70 or newer"):
        environments.interpreter((3, 70))
    with pytest.raises(CannotRun, match="apt-get install a-package"):
        environments.build("x", Peer("X", "read_tesseract.py", program="no-such-program", packages=("a-package",)), None, print)
