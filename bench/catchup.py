#!/usr/bin/env python3
"""How a node that was away catches up, and what clients notice of it: one meta server, three nodes, one proxy on loopback, defaults (sync = always).

A base is written; a node dies; much is written without it; when the machine has calmed down, clients at a fixed rate (half GET of anything that was
written, half SET) measure latencies: before the node is started, while it catches up, and after. They send when it is time, whether or not replies are
late. The node has caught up when it is a secondary of all partitions; then leaders move to it, which has a row of its own. In the end values are read
back, a third of them from the node that learned them.

    bench/catchup.py --pegasus target/release/pegasus                   # 5 GB are missed
    bench/catchup.py --pegasus target/release/pegasus --minutes 60      # an hour at the clients' rate is missed
    bench/catchup.py --pegasus target/release/pegasus --gigabytes 0.1   # a smoke
"""

import argparse
import asyncio
import collections
import json
import os
import random
import shutil
import sys
import tempfile
import time
from array import array
from pathlib import Path

from processes import NODES, Cluster, Failed, Loop, encode, quantile, reply

AWAY = "node-3"
GB = 10**9
CONNECTIONS = 16  # of the measuring clients
IN_FLIGHT_MAX = 256  # on each of them
FILLERS, PIPELINE = 8, 32
OWN_KEYS = 10_000  # that measuring clients write
POOL = os.urandom(1 << 20)  # values do not compress


class Data:
    """What is written: key and value of a number, so that every value can be checked."""

    def __init__(self, size):
        self.size, self.count = size, 0

    def value(self, number):
        offset = number * 7919 % (len(POOL) - self.size)
        return POOL[offset : offset + self.size]

    async def fill(self, port, count, told):
        """Writes `count` more values as fast as they are taken."""
        numbers = iter(range(self.count, self.count + count))
        done = 0

        async def filler():
            nonlocal done
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            again = []
            while True:
                batch, again = again, []
                batch += [n for _, n in zip(range(PIPELINE - len(batch)), numbers)]
                if not batch:
                    break
                writer.write(b"".join(encode("SET", f"fill:{n}", self.value(n)) for n in batch))
                await writer.drain()
                for number in batch:
                    if await reply(reader) != "+OK":
                        again.append(number)
                done += len(batch) - len(again)
                if again:
                    await asyncio.sleep(0.05)
            writer.close()

        async def tell():
            while True:
                await asyncio.sleep(10)
                told(done * self.size)

        telling = asyncio.create_task(tell())
        await asyncio.gather(*(filler() for _ in range(FILLERS)))
        telling.cancel()
        self.count += count


async def whole_reply(stream):
    """First line and bytes of a reply."""
    line = (await stream.readuntil(b"\r\n"))[:-2].decode()
    size = int(line[1:]) if line[0] == "$" else -1
    return line, (await stream.readexactly(size + 2))[:-2] if size >= 0 else None


class Phase:
    """Latencies of one stretch of time, in seconds."""

    def __init__(self):
        self.took = {"GET": array("d"), "SET": array("d")}
        self.errors = {}


