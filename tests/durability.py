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
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KEYS = 40  # per writer: few, so that keys are overwritten often
PIPELINE = 16


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Cluster:
    """The processes of one store: one for onebox, five for separate processes."""

    def __init__(self, pegasus, mode, directory, sync):
        self.directory, self.mode = directory, mode
        quiet = ["--set", "tracing.level=warn"]
        if mode == "onebox":
            (self.port,) = free_ports(1)
            self.commands = [[pegasus, "onebox", "--port", str(self.port), "--data", str(directory / "data"), "--sync", sync, *quiet]]
        else:
            self.port, meta, *replicas = free_ports(5)
            common = ["--set", f"cluster.metas=127.0.0.1:{meta}", *quiet]
            self.commands = [[pegasus, "meta", "--set", f"meta.port={meta}", "--set", f"meta.data={directory / 'meta'}", *common]]
            for number, port in enumerate(replicas, 1):
                self.commands.append([
                    pegasus, "replica", "--set", f"replica.name=node-{number}", "--set", f"replica.port={port}",
                    "--set", f"replica.data={directory / f'node-{number}'}", "--set", f"log.sync={sync}", *common,
                ])  # fmt: skip
            self.commands.append([pegasus, "proxy", "--set", f"proxy.port={self.port}", *common])
        self.processes = []

    def start(self):
        log = open(self.directory / "processes.log", "ab")
        self.processes = [subprocess.Popen(c, stdout=log, stderr=log) for c in self.commands]

    def kill(self):
        for process in self.processes:
            process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                code = process.wait(30)
                if code != 0:
                    sys.exit(f"a process left with {code} on SIGTERM; see {self.directory}/processes.log")
            except subprocess.TimeoutExpired:
                sys.exit(f"a process does not stop on SIGTERM; see {self.directory}/processes.log")

    def dead(self):
        return [c[1] for c, p in zip(self.commands, self.processes) if p.poll() is not None]


def encode(*args):
    out = b"*%d\r\n" % len(args)
    for arg in args:
        arg = arg if isinstance(arg, bytes) else str(arg).encode()
        out += b"$%d\r\n%s\r\n" % (len(arg), arg)
    return out


async def reply(reader):
    line = await reader.readuntil(b"\r\n")
    if line[:1] in b"+-:":
        return line[:-2].decode()
    if line[:1] == b"$":
        size = int(line[1:])
        return None if size < 0 else (await reader.readexactly(size + 2))[:-2].decode()
    raise ValueError(f"unexpected reply {line!r}")


class Writer:
    """One connection that writes its own keys, and what it knows of them."""

    def __init__(self, number, rng):
        self.number, self.rng, self.serial = number, rng, 0
        self.acked = {}  # key -> last acknowledged value
        self.unknown = {}  # key -> values sent since, fate unknown
        self.incremented = [0, 0]  # acknowledged, sent
        self.writes = 0
        self.errors = 0

    def counter(self):
        return f"counter:{self.number}"

    async def run(self, port):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            while True:
                batch = []
                data = b""
                for _ in range(self.rng.randint(1, PIPELINE)):
                    if self.rng.random() < 0.1:
                        batch.append(None)
                        self.incremented[1] += 1
                        data += encode("INCR", self.counter())
                        continue
                    self.serial += 1
                    key = f"key:{self.number}:{self.rng.randrange(KEYS)}"
                    value = f"{self.serial}:" + "x" * self.rng.choice([0, 10, 100, 2000])
                    self.unknown.setdefault(key, []).append(value)
                    batch.append((key, value))
                    data += encode("SET", key, value)
                writer.write(data)
                for sent in batch:
                    answer = await reply(reader)
                    if answer.startswith("-"):
                        self.errors += 1  # a refusal or an unknown fate: the write stays among the unknown
                    elif sent is None:
                        self.incremented[0] += 1
                        self.writes += 1
                    else:
                        key, value = sent
                        self.acked[key] = value
                        sent_values = self.unknown[key]
                        del sent_values[: sent_values.index(value) + 1]
                        self.writes += 1
        except (OSError, asyncio.IncompleteReadError, ConnectionError):
            pass

    async def check(self, reader, writer):
        """Compares the store with what must be; what was found becomes the new truth."""
        problems = []
        keys = sorted(set(self.acked) | set(self.unknown))
        for start in range(0, len(keys), 50):
            part = keys[start : start + 50]
            writer.write(b"".join(encode("GET", key) for key in part))
            for key in part:
                found = await reply(reader)
                allowed = [self.acked.get(key), *self.unknown.get(key, [])]
                if found not in allowed:
                    problems.append(f"{key}: found {str(found)[:40]}, acknowledged {str(allowed[0])[:40]}, {len(allowed) - 1} unknown")
                self.unknown.pop(key, None)
                if found is None:
                    self.acked.pop(key, None)
                else:
                    self.acked[key] = found
        writer.write(encode("GET", self.counter()))
        found = int(await reply(reader) or 0)
        if not self.incremented[0] <= found <= self.incremented[1]:
            problems.append(f"{self.counter()}: found {found}, acknowledged {self.incremented[0]}, sent {self.incremented[1]}")
        self.incremented = [found, found]
        return problems


async def serving(port, seconds):
    """Waits until a write to every partition is answered; returns how long that took."""
    start = time.time()
    while time.time() - start < seconds:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"".join(encode("SET", f"probe:{i}", 1) for i in range(64)))
            answers = [await asyncio.wait_for(reply(reader), 15) for _ in range(64)]
            writer.close()
            if all(a == "+OK" for a in answers):
                return time.time() - start
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        await asyncio.sleep(0.02)
    return None


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
            for process in cluster.processes:
                if process.poll() is None:
                    process.kill()
                    process.wait()
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
