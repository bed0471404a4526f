#!/usr/bin/env python3
"""Real faults on separate processes, with a recorded history that is checked for linearizability.

A meta server, four replica nodes and two proxies; a dozen clients on few hot keys; faults drawn from a seed. Every minute or so all faults end,
and every partition has to be whole again. In the end every key there ever was is read, and `check-history` says whether one store that does one
thing after the other could have answered all of that.

    tests/chaos/chaos.py --pegasus target/release/pegasus --minutes 30                 # all that this machine lets us do
    tests/chaos/chaos.py --pegasus target/release/pegasus --minutes 1 --mode loopback --faults pause_node,kill_meta

`namespaces` (root, `ip netns`, iptables, loop devices): cuts between any two, full and slow disks, loss of power. `loopback`: what is possible without.
The seed gives the same faults in the same order; the processes' own timing is not repeated.
"""

import argparse
import asyncio
import collections
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clients import History, Load
from cluster import META, Cluster
from disk import THROTTLE, Image
from faults import FAULTS, Misbehaved, World
from network import Loopback, Namespaces

NODES = ["node-1", "node-2", "node-3", "node-4"]
PROXIES = ["proxy-1", "proxy-2"]
GROUPS, CLIENTS_PER_GROUP, PAUSE = 4, 3, 0.015  # seconds between a client's operations, at most twice this
IMAGE_MIB = 512
WHOLE = 120  # seconds in which everything has to be whole when all faults are over


def settings(rng, sync):
    """Small memory, small logs, so that there is something to trim and to learn; what else matters is drawn."""
    dead_after = rng.choice(["10s", "30s", "5m"])
    store = {"store.cache_mib": 16, "store.rows_mib": 8, "store.memtables_mib": 32, "store.memtable_mib": rng.choice([1, 8])}
    log = {"log.sync": sync, "log.segment_mib": 4, "log.size_max_mib": rng.choice([16, 64])}
    return {
        "meta": {"meta.nodes": 3, "meta.dead_after": dead_after, "meta.partitions": 8},
        "replica": {**store, **log, "replica.threads": 2},
        "proxy-1": {"proxy.patience": "2s", "proxy.threads": 1},
        "proxy-2": {"proxy.patience": "10s", "proxy.threads": 1},
    }