class Paced:
    """One measuring connection. Sends in a fixed rhythm; the replies are read beside it."""

    def __init__(self, load, number):
        self.load, self.number = load, number
        self.waiting = collections.deque()

    async def run(self, stop):
        stream, writer = await asyncio.open_connection("127.0.0.1", self.load.port)
        reading = asyncio.create_task(self.read(stream))
        rng = random.Random(self.number)
        pause = CONNECTIONS / self.load.rate
        due = time.monotonic() + pause * self.number / CONNECTIONS
        while not stop.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            held = False
            while len(self.waiting) >= IN_FLIGHT_MAX:
                if reading.done():
                    break
                held = True
                await asyncio.sleep(0.001)
            if reading.done():
                reading.result()
            # A request that had to wait for its turn counts from when it should have been sent.
            word = "GET" if rng.random() < 0.5 else "SET"
            self.waiting.append((word, due if held else time.monotonic()))
            if word == "GET":
                writer.write(encode("GET", f"fill:{rng.randrange(self.load.data.count)}"))
            else:
                writer.write(encode("SET", f"own:{rng.randrange(OWN_KEYS)}", self.load.data.value(rng.randrange(10**6))))
            due += pause
        while self.waiting and not reading.done():
            await asyncio.sleep(0.01)
        reading.cancel()
        writer.close()

    async def read(self, stream):
        while True:
            answer, _ = await whole_reply(stream)
            word, since = self.waiting.popleft()
            phase = self.load.phase
            phase.took[word].append(time.monotonic() - since)
            if answer == "$-1" or answer.startswith("-"):
                said = "nil" if answer == "$-1" else answer[1:].split()[0]
                phase.errors[said] = phase.errors.get(said, 0) + 1


class Load:
    """All measuring connections."""

    def __init__(self, port, data, rate):
        self.port, self.data, self.rate = port, data, rate
        self.phase = Phase()
        self.loop = Loop(*(Paced(self, number).run for number in range(CONNECTIONS)))

    def new_phase(self):
        """Ends the phase and begins another."""
        self.loop.held_up = 0.0
        self.phase = Phase()
        return self.phase


