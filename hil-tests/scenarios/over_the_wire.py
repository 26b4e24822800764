#!/usr/bin/env python3
"""The cell over a wire: the twin in a process of its own, on the other end of a veth pair.

The same cell, seed and units once in process and once over the wire come to the same: every step's outcome, every
unit's result. Both are a twin's in every event. What is not a twin is not started by itself; a twin that goes away and
a second one at the same wire are told.

The cell runs at 4 ms: a shared machine loses single replies at 1 ms, and a curve with a lost cycle is no good part.
What a machine spoils that stands still for longer is done once more; sleepers on each core say that it stood.
To be run in a network namespace of its own: hil-tests/run does that.
"""

import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import (ROOT, Checks, Started, cellwright, chain_faults, paths_of_units, printed_events, summary_of, until,
                    workdir)
from machine import StandStills, awake
from wires import ip, slower_cell, start_twin, veth_pair

OURS, THEIRS, UNITS, SEED = "cwwire0", "cwwire1", 2, 2
ATTEMPTS = 10
STOOD_STILL_NS = 4_000_000
"""A cycle of the cell."""
RECIPE = ROOT / "recipes/cannula-hub/cannula-hub.recipe.yaml"


def run(folder, cell, name, *more, timeout=90):
    return cellwright("run", RECIPE, "--cell", cell, "--units", UNITS, "--state", folder / name, "--json", *more,
                      cwd=folder, timeout=timeout)


def check_same(checks, folder, cell, machine):
    here = run(folder, cell, "here", "--seed", SEED)
    checks.equal("in process: it ends with 0", here.code, 0)
    for attempt in range(1, ATTEMPTS + 1):
        twin, said = start_twin(folder / f"twin-run-{attempt}", THEIRS, "--cell", cell, "--seed", SEED)
        at, began = said["listen"], time.monotonic_ns()
        wire = run(folder, cell, f"wire-{attempt}", "--bus", OURS, "--robots", "twin", "--twin", at)
        # What lost a cycle is invalid, in process too; that is this machine's load and not the wire.
        stood = machine.since(began) if wire.code else []
        if ("invalid" not in wire.out and not stood) or attempt == ATTEMPTS:
            break
        checks.note(f"attempt {attempt} lost cycles: {len(stood)} sleepers were late; {summary_of(wire.out)}")
        twin.signal(signal.SIGTERM)
        twin.wait(20)
    if not checks.equal("over the wire: it ends with 0", wire.code, 0):
        print(wire.text[-3000:])
    events = {"in process": printed_events(here.out), "over the wire": printed_events(wire.out)}
    paths = {name: paths_of_units([event for event, _ in of]) for name, of in events.items()}
    checks.check("units were made", len(paths["in process"]) == UNITS, str(paths["in process"]))
    checks.equal("every step and unit comes to the same", paths["over the wire"], paths["in process"])
    for name, of in events.items():
        checks.equal(f"{name}: every event is a twin's", {e["data"]["origin"] for e, _ in of if "origin" in e["data"]},
                     {"twin"})
        checks.equal(f"{name}: the chain holds", chain_faults([line for _, line in of]), [])
    summary = summary_of(wire.out)
    checks.check("over the wire: working counters are right", summary["wkc_errors"] == 0, str(summary))
    return twin, at


def check_refusals(checks, folder, cell, at):
    alone = run(folder, cell, "alone", "--bus", OURS, timeout=20)
    checks.check("a segment without a twin's address asks for a person", alone.code == 2 and "--operator" in alone.err,
                 alone.text[-500:])
    nowhere = run(folder, cell, "nowhere", "--bus", OURS, "--twin", "127.0.0.1:9", timeout=20)
    checks.check("an address where nobody is, with its remedy", nowhere.code == 1 and "cellwright twin" in nowhere.err,
                 nowhere.text[-500:])
    other = run(folder, ROOT / "cells/cannula-cell", "other", "--bus", OURS, "--twin", at, timeout=20)
    checks.check("a twin of another cell", other.code == 1 and "the same --cell" in other.err, other.text[-500:])
    # The wire leads to another twin than the address does.
    veth_pair("cwelse0", "cwelse1")
    second, _ = start_twin(folder / "twin-second", "cwelse1", "--cell", cell)
    foreign = run(folder, cell, "foreign", "--bus", "cwelse0", "--twin", at, timeout=20)
    checks.check("a segment that is not that twin's is not started", foreign.code == 1 and "is not that of the twin" in
                 foreign.err, foreign.text[-500:])
    second.signal(signal.SIGINT)
    checks.equal("Ctrl-C ends a twin with 0", second.wait(20), 0)


