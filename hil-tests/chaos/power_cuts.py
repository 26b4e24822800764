#!/usr/bin/env python3
"""The power is cut: a PREEMPT_RT guest with the cell's state on its disk is killed with its page cache.

    power_cuts.py [--seed N] [--cuts N]

`kill -9` of a program leaves the kernel's page cache as it is; `kill -9` of the machine does not. What the
cell told on the serial console before a cut must be in the record after it, byte for byte, and the chain must
be whole. Moments follow from the seed, counted in lines that were told. Exit 77: no kernel to be had.
"""

import argparse
import collections
import pathlib
import random
import select
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, PROGRAM, ROOT, SKIPPED, TARGET, workdir

GUEST = ROOT / "hil-tests" / "guest"
DISK_MIB = 96
# Lines of `run --json` that are waited for before a cut, and how long after the last of them it comes:
# a commit takes a few ms of the guest's time.
LINES = (1, 36)
AFTER_S = (0.0, 0.4)
LIFE_S = 240
"""Longest life of a guest, wall seconds: it boots in 20 to 60 s, and a unit takes about as long."""


class Guest:
    """One life of the machine."""

    def __init__(self, work, disk, log, last=False):
        append = "console=ttyS0 quiet panic=-1 mitigations=off nokaslr clocksource=tsc tsc=reliable"
        command = ["qemu-system-x86_64", "-accel", "tcg", "-icount", "shift=3,sleep=off", "-cpu", "max", "-smp", "1",
                   "-m", "768", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
                   "-kernel", str(work / "kernel.elf"), "-initrd", str(work / "initrd.gz"),
                   "-drive", f"file={disk},if=none,id=disk,format=raw,cache=writeback",
                   "-device", "virtio-blk-pci,drive=disk,disable-legacy=on",
                   "-append", append + (" last-life" if last else "")]
        self.log = open(log, "wb")
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        common._running.append(self.process)
        self.text = b""
        self.until = time.monotonic() + LIFE_S

    def read(self, seconds):
        """What comes on the console within `seconds`; False at its end."""
        end = min(time.monotonic() + seconds, self.until)
        while (left := end - time.monotonic()) > 0:
            if not select.select([self.process.stdout], [], [], left)[0]:
                return True
            more = self.process.stdout.read1(65536)
            if not more:
                return False
            self.log.write(more)
            self.text += more
        return True

    def lines(self):
        """Whole lines of the console; the guest's serial driver ends them with CR LF."""
        text = self.text.decode(errors="replace").replace("\r\n", "\n")
        return [line for line in text.split("\n")[:-1] if line]

    def told(self):
        return [line for _, line in common.printed_events("\n".join(self.lines()) + "\n")]

    def cut(self):
        self.process.kill()
        self.process.wait()
        self.read(0.2)
        self.log.close()

    def wait(self):
        """Whether it came to its own end in time."""
        ended = False
        while not ended and time.monotonic() < self.until:
            ended = not self.read(5.0)
        self.cut()
        return ended

    def said(self, what):
        return next((line for line in self.lines() if what in line), None)


def make(checks, work):
    disk = work / "disk.img"
    made = subprocess.run([GUEST / "make", TARGET / "power-cuts", GUEST / "power_cuts.init", PROGRAM],
                          capture_output=True, text=True)
    if made.returncode == SKIPPED:
        print(made.stdout, end="")
        sys.exit(SKIPPED)
    if made.returncode:
        checks.check("the guest is made", False, made.stdout + made.stderr)
        checks.end()
    with open(disk, "wb") as image:
        image.truncate(DISK_MIB << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", str(disk)], check=True)
    return TARGET / "power-cuts", disk


def lives(checks, kernel, disk, folder, draw, cuts):
    """All lines that were told before each cut."""
    told = []
    for n in range(cuts):
        wanted, after = draw.randint(*LINES), draw.uniform(*AFTER_S)
        guest = Guest(kernel, disk, folder / f"guest-{n}.log")
        while len(guest.told()) < wanted and time.monotonic() < guest.until and guest.read(0.02):
            pass
        guest.read(after)
        lines = guest.told()
        alive = guest.process.poll() is None and len(lines) >= wanted
        guest.cut()
        told += guest.told()
        verify = guest.said("guest: verify=")
        holds = verify is None if n == 0 else verify is not None and "verify=0" in verify
        checks.check(f"cut {n + 1} after {len(lines)} lines, in a life that began with a whole record", alive and holds,
                     f"alive {alive}; {verify or guest.lines()[-5:]}")
    return told


def extracted(disk, folder, name):
    """A file of the disk image, without mounting it."""
    out = folder / pathlib.Path(name).name
    subprocess.run(["debugfs", "-R", f"dump {name} {out}", str(disk)], capture_output=True, check=True)
    return out


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--cuts", type=int, default=10)
    args = parser.parse_args()
    checks = Checks()
    folder = workdir("power-cuts")
    kernel, disk = make(checks, folder)
    told = lives(checks, kernel, disk, folder, random.Random(args.seed), args.cuts)
    last = Guest(kernel, disk, folder / "guest-last.log", last=True)
    checks.check("the last life comes to its end", last.wait(), str(last.lines()[-5:]))
    told += last.told()
    for what in ("guest: verify=0", "guest: run=0", "guest: verified=0", "guest: unmounted=0"):
        checks.check(what, last.said(what), str(last.lines()[-8:]))
    lines = common.stored_lines(extracted(disk, folder, "/state/dhr.db"))
    stored = collections.Counter(lines)
    lost = [line for line in told if stored[line] != 1]
    checks.check(f"each of {len(told)} lines that were told is in the record once", told and not lost,
                 f"{len(lost)} are not, first {common.short(lost[0]) if lost else ''}")
    faults = common.chain_faults(lines)
    checks.check(f"the chain of {len(lines)} events is whole when computed a second time", lines and not faults,
                 "; ".join(faults[:3]))
    checks.end()


if __name__ == "__main__":
    main()
