#!/usr/bin/env python3
"""Wake-ups of the cycle with both cobots streaming their joint states beside those without.

    wakeups.py MOCK_ROBOT      run by run.sh, in a namespace and a domain of its own; CELLWRIGHT: a program with ROS 2

Two mock robots at 500 Hz, and blocks that take turns: the cycle of one axis at 1 ms alone, the same while this process
hears both robots over DDS, and alone again, to know the noise of this machine (A/A). In each round the blocks are put in
relation to each other, and the median over the rounds counts. Printed against the target; four times of it fails.
"""

import os
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Checks, cellwright, workdir
from machine import awake, may_be_real_time
from cell import ROBOTS, Mock

ROUNDS = int(os.environ.get("CELLWRIGHT_ROS2_ROUNDS", "7"))
SECONDS = 4
RATE_HZ = 500
PERIOD_NS = 1_000_000
PRIORITY = 80
CORE = max(os.sched_getaffinity(0))
TARGET, SLACK = 1.2, 4
KINDS = {"alone": (), "with both robots": ("--robots", "ros2"), "alone again": ()}


def block(*how):
    ended = cellwright("bench", "--axes", 1, "--seconds", SECONDS, "--rt-core", CORE, "--json", *how, timeout=60)
    if ended.code != 0:
        raise RuntimeError(f"bench {' '.join(how)}: {ended.text[-2000:]}")
    return ended.json()


def ratio(blocks, quantile, one, other):
    """Median over the rounds of one kind's figure to another's in the same round."""
    pairs = zip(blocks[one], blocks[other])
    return statistics.median(max(a["wake_ns"][quantile], 1) / max(b["wake_ns"][quantile], 1) for a, b in pairs)


def rounds(checks):
    """What every block of every kind has measured."""
    blocks = {kind: [] for kind in KINDS}
    with awake():
        for number in range(ROUNDS):
            # Each kind follows each other one somewhere: none always has the quiet moment.
            order = list(KINDS)[number % len(KINDS):] + list(KINDS)[:number % len(KINDS)]
            for kind in order:
                blocks[kind].append(block(*KINDS[kind]))
            said = "  ".join(f"{kind} {blocks[kind][-1]['wake_ns']['p50'] / 1000:.1f}/{blocks[kind][-1]['wake_ns']['p99'] / 1000:.1f}"
                             for kind in KINDS)
            checks.note(f"round {number + 1}, wake-up p50/p99, us: {said}")
    return blocks


def main():
    checks = Checks()
    if not may_be_real_time(PRIORITY):
        checks.skip("wake-ups beside both robots", "this user has no real-time priority")
        checks.end()
    folder = workdir("ros2-wakeups")
    mocks = []
    try:
        for name in ROBOTS:
            mocks.append(Mock(sys.argv[1], folder, name, "--rate", str(RATE_HZ)))
        blocks = rounds(checks)
    finally:
        for mock in mocks:
            mock.end()
    for kind, ran in blocks.items():
        cycles, allocations = sum(b["cycles"] for b in ran), sum(b["allocations"] for b in ran)
        checks.check(f"{kind}: {ROUNDS} blocks, {cycles} cycles, {allocations} allocations on the real-time thread",
                     cycles >= 0.9 * ROUNDS * SECONDS * 1e9 / PERIOD_NS and allocations == 0)
    for quantile in ("p50", "p99"):
        checks.note(f"wake-up {quantile}: alone to itself (A/A) {ratio(blocks, quantile, 'alone again', 'alone'):.2f}")
    value = ratio(blocks, "p99", "with both robots", "alone")
    checks.note(f"wake-up p50 with both robots: {ratio(blocks, 'p50', 'with both robots', 'alone'):.2f} times alone")
    met = "met" if value <= TARGET else "missed"
    checks.check(f"wake-up p99 with both robots at {RATE_HZ} Hz: {value:.2f} times alone; target {TARGET} {met}",
                 value <= SLACK * TARGET, f"above {SLACK * TARGET:.1f}")
    checks.end()


if __name__ == "__main__":
    main()
