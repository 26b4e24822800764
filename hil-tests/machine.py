"""What the machine itself does meanwhile: shared ones stand still, and what is measured then is theirs.

A witness is independent of the program under test: sleepers that were woken late, cyclictest's histogram.

    machine.py in-time COMMAND ...   a suite in real time: what failed while the machine stood still is done again
    machine.py on-disk COMMAND ...   one that waits for what is durable: what failed while the disk stood still is, too
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from common import SKIPPED

SLEEP_NS = 1_000_000
SELDOM_NS = 10_000_000
"""Between two looks of a witness that must not be met at the 99th percentile of what runs beside it at 1 ms."""
STOOD_NS = 4_000_000
"""A cycle of what runs over a wire: its frames were lost."""
SYNC_EVERY_NS = 200_000_000
DISK_STOOD_NS = 1_000_000_000
"""The cell says that its record is not durable after as long."""
ATTEMPTS, NO_MORE_AFTER_S = 3, 240
PRIORITY_MAX = 99
HISTOGRAM_US = 20_000
"""Wake-ups of cyclictest later than this count as this."""


class StandStills:
    """A sleeper on each core; it tells each sleep that ended late. Above every other priority where this user may, or
    `ordinary`: as threads of the kernel that carry frames on when much else is to be done."""

    def __init__(self, folder, late_ns, sleep_ns=SLEEP_NS, ordinary=False):
        self.logs, self.sleepers = [], []
        for core in sorted(os.sched_getaffinity(0)):
            self.start(folder, "sleeper", core, sleep_ns, late_ns, os.getpid(), int(ordinary))

    def start(self, folder, *witness):
        log = pathlib.Path(folder) / f"stand-stills-{len(self.logs)}"
        with open(log, "wb") as out:
            self.sleepers.append(subprocess.Popen([sys.executable, __file__, *map(str, witness)], stdout=out))
        self.logs.append(log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sleeper in self.sleepers:
            sleeper.kill()
            sleeper.wait()

    def since(self, from_ns):
        """How late, in ns, each sleep was that ended after `from_ns` of the monotonic clock."""
        told = [line.split() for log in self.logs for line in log.read_text().splitlines()]
        return [int(late) for at, late in told if int(at) >= from_ns]


class DiskStands(StandStills):
    """A writer on the disk where the suites keep what they make; it tells each write that was durable late."""

    def __init__(self, folder):
        self.logs, self.sleepers = [], []
        self.start(folder, "writer", SYNC_EVERY_NS, DISK_STOOD_NS, os.getpid())


def write_and_tell(every_ns, late_ns, parent):
    with tempfile.TemporaryFile() as file:
        while os.getppid() == parent:
            before = time.monotonic_ns()
            os.pwrite(file.fileno(), before.to_bytes(8, sys.byteorder), 0)
            os.fsync(file.fileno())
            now = time.monotonic_ns()
            if now - before > late_ns:
                print(now, now - before, flush=True)
            time.sleep(every_ns / 1e9)


def sleep_and_tell(core, sleep_ns, late_ns, parent, ordinary):
    os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        if not ordinary:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY_MAX))
    before = time.monotonic_ns()
    while os.getppid() == parent:
        time.sleep(sleep_ns / 1e9)
        now = time.monotonic_ns()
        late = now - before - sleep_ns
        if late > late_ns:
            print(now, late, flush=True)
        before = now


def may_be_real_time(priority):
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


@contextlib.contextmanager
def awake():
    """Cores wait for their next work without halting, where this user may ask for it: cyclictest asks for itself, and
    who is measured beside it has to have the same."""
    with contextlib.ExitStack() as held:
        with contextlib.suppress(PermissionError, FileNotFoundError):
            latency = held.enter_context(open("/dev/cpu_dma_latency", "wb", buffering=0))
            latency.write((0).to_bytes(4, sys.byteorder))
        yield


def cyclictest(folder, core, period_us, seconds, priority):
    """How many wake-ups of a bare sleeper, SCHED_FIFO where this user may, were so late: by whole microseconds."""
    path = pathlib.Path(folder) / "cyclictest"
    real_time = ["-m", "-p", priority] if may_be_real_time(priority) else []
    command = ["cyclictest", "-q", *real_time, "-t", 1, "-a", core, "-i", period_us, "-D", seconds,
               "-h", HISTOGRAM_US, f"--histfile={path}"]
    subprocess.run(list(map(str, command)), check=True, timeout=60 + seconds, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    counts, later = {}, 0
    for line in path.read_text().splitlines():
        if line.startswith("# Histogram Overflows:"):
            later = int(line.split(":")[1])
        elif line[:1].isdigit():
            latency, count = line.split()[:2]
            counts[int(latency)] = int(count)
    counts[HISTOGRAM_US] = counts.get(HISTOGRAM_US, 0) + later
    return counts


def share_later_than(counts, limit_us):
    return sum(count for latency, count in counts.items() if latency >= limit_us) / max(1, sum(counts.values()))


WITNESSES = {
    "in-time": ("machine", lambda folder: StandStills(folder, STOOD_NS, SELDOM_NS, True)),
    "on-disk": ("disk", DiskStands),
}


def again(what, command):
    """The command's exit status. One that failed while its witness kept its time failed for good."""
    began, (name, witness) = time.monotonic(), WITNESSES[what]
    with tempfile.TemporaryDirectory() as folder, witness(folder) as machine:
        for attempt in range(1, ATTEMPTS + 1):
            # What a build has left to be written keeps the disk, and soft interrupts, busy for minutes.
            os.sync()
            from_ns = time.monotonic_ns()
            status = subprocess.run(command).returncode
            stood = machine.since(from_ns)
            spoilt = status not in (0, SKIPPED) and stood
            if not spoilt or attempt == ATTEMPTS or time.monotonic() - began > NO_MORE_AFTER_S:
                return status
            print(f"attempt {attempt} failed (exit {status}) on a {name} that stood still {len(stood)} times, "
                  f"{max(stood) / 1e6:.1f} ms at the most: once more", flush=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what in WITNESSES:
        sys.exit(again(what, rest))
    {"sleeper": sleep_and_tell, "writer": write_and_tell}[what](*map(int, rest))
