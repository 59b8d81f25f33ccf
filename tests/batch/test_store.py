"""Object stores: runs from and to a local S3 server."""

import json
import zipfile

import boto3
import pytest
import s3fs
from batch_pages import draw_pdf, drawn
from batch_standin import go
from moto.server import ThreadedMotoServer

from inkline.batch.storage import Destination, _ask, list_objects
from inkline.errors import OutputError, SourceError, UsageError


@pytest.fixture
def s3(monkeypatch, tmp_path):
    """A client of a local S3 server with the buckets `inbox` and `out`; the environment points to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # clients are kept with the address they were made for
    client = boto3.client("s3")
    for bucket in ("inbox", "out"):
        client.create_bucket(Bucket=bucket)
    yield client
    client.close()
    server.stop()


def names(s3, bucket, prefix=""):
    return {row["Key"] for row in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())}


def fill(s3, tmp_path):
    for i, name in enumerate(("deep/er/a.png", "b.png", "c.jpg")):
        path = tmp_path / name.rpartition("/")[2]
        drawn(i).save(path)
        s3.upload_file(str(path), "inbox", f"scans/{name}")
    draw_pdf(tmp_path / "two.pdf", 2)
    s3.upload_file(str(tmp_path / "two.pdf"), "inbox", "scans/two.pdf")
    with zipfile.ZipFile(tmp_path / "box.zip", "w") as box:
        box.write(tmp_path / "b.png", "in/b.png")
    s3.upload_file(str(tmp_path / "box.zip"), "inbox", "scans/deep/box.zip")
    s3.put_object(Bucket="inbox", Key="scans/notes.txt", Body=b"no page")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow")
def test_from_store_to_store_and_again(s3, tmp_path):
    fill(s3, tmp_path)
    log = tmp_path / "log"
    summary = go(log, ["s3://inbox/scans"], "s3://out/results")
    assert (summary.done, summary.failed, summary.pages) == (5, 0, 6)
    found = names(s3, "out")
    stems = {"deep/er/a", "b", "c", "two_0", "two_1", "deep/box.zip/in/b"}
    assert {name for name in found if name.endswith("json")} == {f"results/{stem}_res.json" for stem in stems}
    page = json.loads(s3.get_object(Bucket="out", Key="results/deep/er/a_res.json")["Body"].read())
    assert page["input_path"] == "s3://inbox/scans/deep/er/a.png"
    page = json.loads(s3.get_object(Bucket="out", Key="results/deep/box.zip/in/b_res.json")["Body"].read())
    assert page["input_path"] == "s3://inbox/scans/deep/box.zip/in/b.png"
    assert go(log, ["s3://inbox/scans"], "s3://out/results").skipped == 5

    drawn(9).save(tmp_path / "b.png")
    s3.upload_file(str(tmp_path / "b.png"), "inbox", "scans/b.png")
    s3.put_object(Bucket="inbox", Key="scans/c.jpg", Body=b"no image")
    summary = go(log, ["s3://inbox/scans"], "s3://out/results")
    assert (summary.done, summary.skipped, summary.failed) == (1, 3, 1)
    failed = json.loads(s3.get_object(Bucket="out", Key="results/failures.jsonl")["Body"].read())
    assert failed["source"] == "s3://inbox/scans/c.jpg" and "neither an image nor a PDF" in failed["error"]
    drawn(8).save(tmp_path / "c.jpg")
    s3.upload_file(str(tmp_path / "c.jpg"), "inbox", "scans/c.jpg")
    go(log, ["s3://inbox/scans"], "s3://out/results")
    assert "results/failures.jsonl" not in names(s3, "out")


def test_single_objects_patterns_and_local_results(s3, tmp_path):
    fill(s3, tmp_path)
    summary = go(tmp_path / "log", ["s3://inbox/scans/two.pdf"], tmp_path / "one", formats=["txt"])
    assert summary.pages == 2 and (tmp_path / "one/two_res.txt").exists()
    assert [o.name for o in list_objects("s3://inbox/scans/*.[pj][np]g", ())] == ["b.png", "c.jpg"]
    assert [o.name for o in list_objects("s3://inbox/scans", (".png",))] == ["b.png", "deep/er/a.png"]
    go(tmp_path / "log", ["s3://inbox/scans/deep/box.zip"], tmp_path / "box", formats=["txt"])
    assert (tmp_path / "box/in/b_res.txt").exists()
    with pytest.raises(UsageError, match="is inside the source"):
        go(tmp_path / "log", ["s3://inbox/scans"], "s3://inbox/scans/results")


def test_missing_credentials_are_named() -> None:
    class NoCredentialsError(Exception):
        """As a store's client raises it."""

    def ask() -> None:
        raise NoCredentialsError("Unable to locate credentials")

    with pytest.raises(SourceError, match=r"s3://b/x: no credentials for this store .* AWS_ACCESS_KEY_ID") as refused:
        _ask("s3://b/x", ask)
    assert not refused.value.may_pass


def test_errors_of_stores(s3, tmp_path, monkeypatch):
    fill(s3, tmp_path)
    log, out = tmp_path / "log", tmp_path / "out"
    for source, reason in (
        ("s3://inbox/nothing", "there is nothing at this address"),
        ("s3://missing/scans", "there is nothing at this address|does not answer"),
        ("s3://inbox/scans/*.gif", "no object matches this pattern"),
    ):
        with pytest.raises(SourceError, match=reason):
            list(list_objects(source, (".png",)))
        assert go(log, [source], out).failed == 1
    with pytest.raises(UsageError, match="this kind of address is not known here"):
        list(list_objects("nostore://a/b", ()))
    reads = log.exists()
    with pytest.raises(OutputError, match=r"s3://missing/out/.* the store did not take this file .*bucket"):
        go(log, ["s3://inbox/scans/b.png"], "s3://missing/out", ledger=tmp_path / "ledger")
    assert log.exists() == reads  # said before any work was done
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    s3fs.S3FileSystem.clear_instance_cache()
    summary = go(log, ["s3://inbox/scans"], out)
    assert summary.failed == 1
    row = json.loads((out / "failures.jsonl").read_text())
    assert row["error"].startswith("s3://inbox/scans: the store does not answer")
    with pytest.raises(OutputError, match="the store did not take this file"):
        (tmp_path / "x").write_text("x")
        Destination("s3://out/x").put(tmp_path / "x", "y")
