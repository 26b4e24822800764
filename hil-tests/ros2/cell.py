#!/usr/bin/env python3
"""A cell whose cobots are in other processes, over DDS; its segment and plant are in the controller's.

    cell.py MOCK_ROBOT      run by run.sh, in a namespace and a domain of its own; CELLWRIGHT: a program with ROS 2

Acceptance: two units as with the twin's cobots: the same steps, outcomes, verdicts and results, each measurement within
TOLERANCE of the width of its limits. After kill -9 of a cobot in motion the cell is Holding within the watchdog of
cell.yaml, and by command it goes on, without a jump, after the cobot is back.
"""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Commanded, Started, cellwright, paths_of_units, short, until, workdir

ROBOTS = ("robot_l", "robot_r")
UNITS = 2
SEED = 1
# Of the width of a measurement's limits. Two runs in real time differ by the noise of their sensors, whoever moves the parts.
TOLERANCE = 0.05
WATCHDOG_MS = 150
# What publishing the state, the cycle and this machine may add.
SLACK_MS = 50
# Of robot_l in cell.yaml, with what rounding and a late step of the mock may add.
SPEED_MAX_DEG_S = 240 * 1.05
AWAY_S = 2.0
WAY_TIMEOUT_S = 60


class Mock:
    """A robot in a process of its own; its arm stays where it is when the process ends."""

    def __init__(self, program, folder, name, *args):
        self.name = name
        command = [program, "--namespace", f"/{name}", "--memory", str(folder / f"{name}.arm"), *args]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        common._running.append(self.process)
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the mock {name} does not get ready")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def report(self):
        """Its fastest joint so far in deg/s, and how many goals it has taken."""
        self.tell("report now")
        words = self.process.stdout.readline().split()
        return float(words[1]), int(words[3])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


def measurements(events):
    found = {}
    for event in common.of_type(events, common.STEP_OUTCOME):
        data = event["data"]
        for m in data["measurements"]:
            found[(data["serial"], data["step"], data["attempt"], m["name"])] = m
    return found


def far_apart(ours, theirs):
    """Each measurement that differs by more than it may, and the largest difference, in widths of limits."""
    wrong, largest = [], 0.0
    for key, m in theirs.items():
        other = ours[key]
        lo, hi = (float(x) for x in m["limits"])
        apart = abs(float(m["value"]) - float(other["value"])) / (hi - lo)
        largest = max(largest, apart)
        if apart > TOLERANCE:
            wrong.append((key, m["value"], other["value"]))
    return wrong, largest


def run(folder, name, *args, timeout=180):
    ended = cellwright("run", "--units", UNITS, "--seed", SEED, "--state", folder / name, "--json", *args, cwd=folder, timeout=timeout)
    store = folder / name / "dhr.db"
    return ended, common.stored_events(store) if store.exists() else []


def nobody_there(checks, folder):
    ended, _ = run(folder, "nobody", "--robots", "ros2", timeout=60)
    told = all(f"/{name}/joint_states" in ended.err for name in ROBOTS) and "--operator" in ended.err
    checks.check("where no cobot is, nothing is begun, and it says which topics are silent", ended.code == 1 and told,
                 f"{ended.code}: {short(ended.text)}")
    checks.check("nor is a record", not (folder / "nobody").exists())