class Run:
    """One run: a cluster, its load, faults; and what came of it."""

    def __init__(self, args, directory):
        self.args, self.directory = args, directory
        self.rng = random.Random(args.seed)
        self.problems = []
        self.done = collections.Counter()
        self.slowest_heal = 0.0

    def world(self, stack):
        args, places = self.args, [META, *NODES, *PROXIES]
        if args.mode == "namespaces":
            network = Namespaces(places, f"{random.SystemRandom().randrange(1 << 32):08x}")
        else:
            network = Loopback(places)
        stack.append(network.close)
        images = args.mode == "namespaces"
        cluster = Cluster(args.pegasus, self.directory, network, NODES, PROXIES, settings(self.rng, args.sync), IMAGE_MIB if images else 0)
        stack.append(cluster.close)
        can = {"cuts": network.cuts, "images": images, "throttle": images and THROTTLE.exists(), "strace": shutil.which("strace") is not None}
        self.faults = {name: (f, weight) for name, (f, weight, needs) in FAULTS.items() if all(can[need] for need in needs)}
        if args.faults:
            wanted = args.faults.split(",")
            missing = [name for name in wanted if name not in self.faults]
            if missing:
                raise SystemExit(f"not possible here: {', '.join(missing)}; there is {', '.join(sorted(self.faults))}")
            self.faults = {name: self.faults[name] for name in wanted}
        self.history = History(self.directory / "history.jsonl")
        load = Load(network, PROXIES, self.history, self.rng, GROUPS, CLIENTS_PER_GROUP, 2 * PAUSE)
        return World(cluster, load, open(self.directory / "events.log", "w"))

    async def main(self, stack):
        self.w = w = self.world(stack)
        cluster, load = w.cluster, w.load
        cluster.start()
        if await cluster.whole(60) is None:
            self.problems.append("not whole 60 s after the first start")
            return
        load.start()
        begun = time.monotonic()
        end = begun + self.args.minutes * 60
        try:
            while not self.problems and time.monotonic() < end:
                round_end = min(end, time.monotonic() + self.rng.uniform(30, 90))
                lanes = [self.lane(random.Random(self.rng.random()), round_end, rest) for rest in (3.0, 9.0)]
                await asyncio.gather(*lanes)
                await self.heal()
            await load.finish()
            left = await load.read_all()
            if left:
                self.problems.append(f"{left} keys cannot be read when all faults are over")
        except Misbehaved as misbehaved:
            self.problems.append(str(misbehaved))
        self.minutes = (time.monotonic() - begun) / 60
        self.problems += cluster.lost()
        self.problems += await asyncio.to_thread(cluster.leave)

    async def lane(self, rng, end, rest):
        """One fault after the other."""
        names, weights = list(self.faults), [weight for _, weight in self.faults.values()]
        while time.monotonic() < end and not self.problems:
            await asyncio.sleep(rng.uniform(0.2, rest))
            (name,) = rng.choices(names, weights)
            if time.monotonic() < end and await self.faults[name][0](self.w, random.Random(rng.random())):
                self.done[name] += 1
            lost = self.w.cluster.lost()
            if lost:
                raise Misbehaved("; ".join(lost))

    async def heal(self):
        """All faults are over: everything has to be whole again."""
        w = self.w
        start = time.monotonic()
        for machine in w.cluster.of("replica"):
            if machine.tainted:
                w.note(f"kill {machine.name}, which saw its disk fail")
                await asyncio.to_thread(machine.kill)
                await w.restart(machine)
        if await w.cluster.whole(WHOLE) is None:
            said = await w.cluster.admin("partitions")
            raise Misbehaved(f"not whole {WHOLE} s after all faults ended\n{said}")
        took = time.monotonic() - start
        w.note(f"whole again after {took:.1f} s")
        self.slowest_heal = max(self.slowest_heal, took)

    def check(self):
        """What `check-history` says of the history, and what else is not as it has to be."""
        history = self.history
        history.close()
        self.w.events.close()
        checked = subprocess.run([self.args.check, history.path], capture_output=True, text=True)
        said = checked.stdout.strip() + checked.stderr.strip()
        (self.directory / "check.log").write_text(said + "\n")
        if checked.returncode != 0:
            self.problems.append(f"check-history: {said[:4000]}")
        if history.unexpected:
            self.problems.append(f"{len(history.unexpected)} unexpected replies, the first: {history.unexpected[0]}")
        self.problems += self.w.cluster.panics()
        return said.splitlines()[-1] if said else "nothing"

    def report(self, checked):
        history = self.history
        late = sum(late.reads for late in self.w.load.late.values())
        print(
            f"{self.args.mode}: {self.minutes:.1f} minutes; {history.acknowledged} operations acknowledged, {history.unknown} unknown, "
            f"{history.refused} refused; {late} late reads; longest time without an acknowledged operation {history.gap / 1e9:.1f} s; "
            f"whole again within {self.slowest_heal:.1f} s"
        )
        print(f"faults: {sum(self.done.values())} (" + ", ".join(f"{name} {count}" for name, count in sorted(self.done.items())) + ")")
        print(f"check: {checked}")


def arguments():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True)
    args.add_argument("--check", help="check-history; the one beside pegasus if not given")
    args.add_argument("--minutes", type=float, default=30)
    args.add_argument("--seed", type=int, default=int(time.time()))
    args.add_argument("--mode", choices=["loopback", "namespaces", "auto"], default="auto")
    args.add_argument("--faults", help=f"only these, by name: {', '.join(FAULTS)}")
    args.add_argument("--sync", default="always", help="log.sync; with anything but always, loss of power of all nodes is found as a violation")
    args.add_argument("--keep", action="store_true", help="keeps the directory, whatever came of it")
    args = args.parse_args()
    args.pegasus = str(Path(args.pegasus).resolve())
    args.check = args.check or str(Path(args.pegasus).with_name("check-history"))
    for program in (args.pegasus, args.check):
        if not Path(program).is_file():
            sys.exit(f"there is no {program}: cargo build --release --locked -p pegasus -p history")
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    directory = Path(tempfile.mkdtemp(prefix="pegasus-chaos-"))
    if args.mode == "auto":
        args.mode = "namespaces" if Namespaces.works() and Image.works(directory) else "loopback"
    print(f"seed {args.seed}, {args.mode}", flush=True)
    run = Run(args, directory)
    stack = []
    keep = args.keep
    try:
        try:
            asyncio.run(run.main(stack))
        finally:
            while stack:
                stack.pop()()
        checked = run.check()
        run.report(checked)
        if run.problems:
            keep = True
            print("\n".join(run.problems))
            sys.exit(f"seed {args.seed}: {len(run.problems)} violations; see {directory}")
        print("0 violations")
    finally:
        shutil.rmtree(directory, ignore_errors=True) if not keep else print(f"kept {directory}", flush=True)


if __name__ == "__main__":
    main()
