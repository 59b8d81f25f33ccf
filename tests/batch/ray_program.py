"""A run on a Ray cluster of two workers on this machine, one of which may be killed: a program, as Ray wants a process.

python tests/batch/ray_program.py LOG FORMATS KILL SOURCE DEST      KILL: node, actor, or none
"""

import json
import os
import signal
import sys
import threading
import time
from functools import partial

import ray
from batch_standin import Standin, plan
from ray.cluster_utils import Cluster

from inkline.batch.progress import Failures
from inkline.batch.ray_data import run_on_ray


def pages_read(log):
    with open(log) as file:
        return [line.split() for line in file if line.startswith("read ")]


def kill_in_the_middle(kind, log, cluster, nodes, after):
    """After some pages, end a machine, or the actor (the parent of the process) that read the last of them."""
    while not os.path.exists(log) or len(pages_read(log)) < after:
        time.sleep(0.05)
    if kind == "node":
        cluster.remove_node(nodes[0], allow_graceful=False)
    else:
        reader = pages_read(log)[-1][3]
        with open(f"/proc/{reader}/stat") as file:
            os.kill(int(file.read().rpartition(")")[2].split()[1]), signal.SIGKILL)
    with open(log, "a") as file:
        file.write("killed\n")


def main():
    log, formats, kill, source, dest = sys.argv[1:]
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    if kill != "none":
        threading.Thread(target=kill_in_the_middle, args=(kill, log, cluster, nodes, 12), daemon=True).start()
    try:
        begun = time.monotonic()
        summary = run_on_ray(plan([source], dest, formats.split(",")), partial(Standin, log, 0.1), Failures())
        print(json.dumps({"done": summary.done, "pages": summary.pages, "failed": summary.failed,
                          "skipped": summary.skipped, "seconds": time.monotonic() - begun}))  # fmt: skip
    finally:
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
