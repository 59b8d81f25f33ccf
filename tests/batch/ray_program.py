"""A run on a Ray cluster of two workers on this machine, which may be killed: a program, as Ray wants a process.

python tests/batch/ray_program.py LOG FORMATS KILLS SOURCE DEST      KILLS: node, actor, in turn (actor,node), or none
"""

import json
import os
import signal
import sys
import threading
import time
from functools import partial

import ray
from batch_standin import Standin, config
from ray.cluster_utils import Cluster

from inkline.batch.ray_run import run_on_ray
from inkline.batch.scheduler import RunProgress


def pages_read(log):
    with open(log) as file:
        return [line.split() for line in file if line.startswith("read ")]


def kill_in_the_middle(kinds, log, cluster, second, every):
    """Whenever so many more pages are read, end the second machine, or the actor (the parent of the process) that read last."""
    for i, kind in enumerate(kinds, 1):
        while not os.path.exists(log) or len(pages_read(log)) < i * every:
            time.sleep(0.05)
        if kind == "node":
            cluster.remove_node(second, allow_graceful=False)
        else:
            reader = pages_read(log)[-1][3]
            with open(f"/proc/{reader}/stat") as file:
                os.kill(int(file.read().rpartition(")")[2].split()[1]), signal.SIGKILL)
        with open(log, "a") as file:
            file.write(f"killed {kind}\n")


def small_cluster():
    """A head that works, and a second machine; on a busy one the head may be too slow for Ray to find: once again."""
    for last in (False, True):
        try:
            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
            return cluster, cluster.add_node(num_cpus=1)
        except Exception:
            if last:
                raise


def main():
    log, formats, kills, source, dest = sys.argv[1:]
    cluster, second = small_cluster()
    ray.init(address=cluster.address, log_to_driver=False)
    if kills != "none":
        killing = (kills.split(","), log, cluster, second, 12)
        threading.Thread(target=kill_in_the_middle, args=killing, daemon=True).start()
    try:
        begun = time.monotonic()
        summary = run_on_ray(config([source], dest, formats.split(",")), partial(Standin, log, 0.1), RunProgress())
        print(json.dumps({"done": summary.done, "pages": summary.pages, "failed": summary.failed,
                          "skipped": summary.skipped, "seconds": time.monotonic() - begun}))  # fmt: skip
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
