#!/usr/bin/env python3
"""A stranger's first minutes: the bare `cellwright run` as an ordinary user, and the record it leaves.

Acceptance: exit 0, three records, at least one of them ng with its cause; `dhr show --json` has its
documented shape; `dhr verify` finds nothing; without the right to real time it says so and runs.
"""

import json
import os
import pathlib
import re
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, cellwright, workdir

NOBODY = 65534
HEX64 = re.compile(r"^[0-9a-f]{64}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$")

RECORD = {
    "serial", "result", "disposition", "released", "origin", "purpose", "order", "lot", "udi", "recipe", "cell",
    "program", "components", "equipment", "environment", "steps", "chain",
}
STEP = {"id", "station", "attempt", "start", "end", "outcome", "operator", "measurements", "curves"}
MEASUREMENT = {"name", "value", "unit", "limits", "verdict", "spec"}
OUTCOMES = {"passed", "failed", "faulted", "timed-out", "aborted", "interrupted"}
VERDICTS = {"pass", "marginal", "fail", "invalid"}


def as_nobody(folder):
    """What to put before the program so that it runs without any privilege."""
    if os.geteuid() != 0:
        return ()
    os.chown(folder, NOBODY, NOBODY)
    common.PROGRAM = shutil.copy(common.PROGRAM, folder)
    os.chmod(common.PROGRAM, 0o755)
    return (
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all",
        "--inh-caps=-all", "--no-new-privs", "prlimit", "--rtprio=0", "--memlock=65536",
    )


def missing(value, keys):
    return sorted(keys - value.keys())


def shape_faults(record):
    """What does not have the documented shape in one `dhr show --json`."""
    faults = [f"no field {key}" for key in missing(record, RECORD)]
    if faults:
        return faults
    for name, keys in (("recipe", {"id", "version", "hash"}), ("cell", {"id", "hash"})):
        faults += [f"{name} has no {key}" for key in missing(record[name], keys)]
        if not HEX64.match(record[name].get("hash", "")):
            faults.append(f"{name}.hash is no SHA-256")
    if not HEX64.match(record["chain"].get("head", "")) or record["chain"]["first_seq"] > record["chain"]["last_seq"]:
        faults.append(f"chain {record['chain']}")
    for component in record["components"]:
        faults += [f"component has no {key}" for key in missing(component, {"name", "part", "lot", "serial"})]
        if not component.get("lot"):
            faults.append(f"component {component.get('name')} has no lot")
    for step in record["steps"]:
        faults += [f"{step.get('id')}: {fault}" for fault in step_faults(step)]
    return faults


def step_faults(step):
    faults = [f"no field {key}" for key in missing(step, STEP)]
    if faults:
        return faults
    if step["outcome"] not in OUTCOMES:
        faults.append(f"outcome {step['outcome']}")
    if not (TIME.match(step["start"]) and TIME.match(step["end"]) and step["start"] <= step["end"]):
        faults.append(f"start {step['start']} end {step['end']}")
    for measurement in step["measurements"]:
        faults += [f"measurement has no {key}" for key in missing(measurement, MEASUREMENT)]
        if measurement.get("verdict") not in VERDICTS or len(measurement.get("limits", [])) != 2:
            faults.append(f"measurement {measurement}")
    for curve in step["curves"]:
        if not HEX64.match(curve.get("hash", "")) or not curve.get("samples") or not curve.get("name"):
            faults.append(f"curve {curve}")
    return faults


def judged_rightly(record):
    """Measurements whose verdict does not follow from value and limits."""
    wrong = []
    for step in record["steps"]:
        for m in step["measurements"]:
            low, high = m["limits"]
            if m["value"] is None:
                continue
            inside = (low is None or m["value"] >= low) and (high is None or m["value"] <= high)
            if inside != (m["verdict"] in ("pass", "marginal")) and m["verdict"] != "invalid":
                wrong.append(f"{step['id']}/{m['name']} {m['value']} in {m['limits']}: {m['verdict']}")
    return wrong