class Measurement:
    def __init__(self, cluster, args):
        self.cluster, self.args = cluster, args
        self.data = Data(args.value_size)
        self.rows = []
        self.said = {}  # node -> bytes of its log that were read

    def fill(self, what, gigabytes):
        start = time.monotonic()

        def told(done):
            print(f"{what}: {done / GB:.2f} GB after {time.monotonic() - start:.0f} s", flush=True)

        count = max(1, int(gigabytes * GB / self.args.value_size))
        asyncio.run(self.data.fill(self.cluster.port, count, told))
        took = time.monotonic() - start
        print(f"{what}: {gigabytes:g} GB in {took:.1f} s, {gigabytes * 1e3 / took:.0f} MB/s", flush=True)
        return {"gigabytes": gigabytes, "seconds": took}

    def calm(self):
        """Waits until flushes and compactions are over: the processes use little CPU."""

        def is_calm():
            before = {name: self.cluster.cpu_seconds(name) for name in self.cluster.running}
            time.sleep(3)
            return sum(self.cluster.cpu_seconds(name) - before[name] for name in before) < 3 * self.args.calm_cpu

        print(f"calm after {self.cluster.until('the nodes are calm', is_calm, patience=600):.0f} s", flush=True)

    def observe(self, name, load, until):
        """Measures while `until` runs; what it returns is added to the row."""
        phase = load.new_phase()
        start, before = time.monotonic(), self.usage()
        found = until()
        seconds, after = time.monotonic() - start, self.usage()
        row = {"phase": name, "seconds": seconds, "held_up_ms": load.loop.held_up * 1e3, "errors": phase.errors}
        load.new_phase()
        if load.loop.failure:
            raise Failed(f"a client failed: {load.loop.failure!r}")
        for word, took in [*phase.took.items(), ("all", phase.took["GET"] + phase.took["SET"])]:
            row[word] = {"count": len(took), **{f"p{share * 100:g}": quantile(took, share) * 1e3 for share in (0.5, 0.99, 0.999)}, "max": max(took) * 1e3}
        row["cpu"] = {key: (after[key][0] - before.get(key, (0, 0, 0))[0]) / seconds for key in after}
        ours = sum(value for name, value in row["cpu"].items() if name != "all")
        row["cpu"]["others"] = row["cpu"].pop("all") - ours
        syncs = {key: [a - b for a, b in zip(after[key][1:], before.get(key, (0, 0, 0))[1:])] for key in after if key in NODES}
        row["sync_ms"] = {key: time_in * 1e3 / count if count else 0.0 for key, (count, time_in) in syncs.items()}
        row.update(found or {})
        self.rows.append(row)
        print(line(row), flush=True)
        return row

    def usage(self):
        """Process -> seconds of CPU, number of fdatasyncs of the log, time in them; the clients are a process, and `all` there are on the machine."""
        busy = Path("/proc/stat").read_text().split("\n", 1)[0].split()
        ticks = sum(int(busy[i]) for i in (1, 2, 3, 6, 7, 8))  # all but idle and waiting for disks
        used = {"all": (ticks / os.sysconf("SC_CLK_TCK"), 0, 0), "clients": (time.process_time(), 0, 0)}
        for name in self.cluster.running:
            page = self.cluster.metrics(name) if name in NODES and name != AWAY else {}
            at = {key.split("{")[0]: value for key, value in page.items()}
            used[name] = (self.cluster.cpu_seconds(name), at.get("pegasus_log_syncs_total", 0), at.get("pegasus_log_sync_seconds_total", 0))
        return used

    def is_secondary(self):
        """Whether the node that was away is a member of all groups again, and says so."""
        rows = self.cluster.partitions().values()
        says = [r["state"] for row in rows for r in row["replicas"] if r["node"] == AWAY and r["ballot"] == row["ballot"]]
        return len(says) == len(rows) and all(state in ("secondary", "primary") for state in says)

    def plans(self):
        """What primaries gave to learners since the last look: source and bytes of each plan."""
        plans = []
        for node in NODES:
            with open(self.cluster.directory / f"{node}.log", "rb") as log:
                log.seek(self.said.get(node, 0))
                text = log.read()
            self.said[node] = self.said.get(node, 0) + len(text)
            for event in (json.loads(line) for line in text.splitlines() if line.startswith(b"{") and line.endswith(b"}")):
                if event.get("message") == "a learner begins":
                    plans.append((event["source"].lower(), int(event["bytes"])))
        return plans

    def catch_up(self):
        """Starts the node and waits until it has caught up."""
        self.plans()
        self.cluster.start(AWAY)
        took = self.cluster.until(f"{AWAY} has caught up", self.is_secondary, patience=3600, pause=0.25)
        plans = self.plans()
        sources = collections.Counter(source for source, _ in plans)
        total = sum(size for _, size in plans)
        return {"plans": dict(sources), "bytes": total, "mb_per_s": total / 1e6 / took}

    def spread(self):
        self.cluster.until("leaders are spread", self.cluster.whole)

    async def check(self):
        """Reads back a sample of what was written."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.cluster.port)
        rng = random.Random(1)
        for _ in range(100):
            numbers = [rng.randrange(self.data.count) for _ in range(20)]
            writer.write(b"".join(encode("GET", f"fill:{n}") for n in numbers))
            for number in numbers:
                answer, found = await whole_reply(reader)
                if found != self.data.value(number):
                    raise Failed(f"fill:{number} holds another value than was written: {answer}")
        writer.close()

    def run(self):
        args, cluster = self.args, self.cluster
        cluster.start()
        cluster.until("the cluster is whole", cluster.whole)
        filled = {"base": self.fill("base", args.base_gigabytes or min(1.0, args.gigabytes / 5))}
        load = Load(cluster.port, self.data, args.rate)
        (cluster.kill if args.how == "kill" else cluster.stop)(AWAY)
        cluster.until(f"writes flow without {AWAY}", lambda: all(AWAY not in [r["primary"], *r["secondaries"]] for r in cluster.partitions().values()))
        if not args.minutes:
            filled["missed"] = self.fill("missed", args.gigabytes)
            self.calm()
        load.loop.thread.start()
        time.sleep(args.minutes * 60 if args.minutes else 5)
        try:
            self.observe("before", load, lambda: time.sleep(args.seconds))
            self.observe("catch-up", load, self.catch_up)
            self.observe("leaders move", load, self.spread)
            self.observe("just after", load, lambda: time.sleep(args.seconds))
        finally:
            load.loop.stop.set()
        load.loop.close()
        asyncio.run(self.check())
        return filled


def line(row):
    figures = " ".join(f"{key} {value:.2f}" for key, value in row["all"].items() if key != "count")
    extra = f"; {row['plans']} {row['bytes'] / 1e6:.0f} MB, {row['mb_per_s']:.1f} MB/s" if "plans" in row else ""
    cpu = " ".join(f"{name} {cores:.2f}" for name, cores in row["cpu"].items())
    sync = " ".join(f"{name} {ms:.2f}" for name, ms in row["sync_ms"].items() if ms)
    return f"{row['phase']}: {row['seconds']:.1f} s, {row['all']['count']} requests, {figures} ms{extra}; cores: {cpu}; ms per fdatasync: {sync}"


def table(rows):
    head = ["phase", "seconds", "requests", "errors"] + [f"{word} {p}" for word in ("all", "GET", "SET") for p in ("p50", "p99", "p99.9", "max")] + ["clients held up"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        errors = " ".join(f"{word}:{count}" for word, count in row["errors"].items()) or "none"
        figures = [f"{row[word][p]:.2f}" for word in ("all", "GET", "SET") for p in ("p50", "p99", "p99.9", "max")]
        lines.append("| " + " | ".join([row["phase"], f"{row['seconds']:.1f}", str(row["all"]["count"]), errors, *figures, f"{row['held_up_ms']:.1f}"]) + " |")
    return "\n".join(lines)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True, help="the pegasus binary")
    args.add_argument("--gigabytes", type=float, default=5, help="user data written while the node is away")
    args.add_argument("--minutes", type=float, default=0, help="instead: how long the node is away while the measuring clients write")
    args.add_argument("--base-gigabytes", type=float, default=0, help="user data written before; a fifth of --gigabytes by default, at most 1")
    args.add_argument("--value-size", type=int, default=4096)
    args.add_argument("--rate", type=int, default=2000, help="requests a second of the measuring clients")
    args.add_argument("--seconds", type=float, default=30, help="measured before and after")
    args.add_argument("--how", choices=["kill", "term"], default="kill", help="kill -9 or SIGTERM")
    args.add_argument("--calm-cpu", type=float, default=0.1, help="cores that all processes together may use before it begins")
    args.add_argument("--set", dest="settings", action="append", default=[], help="a setting of the nodes, as learn.rate_mib=32")
    args.add_argument("--json", help="where to write the figures")
    args.add_argument("--keep", action="store_true", help="keep the processes' directories")
    args = args.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="pegasus-catchup-"))
    # Three copies, logs, what compactions have in hand, a checkpoint's files on their way.
    written = args.minutes * 60 * args.rate / 2 * args.value_size / GB if args.minutes else 1.2 * args.gigabytes
    if (free := shutil.disk_usage(directory).free / GB) < 6 * written + 10:
        sys.exit(f"{directory}: {free:.0f} GB are free, {6 * written + 10:.0f} are needed")
    cluster = Cluster(os.path.abspath(args.pegasus), directory, ["tracing.format=json", *args.settings])
    measurement = Measurement(cluster, args)
    try:
        filled = measurement.run()
        cluster.close()
    except Failed as failed:
        sys.exit(f"{failed}\nsee {directory}")
    finally:
        cluster.kill_all()
    if args.json:
        Path(args.json).write_text(json.dumps({"filled": filled, "rows": measurement.rows}, indent=1))
    print(table(measurement.rows))
    before, during = (row["all"] for row in measurement.rows[:2])
    ratio = during["p99"] / before["p99"]
    print(f"p99 while it catches up: {ratio:.2f} times that before (p50 {during['p50'] / before['p50']:.2f})")
    if args.keep:
        print(f"see {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if ratio > 2:
        sys.exit("a criterion is missed: p99 at most doubles")


if __name__ == "__main__":
    main()
