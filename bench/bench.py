#!/usr/bin/env python3
"""Side by side with redis-server on loopback: redis-benchmark against each server in turn, round by round.

Rounds are interleaved (every server once, then again), so that a machine whose speed drifts is fair to all; what is
quoted is the median over the rounds and the ratio of medians. CPU is what the kernel charged to the server process.

    bench/bench.py --pegasus target/release/pegasus                 # all, about 40 minutes
    bench/bench.py --pegasus target/release/pegasus --quick         # 64-byte values, fewer requests, about 8 minutes
    bench/bench.py ... --servers redis,pegasus-1-no --tests set,get # a selection
    bench/bench.py ... --before OLD/pegasus                         # beside another version, which then is what ratios are to
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = ["ping", "set", "get", "incr", "mset"]
KEYS = 1_000_000
CLIENTS = 50

VALUE = "v" * 64
# Small collections: each of many keys is one. What redis-benchmark sends; __rand_int__ is one of KEYS.
SMALL = {
    "hset": "HSET h:__rand_int__ field2 " + VALUE,
    "hget": "HGET h:__rand_int__ field1",
    "hgetall": "HGETALL h:__rand_int__",
    "lpush": "LPUSH l:__rand_int__ " + VALUE,
    "lrange_100": "LRANGE hundred 0 99",
    "rpop": "RPOP l:__rand_int__",
    "sadd": "SADD s:__rand_int__ member1",
    "spop": "SPOP s:__rand_int__",
    "zadd": "ZADD z:__rand_int__ 2 member2",
    "zrange": "ZRANGE z:__rand_int__ 0 -1",
    "zrank": "ZRANK z:__rand_int__ member1",
    "xadd": "XADD x:__rand_int__ * field " + VALUE,
    "setbit": "SETBIT b:__rand_int__ 7 1",
}
# One collection of a given number of elements (the random part of members is below that).
ELEMENTS = {"1k": 1_000, "1m": 1_000_000}
BIG = {
    "hset": "HSET {n}:h m:__rand_int__ " + VALUE,
    "hget": "HGET {n}:h m:__rand_int__",
    "lpush": "LPUSH {n}:l " + VALUE,
    "rpop": "RPOP {n}:l",
    "lindex": "LINDEX {n}:l {middle}",
    "lrange_100": "LRANGE {n}:l 0 99",
    "sadd": "SADD {n}:s m:__rand_int__",
    "sismember": "SISMEMBER {n}:s m:__rand_int__",
    "srandmember": "SRANDMEMBER {n}:s",
    "spop": "SPOP {n}:s",
    "zadd": "ZADD {n}:z __rand_int__ m:__rand_int__",
    "zrange": "ZRANGE {n}:z {middle} {middle_end}",
    "zrank": "ZRANK {n}:z m:__rand_int__",
    "zscore": "ZSCORE {n}:z m:__rand_int__",
    "xadd": "XADD {n}:x * field " + VALUE,
    "setbit": "SETBIT {n}:b {middle} 1",
}


def words_of(test):
    """The words of a test of collections (`hset`, `hset-1m`) and the bound of its random numbers; None for redis-benchmark's own tests."""
    name, _, size = test.partition("-")
    if size:
        count = ELEMENTS[size]
        words = BIG[name].format(n=size, middle=count // 2, middle_end=count // 2 + 9)
        return words.split(), count
    return (SMALL[name].split(), KEYS // 10) if name in SMALL else None


def prepare(server, tests):
    """Fills what the tests of collections find: small collections, and big ones of each size that is asked for."""
    def commands():
        small = {t for t in tests if t in SMALL}
        if small:
            yield ["RPUSH", "hundred"] + [VALUE] * 100
            for number in range(KEYS // 10):
                key = f"{number:012}"
                yield ["HSET", f"h:{key}", "field1", VALUE, "field2", VALUE, "field3", VALUE]
                yield ["ZADD", f"z:{key}", "1", "member1", "2", "member2", "3", "member3"]
                if "spop" in small:
                    yield ["SADD", f"s:{key}"] + [f"member{i}" for i in range(20)]
                if "rpop" in small:
                    yield ["RPUSH", f"l:{key}"] + [VALUE] * 10
        for size in sorted({t.partition("-")[2] for t in tests} - {""}):
            for start in range(0, ELEMENTS[size], 100):
                numbers = range(start, start + 100)
                yield ["HSET", f"{size}:h"] + [w for i in numbers for w in (f"m:{i:012}", VALUE)]
                yield ["SADD", f"{size}:s"] + [f"m:{i:012}" for i in numbers]
                yield ["ZADD", f"{size}:z"] + [w for i in numbers for w in (str(i * 7 % ELEMENTS[size]), f"m:{i:012}")]
                yield ["RPUSH", f"{size}:l"] + [VALUE] * 100
                for _ in numbers:
                    yield ["XADD", f"{size}:x", "*", "field", VALUE]
            yield ["SETBIT", f"{size}:b", str(ELEMENTS[size]), "1"]

    with socket.create_connection(("127.0.0.1", server.port), 60) as s:
        replies = s.makefile("rb")
        waiting, buffer = 0, []
        for command in commands():
            buffer.append(f"*{len(command)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in command))
            waiting += 1
            if waiting == 500:
                waiting = flush(s, replies, buffer, waiting)
        flush(s, replies, buffer, waiting)


def flush(s, replies, buffer, waiting):
    s.sendall("".join(buffer).encode())
    buffer.clear()
    for _ in range(waiting):
        line = replies.readline()
        if line.startswith(b"-"):
            sys.exit(f"preparing: {line.decode()}")
        if line.startswith(b"$"):
            replies.read(int(line[1:]) + 2)
    return 0


class Server:
    """One server process on a port of its own."""

    def __init__(self, name, against, command, directory):
        self.name, self.against, self.directory = name, against, directory
        self.port = free_port()
        self.command = command(self.port, directory)
        self.process = None

    def start(self):
        self.directory.mkdir(parents=True)
        log = open(self.directory / "server.log", "wb")
        self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        deadline = time.time() + 30
        while time.time() < deadline:
            if self.process.poll() is not None:
                break
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(b"SET bench:ready 1\r\n")
                    if s.recv(64).startswith(b"+OK"):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        sys.exit(f"{self.name} does not answer; see {self.directory / 'server.log'}")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def servers(pegasus, before, directory):
    def redis(*extra):
        return lambda port, d: ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(d), "--save", "", *extra]

    def onebox(replicas, sync, binary=pegasus):
        return lambda port, d: [
            binary, "onebox", "--port", str(port), "--data", str(d / "data"), "--nodes", str(replicas),
            "--replicas", str(replicas), "--sync", sync, "--set", "tracing.level=warn",
        ]  # fmt: skip

    made = [
        ("redis", None, redis("--appendonly", "no")),
        ("redis-always", None, redis("--appendonly", "yes", "--appendfsync", "always")),
        ("pegasus-1-no", "redis", onebox(1, "no")),
        ("pegasus-1-always", "redis-always", onebox(1, "always")),
        ("pegasus-3-no", "redis", onebox(3, "no")),
        ("pegasus-3-always", "redis-always", onebox(3, "always")),
    ]
    if before:
        kinds = [(1, "no"), (1, "always"), (3, "no"), (3, "always")]
        made = [(f"before-{r}-{sync}", None, onebox(r, sync, before)) for r, sync in kinds]
        made += [(f"pegasus-{r}-{sync}", f"before-{r}-{sync}", onebox(r, sync)) for r, sync in kinds]
        made.sort(key=lambda entry: entry[0].split("-")[1:])
    return [Server(name, against, command, directory / name) for name, against, command in made]


def run(server, test, pipeline, size, requests):
    """One redis-benchmark run: operations a second, latencies in ms, operations per CPU second of the server."""
    before = server.cpu_seconds()
    words, keys = words_of(test) or (["-t", test, "-d", str(size)], KEYS)
    command = [
        "redis-benchmark", "-p", str(server.port), "-n", str(requests), "-c", str(CLIENTS),
        "-P", str(pipeline), "-r", str(keys), *words,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode != 0 or "Error" in done.stdout + done.stderr:
        sys.exit(f"{' '.join(command)} against {server.name}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    rates = [float(r) for r in re.findall(r"throughput summary: ([\d.]+) requests per second", done.stdout)]
    percentiles = [(float(p), float(ms)) for p, ms in re.findall(r"([\d.]+)% <= ([\d.]+) milliseconds \(cumulative", done.stdout)]

    def at(percent):
        return next((ms for p, ms in percentiles if p >= percent), percentiles[-1][1])

    runs = len(rates)  # PING runs twice: inline and as an array
    cpu = max(server.cpu_seconds() - before, 0.01)
    return {
        "ops": statistics.mean(rates),
        "p50": at(50),
        "p99": at(99),
        "p999": at(99.9),
        "ops_per_cpu": requests * runs / cpu,
    }


def median_of(samples):
    return {key: statistics.median(s[key] for s in samples) for key in samples[0]}


def table(results, names, against):
    """Markdown: a row a test, thousand operations a second (and per CPU second), ratio to what it is compared with."""
    lines = []
    for size in sorted({k[3] for k in results}):
        lines += [f"\n### {size}-byte values\n"]
        lines += ["| test | server | kop/s | ratio | kop per CPU s | ratio | p50 ms | p99 | p99.9 |", "|---|---|---|---|---|---|---|---|---|"]
        for test, pipeline in dict.fromkeys((k[1], k[2]) for k in results if k[3] == size):
            for name in names:
                row = results.get((name, test, pipeline, size))
                if not row:
                    continue
                base = results.get((against[name], test, pipeline, size)) if against[name] else None
                ratio = f"{row['ops'] / base['ops']:.2f}" if base else ""
                cpu_ratio = f"{row['ops_per_cpu'] / base['ops_per_cpu']:.2f}" if base else ""
                what = test.upper() + (f" -P {pipeline}" if pipeline > 1 else "")
                lines.append(
                    f"| {what} | {name} | {row['ops'] / 1e3:.1f} | {ratio} | {row['ops_per_cpu'] / 1e3:.1f} | {cpu_ratio} "
                    f"| {row['p50']:.2f} | {row['p99']:.2f} | {row['p999']:.2f} |"
                )
    return "\n".join(lines)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--pegasus", required=True, help="the pegasus binary")
    args.add_argument("--before", help="another version's binary, to be compared with instead of redis-server")
    args.add_argument("--rounds", type=int, default=5)
    args.add_argument("--requests", type=int, default=200_000, help="requests of a run without pipelining; with -P 16 it is four times that")
    args.add_argument("--servers", default="", help="comma-separated names; all by default")
    args.add_argument("--tests", default=",".join(TESTS), help="of redis-benchmark, and hset, zadd-1m ...; 'small': all of small collections; 'big': "
                      "all of one collection of a thousand and of a million elements")  # fmt: skip
    args.add_argument("--pipelines", default="1,16")
    args.add_argument("--sizes", default="64,1024")
    args.add_argument("--quick", action="store_true", help="64-byte values, 3 rounds, 100,000 requests")
    args.add_argument("--json", default="bench/results.json", help="where to write the figures")
    args.add_argument("--keep", action="store_true", help="keep the servers' directories")
    args = args.parse_args()
    if args.quick:
        args.rounds, args.requests, args.sizes = 3, 100_000, "64"
    if not shutil.which("redis-benchmark") or not shutil.which("redis-server"):
        sys.exit("redis-server and redis-benchmark are needed (make install)")

    groups = {"small": list(SMALL), "big": [f"{test}-{size}" for test in BIG for size in ELEMENTS]}
    tests = [test for word in args.tests.split(",") for test in groups.get(word, [word])]
    directory = Path(tempfile.mkdtemp(prefix="pegasus-bench-"))
    before = os.path.abspath(args.before) if args.before else None
    chosen = servers(os.path.abspath(args.pegasus), before, directory)
    if args.servers:
        wanted = args.servers.split(",")
        unknown = set(wanted) - {s.name for s in chosen}
        if unknown:
            sys.exit(f"unknown servers: {', '.join(sorted(unknown))}")
        chosen = [s for s in chosen if s.name in wanted]
    samples = {}
    try:
        for server in chosen:
            server.start()
        cases = [(t, int(p), int(d)) for d in args.sizes.split(",") for t in tests for p in args.pipelines.split(",")]
        # GET finds what SET left behind: one unmeasured run of SET fills each server with the keys of that size.
        filled = None
        for test, pipeline, size in cases:
            if filled != size:
                for server in chosen if filled is None else []:
                    prepare(server, tests)
                for server in chosen if not words_of(test) else []:
                    run(server, "set", 16, size, 4 * args.requests)
                filled = size
            for _ in range(args.rounds):
                for server in chosen:
                    requests = args.requests * (4 if pipeline > 1 else 1)
                    requests //= 4 if test == "mset" else 1
                    samples.setdefault((server.name, test, pipeline, size), []).append(run(server, test, pipeline, size, requests))
            print(f"{test} -P {pipeline} -d {size}: " + "  ".join(
                f"{s.name} {median_of(samples[(s.name, test, pipeline, size)])['ops'] / 1e3:.1f}" for s in chosen), flush=True)
    finally:
        for server in chosen:
            server.stop()
        if not args.keep:
            shutil.rmtree(directory, ignore_errors=True)
    results = {key: median_of(runs) for key, runs in samples.items()}
    print(table(results, [s.name for s in chosen], {s.name: s.against for s in chosen}))
    Path(args.json).write_text(json.dumps(
        [{"server": k[0], "test": k[1], "pipeline": k[2], "size": k[3], "median": v, "runs": samples[k]} for k, v in results.items()], indent=1))


if __name__ == "__main__":
    main()
