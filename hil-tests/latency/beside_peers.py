#!/usr/bin/env python3
"""The cycle beside what others measure and make: pysoem on the same wire, cyclictest on the same core.

One pair of virtual interfaces, one twin process, blocks of five seconds that take turns: our cycle asleep (twice, to
know the noise of this machine), our cycle spinning, pysoem, cyclictest; all at 1 ms, SCHED_FIFO 80, on the last core.
In each round the blocks are put in relation to each other, and the median over the rounds counts. Printed against the
targets; what fails is more than half over a target's peer, or a quarter over the noise, whichever is more.

To be run in a network namespace of its own: hil-tests/run does that.
"""

import gc
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Checks, cellwright, workdir
from machine import awake, cyclictest, may_be_real_time
from wires import ip, start_twin, veth_pair

OURS, THEIRS = "cwbeside0", "cwbeside1"
ROUNDS = int(os.environ.get("CELLWRIGHT_BESIDE_ROUNDS", "11"))
SECONDS = 5
PERIOD_NS = 1_000_000
PRIORITY = 80
CORE = max(os.sched_getaffinity(0))
WAKE_TARGET, ROUND_TRIP_TARGET = 1.2, 1.0
FAILS_ABOVE, OVER_NOISE = 1.5, 1.25
SPOILT_MAX = 3


def main():
    checks = Checks()
    if not may_be_real_time(PRIORITY):
        checks.skip("the cycle beside its peers", "this user has no real-time priority")
        checks.end()
    folder = workdir("beside-peers")
    ip("link", "set", "lo", "up")
    veth_pair(OURS, THEIRS)
    twin, _ = start_twin(folder / "twin", THEIRS)
    kinds = {"asleep": lambda: ours("--receive", "blocking", "--spin", "0us"),
             "pysoem": with_pysoem,
             "spinning": lambda: ours("--receive", "spin", "--spin", "100us"),
             "cyclictest": lambda: with_cyclictest(folder),
             "asleep again": lambda: ours("--receive", "blocking", "--spin", "0us")}
    blocks, spoilt = {kind: [] for kind in kinds}, []
    with awake():
        for number in range(ROUNDS):
            # Each kind follows each other one somewhere: none always has the quiet moment.
            order = list(kinds)[number % len(kinds):] + list(kinds)[:number % len(kinds)]
            for kind in order:
                blocks[kind].append(block(checks, kind, kinds[kind], spoilt))
            said = "  ".join(f"{kind} {figures_text(blocks[kind][-1])}" for kind in kinds)
            checks.note(f"round {number + 1}, p99 of wake-up / p50 of round trip, us: {said}")
    twin.signal(signal.SIGTERM)
    checks.equal("the one twin ends with 0", twin.wait(20), 0)
    counters = json.loads(twin.stdout().splitlines()[-1])["ended"]
    checks.equal("it met nothing malformed", counters["malformed"], 0)
    look_at_blocks(checks, blocks)
    compare(checks, blocks)
    checks.end()


def block(checks, kind, measure, spoilt):
    """The figures of a block. One that did not come to its end, because the machine stood still meanwhile, is begun anew."""
    while True:
        try:
            return measure()
        except RuntimeError as error:
            spoilt.append(kind)
            if len(spoilt) > SPOILT_MAX:
                raise
            checks.note(f"a block of {kind} did not come to its end: {str(error)[-300:]}")


def figures_text(figures):
    return "/".join(f"{figures[key] / 1000:.1f}" if key in figures else "-" for key in ("wake_p99", "trip_p50"))


def look_at_blocks(checks, blocks):
    for kind, ran in blocks.items():
        cycles, wrong = sum(b["cycles"] for b in ran), sum(b.get("wrong", 0) for b in ran)
        checks.check(f"{kind}: {ROUNDS} blocks, {cycles} cycles, {wrong} of them wrong",
                     cycles > 0.9 * ROUNDS * SECONDS * 1e9 / PERIOD_NS and wrong <= 0.01 * cycles)


def ratio(blocks, key, one, other):
    """Median over the rounds of one kind's figure to another's in the same round."""
    return statistics.median(max(a[key], 1) / max(b[key], 1) for a, b in zip(blocks[one], blocks[other]))


