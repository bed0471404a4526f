#!/usr/bin/env python3
"""How long clients have to wait when something fails: one meta server, three nodes, one proxy on loopback, defaults (sync = always, lease 2 s, grace 2.5 s).

Clients write without pause, each its own keys, two on every partition. A round is a fault and all that follows until the cluster is whole and its
leaders are spread as before; what counts is the longest time between two acknowledged writes of one client, over all clients. Kinds of rounds:

    primary     kill -9 of a node that leads                              p50 < 3 s, max < 4 s
    secondary   kill -9 of a node that leads nothing                      max < 300 ms
    silent      SIGSTOP of a node that leads nothing, kill -9 later       max < 2.5 s
    drain       admin drain, SIGTERM, restart, admin drain --off          max < 100 ms
    meta        kill -9 of the meta server, for a minute                  max < 100 ms

At the end every counter must lie between the acknowledged and the sent increments, every key hold what was acknowledged last or sent after that.

    bench/failover.py --pegasus target/release/pegasus                                  # about a quarter of an hour
    bench/failover.py --pegasus target/release/pegasus --rounds 2 --kinds primary,drain # a smoke
"""

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from processes import NODES, PARTITIONS, Cluster, Failed, Loop, encode, key_in, quantile, reply

CLIENTS = 2 * PARTITIONS


class Writer:
    """One connection, one write at a time: increments of a counter and new values of a key, both in one partition."""

    def __init__(self, number, port):
        self.port = port
        self.partition = number % PARTITIONS
        self.counter = key_in(self.partition, f"counter:{number}")
        self.key = key_in(self.partition, f"key:{number}")
        self.acknowledged = self.sent = self.value = 0  # increments; the newest value acknowledged
        self.last = 0.0  # when the newest write was acknowledged
        self.longest = (0.0, 0.0)  # the longest gap since `mark`, and when it began
        self.errors = {}

    def mark(self):
        self.longest = (0.0, self.last)

    def gap(self):
        """The longest gap since `mark`, the one that lasts included."""
        return max(self.longest, (time.monotonic() - self.last, self.last))

    async def run(self, stop):
        self.last = time.monotonic()
        while not stop.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                while not stop.is_set():
                    await self.write(reader, writer)
                writer.close()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failed(type(error).__name__)
                await asyncio.sleep(0.005)

    async def write(self, reader, writer):
        """Sends the next number to both keys in turn; a refused one is not sent again."""
        self.sent += 1
        for command in (encode("INCR", self.counter), encode("SET", self.key, self.sent)):
            writer.write(command)
            answer = await reply(reader)
            if answer.startswith("-"):
                self.failed(answer[1:].split()[0])
                await asyncio.sleep(0.005)
                continue
            if command.startswith(b"*2"):
                self.acknowledged += 1
            else:
                self.value = self.sent
            now = time.monotonic()
            self.longest = max(self.longest, (now - self.last, self.last))
            self.last = now

    def failed(self, word):
        self.errors[word] = self.errors.get(word, 0) + 1

    async def check(self, reader, writer):
        problems = []
        for key, acknowledged in ((self.counter, self.acknowledged), (self.key, self.value)):
            writer.write(encode("GET", key))
            found = int(await reply(reader) or 0)
            if not acknowledged <= found <= self.sent:
                problems.append(f"{key}: found {found}, acknowledged {acknowledged}, sent {self.sent}")
        return problems


class Clients:
    """All writers."""

    def __init__(self, port):
        self.port = port
        self.writers = [Writer(number, port) for number in range(CLIENTS)]
        self.loop = Loop(*(writer.run for writer in self.writers))

    def mark(self):
        self.loop.held_up = 0.0
        for writer in self.writers:
            writer.mark()

    def gap(self):
        """The longest gap since `mark`: how long, when it began, in which partition."""
        gap, began, partition = max((*writer.gap(), writer.partition) for writer in self.writers)
        return gap, began, partition

    def flow(self, since):
        """Whether every client had a write acknowledged after `since`."""
        return all(writer.last > since for writer in self.writers)

    def errors(self):
        words = {}
        for writer in self.writers:
            for word, count in list(writer.errors.items()):
                words[word] = words.get(word, 0) + count
        return words

    def finish(self):
        """Stops them and compares the counters."""
        self.loop.close()

        async def check():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            problems = [problem for w in self.writers for problem in await w.check(reader, writer)]
            writer.close()
            return problems

        return asyncio.run(check())


