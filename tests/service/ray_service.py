"""The service on a Ray cluster of this machine, one replica of which is killed: a program, as Ray wants a process.

python tests/service/ray_service.py IMAGE; prints a JSON object of what was seen
"""

import base64
import json
import os
import signal
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import ray
from ray import serve

from inkline.batch.ray_run import ray_cluster
from inkline.options import ServeOptions
from inkline.service.server import RAY_APPLICATION, deploy_on_ray, ray_application

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    PORT = free.getsockname()[1]


def replicas():
    """Process numbers of the replicas that live, among the processes that this one started."""
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            names[int(folder.name)] = (folder / "cmdline").read_text()
        except OSError:  # it ended meanwhile
            continue

    def is_ours(process):
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    return {process for process, name in names.items() if name.startswith("ray::ServeReplica") and is_ours(process)}


def main():
    image = Path(sys.argv[1]).read_bytes()
    body = {"file": base64.b64encode(image).decode(), "visualize": False}
    seen = {}
    with ray_cluster("local", 2):
        options = ServeOptions(host="127.0.0.1", port=PORT)
        deploy_on_ray(ray_application((("engine", "onnxruntime"),), options, 2), options)  # OpenVINO compiles in each replica
        client = httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=120)

        def ask(_):
            answer = client.post("/ocr", json=body)
            return answer.status_code, answer.json()

        seen["health"] = client.get("/health").json()["errorMsg"]
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(4)))
        seen["first"] = [status for status, _ in answers]
        seen["text"] = answers[0][1]["result"]["ocrResults"][0]["prunedResult"]["rec_texts"]
        handle = serve.get_app_handle(RAY_APPLICATION)
        batch = [handle.read.remote(content) for content in (image, b"no image", image)]
        seen["batch"] = [one.result() for one in batch]
        before = replicas()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        while victim in replicas():
            time.sleep(0.1)
        time.sleep(1)
        with ThreadPoolExecutor(4) as pool:
            seen["after"] = [status for status, _ in pool.map(ask, range(4))]
        end = time.monotonic() + 300
        while time.monotonic() < end and (len(replicas()) < 2 or replicas() == before):
            time.sleep(0.5)
        seen["replaced"] = len(replicas()) == 2 and replicas() != before
        serve.shutdown()
    assert not ray.is_initialized()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
