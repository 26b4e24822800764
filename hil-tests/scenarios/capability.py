#!/usr/bin/env python3
"""Figures of `simulate` against a second computation of the same record, by numpy and scipy.

Acceptance: yield, takt, busy times, distributions and Cpk equal to 6 digits; the notice stands with them; the timeline
is an XML picture that shows every station and attempt; `--set` is what a variant row would give, and no more; a stop
before a step shows how everything stands and changes nothing.
"""

import collections
import datetime
import json
import math
import pathlib
import re
import subprocess
import sys
import xml.etree.ElementTree

import numpy
import scipy.stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, workdir

UNITS, SEED = 120, 7
DIGITS = 6
NOTICE = "predicted from the plant model; not evidence of process capability"
SVG = "{http://www.w3.org/2000/svg}"
# Below its lower limit this one is invalid, not bad: its upper limit alone counts.
ONE_SIDED = {("leak", "decay")}
# What the steps hold besides their stations, as the recipe has it written.
HELD = {
    "robot_l": ["place-hub"], "robot_r": ["place-cap", "to-tray", "to-bin"], "feeder_x": ["feed/push"],
    "press_z": ["press-cannula"], "load_cell": ["press-cannula"], "driver_1": ["seal-cap"], "torque_1": ["seal-cap"],
    "leak_1": ["leak"], "cam_1": ["tip"],
}


def same(a, b):
    """Equal to so many digits, or both nothing."""
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=10.0**-DIGITS, abs_tol=1e-12)


def unix_ns(text):
    """RFC 3339 with nine digits, exactly."""
    whole, fraction = text.removesuffix("Z").split(".")
    moment = datetime.datetime.fromisoformat(whole).replace(tzinfo=datetime.timezone.utc)
    return int(moment.timestamp()) * 10**9 + int(fraction)


def simulate(folder, *args):
    return cellwright("simulate", *args, cwd=folder, timeout=600)


def union_s(intervals):
    """Length of what intervals cover, in s."""
    total, end = 0, None
    for start, stop in sorted(intervals):
        total += max(0, stop - (start if end is None else max(start, end)))
        end = stop if end is None else max(end, stop)
    return total / 1e9


def check_counts(checks, told, events):
    ends = [e["data"] for e in common.of_type(events, common.UNIT_RESULT)]
    results = collections.Counter(end["result"] for end in ends)
    checks.equal("units by result", [told[k] for k in ("units", "good", "ng", "interrupted")],
                 [len(ends), results["good"], results["ng"], results["interrupted"]])
    checks.check(f"yield {told['yield']:.3f}", same(told["yield"], results["good"] / len(ends)), str(results))
    first = sum(end["result"] == "good" and not end["retested"] for end in ends)
    checks.check(f"first pass yield {told['first_pass_yield']:.3f}", same(told["first_pass_yield"], first / len(ends)), str(first))
    causes = collections.Counter(end["cause"] for end in ends if end["result"] == "ng")
    checks.equal("ng by cause", told["ng_by_cause"], dict(causes))


def span(events):
    ns = lambda event: int(event["data"]["clock"]["monotonic_ns"])
    begin = next(ns(e) for e in common.of_type(events, common.CELL_STATE) if e["data"]["to"] == "Execute")
    return (ns(common.of_type(events, common.UNIT_RESULT)[-1]) - begin) / 1e9