class Rounds:
    """What happens in a round of each kind. Every function begins and ends with a whole cluster."""

    def __init__(self, cluster, clients, args):
        self.cluster, self.clients, self.args = cluster, clients, args
        self.steps = []
        self.ballots = {}

    def step(self, what):
        self.steps.append((what, time.monotonic()))

    def remember(self):
        self.ballots = {name: row["ballot"] for name, row in self.cluster.partitions().items()}

    def is_back(self):
        """Every group lost a member and has it again, which takes two ballots: a look at the status alone could come too early."""
        ballots = {name: row["ballot"] for name, row in self.cluster.partitions().items()}
        return all(ballots[name] >= self.ballots[name] + 2 for name in ballots) and self.cluster.whole()

    def is_removed(self, node):
        return all(node not in [row["primary"], *row["secondaries"]] for row in self.cluster.partitions().values())

    def come_back(self, node):
        self.step("start")
        self.cluster.start(node)
        self.cluster.until(f"{node} is back in all groups, leaders are spread", self.is_back)
        self.step("whole")

    def primary(self, number):
        node = NODES[number % len(NODES)]
        if node not in self.cluster.leaders().values():
            raise Failed(f"{node} leads nothing")
        self.remember()
        self.clients.mark()
        self.step("kill")
        self.cluster.kill(node)
        since = time.monotonic()
        self.cluster.until("all partitions take writes", lambda: self.clients.flow(since), patience=30, pause=0.01)
        self.step("writes flow")
        self.cluster.until(f"{node} is removed", lambda: self.is_removed(node), patience=30)
        self.come_back(node)

    def secondary(self, number):
        self.follower(NODES[number % len(NODES)], self.cluster.kill)

    def silent(self, number):
        self.follower(NODES[number % len(NODES)], self.cluster.hang)

    def follower(self, node, fault):
        self.cluster.admin("drain", node, "--wait", "30")
        self.cluster.until(f"{node} leads nothing", self.cluster.whole)
        self.remember()
        self.clients.mark()
        self.step("fault")
        fault(node)
        self.cluster.until(f"{node} is removed", lambda: self.is_removed(node), patience=30)
        self.step("removed")
        time.sleep(0.5)
        if node in self.cluster.running:
            self.cluster.kill(node)
        self.come_back(node)
        self.cluster.admin("drain", node, "--off")
        self.step("drain off")
        self.cluster.until("leaders are spread", self.cluster.whole)
        self.step("spread")

    def drain(self, number):
        node = NODES[number % len(NODES)]
        self.clients.mark()
        self.step("drain")
        self.cluster.admin("drain", node, "--wait", "30")
        self.remember()
        self.step("SIGTERM")
        self.cluster.stop(node)
        self.step("stopped")
        self.come_back(node)
        self.cluster.admin("drain", node, "--off")
        self.step("drain off")
        self.cluster.until("leaders are spread", self.cluster.whole)
        self.step("spread")

    def meta(self, _number):
        self.clients.mark()
        self.step("kill")
        self.cluster.kill("meta")
        time.sleep(self.args.meta_seconds)
        self.step("start")
        self.cluster.start("meta")
        self.cluster.until("the cluster is whole", self.cluster.whole)
        self.step("whole")

    def run(self, kind, number):
        """One round, in figures."""
        self.steps = []
        before = self.clients.errors()
        getattr(self, kind)(number)
        gap, began, partition = self.clients.gap()
        errors = {word: count - before.get(word, 0) for word, count in self.clients.errors().items() if count > before.get(word, 0)}
        start = self.steps[0][1]
        return {
            "kind": kind, "round": number, "gap_ms": gap * 1e3, "began_s": began - start, "partition": partition, "errors": errors,
            "clients_held_up_ms": self.clients.loop.held_up * 1e3, "steps": [[what, at - start] for what, at in self.steps],
        }  # fmt: skip

    def idle(self, seconds):
        """The longest gap while nothing happens."""
        self.clients.mark()
        time.sleep(seconds)
        return {"gap_ms": self.clients.gap()[0] * 1e3, "clients_held_up_ms": self.clients.loop.held_up * 1e3}


