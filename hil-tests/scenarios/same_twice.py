#!/usr/bin/env python3
"""`simulate` is a function of its inputs, fast, and tells what `run` would do.

Acceptance: 200 units of seed 7 twice give equal bytes, seed 8 others; yield, ng by cause and takt are
printed; unit outcomes and step paths of `run --bus twin --seed S` equal those of `simulate --seed S`.
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, workdir

UNITS, SEED, OTHER_SEED = 200, 7, 8
TIMES_REAL_TIME_TARGET = 100.0
# Seed whose first three units have an ng one among them.
RUN_UNITS, RUN_SEED = 3, 2


def simulate(folder, name, units, seed):
    record = folder / f"{name}.jsonl"
    ended = cellwright("simulate", "--units", units, "--seed", seed, "--record", record, "--json",
                       cwd=folder, timeout=600)
    return ended, record


def check_numbers(checks, result, units):
    counts = sum(result["ng_by_cause"].values())
    checks.equal("good and ng add up to the units", result["good"] + result["ng"], units)
    checks.equal("the causes add up to the ng units", counts, result["ng"])
    checks.check("there are good units and ng ones of several kinds",
                 result["good"] > 0 and len(result["ng_by_cause"]) >= 2, str(result["ng_by_cause"]))
    checks.check("takt and virtual time fit each other",
                 0.5 < result["takt_s"] * units / result["virtual_s"] < 2.0, str(result))
    checks.note(f"yield {result['good']}/{units}, takt {result['takt_s']:.2f} s, ng by cause {result['ng_by_cause']}")
    speed = result["times_real_time"]
    checks.note(f"{speed:.0f} times real time (target {TIMES_REAL_TIME_TARGET:.0f})")
    checks.check("at least a quarter of the target speed", speed >= TIMES_REAL_TIME_TARGET / 4, f"{speed:.1f}")


def check_record(checks, path, result, units):
    lines = path.read_text().split("\n")
    checks.equal("the record ends with a line end", lines.pop(), "")
    faults = common.chain_faults(lines)
    checks.check(f"the chain of {len(lines)} events holds", not faults, "; ".join(faults[:3]))
    paths = common.paths_of_units([json.loads(line) for line in lines])
    checks.equal("every unit is in the record", len(paths), units)
    results = [unit["result"] for _, unit in paths]
    checks.equal("as many good ones as said", results.count("good"), result["good"])
    checks.equal("as many ng ones as said", results.count("ng"), result["ng"])


def check_run_equals_simulate(checks, folder):
    ended, record = simulate(folder, "short", RUN_UNITS, RUN_SEED)
    checks.equal("the short simulate ends with 0", ended.code, 0)
    run = cellwright("run", "--bus", "twin", "--units", RUN_UNITS, "--seed", RUN_SEED, "--json",
                     "--state", folder / "run-state", cwd=folder, timeout=300)
    if not checks.equal("the run of the same seed ends with 0", run.code, 0):
        print(run.err[-2000:])
        return
    simulated = [unit for _, unit in common.paths_of_units(map(json.loads, record.read_text().splitlines()))]
    events = [event for event, _ in common.printed_events(run.out)]
    real = [unit for _, unit in common.paths_of_units(events)]
    checks.equal("as many units", len(real), len(simulated))
    checks.check("good and ng ones are compared", {u["result"] for u in simulated} >= {"good", "ng"}, str(simulated)[:300])
    for n, (a, b) in enumerate(zip(real, simulated), 1):
        checks.equal(f"unit {n}: result and cause", (a["result"], a["cause"]), (b["result"], b["cause"]))
        checks.equal(f"unit {n}: the path of {len(b['steps'])} attempts", a["steps"], b["steps"])
    summary = common.summary_of(run.out)
    checks.check("the last line is the summary", summary is not None, run.out[-300:])
    if summary:
        checks.equal("the summary counts what the events say",
                     (summary["units"], summary["good"], summary["ng"], len(summary["serials"])),
                     (RUN_UNITS, sum(u["result"] == "good" for u in real), sum(u["result"] == "ng" for u in real), RUN_UNITS))
        checks.equal("no working-counter error in the run", summary["wkc_errors"], 0)


def main():
    checks = Checks()
    folder = workdir("simulate")
    (first, a), (second, b) = simulate(folder, "a", UNITS, SEED), simulate(folder, "b", UNITS, SEED)
    if not checks.equal("simulate ends with 0, twice", (first.code, second.code), (0, 0)):
        print(first.text[-2000:])
        checks.end()
    checks.check("equal inputs give equal bytes", a.read_bytes() == b.read_bytes(), first_difference(a, b))
    other, c = simulate(folder, "c", UNITS, OTHER_SEED)
    checks.equal("the other seed ends with 0", other.code, 0)
    checks.check("another seed gives another record", a.read_bytes() != c.read_bytes())
    strip = lambda r: {k: v for k, v in r.items() if k not in ("wall_s", "times_real_time")}
    checks.equal("the printed figures agree as well", strip(first.json()), strip(second.json()))
    check_numbers(checks, first.json(), UNITS)
    check_record(checks, a, first.json(), UNITS)
    check_run_equals_simulate(checks, folder)
    checks.end()


def first_difference(a, b):
    for n, (x, y) in enumerate(zip(a.read_text().splitlines(), b.read_text().splitlines()), 1):
        if x != y:
            return f"line {n}: {common.short(x)} | {common.short(y)}"
    return "one is longer"


if __name__ == "__main__":
    main()