def check_busy(checks, told, events):
    took = span(events)
    checks.check(f"takt {told['takt_s']:.3f} s", same(told["takt_s"], took / told["units"]), str(took))
    steps = [e["data"] for e in common.of_type(events, common.STEP_OUTCOME) if e["data"]["outcome"] != "skipped"]
    lanes = collections.defaultdict(list)
    for step in steps:
        interval = unix_ns(step["start"]), unix_ns(step["end"])
        lanes[step["station"]].append(interval)
        for name, ids in HELD.items():
            if step["step"] in ids:
                lanes[name].append(interval)
    busy = {lane["name"]: lane for lane in told["busy"]}
    missing = sorted(set(lanes) - set(busy))
    checks.equal("every station and resource is told", missing, [])
    wrong = {name: (busy[name]["busy_s"], union_s(all)) for name, all in lanes.items()
             if name in busy and not (same(busy[name]["busy_s"], union_s(all)) and same(busy[name]["share"], union_s(all) / took))}
    checks.equal(f"busy times of {len(lanes)} stations and resources", wrong, {})
    most = max(lanes, key=lambda name: union_s(lanes[name]))
    checks.check(f"bottleneck {told['bottleneck']['kind']} {told['bottleneck']['name']}, {told['bottleneck']['share']:.3f}",
                 same(told["bottleneck"]["busy_s"], union_s(lanes[most])), most)
    checks.check("no share is more than all of the time", all(0 <= lane["share"] <= 1 for lane in told["busy"]))


def measured(events):
    """(step, name) to the values of first attempts, how many have none, and the limits."""
    values, left_out, limits = collections.defaultdict(list), collections.Counter(), {}
    for event in common.of_type(events, common.STEP_OUTCOME):
        if event["data"]["attempt"] != 1:
            continue
        for m in event["data"]["measurements"]:
            key = event["data"]["step"], m["name"]
            limits[key] = m["limits"]
            if m["value"] is None or m["verdict"] == "invalid":
                left_out[key] += 1
            else:
                values[key].append(m["value"])
    return values, left_out, limits


def cpk(values, lo, hi):
    """From the quantiles of a fitted normal distribution: half of it lies within its mean and 3 s."""
    s = scipy.stats.tstd(values)
    if s == 0:
        return None
    mean, reach = scipy.stats.tmean(values), scipy.stats.norm.isf(scipy.stats.norm.sf(3)) * s
    return min((hi - mean) / reach if hi is not None else math.inf, (mean - lo) / reach if lo is not None else math.inf)


def check_distributions(checks, told, events):
    values, left_out, limits = measured(events)
    by_key = {(m["step"], m["name"]): m for m in told["measurements"]}
    checks.equal("every measurement is told", sorted(by_key), sorted(limits))
    for key, m in by_key.items():
        name, of = "/".join(key), numpy.array(values[key])
        checks.equal(f"{name}: limits, n, left out", (m["limits"], m["n"], m["left_out"], m["attempts"]),
                     (limits[key], len(of), left_out[key], "first"))
        described = scipy.stats.describe(of, ddof=1)
        checks.check(f"{name}: mean {m['mean']:.4g}, s {m['s']:.3g}, min, max",
                     same(m["mean"], described.mean) and same(m["s"], math.sqrt(described.variance))
                     and (m["min"], m["max"]) == described.minmax, str(described))
        quantiles = {q: numpy.quantile(of, int(q[1:]) / 100) for q in m["quantiles"]}
        checks.check(f"{name}: {len(quantiles)} quantiles", len(quantiles) >= 5
                     and all(same(m["quantiles"][q], v) for q, v in quantiles.items()), f"{m['quantiles']} instead of {quantiles}")
        check_histogram(checks, name, m["histogram"], of)
        lo, hi = limits[key]
        lo = None if key in ONE_SIDED else lo
        checks.equal(f"{name}: the limits that count", m["limits_of_cpk"], [lo, hi])
        checks.check(f"{name}: Cpk {m['cpk']:.3f}", same(m["cpk"], cpk(of, lo, hi)) and m["cpk_undefined"] is None, str(cpk(of, lo, hi)))
    again = [e for e in common.of_type(events, common.STEP_OUTCOME) if e["data"]["attempt"] > 1 and e["data"]["measurements"]]
    checks.check("there were second attempts, which do not count", again)


