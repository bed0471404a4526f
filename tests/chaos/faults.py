"""What goes wrong. A fault takes its machines, does its worst for a bounded time, and leaves them running and connected.

Each is a coroutine that is given the [`World`] and a source of choices, and returns what it did, for the log of events; or nothing if it could
not find a machine that no other fault has.
"""

import asyncio
import subprocess
import time

from cluster import META

FAULTS = {}


class World:
    """What faults act on."""

    def __init__(self, cluster, load, events):
        self.cluster, self.load, self.events = cluster, load, events
        self.start = time.monotonic()

    def note(self, text):
        self.events.write(f"{time.monotonic() - self.start:9.3f} {time.monotonic_ns()} {text}\n")
        self.events.flush()

    def take(self, rng, role):
        """A machine no other fault has."""
        free = [machine for machine in self.cluster.of(role) if not machine.busy]
        if not free:
            return None
        machine = rng.choice(free)
        machine.busy = True
        return machine

    async def restart(self, *machines):
        for machine in machines:
            machine.start()
            self.note(f"start {machine.name}")


def fault(weight, needs=()):
    """A fault with its weight. `needs`: of "cuts", "images", "strace", "throttle"."""

    def register(function):
        FAULTS[function.__name__] = (function, weight, frozenset(needs))
        return function

    return register


async def wait(rng, least, most):
    await asyncio.sleep(rng.uniform(least, most))


def free(*machines):
    for machine in machines:
        if machine is not None:
            machine.busy = False


async def crash(world, rng, role, least, most):
    machine = world.take(rng, role)
    if machine is None:
        return None
    world.note(f"kill {machine.name}")
    await asyncio.to_thread(machine.kill)
    await wait(rng, least, most)
    await world.restart(machine)
    free(machine)
    return machine.name


@fault(12)
async def kill_node(world, rng):
    """kill -9 of a replica node; it comes back at once, or after its primaries have moved, or after another took its place."""
    return await crash(world, rng, "replica", 0.0, rng.choice([0.5, 4, 15]))


@fault(4)
async def kill_proxy(world, rng):
    return await crash(world, rng, "proxy", 0.0, 2.0)


@fault(5)
async def kill_meta(world, rng):
    """The meta server is away for a while; groups can not change."""
    return await crash(world, rng, "meta", 0.0, 10.0)


@fault(3)
async def kill_node_and_meta(world, rng):
    """A node dies while the meta server is away."""
    meta, node = world.take(rng, "meta"), world.take(rng, "replica")
    if meta is None or node is None:
        free(meta, node)
        return None
    world.note(f"kill meta, {node.name}")
    await asyncio.to_thread(meta.kill)
    await wait(rng, 0.0, 1.0)
    await asyncio.to_thread(node.kill)
    await wait(rng, 0.0, 5.0)
    for machine in rng.sample([meta, node], 2):
        await world.restart(machine)
        await wait(rng, 0.0, 2.0)
    free(meta, node)
    return node.name


@fault(2)
async def kill_all_nodes(world, rng):
    """kill -9 of all replica nodes at once, and perhaps of the meta server."""
    machines = [*world.cluster.of("replica"), *(world.cluster.of("meta") if rng.random() < 0.5 else [])]
    if any(machine.busy for machine in machines):
        return None
    for machine in machines:
        machine.busy = True
    world.note("kill " + ", ".join(machine.name for machine in machines))
    for machine in machines:
        await asyncio.to_thread(machine.kill)
    await wait(rng, 0.0, 2.0)
    for machine in rng.sample(machines, len(machines)):
        await world.restart(machine)
        await wait(rng, 0.0, 0.5)
    free(*machines)
    return str(len(machines))


@fault(14)
async def pause_node(world, rng):
    """SIGSTOP for less or more than `grace`, often of a proxy in the same moment: both wake up and know nothing of what was decided
    meanwhile. Reads wait for them."""
    node = world.take(rng, "replica")
    if node is None:
        return None
    proxy = world.take(rng, "proxy") if rng.random() < 0.6 else None
    both = [machine for machine in (node, proxy) if machine is not None]
    names = ", ".join(machine.name for machine in both)
    world.note(f"pause {names}")
    for machine in both:
        machine.pause()
    await wait(rng, 0.3, rng.choice([2.0, 8.0, 8.0]))
    # Asked after others have written under a new primary, answered by those who sleep.
    world.load.late_reads(proxy.name if proxy else None)
    await wait(rng, 0.0, 0.2)
    for machine in rng.sample(both, len(both)):
        machine.resume()
        await wait(rng, 0.0, rng.choice([0.0, 0.05]))
    world.note(f"resume {names}")
    world.load.late_reads()
    free(*both)
    return names


