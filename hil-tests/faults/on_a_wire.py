#!/usr/bin/env python3
"""Every fault plan once more, with the twin in a process of its own on the other end of a veth pair.

The plans are those of the table in process (`hil-tests/tests/faults.rs`). The cell runs at 4 ms, and what a plan counts
in cycles is as many cycles here. What is held against the plan is the record: its first alarm after the strike, and how
long after. To be run in a network namespace of its own: hil-tests/run does that.
"""

import itertools
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import ROOT, Checks, cellwright, printed_events, summary_of, workdir
from machine import StandStills, awake
from wires import ip, slower_cell, start_twin, veth_pair

OURS, THEIRS, SEED = "cwfault0", "cwfault1", 5
RECIPE = ROOT / "hil-tests/scenarios/quick.recipe.yaml"
PLANS = sorted((ROOT / "hil-tests/faults").glob("*.faults.yaml"))
CYCLE_NS = 4_000_000
REPEATS_S = 300
"""For all plans together: a machine that stands still for longer is none to hold cycles against."""
STALL_NS = 2_000_000_000
# What a shared machine may be late, on either side of the wire; in process the same plans are held to the cycle.
SLACK_CYCLES = 25
# Where the cycle aborts because a SubDevice is silent, the alarm waits so long for its AL status code.
AL_CODE_CYCLES = 20


def monotonic_ns(event):
    return int(event["data"]["clock"]["monotonic_ns"])


def code(alarm):
    """Its word; behind the `#` of the id stands which one it is."""
    return alarm["data"]["id"].split("#")[0]


def alarms_after(events, struck_ns):
    """Alarms raised after the strike; the controller's time is that of the cycle's beginning."""
    raised = [e for e in events if e["type"] == "cellwright.alarm" and e["data"]["change"] == "raised"
              and e["data"]["class"] != "warning"]
    return [e for e in raised if monotonic_ns(e) + CYCLE_NS >= struck_ns]


class Trial(Checks):
    """The checks of one run against a plan, kept back until it is known whether the run counts."""

    def __init__(self):
        super().__init__()
        self.told = []

    def check(self, name, holds, reason=""):
        self.told.append((name, holds, reason))
        return bool(holds)

    def note(self, text):
        self.told.append(text)

    def holds(self):
        return all(isinstance(told, str) or told[1] for told in self.told)

    def tell(self, checks):
        for told in self.told:
            if isinstance(told, str):
                checks.note(told)
            else:
                checks.check(*told)


def strike(checks, folder, cell, plan, left_s):
    """The plan, once more where it did not come as it must and this machine itself stood still meanwhile.

    What is left of `left_s` then."""
    name = plan.name.removesuffix(".faults.yaml")
    with StandStills(folder, CYCLE_NS) as machine:
        for attempt in itertools.count(1):
            began, trial = time.monotonic_ns(), Trial()
            expect, ended, run = run_against(folder / f"{name}-{attempt}", cell, plan)
            check(trial, name, expect, ended, run)
            stood = stood_still(machine.since(began), ended)
            if trial.holds() or not stood or left_s <= 0:
                trial.tell(checks)
                return left_s
            left_s -= (time.monotonic_ns() - began) / 1e9
            failed = next(told for told in trial.told if not isinstance(told, str) and not told[1])
            checks.note(f"{name}: this machine stood still: {stood}; once more, for: {failed[0]}: {failed[2][:200]}")


def stood_still(late, ended):
    """Who says that the machine did not run him: sleepers beside, the twin. Empty: nobody. Not the cycle, which is what
    is looked at here."""
    said = {f"{len(late)} sleepers were late, {max(late, default=0) / 1e6:.0f} ms": late,
            f"the twin, {ended['stood_still_ns'] / 1e6:.0f} ms": ended["stood_still_ns"] > CYCLE_NS}
    return ", ".join(what for what, holds in said.items() if holds)


def run_against(folder, cell, plan):
    """The twin with this plan, a run against it. What the plan expects, the twin's last words, the run."""
    folder.mkdir()
    twin, opening = start_twin(folder / "twin", THEIRS, "--cell", cell, "--seed", SEED, "--faults", plan)
    run = cellwright("run", RECIPE, "--cell", cell, "--units", 1, "--state", folder / "state", "--json", "--bus", OURS,
                     "--twin", opening["listen"], cwd=folder, timeout=90)
    twin.signal(signal.SIGTERM)
    twin.wait(20)
    return opening["expect"], json.loads(twin.stdout().splitlines()[-1])["ended"], run


def check(checks, name, expect, ended, run):
    if not checks.check(f"{name}: the plan strikes", ended["struck_ns"] is not None, f"{ended} {run.text[-1000:]}"):
        return
    events = [event for event, _ in printed_events(run.out)]
    struck = int(ended["struck_ns"])
    alarms = alarms_after(events, struck)
    said = [(code(e), e["data"]["place"]) for e in alarms]
    if expect["class"] == "tolerated":
        checks.check(f"{name}: tolerated, and a unit is made", run.code == 0 and not alarms, f"{run.code} {said}")
    elif checks.check(f"{name}: there is an alarm", bool(alarms), f"ended with {run.code}: {run.err[-300:]}"):
        first = min(alarms, key=monotonic_ns)
        cycles = max(0, -(-(monotonic_ns(first) - struck) // CYCLE_NS))
        most = expect["within_cycles"] + SLACK_CYCLES + (AL_CODE_CYCLES if expect["alarm"] == "al-state" else 0)
        if name == "wire-break-pressing":
            # The step brakes at once, and is told when its axis is back.
            most += 1_000
        checks.equal(f"{name}: its alarm", code(first), expect["alarm"])
        if struck < monotonic_ns(events[0]):
            checks.note(f"{name}: struck before the run began: no cycles to count")
        else:
            checks.check(f"{name}: told within {most} cycles", cycles <= most, f"{cycles}")
        checks.note(f"{name}: {expect['class']}, {expect['alarm']} after {cycles} cycles")
    counted = (summary_of(run.out) or {}).get("bus")
    if not checks.check(f"{name}: the run says what it counted", counted is not None, run.err[-300:]):
        return
    # A run that needs a person ends by itself: what a stall held back comes when nobody listens any more.
    deaf = name.startswith("stall-backlog") and monotonic_ns(events[-1]) < struck + STALL_NS
    for what in expect["counted"]:
        key = what.replace("-", "_")
        if deaf and key == "late_frames":
            checks.note(f"{name}: the run ended before the backlog came")
            continue
        checks.check(f"{name}: {what} were counted", counted[key] > 0, str(counted))


def main():
    checks, folder = Checks(), workdir("faults")
    ip("link", "set", "lo", "up")
    veth_pair(OURS, THEIRS)
    cell = slower_cell(folder)
    only, left_s = sys.argv[1:], REPEATS_S
    for plan in PLANS:
        if not only or plan.name.removesuffix(".faults.yaml") in only:
            left_s = strike(checks, folder, cell, plan, left_s)
    checks.end()


if __name__ == "__main__":
    with awake():
        main()
