"""What processes write on: a directory, or an ext4 file system of its own that can lose power, be full, and be slow."""

import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path

from network import run


class Folder:
    """A directory of the machine's own file system."""

    image = False

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def close(self):
        pass


class Image:
    """An ext4 file system in a file, over a loop device."""

    image = True

    def __init__(self, path, mib):
        self.path, self.file = path, path.with_suffix(".img")
        path.mkdir()
        with open(self.file, "wb") as file:
            file.truncate(mib << 20)
        run("mkfs.ext4", "-q", "-F", "-m", "0", self.file)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", self.file, self.path)

    def unmount(self):
        """Nobody may use it any more, but a process that was just killed may still be leaving."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return run("umount", self.path)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def lose_power(self):
        """Nothing reaches the disk from now on, not even the journal. Whoever uses it hears errors, and is to be killed."""
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def come_back(self):
        """What was in memory is gone; the journal is replayed."""
        self.unmount()
        self.mount()

    def fill(self):
        with open(self.path / BALLAST, "wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(b"\1" * size)
                except OSError:
                    pass

    def empty(self):
        (self.path / BALLAST).unlink()

    def throttle(self, bytes_per_second):
        """Writes that reach the device go no faster; 0: as fast as they can."""
        device = os.stat(self.path).st_dev
        THROTTLE.write_text(f"{os.major(device)}:{os.minor(device)} {bytes_per_second}\n")

    def close(self):
        if not os.path.ismount(self.path):
            return
        if THROTTLE.exists():
            self.throttle(0)
        try:
            self.unmount()
        except RuntimeError:
            subprocess.run(["umount", "-l", self.path], capture_output=True)

    @staticmethod
    def works(directory):
        """Whether this machine lets us."""
        if os.geteuid() != 0:
            return False
        probe = None
        try:
            probe = Image(directory / "probe", 16)
            return True
        except (OSError, RuntimeError):
            return False
        finally:
            if probe is not None:
                probe.close()
            (directory / "probe.img").unlink(missing_ok=True)


BALLAST = "ballast"
THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
