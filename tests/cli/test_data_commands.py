"""`inkline data` and `inkline synth`, as a user calls them."""

import json

import cv2
import pytest
from click.testing import CliRunner

from inkline.cli import inkline
from inkline.errors import InklineError


def call(*arguments):
    return CliRunner().invoke(inkline, [str(a) for a in arguments])


@pytest.mark.slow
def test_a_made_set_is_checked_split_described_and_shown(tmp_path):
    made = call("synth", "lines", tmp_path / "set", "--count", 12, "--seed", 3)
    assert made.exit_code == 0, made.output
    labels = tmp_path / "set/rec.txt"
    assert len(labels.read_text("utf-8").splitlines()) == 12
    assert call("data", "check", "rec", labels).output.startswith("12 usable samples, 0 skipped")
    assert "12 samples" in call("data", "stats", "rec", labels).output
    done = call("data", "split", "rec", labels, "--part", "train=0.5", "--part", "val=0.5", "--seed", 1)
    assert done.exit_code == 0 and {p.name for p in (tmp_path / "set").glob("rec.*.txt")} == {
        "rec.train.txt",
        "rec.val.txt",
    }
    assert call("data", "show", "rec", labels, "-o", tmp_path / "sheet.png", "--count", 6).exit_code == 0
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[1] > 500


def test_pages_and_contact_sheets(tmp_path):
    assert call("synth", "pages", tmp_path / "pages", "--count", 2, "--layout", "table").exit_code == 0
    rows = [json.loads(row) for row in (tmp_path / "pages/labels.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 2 and all(len(line["points"]) == 4 for row in rows for line in row["lines"])
    assert call("data", "check", "det", tmp_path / "pages/det.txt").exit_code == 0
    assert call("synth", "lines", "--sheet", tmp_path / "look.png").exit_code == 0 and (tmp_path / "look.png").exists()


def test_a_charset_of_letters_leaves_the_spaces_between_words(tmp_path):
    (tmp_path / "letters.txt").write_text("\n".join("abcdefghijklmnopqrstuvwxyz"), "utf-8")
    made = call("synth", "lines", tmp_path / "set", "--count", 6, "--charset", tmp_path / "letters.txt")
    assert made.exit_code == 0, made.output
    texts = [row.split("\t")[1] for row in (tmp_path / "set/rec.txt").read_text("utf-8").splitlines()]
    assert any(" " in text for text in texts) and set("".join(texts)) <= set("abcdefghijklmnopqrstuvwxyz ")


def test_problems_are_listed_and_give_status_1(tmp_path):
    (tmp_path / "rec.txt").write_text("missing.png\tabc\n", "utf-8")
    done = call("data", "check", "rec", tmp_path / "rec.txt")
    assert done.exit_code != 0
    done = call("synth", "lines", tmp_path / "x", "--script", "klingon")
    assert isinstance(done.exception, InklineError) and "klingon" in str(done.exception)
    assert "latin" in call("synth", "scripts").output
