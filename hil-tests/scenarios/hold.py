#!/usr/bin/env python3
"""Hold by `ctl`, in real time, in the middle of steps of a run that nobody attends; and what becomes of that run.

Acceptance: from the cycle in which the station gives the hold to the one by which every moving axis is commanded
slower: two cycles and those that this machine has missed meanwhile. After each unhold the run goes on by itself, its
units are as good as without. What a person holds, stops or aborts waits for them and is not ended by the automatic operator.
"""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Commanded, Started, short, until, workdir

CYCLES_MAX = 2
# Where a hold is tried: a step that has begun; an axis that moves for it.
MOMENTS = [
    ("feed pushes", "feed/push", "feeder_x"),
    ("table turns", None, "table"),
    ("press finishes first", "press-cannula", "press_z"),
    ("screw finishes first", "seal-cap", "driver_1"),
    ("leak test finishes first", "leak", None),
    ("a cobot unloads", "to-tray", None),
]
# Far more than the moments need: the run is completed after the last one.
UNITS = 20
# Its first six units are good.
SEED = 1
# Longer than the automatic operator of a run without a person would have waited.
PATIENCE = 3.0


class Cell(Commanded):
    LOOK_EVERY_S = 0.02

    def __init__(self, checks, folder, name, *args):
        self.checks, self.state, self.moved = checks, folder / name, False
        self.run = Started(["run", "--plain", "--state", self.state, *args], folder / name, cwd=folder)


def is_at(seen, step, axis):
    if seen.get("state") != "Execute":
        return False
    running = [b for u in seen["units"] for b in u["branches"] if b["state"] in ("Running", "AwaitOperator")]
    moving = {a["name"] for a in seen["axes"] if abs(a["velocity"]) > 1.0}
    return (step is None or any(b["step"] == step for b in running)) and (axis is None or axis in moving)


def hold_at(checks, cell, what, step, axis):
    if not checks.check(f"{what}: the moment comes", until(lambda: is_at(cell.status(), step, axis), 120, step=0.0)):
        return
    before = cell.status()
    cell.accepted("hold")
    cell.wait("Held")
    seen = cell.status()
    told = seen.get("reaction")
    missed = seen["bus"]["missed_cycles"] - before["bus"]["missed_cycles"]
    if not checks.check(f"{what}: the reaction is told", told and told["word"] == "hold", told):
        return
    last = told["slower"] if told["axes"] else told["seen"]
    cycles = last - told["given"] if last else None
    axes = ", ".join(told["axes"]) or "nothing else moves"
    checks.note(f"{what:<26} given in {told['given']}, seen {told['seen'] - told['given']}, slower {cycles} later; {missed} missed; {axes}")
    checks.check(f"{what}: at most {CYCLES_MAX} cycles, and {missed} that were missed",
                 cycles is not None and cycles <= CYCLES_MAX + missed, told)
    time.sleep(0.3)
    again = cell.status()
    still = all(abs(a["setpoint"] - b["setpoint"]) < 1e-6 for a, b in zip(seen["axes"], again["axes"]) if a["enabled"])
    cell.moved |= bool(told["axes"])
    checks.check(f"{what}: everything stands", again["state"] == "Held" and again["at_rest"] and still)


def goes_on(cell):
    cell.accepted("unhold")
    cell.wait("Execute")


def measured(checks, folder):
    cell = Cell(checks, folder, "measured", "--units", UNITS, "--seed", SEED)
    checks.check("a controller that can be asked", until(lambda: cell.ctl("status").code == 0, 30, step=0.2), cell.run.stderr())
    for what, step, axis in MOMENTS:
        hold_at(checks, cell, what, step, axis)
        goes_on(cell)
    checks.check("something moved at one of them", cell.moved)
    cell.accepted("complete")
    checks.equal("run empty, it ends by itself, with 0", cell.run.wait(180), 0)
    events = common.stored_events(cell.state / "dhr.db")
    ends = [(e["data"]["result"], e["data"].get("cause") or "") for e in common.of_type(events, common.UNIT_RESULT)]
    # A machine that misses frames of a curve does not trust it; that is not the hold's doing.
    expected = all(result == "good" or result == "ng" and cause.endswith(" invalid") for result, cause in ends)
    checks.check("units are good, or their curves had gaps", expected and ("good", "") in ends, ends)
    steps = [s["data"] for s in common.of_type(events, common.STEP_OUTCOME)]
    checks.check("no attempt was spoilt by a hold", steps and not any("held" in (s["cause"] or "") for s in steps))
    passed = [m["verdict"] for s in steps if s["outcome"] == "passed" for m in s["measurements"]]
    checks.check("every measurement of a step that passed counts", passed and set(passed) <= {"pass", "marginal"}, passed)


def in_hand(checks, folder):
    """Held, suspended, stopped, aborted by somebody: the run waits for them, and ends when it is told to."""
    cell = Cell(checks, folder, "in-hand", "--units", 5, "--seed", 2)
    checks.check("it executes", until(lambda: cell.status().get("units"), 60, step=0.1), cell.run.stderr())
    for word, state, back in [
        ("hold", "Held", ["unhold"]),
        ("suspend", "Suspended", ["unsuspend"]),
        ("stop", "Stopped", ["reset", "start"]),
        ("abort", "Aborted", ["clear", "reset"]),
    ]:
        cell.accepted(word)
        cell.wait(state)
        time.sleep(PATIENCE)
        checks.equal(f"after {word} it waits in {state}", (cell.run.alive(), cell.status().get("state")), (True, state))
        for step in back:
            cell.accepted(step)
            cell.wait({"unhold": "Execute", "unsuspend": "Execute", "reset": "Idle", "start": "Execute", "clear": "Stopped"}[step])
    checks.check("it says whom it waits for", "this run waits for `cellwright ctl unhold`" in cell.run.stderr(), short(cell.run.stderr()))
    cell.run.signal(signal.SIGTERM)
    checks.equal("asked to end, it ends with 0", cell.run.wait(60), 0)


def main():
    checks = Checks()
    folder = workdir("hold")
    measured(checks, folder)
    in_hand(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
