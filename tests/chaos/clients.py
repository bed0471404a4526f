"""Clients that write down what they asked and heard, for `check-history`.

A few clients share few hot keys. A key gets a few hundred operations, then its clients move on to a new one, so that the check stays cheap.
Values never repeat.
"""

import asyncio
import json
import random
import time

from harness import encode, reply

PATIENCE = 14  # seconds: longer than a proxy's
REGISTER, COUNTER, TEXT = "register", "counter", "text"
WEIGHTS = {
    REGISTER: {"get": 45, "set": 35, "setnx": 12, "del": 8},
    COUNTER: {"get": 47, "incr": 50, "del": 3},
    TEXT: {"get": 55, "append": 42, "del": 3},
}
OPERATIONS = {REGISTER: 240, COUNTER: 240, TEXT: 120}  # of one key
# The command was not run, says the proxy (pegasus-proxy/src/errors.rs). What says something else is not known.
NOT_RUN = ("-CLUSTERDOWN ", "-NOREPLICAS ", "-MISCONF ", "-TRYAGAIN The ")
NOT_KNOWN = ("-ERR no answer in time, it is not known", "-TRYAGAIN No answer in time")
LOST = (OSError, EOFError, asyncio.TimeoutError)


class History:
    """What all clients asked and heard: a line for each operation that may have been run."""

    def __init__(self, path):
        self.path = path
        self.file = open(path, "w")
        self.keys = {}
        self.acknowledged = self.unknown = self.refused = 0
        self.unexpected = []  # replies that nobody should hear
        self.last = self.gap_start = time.monotonic_ns()
        self.gap = 0

    def note(self, key, client, op, args, called, answer):
        """`answer`: as it came, or an exception if none did."""
        returned = time.monotonic_ns()
        self.keys[key] = None
        heard = self.understood(op, answer)
        if heard == "refused":
            self.refused += 1
            return
        if heard is None:
            self.unknown += 1
            returned = None
        else:
            self.acknowledged += 1
            self.gap = max(self.gap, returned - self.last)
            self.last = returned
        line = {"key": key, "client": client, "op": op, "args": args, "called": called, "returned": returned, "heard": heard}
        self.file.write(json.dumps(line, separators=(",", ":")) + "\n")

    def understood(self, op, answer):
        if isinstance(answer, BaseException):
            return None
        if answer is None:
            return {"value": ""}
        if answer.startswith("-"):
            if answer.startswith(NOT_RUN):
                return "refused"
            if not answer.startswith(NOT_KNOWN):
                self.unexpected.append(f"{op}: {answer[:200]}")
            return None
        if answer == "+OK":
            return "done"
        if answer.startswith(":"):
            return {"number": int(answer[1:])}
        return {"value": answer}

    def close(self):
        self.file.close()


class Keys:
    """The hot keys of a group of clients: one of each kind at a time."""

    def __init__(self, group):
        self.group, self.used, self.generation = group, dict.fromkeys(OPERATIONS, 0), dict.fromkeys(OPERATIONS, 0)

    def name(self, kind):
        return f"{kind}:{self.group}:{self.generation[kind]}"

    def names(self):
        return [self.name(kind) for kind in OPERATIONS]

    def use(self, kind):
        if self.used[kind] >= OPERATIONS[kind]:
            self.used[kind] = 0
            self.generation[kind] += 1
        self.used[kind] += 1
        return self.name(kind)


class Connection:
    """A connection to one proxy at a time, made again when it is lost."""

    def __init__(self, network, proxies):
        self.network, self.proxies = network, list(proxies)
        self.reader = self.writer = None

    async def open(self):
        """Connects, unless there is a connection; after a failure the next time to another proxy."""
        if self.writer is not None:
            return True
        try:
            async with asyncio.timeout(1):
                self.reader, self.writer = await self.network.connect(self.proxies[0])
            return True
        except LOST:
            self.proxies.append(self.proxies.pop(0))
            return False

    def close(self):
        if self.writer is not None:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def call(self, *command):
        """The reply, or the exception that came instead."""
        try:
            self.writer.write(encode(*command))
            async with asyncio.timeout(PATIENCE):
                return await reply(self.reader)
        except LOST as error:
            self.close()
            return error


