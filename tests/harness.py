"""What the long tests share: processes of a store, RESP over a connection, and writers that know what must be there."""

import asyncio
import random
import signal
import socket
import subprocess
import time

KEYS = 40  # per writer: few, so that keys are overwritten often
PIPELINE = 16


def free_ports(count):
    """Ports nobody listens on, below those the kernel gives to outgoing connections: a process that restarts finds its own again."""
    ports, sockets = [], []
    while len(ports) < count:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = random.SystemRandom().randrange(30_000, 32_700)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            s.close()
            continue
        sockets.append(s)
        ports.append(port)
    for s in sockets:
        s.close()
    return ports


class Process:
    """A process of the store that can be started again and again; what it says is appended to one file."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.child = None

    def start(self):
        with open(self.log, "ab") as log:
            # A group of its own: Ctrl-C in the terminal is for the test, which stops everything in order.
            self.child = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)

    def running(self):
        return self.child is not None and self.child.poll() is None

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def kill(self):
        if self.child is not None:
            if self.child.poll() is None:
                self.child.kill()
            self.child.wait()

    def stop(self, seconds=30):
        """SIGTERM; the exit code, or nothing if it does not leave in time."""
        self.send(signal.SIGTERM)
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None


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
