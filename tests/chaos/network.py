"""Where processes live on the network: all on 127.0.0.1, or each in a network namespace of its own, where connections can be cut."""

import asyncio
import ctypes
import os
import socket
import subprocess
from contextlib import contextmanager

from harness import free_ports

CLIENTS = "clients"


def run(*command):
    """Runs a command of the system, which must succeed."""
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


class Loopback:
    """Everybody on 127.0.0.1."""

    name, cuts = "loopback", False

    def __init__(self, places):
        self.ports = dict(zip(places, free_ports(len(places))))

    def address(self, place):
        return "127.0.0.1", self.ports[place]

    def inside(self, _place):
        return []

    async def connect(self, place):
        return await asyncio.open_connection(*self.address(place))

    def close(self):
        pass


class Namespaces:
    """A namespace for each place, joined by a bridge. The bridge has one, too: what the machine does with forwarded packets is no matter then.

    ```text
      clients ── .1 ─╮             each an eth0 with 10.77.0.n
      meta ───── .2 ─┼─ bridge
      node-1 ─── .3 ─╯
    ```
    """

    name, cuts = "namespaces", True
    PORT = 7000

    def __init__(self, places, suffix):
        self.suffix = suffix
        self.hosts = {place: f"10.77.0.{number}" for number, place in enumerate([CLIENTS, *places], 1)}
        self.made = []
        self.clients = None
        try:
            self.make()
        except BaseException:
            self.close()
            raise

    def make(self):
        switch = self.namespace("switch")
        run("ip", "-n", switch, "link", "add", "bridge", "type", "bridge")
        run("ip", "-n", switch, "link", "set", "bridge", "up")
        for number, (place, host) in enumerate(self.hosts.items()):
            space = self.namespace(place)
            port = f"port{number}"
            run("ip", "link", "add", "eth0", "netns", space, "type", "veth", "peer", "name", port, "netns", switch)
            run("ip", "-n", switch, "link", "set", port, "master", "bridge", "up")
            run("ip", "-n", space, "addr", "add", f"{host}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "link", "set", "eth0", "up")
        self.clients = os.open(self.path(CLIENTS), os.O_RDONLY)
        self.home = os.open("/proc/self/ns/net", os.O_RDONLY)

    def namespace(self, place):
        space = self.space(place)
        run("ip", "netns", "add", space)
        self.made.append(space)
        return space

    def space(self, place):
        return f"pegasus-{self.suffix}-{place}"

    def path(self, place):
        return f"/var/run/netns/{self.space(place)}"

    def address(self, place):
        return self.hosts[place], self.PORT

    def inside(self, place):
        # Not `ip netns exec`: that copies the table of mounts, and a disk could not be taken away any more.
        return ["nsenter", f"--net={self.path(place)}"]

    async def connect(self, place):
        with self.entered():
            s = socket.socket()
        try:
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await asyncio.get_running_loop().sock_connect(s, self.address(place))
            return await asyncio.open_connection(sock=s)
        except BaseException:
            s.close()
            raise

    @contextmanager
    def entered(self):
        """This thread is in the clients' namespace; sockets stay in the one they were made in."""
        enter(self.clients)
        try:
            yield
        finally:
            enter(self.home)

    def drop(self, place, chain, *what):
        """Drops packets in the namespace of a place; returns what undoes it."""
        filter = [*self.inside(place), "iptables", "-w", "{}", chain, *what, "-j", "DROP"]
        run(*(word.format("-A") for word in filter))
        return [word.format("-D") for word in filter]

    def close(self):
        for fd in (self.clients, getattr(self, "home", None)):
            if fd is not None:
                os.close(fd)
        self.clients = self.home = None
        for space in reversed(self.made):
            subprocess.run(["ip", "netns", "del", space], capture_output=True)
        self.made = []

    @staticmethod
    def works():
        """Whether this machine lets us."""
        if os.geteuid() != 0:
            return False
        name = f"pegasus-probe-{os.getpid()}"
        try:
            run("ip", "netns", "add", name)
            run("nsenter", f"--net=/var/run/netns/{name}", "iptables", "-w", "-L", "-n")
            return True
        except (OSError, RuntimeError):
            return False
        finally:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def enter(namespace):
    if libc.setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


CLONE_NEWNET = 0x4000_0000
libc = ctypes.CDLL(None, use_errno=True)