@fault(4)
async def pause_proxy(world, rng):
    proxy = world.take(rng, "proxy")
    if proxy is None:
        return None
    world.note(f"pause {proxy.name}")
    proxy.pause()
    await wait(rng, 0.3, 5.0)
    world.load.late_reads(proxy.name)
    await wait(rng, 0.0, 0.2)
    proxy.resume()
    world.note(f"resume {proxy.name}")
    free(proxy)
    return proxy.name


@fault(3)
async def pause_meta(world, rng):
    meta = world.take(rng, "meta")
    if meta is None:
        return None
    world.note("pause meta")
    meta.pause()
    await wait(rng, 0.3, 8.0)
    meta.resume()
    world.note("resume meta")
    free(meta)
    return META


@fault(6)
async def roll(world, rng):
    """A planned restart: drained, SIGTERM, back."""
    node = world.take(rng, "replica")
    if node is None:
        return None
    drained = await world.cluster.admin("drain", node.name, "--wait", "10")
    world.note(f"drain {node.name}: {'leads nothing' if drained else 'still leads, or no answer'}")
    node.wanted = False
    code = await asyncio.to_thread(node.stop, 40)
    world.note(f"stop {node.name}: {code}")
    if code is None:
        raise Misbehaved(f"{node.name} does not leave on SIGTERM")
    if code != 0:
        raise Misbehaved(f"{node.name} left with {code} on SIGTERM")
    await wait(rng, 0.0, 2.0)
    await world.restart(node)
    await undrain(world, node)
    free(node)
    return node.name


async def undrain(world, node):
    for _ in range(60):
        if await world.cluster.admin("drain", node.name, "--off"):
            return
        await asyncio.sleep(0.5)  # the meta server may be away
    raise Misbehaved(f"the meta server does not let {node.name} lead again")


@fault(10)
async def administer(world, rng):
    """Somebody moves things while others fail."""
    partitions = await world.cluster.partitions()
    if not partitions:
        return None
    said = []
    for _ in range(rng.randrange(1, 5)):
        partition = rng.choice(partitions)
        node = rng.choice(world.cluster.of("replica")).name
        words = rng.choice(["move-primary", "move-primary", "remove-replica", "add-replica"]), partition["partition"], node
        taken = await world.cluster.admin(*words)
        said.append(" ".join(words) + (" taken" if taken else " refused"))
        await wait(rng, 0.0, 0.5)
    world.note("admin " + ", ".join(said))
    return str(len(said))


# Cuts -------------------------------------------------------------------------------------------------------------------------------------


async def cut(world, rng, what, rules, least, most, late=False):
    """Drops packets by `rules`, of (place, chain, words of iptables), for a while."""
    network = world.cluster.network
    world.note(f"cut {what}")
    undo = [await asyncio.to_thread(network.drop, *rule) for rule in rules]
    end = time.monotonic() + rng.uniform(least, most)
    while time.monotonic() < end:
        await asyncio.sleep(0.4)
        if late:
            world.load.late_reads()
    for command in undo:
        await asyncio.to_thread(subprocess.run, command, check=True)
    world.note(f"heal {what}")
    world.load.late_reads()
    return what


def both_ways(world, place, other):
    host = world.cluster.network.address(other)[0]
    return [(place, "INPUT", "-s", host), (place, "OUTPUT", "-d", host)]


@fault(5, needs=["cuts"])
async def cut_two(world, rng):
    """Two places do not hear each other."""
    a, b = rng.sample(list(world.cluster.machines), 2)
    return await cut(world, rng, f"{a} = {b}", both_ways(world, a, b), 0.3, 8.0)


@fault(5, needs=["cuts"])
async def cut_one_way(world, rng):
    """One place is not heard by another."""
    a, b = rng.sample(list(world.cluster.machines), 2)
    return await cut(world, rng, f"{a} > {b}", [(b, "INPUT", "-s", world.cluster.network.address(a)[0])], 0.3, 8.0)


@fault(5, needs=["cuts"])
async def cut_off(world, rng):
    """A node hears nobody, and nobody hears it."""
    node = rng.choice(world.cluster.of("replica")).name
    return await cut(world, rng, f"{node} = all", [(node, "INPUT", "-i", "eth0"), (node, "OUTPUT", "-o", "eth0")], 0.3, 8.0)


@fault(4, needs=["cuts"])
async def cut_from_meta(world, rng):
    node = rng.choice(world.cluster.of("replica") + world.cluster.of("proxy")).name
    return await cut(world, rng, f"{node} = meta", both_ways(world, node, META), 0.3, 8.0)