def same_as_with_the_twins(checks, folder, program):
    twin, theirs = run(folder, "twins")
    checks.equal("with the twin's cobots: done", twin.code, 0)
    mocks = [Mock(program, folder, name) for name in ROBOTS]
    ours, events = run(folder, "ros2", "--robots", "ros2")
    if not checks.equal("with cobots over DDS: done", ours.code, 0):
        checks.note(short(ours.err, 2_000))
    checks.equal("the same steps, outcomes and results", paths_of_units(events), paths_of_units(theirs))
    a, b = measurements(events), measurements(theirs)
    if checks.equal("the same measurements were made", sorted(a), sorted(b)):
        verdicts = lambda found: {key: m["verdict"] for key, m in found.items()}
        checks.equal("their verdicts are the same", verdicts(a), verdicts(b))
        wrong, largest = far_apart(a, b)
        checks.check(f"each is within {TOLERANCE:.0%} of the width of its limits", not wrong, wrong)
        checks.note(f"{len(a)} measurements, the farthest apart by {largest:.1%}")
    checks.equal("the record holds", cellwright("dhr", "verify", "--state", folder / "ros2").code, 0)
    for mock in mocks:
        fastest, goals = mock.report()
        checks.check(f"{mock.name} was moved, and by no jump", goals >= 8 and 1.0 < fastest <= SPEED_MAX_DEG_S,
                     f"{goals} goals, {fastest} deg/s")
        checks.note(f"{mock.name}: {goals} goals, the fastest joint {fastest:.1f} deg/s")
    return mocks


class Cell(Commanded):
    """A run that a person commands by `ctl`."""

    def __init__(self, checks, folder, name, units):
        self.checks, self.state = checks, folder / name
        self.run = Started(["run", "--operator", "maria", "--units", units, "--seed", SEED, "--state", self.state,
                            "--json", "--robots", "ros2"], folder / f"{name}-run", cwd=folder)

    def produce(self):
        """Led to Execute; false if it cannot be asked."""
        there = self.checks.check("a controller that can be asked", until(lambda: self.ctl("status").code == 0, 30, step=0.2),
                                  self.run.stderr())
        for word, state in [("clear", "Stopped"), ("reset", "Idle"), ("start", "Execute")] if there else []:
            self.accepted(word)
            self.wait(state)
        return there

    def until_under_way(self, mock):
        before = mock.report()[1]
        self.checks.check("a cobot is on its way", until(lambda: mock.report()[1] > before, WAY_TIMEOUT_S, step=0.01))
        # In the middle of a move that lasts most of a second.
        time.sleep(0.2)

    def alarms(self):
        return [(a["code"], a["place"]) for a in self.status().get("alarms", [])]

    def end_well(self, units):
        self.run.signal(signal.SIGTERM)
        self.checks.equal("the run ends with 0", self.run.wait(60), 0)
        events = common.stored_events(self.state / "dhr.db")
        # What a unit's results are belongs to the other scenario; here no step may say that a machine was unable.
        bad = [(s["data"]["step"], s["data"]["cause"]) for s in common.of_type(events, common.STEP_OUTCOME)
               if s["data"]["outcome"] not in ("passed", "failed")]
        self.checks.equal("no step was spoilt by it", bad, [])
        self.checks.equal("every unit has ended", len(common.of_type(events, common.UNIT_RESULT)), units)

    def robot(self, name):
        return next((r for r in self.status().get("robots", []) if r["name"] == name), {})

    def completed(self):
        """Answers what it asks until the order is done."""
        def look():
            seen = self.status()
            for q in seen.get("questions", []):
                self.ctl("answer", str(q["id"]), q["answers"][0])
            return seen.get("state") == "Completed"
        return self.checks.check("the order is completed", until(look, 120, step=0.2), short(str(self.status()), 1_500))


def holding_after_ms(events_text, after_ns):
    """From `after_ns` of the monotonic clock to the first event of the cell holding; None: not yet."""
    for event, _ in common.printed_events(events_text):
        data = event["data"]
        at_ns = int(data["clock"]["monotonic_ns"])
        if event["type"] == common.CELL_STATE and data["to"] == "Holding" and at_ns >= after_ns:
            return (at_ns - after_ns) / 1e6
    return None


