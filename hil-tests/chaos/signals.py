#!/usr/bin/env python3
"""Ctrl-C in the middle of a unit: bounded motion, everything flushed, exit 0; twice aborts. A stall costs no part."""

import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Started, cellwright, until, workdir

STOPPED_WITHIN_S = 20
ABORTED_WITHIN_S = 5
STALLS = 4
STALL_S = 0.4


def in_the_middle(run):
    """A unit is open and has some steps behind it."""
    events = [e for e, _ in common.printed_events(run.stdout())]
    return len(common.of_type(events, common.STEP_OUTCOME)) >= 3


def started(folder, name):
    return Started(["run", "--json", "--units", 5, "--state", folder / name], folder / f"run-{name}", cwd=folder)


def record_is_whole(checks, folder, name, run, expect_result):
    events = [e for e, _ in common.printed_events(run.stdout())]
    stored = common.stored_events(folder / name / "dhr.db")
    kept = {e["hash"] for e in stored}
    checks.check(f"{name}: every printed line is in the store", all(e["hash"] in kept for e in events))
    verify = cellwright("dhr", "verify", "--json", "--state", folder / name)
    checks.check(f"{name}: dhr verify finds nothing", verify.code == 0, common.short(verify.text))
    if expect_result:
        results = [unit["result"] for _, unit in common.paths_of_units(stored)]
        checks.check(f"{name}: the open unit is recorded as interrupted", results and results[-1] == "interrupted",
                     str(results))


def once(checks, folder, which):
    name = which.name.lower()
    run = started(folder, name)
    if not checks.check(f"{name}: a unit is under way", until(lambda: in_the_middle(run), 60), run.stderr()[-500:]):
        return
    began = time.monotonic()
    run.signal(which)
    checks.equal(f"{name}: exit 0", run.wait(STOPPED_WITHIN_S), 0)
    checks.note(f"it took {time.monotonic() - began:.1f} s")
    summary = common.summary_of(run.stdout())
    checks.check(f"{name}: the last line is the summary, with the unit as interrupted",
                 summary is not None and summary["interrupted"] == 1, common.short(run.stdout()[-300:]))
    states = [e["data"]["to"] for e in common.of_type([e for e, _ in common.printed_events(run.stdout())], common.CELL_STATE)]
    checks.check(f"{name}: the cell went through Stopping to Stopped",
                 [s.lower() for s in states[-2:]] == ["stopping", "stopped"], str(states[-4:]))
    record_is_whole(checks, folder, name, run, True)


def twice(checks, folder):
    run = started(folder, "twice")
    if not checks.check("twice: a unit is under way", until(lambda: in_the_middle(run), 60), run.stderr()[-500:]):
        return
    run.signal(signal.SIGINT)
    time.sleep(0.02)
    run.signal(signal.SIGINT)
    code = run.wait(ABORTED_WITHIN_S)
    checks.check(f"twice: it ends within {ABORTED_WITHIN_S} s, and not as a success unless it had stopped already",
                 code is not None, f"code {code}")
    checks.note(f"exit code {code}")
    again = cellwright("run", "--json", "--units", 1, "--state", folder / "twice", cwd=folder, timeout=240)
    checks.equal("twice: the next run ends with 0", again.code, 0)
    record_is_whole(checks, folder, "twice", run, False)


def stalled(checks, folder):
    """The process stands four times for longer than any drive's watchdog; its machine stands with it."""
    run = Started(["run", "--json", "--units", 2, "--state", folder / "stalled"], folder / "run-stalled", cwd=folder)
    if not checks.check("stalled: a unit is under way", until(lambda: in_the_middle(run), 60), run.stderr()[-500:]):
        return
    for _ in range(STALLS):
        run.signal(signal.SIGSTOP)
        time.sleep(STALL_S)
        run.signal(signal.SIGCONT)
        time.sleep(1.7)
    checks.equal("stalled: exit 0", run.wait(180), 0)
    summary = common.summary_of(run.stdout()) or {}
    checks.equal("stalled: both parts are good", (summary.get("good"), summary.get("ng")), (2, 0))
    checks.equal("stalled: no frame was lost", summary.get("bus", {}).get("lost_frames"), 0)
    least = int(STALLS * STALL_S * 1_000 * 0.9)
    checks.check(f"stalled: the periods of the wall without a cycle are told, {least} or more",
                 summary.get("missed_cycles", 0) >= least, common.short(str(summary)))


def main():
    checks = Checks()
    folder = workdir("signals")
    once(checks, folder, signal.SIGINT)
    once(checks, folder, signal.SIGTERM)
    twice(checks, folder)
    stalled(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
