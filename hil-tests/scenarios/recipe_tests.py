#!/usr/bin/env python3
"""`cellwright test`: every shipped recipe holds, under every fault; a test that does not hold is told at its place.

Acceptance: `cellwright test recipes/ --every-fault` says its figures and finds nothing; JUnit, read by Python, has the same
counts; a wrong expectation ends with 1 and its line; a mistake in a test file is a diagnostic; nothing half-written stays.
"""

import pathlib
import shutil
import sys
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from common import ROOT, Checks, cellwright, workdir

SHIPPED = "recipes/cannula-hub/cannula-hub.test.yaml"
ENDS = {"good", "ng", "interrupted", "hold", "waits", "stop", "abort"}


def shipped(checks, folder):
    junit = folder / "results.xml"
    ended = cellwright("test", "recipes/", "--every-fault", "--json", "--junit", junit, cwd=ROOT, timeout=580)
    if not ended.out.strip():
        checks.check("it says what came", False, ended.err)
        return
    result = ended.json()
    swept = result["every_fault"]
    checks.note(f"{result['passed']} tests, {swept['combinations']} combinations: {swept['ends']}")
    checks.note(f"{result['wall_s']:.0f} s")
    checks.equal("the tests of the shipped recipes hold", result["failed"], 0)
    checks.equal("no combination has a finding", [(f["again"], f["findings"]) for f in swept["findings"]], [])
    checks.equal("every step is reached, every recipe tested", [swept["never_reached"], swept["untested"]], [[], []])
    checks.equal("it ends with 0", ended.code, 0)
    checks.equal("every combination has ended in one way", sum(swept["ends"].values()), swept["combinations"])
    checks.check("in ways that there are", set(swept["ends"]) <= ENDS, str(swept["ends"]))
    checks.check("some in a result, some in a hold, some in an abort",
                 all(swept["ends"].get(end, 0) > 0 for end in ("good", "ng", "hold", "abort")), str(swept["ends"]))
    checks.check("cannula-hub has tests of both rows",
                 {test["variant"] for test in result["tests"] if test["file"] == SHIPPED} == {None, "25g"})
    root = xml.etree.ElementTree.parse(junit).getroot()
    cases = root.findall(".//testcase")
    checks.equal("JUnit has a case for each test and each combination", len(cases),
                 len(result["tests"]) + swept["combinations"])
    failed = root.findall(".//failure") + root.findall(".//error")
    checks.equal("and no failure", len(failed), 0)


def copied(folder, change):
    """The shipped tests in a folder of their own, changed, and the number of the changed line."""
    shutil.copytree(ROOT / "recipes/cannula-hub", folder / "recipes/cannula-hub")
    shutil.copytree(ROOT / "cells/cannula-cell", folder / "cells/cannula-cell")
    path = folder / SHIPPED
    before, after = change
    text = path.read_text()
    assert text.count(before) == 1, before
    path.write_text(text.replace(before, after))
    return 1 + text[: text.index(before)].count("\n")


def wrong_expectation(checks, folder):
    line = copied(folder, ("hub_tray: 1, lane_2: 1", "hub_tray: 9, lane_2: 1"))
    junit = folder / "results.xml"
    ended = cellwright("test", "recipes", "--junit", junit, cwd=folder)
    checks.equal("a test that does not hold ends with 1", ended.code, 1)
    checks.check("it says what was expected, what came, and where",
                 "expected 9; came 1" in ended.out and f"cannula-hub.test.yaml:{line}:" in ended.out, ended.out[-2000:])
    root = xml.etree.ElementTree.parse(junit).getroot()
    failed = [case.get("name") for case in root.findall(".//testcase") if case.find("failure") is not None]
    checks.equal("JUnit has the one that failed", failed, ["good"])
    result = cellwright("test", "recipes", "--json", cwd=folder).json()
    checks.equal("JSON and JUnit have the same counts",
                 [result["passed"] + result["failed"], result["failed"]],
                 [len(root.findall(".//testcase")), len(root.findall(".//failure"))])
    unmet = [row for test in result["tests"] for row in test["unmet"]]
    checks.equal("JSON has its place", [(row["code"], row["line"]) for row in unmet], [("R1106", line)])


def mistakes(checks, folder):
    line = copied(folder, ("answers: { look: ng }", "answers: { lok: ng }"))
    ended = cellwright("test", cwd=folder)
    checks.equal("a test file with a mistake ends with 1", ended.code, 1)
    checks.check("code, place and remedy",
                 all(word in ended.out for word in ("R1101", f"cannula-hub.test.yaml:{line}:", "did you mean `look`?")),
                 ended.out)
    nowhere = cellwright("test", "nowhere", cwd=folder)
    checks.check("a path that is not there is told", nowhere.code == 1 and "nowhere" in nowhere.err, nowhere.err)
    (folder / "empty").mkdir()
    empty = cellwright("test", "empty", cwd=folder)
    checks.check("a folder without tests is wrong use", empty.code == 2 and ".test.yaml" in empty.err, empty.err)
    unwritten = cellwright("test", "--junit", "empty/no/such/results.xml", cwd=folder)
    checks.check("a JUnit file that cannot be written is told, and nothing stays",
                 unwritten.code == 1 and not list((folder / "empty").iterdir()), unwritten.err)


def replayed(checks):
    args = ("test", "recipes/cannula-hub", "--every-fault", "--only", "25g/press-cannula/guard")
    once, twice = (cellwright(*args, cwd=ROOT) for _ in range(2))
    checks.equal("a combination is done once more by its name", once.code, 0)
    checks.check("and says what happens", "strikes guard" in once.out and "Abort" in once.out, once.out[-500:])
    steps = [[line for line in ended.out.splitlines() if line.startswith("    ")] for ended in (once, twice)]
    checks.check("twice the same", steps[0] and steps[0] == steps[1], str(steps))


def main():
    checks = Checks()
    shipped(checks, workdir("recipe-tests"))
    wrong_expectation(checks, workdir("recipe-tests"))
    mistakes(checks, workdir("recipe-tests"))
    replayed(checks)
    checks.end()


if __name__ == "__main__":
    main()
