#!/usr/bin/env python3
"""Loss of power of all machines at once, while writers run at full speed; restart; every acknowledged write must be there.

A meta server and three replica nodes with an ext4 file system of their own each, shut down so that nothing more reaches it, not even its journal; then
the processes are killed, the file systems mounted again, and everything is started. The writers and what they check are those of
tests/durability.py. Needs root, for the file systems.

    tests/chaos/power_loss.py --pegasus target/release/pegasus --rounds 50
    tests/chaos/power_loss.py --pegasus target/release/pegasus --rounds 3 --sync no     # must lose writes: that this test can fail
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from cluster import META, Cluster
from disk import Image
from harness import Writer, serving
from network import Loopback

NODES = ["node-1", "node-2", "node-3"]
PROXY = "proxy"
IMAGE_MIB = 1024


def lose_power(cluster, rng):
    """All disks stop one after the other, in any order; then nobody runs any more."""
    machines = cluster.of("meta") + cluster.of("replica")
    for machine in rng.sample(machines, len(machines)):
        machine.disk.lose_power()
    for machine in cluster.machines.values():
        machine.kill()
    for machine in machines:
        machine.disk.come_back()


async def rounds(cluster, args, rng):
    """What was violated, if anything was, and what it has to say for itself."""
    host, port = cluster.network.address(PROXY)
    writers = [Writer(number, random.Random(rng.random())) for number in range(args.writers)]
    slowest = 0.0
    for number in range(args.rounds + 1):
        cluster.start()
        took = await serving(port, 90)
        if took is None:
            return f"round {number}: not serving after 90 s; {'; '.join(cluster.lost()) or 'all processes run'}"
        slowest = max(slowest, took)
        reader, writer = await asyncio.open_connection(host, port)
        problems = [problem for w in writers for problem in await w.check(reader, writer)]
        writer.close()
        if problems:
            return f"round {number}: {len(problems)} violations\n" + "\n".join(problems[:20])
        if number == args.rounds:
            break
        tasks = [asyncio.create_task(w.run(port)) for w in writers]
        await asyncio.sleep(rng.uniform(0.3, 3.0))
        lost = cluster.lost()
        if lost:
            return f"round {number}: {'; '.join(lost)}"
        await asyncio.to_thread(lose_power, cluster, rng)
        await asyncio.gather(*tasks)
    bad = cluster.leave() + cluster.panics()
    if bad:
        return "\n".join(bad)
    writes, errors = sum(w.writes for w in writers), sum(w.errors for w in writers)
    print(f"power loss: {args.rounds} rounds, {writes} acknowledged writes ({errors} refused), 0 violations, slowest start {slowest:.1f} s")
    return None


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True)
    args.add_argument("--rounds", type=int, default=50)
    args.add_argument("--writers", type=int, default=24)
    args.add_argument("--sync", default="always")
    args.add_argument("--seed", type=int, default=int(time.time()))
    args = args.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    directory = Path(tempfile.mkdtemp(prefix="pegasus-power-"))
    print(f"seed {args.seed}", flush=True)
    if not Image.works(directory):
        shutil.rmtree(directory)
        sys.exit("file systems on loop devices are not possible here: run it as root")
    settings = {"meta": {"meta.nodes": 3}, "replica": {"log.sync": args.sync, "log.segment_mib": 16, "log.size_max_mib": 256}}
    cluster = failed = None
    try:
        cluster = Cluster(str(Path(args.pegasus).resolve()), directory, Loopback([META, *NODES, PROXY]), NODES, [PROXY], settings, IMAGE_MIB)
        failed = asyncio.run(rounds(cluster, args, random.Random(args.seed)))
    finally:
        if cluster is not None:
            cluster.close()
        if not failed:
            shutil.rmtree(directory, ignore_errors=True)
    if failed:
        sys.exit(f"{failed}\nsee {directory}")


if __name__ == "__main__":
    main()