@fault(6, needs=["cuts"])
async def cut_from_members(world, rng):
    """A node does not hear the other nodes, but proxies reach it: it must stop reading before another starts."""
    nodes = [machine.name for machine in world.cluster.of("replica")]
    node = rng.choice(nodes)
    rules = [rule for other in nodes if other != node for rule in both_ways(world, node, other)]
    return await cut(world, rng, f"{node} = other nodes", rules, 0.3, 8.0, late=True)


@fault(6, needs=["cuts"])
async def split(world, rng):
    """A node and a proxy on one side, everybody else on the other."""
    machines = world.cluster.machines
    node, proxy = rng.choice(world.cluster.of("replica")).name, rng.choice(world.cluster.of("proxy")).name
    rules = [rule for place in (node, proxy) for other in machines if other not in (node, proxy) for rule in both_ways(world, place, other)]
    return await cut(world, rng, f"{node}, {proxy} = others", rules, 0.3, 8.0, late=True)


# Disks ------------------------------------------------------------------------------------------------------------------------------------


@fault(5, needs=["images"])
async def disk_full(world, rng):
    """The disk is full for a while. A store that met that in a flush needs a restart: every second node gets one, the others at the end."""
    node = world.take(rng, "replica")
    if node is None:
        return None
    world.note(f"fill {node.name}")
    await asyncio.to_thread(node.disk.fill)
    node.tainted = True
    await wait(rng, 0.5, 8.0)
    node.disk.empty()
    world.note(f"empty {node.name}")
    if rng.random() < 0.5:
        await wait(rng, 0.0, 2.0)
        await asyncio.to_thread(node.kill)
        await world.restart(node)
    free(node)
    return node.name


@fault(4, needs=["throttle"])
async def slow_disk(world, rng):
    node = world.take(rng, "replica")
    if node is None:
        return None
    speed = rng.choice([50_000, 300_000, 1_000_000])
    world.note(f"slow {node.name}: {speed} bytes/s")
    node.disk.throttle(speed)
    await wait(rng, 1.0, 8.0)
    node.disk.throttle(0)
    world.note(f"fast {node.name}")
    free(node)
    return node.name


async def traced(world, rng, node, inject, least, most):
    """strace makes system calls of a node fail, or take long."""
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync", "-e", f"inject=fdatasync,fsync:{inject}", "-p", str(node.child.pid)]
    null = asyncio.subprocess.DEVNULL
    strace = await asyncio.create_subprocess_exec(*command, stdin=null, stdout=null, stderr=null)
    await wait(rng, least, most)
    if strace.returncode is None:
        strace.terminate()
    await strace.wait()


@fault(3, needs=["strace"])
async def slow_sync(world, rng):
    """Every fdatasync of a node takes longer."""
    node = world.take(rng, "replica")
    if node is None:
        return None
    milliseconds = rng.choice([50, 300, 3000])
    world.note(f"syncs of {node.name} take {milliseconds} ms")
    await traced(world, rng, node, f"delay_enter={milliseconds}ms", 1.0, 8.0)
    world.note(f"syncs of {node.name} are as before")
    free(node)
    return node.name


@fault(3, needs=["strace"])
async def sync_fails(world, rng):
    """fdatasync says EIO for a moment. What was not synced may be lost: the node's replicas are closed until it is started again."""
    node = world.take(rng, "replica")
    if node is None:
        return None
    world.note(f"syncs of {node.name} fail")
    node.tainted = True
    await traced(world, rng, node, "error=EIO:when=1+", 0.2, 3.0)
    await wait(rng, 0.0, 5.0)
    world.note(f"kill {node.name}")
    await asyncio.to_thread(node.kill)
    await wait(rng, 0.0, 1.0)
    await world.restart(node)
    free(node)
    return node.name


async def power(world, rng, machines):
    names = ", ".join(machine.name for machine in machines)
    world.note(f"power off {names}")
    for machine in machines:
        machine.busy, machine.wanted = True, False
        machine.disk.lose_power()
    for machine in machines:
        await asyncio.to_thread(machine.kill)
    await wait(rng, 0.0, rng.choice([0.5, 4.0]))
    for machine in rng.sample(machines, len(machines)):
        await asyncio.to_thread(machine.disk.come_back)
        await world.restart(machine)
        await wait(rng, 0.0, 0.3)
    free(*machines)
    return names


@fault(6, needs=["images"])
async def power_of_one(world, rng):
    """Loss of power of a node: what was not synced is gone."""
    node = world.take(rng, "replica")
    return await power(world, rng, [node]) if node else None


@fault(4, needs=["images"])
async def power_of_all(world, rng):
    """Loss of power of all nodes, and perhaps of the meta server."""
    machines = [*world.cluster.of("replica"), *(world.cluster.of("meta") if rng.random() < 0.7 else [])]
    if any(machine.busy for machine in machines):
        return None
    return await power(world, rng, machines)


class Misbehaved(Exception):
    """The store did what it must not do."""