def check_histogram(checks, name, bins, values):
    edges = numpy.histogram_bin_edges(values, bins="sturges")
    told = [b["from"] for b in bins] + [bins[-1]["to"]]
    checks.check(f"{name}: the edges of {len(bins)} bars", len(told) == len(edges) and all(map(same, told, edges)), f"{told} instead of {list(edges)}")
    # By the edges as told: a value beside one must not fall on the other side of it by its last bit.
    checks.equal(f"{name}: the bars", [b["n"] for b in bins], list(numpy.histogram(values, told)[0]))


def check_timeline(checks, path, told, events):
    root = xml.etree.ElementTree.parse(path).getroot()
    words = [e.text for e in root.iter(f"{SVG}text")]
    for lane in told["busy"]:
        checks.check(f"the timeline has a row for {lane['kind']} {lane['name']}", f"{lane['kind']} {lane['name']}" in words)
    titles = [e.text for e in root.iter(f"{SVG}title")]
    steps = [e for e in common.of_type(events, common.STEP_OUTCOME) if e["data"]["duration_ns"] > 0 and e["data"]["outcome"] != "skipped"]
    missing = [e for e in steps if not any(t.startswith(f"{e['data']['serial']} {e['data']['step']} (attempt {e['data']['attempt']}) {e['data']['outcome']}") for t in titles)]
    checks.equal(f"each of {len(steps)} attempts has its bar", len(missing), 0)
    checks.check("the notice stands in the picture", any(NOTICE in (w or "") for w in words))
    width, height = float(root.get("width")), float(root.get("height"))
    out = [e.attrib for e in root.iter(f"{SVG}rect") if "%" not in e.get("width")
           and not (float(e.get("x")) >= 0 and float(e.get("x")) + float(e.get("width")) <= width and float(e.get("y")) + float(e.get("height")) <= height)]
    checks.equal("all of it lies within the picture", out, [])
    overlapping = 0
    rows = collections.defaultdict(list)
    for e in root.iter(f"{SVG}rect"):
        if e.find(f"{SVG}title") is not None:
            serial = e.find(f"{SVG}title").text.split()[0]
            rows[e.get("y")].append((float(e.get("x")), float(e.get("x")) + float(e.get("width")), serial))
    for row in rows.values():
        row.sort()
        # Branches of one unit run beside each other; two units in one row do not.
        overlapping += sum(b[0] < a[1] - 0.71 and a[2] != b[2] for a, b in zip(row, row[1:]))
    checks.equal("no two units are in one place at once", overlapping, 0)


def check_text(checks, folder):
    ended = simulate(folder, "--units", 3, "--seed", SEED)
    checks.equal("as text: ends with 0", ended.code, 0)
    lines = ended.out.splitlines()
    checks.check("the notice is a line of its own", NOTICE in lines, ended.out[-500:])
    checks.check("the bottleneck is named", any(l.startswith("bottleneck: ") and "%" in l for l in lines))
    checks.check("each measurement has its line with Cpk", all(any(w in l for l in lines) for w in ("press-cannula/seat_force", "leak/decay")))
    one = simulate(folder, "--units", 1, "--seed", SEED, "--json").json()
    undefined = [(m["cpk"], m["cpk_undefined"], m["s"]) for m in one["measurements"]]
    checks.equal("of one unit there is no Cpk, and it says why", set(undefined), {(None, "n < 2", None)})


