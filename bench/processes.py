"""A cluster of separate processes on loopback (one meta server, three replica nodes, one proxy), and what an administrator sees of it."""

import asyncio
import binascii
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from harness import encode, free_ports, reply  # noqa: E402, F401  (for those who import from here)

NODES = ["node-1", "node-2", "node-3"]
PARTITIONS = 8  # of the default table
PATIENCE = 90  # seconds until whatever is waited for counts as never


class Cluster:
    """The processes, by name: `meta`, the nodes, `proxy`. Product defaults but for what `settings` of the nodes say."""

    def __init__(self, pegasus, directory, settings=(), level="info"):
        self.pegasus, self.directory = pegasus, directory
        ports = free_ports(2 + 2 * len(NODES))
        self.port, meta = ports[:2]
        self.meta = f"127.0.0.1:{meta}"
        common = ["--set", f"cluster.metas={self.meta}", "--set", f"tracing.level={level}"]
        self.commands = {"meta": [pegasus, "meta", "--set", f"meta.port={meta}", "--set", f"meta.data={directory / 'meta'}", *common]}
        self.http = {}
        for number, name in enumerate(NODES):
            port, self.http[name] = ports[2 + 2 * number : 4 + 2 * number]
            mine = {"replica.name": name, "replica.port": port, "replica.data": directory / name, "http.port": self.http[name], "log.sync": "always"}
            sets = [f"{key}={value}" for key, value in mine.items()] + list(settings)
            self.commands[name] = [pegasus, "replica", *common] + [word for text in sets for word in ("--set", text)]
        self.commands["proxy"] = [pegasus, "proxy", "--set", f"proxy.port={self.port}", *common]
        self.running = {}

    def start(self, *names):
        for name in names or self.commands:
            with open(self.directory / f"{name}.log", "ab") as log:
                self.running[name] = subprocess.Popen(self.commands[name], stdout=log, stderr=log)

    def kill(self, name):
        """kill -9."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        """SIGTERM, and waits for the end."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise Failed(f"{name} does not stop on SIGTERM") from None
        if code != 0:
            raise Failed(f"{name} left with {code} on SIGTERM")

    def hang(self, name):
        """SIGSTOP: its connections stay, and nothing comes back."""
        self.running[name].send_signal(signal.SIGSTOP)

    def close(self):
        for name in ["proxy", *NODES, "meta"]:
            if name in self.running:
                self.running[name].send_signal(signal.SIGCONT)
                self.stop(name)

    def kill_all(self):
        for name in list(self.running):
            self.kill(name)

    def dead(self):
        return [name for name, process in self.running.items() if process.poll() is not None]

    def admin(self, *args, check=True):
        """Runs `pegasus admin` and returns what it printed, or None if it said no and that is no failure."""
        command = [self.pegasus, "admin", "--meta", self.meta, *args]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        if done.returncode == 0:
            return done.stdout
        if check:
            raise Failed(f"pegasus admin {' '.join(args)}: {done.stdout}{done.stderr}")
        return None

    def partitions(self):
        """Partition -> its row of `admin partitions`."""
        return {row["partition"]: row for row in json.loads(self.admin("partitions", "--json"))}

    def leaders(self):
        """Partition -> the node that leads it."""
        return {name: row["primary"] for name, row in self.partitions().items()}

    def whole(self):
        """Whether every partition serves with all members, and those who may lead do so evenly."""
        if self.admin("status", check=False) is None:
            return False
        leads = [node["primaries"] for node in json.loads(self.admin("nodes", "--json")) if not node["draining"]]
        return max(leads) - min(leads) <= 1

    def until(self, what, holds, patience=PATIENCE, pause=0.1):
        """Waits until `holds()`; returns how long that took."""
        start = time.monotonic()
        while not holds():
            if self.dead():
                raise Failed(f"died by itself: {', '.join(self.dead())}")
            if time.monotonic() - start > patience:
                raise Failed(f"not after {patience} s: {what}\n{self.admin('partitions', check=False)}")
            time.sleep(pause)
        return time.monotonic() - start

    def cpu_seconds(self, name):
        """What the kernel charged to the process."""
        fields = Path(f"/proc/{self.running[name].pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def metrics(self, name):
        """Counters and gauges of a node, by name with labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http[name]}/metrics", timeout=5) as page:
            lines = [line.rsplit(" ", 1) for line in page.read().decode().splitlines() if line and line[0] != "#"]
        return {name: float(value) for name, value in lines}


class Loop:
    """An event loop on a thread of its own for the clients, and how long it was kept from running, which no server is to blame for."""

    def __init__(self, *runs):
        self.stop = threading.Event()
        self.held_up = 0.0
        self.failure = None
        self.thread = threading.Thread(target=self.enter, args=(runs,), daemon=True)

    def enter(self, runs):
        async def all_of_them():
            await asyncio.gather(self.tick(), *(run(self.stop) for run in runs))

        try:
            asyncio.run(all_of_them())
        except Exception as error:  # told by `close`
            self.failure = error

    async def tick(self):
        while not self.stop.is_set():
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            self.held_up = max(self.held_up, time.monotonic() - due)

    def close(self):
        self.stop.set()
        self.thread.join(60)
        if self.thread.is_alive():
            raise Failed("clients wait for replies for ever")
        if self.failure:
            raise Failed(f"a client failed: {self.failure!r}")


class Failed(Exception):
    """The measurement cannot go on; says why."""


def partition_of(key):
    slot = binascii.crc_hqx(key.encode(), 0) % 16384
    return next(index for index in range(PARTITIONS) if slot < (index + 1) * 16384 // PARTITIONS)


def key_in(partition, name):
    """A key of this partition that begins with `name`."""
    return next(key for key in (f"{name}:{i}" for i in range(10**6)) if partition_of(key) == partition)


def quantile(values, share):
    """The value that `share` of the values are not above."""
    ordered = sorted(values)
    return ordered[max(0, min(len(ordered) - 1, -(-int(share * 1e6) * len(ordered) // 10**6) - 1))]
