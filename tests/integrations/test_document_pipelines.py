"""The adapters with the real packages: LangChain, LlamaIndex, Haystack, and the Model Context Protocol by its own client."""

import asyncio
import socket
import subprocess
import sys
import time

import pytest
from PIL import Image, ImageDraw, ImageFont


def drawn(text, size=(500, 120)):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((20, 30), text, "black", ImageFont.load_default(40))
    return image


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    drawn("FIRST PAGE").save(folder / "two.pdf", save_all=True, append_images=[drawn("SECOND PAGE")])
    drawn("PICTURE 4711").save(folder / "one.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def test_langchain(ocr, files):
    from langchain_core.documents.base import Blob

    from inkline.errors import SourceError
    from inkline.integrations.langchain import InklineBlobParser, InklineLoader

    documents = InklineLoader([files / "two.pdf", str(files / "one.png")], ocr=ocr).load()
    assert [one.page_content.replace(" ", "") for one in documents] == ["FIRSTPAGE", "SECONDPAGE", "PICTURE4711"]
    assert [one.metadata["page"] for one in documents] == [1, 2, 1] and documents[1].metadata["width"] > 0
    assert documents[0].metadata["source"] == str(files / "two.pdf")
    blob = Blob.from_data((files / "one.png").read_bytes(), path="there/one.png", metadata={"owner": "me"})
    (parsed,) = InklineBlobParser(ocr=ocr).lazy_parse(blob)
    assert "4711" in parsed.page_content and parsed.metadata["owner"] == "me" and parsed.metadata["source"] == "there/one.png"
    with pytest.raises(SourceError, match=r"bad\.png"):
        InklineLoader(files / "bad.png", ocr=ocr).load()


def test_llama_index(ocr, files):
    from llama_index.core import SimpleDirectoryReader

    from inkline.integrations.llama_index import InklineReader

    reader = InklineReader(ocr=ocr)
    documents = SimpleDirectoryReader(
        input_files=[str(files / "two.pdf"), str(files / "one.png")], file_extractor={".pdf": reader, ".png": reader}
    ).load_data()
    assert [one.text.replace(" ", "") for one in documents] == ["FIRSTPAGE", "SECONDPAGE", "PICTURE4711"]
    assert documents[1].metadata["page"] == 2 and documents[2].metadata["file_name"] == "one.png"


def test_haystack(files, caplog):
    from haystack import Pipeline
    from haystack.dataclasses import ByteStream

    from inkline.integrations.haystack import InklineToDocument

    pipeline = Pipeline()
    pipeline.add_component("read", InklineToDocument(form="md", cpu_threads=1))
    pipeline = Pipeline.loads(pipeline.dumps(), allowed_modules=["inkline.integrations.haystack"])  # saved and opened again
    stream = ByteStream((files / "one.png").read_bytes(), meta={"owner": "me"})
    out = pipeline.run({"read": {"sources": [files / "bad.png", str(files / "two.pdf"), stream], "meta": {"kind": "scan"}}})
    documents = out["read"]["documents"]
    assert [one.content.replace(" ", "") for one in documents] == ["FIRSTPAGE", "SECONDPAGE", "PICTURE4711"]
    assert documents[2].meta["owner"] == "me" and documents[0].meta["kind"] == "scan" and documents[1].meta["page"] == 2
    assert "bad.png" in caplog.text


def call(client, tool, **arguments):
    answer = asyncio.run(once(client, tool, arguments))
    return answer.is_error, answer.structured_content, "\n".join(part.text for part in answer.content)


async def once(client, tool, arguments):
    from mcp.client import Client

    async with Client(client) as opened:
        return await opened.call_tool(tool, arguments)


def test_mcp_tools(ocr, files):
    from inkline.integrations.mcp import mcp_server

    server = mcp_server(ocr, files)
    failed, _, text = call(server, "read_file", path="two.pdf")
    assert not failed and "FIRST" in text and "[page 2]" in text and "SECOND" in text
    assert "FIRST" not in call(server, "read_file", path="two.pdf", pages="2")[2]
    failed, lines, _ = call(server, "read_lines", path="one.png")
    (line,) = lines["result"]
    assert not failed and "4711" in line["text"] and line["script"] == "Latn"
    # a region: its box is told in pixels of the page
    half = line["box"][0] + (line["box"][2] - line["box"][0]) * 2 // 3
    _, lines, _ = call(server, "read_lines", path="one.png", region=[half - 10, 0, 500, 120])
    assert all(one["box"][0] >= half - 12 and "PICTURE" not in one["text"] for one in lines["result"])
    assert call(server, "languages")[1]["ru"] == "Russian"
    for arguments, says in [
        ({"path": "../else.png"}, "outside the folder"),
        ({"path": "bad.png"}, "neither an image nor a PDF"),
        ({"path": "none.png"}, "none.png"),
        ({"path": "two.pdf", "pages": "x"}, "page_range"),
    ]:
        failed, _, text = call(server, "read_file", **arguments)
        assert failed and says in text, text
    for page, says in [
        (0, "greater than or equal to 1"),
        (-1, "greater than"),
        (10**30, "less than"),
        (2, "page=2: this image"),
    ]:
        failed, _, text = call(server, "read_lines", path="one.png", page=page)
        assert failed and says in text, text
    # neither patterns nor folders, which may lead out of it by a link
    (files / "link").symlink_to("/usr/share")
    for path in ("*.png", "lin*/x.png", ".", "link", "a\0b"):
        failed, _, text = call(server, "read_file", path=path)
        assert failed and ("folder that this server may read" in text or "is no path" in text), text
    failed, _, text = call(server, "read_lines", path="one.png", region=[900, 0, 990, 10])
    assert failed and "nothing of the page lies in it" in text


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stdio", "http"])
def test_mcp_command(files, way):
    command = [sys.executable, "-m", "inkline", "mcp", "--root", str(files), "--cpu_threads", "1"]
    if way == "stdio":
        from mcp import StdioServerParameters
        from mcp.client.stdio import stdio_client

        failed, _, text = call(
            stdio_client(StdioServerParameters(command=command[0], args=command[1:])), "read_file", path="one.png"
        )
        assert not failed and "4711" in text
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([*command, "--http", f"127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True) as process:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.2)
            failed, _, text = call(f"http://127.0.0.1:{port}/mcp", "read_file", path="one.png")
            assert not failed and "4711" in text
        finally:
            process.terminate()
            process.wait(30)