def begun(folder, cell, at, machine):
    """A run in which a unit is open; the last one that was tried, if none came so far."""
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic_ns()
        args = ["run", RECIPE, "--cell", cell, "--units", UNITS, "--state", folder / f"gone-{attempt}", "--json", "--bus",
                OURS, "--twin", at]
        going = Started(args, folder / f"gone-run-{attempt}")
        opened = until(lambda: '"cellwright.unit.opened"' in going.stdout() or not going.alive(), 30)
        if (opened and going.alive()) or not machine.since(began) or attempt == ATTEMPTS:
            return going
        going.signal(signal.SIGTERM)
        going.wait(20)


def check_gone(checks, folder, cell, twin, at, machine):
    """The twin ends in the middle of a unit: the cell aborts and says why."""
    going = begun(folder, cell, at, machine)
    checks.check("a second run on the same twin begins to work",
                 going.alive() and '"cellwright.unit.opened"' in going.stdout(), going.stderr()[-500:])
    twin.signal(signal.SIGTERM)
    checks.equal("SIGTERM ends the twin with 0", twin.wait(20), 0)
    checks.check("the cell aborts when the segment is gone",
                 until(lambda: "Aborted" in going.stdout() or not going.alive(), 30), going.stderr()[-500:])
    checks.equal("and the run ends by itself with 1: it needs a person", going.wait(40), 1)
    counters = json.loads(twin.stdout().splitlines()[-1])["ended"]
    checks.check("the twin has counted its frames", counters["answered"] > 5_000 and counters["malformed"] == 0,
                 str(counters))


def check_bench(checks, folder):
    """A bench without cobots, driven as a real segment: a person commands it, and what nobody approved is not begun."""
    veth_pair("cwbench0", "cwbench1")
    cell, recipe, state = ROOT / "cells/press-bench", folder / "warned.recipe.yaml", folder / "bench"
    text = (ROOT / "recipes/press-fit/press-fit.recipe.yaml").read_text()
    assert text.count("\nparams:\n") == 1
    recipe.write_text(text.replace("\nparams:\n", "\nparams:\n  spare: { default: 1.00 mm, min: 0.50 mm, max: 2.00 mm }\n"))
    twin, _ = start_twin(folder / "twin-bench", "cwbench1", "--cell", cell)
    going = Started(["run", recipe, "--cell", cell, "--bus", "cwbench0", "--operator", "anna", "--state", state, "--json"],
                    folder / "bench-run")

    def ctl(*args):
        return cellwright("ctl", "--state", state, *args, timeout=20)

    for command, wanted in (("clear", "Stopped"), ("reset", "Idle")):
        until(lambda: ctl(command).code == 0, 20)
        came = until(lambda: f'"{wanted}"' in cellwright("status", "--state", state, "--json").out, 30)
        checks.check(f"a bench without cobots, as a real segment: {command} leads to {wanted}", came, going.stderr()[-500:])
    start = ctl("start")
    checks.check("what nobody approved is not begun there", start.code == 1 and "not approved" in start.text, start.text)
    checks.equal("a warning of the recipe is said once", going.stderr().count("nothing uses the parameter"), 1)
    going.signal(signal.SIGTERM)
    going.wait(30)
    twin.signal(signal.SIGTERM)
    checks.equal("the bench's twin ends with 0", twin.wait(20), 0)


def main():
    checks, folder = Checks(), workdir("wire")
    ip("link", "set", "lo", "up")
    veth_pair(OURS, THEIRS)
    cell = slower_cell(folder)
    with StandStills(folder, STOOD_STILL_NS) as machine:
        twin, at = check_same(checks, folder, cell, machine)
        check_refusals(checks, folder, cell, at)
        check_gone(checks, folder, cell, twin, at, machine)
    check_bench(checks, folder)
    checks.end()


if __name__ == "__main__":
    with awake():
        main()
