"""Whether the service holds while clients hang up: `python -m benchmarks.serve_soak --minutes 30`.

`inkline serve` as a process of its own. Some clients send the files of `benchmarks.soak` and compare every answer with the
first one; as many others send them and hang up: with half the body sent, before the answer, or within it. Every minute: the
memory of the service and its decoders, open files, threads, and whether `/health` says 200. Linux only.
"""

import argparse
import base64
import json
import random
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from benchmarks.common import conditions, table
from benchmarks.serve_load import service
from benchmarks.soak import files


class Clients:
    """What the clients of all threads count. changed: answers that differ from the first one to the same file."""

    def __init__(self, address: str) -> None:
        self.address, self.stop = address, threading.Event()
        self.bodies = [json.dumps({"file": base64.b64encode(one).decode(), "visualize": False}).encode() for one in files()]
        self.first: dict[int, Any] = {}
        self.answered = self.hung_up = self.changed = 0
        self.statuses: dict[int, int] = {}

    def read_answers(self, seed: int) -> None:
        """Ask and compare, until told to stop; 503 and 504 are no answers."""
        rng = random.Random(seed)
        with httpx.Client(base_url=self.address, timeout=120, trust_env=False) as http:
            while not self.stop.is_set():
                number = rng.randrange(len(self.bodies))
                answer = http.post("/ocr", content=self.bodies[number], headers={"content-type": "application/json"})
                self.statuses[answer.status_code] = self.statuses.get(answer.status_code, 0) + 1
                if answer.status_code in (503, 504):
                    time.sleep(0.2)
                    continue
                said = answer.json()
                said.pop("logId")
                self.answered += 1
                self.changed += self.first.setdefault(number, said) != said

    def hang_up(self, seed: int) -> None:
        """Send a request, or half of one, and go."""
        rng, place = random.Random(seed), urlsplit(self.address)
        while not self.stop.is_set():
            body = rng.choice(self.bodies)
            head = f"POST /ocr HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Type: application/json\r\n"
            with socket.create_connection((place.hostname, place.port)) as connection:
                connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode())
                connection.sendall(body[: len(body) // rng.choice((1, 1, 2))])
                time.sleep(rng.random() * 0.5)
            self.hung_up += 1


def held_by(process: int) -> tuple[int, int, int, int]:
    """MB of the process, MB of its children, its open files and its threads."""
    tasks = Path(f"/proc/{process}/task")
    children = [pid for path in tasks.glob("*/children") for pid in path.read_text().split()]
    own, *others = [_resident(pid) for pid in (str(process), *children)]
    handles = len(list(Path(f"/proc/{process}/fd").iterdir()))
    return own, sum(others), handles, len(list(tasks.iterdir()))


def _resident(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 // 1_000_000
    except OSError:  # it ended
        return 0


def process_on(port: int) -> int:
    """The process that was started to serve on this port."""
    for child in Path("/proc/self/task").glob("*/children"):
        for pid in child.read_text().split():
            if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
    raise SystemExit(f"no process serves on port {port}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4, help="so many that read their answers, and as many that hang up")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of `inkline serve`")
    given = parser.parse_args()
    print(conditions() + f", {given.clients} + {given.clients} clients, {' '.join(given.option) or 'default options'}\n")
    columns = ["minutes", "answered", "hung up", "changed answers", "MB", "MB of decoders", "open files", "threads", "/health"]
    print(table(columns, []), flush=True)
    options = [word for pair in given.option for word in (f"--{pair.partition('=')[0]}", pair.partition("=")[2])]
    with service(["--request_timeout", "20", "--page_timeout", "3", *options]) as address:
        clients, process = Clients(address), process_on(urlsplit(address).port or 0)
        work = [clients.read_answers, clients.hang_up]
        threads = [threading.Thread(target=one, args=(seed,)) for seed in range(given.clients) for one in work]
        for thread in threads:
            thread.start()
        began, end = time.monotonic(), time.monotonic() + 60 * given.minutes
        while time.monotonic() < end:
            time.sleep(min(60.0, end - time.monotonic()))
            health = httpx.get(f"{address}/health", trust_env=False).status_code
            minutes = round((time.monotonic() - began) / 60)
            counts = clients.answered, clients.hung_up, clients.changed
            print(f"| {' | '.join(map(str, (minutes, *counts, *held_by(process), health)))} |", flush=True)
        clients.stop.set()
        for thread in threads:
            thread.join()
        print(f"\nAnswers by status: {clients.statuses}")
    raise SystemExit(bool(clients.changed))


if __name__ == "__main__":
    main()