def compare(checks, blocks):
    for key, what, peer, target in (("wake_p99", "wake-up p99", "cyclictest", WAKE_TARGET),
                                    ("trip_p50", "round trip p50", "pysoem", ROUND_TRIP_TARGET)):
        again = ratio(blocks, key, "asleep again", "asleep")
        noise = max(again, 1 / again)
        limit = max(FAILS_ABOVE, OVER_NOISE * noise)
        checks.note(f"{what}: asleep to itself {again:.2f}; fails above {limit:.2f} times {peer}")
        for kind in ("asleep", "asleep again", "spinning"):
            value = ratio(blocks, key, kind, peer)
            met = "met" if value <= target else "missed"
            checks.check(f"{what}, {kind}: {value:.2f} times {peer}; target {target} {met}", value <= limit, f"above {limit:.2f}")
    value = ratio(blocks, "wake_p99", "pysoem", "cyclictest")
    checks.note(f"wake-up p99, pysoem in Python: {value:.2f} times cyclictest")


# --- a block each -----------------------------------------------------------------------------------------------


def ours(*how):
    ended = cellwright("bench", "--bus", OURS, "--seconds", SECONDS, "--rt-core", CORE, "--json", *how, timeout=60)
    if ended.code != 0:
        raise RuntimeError(f"bench: {ended.text[-2000:]}")
    figures = ended.json()
    if figures["allocations"]:
        raise RuntimeError(f"bench: {figures['allocations']} allocations")
    return {"cycles": figures["cycles"], "wrong": figures["wkc_errors"], "wake_p99": figures["wake_ns"]["p99"],
            "trip_p50": figures["round_trip_ns"]["p50"]}


def with_cyclictest(folder):
    counts = cyclictest(folder, CORE, PERIOD_NS // 1000, SECONDS, PRIORITY)
    total, seen = sum(counts.values()), 0
    for latency in sorted(counts):
        seen += counts[latency]
        if total and seen >= 0.99 * total:
            # In whole microseconds, rounded down: on average half of one is missing.
            return {"cycles": total, "wake_p99": latency * 1000 + 500}
    raise RuntimeError("cyclictest counted nothing")


def with_pysoem():
    """In a process of its own, so that its priority is not the suite's."""
    ended = subprocess.run([sys.executable, __file__, "--pysoem"], capture_output=True, text=True, timeout=60)
    if ended.returncode != 0:
        raise RuntimeError(f"pysoem: {ended.stdout[-1000:]}{ended.stderr[-2000:]}")
    return json.loads(ended.stdout)


def pysoem_block():
    import pysoem

    os.sched_setaffinity(0, {CORE})
    master = pysoem.Master()
    master.open(OURS)
    try:
        if master.config_init() <= 0:
            raise RuntimeError("no SubDevices")
        master.config_map()
        master.config_dc()
        for slave in master.slaves:
            if len(slave.output) > 2:
                slave.dc_sync(act=True, sync0_cycle_time=PERIOD_NS)
        master.state_check(pysoem.SAFEOP_STATE, 2_000_000)
        master.state = pysoem.OP_STATE
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        pysoem_cycles(master, 1_000, [], [])
        master.read_state()
        if {slave.state for slave in master.slaves} != {pysoem.OP_STATE}:
            raise RuntimeError("not in OP")
        late, trips = [], []
        gc.disable()
        wrong = pysoem_cycles(master, SECONDS * 1_000_000_000 // PERIOD_NS, late, trips)
        print(json.dumps({"cycles": len(late), "wrong": wrong, "wake_p99": quantile(late, 0.99),
                          "trip_p50": quantile(trips, 0.5)}))
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        master.state = pysoem.INIT_STATE
        master.write_state()
        master.close()


def pysoem_cycles(master, count, late, trips):
    """As our cycle: by absolute instants, what was slept through is skipped."""
    wrong = 0
    due = time.monotonic_ns() + PERIOD_NS
    for n in range(count):
        left = due - time.monotonic_ns()
        if left > 0:
            time.sleep(left / 1e9)
        woken = time.monotonic_ns()
        master.send_processdata()
        got = master.receive_processdata(PERIOD_NS // 1000)
        trips.append(time.monotonic_ns() - woken)
        late.append(max(0, woken - due))
        wrong += got != master.expected_wkc
        if n == 0:
            master.write_state()
        due += PERIOD_NS * (1 + max(0, woken - due) // PERIOD_NS)
    return wrong


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    pysoem_block() if sys.argv[1:] == ["--pysoem"] else main()