def killed_in_motion(checks, folder, program, mocks):
    cell = Cell(checks, folder, "killed", UNITS)
    if not cell.produce():
        return
    victim = mocks[0]
    cell.until_under_way(victim)
    killed = time.monotonic_ns()
    victim.kill()
    holding = lambda: holding_after_ms(cell.run.stdout(), killed)
    checks.check("the cell holds", until(lambda: holding() is not None, 5, step=0.05), cell.run.stderr())
    took_ms = holding() or 99e3
    checks.check(f"within the watchdog of {WATCHDOG_MS} ms (and {SLACK_MS} ms of this machine)", took_ms <= WATCHDOG_MS + SLACK_MS,
                 f"{took_ms:.0f} ms")
    checks.note(f"Holding {took_ms:.0f} ms after kill -9")
    alarms = cell.alarms()
    checks.check("it says which cobot is not heard", ("robot-lost", victim.name) in alarms and cell.robot(victim.name).get("lost"), alarms)
    time.sleep(AWAY_S)
    checks.equal("it does not go on by itself", cell.status().get("state"), "Holding")
    arm = (folder / f"{victim.name}.arm").read_bytes()
    back = mocks[0] = Mock(program, folder, victim.name)
    began = time.monotonic()
    if not cell.wait("Held", 20):
        return
    checks.note(f"Held {time.monotonic() - began:.1f} s after the cobot is back")
    checks.equal("the arm has not moved meanwhile", (folder / f"{victim.name}.arm").read_bytes(), arm)
    checks.equal("and was asked nothing", back.report()[1], 0)
    cell.accepted("unhold")
    cell.wait("Execute", 10)
    cell.completed()
    fastest, goals = back.report()
    checks.check("it goes on without a jump", goals > 0 and fastest <= SPEED_MAX_DEG_S, f"{goals} goals, {fastest} deg/s")
    checks.note(f"{goals} goals after that, the fastest joint {fastest:.1f} deg/s")
    cell.end_well(UNITS)


def safeguard_in_motion(checks, folder, mocks):
    """The one stop of its own that a cobot goes on from by Unhold, once it is reset."""
    cell = Cell(checks, folder, "safeguard", 1)
    if not cell.produce():
        return
    robot = mocks[0]
    cell.until_under_way(robot)
    robot.tell("safety 5")
    if not cell.wait("Held", 10):
        return
    checks.check("it says whose safeguard stands it", ("robot-safeguard", robot.name) in cell.alarms(), cell.alarms())
    arm, before = (folder / f"{robot.name}.arm").read_bytes(), robot.report()[1]
    refused = cell.ctl("unhold")
    checks.check("Unhold is refused while it is active, and says why", refused.code == 1 and "safeguard" in refused.text,
                 f"{refused.code}: {short(refused.text)}")
    robot.tell("safety 1")
    time.sleep(1)
    checks.equal("it does not go on by itself", (cell.status().get("state"), robot.report()[1]), ("Held", before))
    checks.equal("the arm stands where it came to rest", (folder / f"{robot.name}.arm").read_bytes(), arm)
    cell.accepted("unhold")
    cell.wait("Execute", 10)
    cell.completed()
    fastest, goals = robot.report()
    checks.check("it goes on without a jump", goals > before and fastest <= SPEED_MAX_DEG_S, f"{goals} goals, {fastest} deg/s")
    cell.end_well(1)


def without_ros2(checks, folder):
    """The same command by a program that was built without it."""
    plain = pathlib.Path(os.environ.get("CELLWRIGHT_PLAIN", ""))
    if not plain.is_file():
        return checks.note("a program without ROS 2 was not built here, and is not asked")
    common.PROGRAM, own = str(plain), common.PROGRAM
    ended = cellwright("run", "--robots", "ros2", "--state", folder / "plain", cwd=folder, timeout=30)
    common.PROGRAM = own
    checks.check("a program without ROS 2 says so, and what to do", ended.code == 2 and "built without ROS 2" in ended.err
                 and re.search(r"--features\s+ros2", ended.err), f"{ended.code}: {short(ended.text)}")


def main():
    program = sys.argv[1]
    checks, folder = Checks(), workdir("ros2")
    without_ros2(checks, folder)
    nobody_there(checks, folder)
    mocks = same_as_with_the_twins(checks, folder, program)
    killed_in_motion(checks, folder, program, mocks)
    safeguard_in_motion(checks, folder, mocks)
    for mock in mocks:
        mock.end()
    checks.end()


if __name__ == "__main__":
    main()
