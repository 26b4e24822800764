#!/usr/bin/env python3
"""Sixteen servo axes at 4 kHz in process, 240,000 cycles: nothing allocated, the cycle's own work within its share of
the period, bring-up to OP with distributed clocks in time.

The figures are printed against their targets; four times a target fails. A shared machine without an RT kernel takes
the core away: a bare sleeper (cyclictest) at the same period, on the same core, before and after, tells how often.
"""

import os
import pathlib
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Checks, cellwright, workdir
from machine import cyclictest, share_later_than

AXES, CYCLES, PERIOD_NS = 16, 240_000, 250_000
OWN_P99_NS = PERIOD_NS // 10
"""Execution without what the segment in the same process takes for itself."""
BRING_UP_NS = 300_000_000
SLACK = 4
MISSED_SHARE_MAX, MISSED_SHARE_EVER = 0.02, 0.25
"""On a machine that gives every cycle its core; on any."""
OVER_SLEEPER = 2
"""A cycle that was woken late is missed, and the next one as well where it cannot catch up."""
PRIORITY = 80
CORE = max(os.sched_getaffinity(0))
SLEEPER_S = 8
ATTEMPTS = 3


def main():
    checks, folder = Checks(), workdir("four-khz")
    for attempt in range(1, ATTEMPTS + 1):
        before = sleeper(folder)
        figures = measure(checks, folder / "cycle.svg")
        look_at(checks, figures, folder / "cycle.svg")
        late = max(before, sleeper(folder))
        timing = in_time(figures, late)
        if all(holds for _, holds, _ in timing) or attempt == ATTEMPTS:
            break
        checks.note(f"attempt {attempt} fell short, sleepers a period late: {late:.2%}: {timing}")
    checks.note(f"a bare sleeper on the same core is a period late in {late:.2%} of its wake-ups")
    for line in timing:
        checks.check(*line)
    checks.end()


def sleeper(folder):
    """The share of a bare sleeper's wake-ups that came a whole period late."""
    return share_later_than(cyclictest(folder, CORE, PERIOD_NS // 1000, SLEEPER_S, PRIORITY), PERIOD_NS // 1000)


def measure(checks, svg):
    ended = cellwright("bench", "--axes", AXES, "--cycle", f"{PERIOD_NS // 1000}us", "--cycles", CYCLES, "--rt-core", CORE, "--json",
                       "--svg", svg, timeout=150)
    if not checks.equal("bench ends with 0", ended.code, 0):
        print(ended.text[-2000:])
        checks.end()
    return ended.json()


def in_time(figures, late):
    """What this machine's moments have a part in: (what, whether it holds, the figure)."""
    share, limit = figures["missed"] / CYCLES, min(MISSED_SHARE_EVER, max(MISSED_SHARE_MAX, OVER_SLEEPER * late))
    lines = [(f"missed cycles: {figures['missed']} of {CYCLES}, at most {limit:.2%}", share <= limit, f"{share:.2%}")]
    for name, value, target in (("own work p99", figures["own_ns"]["p99"], OWN_P99_NS),
                                ("bring-up to OP with DC", figures["bring_up_ns"], BRING_UP_NS)):
        met = "met" if value <= target else "missed"
        lines.append((f"{name} {value / 1000:.1f} us: target {target / 1000:.0f} us {met}, within {SLACK} times of it",
                      0 < value <= SLACK * target, f"{value / 1000:.1f} us"))
    return lines


def look_at(checks, figures, svg):
    checks.equal("period_ns", figures["period_ns"], PERIOD_NS)
    checks.equal("cycles that were run", figures["cycles"], CYCLES)
    checks.equal("allocations on the real-time thread", figures["allocations"], 0)
    checks.equal("working-counter errors", figures["wkc_errors"], 0)
    for name in ("wake_ns", "exec_ns", "own_ns", "round_trip_ns", "phase_ns"):
        histogram = figures[name]
        checks.note(f"{name}: " + "  ".join(f"{key} {histogram[key] / 1000:.1f} us" for key in ("p50", "p99", "p999", "max")))
    for stage in figures["bring_up"]:
        checks.note(f"bring-up: {stage['ns'] / 1e6:7.1f} ms  {stage['stage']}")
    checks.check("the stages are those of the whole bring-up",
                 0.5 * figures["bring_up_ns"] < sum(s["ns"] for s in figures["bring_up"]) <= figures["bring_up_ns"])
    panels = [e.text for e in xml.etree.ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}text") if ": p50 " in e.text]
    checks.equal("the plot has a panel for each histogram", [p.split(":")[0] for p in panels],
                 ["wake-up", "execution", "own work", "round trip", "phase"])
    checks.note(f"page faults {figures['page_faults']}")


if __name__ == "__main__":
    main()
