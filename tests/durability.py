#!/usr/bin/env python3
"""kill -9 of everything at a random moment, while writers run at full speed; restart; every acknowledged write must be there.

Each key belongs to one writer, which sends pipelines of SETs with values that never repeat, and INCRs. After the restart a key must hold
the last acknowledged value, or one that was sent after it and not acknowledged (its fate is unknown, Redis' clients know that too);
a counter must lie between the acknowledged and the sent number of increments. Anything else is a lost or an invented write.

    tests/durability.py --pegasus target/release/pegasus --rounds 50                    # onebox, then separate processes
    tests/durability.py --pegasus target/release/pegasus --rounds 2 --mode onebox       # a smoke
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

from harness import Process, Writer, free_ports, serving


class Cluster:
    """The processes of one store: one for onebox, five for separate processes."""

    def __init__(self, pegasus, mode, directory, sync):
        self.directory, self.mode = directory, mode
        quiet = ["--set", "tracing.level=warn"]
        if mode == "onebox":
            (self.port,) = free_ports(1)
            commands = [[pegasus, "onebox", "--port", str(self.port), "--data", str(directory / "data"), "--sync", sync, *quiet]]
        else:
            self.port, meta, *replicas = free_ports(5)
            common = ["--set", f"cluster.metas=127.0.0.1:{meta}", *quiet]
            commands = [[pegasus, "meta", "--set", f"meta.port={meta}", "--set", f"meta.data={directory / 'meta'}", *common]]
            for number, port in enumerate(replicas, 1):
                commands.append([
                    pegasus, "replica", "--set", f"replica.name=node-{number}", "--set", f"replica.port={port}",
                    "--set", f"replica.data={directory / f'node-{number}'}", "--set", f"log.sync={sync}", *common,
                ])  # fmt: skip
            commands.append([pegasus, "proxy", "--set", f"proxy.port={self.port}", *common])
        self.processes = [Process(command[1], command, directory / "processes.log") for command in commands]

    def start(self):
        for process in self.processes:
            process.start()

    def kill(self):
        for process in self.processes:
            process.send(signal.SIGKILL)
        for process in self.processes:
            process.kill()

    def stop(self):
        for process in reversed(self.processes):
            process.send(signal.SIGTERM)
        for process in self.processes:
            code = process.stop()
            if code is None:
                sys.exit(f"a process does not stop on SIGTERM; see {self.directory}/processes.log")
            if code != 0:
                sys.exit(f"a process left with {code} on SIGTERM; see {self.directory}/processes.log")

    def dead(self):
        return [process.name for process in self.processes if not process.running()]


async def rounds(cluster, args, rng):
    writers = [Writer(n, random.Random(rng.random())) for n in range(args.writers)]
    slowest = 0.0
    for number in range(args.rounds + 1):
        cluster.start()
        took = await serving(cluster.port, 60)
        if took is None:
            sys.exit(f"round {number}: not serving after 60 s; dead processes: {cluster.dead()}; see {cluster.directory}/processes.log")
        slowest = max(slowest, took)
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.port)
        problems = [p for w in writers for p in await w.check(reader, writer)]
        writer.close()
        if problems:
            sys.exit(f"round {number}: {len(problems)} violations\n" + "\n".join(problems[:20]) + f"\nsee {cluster.directory}")
        if number == args.rounds:
            break
        tasks = [asyncio.create_task(w.run(cluster.port)) for w in writers]
        await asyncio.sleep(rng.uniform(0.2, 2.0))
        if cluster.dead():
            sys.exit(f"round {number}: died by itself: {cluster.dead()}; see {cluster.directory}/processes.log")
        cluster.kill()
        await asyncio.gather(*tasks)
    cluster.stop()
    writes = sum(w.writes for w in writers)
    errors = sum(w.errors for w in writers)
    print(f"{cluster.mode}: {args.rounds} rounds, {writes} acknowledged writes ({errors} refused), 0 violations, slowest start {slowest:.1f} s")


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True)
    args.add_argument("--rounds", type=int, default=50)
    args.add_argument("--writers", type=int, default=24)
    args.add_argument("--mode", choices=["onebox", "processes", "both"], default="both")
    args.add_argument("--sync", default="always")
    args.add_argument("--seed", type=int, default=int(time.time()))
    args = args.parse_args()
    print(f"seed {args.seed}", flush=True)
    for mode in ["onebox", "processes"] if args.mode == "both" else [args.mode]:
        directory = Path(tempfile.mkdtemp(prefix="pegasus-durability-"))
        cluster = Cluster(args.pegasus, mode, directory, args.sync)
        try:
            asyncio.run(rounds(cluster, args, random.Random(args.seed)))
        finally:
            cluster.kill()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
