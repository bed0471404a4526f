"""A store of separate processes, each in its place: one meta server, replica nodes, proxies."""

import asyncio
import json
import signal
import time

from disk import Folder, Image
from harness import Process
from network import CLIENTS

META = "meta"


class Machine(Process):
    """A process in its place, with its disk."""

    def __init__(self, name, role, command, log, disk):
        super().__init__(name, command, log)
        self.role, self.disk = role, disk
        self.busy = False  # a fault has it
        self.wanted = False  # it is meant to run
        self.tainted = False  # it saw its disk fail, and is to be started again

    def start(self):
        self.wanted, self.tainted = True, False
        super().start()

    def kill(self):
        self.wanted = False
        super().kill()

    def pause(self):
        self.send(signal.SIGSTOP)

    def resume(self):
        self.send(signal.SIGCONT)


class Cluster:
    """All machines, and what an administrator can ask of them."""

    def __init__(self, pegasus, directory, network, nodes, proxies, settings, image_mib=0):
        """`settings`: per role, what differs from the defaults. With `image_mib` whoever writes has a file system of its own."""
        self.pegasus, self.directory, self.network = pegasus, directory, network
        self.machines = {}
        (directory / "log").mkdir()
        (directory / "disk").mkdir()
        meta_host, meta_port = network.address(META)
        self.meta_address = f"{meta_host}:{meta_port}"
        try:
            self.add(META, "meta", {"meta.bind": meta_host, "meta.port": meta_port}, settings, image_mib)
            for name in nodes:
                host, port = network.address(name)
                own = {"replica.name": name, "replica.bind": host, "replica.advertise": host, "replica.port": port}
                self.add(name, "replica", own, settings, image_mib)
            for name in proxies:
                host, port = network.address(name)
                self.add(name, "proxy", {"proxy.bind": host, "proxy.port": port}, settings, 0)
        except BaseException:
            self.close()
            raise

    def add(self, name, role, own, settings, image_mib):
        path = self.directory / "disk" / name
        disk = None
        if role != "proxy":
            disk = Image(path, image_mib) if image_mib else Folder(path)
            own[f"{role}.data"] = path / "data"
        own = {"cluster.metas": self.meta_address, **own, **settings.get(role, {}), **settings.get(name, {})}
        command = [*self.network.inside(name), self.pegasus, role]
        for key, value in own.items():
            command += ["--set", f"{key}={value}"]
        self.machines[name] = Machine(name, role, command, self.directory / "log" / f"{name}.log", disk)

    def of(self, role):
        return [machine for machine in self.machines.values() if machine.role == role]

    def start(self):
        for machine in self.machines.values():
            machine.start()

    def lost(self):
        """Machines that are meant to run and do not."""
        return [f"{m.name} left by itself with {m.child.returncode}" for m in self.machines.values() if m.wanted and not m.running()]

    async def admin(self, *words):
        """What an administrator hears; nothing if the answer is no, or there is none."""
        command = [*self.network.inside(CLIENTS), self.pegasus, "admin", "--meta", self.meta_address, *words]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe)
        said, _ = await process.communicate()
        return said.decode() if process.returncode == 0 else None

    async def partitions(self):
        """Partitions as the meta server knows them."""
        said = await self.admin("partitions", "--json")
        return json.loads(said) if said else []

    async def whole(self, seconds):
        """Waits until every partition serves with all members, on all nodes; how long that took, or nothing."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if await self.admin("status"):
                return time.monotonic() - start
            await asyncio.sleep(0.2)
        return None

    def leave(self):
        """SIGTERM to all; those that do not leave, or not with success."""
        bad = []
        order = sorted(self.machines.values(), key=lambda machine: ["proxy", "replica", "meta"].index(machine.role))
        for machine in order:
            machine.wanted = False
            code = machine.stop()
            if code != 0:
                bad.append(f"{machine.name} " + ("does not leave on SIGTERM" if code is None else f"left with {code} on SIGTERM"))
        return bad

    def panics(self):
        """Lines of logs that tell of a panic."""
        found = []
        for machine in self.machines.values():
            if machine.log.exists():
                with open(machine.log, errors="replace") as lines:
                    found += [f"{machine.name}: {line.strip()[:300]}" for line in lines if "panicked at" in line]
        return found

    def close(self):
        """Kills everybody and takes the disks away."""
        for machine in self.machines.values():
            machine.kill()
        for machine in self.machines.values():
            if machine.disk is not None:
                machine.disk.close()
