#!/usr/bin/env python3
"""Bad input and trouble: told with place and remedy, nothing moved, nothing written; a full disk loses nothing.

Exit codes: 1 the thing checked does not hold, 2 wrong use.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Started, cellwright, free_port, until, workdir

CELL = common.ROOT / "cells" / "cannula-cell"
RECIPES = common.ROOT / "recipes" / "cannula-hub"
RECIPE = "cannula-hub.recipe.yaml"
NOBODY = 65534
DIAGNOSTIC = {"code", "severity", "file", "line", "column", "end_line", "end_column", "message", "help"}
# Both are reached in the middle of the first unit: its write-ahead log is above 1 MiB, its state directory 2 MiB.
FULL_FILE_BYTES = 700 * 1024
FULL_DISK = "1700k"
# Longer than a unit takes from its start to its first step.
FULL_WATCHED_S = 15


class Input:
    """A copy of recipe and cell with one thing changed."""

    def __init__(self, folder, name):
        self.folder = folder / name
        shutil.copytree(CELL, self.folder / "cell")
        shutil.copytree(RECIPES, self.folder / "recipe")
        self.state = self.folder / "state"

    def change(self, file, old, new):
        path = self.folder / file
        text = path.read_text()
        if not re.search(old, text, re.M):
            raise AssertionError(f"{old!r} does not stand in {path.name}: the check would be empty")
        path.write_text(re.sub(old, new, text, count=1, flags=re.M))
        return self

    def write(self, file, data):
        (self.folder / file).write_bytes(data)
        return self

    def remove(self, file):
        (self.folder / file).unlink()
        return self

    def run(self, *more):
        return cellwright("run", self.folder / "recipe" / RECIPE, "--cell", self.folder / "cell", "--state", self.state,
                          "--units", 1, "--json", *more, cwd=self.folder, timeout=60)

    def check(self):
        return cellwright("check", self.folder / "recipe" / RECIPE, "--cell", self.folder / "cell", "--json",
                          cwd=self.folder, timeout=60)


def bad_inputs(checks, folder):
    """(name, changed input, what the message must name)."""
    new = lambda name: Input(folder, name)
    recipe, cell, plant = f"recipe/{RECIPE}", "cell/cell.yaml", "cell/plant.yaml"
    cases = [
        ("recipe missing", new("a").remove(recipe), r"cannula-hub\.recipe\.yaml"),
        ("recipe is no YAML", new("b").write(recipe, b"recipe: [1\n  x: {"), r"(?i)yaml|expected|syntax"),
        ("recipe is no text", new("c").write(recipe, bytes(range(256)) * 8), r"(?i)utf-8|text"),
        ("recipe is empty", new("d").write(recipe, b""), r"(?i)empty|missing|expected"),
        ("recipe for another cell", new("e").change(recipe, r"^cell: cannula-cell", "cell: another-cell"), r"another-cell"),
        ("unknown axis", new("f").change(recipe, r"axis: press_z", "axis: press_zz"), r"press_zz"),
        ("unit error", new("g").change(recipe, r"max_force: 180 N", "max_force: 180 mm"), r"(?i)mm|force"),
        ("quantity without unit", new("h").change(recipe, r"dwell: 200 ms", "dwell: 200"), r"(?i)unit"),
        ("beyond travel", new("i").change(recipe, r"to: 38\.0 mm", "to: 138.0 mm"), r"(?i)travel|138"),
        ("above the axis' velocity", new("j").change(recipe, r"velocity: 60 mm/s", "velocity: 6000 mm/s"), r"(?i)velocity|6000"),
        ("unknown field", new("k").change(recipe, r"dwell: 200 ms", "dwel: 200 ms"), r"dwell"),
        ("doubled key", new("l").change(recipe, r"^version: .*$", "version: 3.2.0\nversion: 3.2.1"), r"version"),
        ("cell missing", new("m").remove(cell), r"cell\.yaml"),
        ("cell is no YAML", new("n").write(cell, b"cell: {{{"), r"cell\.yaml"),
        ("cell with an unknown device", new("o").change(cell, r"drive: drive_2", "drive: drive_9"), r"drive_9"),
        ("plant is no YAML", new("p").write(plant, b"- [\n"), r"plant\.yaml"),
        ("plant missing", new("q").remove(plant), r"plant\.yaml"),
    ]
    for name, changed, word in cases:
        refused(checks, name, changed, word)


def refused(checks, name, changed, word):
    run = changed.run()
    checks.check(f"{name}: run ends with 1", run.code == 1, f"exit {run.code}: {common.short(run.text)}")
    checks.check(f"{name}: it says what", re.search(word, run.text) is not None, common.short(run.text))
    checks.check(f"{name}: nothing was written, nothing moved",
                 not changed.state.exists() and not common.printed_events(run.out), common.short(run.out))
    if "plant" in name or "missing" in name:
        return
    check = changed.check()
    rows = []
    try:
        rows = check.json()
    except ValueError:
        pass
    errors = [row for row in rows if row.get("severity") == "error"]
    shape = all(DIAGNOSTIC <= row.keys() and row["line"] >= 1 and row["column"] >= 1 and row["help"] for row in errors)
    coded = all(re.fullmatch(r"[A-Z]\d{4}", row.get("code", "")) for row in errors)
    checks.check(f"{name}: check ends with 1 and gives code, place, cause and remedy",
                 check.code == 1 and errors and shape and coded, f"exit {check.code}: {common.short(check.text)}")


def wrong_use(checks, folder):
    for args, word in (
        (("run", "--no-such-flag"), "no-such-flag"),
        (("run", "--units", "0"), "0"),
        (("simulate", "--units", "many"), "many"),
        (("no-such-command",), "no-such-command"),
        (("record",), "connect"),
        (("dhr",), "(?i)usage"),
        (("run", "--bus", "eth-none", "--units", "1", "--state", folder / "real"), "operator"),
        (("run", "--bus", "eth-none", "--operator", "auto:me", "--units", "1", "--state", folder / "real"), "(?i)operator|twin"),
    ):
        ended = cellwright(*args, cwd=folder, timeout=60)
        name = " ".join(map(str, args)).replace(str(folder), "DIR")
        checks.check(f"`{name}` is wrong use: exit 2, named", ended.code == 2 and re.search(word, ended.text), f"exit {ended.code}: {common.short(ended.text)}")
    checks.check("wrong use wrote nothing", not (folder / "real").exists())
    for args in (("dhr", "list"), ("dhr", "verify"), ("dhr", "show", "CW-000001")):
        ended = cellwright(*args, "--state", folder / "nowhere", cwd=folder, timeout=60)
        checks.check(f"`{' '.join(args)}` without a store: exit 1 and the path", ended.code == 1 and "nowhere" in ended.text, f"exit {ended.code}: {common.short(ended.text)}")
    checks.check("a look at a store that is not there makes none", not (folder / "nowhere").exists())


def helps(checks):
    """Every command explains itself, with an example."""
    for command in (["check"], ["simulate"], ["run"], ["record"], ["dhr"], ["bench"]):
        ended = cellwright(*command, "--help", timeout=30)
        checks.check(f"`{' '.join(command)} --help` gives an example", ended.code == 0 and "cellwright " + command[0] in ended.out, common.short(ended.text))


def second_ones(checks, folder):
    """A second controller on a state directory, a second recorder on a store: refused, naming the holder."""
    state, store, port = folder / "held", folder / "held-store" / "dhr.db", free_port()
    store.parent.mkdir()
    endpoint = f"tcp/127.0.0.1:{port}"
    first = Started(["run", "--json", "--units", 1, "--state", state, "--no-recorder", "--listen", endpoint], folder / "held-run", cwd=folder)
    checks.check("the first controller runs", until(lambda: common.printed_events(first.stdout()), 30), first.stderr()[-500:])
    second = cellwright("run", "--json", "--units", 1, "--state", state, cwd=folder, timeout=60)
    checks.check("a second controller is refused: exit 1, naming the holder",
                 second.code == 1 and str(first.pid) in second.text, f"exit {second.code}: {common.short(second.text)}")
    checks.check("the second moved nothing", not common.printed_events(second.out))
    recorder = Started(["record", "--connect", endpoint, "--store", store], folder / "held-record", cwd=folder)
    checks.check("the first recorder runs", until(store.exists, 30), recorder.stderr()[-500:])
    until(lambda: not recorder.alive(), 1)
    other = cellwright("record", "--connect", endpoint, "--store", store, cwd=folder, timeout=30)
    checks.check("a second recorder is refused: exit 1, naming the holder",
                 other.code == 1 and str(recorder.pid) in other.text, f"exit {other.code}: {common.short(other.text)}")
    beside = cellwright("run", "--units", 1, "--state", folder / "beside", "--store", store, cwd=folder, timeout=60)
    checks.check("a run whose recorder would be the second is refused: exit 1, naming the holder",
                 beside.code == 1 and str(recorder.pid) in beside.text, f"exit {beside.code}: {common.short(beside.text)}")
    checks.equal("the first controller was not disturbed", first.wait(120), 0)
    recorder.signal(2)
    checks.equal("the first recorder ends with 0 at Ctrl-C", recorder.wait(30), 0)
    verify = cellwright("dhr", "verify", "--json", "--state", state, "--store", store)
    checks.check("its record is whole", verify.code == 0, common.short(verify.text))


def unwritable(checks, folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o555)
    prefix = ()
    if os.geteuid() == 0:
        prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
    ended = cellwright("run", "--units", 1, "--state", closed / "state", cwd=folder, prefix=prefix, timeout=60)
    checks.check("an unwritable state directory: exit 1, the path and why",
                 ended.code == 1 and "closed" in ended.text and re.search("(?i)permission", ended.text), f"exit {ended.code}: {common.short(ended.text)}")


def full_store(checks, folder, name, state, file_bytes=None):
    """Store full in the middle of a unit: an alarm, no new unit, nothing told any more; Ctrl-C ends it with 1."""
    run = Started(["run", "--json", "--units", 20, "--state", state], folder / f"run-{state.parent.name}-{state.name}",
                  cwd=folder, file_bytes=file_bytes)
    full = until(lambda: re.search(r"ALARM.*(full|no space|disk I/O|too large)", run.stderr(), re.I) or not run.alive(), 90)
    checks.check(f"{name}: an alarm says it, with the file and a remedy",
                 full and str(state) in run.stderr() and "remedy" in run.stderr(), common.short(run.stderr()[-600:]))
    events = lambda: [e for e, _ in common.printed_events(run.stdout())]
    checks.check(f"{name}: it had begun to work", common.of_type(events(), common.STEP_OUTCOME), f"{len(events())} events")
    opened = len(common.of_type(events(), common.UNIT_OPENED))
    time.sleep(FULL_WATCHED_S)
    checks.equal(f"{name}: no new unit is opened in {FULL_WATCHED_S} s", len(common.of_type(events(), common.UNIT_OPENED)), opened)
    run.signal(signal.SIGINT)
    code = run.wait(30)
    checks.check(f"{name}: Ctrl-C ends it with 1, since not all could be kept", code == 1, f"exit {code}: {common.short(run.stderr()[-600:])}")
    return events()


def full_file(checks, folder):
    state = folder / "full"
    events = full_store(checks, folder, "file size limit", state, file_bytes=FULL_FILE_BYTES)
    after_full(checks, folder, "file size limit", state, events)


def full_disk(checks, folder):
    disk = folder / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FULL_DISK}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        checks.skip("full disk", "a small tmpfs cannot be mounted here")
        return
    try:
        events = full_store(checks, folder, "full disk", disk / "state")
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        after_full(checks, folder, "full disk", disk / "state", events)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def after_full(checks, folder, name, state, events):
    again = cellwright("run", "--json", "--units", 1, "--state", state, cwd=folder, timeout=240)
    checks.check(f"{name}: with room again the next run ends with 0", again.code == 0, common.short(again.err[-600:]))
    kept = {e["hash"] for e in common.stored_events(state / "dhr.db")}
    checks.check(f"{name}: each of {len(events)} printed events was kept", all(e["hash"] in kept for e in events))
    verify = cellwright("dhr", "verify", "--json", "--state", state)
    checks.check(f"{name}: dhr verify finds nothing", verify.code == 0, common.short(verify.text))


def good_input(checks, folder):
    """The inputs of the other checks are refused for what was changed in them, not for being copies."""
    good = Input(folder, "good")
    check = good.check()
    errors = [row for row in check.json() if row["severity"] == "error"] if check.out else ["no output"]
    checks.check("the unchanged copy is accepted", check.code == 0 and not errors, common.short(check.text))


def main():
    checks = Checks()
    folder = workdir("trouble")
    good_input(checks, folder)
    bad_inputs(checks, folder)
    wrong_use(checks, folder)
    helps(checks)
    second_ones(checks, folder)
    unwritable(checks, folder)
    full_file(checks, folder)
    full_disk(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