def check_record(checks, serial, show):
    if not checks.equal(f"dhr show {serial} ends with 0", show.code, 0):
        return None
    record = show.json()
    faults = shape_faults(record)
    checks.check(f"{serial} has the documented shape", not faults, "; ".join(faults[:5]))
    if faults:
        return record
    wrong = judged_rightly(record)
    checks.check(f"{serial}: each verdict follows from value and limits", not wrong, "; ".join(wrong))
    checks.equal(f"{serial} is of the twin and no production", (record["origin"], record["purpose"] != "production"), ("twin", True))
    if record["result"] == "good":
        steps = {s["id"] for s in record["steps"]}
        curves = [c for s in record["steps"] for c in s["curves"]]
        names = {c["name"] for c in record["components"]}
        operators = [s["operator"] for s in record["steps"] if s["operator"]]
        checks.check(f"{serial}: a good unit has its press curve", len(curves) >= 1, f"steps {sorted(steps)}")
        checks.check(f"{serial}: hub, cannula, cap with their lots", {"hub", "cannula", "cap"} <= names, sorted(names))
        checks.check(f"{serial}: the operator who looked at it", bool(operators))
        measured = {m["name"] for s in record["steps"] for m in s["measurements"]}
        expected = {"seat_force", "torque", "angle", "decay", "burr"}
        checks.check(f"{serial}: every measurement of the recipe", expected <= measured, sorted(measured))
    return record


def main():
    checks = Checks()
    folder = workdir("first")
    prefix = as_nobody(folder)
    run = cellwright("run", cwd=folder, prefix=prefix, timeout=300)
    (folder / "run.txt").write_text(run.text)
    checks.note(f"cellwright run took {run.seconds:.1f} s")
    if not checks.equal("the bare run ends with 0", run.code, 0):
        print(run.text[-3000:])
        checks.end()
    checks.check("it says that it has no right to real time, and the remedy",
                 re.search(r"(?i)(rtprio|SCHED_FIFO|limits|real.time)", run.text) is not None, short_tail(run.text))
    checks.check("it says where the record is", "state" in run.text, short_tail(run.text))
    listed = cellwright("dhr", "list", "--json", cwd=folder, prefix=prefix)
    if not checks.equal("dhr list ends with 0", listed.code, 0):
        print(listed.text[-1000:])
        checks.end()
    units = listed.json()
    units = units if isinstance(units, list) else units["units"]
    checks.equal("three records", len(units), 3)
    ng = [u for u in units if u["result"] == "ng"]
    checks.check("at least one is ng", len(ng) >= 1, json.dumps(units)[:300])
    checks.check("at least one is good", any(u["result"] == "good" for u in units), json.dumps(units)[:300])
    checks.check("each ng has its cause", all(u.get("cause") for u in ng), json.dumps(ng)[:300])
    checks.check("the serials are said on screen", all(u["serial"] in run.text for u in units))
    for unit in units:
        show = cellwright("dhr", "show", unit["serial"], "--json", cwd=folder, prefix=prefix)
        record = check_record(checks, unit["serial"], show)
        if record:
            checks.equal(f"{unit['serial']}: list and show agree", record["result"], unit["result"])
    verify = cellwright("dhr", "verify", "--json", cwd=folder, prefix=prefix)
    checks.equal("dhr verify ends with 0", verify.code, 0)
    found = verify.json()
    checks.check("dhr verify found nothing and checked the head",
                 found["ok"] and not found["problems"] and found["head_checked"] == "outbox", verify.out[:300])
    lines = common.stored_lines(next(folder.glob("state/*/dhr.db")))
    faults = common.chain_faults(lines)
    checks.check(f"the chain of {len(lines)} events holds when computed a second time", not faults, "; ".join(faults[:3]))
    checks.end()


def short_tail(text):
    return text[-300:].replace("\n", " | ")


if __name__ == "__main__":
    main()
