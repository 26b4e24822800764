#!/usr/bin/env python3
"""Several units in flight are the same units as one by one, only sooner.

Acceptance: with the same seed, each serial's record is equal in content whether one unit is in flight or
four; the takt of four is at most 1.05 times that of the slowest station (its steps and one turn of the table).

Content is all of a unit's events but: times and durations; place in the chain (`seq`, hashes); readings of
the surroundings, which belong to a moment; the cell's hash, since the two cell files differ; and the number
of the nest, which is where the machine happened to have room.
"""

import json
import pathlib
import re
import shutil
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import Checks, cellwright, short, workdir

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNITS, SEED = 40, 7
TAKT_MAX = 1.05
LEFT_OUT = {"start", "end", "duration_ns", "clock", "environment", "cell", "carrier", "recipe"}


def simulate(folder, in_flight):
    cell = folder / f"cell-{in_flight}"
    shutil.copytree(ROOT / "cells" / "cannula-cell", cell)
    description = cell / "cell.yaml"
    text, n = re.subn(r"(?m)^units_in_flight_max: \d+", f"units_in_flight_max: {in_flight}", description.read_text())
    assert n == 1, "units_in_flight_max stands once in cell.yaml"
    description.write_text(text)
    record = folder / f"{in_flight}.jsonl"
    ended = cellwright("simulate", "--cell", cell, "--units", UNITS, "--seed", SEED, "--record", record, "--json",
                       cwd=folder, timeout=600)
    events = [json.loads(line) for line in record.read_text().splitlines()] if ended.code == 0 else []
    return ended, events


def content(events):
    """By serial: every event without what is left out, in an order that does not depend on parallel branches."""
    units = {}
    for event in events:
        data = event["data"]
        if data.get("serial"):
            kept = {k: v for k, v in data.items() if k not in LEFT_OUT}
            text = re.sub(r'"nest/\d+"', '"nest"', json.dumps([event["type"], kept], sort_keys=True))
            units.setdefault(data["serial"], []).append(text)
    return {serial: sorted(texts) for serial, texts in units.items()}


def seconds(event):
    return int(event["data"]["clock"]["monotonic_ns"]) / 1e9


def takts(events):
    """Median time between the ends of good units, and of the slowest station: its steps and one turn."""
    ends = [seconds(e) for e in events if e["type"] == "cellwright.unit.result"]
    stations, arrivals = {}, {}
    for event in (e for e in events if e["type"] == "cellwright.step.outcome"):
        data, now = event["data"], seconds(event)
        began = now - data["duration_ns"] / 1e9
        first, last = stations.setdefault(data["station"], {}).get(data["serial"], (began, now))
        stations[data["station"]][data["serial"]] = (min(first, began), max(last, now))
    for serial in {s for units in stations.values() for s in units}:
        at = sorted(units[serial] for units in stations.values() if serial in units)
        arrivals[serial] = [b[0] - a[1] for a, b in zip(at, at[1:])]
    turn = min(gap for gaps in arrivals.values() for gap in gaps)
    slowest = max(statistics.median(b - a for a, b in units.values()) for units in stations.values())
    return statistics.median(b - a for a, b in zip(ends, ends[1:])), slowest, turn


def most_in_flight(events):
    open_units, most = set(), 0
    for event in events:
        serial = event["data"].get("serial")
        if event["type"] == "cellwright.unit.opened":
            open_units.add(serial)
        elif event["type"] == "cellwright.unit.result":
            open_units.discard(serial)
        most = max(most, len(open_units))
    return most


def main():
    checks = Checks()
    folder = workdir("in-flight")
    (one, serial_events), (four, events) = simulate(folder, 1), simulate(folder, 4)
    if not checks.equal("both simulations end with 0", (one.code, four.code), (0, 0)):
        print(one.text[-1500:], four.text[-1500:])
        checks.end()
    checks.equal("in flight at once, at the most", (most_in_flight(serial_events), most_in_flight(events)), (1, 4))
    a, b = content(serial_events), content(events)
    checks.equal("the same serials", sorted(a), sorted(b))
    differing = [s for s in a if a[s] != b.get(s)]
    first = next(((x, y) for s in differing for x, y in zip(a[s], b[s]) if x != y), ("", ""))
    checks.check(f"the records of {len(a)} units are equal in content", not differing,
                 f"{len(differing)} differ: {short(first[0])} | {short(first[1])}")
    results = [e["data"]["result"] for e in events if e["type"] == "cellwright.unit.result"]
    checks.check("good and ng ones are compared", {"good", "ng"} <= set(results), str(results))
    takt, slowest, turn = takts(events)
    alone, _, _ = takts(serial_events)
    checks.note(f"takt {takt:.2f} s with four in flight, {alone:.2f} s one by one; slowest station {slowest:.2f} s "
                f"and {turn:.2f} s to turn; ratio {takt / (slowest + turn):.3f}, without the turn {takt / slowest:.3f}")
    checks.check("the slowest station sets the takt", takt <= TAKT_MAX * (slowest + turn), f"{takt:.3f} s")
    checks.end()


if __name__ == "__main__":
    main()
