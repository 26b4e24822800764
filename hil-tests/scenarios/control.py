#!/usr/bin/env python3
"""A cell that is commanded only by `ctl`: every way from Aborted to the end, refusals in words, who did what.

Acceptance: accepted and refused as the state chart says, each in the record with who and from where; the socket is
for its owner and group; a second controller is refused and takes nothing over; a dead one's socket is replaced.
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import common
from common import Checks, Commanded, Started, cellwright, short, until, workdir

NOBODY = 65534
ME = pwd.getpwuid(os.getuid()).pw_name
CELL = common.ROOT / "cells" / "cannula-cell"
COMMAND, ANSWER = "cellwright.cell.command", "cellwright.operator.answer"
# More than the units of which the first may be ng before a person is asked to look at one.
UNITS = 20
HUB_GTIN = "04012345678901"
STATUS = {"state", "mode", "units", "alarms", "axes", "bus", "questions", "order", "counts", "trays"}


class Cell(Commanded):
    """A running cell and the one who commands it."""

    def __init__(self, checks, folder, state, *args):
        self.checks, self.state = checks, state
        self.socket = state / "ctl.sock"
        self.run = Started(["run", "--operator", "maria", "--state", state, "--json", *args], folder / state.name,
                           cwd=folder)
        self.up()

    def up(self):
        if not until(lambda: self.ctl("status").code == 0, 30, step=0.2):
            self.checks.check("a controller that can be asked", False, self.run.stderr())
            self.checks.end()

    def refused(self, why, *args):
        ended = self.ctl(*args)
        held = ended.code == 1 and why in ended.err and not ended.out
        self.checks.check(f"ctl {' '.join(args)}: refused, because `{why}`", held, f"{ended.code}: {short(ended.text)}")


def wrong_use(checks, cell, folder):
    for args, word in [(["jump"], "jump"), (["ack", "some"], "all"), (["mode", "fast"], "production"), (["answer", "1"], "TEXT")]:
        ended = cell.ctl(*args)
        checks.check(f"ctl {' '.join(args)}: wrong use", ended.code == 2 and word in ended.err,
                     f"{ended.code}: {short(ended.text)}")
    for args in (["ctl", "hold"], ["status"]):
        ended = cellwright(*args, "--state", folder / "nowhere")
        held = ended.code == 2 and "nowhere" in ended.err and "cellwright run" in ended.err
        checks.check(f"{args[0]} without a controller names directory and remedy", held,
                     f"{ended.code}: {short(ended.text)}")
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(10)
    raw.connect(str(cell.socket))
    raw.sendall(b"hold\n")
    checks.check("a line that is no request is answered as such", b'"wrong"' in raw.recv(4096))


def holders(checks, cell, folder):
    mode = os.stat(cell.socket)
    checks.check("the socket is for owner and group", stat.S_ISSOCK(mode.st_mode) and mode.st_mode & 0o777 == 0o660,
                 oct(mode.st_mode))
    second = cellwright("run", "--units", 1, "--state", cell.state, cwd=folder, timeout=60)
    checks.check("a second controller is refused", second.code not in (0, None) and "in use" in second.err,
                 f"{second.code}: {short(second.text)}")
    checks.check("and has taken nothing over",
                 os.stat(cell.socket).st_ino == mode.st_ino and cell.status().get("state") == "Aborted")
    if os.geteuid() != 0:
        return checks.skip("another user", "needs root to become one")
    # The way there is open, so that it is the socket that says no.
    for path in (folder, cell.state):
        os.chmod(path, 0o755)
    program = shutil.copy(common.PROGRAM, folder)
    other = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    common.PROGRAM, own = program, common.PROGRAM
    foreign = cellwright("ctl", "clear", "--state", cell.state, prefix=other)
    common.PROGRAM = own
    checks.check("another user is refused by the socket's permissions",
                 foreign.code == 2 and "ermission" in foreign.err, f"{foreign.code}: {short(foreign.text)}")


def to_execute(checks, cell):
    checks.equal("status has what programs read", sorted(STATUS - cell.status().keys()), [])
    cell.refused("Start is not taken in Aborted", "start")
    cell.refused("there is no unacknowledged alarm", "ack", "all")
    cell.refused("there is no such question", "answer", "99", "ok")
    cell.refused("there is no tray hub_try", "load", "hub_try", "--part", "HUB-23", "--lot", "L1")
    cell.refused("hub_tray takes HUB-23, not CAP-07", "load", "hub_tray", "--part", "CAP-07", "--lot", "L1", "--next", "0")
    cell.accepted("load", "hub_tray", "--label", f"(01){HUB_GTIN}(10)L-7", "--next", "0")
    lots = [t.get("lot") for t in cell.status()["trays"] if t["name"] == "hub_tray"]
    checks.equal("status names the lot that was loaded by its label", lots, ["L-7"])
    cell.accepted("clear")
    cell.wait("Stopped")
    cell.accepted("reset")
    cell.wait("Idle")
    cell.accepted("mode", "maintenance")
    cell.accepted("break", "press-cannula")
    cell.refused("there is no step `press`; there are:", "break", "press")
    cell.refused("nothing stands at a break", "next")
    cell.accepted("mode", "production")
    cell.refused("breaks are for mode Maintenance", "break", "--step")
    cell.accepted("--as", "otto", "start")
    cell.wait("Execute")


def hold_and_suspend(checks, cell):
    until(lambda: cell.status().get("units"), 30)
    cell.accepted("hold")
    cell.wait("Held")
    cell.refused("Hold is not taken in Held", "hold")
    text = cell.ctl("status")
    checks.check("status says in text what it is doing", "Held" in text.out and "unit" in text.out and "press_z" in text.out,
                 short(text.out))
    cell.accepted("unhold")
    cell.wait("Execute")
    cell.accepted("suspend")
    cell.wait("Suspended")
    cell.accepted("unsuspend")
    cell.wait("Execute")


def answer(checks, cell):
    asked = until(lambda: cell.status().get("questions"), 120, step=0.2)
    questions = cell.status().get("questions") or [{}]
    if not checks.check("the person is asked", asked, short(cell.ctl("status").out)):
        return
    number, offered = str(questions[0]["id"]), questions[0]["answers"]
    checks.check("the question comes with its answers", "ok" in offered, offered)
    cell.refused("is none of", "answer", number, "perhaps")
    cell.accepted("answer", number, "ok", "--reason", "looked twice")
    cell.refused("no such question" if until(lambda: not cell.status()["questions"], 10) else "answered already",
                 "answer", number, "ok")


def the_end(checks, cell):
    cell.accepted("stop")
    cell.wait("Stopped")
    cell.run.signal(signal.SIGTERM)
    checks.equal("the run ends with 0", cell.run.wait(60), 0)
    checks.check("its socket is gone", not cell.socket.exists())


def record(checks, cell):
    verified = cellwright("dhr", "verify", "--state", cell.state)
    checks.equal("dhr verify", verified.code, 0)
    events = common.stored_events(cell.state / "dhr.db")
    commands = [e["data"] for e in common.of_type(events, COMMAND)]
    mine = [c for c in commands if c["whence"].startswith("ctl pid ")]
    taken = [c["command"] for c in mine if c["accepted"]]
    for word in ("Clear", "Reset", "mode Maintenance", "mode Production", "Start", "Hold", "Unhold", "Suspend", "Unsuspend", "Stop"):
        checks.check(f"the record has {word} from ctl", word in taken, taken)
    started = [c["who"] for c in mine if c["command"] == "Start" and c["accepted"]]
    checks.equal("who asked for another is named with them", started, [f"otto ({ME})"])
    checks.check("everybody else is the user of the process", all(c["who"] == ME for c in mine if c["command"] != "Start" or not c["accepted"]),
                 {c["who"] for c in mine})
    refusals = {(c["command"], c["reason"]) for c in mine if not c["accepted"]}
    for command, reason in [("Start", "Start is not taken in Aborted"), ("Hold", "Hold is not taken in Held"),
                            ("acknowledge all alarms", "there is no unacknowledged alarm")]:
        checks.check(f"the record has the refused {command}", (command, reason) in refusals, sorted(refusals))
    checks.check("and the refused material", any("hub_try" in c for c, _ in refusals), sorted(refusals))
    answers = [(e["data"]["answer"], e["data"]["operator"], e["data"]["reason"]) for e in common.of_type(events, ANSWER)]
    checks.check("the answer stands with who and why", ("ok", ME, "looked twice") in answers, answers)


def acknowledge(checks, folder):
    """A start whose condition does not hold raises an alarm; after it, a kill leaves a socket behind."""
    changed = folder / "cell"
    shutil.copytree(CELL, changed)
    text = (changed / "cell.yaml").read_text()
    assert text.count("start_when: air_ok") == 1
    (changed / "cell.yaml").write_text(text.replace("start_when: air_ok", "start_when: not air_ok"))
    cell = Cell(checks, folder, folder / "alarm", "--cell", changed, "--units", 1)
    for command, state in (("clear", "Stopped"), ("reset", "Idle")):
        cell.accepted(command)
        cell.wait(state)
    cell.accepted("start")
    raised = until(lambda: cell.status().get("alarms"), 60, step=0.2)
    alarms = cell.status().get("alarms") or [{}]
    if checks.check("a start without its condition is an alarm", raised, short(cell.ctl("status").out)):
        checks.check("with cause, place and remedy", all(alarms[0][k] for k in ("cause", "place", "remedy")), alarms)
        cell.accepted("ack", str(alarms[0]["id"]))
        cell.refused("there is no unacknowledged alarm", "ack", str(alarms[0]["id"]))
        seen = [a.get("acknowledged_by") for a in cell.status().get("alarms", [])]
        checks.check("status says who has seen it", ME in seen, seen)
    cell.run.kill()
    checks.check("a kill leaves the socket's name", cell.socket.exists())
    checks.equal("and nobody behind it", cell.ctl("status").code, 2)
    again = Cell(checks, folder, folder / "alarm", "--cell", changed, "--units", 1)
    checks.equal("the next controller replaces it", again.status().get("state"), "Aborted")
    again.run.signal(signal.SIGTERM)
    checks.equal("and ends with 0", again.run.wait(60), 0)
    events = common.stored_events(folder / "alarm" / "dhr.db")
    seen = [e["data"]["who"] for e in common.of_type(events, common.ALARM) if e["data"]["change"] == "acknowledged"]
    checks.check("the record says who acknowledged", ME in seen, seen)


def main():
    checks = Checks()
    folder = workdir("control")
    cell = Cell(checks, folder, folder / "state", "--units", UNITS)
    wrong_use(checks, cell, folder)
    holders(checks, cell, folder)
    to_execute(checks, cell)
    hold_and_suspend(checks, cell)
    answer(checks, cell)
    the_end(checks, cell)
    record(checks, cell)
    acknowledge(checks, folder)
    checks.end()


if __name__ == "__main__":
    main()