def check_set(checks, folder):
    row = {"seat_depth": "12.35 mm", "seat_force": "60 .. 130 N", "seat_warn": "70 .. 120 N", "cannula": "CAN-25"}
    records = folder / "set.jsonl", folder / "variant.jsonl"
    common_args = ("--units", 5, "--seed", 3, "--json")
    settings = [word for name, value in row.items() for word in ("--set", f"{name}={value}")]
    by_set = simulate(folder, *common_args, *settings, "--record", records[0])
    by_variant = simulate(folder, *common_args, "--variant", "25g", "--record", records[1])
    checks.equal("both end with 0", (by_set.code, by_variant.code), (0, 0))
    checks.equal("it says what was set", by_set.json()["set"], row)
    figures = lambda told: {k: v for k, v in told.items() if k not in ("wall_s", "times_real_time", "set", "variant")}
    checks.equal("what was set makes what the variant makes", figures(by_set.json()), figures(by_variant.json()))
    recipes = [{json.dumps(e["data"]["recipe"]["set"]) if "set" in e["data"]["recipe"] else None for e in map(json.loads, record.read_text().splitlines())
                if e["data"]["recipe"]} for record in records]
    checks.equal("each event of a unit says what was set, and nothing where nothing was", recipes, [{json.dumps(row, sort_keys=True)}, {None}])
    for value, code in {"seat_depth=12.6 mm": "R0501", "seat_depth=12.4": "R0201", "seat_dpth=12.4 mm": "R0301", "seat_depth=3 N": "R0502"}.items():
        refused = simulate(folder, "--units", 1, "--set", value, "--record", folder / "refused.jsonl")
        checks.equal(f"`--set '{value}'` is refused", refused.code, 1)
        checks.check("by code, place and remedy", code in refused.err and "--set:1:" in refused.err and "help:" in refused.err, refused.err[-600:])
    checks.check("and nothing is left of it", not (folder / "refused.jsonl").exists())
    checks.equal("without a value it is wrong use", simulate(folder, "--set", "seat_depth").code, 2)


def stopped(folder, words, *args):
    """A simulation with somebody at its standard input."""
    command = [common.PROGRAM, "simulate", "--units", "2", "--seed", str(SEED), "--json", *map(str, args)]
    return subprocess.run(command, cwd=folder, input=words, text=True, capture_output=True, timeout=300)


def check_stops(checks, folder):
    plain, stepped = folder / "plain.jsonl", folder / "stepped.jsonl"
    checks.equal("without a stop: ends with 0", stopped(folder, "", "--record", plain).returncode, 0)
    ended = stopped(folder, "\n\nwhat\n\n", "--step", "--record", stepped)
    stops = re.findall(r"s: before (\S+) of", ended.stderr)
    checks.equal("four stops and a word that means nothing, then nobody is there any more", (ended.returncode, ended.stderr.count("Enter: ")), (0, 5))
    checks.check("beginning with the first steps", len(stops) >= 3 and {"place-hub", "feed/push"} <= set(stops[:3]), str(stops))
    checks.check("a stop changes nothing of the record", plain.read_bytes() == stepped.read_bytes())
    ended = stopped(folder, "c\nq\n", "--break", "leak")
    checks.equal("stops before each leak test, then ends by a word", (ended.returncode, re.findall(r"before (\S+) of", ended.stderr)), (0, ["leak", "leak"]))
    checks.check("the figures are of what was made until then", json.loads(ended.stdout)["units"] < 2, ended.stdout[:200])
    for said in ("cell Execute", "positions: ", "press_z ", "inputs on: ", "air_ok", "channels: ", "leak_1 "):
        checks.check(f"a stop shows `{said.strip()}`", said in ended.stderr)
    wrong = stopped(folder, "", "--break", "leek")
    checks.check("an unknown step is wrong use, with a remedy", wrong.returncode == 2 and "leak" in wrong.stderr, wrong.stderr)


def main():
    checks = Checks()
    folder = workdir("capability")
    record, timeline = folder / "record.jsonl", folder / "timeline.svg"
    ended = simulate(folder, "--units", UNITS, "--seed", SEED, "--record", record, "--timeline", timeline, "--json")
    if not checks.equal(f"simulate of {UNITS} units ends with 0", ended.code, 0):
        print(ended.err[-2000:])
        checks.end()
    told, events = ended.json(), [json.loads(line) for line in record.read_text().splitlines()]
    checks.equal("the notice stands with the figures", told["notice"], NOTICE)
    check_counts(checks, told, events)
    check_busy(checks, told, events)
    check_distributions(checks, told, events)
    check_timeline(checks, timeline, told, events)
    check_text(checks, folder)
    check_set(checks, folder)
    check_stops(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