# Of each kind: milliseconds that the median and the longest have to stay below.
CRITERIA = {"primary": (3000, 4000), "secondary": (300, 300), "silent": (2500, 2500), "drain": (100, 100), "meta": (100, 100)}


def met(kind, gaps):
    p50, longest = CRITERIA[kind]
    return quantile(gaps, 0.5) < p50 and max(gaps) < longest


def table(results, idle):
    lines = ["| kind | rounds | p50 ms | p90 | max | criterion | met | errors | idle before, max | clients held up, max |", "|---|---|---|---|---|---|---|---|---|---|"]
    for kind, rounds in results.items():
        gaps = [r["gap_ms"] for r in rounds]
        words = {}
        for r in rounds:
            for word, count in r["errors"].items():
                words[word] = words.get(word, 0) + count
        p50, longest = CRITERIA[kind]
        criterion = f"max < {longest}" if p50 == longest else f"p50 < {p50}, max < {longest}"
        errors = " ".join(f"{word}:{count}" for word, count in sorted(words.items())) or "none"
        lines.append(
            f"| {kind} | {len(gaps)} | {quantile(gaps, 0.5):.0f} | {quantile(gaps, 0.9):.0f} | {max(gaps):.0f} | {criterion} "
            f"| {'yes' if met(kind, gaps) else 'NO'} | {errors} | {idle[kind]['gap_ms']:.0f} | {max(r['clients_held_up_ms'] for r in rounds):.0f} |"
        )
    return "\n".join(lines)


def measure(cluster, args):
    """All rounds of all kinds; figures by kind, idle gaps by kind, violations."""
    cluster.start()
    cluster.until("the cluster is whole", cluster.whole)
    clients = Clients(cluster.port)
    clients.loop.thread.start()
    results, idle = {}, {}
    try:
        since = time.monotonic()
        cluster.until("all clients write", lambda: clients.flow(since))
        rounds = Rounds(cluster, clients, args)
        for kind in args.kinds:
            idle[kind] = rounds.idle(args.meta_seconds if kind == "meta" else 5)
            for number in range(1 if kind == "meta" else args.rounds):
                done = rounds.run(kind, number)
                results.setdefault(kind, []).append(done)
                steps = ", ".join(f"{what} {at:.2f}" for what, at in done["steps"])
                print(f"{kind} {number}: {done['gap_ms']:.0f} ms, began at {done['began_s']:.2f} s in partition {done['partition']}; {steps}", flush=True)
    finally:
        clients.loop.stop.set()
    problems = clients.finish()
    acknowledged, sent = (sum(getattr(w, name) for w in clients.writers) for name in ("acknowledged", "sent"))
    print(f"{acknowledged} of {sent} increments acknowledged, {len(problems)} keys wrong")
    return results, idle, problems


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True, help="the pegasus binary")
    args.add_argument("--rounds", type=int, default=20, help="of each kind; of meta there is one")
    args.add_argument("--kinds", default=",".join(CRITERIA), help="comma-separated")
    args.add_argument("--meta-seconds", type=float, default=60, help="how long the meta server is away")
    args.add_argument("--level", default="info", help="tracing.level of the processes")
    args.add_argument("--json", help="where to write the figures")
    args.add_argument("--keep", action="store_true", help="keep the processes' directories")
    args = args.parse_args()
    args.kinds = args.kinds.split(",")
    if unknown := set(args.kinds) - set(CRITERIA):
        sys.exit(f"unknown kinds: {', '.join(sorted(unknown))}")
    directory = Path(tempfile.mkdtemp(prefix="pegasus-failover-"))
    cluster = Cluster(args.pegasus, directory, level=args.level)
    try:
        results, idle, problems = measure(cluster, args)
        cluster.close()
    except Failed as failed:
        sys.exit(f"{failed}\nsee {directory}")
    finally:
        cluster.kill_all()
    if args.json:
        Path(args.json).write_text(json.dumps({"rounds": results, "idle": idle, "problems": problems}, indent=1))
    print(table(results, idle))
    if problems:
        sys.exit("\n".join([*problems, f"see {directory}"]))
    if args.keep:
        print(f"see {directory}")
    else:
        shutil.rmtree(directory, ignore_errors=True)
    if not all(met(kind, [r["gap_ms"] for r in rounds]) for kind, rounds in results.items()):
        sys.exit("a criterion is missed")


if __name__ == "__main__":
    main()