class Client:
    """One of a group: one operation after the other."""

    def __init__(self, number, keys, connection, history, rng, pause):
        self.number, self.keys, self.connection, self.history, self.rng, self.pause = number, keys, connection, history, rng, pause
        self.serial = 0

    async def run(self, stop):
        while not stop.is_set():
            if not await self.connection.open():
                await asyncio.sleep(self.rng.uniform(0.05, 0.3))
                continue
            await self.one()
            await asyncio.sleep(self.rng.uniform(0, self.pause))
        self.connection.close()

    async def one(self):
        kind = self.rng.choice(list(WEIGHTS))
        op = self.rng.choices(*zip(*WEIGHTS[kind].items()))[0]
        key = self.keys.use(kind)
        args = []
        if op in ("set", "setnx", "append"):
            self.serial += 1
            args = [f"{self.number}.{self.serial};"]
        command = ["set", key, *args, "nx"] if op == "setnx" else [op, key, *args]
        called = time.monotonic_ns()
        answer = await self.connection.call(*command)
        self.history.note(key, self.number, op, args, called, answer)


class LateReader:
    """Keeps a connection to one proxy, and reads all hot keys when told to: when somebody is about to wake up, or cut off from the others."""

    def __init__(self, number, groups, network, proxy, history):
        self.number, self.groups, self.proxy, self.history = number, groups, proxy, history
        self.connection = Connection(network, [proxy])
        self.told = asyncio.Event()
        self.reads = 0

    async def run(self, stop):
        while not stop.is_set():
            opened = await self.connection.open()
            try:
                async with asyncio.timeout(0.5):
                    await self.told.wait()
            except asyncio.TimeoutError:
                continue
            self.told.clear()
            if opened:
                await self.read()
        self.connection.close()

    async def read(self):
        keys = [key for group in self.groups for key in group.names()]
        called = time.monotonic_ns()
        answers = []
        try:
            self.connection.writer.write(b"".join(encode("get", key) for key in keys))
            async with asyncio.timeout(PATIENCE):
                for key in keys:
                    answer = await reply(self.connection.reader)
                    self.history.note(key, self.number, "get", [], called, answer)
                    answers.append(answer)
        except LOST:
            self.connection.close()
        self.reads += len(answers)


class Ballast:
    """Writes big values, so that logs are trimmed, stores flush, and who was away for long learns from a checkpoint. Nobody checks them."""

    def __init__(self, connection, rng, per_second):
        self.connection, self.rng, self.per_second = connection, rng, per_second

    async def run(self, stop):
        while not stop.is_set():
            if await self.connection.open():
                await self.connection.call("set", f"ballast:{self.rng.randrange(400)}", self.rng.randbytes(self.rng.randrange(30_000)))
            await asyncio.sleep(self.rng.uniform(0, 2 / self.per_second))
        self.connection.close()


class Load:
    """All clients."""

    def __init__(self, network, proxies, history, rng, groups, clients_per_group, pause):
        self.network, self.proxies, self.history, self.stop = network, proxies, history, asyncio.Event()
        self.groups = [Keys(number) for number in range(groups)]
        self.members = []
        for number in range(groups * clients_per_group):
            own = proxies[number % len(proxies) :] + proxies[: number % len(proxies)]
            seeded = random.Random(rng.random())
            keys = self.groups[number // clients_per_group]
            self.members.append(Client(number, keys, Connection(network, own), history, seeded, pause))
        self.late = {proxy: LateReader(1000 + number, self.groups, network, proxy, history) for number, proxy in enumerate(proxies)}
        self.members += self.late.values()
        self.members.append(Ballast(Connection(network, proxies), random.Random(rng.random()), 20))

    def start(self):
        self.history.last = time.monotonic_ns()
        self.tasks = [asyncio.create_task(member.run(self.stop)) for member in self.members]

    def late_reads(self, proxy=None):
        for late in [self.late[proxy]] if proxy else self.late.values():
            late.told.set()

    async def finish(self):
        self.stop.set()
        await asyncio.gather(*self.tasks)

    async def read_all(self):
        """Reads every key there ever was; how many could not be read."""
        left = list(self.history.keys)
        for _ in range(20):
            connection = Connection(self.network, self.proxies)
            while left and await connection.open():
                part, missed = left[:50], []
                called = time.monotonic_ns()
                try:
                    connection.writer.write(b"".join(encode("get", key) for key in part))
                    for key in part:
                        async with asyncio.timeout(PATIENCE):
                            answer = await reply(connection.reader)
                        self.history.note(key, 2000, "get", [], called, answer)
                        if isinstance(answer, str) and answer.startswith("-"):
                            missed.append(key)
                except LOST:
                    break
                left = left[50:]
                left += missed
                if missed:
                    break
            connection.close()
            if not left:
                return 0
            await asyncio.sleep(1)
        return len(left)
